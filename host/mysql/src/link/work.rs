//! The session that both the guests and the host use.
//!
//! A guest leaves it in settings of its own, in which a question of the host might be answered otherwise: with `sql_select_limit = 1`, by
//! one row of many. So what the host asks here goes through `host_sql`, and this asks it in the settings of the host, in the same message. Only
//! the modules that send what guests say get the connection itself.

use sqlx::mysql::MySqlRow;
use sqlx::{Connection as _, MySqlConnection};

use crate::error::{Result, lost, unanswered};
use crate::host_sql::{HostExecutor, literal};
use crate::link::facts::SessionFacts;
use crate::link::settings::{HostSettings, Kept, set_mode};
use runner_database::pipe::Meter;
use runner_database::{DatabaseErrorKind, Role};

/// Whose settings the session has.
#[derive(Debug, Default)]
pub(crate) enum SessionSettings {
    /// Ours.
    #[default]
    Ours,
    /// A script's: those, if they were asked for since it may have changed them.
    Theirs(Option<Kept>),
    /// Ours; the script's are those.
    Kept(Kept),
}

/// The work connection, which runs every statement of a run.
pub(crate) struct WorkSession {
    connection: MySqlConnection,
    /// Counts what the server sends, and closes the connection.
    meter: Meter,
    ours: HostSettings,
    /// The database of the host, quoted.
    database: String,
    /// The mode in which the texts of callers begin, where it is not that of the host.
    callers_mode: Option<String>,
    /// The time zone in which the texts of scripts begin, where it is not that of the host.
    scripts_zone: Option<String>,
    settings: SessionSettings,
    /// A guest has said something since the session was last given the settings of the host, or was found to have them.
    is_unproven: bool,
}

/// Modes that were changed for a statement.
pub(crate) struct Changed {
    before: SessionSettings,
    mode: String,
}

/// Closes the connection for good where an answer could not be read: the driver would take the rest of it for the next one.
pub(crate) fn note_loss<T>(meter: &Meter, answer: &Result<T>) {
    if answer.as_ref().is_err_and(|error| error.kind == DatabaseErrorKind::Connection) {
        meter.close();
    }
}

impl WorkSession {
    /// Begins to work on a connection that was just made to a database.
    pub(crate) fn of(connection: MySqlConnection, server: &SessionFacts, database: &str) -> Self {
        Self {
            connection,
            meter: server.meter.clone(),
            ours: server.settings.clone(),
            database: server.facts.dialect.quote(database),
            callers_mode: server.callers_mode.clone(),
            scripts_zone: server.scripts_zone.clone(),
            settings: SessionSettings::Ours,
            is_unproven: false,
        }
    }

    /// The connection; what guests say is sent by the modules that ask for it. Fails once an answer could not be read.
    pub(crate) fn of_guests(&mut self) -> Result<&mut MySqlConnection> {
        match self.meter.is_broken() {
            true => Err(lost("an answer could not be read, so it was closed")),
            false => Ok(&mut self.connection),
        }
    }

