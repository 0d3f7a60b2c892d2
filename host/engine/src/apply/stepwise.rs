//! Runs a stepwise migration: every step commits by itself and is recorded in the journal. An interrupted one resumes
//! where it stopped.

use std::sync::Arc;

use super::opening::Opened;
use super::record::{Started, done, work};
use super::unfinished::{StoppedAt, after_a_change, not_begun, partial, stays_broken};
use super::{Engine, Failure, Request, StepResult};
use crate::Direction;
use crate::artifact::to_store;
use crate::call::Inputs;
use crate::clock::now;
use crate::history::{self, Numbers, State};
use crate::journal;
use crate::journal::crash;
use crate::plan::PlannedMigration;
use crate::recorder::RunRecorder;
use crate::run::Run;
use crate::script::ScriptSource;
use crate::settle::{Settled, settle};
use crate::transaction::{in_transaction, roll_back};
use crate::transcript::store::EvidenceOf;
use runner_base::error::{Error, Result};
use runner_database::{HostSession, ToolChange, TransactionOptions, UnitOfWork};
use runner_project::catalog::Kind;

impl Engine {
    /// Runs a stepwise migration.
    pub(super) async fn run_stepwise(
        &self,
        request: &Request,
        migration: &PlannedMigration,
        numbers: &Numbers,
    ) -> StepResult {
        // Loading may compile for seconds, so it comes before anything is recorded and is not timed.
        let (script, source) = self.load(migration).await.map_err(|error| not_begun(error, migration, None))?;
        let started = Started::now();
        let recorder = Arc::new(self.recorder(migration));
        let of = script.steps(migration.direction);
        // What is recorded before and after the migration is the host's.
        self.database.lock().await.set_grants(None).map_err(|error| not_begun(error.into(), migration, None))?;
        let opened = self
            .open((request, migration), &source, &started, (&recorder, numbers))
            .await
            .map_err(|error| not_begun(error, migration, of))?;
        let context = self.journalled(migration, &recorder, &opened.journal);
        let ran = match self.grant(migration).await {
            Ok(()) => script.run(migration.direction, &context).await,
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
            Ok(()) => self.close(database, migration, &source, &opened, &work, &recorder).await.err(),
            Err(error) if recorder.had_unknown_name() => Some(after_a_change(error, migration)),
            Err(error) => Some(error),
        };
        match failed {
            None => Ok(done(migration, &started, &recorder)),
            // Not even that it began is stored.
            Some(error) if opened.journal.is_unwritten().await => {
                let met_a_lock = recorder.had_lock_conflict() || error.is_transient;
                Err(Box::new(Failure { error, took_effect: None, met_a_lock }))
            }
            Some(error) => {
                let error = match opened.journal.flush(database).await {
                    Ok(()) => error,
                    Err(second) => error.cause(second.message),
                };
                let progress = opened.journal.progress().await;
                work.steps = progress.done;
                let may_go_on = progress.unknown.is_none() || progress.repeats;
                let met_a_lock = (recorder.had_lock_conflict() || error.is_transient) && may_go_on;
                let run = opened.journal.run();
                let committed = run.committed(database).await.unwrap_or_default();
                let stopped_at = StoppedAt { run, progress, of, committed };
                let failure = self.give_up(database, migration, &stopped_at, &work, error).await;
                Err(Box::new(Failure { met_a_lock, ..*failure }))
            }
        }
    }

    /// Records in history that the migration is complete.
    async fn close(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        source: &ScriptSource,
        opened: &Opened,
        work: &history::Work,
        recorder: &RunRecorder,
    ) -> Result<()> {
        let run = opened.journal.run();
        // Only of SQL that this run began may the last answer wait for the end. Without a statement nothing was stored yet.
        let waits = opened.is_new && migration.kind == Kind::Sql && migration.direction == Direction::Up;
        if !waits || opened.journal.is_unwritten().await {
            opened.journal.flush(database).await?;
        }
        let mut changes = if waits { opened.journal.take_pending().await } else { Vec::new() };
        match migration.direction {
            Direction::Down => changes.extend(history::ended(run.history, &self.end_of(work, recorder))),
            Direction::Up => {
                if !opened.is_new {
                    // SQL that was fixed between the runs.
                    changes.extend(self.kept(database, migration, source).await?);
                }
                changes.push(history::finished_stepwise(&self.completed(migration, run, work, recorder)));
                if migration.kind.is_sandboxed() {
                    // Those of the build that finished it.
                    let own = self.inputs(migration, source, String::new());
                    let first = opened.journal.inputs();
                    let inputs = match own.sha256 == first.sha256 {
                        true => first.clone(),
                        false => Inputs { sha256: own.sha256, assets: own.assets, ..first.clone() },
                    };
                    changes.extend(recorder.evidence(EvidenceOf::Run(run), &inputs));
                }
                if !opened.is_new {
                    changes.push(history::unused_artifacts(&migration.revision));
                }
            }
        }
        changes.extend(journal::trimmed(run));
        let committed = match migration.broken {
            None => database.commit(UnitOfWork::Apart(&changes)).await,
            Some(_) => {
                // What remains of an upgrade that was never completed.
                database.begin(TransactionOptions::default()).await?;
                if let Err(error) = run.give_up(database).await {
                    return Err(roll_back(database, error).await);
                }
                database.commit(UnitOfWork::Step(&changes)).await
            }
        };
        let state = if migration.direction == Direction::Up { State::Applied } else { State::RolledBack };
        let marker = history::in_state(run.history, state);
        match settle(database, committed, &marker, &self.stop).await {
            Settled::Committed { .. } => {
                opened.journal.settled().await;
                Ok(())
            }
            Settled::RolledBack(error) => Err(roll_back(database, history::unmade(error)).await),
            Settled::Unknown { error, why } => Err(Error::from(error).cause(why)),
        }
    }

