//! Helps while waiting for the lock: while another process runs a transform of a migration that this process has too, this
//! one processes chunks of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Engine, Request};
use crate::Direction;
use crate::artifact::source_of;
use crate::control::RunningMigration;
use crate::event::{Event, LogLevel};
use crate::history::{self, RunMode};
use crate::journal::Journal;
use crate::journal::chunk::{TransformInProgress, in_progress};
use crate::plan::{grants_for, unconfined};
use crate::recorder::RunRecorder;
use crate::run::Run;
use crate::script::{Execution, LeftOut, RunContext, Script};
use crate::transform;
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{DatabaseErrorKind, DesiredLogin, SharedDatabase};
use runner_project::migration_id;

/// The pause between two checks for a transform to share.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A transform: its history row and its step.
type TransformId = (i64, u64);

impl Engine {
    /// Fails for databases with a single writer.
    pub(super) async fn check_sharing(&self) -> Result<()> {
        let dialect = self.database.lock().await.facts().dialect;
        if !self.transforms.share || dialect.has_many_writers() {
            return Ok(());
        }
        Err(Error::usage(format!("{dialect} has one writer at a time, so several processes cannot share a transform"))
            .hint("omit `--share`; `--jobs` runs several instances of the component in one process"))
    }

    /// Takes the lock, and meanwhile helps the run that holds it. Only the time without anything to help with counts as
    /// waiting.
    pub(super) async fn lock_sharing(&self, request: &Request) -> Result<()> {
        let halt = Arc::new(AtomicBool::new(false));
        // The steps of this recorder are the chunks processed here.
        let helped = Arc::new(RunRecorder::default());
        let locking = async {
            let locked = loop {
                let before = helped.steps();
                match self.lock(request).await {
                    Err(error) if error.kind == ErrorKind::LockTimeout && helped.steps() != before => {}
                    locked => break locked,
                }
            };
            halt.store(true, Ordering::Release);
            locked
        };
        let (locked, ()) = tokio::join!(locking, self.help_until(&halt, &helped));
        locked
    }