    /// Ends the session.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
    }

    /// Records that a guest runs a statement.
    pub(crate) fn note_guest(&mut self) {
        self.is_unproven = true;
    }

    /// Whether a script is known to have left this database: then its names may be those of another one.
    pub(crate) fn is_outside(&self, database: Option<&str>) -> bool {
        matches!(&self.settings, SessionSettings::Theirs(Some(kept)) if kept.database.as_deref() != database)
    }

    /// Gives the session the settings of the role that runs the next statement.
    pub(crate) async fn settle(&mut self, role: Role) -> Result<()> {
        match (role, std::mem::take(&mut self.settings)) {
            // Where one fails, whatever is in force counts as a script's.
            (Role::Host, SessionSettings::Theirs(kept)) => {
                let kept = self.known(kept).await?;
                self.settings = SessionSettings::Theirs(Some(kept.clone()));
                self.run(self.establish(Some(&kept)).join("; ")).await?;
                self.settings = SessionSettings::Kept(kept);
            }
            (Role::Host, settings) if self.is_unproven => {
                self.settings = settings;
                self.run(self.establish(None).join("; ")).await?;
                self.is_unproven = false;
            }
            (Role::SqlScript | Role::Component, SessionSettings::Kept(kept)) => {
                let back = kept.restore(&self.ours).join("; ");
                self.settings = SessionSettings::Theirs(Some(kept));
                self.run(back).await?;
            }
            (Role::SqlScript | Role::Component, SessionSettings::Ours) => {
                let mode = self.callers_mode.as_deref().map(set_mode);
                // What a component reads and writes does not depend on the server.
                let zone = self.scripts_zone.as_ref().filter(|_| role == Role::SqlScript);
                let zone = zone.map(|zone| format!("SET SESSION time_zone = {}", literal(zone)));
                let set: Vec<String> = mode.into_iter().chain(zone).collect();
                if !set.is_empty() {
                    self.settings = SessionSettings::Theirs(None);
                    self.run(set.join("; ")).await?;
                }
            }
            (_, settings) => self.settings = settings,
        }
        Ok(())
    }

    /// Forgets what a script has set, at the end of its migration: the host makes the settings its own before it speaks again.
    pub(crate) fn forget(&mut self) {
        if !matches!(self.settings, SessionSettings::Ours) {
            self.settings = SessionSettings::Ours;
            self.is_unproven = true;
        }
    }

    /// The answers to one of our texts, in the settings that are in force.
    async fn answers_as_is(&mut self, text: &str) -> Result<Vec<Vec<MySqlRow>>> {
        let answers = self.of_guests()?.answers(text).await;
        note_loss(&self.meter, &answers);
        answers
    }

    /// The warnings of the statement before, which other statements may clear. Its list has no limit.
    pub(crate) async fn warnings(&mut self) -> Result<Vec<MySqlRow>> {
        let answers = self.answers_as_is("SHOW WARNINGS").await?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Runs one of our texts that means the same in all settings, sets the character set, and asks whose settings are
    /// in force from now on. A component's changes of settings are undone.
    pub(crate) async fn learn(&mut self, text: &str, role: Role) -> Result<Kept> {
        let mut all = format!("{text}; SET {}; {}", self.ours.names, self.ours.ask());
        if role == Role::Component {
            all = format!("{all}; {}", self.establish(None).join("; "));
        }
        let answers = self.answers_as_is(&all).await?;
        let kept = self.read(&answers)?;
        self.is_unproven = false;
        self.settings = match role {
            Role::Component => SessionSettings::Ours,
            _ => SessionSettings::Theirs(Some(kept.clone())),
        };
        Ok(kept)
    }

    /// Changes the modes of the session for one of our statements on the caller's behalf.
    pub(crate) async fn change_modes(&mut self, change: impl FnOnce(&mut Vec<&str>)) -> Result<Changed> {
        let kept = self.theirs().await?;
        let mode = kept.mode().to_owned();
        let mut modes: Vec<&str> = mode.split(',').filter(|mode| !mode.is_empty()).collect();
        change(&mut modes);
        let modes = modes.join(",");
        self.run(set_mode(&modes)).await?;
        let changed = SessionSettings::Theirs(Some(kept.with_mode(modes)));
        Ok(Changed { before: std::mem::replace(&mut self.settings, changed), mode })
    }

    /// Gives the session its modes again.
    pub(crate) async fn undo(&mut self, changed: Changed) -> Result<()> {
        self.settings = changed.before;
        self.run(set_mode(&changed.mode)).await.map(drop)
    }

    /// Establishes the settings of the host, which one of our texts has changed.
    pub(crate) async fn establish_ours(&mut self) -> Result<()> {
        self.run(self.establish(None).join("; ")).await.map(drop)
    }

    /// The statements before and after a text of the host. The server reads a statement only when those before it have run, so what
    /// follows is read in the character set that this begins with.
    async fn around(&mut self) -> Result<(Vec<String>, Vec<String>)> {
        match std::mem::take(&mut self.settings) {
            SessionSettings::Theirs(kept) => {
                let kept = self.known(kept).await?;
                let around = (self.establish(Some(&kept)), kept.restore(&self.ours));
                self.settings = SessionSettings::Theirs(Some(kept));
                Ok(around)
            }
            settings => {
                self.settings = settings;
                // What a trigger or a function does to them is not seen in every statement. The guest's may still follow, so this
                // proves nothing.
                let before = if self.is_unproven { self.establish(None) } else { Vec::new() };
                Ok((before, Vec::new()))
            }
        }
    }

    /// The statements that establish the settings of the host. `kept`: a script's, where they are in force.
    fn establish(&self, kept: Option<&Kept>) -> Vec<String> {
        let warnings = kept.map_or(&self.ours.warnings, |kept| &kept.warnings);
        vec![self.ours.set(warnings), format!("USE {}", self.database)]
    }

    /// The settings of a script, which are in force.
    async fn known(&mut self, kept: Option<Kept>) -> Result<Kept> {
        match kept {
            Some(kept) => Ok(kept),
            None => {
                // Where that fails, they stay in force.
                self.settings = SessionSettings::Theirs(None);
                self.theirs().await
            }
        }
    }

    async fn theirs(&mut self) -> Result<Kept> {
        let answers = self.answers_as_is(&self.ours.ask()).await?;
        self.read(&answers)
    }

    fn read(&self, answers: &[Vec<MySqlRow>]) -> Result<Kept> {
        let row = answers.iter().flatten().next().ok_or_else(unanswered)?;
        Ok(Kept::of(row, &self.ours))
    }
}

impl HostExecutor for WorkSession {
    /// A script's settings stay in force.
    async fn answers(&mut self, text: impl AsRef<str> + Send) -> Result<Vec<Vec<MySqlRow>>> {
        let (before, after) = self.around().await?;
        let all: Vec<&str> = before.iter().map(String::as_str).chain([text.as_ref()]).collect();
        let all: Vec<&str> = all.into_iter().chain(after.iter().map(String::as_str)).collect();
        let answers = self.answers_as_is(&all.join("; ")).await;
        if answers.is_err() && !after.is_empty() {
            // Where it failed the script's settings were not restored.
            if let SessionSettings::Theirs(Some(kept)) = &self.settings {
                self.settings = SessionSettings::Kept(kept.clone());
            }
        }
        let mut answers = answers?;
        answers.truncate(answers.len().saturating_sub(after.len()));
        answers.drain(..before.len().min(answers.len()));
        Ok(answers)
    }

    async fn run(&mut self, text: impl AsRef<str> + Send) -> Result<u64> {
        let done = self.of_guests()?.run(text).await;
        note_loss(&self.meter, &done);
        done
    }
}
