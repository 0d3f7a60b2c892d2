//! Removes what a migration leaves in the session: temporary objects, settings, the role, cursors, prepared statements,
//! locks and channels. PostgreSQL keeps them for the session, not for the transaction. (`DISCARD ALL` removes all of
//! them, but cannot run inside a transaction.)

use super::Session;
use crate::commit::ATTEMPTS;
use crate::error::{CANCELED, IN_USE, Result};
use crate::host_sql::{ASK_BACKEND, text_of};
use crate::settings::{self, in_transaction};

/// Resets the session, except for temporary objects.
const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; CLOSE ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DEALLOCATE ALL; DISCARD SEQUENCES; RESET ALL";

/// Whether there may be temporary objects.
const HAS_TEMPORARY: &str = "SELECT pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid";

impl Session {
    /// The text that resets the session for what comes after a migration.
    pub(super) fn reset_all(&self) -> String {
        format!("{RESET}; DISCARD TEMP{}", self.lock.name_again())
    }

    /// The text that resets the session after a commit in which code of a component may have run, such as that of a deferred
    /// trigger.
    pub(super) fn after_component(&self) -> String {
        // Statements of a guest that stay prepared do nothing by themselves, and those of sqlx are still needed.
        let prepared = if self.link.has_prepared() { "" } else { "; DEALLOCATE ALL" };
        let name_again = self.lock.name_again();
        format!("{}; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(){prepared}{name_again}", settings::RESET)
    }

    /// Resets the session.
    pub(crate) async fn reset(&mut self) -> Result<()> {
        if self.transaction.is_none() && !self.is_gated() {
            return self.reset_outside().await;
        }
        let scope = self.enter_as_host().await?;
        let dropped = self.reset_inside().await;
        self.leave(scope, dropped).await
    }

    /// Where no transaction is open, no trigger is pending that temporary objects would have to wait for: all of it is one message,
    /// which the server treats as one transaction.
    async fn reset_outside(&mut self) -> Result<()> {
        self.check_ready()?;
        let mut more = 1..ATTEMPTS;
        loop {
            self.link.drop_prepared().await?;
            self.own.forget();
            match self.link.run(&format!("{}; {ASK_BACKEND}", self.reset_all())).await {
                Err(error) if error.code == CANCELED && more.next().is_some() => {}
                reset => return reset,
            }
        }
    }

    async fn reset_inside(&mut self) -> Result<()> {
        self.link.drop_prepared().await?;
        self.own.forget();
        let (settings, application) = (in_transaction(&self.own), self.lock.name_again());
        let answer = self.link.rows(&format!("{RESET}; {HAS_TEMPORARY}; {settings}{application}")).await?;
        if let Some(transaction) = &mut self.transaction {
            transaction.was_reset();
        }
        if !answer.iter().any(|row| text_of(row, 0).as_deref() == Some("t")) {
            return Ok(());
        }
        match self.link.run("SAVEPOINT runner_temporary; DISCARD TEMP").await {
            // Of deferred triggers that are pending.
            Err(error) if error.code == IN_USE => {
                let now = "ROLLBACK TO SAVEPOINT runner_temporary; SET CONSTRAINTS ALL IMMEDIATE; DISCARD TEMP";
                self.link.run(now).await?;
            }
            other => other?,
        }
        self.link.run("RELEASE SAVEPOINT runner_temporary").await
    }
}
