//! What is special about the SQL of PostgreSQL, for those who know no database.

mod catalog;
mod columns;
mod leftover;
mod server;
mod tool_schema;

pub(crate) use self::tool_schema::CLOSE;

use runner_database::DialectSql;

/// The SQL of PostgreSQL.
pub const SQL: DialectSql = DialectSql {
    tool: tool_schema::TOOL_SCHEMA,
    catalog: catalog::CATALOG,
    server: &server::Postgres,
    columns: &columns::Columns,
};
