//! Settings that a script changes for its own statements, and that must not affect the host: with another `sql_mode`,
//! the host's SQL would be read differently, and after `SET NAMES latin1` the history would be written in latin1.

use sqlx::mysql::MySqlRow;

use super::MysqlDatabase;
use super::refusals::Quoting;
use super::session::{self, literal, row_text, text};
use crate::database::{DatabaseError, Dialect, Role};

/// Whose settings the session has.
#[derive(Debug, Default)]
pub(super) enum SessionSettings {
    /// Ours.
    #[default]
    Ours,
    /// A script's: those, if they were asked for since it may have changed them.
    Theirs(Option<Kept>),
    /// Ours; the script's are those.
    Kept(Kept),
}

impl SessionSettings {
    /// Ours are in force now, whatever is known of the script's.
    pub(super) fn keep(&mut self) {
        if let Self::Theirs(Some(kept)) = self {
            *self = Self::Kept(kept.clone());
        }
    }
}

/// What is given back to a script. Not the character set: scripts reach the server in UTF-8, whatever their file says.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    set: String,
    /// How long a statement may take, as [`time_limit`] says it.
    time_limit: String,
    /// How many warnings are kept.
    warnings: String,
    /// The current database.
    pub database: Option<String>,
    /// Where strings end.
    pub quoting: Quoting,
    /// Whether each statement outside a transaction commits by itself.
    pub autocommits: bool,
}

/// Settings that decide what the host reads and writes, with their values for it. A limit on rows would cut off the
/// history.
pub(super) const PINNED: &str = "sql_select_limit = 18446744073709551615, sql_safe_updates = 0, sql_big_selects = 1";

/// How many warnings the server has to keep: with fewer, it might hide that a value was truncated. MySQL lets only
/// administrators change the number, so there it is set only where it is lower.
const WARNINGS: u64 = 64;

/// The text that follows a `SET` of the host where the server keeps this many warnings.
pub(super) fn enough_warnings(dialect: Dialect, kept: &str) -> String {
    match kept.parse::<u64>() {
        Ok(count) if count >= WARNINGS && dialect == Dialect::Mysql => String::new(),
        _ => format!(", max_error_count = {WARNINGS}"),
    }
}

/// The limit of the server on the time of a statement.
pub(super) fn time_limit(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Mariadb { "max_statement_time" } else { "max_execution_time" }
}

/// The question for what is given back. Its limit takes precedence over `sql_select_limit`.
pub(super) fn ask(dialect: Dialect) -> String {
    format!(
        "SELECT @@sql_mode, @@time_zone, @@foreign_key_checks + 0, @@unique_checks + 0, DATABASE(), @@sql_select_limit, \
         @@max_error_count, @@sql_safe_updates + 0, @@sql_big_selects + 0, @@autocommit + 0, @@{} LIMIT 1",
        time_limit(dialect)
    )
}

impl Kept {
    /// The answer to [`ask`].
    pub(super) fn of(row: &MySqlRow) -> Self {
        let mode = text(row, 0);
        let set = format!(
            "SET sql_mode = {}, time_zone = {}, foreign_key_checks = {}, unique_checks = {}, sql_select_limit = {}, \
             sql_safe_updates = {}, sql_big_selects = {}",
            literal(&mode),
            literal(&text(row, 1)),
            text(row, 2),
            text(row, 3),
            text(row, 5),
            text(row, 7),
            text(row, 8)
        );
        Self {
            set,
            time_limit: text(row, 10),
            warnings: text(row, 6),
            database: row_text(row, 4),
            quoting: Quoting::of(&mode),
            autocommits: text(row, 9) == "1",
        }
    }

    /// The limit on time comes last: nothing that follows a COMMIT may fail because of it.
    fn restore(&self, dialect: Dialect) -> String {
        let mut set = format!("{}, {} = {}", self.set, time_limit(dialect), self.time_limit);
        if !enough_warnings(dialect, &self.warnings).is_empty() {
            set.push_str(&format!(", max_error_count = {}", self.warnings));
        }
        match &self.database {
            Some(database) => format!("USE {}; {set}", dialect.quote(database)),
            None => set,
        }
    }
}

