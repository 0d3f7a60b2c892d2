//! Runs a stepwise migration: every step commits by itself and is recorded in the journal. An interrupted one resumes
//! where it stopped.

use std::sync::Arc;

use super::atomic::roll_back;
use super::record::{Started, done, work};
use super::{Engine, Failure, Request, StepResult};
use crate::database::{DatabaseErrorKind, Facts, HostSession, ToolChange, TransactionOptions};
use crate::engine::Direction;
use crate::engine::artifact::{as_text, to_store};
use crate::engine::call::Inputs;
use crate::engine::call::answer::Transformed;
use crate::engine::clock::now;
use crate::engine::history::{self, Numbers, RunMode, State};
use crate::engine::journal;
use crate::engine::journal::{Build, Journal, StepProgress, Successor, crash};
use crate::engine::outcome::TookEffect;
use crate::engine::plan::PlannedMigration;
use crate::engine::recorder::RunRecorder;
use crate::engine::run::Run;
use crate::engine::script::ScriptSource;
use crate::error::{Error, ErrorKind, Result};
use crate::project::catalog::Kind;

/// A migration in progress: its journal, and what history recorded of it before.
pub(super) struct Opened {
    journal: Arc<Journal>,
    /// Steps, rows read and rows written by earlier runs, which history has already counted.
    before: history::Work,
    /// No other run has worked at it, so that what history keeps of its artifact is its own.
    is_new: bool,
}

/// The progress of an interrupted migration.
struct StoppedAt {
    run: Run,
    progress: StepProgress,
    /// Its number of steps, if known.
    of: Option<u64>,
    /// What an unfinished transform has committed.
    committed: Transformed,
}

impl Engine {
    /// Runs a stepwise migration.
    pub(super) async fn run_stepwise(
        &self,
        request: &Request,
        step: &PlannedMigration,
        numbers: &Numbers,
    ) -> StepResult {
        check_mode(step)?;
        // Loading may compile for seconds, so it comes before anything is recorded and is not timed.
        let (script, source) = self.load(step).await.map_err(|error| not_begun(error, step, None))?;
        let started = Started::now();
        let recorder = Arc::new(self.recorder(step));
        let of = script.steps(step.direction);
        // What is recorded before and after the migration is the host's.
        self.database.lock().await.set_grants(None).map_err(|error| not_begun(error.into(), step, None))?;
        let opened = self
            .open((request, step), &source, &started, (&recorder, numbers))
            .await
            .map_err(|error| not_begun(error, step, of))?;
        let context = self.journalled(step, &recorder, &opened.journal);
        let ran = match self.grant(step).await {
            Ok(()) => script.run(step.direction, &context).await,
            Err(error) => Err(error),
        };
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        // The error that ended the run matters more than errors of its last transaction and its temporary tables.
        let rolled_back = database.rollback().await.map_err(Error::from);
        let dropped = database.drop_temporary().await.map_err(Error::from);
        let dropped = dropped.and(database.connection().set_grants(None).map_err(Error::from));
        let ended = match ran.and(rolled_back).and(dropped) {
            Ok(()) => opened.journal.end(database).await,
            Err(error) => Err(error),
        };
        let mut work = work(&started, &recorder);
        work.rows_read = work.rows_read.saturating_sub(opened.before.rows_read);
        work.rows_written = work.rows_written.saturating_sub(opened.before.rows_written);
        crash::point();
        let failed = match ended {
            Ok(()) => self.close(database, step, &source, &opened, &work, &recorder).await.err(),
            Err(error) if recorder.missed_something() => Some(after_a_change(error, step)),
            Err(error) => Some(error),
        };
        match failed {
            None => Ok(done(step, &started, &recorder)),
            // Not even that it began is stored.
            Some(error) if opened.journal.is_unwritten().await => {
                let met_a_lock = recorder.met_a_lock();
                Err(Box::new(Failure { error, took_effect: None, met_a_lock }))
            }
            Some(error) => {
                let error = match opened.journal.flush(database).await {
                    Ok(()) => error,
                    Err(second) => error.cause(second.message),
                };
                let progress = opened.journal.progress().await;
                work.steps = progress.done;
                let met_a_lock = recorder.met_a_lock() && progress.unknown.is_none();
                let run = opened.journal.run();
                let committed = run.committed(database).await.unwrap_or_default();
                let stopped_at = StoppedAt { run, progress, of, committed };
                let failure = self.give_up(database, step, &stopped_at, &work, error).await;
                Err(Box::new(Failure { met_a_lock, ..*failure }))
            }
        }
    }

