//! Plans what would run: a pure function of project, history, target and options. It touches no database and no file.

mod apply;
mod check;
mod grants;
mod modes;
mod refusal;
mod rollback;
mod stamp;
mod statements;
#[cfg(test)]
mod tests;

pub use apply::plan_apply;
pub use check::{check_dialect, check_kind, is_another, renumber, took_the_place};
pub use grants::{
    component_of_grants, granted_lines, grants_for, grants_to_paste, lacking, missing_grants, unconfined,
};
pub use refusal::{Refusal, file_of, refused};
pub use rollback::{plan_redo, plan_rollback};
pub use stamp::{Mark, plan_baseline, plan_stamp};
pub use statements::{HeldLock, Inspection, Statements, check_dry_run, inspect};

use std::sync::Arc;

use super::Direction;
use super::history::{History, Record, RunMode, State};
use super::target::{Candidates, Target, compare_revisions};
use crate::call::answer::Transformed;
use crate::isolation::Barrier;
use crate::journal::entry_name;
use runner_base::error::{Error, ErrorKind, Result, several};
use runner_database::{Dialect, Facts, Grants};
use runner_project::catalog::{Catalog, Description, Kind, Mode, Need};
use runner_project::migration_id;

/// What the operator allows, and where the plan is to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanOptions {
    /// Migrations older than the newest applied one may be applied.
    pub allow_out_of_order: bool,
    /// Applied revisions may be missing from the project.
    pub allow_missing: bool,
    /// One scratch database stands for all that the project names: see [`PlanOptions::on_scratch`].
    pub one_schema: bool,
}

impl PlanOptions {
    /// Returns the same for a scratch database: where schemas are databases, tables of all of them are there.
    #[must_use]
    pub fn on_scratch(self, dialect: Dialect) -> Self {
        Self { one_schema: dialect.schemas_are_databases(), ..self }
    }
}

/// The input of a plan.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The project's migrations.
    pub catalog: &'a Catalog,
    /// The history of the database.
    pub history: &'a History,
    /// What the server can do.
    pub facts: &'a Facts,
    /// What the operator allows.
    pub options: PlanOptions,
}

runner_base::named! {
    /// Where the bytes of a planned migration come from.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Source {
        /// The project's directory.
        Project = "project",
        /// The database, which kept them when the revision was applied.
        Database = "database",
    }
}

/// One migration to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMigration {
    /// The direction.
    pub direction: Direction,
    /// Its revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// How it is written.
    pub kind: Kind,
    /// The artifact's digest.
    pub sha256: String,
    /// How it commits.
    pub mode: RunMode,
    /// The description that it gives of itself.
    pub description: Description,
    /// Where its bytes come from.
    pub source: Source,
    /// Its history row, if it already has one.
    pub record: Option<i64>,
    /// The number of completed statements after which an interrupted run resumes.
    pub resume_after: Option<u64>,
    /// For a downgrade: the upgrade was interrupted, so the downgrade finds only part of it.
    pub broken: Option<Broken>,
    /// What a component may do with the database; `None`: what SQL may.
    pub grants: Option<Arc<Grants>>,
    /// What it needs and is not granted; empty until the plan was given the grants.
    pub not_granted: Vec<String>,
    /// The limits that it needs and that are set lower; empty until the plan was given them.
    pub above_limits: Vec<Need>,
    /// What holds a component back; `None` for SQL, and until the plan was given the grants.
    pub isolation: Option<Barrier>,
}

/// The progress of an interrupted upgrade that is rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Completed steps.
    pub steps: u64,
    /// A step that may or may not have taken effect.
    pub unknown: Option<u64>,
    /// What a transform in progress had committed.
    pub committed: Transformed,
}

impl Broken {
    /// Describes what took effect: `2 statements and 3 chunks of a transform (24,000 rows)`.
    pub fn shown(&self, kind: Kind) -> String {
        let (one, many) = if kind == Kind::Sql { ("statement", "statements") } else { ("step", "steps") };
        let mut text = self.committed.after(self.steps, one, many);
        if let Some(unknown) = self.unknown {
            text.push_str(&format!(", and perhaps {one} {unknown}"));
        }
        text
    }
}

