//! What `pause`, `resume` and `cancel` share: finding the active runs and reporting what changed.

use super::context::{Context, HistoryDetail};
use super::exit;
use runner_base::error::{Error, ErrorKind, Result};
use runner_base::runtime;
use runner_database::{Database, TransactionOptions};
use runner_engine::control::overview::{Overview, read_runs};
use runner_engine::control::requests::EVERYTHING;
use runner_engine::history::{self, History};
use runner_engine::identity::Identity;
use runner_engine::target::{Candidates, compare_revisions};
use runner_engine::throttle::Pause;
use runner_report::json::ControlJson;
use runner_report::{Format, Text};

/// A database whose runs can be controlled.
pub struct ControlSession<'a> {
    /// What the command works with.
    pub context: &'a Context,
    /// The connection.
    pub database: Box<dyn Database>,
    /// Its history.
    pub history: History,
    /// The runs before the command.
    pub overview: Overview,
    /// The revision that was given.
    pub revision: Option<String>,
    /// Who controls them: `user@host`.
    pub by: String,
}

/// What a command changed.
pub struct ControlOutcome {
    /// Whether anything was changed.
    pub changed: bool,
    /// A message for the user.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl ControlSession<'_> {
    /// The given revision, or everything.
    pub fn scope(&self) -> &str {
        self.revision.as_deref().unwrap_or(EVERYTHING)
    }

    /// Whether the command is about this revision.
    pub fn includes(&self, revision: &str) -> bool {
        self.revision.as_deref().is_none_or(|given| compare_revisions(given, revision).is_eq())
    }

    /// Whether the pause is the one that the command is about.
    pub fn means(&self, pause: &Pause) -> bool {
        match (&self.revision, &pause.revision) {
            (Some(given), Some(paused)) => compare_revisions(given, paused).is_eq(),
            (given, paused) => given == paused,
        }
    }

    /// The name of the run that holds the lock, or of another active one.
    pub fn run(&self) -> Option<&str> {
        let other = self.overview.alive().map(|seen| seen.row.owner.as_str()).next();
        self.overview.holder.as_ref().map(|holder| holder.name.as_str()).or(other)
    }

    /// On SQLite, keeps the run from writing until [`Self::commit`], and reads it again: this may have waited for its
    /// transactions until it ended.
    pub async fn hold(&mut self) -> Result<()> {
        if self.database.facts().dialect.has_server() {
            return Ok(());
        }
        let held = self.database.host().begin(TransactionOptions::default()).await;
        held.map_err(|error| self.unreachable(error.into()))?;
        self.history = history::read(&mut self.database.host()).await?;
        self.overview = read_runs(&mut self.database.host(), &self.history).await?;
        Ok(())
    }

    /// Lets the run continue, with the order that was written.
    pub async fn commit(&mut self) -> Result<()> {
        if self.database.facts().dialect.has_server() {
            return Ok(());
        }
        Ok(self.database.host().commit_or_roll_back().await?)
    }

    /// Explains an error of storing a request: a transaction on SQLite locks the whole file.
    pub fn unreachable(&self, error: Error) -> Error {
        if error.kind != ErrorKind::LockTimeout || self.database.facts().dialect.has_server() {
            return error;
        }
        let run = self.run().unwrap_or("another program");
        let refused =
            Error::new(ErrorKind::LockTimeout, "the run cannot be reached: its transaction locks the database file")
                .at("run", run)
                .cause(error.message);
        match process_of(run) {
            Some(process) => {
                refused.hint(format!("`kill -TERM {process}` on its host stops it at its next safe point"))
            }
            None => refused.hint("try again when the transaction has ended"),
        }
    }
}

/// Finds the runs, calls `act`, and reports the outcome. `verb` is the name of the command.
pub fn run(
    context: &Context,
    verb: &'static str,
    revision: Option<&str>,
    act: impl AsyncFnOnce(&mut ControlSession<'_>) -> Result<ControlOutcome>,
) -> Result<u8> {
    runtime::run(async {
        let looked = context.open(HistoryDetail::Live).await?;
        let nothing = || {
            let error = Error::failed(format!("no run to {verb}: nothing has been applied to this database"));
            context.place(error.hint("check the database URL"))
        };
        let mut database = looked.database.ok_or_else(nothing)?;
        let is_there = history::is_there(&mut database.host()).await.map_err(|error| context.place(error))?;
        let overview = read_runs(&mut database.host(), &looked.history).await.map_err(|error| context.place(error))?;
        if !is_there {
            return Err(match &overview.holder {
                Some(holder) => context.place(
                    Error::failed("the first run on this database has just started and cannot be controlled yet")
                        .at("run", &holder.name)
                        .hint("try again in a moment, or stop its process"),
                ),
                None => nothing(),
            });
        }
        let revision = revision.map(|wanted| resolve(context, &looked.history, wanted)).transpose()?;
        let by = Identity::now().applied_by;
        let mut session = ControlSession { context, database, history: looked.history, overview, revision, by };
        let outcome = act(&mut session).await.map_err(|error| context.place(error))?;
        report(&mut session, verb, &outcome).await?;
        Ok(exit::DONE)
    })
}

/// A revision of the project or the history.
fn resolve(context: &Context, history: &History, wanted: &str) -> Result<String> {
    let report = context.inspect()?;
    let of_project = report.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name));
    let only_history = history.live.iter().filter(|record| report.catalog.get(&record.revision).is_none());
    let all = of_project.chain(only_history.map(|record| (&*record.revision, &*record.name)));
    let candidates: Candidates<'_> = all.collect();
    // Runs use the spelling of the project.
    Ok(candidates.resolve(wanted)?.to_owned())
}

async fn report(session: &mut ControlSession<'_>, verb: &'static str, outcome: &ControlOutcome) -> Result<()> {
    let context = session.context;
    let printer = &context.printer;
    match printer.format() {
        Format::Json => {
            let now = read_runs(&mut session.database.host(), &session.history)
                .await
                .map_err(|error| context.place(error))?;
            let revision = session.revision.clone();
            printer.json(&ControlJson::new(verb, context.database_json(), revision, outcome.changed, &now));
        }
        Format::Text => {
            printer.info(&Text::new().plain(&outcome.message).end());
            if let Some(hint) = &outcome.hint {
                printer.info(&Text::new().add(runner_report::styled::HINT, "hint").plain(": ").plain(hint).end());
            }
        }
    }
    Ok(())
}

/// The process id in the name of a run.
fn process_of(owner: &str) -> Option<u32> {
    let (_, rest) = owner.split_once("process ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_run_contains_its_process_id() {
        let owner = Identity::now().lock_owner("apply");
        assert_eq!(process_of(&owner), Some(std::process::id()));
        assert_eq!(process_of("another process"), None);
    }
}
