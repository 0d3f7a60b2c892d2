//! What an operator allows a component: nothing, except what is listed.
//!
//! This is data. A driver enforces it for a session that was given grants with
//! [`Database::set_grants`](super::Database::set_grants), also for what the host writes on the component's behalf, and in
//! the bodies of views and triggers that a statement goes through. The detail of a denial is the one grant that is missing.
//!
//! A grant is written `VERB TABLE(COLUMN, …)`, such as `read customers(id, email)`, `insert outbox` or `create outbox_*`.

mod grant;
mod need;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;

pub use grant::{Grant, Tables, Verb, begins};
use grant::{Names, malformed};
pub use need::{Need, Touched};

use super::secret::Secret;
use super::{DatabaseError, DatabaseErrorKind, Dialect, TableName};

/// What a component may do. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// What is allowed for tables.
    pub tables: Vec<Grant>,
    /// Functions that may be called other than those that only compute with their arguments.
    pub functions: BTreeSet<String>,
    /// Whether statements of the component's own are accepted, and not only readers and writers. The caller who receives
    /// their text enforces it, with [`Grants::check_raw_sql`]: a driver cannot distinguish them from those of the host.
    pub raw_sql: bool,
    /// The revision of the component. Where a component under grants has a login of its own, it is named by it.
    pub component: String,
    /// The password of that login, if the operator keeps it; else each run sets one.
    pub secret: Option<Secret>,
    /// The variable that holds it.
    pub password_env: Option<String>,
    /// Whether the component runs although runner's own login may do everything on the server.
    pub superuser: bool,
}

impl Grants {
    /// Returns whether something is allowed.
    pub fn allow(&self, need: &Need, dialect: Dialect) -> bool {
        match need {
            Need::Table { verb, table, columns } => {
                self.tables.iter().any(|grant| grant.allows(*verb, table, columns, Names::of(dialect)))
            }
            Need::Function(name) => self.functions.iter().any(|granted| granted.eq_ignore_ascii_case(name)),
        }
    }

    /// Returns whether everything that a grant allows is granted, by one line or by several.
    pub fn cover(&self, wanted: &Grant) -> bool {
        let table = TableName { schema: wanted.tables.schema.clone(), name: wanted.tables.name.clone() };
        let is_covered = |columns: &Touched| {
            self.tables.iter().any(|grant| {
                (grant.tables.is_prefix || !wanted.tables.is_prefix)
                    && grant.allows(wanted.verb, &table, columns, Names::IgnoringAsciiCase)
            })
        };
        match wanted.columns.is_empty() {
            true => is_covered(&Touched::EveryColumn),
            false => wanted.columns.iter().all(|column| is_covered(&Touched::Column(column.clone()))),
        }
    }

    /// Returns the same grants to a component that works in this schema: see [`Tables::within`].
    pub fn within(&self, schema: &str) -> Self {
        Self { tables: self.tables.iter().map(|grant| grant.within(schema)).collect(), ..self.clone() }
    }

    /// Returns the same for the component of a revision.
    pub fn of(&self, revision: &str) -> Self {
        Self { component: revision.to_owned(), ..self.clone() }
    }

    /// Returns what is granted, line by line, as the settings have it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let functions = self.functions.iter().map(|name| format!("function {name}"));
        self.tables.iter().map(ToString::to_string).chain(functions)
    }

    /// Returns whether anything is allowed for a table, so that its definition is not secret.
    pub fn mention(&self, table: &TableName, dialect: Dialect) -> bool {
        self.tables.iter().any(|grant| grant.tables.contain(table, Names::of(dialect)))
    }

    /// Fails unless statements of the component's own are allowed.
    pub fn check_raw_sql(&self) -> Result<(), DatabaseError> {
        if self.raw_sql {
            return Ok(());
        }
        Err(DatabaseError::new(DatabaseErrorKind::Denied, "the component has no grant to run statements of its own")
            .hint("readers and writers need none; if the component is meant to, set `raw_sql = true` under its `[grants.NAME]`"))
    }
}
