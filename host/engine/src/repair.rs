//! Records an operator's decision about an interrupted revision: whether the unknown step took effect, or which of its
//! two
//! versions the database is at. The decision is kept, with its author and reason.
//!
//! # What the database is asked, and what the operator decides
//!
//! The database is asked first, and nothing is guessed (`journal::resolve`). For what cannot be known, one command
//! shows it and writes nothing, or records one of five decisions with a reason: a step is to be tried again, is done,
//! is skipped; the revision is applied, or is not. It takes the lock without waiting: after a wait, the unknown step
//! may be another one. To roll a partial upgrade back runs the whole downgrade on what exists, since only its author
//! knows whether it can; it has a journal of its own, and if it fails before anything took effect, the upgrade can
//! still be completed. The artifact is stored when a migration begins, so that a lost build does not prevent that.
//!
//! Rejected: `--resume-at N`, a number that means two opposite things one apart; a flag for the rollback of a partial
//! upgrade, which becomes a habit; to run only the downgrade's statements that match, for which there is no mapping; a
//! prompt, since runs have no terminal.

use std::fmt;
use std::time::Duration;

use super::Direction;
use super::history::{self, Record, Repair, State, Stored, Work, declared_json};
use super::plan::{check_kind, is_another};
use super::target::{Candidates, compare_revisions};
use crate::artifact::kept_values;
use crate::clock::now;
use crate::identity::Identity;
use crate::journal;
use crate::journal::{Decision, Head, Unknown, entry_name};
use crate::run::Run;
use crate::transaction::in_transaction;
use runner_base::error::{Error, Result};
use runner_database::{Database, HostSession, LockRequest, StopSignal};
use runner_project::catalog::{Catalog, Kind, Migration};
use runner_project::migration_id;

/// An operator's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairAction {
    /// The step did not take effect: the next run executes it.
    Retry,
    /// The step took effect and affected this many rows.
    MarkDone {
        /// Rows affected, if the component needs a number.
        rows: Option<u64>,
    },
    /// The step did not take effect and is to be skipped.
    Skip,
    /// The whole revision is in the database.
    AsApplied,
    /// No part of the revision is in the database.
    AsNotApplied,
}

impl RepairAction {
    /// The name of the flag without its dashes, as kept in history.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::MarkDone { .. } => "mark-done",
            Self::Skip => "skip",
            Self::AsApplied => "as-applied",
            Self::AsNotApplied => "as-not-applied",
        }
    }

    /// Whether it concerns a step rather than the revision.
    fn is_of_step(self) -> bool {
        matches!(self, Self::Retry | Self::MarkDone { .. } | Self::Skip)
    }
}

impl fmt::Display for RepairAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{}", self.name())
    }
}

/// The decision to record.
#[derive(Clone, Debug)]
pub struct RepairDecision {
    /// The action.
    pub action: RepairAction,
    /// The step it concerns; `None` for the unknown step.
    pub step: Option<u64>,
    /// The reason.
    pub why: String,
}

/// What is known about an interrupted revision.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Its history row.
    pub record: Record,
    /// Its direction.
    pub direction: Direction,
    /// The end of its journal and the run that wrote it; `None` if the journal has lost that.
    pub head: Option<Head>,
    /// The step that began and has no recorded answer.
    pub unknown: Option<Unknown>,
    /// What the database contains under the names in that step's statement.
    pub found: Vec<String>,
    /// The damage to its journal, if any.
    pub damage: Option<Error>,
    /// The last steps with an effect.
    pub effects: Vec<String>,
    /// Earlier decisions.
    pub repairs: Vec<Repair>,
}

impl Survey {
    /// Returns `statement` or `step`, singular and plural.
    pub fn units(&self) -> (&'static str, &'static str) {
        if self.record.kind == Kind::Sql { ("statement", "statements") } else { ("step", "steps") }
    }

    /// What is unknown: `statement 2`, or `the transaction of statements 2 to 5`.
    pub fn name_of(&self, unknown: &Unknown) -> String {
        entry_name(self.units().0, self.record.steps_done, unknown.step)
    }

    /// The command that continues the revision.
    pub fn verb(&self) -> &'static str {
        if self.direction == Direction::Up { "apply" } else { "rollback" }
    }

    /// Returns the possible decisions and what follows from each.
    pub fn choices(&self) -> Vec<(RepairAction, String)> {
        let (verb, revision) = (self.verb(), self.record.id());
        let mut choices = Vec::new();
        if let Some(unknown) = &self.unknown {
            let name = self.name_of(unknown);
            choices.push((
                RepairAction::Retry,
                format!("{name} did not take effect: the next `runner {verb}` runs it again"),
            ));
            let answer = match unknown.answers_rows_affected() {
                true => "0 rows affected, or the number given by `--rows-affected`",
                false => "no rows: not suitable if the component needs them",
            };
            let recorded = match self.record.kind {
                Kind::Sql => "it is recorded as done".to_owned(),
                Kind::Component | Kind::Script => format!("it is recorded with {answer}"),
            };
            choices.push((
                RepairAction::MarkDone { rows: None },
                format!("{name} took effect: {recorded}, and the next `runner {verb}` continues after it"),
            ));
            choices.push((
                RepairAction::Skip,
                format!("{name} did not take effect and should not: it is recorded as skipped, with 0 rows"),
            ));
        }
        choices.push((
            RepairAction::AsApplied,
            format!("all of `{revision}` is in the database, completed by hand: history records it as applied"),
        ));
        choices.push((
            RepairAction::AsNotApplied,
            format!(
                "nothing of `{revision}` is left in the database, undone by hand: history records it as rolled back"
            ),
        ));
        choices
    }
}

