//! What would run: a pure function of project, history, target and options. Nothing here touches a database or a file.

mod apply;
mod check;
mod rollback;
mod statements;
#[cfg(test)]
mod tests;

pub use apply::plan_apply;
pub use rollback::{plan_redo, plan_rollback};
pub use statements::{Statements, StepLook, check_rehearsal, inspect};

use super::Direction;
use super::history::{History, Record, RunMode};
use super::target::{Candidates, Target, compare_revisions};
use crate::database::Facts;
use crate::error::{Error, Result};
use crate::project::catalog::{Catalog, Description, Kind, Migration};

/// What the operator allows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Migrations older than the newest applied one may be applied.
    pub allow_out_of_order: bool,
    /// Applied revisions may be missing from the project.
    pub allow_missing: bool,
    /// The statement, counted from 1, with which a broken-off revision goes on; for one whose state is unknown.
    pub resume_at: Option<u64>,
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The project's migrations.
    pub catalog: &'a Catalog,
    /// What the database remembers.
    pub history: &'a History,
    /// What the server can do.
    pub facts: &'a Facts,
    /// What the operator allows.
    pub options: Options,
}

/// Where the bytes of a step come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The project's folder.
    Project,
    /// The database, which kept them when the revision was applied.
    Database,
}

/// One migration to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which way.
    pub direction: Direction,
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// How it is written.
    pub kind: Kind,
    /// The artifact's digest.
    pub sha256: String,
    /// How it is committed.
    pub mode: RunMode,
    /// What it says of itself.
    pub description: Description,
    /// Where its bytes come from.
    pub source: Source,
    /// Its row of history, where there is one already.
    pub record: Option<i64>,
    /// A broken-off run is taken up behind that many statements.
    pub resume_after: Option<u64>,
}

impl Step {
    /// `REVISION_name`, as files and messages spell it.
    pub fn id(&self) -> String {
        format!("{}_{}", self.revision, self.name)
    }
}

/// What would run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The migrations.
    pub steps: Vec<Step>,
    /// The newest revision in force now, as `REVISION_name`.
    pub current: Option<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Up or down, whichever leads from here to the target.
pub fn plan_towards(input: &Input<'_>, target: &Target) -> Result<Plan> {
    let down = match target {
        Target::Base | Target::Back(_) => true,
        Target::Latest | Target::Next | Target::Current | Target::Forward(_) => false,
        Target::Revision(text) => {
            let revision = candidates(input).resolve(text)?;
            let newest = input.history.newest();
            input.history.get(revision).is_some()
                && newest.is_some_and(|newest| compare_revisions(revision, &newest.revision).is_lt())
        }
    };
    if down { plan_rollback(input, target) } else { plan_apply(input, target) }
}

/// Everything that a revision's text may mean.
pub fn candidates<'a>(input: &Input<'a>) -> Candidates<'a> {
    let project = input.catalog.migrations.iter().map(|migration| (&*migration.revision, &*migration.name));
    let history = input.history.live.iter().map(|record| (&*record.revision, &*record.name));
    // The project's names win: they come last.
    history.chain(project).collect()
}

/// How a migration is committed on this server.
fn run_mode(migration: &Migration, facts: &Facts) -> Result<RunMode> {
    use crate::project::catalog::Mode;
    let mode = match migration.description.mode {
        Mode::Atomic => RunMode::Atomic,
        Mode::Auto if facts.transactional_ddl => RunMode::Atomic,
        Mode::Auto | Mode::Stepwise => RunMode::Stepwise,
    };
    Ok(mode)
}

/// The error for a revision that another verb has to finish first.
fn half_done(record: &Record, verb: &str) -> Error {
    Error::new(crate::error::ErrorKind::Partial, format!("`{}` is only half done", record.id()))
        .hint(format!("`runner {verb}` takes it up where it broke off"))
}

/// Behind how many statements a broken-off revision goes on.
fn resume_after(record: &Record, options: &Options, verb: &str) -> Result<u64> {
    let done = record.steps_done;
    let one = if record.kind == Kind::Sql { "statement" } else { "step" };
    match (record.unknown_step, options.resume_at) {
        (None, None) => Ok(done),
        (None, Some(_)) => {
            Err(Error::usage(format!("it is known where `{}` broke off: behind {one} {done}", record.id()))
                .hint("leave `--resume-at` out"))
        }
        (Some(unknown), Some(at)) if at == unknown || at == unknown + 1 => Ok(at - 1),
        (Some(unknown), at) => {
            let kind = crate::error::ErrorKind::Partial;
            let message = format!("nobody knows whether {one} {unknown} of `{}` took effect", record.id());
            let error = Error::new(kind, message).cause(format!(
                "the run `{}` ended after it had begun the {one} and before it could note its success",
                record.run_id
            ));
            let error = match at {
                Some(at) => error.cause(format!("`--resume-at {at}` fits neither case")),
                None => error,
            };
            Err(error
                .hint(format!("look into the database; if it took effect: `runner {verb} --resume-at {}`", unknown + 1))
                .hint(format!("if it did not: `runner {verb} --resume-at {unknown}`")))
        }
    }
}
