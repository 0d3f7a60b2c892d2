//! sql_script