    /// Records in history and journal that the migration has begun, or resumes the journal of an interrupted one.
    async fn open(
        &self,
        (request, step): (&Request, &PlannedMigration),
        source: &ScriptSource,
        started: &Started,
        (recorder, numbers): (&RunRecorder, &Numbers),
    ) -> Result<Opened> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        if let (Some(history), Some(_)) = (step.record, step.resume_after) {
            let successor = self.successor(request, step, (database.facts(), source), history);
            return self.resume(database, step, source, (history, successor)).await;
        }
        if let Some(broken) = &step.broken {
            let message = format!(
                "its upgrade was interrupted: {} took effect, and its downgrade runs on that",
                broken.shown(step.kind)
            );
            self.warn(&step.revision, message);
        }
        let inputs = self.inputs(step, source, database.facts().version.clone());
        if step.record.is_none()
            && step.kind == Kind::Sql
            && let number @ 1.. = numbers.next(database).await?
        {
            // What a row is numbered need not be asked, so that nothing is stored before the first statement.
            let record = self.record(step, State::PartlyApplied, started, recorder);
            let record = history::Record { id: number, ..record };
            let mut changes = self.kept(database.facts(), step, source);
            changes.push(history::inserted(&record));
            let run = Run { history: number, direction: step.direction };
            let (worker, facts) = (self.worker(), database.facts());
            let journal = Journal::begun(facts, run, step.kind, inputs, &worker, &self.stop, changes);
            return Ok(Opened { journal: Arc::new(journal), before: history::Work::default(), is_new: true });
        }
        database.begin(TransactionOptions::default()).await?;
        let write = async |database: &mut HostSession<'_>| -> Result<Journal> {
            let history = match step.record {
                Some(record) => {
                    if let Some(broken) = &step.broken {
                        // The downgrade deletes the upgrade's journal; history keeps its progress.
                        let work = history::Work { steps: broken.steps, ..history::Work::default() };
                        history::add_work(database, record, Direction::Up, &work).await?;
                        Run { history: record, direction: Direction::Up }.suspend(database).await?;
                    }
                    history::reopen(database, record, State::PartlyRolledBack).await?;
                    record
                }
                None => {
                    // An interrupted migration can be rolled back whatever happens to the project's file.
                    self.keep(database, step, source).await?;
                    history::insert(database, &self.record(step, State::PartlyApplied, started, recorder)).await?;
                    numbers.forget();
                    let history = history::read(database).await?;
                    let row = history.get(&step.revision);
                    row.ok_or_else(|| Error::failed("history has lost the row just written"))?.id
                }
            };
            let run = Run { history, direction: step.direction };
            Journal::create(database, run, step.kind, inputs, &self.worker(), &self.stop).await
        };
        match write(database).await {
            Ok(journal) => {
                database.commit().await?;
                Ok(Opened {
                    journal: Arc::new(journal),
                    before: history::Work::default(),
                    is_new: step.record.is_none(),
                })
            }
            Err(error) => Err(roll_back(database, error).await),
        }
    }

    async fn resume(
        &self,
        database: &mut HostSession<'_>,
        step: &PlannedMigration,
        source: &ScriptSource,
        (history, successor): (i64, Option<Successor>),
    ) -> Result<Opened> {
        let run = Run { history, direction: step.direction };
        check_values(database, run, source).await?;
        let build = Build { sha256: &step.sha256, successor };
        let resumed = Journal::resume(database, run, (step.kind, build), &self.worker(), &self.stop).await?;
        for warning in resumed.warnings {
            self.warn(&step.revision, warning);
        }
        let inputs = resumed.journal.inputs();
        if step.kind.is_sandboxed() && inputs.parameters != self.parameters {
            let message = "its first run had other parameters, which remain in use".to_owned();
            self.warn(&step.revision, message);
        }
        let rows = history::read(database).await?;
        let row = rows.live.iter().find(|row| row.id == history);
        let before = row.map(|row| match step.direction {
            Direction::Up => (row.rows_read, row.rows_written),
            Direction::Down => {
                (row.rolled_back_rows_read.unwrap_or_default(), row.rolled_back_rows_written.unwrap_or_default())
            }
        });
        let (rows_read, rows_written) = before.unwrap_or_default();
        let before = history::Work { rows_read, rows_written, ..history::Work::default() };
        Ok(Opened { journal: Arc::new(resumed.journal), before, is_new: false })
    }

    /// Records in history that the migration is complete.
    async fn close(
        &self,
        database: &mut HostSession<'_>,
        step: &PlannedMigration,
        source: &ScriptSource,
        opened: &Opened,
        work: &history::Work,
        recorder: &RunRecorder,
    ) -> Result<()> {
        let run = opened.journal.run();
        let write = async |database: &mut HostSession<'_>| -> Result<()> {
            match step.direction {
                Direction::Down => {
                    history::end(database, run.history, &self.end_of(work, recorder)).await?;
                    if step.broken.is_some() {
                        // What remains of an upgrade that was never completed.
                        return run.give_up(database).await;
                    }
                }
                Direction::Up => {
                    let mut record = self.record(step, State::Applied, &Started::now(), recorder);
                    record.id = run.history;
                    record.duration_ms = work.duration_ms;
                    record.rows_read = work.rows_read;
                    record.rows_written = work.rows_written;
                    self.keep(database, step, source).await?;
                    history::finish_stepwise(database, &record).await?;
                    if step.kind.is_sandboxed() {
                        // Those of the build that finished it.
                        let own = self.inputs(step, source, String::new());
                        let first = opened.journal.inputs();
                        let inputs = match own.sha256 == first.sha256 {
                            true => first.clone(),
                            false => Inputs { sha256: own.sha256, assets: own.assets, ..first.clone() },
                        };
                        recorder.write_evidence(database, run, &inputs).await?;
                    }
                    // SQL that was fixed between the runs.
                    history::drop_unused_artifacts(database, &step.revision).await?;
                }
            }
            run.trim(database).await
        };
        let committed = if opened.is_new && step.kind == Kind::Sql && step.direction == Direction::Up {
            let mut record = self.record(step, State::Applied, &Started::now(), recorder);
            record.id = run.history;
            record.duration_ms = work.duration_ms;
            record.rows_read = work.rows_read;
            record.rows_written = work.rows_written;
            let mut changes = opened.journal.take_pending().await;
            changes.push(history::finished_stepwise(&record));
            changes.extend(journal::trimmed(run));
            database.record(&changes).await
        } else {
            opened.journal.flush(database).await?;
            database.begin(TransactionOptions::default()).await?;
            if let Err(error) = write(database).await {
                return Err(roll_back(database, error).await);
            }
            database.commit().await
        };
        let Err(error) = committed else {
            opened.journal.settled().await;
            return Ok(());
        };
        if error.is_unexpected_rows() {
            return Err(history::unmade(error));
        }
        if error.kind != DatabaseErrorKind::Connection {
            return Err(error.into());
        }
        // The answer to the commit was lost: history shows whether it took effect.
        database.reconnect().await?;
        let rows = history::read(database).await?;
        let row = rows.live.iter().find(|row| row.id == run.history);
        let is_done = match step.direction {
            Direction::Up => row.is_some_and(|row| row.state == State::Applied),
            Direction::Down => row.is_none(),
        };
        if !is_done {
            return Err(error.into());
        }
        opened.journal.settled().await;
        Ok(())
    }

    /// As [`Self::keep`], as changes.
    pub(super) fn kept(&self, facts: &Facts, step: &PlannedMigration, source: &ScriptSource) -> Vec<ToolChange> {
        let (stored, limit) = (to_store(source), self.stored_artifact_bytes);
        history::stored_artifacts(facts, &step.revision, &step.sha256, &stored, limit)
    }

    /// Stores the artifact of an upgrade.
    async fn keep(&self, database: &mut HostSession<'_>, step: &PlannedMigration, source: &ScriptSource) -> Result<()> {
        let (stored, limit) = (to_store(source), self.stored_artifact_bytes);
        history::store_artifact(database, &step.revision, &step.sha256, &stored, limit).await.map(drop)
    }

    fn end_of(&self, work: &history::Work, recorder: &RunRecorder) -> history::End {
        let (by, run_id) = (self.identity.applied_by.clone(), self.identity.run_id.clone());
        history::End { at: now(), by, run_id, work: *work, transcript: recorder.transcript_digest() }
    }

    /// Determines what remains of a failed migration; one of which nothing took effect leaves no trace.
    async fn give_up(
        &self,
        database: &mut HostSession<'_>,
        step: &PlannedMigration,
        stopped_at: &StoppedAt,
        work: &history::Work,
        error: Error,
    ) -> Box<Failure> {
        let error = match roll_back_quietly(database).await {
            Ok(()) => error,
            Err(second) => return partial(error.cause(second.message), step, stopped_at, &[]),
        };
        let run = stopped_at.run;
        let seems_clean = stopped_at.progress.effects == 0 && stopped_at.progress.unknown.is_none();
        // A damaged journal may hold effects.
        if seems_clean && journal::damage(database, run).await.is_ok_and(|damage| damage.is_none()) {
            match self.clear(database, step, run).await {
                Ok(true) if step.broken.is_some() => return stays_broken(error, step),
                Ok(true) => return error.into(),
                Ok(false) => {}
                Err(second) => return partial(error.cause(second.message), step, stopped_at, &[]),
            }
        }
        let last =
            if stopped_at.of.is_none() { run.last_effects(database).await.unwrap_or_default() } else { Vec::new() };
        // The run that resumes it adds to it.
        match history::add_work(database, run.history, step.direction, work).await {
            Ok(()) => partial(error, step, stopped_at, &last),
            Err(second) => partial(error.cause(second.message), step, stopped_at, &last),
        }
    }

    /// Removes every trace of a migration that had no effect. Returns false if it had one, by another process that shared a
    /// transform.
    async fn clear(&self, database: &mut HostSession<'_>, step: &PlannedMigration, run: Run) -> Result<bool> {
        database.begin(TransactionOptions::default()).await?;
        match run.close(database).await {
            Ok(false) => {}
            Ok(true) => return Ok(database.rollback().await.map(|()| false)?),
            Err(error) => return Err(roll_back(database, error).await),
        }
        let write = async |database: &mut HostSession<'_>| -> Result<()> {
            run.clear(database).await?;
            match step.direction {
                Direction::Up => {
                    history::discard(database, run.history).await?;
                    history::drop_unused_artifacts(database, &step.revision).await
                }
                Direction::Down if step.broken.is_some() => {
                    run.resume(database).await?;
                    history::reopen(database, run.history, State::PartlyApplied).await
                }
                Direction::Down => history::reopen(database, run.history, State::Applied).await,
            }
        };
        match write(database).await {
            Ok(()) => Ok(database.commit().await.map(|()| true)?),
            Err(error) => Err(roll_back(database, error).await),
        }
    }
}