impl MysqlDatabase {
    /// Gives the session the settings of the role that speaks next.
    pub(super) async fn settle(&mut self) -> Result<(), DatabaseError> {
        match (self.guard.rights(), std::mem::take(&mut self.guard.settings)) {
            (Role::Host, SessionSettings::Theirs(kept)) => {
                let kept = self.known(kept).await?;
                let ours = self.ours_after(&kept);
                session::run(&mut self.connection, ours).await?;
                self.guard.settings = SessionSettings::Kept(kept);
            }
            (Role::Host, settings) if self.guard.is_unproven => {
                self.guard.settings = settings;
                let ours = self.ours();
                session::run(&mut self.connection, ours).await?;
                self.guard.is_unproven = false;
            }
            (Role::SqlScript | Role::Component, SessionSettings::Kept(kept)) => {
                session::run(&mut self.connection, kept.restore(self.server.facts.dialect)).await?;
                self.guard.settings = SessionSettings::Theirs(Some(kept));
            }
            (Role::SqlScript | Role::Component, SessionSettings::Ours) => {
                if let Some(mode) = self.server.callers_mode.clone() {
                    self.set_modes(&mode).await?;
                    self.guard.settings = SessionSettings::Theirs(None);
                }
            }
            (_, settings) => self.guard.settings = settings,
        }
        Ok(())
    }

    /// What stands before and behind a text of the host, so that it runs in our settings and a script's stay in force. The server reads
    /// a statement only when those before it have run, so what follows is read in the character set that this begins with.
    pub(super) async fn around_host(&mut self) -> Result<(String, String), DatabaseError> {
        match std::mem::take(&mut self.guard.settings) {
            SessionSettings::Theirs(kept) => {
                let kept = self.known(kept).await?;
                let around =
                    (format!("{}; ", self.ours_after(&kept)), format!("; {}", kept.restore(self.server.facts.dialect)));
                self.guard.settings = SessionSettings::Theirs(Some(kept));
                Ok(around)
            }
            settings => {
                self.guard.settings = settings;
                // What a trigger or a function does to them is not seen in every statement.
                match std::mem::take(&mut self.guard.is_unproven) {
                    true => Ok((format!("{}; ", self.ours()), String::new())),
                    false => Ok((String::new(), String::new())),
                }
            }
        }
    }

    /// Establishes the settings of the host.
    pub(super) fn ours(&self) -> String {
        let database = self.server.facts.dialect.quote(self.endpoint.database());
        format!("{}; USE {database}", self.server.settings_of_texts)
    }

    /// The same, where a script's are in force.
    fn ours_after(&self, kept: &Kept) -> String {
        let dialect = self.server.facts.dialect;
        let (set, database) = (&self.server.settings_of_texts, dialect.quote(self.endpoint.database()));
        format!("{set}{}; USE {database}", enough_warnings(dialect, &kept.warnings))
    }

    /// Changes the modes of the session for a statement of ours in the name of whoever speaks. Returns those before, for
    /// [`Self::set_modes`].
    pub(super) async fn change_modes(&mut self, change: impl FnOnce(&mut Vec<&str>)) -> Result<String, DatabaseError> {
        let before = text(&session::one(&mut self.connection, "SELECT @@SESSION.sql_mode").await?, 0);
        let mut modes: Vec<&str> = before.split(',').filter(|mode| !mode.is_empty()).collect();
        change(&mut modes);
        let modes = modes.join(",");
        self.set_modes(&modes).await?;
        Ok(before)
    }

    /// Sets the modes of the session.
    pub(super) async fn set_modes(&mut self, modes: &str) -> Result<(), DatabaseError> {
        session::run(&mut self.connection, session::set_mode(modes)).await.map(drop)
    }

    async fn known(&mut self, kept: Option<Kept>) -> Result<Kept, DatabaseError> {
        match kept {
            Some(kept) => Ok(kept),
            None => Ok(Kept::of(&session::one(&mut self.connection, ask(self.server.facts.dialect)).await?)),
        }
    }
}
