//! A migration of which every step commits by itself, recorded in the journal. One that broke off is taken up where it stood.

use std::sync::Arc;

use super::atomic::roll_back;
use super::record::{Started, done, work};
use super::{Engine, Failure, StepResult};
use crate::database::{DatabaseErrorKind, HostSession, TransactionOptions};
use crate::engine::Direction;
use crate::engine::artifact::to_store;
use crate::engine::call::answer::Transformed;
use crate::engine::clock::now;
use crate::engine::history::{self, RunMode, State};
use crate::engine::journal;
use crate::engine::journal::{Journal, StepProgress, crash};
use crate::engine::outcome::TookEffect;
use crate::engine::plan::PlannedMigration;
use crate::engine::recorder::RunRecorder;
use crate::engine::run::Run;
use crate::engine::script::ScriptSource;
use crate::error::{Error, ErrorKind, Result};
use crate::project::catalog::Kind;

/// A step that is under way: its journal, and what history knew of it before.
pub(super) struct Opened {
    journal: Arc<Journal>,
    /// Steps, rows read and rows written by earlier runs, which history has counted already.
    before: history::Work,
}

/// Where a step stands that broke off.
struct Stands {
    run: Run,
    progress: StepProgress,
    /// How many steps it takes, if that is known.
    of: Option<u64>,
    /// What a transform under way has committed.
    committed: Transformed,
}

impl Engine {
    /// Runs a step whose every call commits by itself.
    pub(super) async fn run_stepwise(&self, step: &PlannedMigration) -> StepResult {
        check_mode(step)?;
        // Loading may compile for seconds: before anything is noted, and before the clock.
        let (script, source) = self.load(step).await.map_err(|error| not_begun(error, step, None))?;
        let started = Started::now();
        let recorder = Arc::new(self.recorder(step));
        let of = script.steps(step.direction);
        let opened = self.open(step, &source, &started, &recorder).await.map_err(|error| not_begun(error, step, of))?;
        let context = self.journalled(step, &recorder, &opened.journal);
        let ran = script.run(step.direction, &context).await;
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        // What broke the run matters more than what is said about its last transaction and its temporary tables.
        let rolled_back = database.rollback().await.map_err(Error::from);
        let dropped = database.drop_temporary().await.map_err(Error::from);
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
            Some(error) => {
                let progress = opened.journal.progress().await;
                work.steps = progress.done;
                let met_a_lock = recorder.met_a_lock() && progress.unknown.is_none();
                let run = opened.journal.run();
                let committed = run.committed(database).await.unwrap_or_default();
                let stands = Stands { run, progress, of, committed };
                let failure = self.give_up(database, step, &stands, &work, error).await;
                Err(Box::new(Failure { met_a_lock, ..*failure }))
            }
        }
    }

    /// Makes history and journal say that the step is under way, or takes up the journal of one that broke off.
    async fn open(
        &self,
        step: &PlannedMigration,
        source: &ScriptSource,
        started: &Started,
        recorder: &RunRecorder,
    ) -> Result<Opened> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        if let (Some(history), Some(_)) = (step.record, step.resume_after) {
            return self.resume(database, step, history).await;
        }
        if let Some(broken) = &step.broken {
            let message = format!(
                "its upgrade had broken off: {} took effect, and its downgrade runs on that",
                broken.shown(step.kind)
            );
            self.warn(&step.revision, message);
        }
        let inputs = self.inputs(step, database.facts().version.clone());
        database.begin(TransactionOptions::default()).await?;
        let write = async |database: &mut HostSession<'_>| -> Result<Journal> {
            let history = match step.record {
                Some(record) => {
                    if let Some(broken) = &step.broken {
                        // The upgrade's journal goes with the downgrade; history keeps how far it had come.
                        let work = history::Work { steps: broken.steps, ..history::Work::default() };
                        history::add_work(database, record, Direction::Up, &work).await?;
                        Run { history: record, direction: Direction::Up }.suspend(database).await?;
                    }
                    history::reopen(database, record, State::PartlyRolledBack).await?;
                    record
                }
                None => {
                    // What broke off can be rolled back whatever becomes of the project's file.
                    self.keep(database, step, source).await?;
                    history::insert(database, &self.record(step, State::PartlyApplied, started, recorder)).await?;
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
                Ok(Opened { journal: Arc::new(journal), before: history::Work::default() })
            }
            Err(error) => Err(roll_back(database, error).await),
        }
    }

    async fn resume(&self, database: &mut HostSession<'_>, step: &PlannedMigration, history: i64) -> Result<Opened> {
        let run = Run { history, direction: step.direction };
        let resumed = Journal::resume(database, run, step.kind, &step.sha256, &self.worker(), &self.stop).await?;
        for warning in resumed.warnings {
            self.warn(&step.revision, warning);
        }
        let inputs = resumed.journal.inputs();
        if step.kind == Kind::Component && inputs.parameters != self.parameters {
            let message = "its first run had other parameters, and it goes on with those".to_owned();
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
        Ok(Opened { journal: Arc::new(resumed.journal), before })
    }

    /// Makes history say that the step is done.
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
                        // What is left of an upgrade that was never brought to its end.
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
                    if step.kind == Kind::Component {
                        recorder.write_evidence(database, run, opened.journal.inputs()).await?;
                    }
                    // SQL that was mended on the way.
                    history::drop_unused_artifacts(database, &step.revision).await?;
                }
            }
            run.trim(database).await
        };
        database.begin(TransactionOptions::default()).await?;
        if let Err(error) = write(database).await {
            return Err(roll_back(database, error).await);
        }
        let Err(error) = database.commit().await else { return Ok(()) };
        if error.kind != DatabaseErrorKind::Connection {
            return Err(error.into());
        }
        // The answer to the commit got lost: history tells what came of it.
        database.reconnect().await?;
        let rows = history::read(database).await?;
        let row = rows.live.iter().find(|row| row.id == run.history);
        let is_done = match step.direction {
            Direction::Up => row.is_some_and(|row| row.state == State::Applied),
            Direction::Down => row.is_none(),
        };
        if is_done { Ok(()) } else { Err(error.into()) }
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

    /// Says what stays of a step that failed; one of which nothing took effect leaves no trace.
    async fn give_up(
        &self,
        database: &mut HostSession<'_>,
        step: &PlannedMigration,
        stands: &Stands,
        work: &history::Work,
        error: Error,
    ) -> Box<Failure> {
        let error = match roll_back_quietly(database).await {
            Ok(()) => error,
            Err(second) => return partial(error.cause(second.message), step, stands, &[]),
        };
        let run = stands.run;
        let seems_clean = stands.progress.effects == 0 && stands.progress.unknown.is_none();
        // Of a journal that is not whole nobody can say that it holds no effect.
        if seems_clean && journal::damage(database, run).await.is_ok_and(|damage| damage.is_none()) {
            match self.clear(database, step, run).await {
                Ok(true) if step.broken.is_some() => return stays_broken(error, step),
                Ok(true) => return error.into(),
                Ok(false) => {}
                Err(second) => return partial(error.cause(second.message), step, stands, &[]),
            }
        }
        let last = if stands.of.is_none() { run.last_effects(database).await.unwrap_or_default() } else { Vec::new() };
        // The run that goes on adds to it.
        match history::add_work(database, run.history, step.direction, work).await {
            Ok(()) => partial(error, step, stands, &last),
            Err(second) => partial(error.cause(second.message), step, stands, &last),
        }
    }

    /// Takes away every trace of a step that had no effect. False: it had one, by another process that shared a transform.
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