/// Surveys the interrupted revision. `wanted` is a revision, a name, or a prefix of either.
pub async fn survey(database: &mut dyn Database, wanted: Option<&str>, catalog: &Catalog) -> Result<Survey> {
    let database = &mut database.host();
    let history = history::read(database).await?;
    let record = find(&history, wanted, catalog)?.clone();
    let direction = if record.state == State::PartlyApplied { Direction::Up } else { Direction::Down };
    let run = Run { history: record.id, direction };
    let damage = journal::damage(database, run).await?;
    let repairs = history::read_repairs(database).await?;
    let unknown = journal::unknown(database, run).await?;
    let found = match &unknown {
        Some(unknown) => journal::named_objects(database, &unknown.statement).await?,
        None => Vec::new(),
    };
    Ok(Survey {
        direction,
        head: journal::head(database, run).await.ok(),
        unknown,
        found,
        damage,
        effects: run.last_effects(database).await?,
        repairs: repairs.into_iter().filter(|repair| repair.history == record.id).collect(),
        record,
    })
}

/// Finds the partial revision that `wanted` refers to.
fn find<'a>(history: &'a history::History, wanted: Option<&str>, catalog: &Catalog) -> Result<&'a Record> {
    let Some(wanted) = wanted else {
        return history.partial().ok_or_else(|| {
            Error::usage("no revision is partial, so there is nothing to repair")
                .hint("`runner status` shows the state of each revision")
        });
    };
    let live = history.live.iter().map(|record| (&*record.revision, &*record.name));
    let project = catalog.migrations.iter().map(|migration| (&*migration.revision, &*migration.name));
    let candidates: Candidates<'_> = live.chain(project).collect();
    let revision = candidates.resolve(wanted)?;
    let (id, state) = match history.get(revision) {
        Some(record) if record.state.is_partial() => return Ok(record),
        Some(record) => (record.id(), "applied"),
        None => {
            let migration = catalog.migrations.iter().find(|it| compare_revisions(&it.revision, revision).is_eq());
            (migration.map_or_else(|| revision.to_owned(), |it| migration_id(&it.revision, &it.name)), "pending")
        }
    };
    let error = Error::usage(format!("`{id}` is {state} and not partial, so there is nothing to repair"));
    Err(match history.partial() {
        Some(record) => error.hint(format!("`{}` is partial", record.id())),
        None => error.hint("`runner status` shows the state of each revision"),
    })
}

/// Records an operator's decision and returns what it concerned. Refused while a run is active: the step that looks
/// unknown may be the one it is executing.
pub async fn repair(
    database: &mut dyn Database,
    wanted: Option<&str>,
    catalog: &Catalog,
    order: &RepairDecision,
    identity: &Identity,
) -> Result<Repair> {
    // The revision must exist in any case: report a mistake before requesting the lock.
    survey(database, wanted, catalog).await?;
    let owner = identity.lock_owner("repair");
    let lock = LockRequest { wait: Duration::ZERO, run_id: identity.run_id.clone(), owner };
    database.lock(&lock, &StopSignal::default(), &|_| {}).await.map_err(|error| {
        Error::from(error)
            .cause("a repair does not wait for the lock: the state that it concerns may have changed by then")
    })?;
    let repaired = repair_locked(database, wanted, catalog, order, identity).await;
    let unlocked = database.unlock().await;
    let repaired = repaired?;
    unlocked?;
    Ok(repaired)
}

async fn repair_locked(
    database: &mut dyn Database,
    wanted: Option<&str>,
    catalog: &Catalog,
    order: &RepairDecision,
    identity: &Identity,
) -> Result<Repair> {
    let survey = survey(database, wanted, catalog).await?;
    let database = &mut database.host();
    let unknown = step_of(&survey, order)?;
    let rows = match order.action {
        RepairAction::MarkDone { rows } => rows.or(unknown.filter(|it| it.answers_rows_affected()).map(|_| 0)),
        RepairAction::Skip => Some(0),
        _ => None,
    };
    let repair = Repair {
        history: survey.record.id,
        direction: survey.direction.to_string(),
        step: unknown.map(|unknown| unknown.step),
        action: order.action.name().to_owned(),
        statement: unknown.map(|unknown| unknown.statement.clone()).unwrap_or_default(),
        rows,
        why: order.why.clone(),
        at: now(),
        by: identity.applied_by.clone(),
        run_id: identity.run_id.clone(),
    };
    in_transaction(database, async |database| {
        write(database, &survey, unknown, order, identity, catalog).await?;
        history::add_repair(database, &repair).await
    })
    .await?;
    Ok(repair)
}

