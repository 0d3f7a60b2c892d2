//! Settings that a script changes for its own statements, and that must not affect the host: with another `sql_mode`,
//! the host's SQL would be read differently, and after `SET NAMES latin1` the history would be written in latin1.

use super::MysqlDatabase;
use super::session::{self, literal, row_text, text};
use crate::database::{DatabaseError, Role};

/// Whose settings the session has.
#[derive(Debug, Default)]
pub(super) enum SessionSettings {
    /// The host's.
    #[default]
    Ours,
    /// A script may have changed them.
    Theirs,
    /// The host's; these are the script's.
    Kept(Kept),
}

/// The settings restored for a script. The character set is not among them: scripts are sent in UTF-8, whatever they
/// set.
#[derive(Debug)]
pub(super) struct Kept {
    set: String,
    database: Option<String>,
}

impl MysqlDatabase {
    /// Gives the session the settings of the role that acts next.
    pub(super) async fn settle(&mut self) -> Result<(), DatabaseError> {
        match (self.guard.rights(), std::mem::take(&mut self.guard.settings)) {
            (Role::Host, SessionSettings::Theirs) => {
                let kept = self.settings_to_keep().await?;
                let database = self.server.facts.dialect.quote(self.endpoint.database());
                let ours = format!("{}; USE {database}", self.server.settings_of_texts);
                session::run(&mut self.connection, ours).await?;
                self.guard.settings = SessionSettings::Kept(kept);
            }
            (Role::SqlScript | Role::Component, SessionSettings::Kept(kept)) => {
                let mut theirs = kept.set;
                if let Some(database) = kept.database {
                    theirs.push_str(&format!("; USE {}", self.server.facts.dialect.quote(&database)));
                }
                session::run(&mut self.connection, theirs).await?;
                self.guard.settings = SessionSettings::Theirs;
            }
            (_, settings) => self.guard.settings = settings,
        }
        Ok(())
    }

    /// Runs after a statement of a script that may have changed settings.
    pub(super) async fn unsettle(&mut self) -> Result<(), DatabaseError> {
        self.guard.settings = SessionSettings::Theirs;
        session::run(&mut self.connection, format!("SET {}", self.endpoint.names())).await.map(|_| ())
    }

    async fn settings_to_keep(&mut self) -> Result<Kept, DatabaseError> {
        let ask = "SELECT @@sql_mode, @@time_zone, @@foreign_key_checks + 0, @@unique_checks + 0, DATABASE()";
        let row = session::one(&mut self.connection, ask).await?;
        let set = format!(
            "SET sql_mode = {}, time_zone = {}, foreign_key_checks = {}, unique_checks = {}",
            literal(&text(&row, 0)),
            literal(&text(&row, 1)),
            text(&row, 2),
            text(&row, 3)
        );
        Ok(Kept { set, database: row_text(&row, 4) })
    }
}