/// Refuses what a migration cannot do in the mode it asks for.
pub(super) fn check_mode(step: &PlannedMigration) -> Result<()> {
    let is_stepwise = step.mode == RunMode::Stepwise;
    if is_stepwise && step.kind == Kind::Component && step.description.needs_table_rebuild() {
        return Err(Error::usage("a table can only be rebuilt in one transaction, and this migration runs stepwise")
            .hint("have `describe` ask for the mode `atomic`"));
    }
    Ok(())
}

/// The failure of a step that could not be begun, or not be taken up: then it stays half done.
fn not_begun(error: Error, step: &PlannedMigration, of: Option<u64>) -> Box<Failure> {
    let took_effect = step.resume_after.map(|steps| TookEffect { steps, of, ..TookEffect::default() });
    Box::new(Failure { error, took_effect, met_a_lock: false })
}

/// The error of a statement that the database did not understand, where that may come of what happened between two runs.
fn after_a_change(error: Error, step: &PlannedMigration) -> Error {
    let (verb, revision) = match step.direction {
        Direction::Up => ("apply", &step.revision),
        Direction::Down => ("rollback", &step.revision),
    };
    if step.resume_after.is_none() || error.kind == ErrorKind::Mismatch {
        return error;
    }
    error.hint(format!(
        "if what it misses was there when the run before broke off, the schema was changed since: bring it back as it was and \
         run `runner {verb}`, or say with `runner repair {revision}` at which version the database is"
    ))
}

/// The failure of a downgrade that did nothing to what broke off on its way up.
fn stays_broken(mut error: Error, step: &PlannedMigration) -> Box<Failure> {
    error.kind = match error.kind {
        kind @ (ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::Mismatch) => kind,
        _ => ErrorKind::Partial,
    };
    let revision = &step.revision;
    let error = match step.kind {
        Kind::Sql => error.hint(format!(
            "the downgrade meets a part of the upgrade: have it cope with what is not there (`IF EXISTS`), mending \
             `{}.down.sql`, and run `runner rollback` again",
            step.id()
        )),
        Kind::Component => error.hint(format!(
            "the downgrade meets a part of the upgrade, and this one does not cope with it: bring the database to one of its \
             two versions by hand, and say which it is with `runner repair {revision}`"
        )),
    };
    error.hint("`runner apply` finishes the upgrade instead").into()
}

/// Ends a transaction that a failure has left open.
async fn roll_back_quietly(database: &mut HostSession<'_>) -> Result<()> {
    Ok(database.rollback().await?)
}

/// The failure of a step that stays half done.
fn partial(mut error: Error, step: &PlannedMigration, stands: &Stands, last: &[String]) -> Box<Failure> {
    let Stands { progress, of, committed, .. } = stands;
    let of = *of;
    // That something is half done matters more than why; only a signal has a code of its own, and what does not fit together.
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
            .hint(format!("nobody knows whether {one} {unknown} took effect, unless the database shows it to `runner {verb}`"))
            .hint(format!(
                "`runner repair {}` shows what is known of it, and takes your word for what became of it",
                step.revision
            )),
        (None, _) if error.kind == ErrorKind::Mismatch => error,
        (None, None) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => {
            error.hint(format!("what took effect stays; `runner {verb}` with the same build of the component goes on there"))
        }
        (None, Some(_)) => error.hint(format!(
            "{took_effect} took effect, and that stays; mend the cause, or the statements from {} on, and run \
             `runner {verb}` to go on there",
            progress.done + 1
        )),
        (None, None) => error.hint(format!(
            "{took_effect} took effect or were answered, and that stays; mend the cause, and run `runner {verb}` with the same \
             build of the component to go on there"
        )),
    };
    Box::new(Failure { error, took_effect: Some(took_effect), met_a_lock: false })
}
