//! What differs between the databases in SQL. Each driver's crate fills it in; the engine and others read it from [`Facts::sql`].

mod column_rules;
mod login;
mod server;
mod tool_schema;

pub use self::column_rules::ColumnRules;
pub use self::login::{Login, Power};
pub use self::server::{Server, Standby, UnknownName, not_a_replica};
pub use self::tool_schema::{STORE_OR_UPDATE, ToolSchema, Words, tool_sql};

use std::fmt;

use async_trait::async_trait;

use super::{Database, DatabaseError, Facts, TableName};
use runner_data::Value;

/// The SQL of a database, and what its server and its columns do.
pub struct DialectSql {
    /// The tables that the tool owns.
    pub tool: ToolSchema,
    /// Questions to the catalog.
    pub catalog: CatalogSql,
    /// Questions to the server as a whole.
    pub server: &'static dyn Server,
    /// What a column keeps of a value.
    pub columns: &'static dyn ColumnRules,
}

impl DialectSql {
    /// That of a database without a driver: no text.
    pub const NONE: Self = Self {
        tool: ToolSchema::NONE,
        catalog: CatalogSql {
            tables: "",
            has_schemas: false,
            columns: None,
            named: "",
            probe: SchemaProbe::Queries { queries: &[], at_once: None },
            removal: None,
            leftover: |_| None,
            row_estimate: |_| None,
            cascade: None,
            lasting: None,
            data_version: None,
        },
        server: &NoDriver,
        columns: &NoDriver,
    };
}

impl fmt::Debug for DialectSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialectSql")
    }
}

struct NoDriver;

#[async_trait]
impl Server for NoDriver {
    async fn identity(&self, _: &mut dyn Database) -> Result<String, DatabaseError> {
        Ok(String::new())
    }
}

impl ColumnRules for NoDriver {}

/// A query and its parameters.
pub type Question = (&'static str, Vec<Value>);

/// Questions to the catalog of a database.
pub struct CatalogSql {
    /// Schema and name of all tables that do not belong to an extension.
    pub tables: &'static str,
    /// Whether a database has schemas: the tool's tables are in one of them, which belongs to their name.
    pub has_schemas: bool,
    /// Table and name of all columns; `None` where the server suggests names by itself.
    pub columns: Option<&'static str>,
    /// Kind, schema and name of the objects with a name, outside the system catalogs. Parameter: the name, as
    /// [`runner_sql::catalog_names`] returns it.
    pub named: &'static str,
    /// What shows later whether a statement changed the schema.
    pub probe: SchemaProbe,
    /// Where a statement may remove an object in several transactions: what is left of it.
    pub removal: Option<RemovalSql>,
    /// The question for what a failed or killed attempt at a statement may have left, if it may: schema and name of indexes; and whether
    /// it is in the statement's way.
    pub leftover: fn(&str) -> Option<(String, bool)>,
    /// The question for the server's estimate of the number of rows of a table; `None` if it keeps none.
    pub row_estimate: fn(&TableName) -> Option<Question>,
    /// Where dropping a table deletes its rows first, so that foreign keys take rows of other tables with them.
    pub cascade: Option<CascadeSql>,
    /// Where some tables keep what is written to them after a rollback: which.
    pub lasting: Option<LastingSql>,
    /// A number that changes when another connection has written; `None` where several can write at a time, so that a chunk is read in
    /// the transaction that writes it.
    pub data_version: Option<&'static str>,
}

/// What shows later whether a statement changed the schema. Later builds compare the answers, so they never change.
#[derive(Clone, Copy)]
pub enum SchemaProbe {
    /// Queries for everything that belongs to one of some names, which is the first column of each row. Parameter: the names, as JSON.
    Queries {
        /// The queries.
        queries: &'static [&'static str],
        /// The names of their columns, if a query with a literal in place of its parameter takes fewer messages.
        at_once: Option<&'static [&'static str]>,
    },
    /// An expression that the server can evaluate where it is stored, and its value if none of the objects exists.
    Expression(fn(&[runner_sql::objects::Object], &Facts) -> (String, String)),
}

/// Questions about an object that a statement removes in several transactions.
pub struct RemovalSql {
    /// The number of an object. Parameter: its name, which may depend on the settings of the session.
    pub number: &'static str,
    /// Whether an index is valid. Parameter: its number.
    pub is_valid: &'static str,
    /// Whether a partition is half detached. Parameter: its number.
    pub is_pending: &'static str,
}

/// Questions about what deleting all rows of a table, or some by `REPLACE`, does to other tables.
pub struct CascadeSql {
    /// 1 if foreign keys are enforced.
    pub is_enforced: &'static str,
    /// The tables that refer to one, the columns with which they do, and how they follow it. Parameter: its name.
    pub followers: &'static str,
    /// One row if a table has triggers. Parameter: its name.
    pub triggers: &'static str,
    /// The number of all rows that the session has changed.
    pub changes: &'static str,
    /// The same without those that its last statement itself changed.
    pub changes_before: &'static str,
}

/// Questions for tables whose engines have no transactions.
pub struct LastingSql {
    /// The name and the engine of one. Parameter: the database.
    pub here: &'static str,
    /// Database, name and engine of all in other databases; those of the server's own are among them, too. Parameter: the database.
    pub elsewhere: &'static str,
}
