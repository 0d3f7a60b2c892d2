//! How the host writes in the transactions of a component's own login: through the gate.

use super::gate::{GATE, named};
use crate::error::Result;
use crate::host_sql::LITERALS;
use crate::link::Link;
use crate::session::RunSession;
use crate::statement::Statement;
use runner_data::{RowSet, Value};
use runner_database::logins::Secret;
use runner_database::logins::refusals::of_gate;
use runner_database::{DatabaseError, DatabaseErrorKind, QueryLimits, ToolChange};

/// The gate of one session.
pub(crate) struct Gate {
    /// What the gate knows the session by.
    token: Secret,
    /// The user lock that lasts as long as the session.
    lock: String,
}

impl Gate {
    pub(super) fn new(token: Secret, lock: String) -> Self {
        Self { token, lock }
    }

    /// The user lock that lasts as long as the session.
    pub fn lock(&self) -> &str {
        &self.lock
    }

    /// Makes changes to the tool's tables in the open transaction.
    pub async fn change(&self, session: &mut RunSession, changes: &[ToolChange]) -> Result<()> {
        for change in changes {
            let text = change.spelled(session.link.facts(), &LITERALS)?;
            change.check(self.pass(session, text).await?)?;
        }
        Ok(())
    }

    /// Runs a statement of the host about its own tables.
    pub async fn execute(&self, session: &mut RunSession, statement: Statement<'_>) -> Result<u64> {
        let text = LITERALS.fill(statement.text, statement.values)?;
        self.pass(session, text).await
    }

    /// Reads the tool's own tables.
    pub async fn query(
        &self,
        session: &mut RunSession,
        statement: Statement<'_>,
        limits: QueryLimits,
    ) -> Result<RowSet> {
        let text = LITERALS.fill(statement.text, statement.values)?;
        session.transaction.check(&session.link)?;
        let (call, values) = self.call(&session.link, text);
        let call = Statement { text: &call, values: &values };
        let found = call.query(&mut session.link, limits).await.map_err(of_gate);
        session.transaction.check_after_failure(&mut session.link, found).await
    }

    /// Runs a text as the owner of the gate. The token is a bound parameter, and so is the text.
    async fn pass(&self, session: &mut RunSession, text: String) -> Result<u64> {
        session.transaction.check(&session.link)?;
        if text.len() + 1024 > session.link.server().max_allowed_packet {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Limit,
                format!("a record of {} bytes does not fit into a packet of the server", text.len()),
            )
            .hint("raise `max_allowed_packet` on the server"));
        }
        let (call, values) = self.call(&session.link, text);
        let call = Statement { text: &call, values: &values };
        let passed = call.execute(&mut session.link).await.map_err(of_gate);
        session.transaction.check_after_failure(&mut session.link, passed).await
    }

    fn call(&self, link: &Link, text: String) -> (String, [Value; 2]) {
        let call = format!("CALL {}(?, ?)", named(link.endpoint().database(), GATE));
        (call, [Value::Text(self.token.reveal().to_owned()), Value::Text(text)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_so_that_they_cannot_end_early() {
        let values = [Value::Text("it's \\ ?".to_owned()), Value::Int64(-1), Value::Bytes(vec![0, 39]), Value::Null];
        let text = LITERALS.fill("UPDATE t SET a = ?, b = 1 -?, c = ?, d = ?, e = '?'", &values).expect("a text");
        assert_eq!(text, "UPDATE t SET a = _utf8mb4 X'69742773205c203f', b = 1 -(-1), c = x'0027', d = NULL, e = '?'");
        assert!(LITERALS.fill("SELECT ?, ?", &values[..1]).is_err(), "a value is missing");
        assert!(LITERALS.fill("SELECT ?", &values[..2]).is_err(), "a value is left");
        assert!(LITERALS.fill("SELECT 1; SELECT 2", &[]).is_err());
    }
}