    /// The history row of a completed upgrade.
    fn completed(
        &self,
        migration: &PlannedMigration,
        run: Run,
        work: &history::Work,
        recorder: &RunRecorder,
    ) -> history::Record {
        history::Record {
            id: run.history,
            duration_ms: work.duration_ms,
            rows_read: work.rows_read,
            rows_written: work.rows_written,
            ..self.record(migration, State::Applied, &Started::now(), recorder)
        }
    }

    /// The changes that store the artifact of an upgrade.
    pub(super) async fn kept(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        source: &ScriptSource,
    ) -> Result<Vec<ToolChange>> {
        let (stored, limit) = (to_store(source), self.stored_artifact_bytes);
        history::artifact_changes(database, &migration.revision, &migration.sha256, &stored, limit).await
    }

    fn end_of(&self, work: &history::Work, recorder: &RunRecorder) -> history::End {
        let (by, run_id) = (self.identity.applied_by.clone(), self.identity.run_id.clone());
        history::End { at: now(), by, run_id, work: *work, transcript: recorder.transcript_digest() }
    }

    /// Determines what remains of a failed migration; one of which nothing took effect leaves no trace.
    async fn give_up(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        stopped_at: &StoppedAt,
        work: &history::Work,
        error: Error,
    ) -> Box<Failure> {
        let error = match roll_back_quietly(database).await {
            Ok(()) => error,
            Err(second) => return partial(error.cause(second.message), migration, stopped_at, &[]),
        };
        let run = stopped_at.run;
        let seems_clean = stopped_at.progress.effects == 0 && stopped_at.progress.unknown.is_none();
        // A damaged journal may hold effects.
        if seems_clean && journal::damage(database, run).await.is_ok_and(|damage| damage.is_none()) {
            match self.clear(database, migration, run).await {
                Ok(true) if migration.broken.is_some() => return stays_broken(error, migration),
                Ok(true) => return error.into(),
                Ok(false) => {}
                Err(second) => return partial(error.cause(second.message), migration, stopped_at, &[]),
            }
        }
        let last =
            if stopped_at.of.is_none() { run.last_effects(database).await.unwrap_or_default() } else { Vec::new() };
        // The run that resumes it adds to it.
        match history::add_work(database, run.history, migration.direction, work).await {
            Ok(()) => {
                self.control.counted(database).await;
                partial(error, migration, stopped_at, &last)
            }
            Err(second) => partial(error.cause(second.message), migration, stopped_at, &last),
        }
    }

    /// Removes every trace of a migration that had no effect. Returns false if it had one, by another process that shared a
    /// transform.
    async fn clear(&self, database: &mut HostSession<'_>, migration: &PlannedMigration, run: Run) -> Result<bool> {
        in_transaction(database, async |database| {
            if run.close(database).await? {
                return Ok(false);
            }
            run.clear(database).await?;
            match migration.direction {
                Direction::Up => {
                    history::discard(database, run.history).await?;
                    history::make(database, [history::unused_artifacts(&migration.revision)]).await?;
                }
                Direction::Down if migration.broken.is_some() => {
                    run.resume(database).await?;
                    history::reopen(database, run.history, State::PartlyApplied).await?;
                }
                Direction::Down => history::reopen(database, run.history, State::Applied).await?,
            }
            Ok(true)
        })
        .await
    }
}

/// Ends a transaction that a failure left open.
async fn roll_back_quietly(database: &mut HostSession<'_>) -> Result<()> {
    Ok(database.rollback().await?)
}