impl PlannedMigration {
    /// Returns `REVISION_name`, as in files and messages.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// Whether an earlier run left its revision partly done.
    pub fn is_half_done(&self) -> bool {
        self.resume_after.is_some() || self.broken.is_some()
    }

    /// Whether it says itself that each of its statements commits by itself.
    pub fn asks_for_steps(&self) -> bool {
        let Description { mode, down_mode, .. } = &self.description;
        *mode == Mode::Stepwise || (self.direction == Direction::Down && *down_mode == Some(Mode::Stepwise))
    }
}

/// What would run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The migrations.
    pub steps: Vec<PlannedMigration>,
    /// The newest revision in force now, as `REVISION_name`.
    pub current: Option<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Fails if a component cannot do in its mode what it declares to need.
    fn check_modes(&self) -> Result<()> {
        let refused = self.steps.iter().filter(|migration| migration.kind.is_sandboxed()).filter_map(|migration| {
            check_mode(migration.mode, &migration.description).err().map(|error| error.at("migration", migration.id()))
        });
        several(refused.collect(), |count| format!("{count} components cannot run in their modes")).map_or(Ok(()), Err)
    }
}

/// Fails if a component with this description cannot run in this mode.
pub fn check_mode(mode: RunMode, description: &Description) -> Result<()> {
    if mode == RunMode::Stepwise && description.needs_table_rebuild() {
        return Err(Error::usage("a table can only be rebuilt in one transaction, and this migration runs stepwise")
            .hint("let `describe` request the mode `atomic`"));
    }
    Ok(())
}

/// Plans an upgrade or a downgrade, whichever leads from the current revision to the target.
pub fn plan_towards(input: &PlanInput<'_>, target: &Target) -> Result<Plan> {
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

/// Returns every revision that the text of a revision can refer to.
pub fn candidates<'a>(input: &PlanInput<'a>) -> Candidates<'a> {
    let project = input.catalog.migrations.iter().map(|migration| (&*migration.revision, &*migration.name));
    let history = input.history.live.iter().map(|record| (&*record.revision, &*record.name));
    // Names in the project take precedence, so they come last.
    history.chain(project).collect()
}

/// Returns how a migration commits on this server.
pub fn run_mode(description: &Description, facts: &Facts) -> RunMode {
    match description.mode {
        Mode::Atomic => RunMode::Atomic,
        Mode::Auto if facts.transactional_ddl => RunMode::Atomic,
        Mode::Auto | Mode::Stepwise => RunMode::Stepwise,
    }
}

/// Returns how the downgrade of a migration commits that was applied in a mode.
pub fn down_mode(description: &Description, applied: RunMode) -> RunMode {
    if description.down_mode == Some(Mode::Stepwise) { RunMode::Stepwise } else { applied }
}

/// The error for a revision that another command has to finish first.
fn half_done(record: &Record, verb: &str) -> Error {
    let error = Error::new(ErrorKind::Partial, format!("`{}` is only partly done", record.id()))
        .hint(format!("`runner {verb}` resumes it where it stopped"));
    match record.state {
        State::PartlyApplied => error.hint("`runner rollback` runs its downgrade on the part that took effect"),
        _ => error,
    }
}

/// Returns the number of steps after which an interrupted revision resumes.
fn resume_after(record: &Record) -> Result<u64> {
    let Some(unknown) = record.unknown_step else { return Ok(record.steps_done) };
    let one = if record.kind == Kind::Sql { "statement" } else { "step" };
    Err(Error::new(
        ErrorKind::Partial,
        format!(
            "it is unknown whether {} of `{}` took effect",
            entry_name(one, record.steps_done, unknown),
            record.id()
        ),
    )
    .cause(format!("a run ended after starting the {one} and before recording its result"))
    .hint(format!("`runner repair {}` shows what is known and records your decision", record.revision)))
}

/// Returns the progress of the interrupted upgrade that this record describes, for its rollback.
fn broken_upgrade(record: &Record) -> Option<Broken> {
    match record.state {
        State::PartlyApplied => {
            Some(Broken { steps: record.steps_done, unknown: record.unknown_step, committed: record.committed })
        }
        State::PartlyRolledBack if !record.was_whole() => Some(Broken { steps: record.steps, ..Broken::default() }),
        _ => None,
    }
}
