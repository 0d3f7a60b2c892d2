//! The control of a run: what slows it down, what operators request from another terminal, and the progress it reports.
//!
//! Code that processes chunks calls [`RunControl::before_chunk`] before it reads the next one, outside a transaction, and
//! [`RunControl::chunk_done`] after it. The workers of a process share one control. At most once a second the control
//! *polls*: it reads the operators' requests and the load of the database, and writes the run's progress. On a server a
//! separate connection does this, so that a long statement can be cancelled too; otherwise the worker of the next chunk
//! does.
//!
//! # Why so
//!
//! * A run waits at one point, before a chunk is read, outside of a transaction. One that reads ahead writes what it
//!   has read before it waits: rows read before a pause of an hour would overwrite what others did since. Atomic
//!   migrations do not wait, since they would keep their locks.
//! * A pause is a state, and lasts until it is lifted. A cancel is a growing number: a run obeys those that came after
//!   it took the lock, so nothing is cleared, no clocks are compared, and several runs see the same cancel.
//! * Whether a run is alive is shown by its lock, which is released when its owner dies; the heartbeat, on the clock of
//!   the database, only decides where the lock cannot be asked. A process that helps records the number of the session
//!   that looks for it, which ends with it.
//! * Short runs write nothing, unless they end with a partial migration: then they record the reason.
//!
//! Rejected: signals to the process, which another host cannot send, and a stopped process keeps its transaction;
//! `LISTEN`, which one engine has and a disconnected listener misses; a heartbeat as the only proof of life, too late
//! for a long statement and too early after a kill; to count every table first, which takes minutes where it matters.

mod blockers;
pub mod in_progress;
mod monitor;
pub mod overview;
mod poll;
pub mod requests;
mod state;
pub mod store;
mod table;
#[cfg(test)]
mod tests;
pub mod total;
pub mod work;

pub use monitor::Monitor;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::Direction;
use super::event::{Event, EventSink, LogLevel};
use super::history::RunMode;
use crate::event::Total;
use crate::stopped::stopped;
use crate::throttle::Hold;
use poll::PollState;
use runner_base::error::{Error, Result};
use runner_database::stop::StopReason;
use runner_database::{Database, HostSession, SharedDatabase, StopSignal};
use runner_drivers::Connector;
use runner_project::settings::Throttle;
use state::{ActiveTransform, ControlState};

/// The interval between polls.
const LOOK: Duration = Duration::from_secs(1);

/// The age at which a poll is stale although a separate connection should have polled: that connection may be lost.
const STALE: Duration = Duration::from_secs(3);

/// How often a waiting connection is used, so that nothing on the network path drops it as idle.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The longest sleep between two checks of what holds the run.
const NAP: Duration = Duration::from_millis(250);

/// What the control knows about its run.
#[derive(Clone)]
pub struct RunInfo {
    /// The run's ID.
    pub run_id: String,
    /// The run's owner, as shown to runs that wait for the lock.
    pub owner: String,
}

/// The migration that is running.
#[derive(Clone, Debug)]
pub struct RunningMigration {
    /// Its revision.
    pub revision: String,
    /// The direction.
    pub direction: Direction,
    /// How it commits.
    pub mode: RunMode,
    /// Its row in history, if an earlier run began it.
    pub resumed: Option<i64>,
}

/// A committed chunk.
#[derive(Clone, Copy, Debug)]
pub struct CommittedChunk {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
}

/// The control of a run.
pub struct RunControl {
    about: RunInfo,
    throttle: Throttle,
    events: Arc<dyn EventSink>,
    stop: StopSignal,
    /// Makes the connection of the monitor.
    connector: Option<Connector>,
    state: Mutex<ControlState>,
    /// Held while polling.
    looking: tokio::sync::Mutex<PollState>,
    cancelled: OnceLock<String>,
}

impl RunControl {
    /// Creates the control of a run that has not begun.
    pub fn new(about: RunInfo, throttle: Throttle, events: Arc<dyn EventSink>, stop: StopSignal) -> Self {
        Self {
            about,
            throttle,
            events,
            stop,
            connector: None,
            state: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
            cancelled: OnceLock::new(),
        }
    }

    /// Has [`RunControl::monitor`] connect in this way.
    #[must_use]
    pub fn watched_by(self, connector: Connector) -> Self {
        Self { connector: Some(connector), ..self }
    }