/// Rejects to resume SQL whose parameters had other values when it began: one part of it would be made with the old ones, and
/// another with the new.
async fn check_values(database: &mut HostSession<'_>, run: Run, source: &ScriptSource) -> Result<()> {
    let ScriptSource::Sql { template: Some(template), .. } = source else { return Ok(()) };
    let (began, _) = journal::first_inputs(database, run).await?;
    let is_other = |(name, value): &(&String, &String)| match began.parameters.get(*name) {
        Some(before) => as_text(before) != **value,
        // A fixed file names it for the first time.
        None => false,
    };
    let names: Vec<String> = template.values.iter().filter(is_other).map(|(name, _)| format!("`{name}`")).collect();
    let what = match names.as_slice() {
        [] => return Ok(()),
        [one] => format!("the parameter {one} had another value when the interrupted migration began"),
        several => {
            format!("the parameters {} had other values when the interrupted migration began", several.join(", "))
        }
    };
    Err(Error::mismatch(what).hint("give the values that it began with, and run the command again to resume").hint(
        match run.direction {
            Direction::Up => "or undo it: `runner rollback` runs its downgrade with the values that it began with",
            Direction::Down => "or complete it by hand, and record that with `runner repair`",
        },
    ))
}

/// Rejects what a migration cannot do in its mode.
pub(super) fn check_mode(step: &PlannedMigration) -> Result<()> {
    let is_stepwise = step.mode == RunMode::Stepwise;
    if is_stepwise && step.kind.is_sandboxed() && step.description.needs_table_rebuild() {
        return Err(Error::usage("a table can only be rebuilt in one transaction, and this migration runs stepwise")
            .hint("let `describe` request the mode `atomic`"));
    }
    Ok(())
}