    async fn help_until(&self, halt: &Arc<AtomicBool>, helped: &Arc<RunRecorder>) {
        let mut given_up = BTreeSet::new();
        let mut scripts: Vec<(String, Box<dyn Script>)> = Vec::new();
        let mut connection: Option<SharedDatabase> = None;
        while !halt.load(Ordering::Acquire) && !self.stop.is_raised() {
            match self.help_once(&mut connection, &mut scripts, &given_up, halt, helped).await {
                Ok(()) => {}
                Err((place, error)) => {
                    // The leader encounters the same error and reports it in full; a connection is reopened.
                    connection = None;
                    let is_first = place.is_none_or(|place| given_up.insert(place));
                    if is_first && !self.stop.is_raised() && error.kind != ErrorKind::Usage {
                        self.warn("", format!("sharing a transform ended: {}", error.message));
                    }
                    if place.is_none() {
                        tokio::time::sleep(POLL_INTERVAL * 8).await;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                _ = self.stop.raised() => {}
            }
        }
    }

    /// Looks for a transform, and helps until no chunk is left.
    async fn help_once(
        &self,
        connection: &mut Option<SharedDatabase>,
        scripts: &mut Vec<(String, Box<dyn Script>)>,
        given_up: &BTreeSet<TransformId>,
        halt: &Arc<AtomicBool>,
        helped: &Arc<RunRecorder>,
    ) -> std::result::Result<(), (Option<TransformId>, Error)> {
        let database = self.connection(connection).await.map_err(|error| (None, error))?;
        let found = self.transforms(&database).await.map_err(|error| (None, error))?;
        for task in found {
            let place = (task.history, task.step);
            if given_up.contains(&place) || halt.load(Ordering::Acquire) {
                continue;
            }
            let Some(migration) = self.catalog.get(&task.revision) else { continue };
            if migration.sha256 != task.sha256 || !migration.kind.is_sandboxed() {
                continue;
            }
            let wrong = |error: Error| (Some(place), error.at("migration", task.revision.clone()));
            if scripts.last().is_none_or(|(revision, _)| *revision != task.revision) {
                let source = source_of(migration).map_err(wrong)?;
                let script = self.loader.load(&source).map_err(wrong)?;
                *scripts = vec![(task.revision.clone(), script)];
            }
            let Some(context) = self.helping(&task, &database, helped).await.map_err(wrong)? else { continue };
            let Some((_, script)) = scripts.last() else { continue };
            let migration = RunningMigration {
                revision: task.revision.clone(),
                direction: Direction::Up,
                mode: RunMode::Stepwise,
                resumed: None,
            };
            let begun = self.control.begin_sharing(&mut **database.lock().await, migration).await;
            // Dropped after its row is deleted: others see by its session that it is alive.
            let _watch = self.control.monitor();
            let done = match begun {
                Ok(()) => transform::help(&context, script.batch_function(&context).await, task.step, halt).await,
                Err(error) => Err(error),
            };
            // A failure to write affects only observers.
            let _ = self.control.end(&mut **database.lock().await, None).await;
            let done = done.map_err(wrong)?;
            if done.chunks > 0 {
                let chunks = if done.chunks == 1 { "chunk" } else { "chunks" };
                self.events.emit(&Event::Log {
                    revision: task.revision.clone(),
                    level: LogLevel::Info,
                    message: format!("shared a transform: {} {chunks} done here", done.chunks),
                });
            }
        }
        Ok(())
    }

    /// Opens a connection other than the one that waits for the lock.
    async fn connection(&self, kept: &mut Option<SharedDatabase>) -> Result<SharedDatabase> {
        if let Some(connection) = kept {
            return Ok(connection.clone());
        }
        let connector = self.transforms.connector.as_ref();
        let connector = connector.ok_or_else(|| Error::failed("a second connection cannot be opened"))?;
        let made = Arc::new(tokio::sync::Mutex::new(connector.connect().await?));
        *kept = Some(made.clone());
        Ok(made)
    }

    async fn transforms(&self, database: &SharedDatabase) -> Result<Vec<TransformInProgress>> {
        let mut database = database.lock().await;
        let database = &mut database.host();
        if !history::is_there(database).await? {
            return Ok(Vec::new());
        }
        match in_progress(database).await {
            // The tables may be created or dropped at this moment.
            Err(error) if error.kind == DatabaseErrorKind::Syntax => Ok(Vec::new()),
            found => Ok(found?),
        }
    }

    /// Returns what a helping component sees; `None` if the migration was begun with another build.
    async fn helping(
        &self,
        task: &TransformInProgress,
        connection: &SharedDatabase,
        helped: &Arc<RunRecorder>,
    ) -> Result<Option<RunContext>> {
        let mut database = connection.lock().await;
        let migration = self.catalog.get(&task.revision);
        let name = migration.map_or("", |migration| &migration.name);
        let granted = grants_for(&self.grants, &task.revision, name);
        let grants = granted.map(|grants| Arc::new(grants.of(&task.revision)));
        // The plan of this run may end before the migration that another one is at.
        let id = migration_id(&task.revision, name);
        if let Some(error) = unconfined(&id, grants.is_some(), self.isolation, database.facts()) {
            return Err(error);
        }
        if let Some(grants) = &grants {
            let wanted = DesiredLogin { id, grants: grants.clone(), is_early: true };
            database.host().check_logins(&[wanted]).await?;
        }
        database.set_grants(grants.clone())?;
        // The component reads the table before it has claimed a chunk of it.
        if let Some(logins) = database.component_logins() {
            logins.open().await?;
        }
        let database = &mut database.host();
        let run = Run { history: task.history, direction: Direction::Up };
        let Some(journal) = Journal::join(database, run, &task.sha256, &self.stop).await? else { return Ok(None) };
        let inputs = journal.inputs();
        Ok(Some(RunContext {
            database: connection.clone(),
            events: self.events.clone(),
            stop: self.stop.clone(),
            revision: task.revision.clone(),
            run_timestamp: inputs.run_timestamp,
            seed: inputs.seed,
            parameters: inputs.parameters.clone(),
            recorder: helped.clone(),
            server_version: Some(inputs.server_version.clone()),
            renames: migration.map(|migration| migration.description.renames.clone()).unwrap_or_default(),
            grants,
            execution: Execution::Journalled(Arc::new(journal)),
            each_commits: false,
            trial: None,
            left_out: LeftOut::default(),
            transforms: self.transforms.clone(),
            control: self.control.clone(),
        }))
    }
}