    /// Creates a control that neither slows the run down nor reports its progress.
    pub fn unthrottled(events: Arc<dyn EventSink>, stop: StopSignal) -> Self {
        let about = RunInfo { run_id: String::new(), owner: String::new() };
        Self::new(about, Throttle::default(), events, stop)
    }

    /// Sets the migrations of the run. Until the first one begins, a cancel of any of them cancels the run.
    pub fn plan(&self, revisions: impl Iterator<Item = String>) {
        self.state().planned = revisions.collect();
    }

    /// Begins a migration, with no transaction open. Waits while the run is paused.
    pub async fn begin(&self, database: &mut dyn Database, migration: RunningMigration) -> Result<()> {
        let is_stepwise = migration.mode == RunMode::Stepwise;
        let mut scopes = None;
        if !self.state().polled_within(LOOK) {
            scopes = Some(self.read_requests(database).await?);
        }
        let is_leader = !self.about.run_id.is_empty() && !self.state().is_sharing;
        if is_stepwise && is_leader && !self.state().has_forgotten_dead {
            // Observers must not mistake the end that an earlier run recorded for the end of this one. Once is enough: while
            // this run has the lock, no other records its end.
            let session = &mut database.host_until(&self.stop);
            let forgotten = match migration.resumed {
                Some(history) => store::add_lost(session, (history, &migration.revision), &self.about.run_id).await,
                None => store::delete_dead(session, &self.about.run_id).await,
            };
            forgotten.map_err(|error| self.or_stopped(table::unusable(error)))?;
            self.state().has_forgotten_dead = true;
        }
        self.state().begin(migration);
        self.note_work(database);
        self.apply_requests(scopes);
        let is_paused = self.state().pause.is_some();
        if is_stepwise || is_paused {
            self.wait(database, WaitPoint::Pause).await?;
        }
        if is_paused {
            // No work was done meanwhile.
            self.counted(&mut database.host_until(&self.stop)).await;
        }
        self.check_stop()
    }

    /// The run's time is counted from zero from here on: what it has worked on the migration until now is in history.
    /// No transaction is open.
    pub async fn counted(&self, database: &mut HostSession<'_>) {
        self.state().began = Some(Instant::now());
        store::counted(database, &self.about.run_id).await;
    }

    /// Names the migration that a dry run tries, for events.
    pub fn try_out(&self, revision: &str) {
        self.state().tried = Some(revision.to_owned());
    }

    /// Like [`RunControl::begin`], for a migration that another run executes and whose chunks this run shares.
    pub async fn begin_sharing(&self, database: &mut dyn Database, migration: RunningMigration) -> Result<()> {
        self.state().is_sharing = true;
        self.begin(database, migration).await
    }

    /// Ends a migration, successful or not, and closes what it may have left open. `error` says why it is left partly
    /// done; it is recorded however short the run was, so that the run is not mistaken for one that was killed.
    pub async fn end(&self, database: &mut dyn Database, error: Option<&Error>) -> Result<()> {
        let mut looking = self.looking.lock().await;
        let row = self.state().row(&self.about, &self.throttle);
        let is_sharing = self.state().is_sharing;
        let Some(migration) = self.state().end() else { return Ok(()) };
        database.note_work("");
        let is_stepwise = migration.mode == RunMode::Stepwise;
        let is_known = std::mem::take(&mut looking.is_known);
        let database = &mut database.host();
        let stays = error.filter(|_| is_stepwise);
        let (Some(error), Some(row)) = (stays, row) else {
            let led = (!is_sharing && is_stepwise).then_some(&*migration.revision);
            return if is_known { store::forget(database, &self.about.run_id, led).await } else { Ok(()) };
        };
        let error = self.explain(error.clone());
        let who = error.causes.iter().find(|_| self.stop.reason() == Some(StopReason::Cancelled));
        let why = who.map_or_else(|| error.message.clone(), |who| format!("{}, {who}", error.message));
        let row = store::RunRow { held: Some((store::ENDED.to_owned(), why)), rate: None, ..row };
        store::write_progress(database, &row, is_known, store::WrittenBy::Worker).await.map_err(table::unusable)?;
        Ok(())
    }