/// The failure of a migration that could not be started or resumed; in the latter case it stays partly done.
fn not_begun(error: Error, step: &PlannedMigration, of: Option<u64>) -> Box<Failure> {
    let took_effect = step.resume_after.map(|steps| TookEffect { steps, of, ..TookEffect::default() });
    Box::new(Failure { error, took_effect, met_a_lock: false })
}

/// The error of a statement that the database did not understand, where a change between two runs may be the reason.
fn after_a_change(error: Error, step: &PlannedMigration) -> Error {
    let (verb, revision) = match step.direction {
        Direction::Up => ("apply", &step.revision),
        Direction::Down => ("rollback", &step.revision),
    };
    if step.resume_after.is_none() || error.kind == ErrorKind::Mismatch {
        return error;
    }
    error.hint(format!(
        "if the missing object existed when the earlier run was interrupted, the schema was changed since: restore it and run \
         `runner {verb}`, or record the state of the database with `runner repair {revision}`"
    ))
}

/// The failure of a downgrade that changed nothing of an interrupted upgrade.
fn stays_broken(mut error: Error, step: &PlannedMigration) -> Box<Failure> {
    error.kind = match error.kind {
        kind @ (ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) => kind,
        _ => ErrorKind::Partial,
    };
    let revision = &step.revision;
    let error = match step.kind {
        Kind::Sql => error.hint(format!(
            "only part of the upgrade took effect: make the downgrade of `{}` handle missing objects \
             (`IF EXISTS`), and run `runner rollback` again",
            step.id()
        )),
        Kind::Component | Kind::Script => error.hint(format!(
            "only part of the upgrade took effect, and the downgrade does not handle that: bring the database to the state \
             before or after the migration by hand, and record which with `runner repair {revision}`"
        )),
    };
    error.hint("`runner apply` finishes the upgrade instead").into()
}

