//! On real SQLite.