    /// Records which statement of a migration in SQL is executed, of how many.
    pub async fn at_statement(&self, database: &SharedDatabase, statement: (u64, u64)) {
        self.state().statement = Some(statement);
        self.note_work(&mut **database.lock().await);
    }

    fn note_work(&self, database: &mut dyn Database) {
        let work = self.state().work();
        work.into_iter().for_each(|work| database.note_work(&work.to_string()));
    }

    /// Waits until the next chunk may be read. No transaction is open, except for an atomic migration, which never waits
    /// here. Ends with the stop signal.
    pub async fn before_chunk(&self, database: &mut dyn Database) -> Result<()> {
        self.check_stop()?;
        if !self.may_wait() {
            return Ok(());
        }
        self.wait(database, WaitPoint::Chunk).await
    }

    /// Whether [`RunControl::before_chunk`] may have to wait. A worker that reads ahead first writes what it has read:
    /// rows that were read before a pause must not be written after it.
    pub fn may_wait(&self) -> bool {
        let state = self.state();
        // It pauses after each chunk.
        let rests = self.throttle.batch_delay.is_some();
        state.is_stepwise()
            && (rests || state.is_due(&self.throttle) || state.hold(&self.throttle, Instant::now()).is_some())
    }

    /// Like [`RunControl::before_chunk`], for a step that is not a chunk: the limits on rows do not apply.
    pub async fn before_step(&self, database: &SharedDatabase) -> Result<()> {
        self.check_stop()?;
        if !self.may_wait() {
            return Ok(());
        }
        self.wait(&mut **database.lock().await, WaitPoint::Step).await
    }

    /// Returns the number of rows for a chunk of up to `most`, of a transform with this many workers in the process: a burst
    /// would defeat the rate limit.
    pub fn chunk_rows(&self, most: usize, workers: usize) -> usize {
        let mut state = self.state();
        state.workers = workers as u64;
        match state.row_limit(&self.throttle).filter(|_| state.is_stepwise()) {
            Some(limit) => most.min(usize::try_from(limit.chunk()).unwrap_or(usize::MAX)),
            None => most,
        }
    }

    /// Begins a transform, or resumes it after the given rows and chunks. Fails if a requested limit cannot be enforced.
    pub fn transform(&self, name: &str, rows_done: u64, chunks: u64, total: Option<Total>) -> Result<()> {
        if self.state().is_atomic() && self.throttle.is_set() {
            self.refuse_in_transaction(name)?;
        }
        self.state().transform = Some(ActiveTransform::new(name, rows_done, chunks, total));
        self.emit_progress();
        Ok(())
    }

    /// Sets the total number of rows, once it is known.
    pub fn total(&self, total: Total) {
        if let Some(transform) = &mut self.state().transform {
            transform.progress.total = Some(total);
        }
        self.emit_progress();
    }

    /// Records a committed chunk.
    pub fn chunk_done(&self, chunk: CommittedChunk) {
        self.state().chunk_done(&self.throttle, chunk, Instant::now());
        self.emit_progress();
    }

    /// Sets the number of rows that all participating runs have processed.
    pub fn set_rows_done(&self, rows_done: u64) {
        if let Some(transform) = &mut self.state().transform {
            transform.progress.rows_done = transform.progress.rows_done.max(rows_done);
        }
    }

    /// Ends the transform.
    pub fn transform_done(&self) {
        if let Some(transform) = &mut self.state().transform {
            let progress = &mut transform.progress;
            progress.total = Some(Total::counted(progress.rows_done));
            progress.is_over = true;
        }
        self.emit_progress();
        self.state().transform = None;
    }

    /// Reports that a chunk is retried, and why.
    pub fn retried(&self, reason: &str) {
        self.count_retry();
        let revision = self.state().revision();
        let message = format!("a chunk is retried: {reason}");
        self.events.emit(&Event::Log { revision, level: LogLevel::Warning, message });
        self.emit_progress();
    }

    /// Counts a retry that is reported elsewhere.
    pub fn count_retry(&self) {
        self.state().retries += 1;
    }

    /// Adds to an error what the control knows: who cancelled the run.
    pub fn explain(&self, error: Error) -> Error {
        match (self.stop.reason(), self.cancelled.get()) {
            (Some(StopReason::Cancelled), Some(who)) if !error.causes.contains(who) => error.cause(who),
            _ => error,
        }
    }

