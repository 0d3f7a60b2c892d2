//! What a statement needs, and the error where it is not granted.

use super::Verb;
use crate::{DatabaseError, DatabaseErrorKind, TableName};

/// The columns that a statement touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The table, but none of its columns, as `count(*)` does.
    Table,
    /// One column.
    Column(String),
    /// Every column, as far as is known.
    EveryColumn,
}

/// What a statement needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Something of a table.
    Table {
        /// What is done with it.
        verb: Verb,
        /// The table.
        table: TableName,
        /// The columns.
        columns: Touched,
    },
    /// To call a function.
    Function(String),
}

impl Need {
    /// Returns the error for a statement that lacks this grant. `through`: the view or trigger that causes the access.
    pub fn denied(&self, through: Option<&str>) -> DatabaseError {
        let through = through.map(|name| format!(", which it does through `{name}`")).unwrap_or_default();
        DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("the component has no grant to {}{through}", self.words()),
        )
        .detail(format!("missing grant: {self}"))
        .hint("grant it if the component is meant to do this")
    }

    fn words(&self) -> String {
        match self {
            Self::Table { verb, table, columns: Touched::Column(column) } => {
                format!("{verb} column `{column}` of `{table}`")
            }
            Self::Table { verb: Verb::Insert, table, .. } => format!("insert into `{table}`"),
            Self::Table { verb: Verb::Delete, table, .. } => format!("delete from `{table}`"),
            Self::Table { verb, table, .. } => format!("{verb} `{table}`"),
            Self::Function(name) => format!("call {name}()"),
        }
    }
}
