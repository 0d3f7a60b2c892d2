//! Removes what a migration leaves in the session: temporary objects, settings, the role, cursors, prepared statements,
//! locks and channels. PostgreSQL keeps them for the session, not for the transaction. (`DISCARD ALL` removes all of
//! them, but cannot run inside a transaction.)

use sqlx::Connection;

use super::PostgresDatabase;
use super::error::from_sqlx;
use super::lock::set_application;
use super::scope::{rows, simple, text_of};
use super::settings::in_transaction;
use crate::database::{DatabaseError, Role};

/// Resets the session, and returns whether there may be temporary objects.
const LEAVE: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; CLOSE ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DEALLOCATE ALL; DISCARD SEQUENCES; RESET ALL; \
    SELECT pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid";

/// SQLSTATE of a table that cannot be dropped because of pending deferred triggers.
const IN_USE: &str = "55006";

impl PostgresDatabase {
    pub(super) async fn drop_temporary_now(&mut self) -> Result<(), DatabaseError> {
        let rights = std::mem::replace(&mut self.rights, Role::Host);
        let scope = self.enter(None).await;
        self.rights = rights;
        let scope = scope?;
        let dropped = self.leave_nothing().await;
        self.forget_statements();
        self.leave(scope, dropped).await
    }

    async fn leave_nothing(&mut self) -> Result<(), DatabaseError> {
        self.drop_prepared().await?;
        let application = match &self.locked_for {
            Some(request) => format!("; {}", set_application(&request.run_id)),
            None => String::new(),
        };
        self.own.forget();
        let settings = in_transaction(&self.own);
        let answer = rows(&mut self.connection, &format!("{LEAVE}; {settings}{application}")).await?;
        if let Some(transaction) = &mut self.transaction {
            // That was reset too.
            transaction.pinned = false;
        }
        let temporary = answer.iter().any(|row| text_of(row, 0).as_deref() == Some("t"));
        if !temporary {
            return Ok(());
        }
        match simple(&mut self.connection, "SAVEPOINT runner_temporary; DISCARD TEMP").await {
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
