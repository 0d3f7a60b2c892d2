//! Removes what a migration leaves in the session: temporary objects, settings, the role, cursors, prepared statements,
//! locks and channels. PostgreSQL keeps them for the session, not for the transaction. (`DISCARD ALL` removes all of
//! them, but cannot run inside a transaction.)

use sqlx::Connection;
use sqlx::postgres::PgRow;

use super::PostgresDatabase;
use super::error::{CANCELED, IN_USE, from_sqlx};
use super::formats::Formats;
use super::lock::name_again;
use super::scope::{ASK_BACKEND, ATTEMPTS, backend_of, rows, simple, text_of};
use super::settings::{self, in_transaction};
use super::speech::answers;
use runner_database::{DatabaseError, Role};

/// Resets the session, except for temporary objects.
pub(super) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; CLOSE ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DEALLOCATE ALL; DISCARD SEQUENCES; RESET ALL";

/// Whether the rows of a text with [`PostgresDatabase::after_guest`] show that the COMMIT before it has succeeded.
pub(super) fn is_committed(found: &[PgRow]) -> bool {
    found.iter().any(|row| text_of(row, 0).as_deref() == Some(COMMITTED))
}

/// Whether there may be temporary objects.
const HAS_TEMPORARY: &str = "SELECT pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid";

/// The first column of the row that shows that the transaction before is committed.
pub(super) const COMMITTED: &str = "runner:committed";

impl PostgresDatabase {
    /// Returns the text that follows a COMMIT in which code of a guest may have run, such as that of a deferred
    /// trigger: what it has set for the session is gone before anything else runs there. `is_over`: the guest no longer
    /// needs the session.
    pub(super) fn after_guest(&self, is_over: bool) -> String {
        let reset = if is_over {
            format!("{RESET}; DISCARD TEMP")
        } else {
            // Statements of a guest that stay prepared do nothing by themselves, and those of sqlx are still needed.
            let prepared = if self.connection.cached_statements_size() == 0 { "; DEALLOCATE ALL" } else { "" };
            format!("{}; UNLISTEN *; SELECT pg_catalog.pg_advisory_unlock_all(){prepared}", settings::RESET)
        };
        format!("; BEGIN; SELECT '{COMMITTED}'; {reset}{}; COMMIT", name_again(self.locked_for.as_ref()))
    }

    /// Sends a text with a COMMIT and what follows it. Where the session could not be made new after the COMMIT, another one takes its place.
    pub(super) async fn commit_and_reset(&mut self, text: &str) -> Result<(), DatabaseError> {
        let (found, result) = answers(&mut self.connection, text).await;
        match result {
            Err(_) if is_committed(&found) => {
                self.lost = true;
                Ok(())
            }
            result => result,
        }
    }

    pub(super) async fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.is_none() && !self.is_gated() {
            return self.reset_session().await;
        }
        let rights = std::mem::replace(&mut self.rights, Role::Host);
        let scope = self.enter(None).await;
        self.rights = rights;
        let scope = scope?;
        let dropped = self.leave_nothing().await;
        self.forget_statements();
        self.leave(scope, dropped).await
    }

    /// Where no transaction is open, no trigger is pending that temporary objects would have to wait for: all of it is one message,
    /// which the server treats as one transaction.
    async fn reset_session(&mut self) -> Result<(), DatabaseError> {
        self.check_ready().await?;
        self.busy = true;
        let mut more = 1..ATTEMPTS;
        let reset = loop {
            match self.reset_in_one_message().await {
                Err(error) if error.code == CANCELED && more.next().is_some() => {}
                reset => break reset,
            }
        };
        self.busy = false;
        self.forget_statements();
        self.note_loss(&reset);
        reset
    }

    async fn reset_in_one_message(&mut self) -> Result<(), DatabaseError> {
        self.drop_prepared().await?;
        let text = format!("{RESET}; DISCARD TEMP{}; {ASK_BACKEND}", name_again(self.locked_for.as_ref()));
        self.own.forget();
        let answer = rows(&mut self.connection, &text).await?;
        self.backend = backend_of(&answer).unwrap_or(self.backend);
        Ok(())
    }

    async fn leave_nothing(&mut self) -> Result<(), DatabaseError> {
        self.drop_prepared().await?;
        let application = name_again(self.locked_for.as_ref());
        self.own.forget();
        let settings = in_transaction(&self.own);
        let answer = rows(&mut self.connection, &format!("{RESET}; {HAS_TEMPORARY}; {settings}{application}")).await?;
        if let Some(transaction) = &mut self.transaction {
            // That was reset too.
            transaction.pinned = false;
            transaction.formats = Formats::Fixed;
        }
        let temporary = answer.iter().any(|row| text_of(row, 0).as_deref() == Some("t"));
        if !temporary {
            return Ok(());
        }
        match simple(&mut self.connection, "SAVEPOINT runner_temporary; DISCARD TEMP").await {
            // Of deferred triggers that are pending.
            Err(error) if error.code == IN_USE => {
                let now = "ROLLBACK TO SAVEPOINT runner_temporary; SET CONSTRAINTS ALL IMMEDIATE; DISCARD TEMP";
                simple(&mut self.connection, now).await?;
            }
            other => other?,
        }
        simple(&mut self.connection, "RELEASE SAVEPOINT runner_temporary").await
    }

    /// Closes the statements that sqlx has prepared: behind a pooler, the session may be a different one after the
    /// transaction.
    pub(super) async fn drop_prepared(&mut self) -> Result<(), DatabaseError> {
        if self.connection.cached_statements_size() == 0 {
            return Ok(());
        }
        self.connection.clear_cached_statements().await.map_err(|error| from_sqlx(&error, None))
    }
}