/// Returns the step that the decision concerns, if it concerns one.
fn step_of<'a>(survey: &'a Survey, order: &RepairDecision) -> Result<Option<&'a Unknown>> {
    let id = survey.record.id();
    let (one, _) = survey.units();
    if !order.action.is_of_step() {
        return match order.step {
            None => Ok(None),
            Some(_) => Err(Error::usage(format!("`{}` concerns all of `{id}`, not a single {one}", order.action))
                .hint("omit the number")),
        };
    }
    let Some(unknown) = &survey.unknown else {
        let error = Error::usage(format!("no {one} of `{id}` is unknown, so `{}` does not apply", order.action));
        return Err(match survey.record.committed.chunks {
            0 => error.hint(format!(
                "it stopped after {one} {}: `runner {}` continues there",
                survey.record.steps_done,
                survey.verb()
            )),
            _ => error
                .hint(format!("it stopped in a transform: `runner {}` continues after its last chunk", survey.verb())),
        });
    };
    if order.step.is_some_and(|step| step != unknown.step) {
        return Err(Error::usage(format!("the unknown {one} of `{id}` is {}", unknown.step))
            .hint(format!("give that number, or none: `runner repair {}` shows the {one}", survey.record.revision)));
    }
    if matches!(order.action, RepairAction::MarkDone { rows: Some(_) }) && !unknown.answers_rows_affected() {
        return Err(Error::usage(format!(
            "{one} {} is a query, which returns rows and not a number of affected rows",
            unknown.step
        ))
        .hint("without `--rows-affected` no rows are recorded as its answer"));
    }
    Ok(Some(unknown))
}

async fn write(
    database: &mut HostSession<'_>,
    survey: &Survey,
    unknown: Option<&Unknown>,
    order: &RepairDecision,
    identity: &Identity,
    catalog: &Catalog,
) -> Result<()> {
    let run = Run { history: survey.record.id, direction: survey.direction };
    let decision = match order.action {
        RepairAction::Retry => Decision::Retry,
        RepairAction::MarkDone { rows } => Decision::Done { rows: rows.unwrap_or_default() },
        RepairAction::Skip => Decision::Skip,
        RepairAction::AsApplied | RepairAction::AsNotApplied => {
            return settle(database, survey, order, identity, catalog).await;
        }
    };
    match unknown {
        Some(unknown) => journal::decide(database, run, unknown, decision).await,
        None => Ok(()),
    }
}

/// Records in history that the revision is at one of its two versions.
async fn settle(
    database: &mut HostSession<'_>,
    survey: &Survey,
    order: &RepairDecision,
    identity: &Identity,
    catalog: &Catalog,
) -> Result<()> {
    let record = &survey.record;
    if order.action == RepairAction::AsApplied {
        // From here on, the project's version counts as applied.
        let migration = catalog.get(&record.revision);
        if let Some(migration) = migration {
            check_same(migration, record)?;
        }
        let sha256 = migration.map_or(&record.sha256, |it| &it.sha256);
        let declared =
            migration.map_or_else(|| record.declared.clone(), |migration| declared_json(&migration.description));
        history::set_applied(database, record.id, sha256, &declared, &now(), &order.why).await?;
        if let Some((up, down)) = migration.map(Migration::read_sql).transpose()?.flatten() {
            let values = kept_values(database, &record.revision, &record.sha256).await;
            let stored = Stored::Sql { up: up.clone(), down: down.cloned(), values };
            let kept = history::artifact_changes(database, &record.revision, sha256, &stored, KEPT).await?;
            history::make(database, kept).await?;
        }
        history::make(database, [history::unused_artifacts(&record.revision)]).await?;
    } else {
        if survey.direction == Direction::Up {
            let work = Work { steps: record.steps_done, ..Work::default() };
            history::add_work(database, record.id, Direction::Up, &work).await?;
        }
        let (by, run_id) = (identity.applied_by.clone(), identity.run_id.clone());
        let end = history::End { at: now(), by, run_id, work: Work::default(), transcript: String::new() };
        history::make(database, history::ended(record.id, &end)).await?;
        history::set_reason(database, record.id, &order.why).await?;
    }
    Run { history: record.id, direction: survey.direction }.give_up(database).await
}

/// Fails if the project's migration cannot be what was completed by hand: recorded as applied, it would never run. A corrected file has
/// another digest too, so its name and kind decide.
fn check_same(migration: &Migration, record: &Record) -> Result<()> {
    if migration.sha256 == record.sha256 {
        return Ok(());
    }
    if migration.name != record.name {
        let error = is_another(migration, record);
        return Err(error.hint(format!("if it is the same migration, give its files the name `{}` again", record.id())));
    }
    check_kind(migration, record)
}

/// The largest pair of SQL files kept with a revision that was completed by hand: no file is larger.
const KEPT: u64 = 4 << 20;
