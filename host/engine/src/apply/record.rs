//! What a planned migration receives, and what is recorded of it: its history row and its outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::Direction;
use crate::apply::Engine;
use crate::call::Inputs;
use crate::clock;
use crate::history::{self, Record, State, declared_json};
use crate::journal::{Journal, Worker};
use crate::outcome::Done;
use crate::plan::{PlannedMigration, Source};
use crate::recorder::RunRecorder;
use crate::script::{Execution, LeftOut, RunContext, ScriptSource};
use runner_base::error::Result;
use runner_data::Value;
use runner_project::catalog::{Artifact, Kind};

impl Engine {
    /// Restricts the connection's statements in a component's role to what the operator grants this one.
    pub(super) async fn grant(&self, migration: &PlannedMigration) -> Result<()> {
        Ok(self.database.lock().await.set_grants(migration.grants.clone())?)
    }

    /// The run's recorded inputs, as the migration receives them.
    pub(super) fn context(&self, migration: &PlannedMigration, recorder: &Arc<RunRecorder>) -> RunContext {
        RunContext {
            database: self.database.clone(),
            events: self.events.clone(),
            stop: self.stop.clone(),
            revision: migration.revision.clone(),
            run_timestamp: self.identity.run_timestamp,
            seed: self.identity.seed,
            parameters: self.parameters.clone(),
            recorder: recorder.clone(),
            execution: Execution::Atomic,
            each_commits: migration.asks_for_steps(),
            control: self.control.clone(),
            trial: self.dry_run.as_ref().map(|dry_run| dry_run.trial.clone()),
            left_out: LeftOut {
                statements: migration.resume_after.unwrap_or(0),
                chunks_but: self.dry_run.as_ref().and_then(|dry_run| dry_run.chunks),
            },
            transforms: self.transforms.clone(),
            server_version: None,
            renames: migration.description.renames.clone(),
            grants: migration.grants.clone(),
        }
    }

    /// Returns a recorder that counts what the migration does and records what `verify` needs.
    pub(super) fn recorder(&self, migration: &PlannedMigration) -> RunRecorder {
        match (migration.kind, migration.direction) {
            (Kind::Component | Kind::Script, Direction::Up) => RunRecorder::recording_within(self.stored_call_bytes),
            _ => RunRecorder::default(),
        }
    }

    /// Returns what the migration receives. Of the parameters, SQL gets the values that were filled in.
    pub(super) fn inputs(&self, migration: &PlannedMigration, source: &ScriptSource, server_version: String) -> Inputs {
        let parameters = match source {
            ScriptSource::Component { .. } | ScriptSource::Script(_) => self.parameters.clone(),
            ScriptSource::Sql { template, .. } => {
                let values = template.iter().flat_map(|template| &template.values);
                Arc::new(values.map(|(name, value)| (name.clone(), Value::Text(value.clone()))).collect())
            }
        };
        let assets = match self.catalog.get(&migration.revision).map(|found| &found.artifact) {
            Some(Artifact::Component { assets, .. }) if migration.source == Source::Project => assets.clone(),
            Some(Artifact::Script(files)) if migration.source == Source::Project => files.digests.clone(),
            _ => BTreeMap::new(),
        };
        Inputs {
            sha256: migration.sha256.clone(),
            run_timestamp: self.identity.run_timestamp,
            seed: self.identity.seed,
            server_version,
            parameters,
            assets,
        }
    }

    /// Returns the context of a migration whose steps are recorded: it sees what its first run saw.
    pub(super) fn journalled(
        &self,
        migration: &PlannedMigration,
        recorder: &Arc<RunRecorder>,
        journal: &Arc<Journal>,
    ) -> RunContext {
        let inputs = journal.inputs();
        let context = self.context(migration, recorder);
        RunContext {
            // Completed steps are answered from the journal.
            left_out: LeftOut { statements: 0, ..context.left_out },
            run_timestamp: inputs.run_timestamp,
            seed: inputs.seed,
            parameters: inputs.parameters.clone(),
            execution: Execution::Journalled(journal.clone()),
            server_version: Some(inputs.server_version.clone()),
            ..context
        }
    }

    /// Returns the history row of a migration that was completed, or that begins.
    pub(super) fn record(
        &self,
        migration: &PlannedMigration,
        state: State,
        started: &Started,
        recorder: &RunRecorder,
    ) -> Record {
        let description = &migration.description;
        let work = work(started, recorder);
        Record {
            id: migration.record.unwrap_or_default(),
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            summary: description.summary.clone(),
            kind: migration.kind,
            sha256: migration.sha256.clone(),
            mode: migration.mode,
            declared: declared_json(description),
            state,
            started_at: started.at.clone(),
            finished_at: (state == State::Applied).then(clock::now),
            duration_ms: work.duration_ms,
            steps: work.steps,
            rows_read: work.rows_read,
            rows_written: work.rows_written,
            transcript: recorder.transcript_digest(),
            run_id: self.identity.run_id.clone(),
            run_timestamp: self.identity.run_timestamp,
            seed: self.identity.seed,
            applied_by: self.identity.applied_by.clone(),
            tool_version: self.identity.tool_version.clone(),
            ..Record::blank()
        }
    }

    /// Returns the run as journals record it.
    pub(super) fn worker(&self) -> Worker {
        Worker { run_id: self.identity.run_id.clone(), by: self.identity.applied_by.clone() }
    }

    pub(super) fn end(&self, started: &Started, recorder: &RunRecorder) -> history::End {
        let (by, run_id) = (self.identity.applied_by.clone(), self.identity.run_id.clone());
        let transcript = recorder.transcript_digest();
        history::End { at: clock::now(), by, run_id, work: work(started, recorder), transcript }
    }
}

/// When a migration began.
pub(super) struct Started {
    pub(super) at: String,
    pub(super) clock: Instant,
}

impl Started {
    pub(super) fn now() -> Self {
        Self { at: clock::now(), clock: Instant::now() }
    }
}

/// What a migration has done so far.
pub(super) fn work(started: &Started, recorder: &RunRecorder) -> history::Work {
    history::Work {
        duration_ms: u64::try_from(started.clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        steps: recorder.steps(),
        rows_read: recorder.rows_read(),
        rows_written: recorder.rows_written(),
    }
}

pub(super) fn done(migration: &PlannedMigration, started: &Started, recorder: &RunRecorder) -> Done {
    // The duration is that of this run, and so are the rows.
    let (rows_read, rows_written) = recorder.own_rows();
    Done {
        revision: migration.revision.clone(),
        name: migration.name.clone(),
        direction: migration.direction,
        kind: migration.kind,
        mode: migration.mode,
        isolation: migration.isolation,
        duration: started.clock.elapsed(),
        steps: recorder.steps(),
        rows_read,
        rows_written,
        transcript: recorder.transcript_digest(),
        retries: 0,
    }
}
