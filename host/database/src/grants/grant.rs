//! One grant: a verb, tables, and columns.

use std::collections::BTreeSet;
use std::fmt;

use super::Touched;
use crate::{DatabaseError, DatabaseErrorKind, Dialect, TableName};

runner_base::named! {
    /// What a component may do with a table.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Verb {
        /// Read its rows, also in a condition.
        Read = "read",
        /// Insert rows.
        Insert = "insert",
        /// Change rows.
        Update = "update",
        /// Delete rows.
        Delete = "delete",
        /// Change its definition: columns, constraints and indexes, but not its name.
        Alter = "alter",
        /// Create it, or a view of that name.
        Create = "create",
        /// Drop it, or a view of that name.
        Drop = "drop",
    }
}

impl Verb {
    /// Returns whether a grant of it can be restricted to columns.
    pub fn takes_columns(self) -> bool {
        matches!(self, Self::Read | Self::Insert | Self::Update)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The tables that a grant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The schema or database; `None` for the one in which a component works.
    pub schema: Option<String>,
    /// The name, or its beginning.
    pub name: String,
    /// Whether all tables are meant whose names begin with `name`.
    pub is_prefix: bool,
}

/// One line of what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What is allowed.
    pub verb: Verb,
    /// For which tables.
    pub tables: Tables,
    /// For which columns; empty means all, also those that are added later.
    pub columns: BTreeSet<String>,
}

impl Tables {
    /// Returns the table of this name, in the schema in which a component works.
    pub fn named(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into(), is_prefix: false }
    }

    /// Returns all tables whose names begin like this.
    pub fn with_prefix(prefix: impl Into<String>) -> Self {
        Self { is_prefix: true, ..Self::named(prefix) }
    }

    /// Returns whether a table is one of them.
    pub fn contains(&self, table: &TableName, dialect: Dialect) -> bool {
        self.contain(table, Names::of(dialect))
    }

    /// Returns the same tables as a component that works in this schema means them: a name with it is one without. Case is ignored, as
    /// wherever it is not known how a database compares names.
    pub fn within(&self, schema: &str) -> Self {
        let is_there = |named: &String| named.eq_ignore_ascii_case(schema);
        Self { schema: self.schema.clone().filter(|named| !is_there(named)), ..self.clone() }
    }

    pub(super) fn contain(&self, table: &TableName, names: Names) -> bool {
        let same_schema = match (&self.schema, &table.schema) {
            (Some(ours), Some(theirs)) => names.equal(ours, theirs),
            (None, None) => true,
            _ => false,
        };
        same_schema
            && if self.is_prefix {
                table.name.get(..self.name.len()).is_some_and(|start| names.equal(start, &self.name))
            } else {
                names.equal(&table.name, &self.name)
            }
    }
}

/// Returns whether a name begins like this. Case is ignored, as wherever it is not known how a database compares names.
pub fn begins(name: &str, start: &str) -> bool {
    name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// How a database compares names.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// Byte for byte.
    Exactly,
    /// As SQLite does.
    IgnoringAsciiCase,
}

impl Names {
    pub(super) fn of(dialect: Dialect) -> Self {
        // MySQL's comparison depends on the server; exactly is the stricter one.
        if dialect == Dialect::Sqlite { Self::IgnoringAsciiCase } else { Self::Exactly }
    }

    pub(super) fn equal(self, left: &str, right: &str) -> bool {
        match self {
            Self::Exactly => left == right,
            Self::IgnoringAsciiCase => left.eq_ignore_ascii_case(right),
        }
    }
}

impl Grant {
    /// Creates a grant for all columns.
    pub fn new(verb: Verb, tables: Tables) -> Self {
        Self { verb, tables, columns: BTreeSet::new() }
    }

    /// Restricts a grant to columns. Fails for verbs that concern whole rows or the table, and for no columns, which would
    /// mean all.
    pub fn of_columns<C: Into<String>>(
        verb: Verb,
        tables: Tables,
        columns: impl IntoIterator<Item = C>,
    ) -> Result<Self, DatabaseError> {
        let columns: BTreeSet<String> = columns.into_iter().map(Into::into).collect();
        if !verb.takes_columns() {
            return Err(malformed(format!("a grant to {verb} cannot be restricted to columns"))
                .hint("only `read`, `insert` and `update` can; leave the columns out"));
        }
        if columns.is_empty() {
            return Err(malformed(format!("a grant to {verb} lists no columns"))
                .hint("leave the parentheses out to grant all of them"));
        }
        Ok(Self { columns, ..Self::new(verb, tables) })
    }

    /// Returns the same grant to a component that works in this schema: see [`Tables::within`].
    pub fn within(&self, schema: &str) -> Self {
        Self { tables: self.tables.within(schema), ..self.clone() }
    }

    pub(super) fn allows(&self, verb: Verb, table: &TableName, columns: &Touched, names: Names) -> bool {
        self.verb == verb
            && self.tables.contain(table, names)
            && (self.columns.is_empty()
                || match columns {
                    Touched::Table => true,
                    Touched::Column(column) => self.columns.iter().any(|granted| names.equal(granted, column)),
                    Touched::EveryColumn => false,
                })
    }
}

pub(super) fn malformed(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}
