//! The gate: how the host writes in the transactions of a component that has a login of its own.

pub(crate) mod functions;

use std::sync::Arc;

use sqlx::{Executor as _, PgConnection, Row as _};

use crate::denied_statements::check_propagation;
use crate::error::{Result, from_sqlx};
use crate::host_sql::literal;
use runner_database::Grants;
use runner_database::logins::Secret;
use runner_database::logins::refusals::{check_statement, of_gate};
use runner_sql::{StatementClass, Tokens, classify};

/// The key to the gate, and what the host knows of the component that has it.
pub(crate) struct Gate {
    /// What the gate knows the session by.
    token: Secret,
    /// The schemas in which the host looks names up.
    search_path: String,
    /// The cursors through which the host has read.
    reads: u64,
    login: String,
    /// What its component is granted.
    grants: Arc<Grants>,
}

/// A function of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Opens the gate in the transaction.
    Open,
    /// Runs a text as the owner; returns how many rows it has changed.
    Write,
    /// Opens a cursor of this name for a query, as the owner.
    Read,
    /// Proves that the component has left nothing behind.
    Seal,
    /// Closes the gate.
    Finish,
}

impl Call {
    /// Bound texts are in the encoding of the session as well; bytes are in none.
    fn text(self) -> &'static str {
        match self {
            Self::Open => "SELECT runner_gate.open($1)",
            Self::Write => "SELECT runner_gate.write($1, pg_catalog.convert_from($2, 'UTF8'))",
            Self::Read => {
                "SELECT runner_gate.read($1, pg_catalog.convert_from($2, 'UTF8'), pg_catalog.convert_from($3, 'UTF8'))"
            }
            Self::Seal => "SELECT runner_gate.seal($1)",
            Self::Finish => "SELECT runner_gate.finish($1)",
        }
    }
}

impl Gate {
    pub(crate) fn new(token: Secret, search_path: String, login: String, grants: Arc<Grants>) -> Self {
        Self { token, search_path, reads: 0, login, grants }
    }

    /// The expression that sets the search path of a transaction.
    pub(crate) fn set_path(&self) -> String {
        format!("pg_catalog.set_config('search_path', {}, true)", literal(&self.search_path))
    }

    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    pub(crate) fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// From now on, the component is granted this.
    pub(crate) fn grant(&mut self, grants: Arc<Grants>) {
        self.grants = grants;
    }

    /// The name of a cursor that is not open yet.
    pub(crate) fn next_cursor(&mut self) -> String {
        self.reads += 1;
        format!("runner_read_{}", self.reads)
    }

    /// Calls a function of the gate. The token is a bound parameter, and so are the bytes of the texts.
    pub(crate) async fn call(&self, connection: &mut PgConnection, call: Call, texts: &[&str]) -> Result<u64> {
        let mut query = sqlx::query(call.text()).persistent(false).bind(self.token.reveal());
        for text in texts {
            query = query.bind(text.as_bytes());
        }
        let row = connection.fetch_one(query).await.map_err(|error| of_gate(from_sqlx(&error, None)))?;
        let count = if call == Call::Write { row.try_get::<i64, _>(0).unwrap_or_default() } else { 0 };
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// What a component under grants may say. The login may do no more; this gives the better error, and leaves out what
/// the connection could not continue after, such as `COPY`.
const MAY_SAY: [&str; 10] =
    ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH", "EXPLAIN", "SHOW"];

/// Refuses a statement of a component under grants that is neither a query nor a change of rows; otherwise returns its class. Which rows is
/// for the rights of its login.
pub(crate) fn check(tokens: &Tokens<'_>) -> Result<StatementClass> {
    check_statement(tokens, &MAY_SAY).map_err(|error| {
        error.hint("it may read and change rows; tables and indexes change by calls of `schema`, and everything else by a migration in SQL")
    })?;
    check_propagation(tokens)?;
    Ok(classify(tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;

    #[test]
    fn only_rows_are_read_and_changed() {
        let check = |statement| check(&Tokens::new(statement, Dialect::Postgres));
        for fine in
            ["SELECT 1", "/* a */ (SELECT 1)", "with x AS (SELECT 1) SELECT * FROM x", "merge INTO t USING s ON true"]
        {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for denied in [
            "CREATE TABLE t ()",
            "DO $$ BEGIN END $$",
            "-- a\nCOMMIT",
            "ALTER ROLE a",
            "",
            "COPY t TO STDOUT",
            "COPY t FROM stdin;\n1\n\\.",
            "NOTIFY a",
        ] {
            assert!(check(denied).is_err(), "{denied}");
        }
    }
}
