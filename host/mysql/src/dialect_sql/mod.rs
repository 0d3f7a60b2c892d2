//! What is special about the SQL of MySQL and MariaDB, for those who know no database.

mod catalog;
mod columns;
mod schema_digest;
mod server;
mod tool_schema;

use runner_database::DialectSql;

/// The SQL of MySQL and MariaDB.
pub const SQL: DialectSql = DialectSql {
    tool: tool_schema::TOOL_SCHEMA,
    catalog: catalog::CATALOG,
    server: &server::Mysql,
    columns: &columns::Columns,
};
