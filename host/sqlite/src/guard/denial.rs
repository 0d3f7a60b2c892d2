//! The error of a migration to which the authorizer refused something.

use std::borrow::Cow;

use crate::text::mentioned_tool_table;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Why something was refused.
pub(super) struct Denial {
    pub what: String,
    pub detail: Option<String>,
    pub hint: Cow<'static, str>,
}

impl Denial {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), detail: None, hint: hint.into() }
    }
}

impl From<DatabaseError> for Denial {
    fn from(error: DatabaseError) -> Self {
        Self { what: error.message, detail: error.detail, hint: Cow::Owned(error.hint.unwrap_or_default()) }
    }
}

impl From<Denial> for DatabaseError {
    fn from(denial: Denial) -> Self {
        let mut error = Self::new(DatabaseErrorKind::Denied, denial.what).code("SQLITE_AUTH (23)").hint(denial.hint);
        error.detail = denial.detail;
        error
    }
}

pub(super) fn attached(database: &str) -> Denial {
    Denial::new(
        format!("a component may not reach the attached database `{database}`"),
        "a component works on the database of its run; a migration in SQL may attach others",
    )
}

/// The error for a table of an attached database that a component asks for.
pub(super) fn denied_attached(database: &str) -> DatabaseError {
    let denial = attached(database);
    DatabaseError { code: String::new(), ..denial.into() }
}

pub(super) fn tool_table(what: &str, table: &str, accessor: Option<&str>) -> Denial {
    let through = accessor.map(|name| format!(", not even through `{name}`")).unwrap_or_default();
    Denial::new(
        format!("a migration may not {what} `{table}`, which belongs to runner itself{through}"),
        "the history is written by `runner apply` and `runner rollback` alone",
    )
}

pub(super) fn mentions(table: &'static str) -> Denial {
    Denial::new(
        format!("a migration may not define a table or trigger that names `{table}`, which belongs to runner itself"),
        "give your table another name",
    )
}

/// The refusal of a statement that defines something and names one of the tool's tables, wherever it does.
pub(crate) fn refused_mention(statement: &str) -> Option<DatabaseError> {
    mentioned_tool_table(statement).map(|table| mentions(table).into())
}
