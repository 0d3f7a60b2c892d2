//! What the statements of a migration in SQL set in their session. It ends with the session, and later statements depend on
//! it: in another session it is set again.

use super::{Journal, JournalState};
use crate::database::{DatabaseError, Dialect, HostSession};
use crate::error::{Error, Result};
use crate::project::catalog::Kind;
use crate::sql::{StatementClass, classify, excerpt};

/// The settings of the session.
#[derive(Default)]
pub(super) struct Settings {
    /// The statements that made them, in order.
    statements: Vec<String>,
    /// The session does not have them.
    are_lost: bool,
}

impl Settings {
    /// Remembers a statement that took effect, if it makes a setting. With `earlier`, it did so in another session.
    pub fn note(&mut self, statement: &str, dialect: Dialect, earlier: bool) {
        if classify(statement, dialect) == StatementClass::Session {
            self.statements.push(statement.to_owned());
            self.are_lost |= earlier;
        }
    }
}

impl Journal {
    /// Opens a new session in place of a lost one.
    pub(super) async fn reconnect(
        &self,
        database: &mut HostSession<'_>,
        state: &mut JournalState,
    ) -> std::result::Result<(), DatabaseError> {
        database.reconnect().await?;
        state.session.are_lost = true;
        Ok(())
    }

    /// Says that the session is a new one.
    pub async fn session_lost(&self) {
        self.state.lock().await.session.are_lost = true;
    }

    /// Remembers a statement of a migration in SQL that took effect. A component makes its settings by itself.
    pub(super) fn note_setting(&self, state: &mut JournalState, statement: &str, earlier: bool) {
        if self.kind == Kind::Sql {
            state.session.note(statement, self.facts.dialect, earlier);
        }
    }

    /// Makes the settings again if the session does not have them. No transaction may be open: some settings end with one.
    pub(super) async fn set_again(&self, database: &mut HostSession<'_>, state: &mut JournalState) -> Result<()> {
        if !state.session.are_lost {
            return Ok(());
        }
        for statement in &state.session.statements {
            let set = database.connection().script(&self.stop).execute(statement, &[]).await;
            set.map_err(|error| Error::from(error).at("while repeating", excerpt(statement)))?;
        }
        state.session.are_lost = false;
        Ok(())
    }
}
