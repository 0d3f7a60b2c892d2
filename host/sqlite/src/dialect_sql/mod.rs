//! What is special about the SQL of SQLite, for those who know no database.

mod catalog;
mod columns;
mod server;
mod tool_schema;

use runner_database::DialectSql;

/// The SQL of SQLite.
pub const SQL: DialectSql = DialectSql {
    tool: tool_schema::TOOL_SCHEMA,
    catalog: catalog::CATALOG,
    server: &server::File,
    columns: &columns::Columns,
};