    fn state(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_stop(&self) -> Result<()> {
        match self.stop.reason() {
            Some(reason) => Err(self.explain(stopped(reason))),
            None => Ok(()),
        }
    }

    /// Returns the stop signal's error if it is raised, since it caused this error; otherwise the error itself.
    fn or_stopped(&self, error: Error) -> Error {
        self.check_stop().err().unwrap_or(error)
    }

    /// Waits until nothing that applies at this point holds the run.
    async fn wait(&self, database: &mut dyn Database, point: WaitPoint) -> Result<()> {
        let mut used = Instant::now();
        loop {
            self.check_stop()?;
            if self.state().is_old(&self.throttle) || used.elapsed() >= KEEP_ALIVE {
                self.poll_on_worker(database).await?;
                used = Instant::now();
            }
            let now = Instant::now();
            let hold = self.state().hold(&self.throttle, now).filter(|hold| point.includes(hold));
            let Some(hold) = hold else {
                self.resumes();
                return self.check_stop();
            };
            let nap = self.state().recheck_after(&hold, now).min(NAP);
            self.holds(&hold);
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                _ = self.stop.raised() => {}
            }
        }
    }

    /// Refuses a flag that would slow rows down if all that runs is SQL, whose statements the server runs as a whole.
    pub fn check_flags(&self, runs_only_sql: bool) -> Result<()> {
        let slows = |flag: &&&str| matches!(**flag, "--batch-delay" | "--max-rows-per-second");
        match self.throttle.by_flag.iter().find(slows).filter(|_| runs_only_sql) {
            None => Ok(()),
            Some(flag) => Err(Error::usage(format!(
                "`{flag}` cannot be applied: what is to run is SQL, and the server runs each of its statements as a whole"
            ))
            .hint("omit the flag, or change the rows by a transform, which commits chunk by chunk: `runner new --help`")),
        }
    }

    fn refuse_in_transaction(&self, name: &str) -> Result<()> {
        let advice = "let its `describe` request the mode `stepwise`";
        if let Some(flag) = self.throttle.by_flag.first() {
            return Err(Error::usage(format!(
                "`{flag}` cannot be applied: the migration runs in one transaction, which each wait would keep open"
            ))
            .at("transform", name)
            .hint(format!("{advice}, or omit the flag")));
        }
        if !std::mem::replace(&mut self.state().warned_of_throttle, true) {
            self.warn(format!(
                "the settings under `[transform]` are ignored: the migration runs in one transaction, which each wait would \
                 keep open; {advice}"
            ));
        }
        Ok(())
    }

    fn warn(&self, message: String) {
        let revision = self.state().revision();
        self.events.emit(&Event::Log { revision, level: LogLevel::Warning, message });
    }

    /// Reports what holds the run, once for each kind, and then the progress again.
    fn holds(&self, hold: &Hold) {
        let (is_news, is_new) = self.state().note_hold(hold);
        if is_news {
            self.events.emit(&Event::Held {
                revision: self.state().revision(),
                reason: hold.name(),
                text: hold.to_string(),
                is_pause: matches!(hold, Hold::Paused(_)),
            });
        }
        if is_new {
            self.emit_progress();
        }
    }

    fn resumes(&self) {
        let (revision, told) = {
            let mut state = self.state();
            (state.revision(), state.note_resumed())
        };
        if let Some(reason) = told {
            self.events.emit(&Event::Resumed { revision, reason });
        }
    }

    /// Reports the progress of the transform.
    fn emit_progress(&self) {
        let told = {
            let state = self.state();
            state.progress(&self.throttle).map(|progress| (state.revision(), progress))
        };
        if let Some((revision, progress)) = told {
            self.events.emit(&Event::Transform { revision, progress });
        }
    }
}

/// The point at which a run waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitPoint {
    /// At the start of a migration: only an operator's pause holds it.
    Pause,
    /// Before a step: the load counts too.
    Step,
    /// Before a chunk.
    Chunk,
}

impl WaitPoint {
    fn includes(self, hold: &Hold) -> bool {
        match self {
            Self::Pause => matches!(hold, Hold::Paused(_)),
            Self::Step => hold.is_reported(),
            Self::Chunk => true,
        }
    }
}
