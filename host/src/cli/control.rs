//! What `pause`, `resume` and `cancel` share: finding the run, and saying something to it.

use super::context::{Context, Look};
use super::exit;
use crate::database::{Database, Dialect};
use crate::engine::control::look::{Overview, look_at_runs};
use crate::engine::control::orders::EVERYTHING;
use crate::engine::history::{self, History};
use crate::engine::identity::Identity;
use crate::engine::target::{Candidates, compare_revisions};
use crate::error::{Error, ErrorKind, Result};
use crate::report::json::ControlJson;
use crate::report::{Format, Text};
use crate::runtime;

/// A database that runs can be spoken to on.
pub struct Spoken<'a> {
    /// What the command works with.
    pub context: &'a Context,
    /// The connection.
    pub database: Box<dyn Database>,
    /// What is in force.
    pub history: History,
    /// The runs, before anything was said to them.
    pub overview: Overview,
    /// The revision that was named.
    pub revision: Option<String>,
    /// Who speaks: `user@host`.
    pub by: String,
}

/// What was said, for people and for programs.
pub struct Said {
    /// Whether anything was changed.
    pub changed: bool,
    /// What to tell.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Spoken<'_> {
    /// The revision that was named, or everything.
    pub fn scope(&self) -> &str {
        self.revision.as_deref().unwrap_or(EVERYTHING)
    }

    /// Whether a run is under way that what is said would reach.
    pub fn is_meant(&self, revision: &str) -> bool {
        self.revision.as_deref().is_none_or(|meant| compare_revisions(meant, revision).is_eq())
    }

    /// The name of the run that has the lock, or of another that is under way.
    pub fn run(&self) -> Option<&str> {
        let told = self.overview.alive().map(|seen| seen.row.owner.as_str()).next();
        self.overview.holder.as_deref().or(told)
    }

    /// An error of writing down what is said. Where the whole file is locked by a transaction, nobody can be spoken to.
    pub fn unsaid(&self, error: Error) -> Error {
        if error.kind != ErrorKind::LockTimeout || self.database.facts().dialect != Dialect::Sqlite {
            return error;
        }
        let run = self.run().unwrap_or("another program");
        let refused = Error::new(
            ErrorKind::LockTimeout,
            "the file is locked by a transaction, so nothing can be said to its run",
        )
        .at("run", run)
        .cause(error.message);
        match process_of(run) {
            Some(process) => {
                refused.hint(format!("`kill -TERM {process}` on its host stops it at its next safe point"))
            }
            None => refused.hint("try again when the transaction is over"),
        }
    }
}

/// Finds the runs, speaks to them, and tells what came of it. `verb` is that of the command line.
pub fn run(
    context: &Context,
    verb: &'static str,
    revision: Option<&str>,
    say: impl AsyncFnOnce(&mut Spoken<'_>) -> Result<Said>,
) -> Result<u8> {
    runtime::run(async {
        let looked = context.look(Look::Live).await?;
        let nothing = || {
            let error = Error::failed(format!("nothing was ever applied here, so there is no run to {verb}"));
            context.place(error.hint("look at the database URL; `runner apply` begins"))
        };
        let mut database = looked.database.ok_or_else(nothing)?;
        let is_there = history::is_there(&mut database.host()).await.map_err(|error| context.place(error))?;
        let overview =
            look_at_runs(&mut database.host(), &looked.history).await.map_err(|error| context.place(error))?;
        if !is_there {
            return Err(match &overview.holder {
                Some(holder) => context.place(
                    Error::failed("the first run on this database has just begun, and cannot be spoken to yet")
                        .at("run", holder)
                        .hint("try again in a moment, or stop its process"),
                ),
                None => nothing(),
            });
        }
        let revision = revision.map(|wanted| resolve(context, &looked.history, wanted)).transpose()?;
        let by = Identity::now().applied_by;
        let mut spoken = Spoken { context, database, history: looked.history, overview, revision, by };
        let said = say(&mut spoken).await.map_err(|error| context.place(error))?;
        tell(&mut spoken, verb, &said).await?;
        Ok(exit::DONE)
    })
}

/// A revision of the project or of the history.
fn resolve(context: &Context, history: &History, wanted: &str) -> Result<String> {
    let report = context.inspect()?;
    let of_project = report.catalog.migrations.iter().map(|it| (&*it.revision, &*it.name));
    let only_history = history.live.iter().filter(|record| report.catalog.get(&record.revision).is_none());
    let all = of_project.chain(only_history.map(|record| (&*record.revision, &*record.name)));
    let candidates: Candidates<'_> = all.collect();
    // As runs call it, who have it from the project.
    Ok(candidates.resolve(wanted)?.to_owned())
}

async fn tell(spoken: &mut Spoken<'_>, verb: &'static str, said: &Said) -> Result<()> {
    let context = spoken.context;
    let printer = &context.printer;
    match printer.format() {
        Format::Json => {
            let now = look_at_runs(&mut spoken.database.host(), &spoken.history)
                .await
                .map_err(|error| context.place(error))?;
            let revision = spoken.revision.clone();
            printer.json(&ControlJson::new(verb, context.database_json(), revision, said.changed, &now));
        }
        Format::Text => {
            printer.talk(&Text::new().plain(&said.message).end());
            if let Some(hint) = &said.hint {
                printer.talk(&Text::new().add(crate::report::text::HINT, "hint").plain(": ").plain(hint).end());
            }
        }
    }
    Ok(())
}

/// The number of the process in the name of a run.
fn process_of(owner: &str) -> Option<u32> {
    let (_, rest) = owner.split_once("process ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_of_a_run_is_in_its_name() {
        let owner = Identity::now().lock_owner("apply");
        assert_eq!(process_of(&owner), Some(std::process::id()));
        assert_eq!(process_of("another process"), None);
    }
}
