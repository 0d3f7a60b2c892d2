//! What surrounds a statement that cannot run in a transaction: nothing undoes it, so the session has its settings while it runs, and
//! what the tool's tables hold is compared before and after.

use super::Session;
use crate::commit::Unit;
use crate::error::Result;
use crate::host_sql::ASK_BACKEND;
use crate::settings::{for_session, limited_session, reset, unlimited_session};
use runner_database::{DatabaseErrorKind, Dialect, Meaning, Role};
use runner_sql::{Tokens, works_concurrently};

/// Restores our encoding where there is no transaction to set it for, whatever a script has set it to.
const ENCODING_OF_SESSION: &str = "SET client_encoding = 'UTF8'; ";

impl Session {
    /// Prepares the session for a statement: limits, timeouts, and what the tool's tables hold.
    pub(super) async fn enter_autocommit(&mut self, statement: &str) -> Result<()> {
        if let Some(renewal) = self.lock.renewal(self.link.facts()) {
            // Nothing fences what follows: it begins in a lease of full length, or not at all.
            self.link.commit(&Unit::new(format!("BEGIN; {}", renewal?)), None).await.committed()?;
        }
        let mut timeouts = self.own.timeouts(self.role, self.link.endpoint().settings());
        if works_concurrently(&Tokens::new(statement, Dialect::Postgres)) {
            // It waits for old transactions, and meanwhile others read and write: a timeout would only throw its work away.
            timeouts.retain(|(name, _)| *name != "lock_timeout");
        }
        let text: String = timeouts.iter().map(|(name, value)| format!("SET {name} = {value}; ")).collect();
        let formats = if self.role == Role::SqlScript { for_session(&self.own) } else { String::new() };
        let text = format!("{ENCODING_OF_SESSION}{text}{formats}{}{ASK_BACKEND}; ", unlimited_session(&self.own));
        self.link.occupy();
        match self.role {
            Role::Host => self.link.run(&text).await,
            _ => self.guard.store(&mut self.link, &text).await,
        }
    }

    /// Finishes a statement: takes its settings back, and returns its result.
    pub(super) async fn leave_autocommit<T>(&mut self, result: Result<T>) -> Result<T> {
        let timeouts = self.own.timeouts(self.role, self.link.endpoint().settings());
        let timeouts: Vec<String> = timeouts.iter().map(|(name, _)| format!("RESET {name}")).collect();
        let formats = if self.role == Role::SqlScript { reset(&self.own) } else { String::new() };
        let limit = limited_session(&self.own);
        let reset = format!("{ENCODING_OF_SESSION}{formats}{limit}{}; ", timeouts.join("; "));
        match (self.guard.compare_stored(&mut self.link, &reset).await, result) {
            (Ok(()), result) => result,
            (Err(changed), Err(_)) if changed.has_run() => Err(changed),
            (Err(_), Err(error)) => Err(error),
            (Err(error), Ok(_)) if error.kind == DatabaseErrorKind::Connection => Err(error),
            // It has committed, whatever the tool's tables could not be read for.
            (Err(error), Ok(_)) => Err(error.means(Meaning::Ran)),
        }
    }
}
