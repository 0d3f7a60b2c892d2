//! What surrounds a statement that cannot run in a transaction: nothing undoes it, so the session has its settings while it runs, and
//! what the tool's tables hold is compared before and after.

use super::lock::Lock;
use super::record::ours;
use super::scope::{ASK_BACKEND, backend_of, end, rows, simple};
use super::settings::{limited_session, unlimited_session};
use super::stored::Stored;
use super::{PostgresDatabase, formats};
use runner_database::error::RAN;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role};
use runner_sql::works_concurrently;

/// Restores our encoding where there is no transaction to set it for, whatever a script has set it to.
const ENCODING_OF_SESSION: &str = "SET client_encoding = 'UTF8'; ";

impl PostgresDatabase {
    /// Prepares the session for a statement: limits, timeouts, and what the tool's tables hold.
    pub(super) async fn enter_bare(&mut self, statement: &str) -> Result<(), DatabaseError> {
        if let Some(Lock::Lease(lease)) = &self.lock {
            // Nothing fences what follows: it begins in a lease of full length, or not at all.
            let renewed =
                simple(&mut self.connection, &format!("BEGIN; {}COMMIT", super::lease::renew(lease, &self.facts)?))
                    .await;
            if let Err(error) = renewed {
                let back = end(&mut self.connection).await;
                self.note_loss(&back);
                return Err(ours(error, None));
            }
        }
        let mut timeouts = self.own.timeouts(self.rights, self.endpoint.settings());
        if works_concurrently(statement, Dialect::Postgres) {
            // It waits for old transactions, and meanwhile others read and write: a timeout would only throw its work away.
            timeouts.retain(|(name, _)| *name != "lock_timeout");
        }
        let text: String = timeouts.iter().map(|(name, value)| format!("SET {name} = {value}; ")).collect();
        let formats = if self.rights == Role::SqlScript { formats::for_session(&self.own) } else { String::new() };
        let text = format!("{ENCODING_OF_SESSION}{text}{formats}{}{ASK_BACKEND}; ", unlimited_session(&self.own));
        let rows = if self.rights == Role::Host {
            rows(&mut self.connection, &text).await?
        } else {
            let (rows, stored) =
                Stored::read(&mut self.connection, self.endpoint.place(), &text, self.inspected).await?;
            self.inspected = true;
            self.stored = Some(stored);
            rows
        };
        self.backend = backend_of(&rows).unwrap_or(self.backend);
        Ok(())
    }

    /// Finishes a statement: takes its settings back, and returns its result.
    pub(super) async fn leave_bare<T>(&mut self, result: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        let timeouts = self.own.timeouts(self.rights, self.endpoint.settings());
        let reset: Vec<String> = timeouts.iter().map(|(name, _)| format!("RESET {name}")).collect();
        let formats = if self.rights == Role::SqlScript { formats::reset(&self.own) } else { String::new() };
        let reset = format!("{ENCODING_OF_SESSION}{formats}{}{}; ", limited_session(&self.own), reset.join("; "));
        match (self.compare_stored(&reset).await, result) {
            (Ok(()), result) => result,
            (Err(changed), Err(_)) if changed.has_run() => Err(changed),
            (Err(_), Err(error)) => Err(error),
            (Err(error), Ok(_)) if error.kind == DatabaseErrorKind::Connection => Err(error),
            // It has committed, whatever the tool's tables could not be read for.
            (Err(error), Ok(_)) => Err(error.code(RAN)),
        }
    }

    /// Compares what the tool's tables hold after a statement that has no transaction. The statements of `reset` take effect before,
    /// whether or not the tables can be read.
    pub(super) async fn compare_stored(&mut self, reset: &str) -> Result<(), DatabaseError> {
        let now = match &self.stored {
            Some(_) => Some(Stored::read(&mut self.connection, self.endpoint.place(), reset, false).await),
            None => None,
        };
        if !matches!(now, Some(Ok(_))) && !reset.is_empty() {
            let reset = simple(&mut self.connection, reset).await;
            self.note_loss(&reset);
        }
        let (Some(before), Some(now)) = (self.stored.take(), now) else { return Ok(()) };
        self.note_loss(&now);
        match now {
            // What is attached to them was not there before the statement.
            Err(error) if error.kind == DatabaseErrorKind::Denied => Err(error.code(RAN)),
            Err(error) => Err(error),
            Ok((_, now)) => before.compare(&now),
        }
    }
}