/// Ends a transaction that a failure left open.
async fn roll_back_quietly(database: &mut HostSession<'_>) -> Result<()> {
    Ok(database.rollback().await?)
}

/// The failure of a migration that stays partly done.
fn partial(mut error: Error, step: &PlannedMigration, stopped_at: &StoppedAt, last: &[String]) -> Box<Failure> {
    let StoppedAt { progress, of, committed, .. } = stopped_at;
    let of = *of;
    // That it is partly done matters more than why. Only a signal and a mismatch keep their own exit codes.
    if !matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) {
        error.kind = ErrorKind::Partial;
    }
    let verb = if step.direction == Direction::Up { "apply" } else { "rollback" };
    let took_effect = TookEffect { steps: progress.done, of, chunks: committed.chunks, rows: committed.rows_written };
    for effect in last {
        error = error.cause(format!("took effect: {effect}"));
    }
    let one = if of.is_some() { "statement" } else { "step" };
    let error = match (&progress.unknown, of) {
        (Some((unknown, _)), _) => error
            .hint(format!("it is unknown whether {one} {unknown} took effect, unless `runner {verb}` can tell from the database"))
            .hint(format!(
                "`runner repair {}` shows what is known and records your decision",
                step.revision
            )),
        (None, _) if error.kind == ErrorKind::Mismatch => error,
        (None, None) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => {
            error.hint(format!("what took effect stays; `runner {verb}` with the same build of the component resumes there"))
        }
        (None, Some(_)) => error.hint(format!(
            "{took_effect} took effect and stay; fix the cause, or the statements from {} on, and run `runner {verb}` to \
             resume there",
            progress.done + 1
        )),
        (None, None) => error.hint(format!(
            "{took_effect} took effect or were answered, and stay; fix the cause, and run `runner {verb}` with the same \
             build of the component to resume there"
        )),
    };
    Box::new(Failure { error, took_effect: Some(took_effect), met_a_lock: false })
}
