//! The state of a run's control. It has no side effects; callers pass the time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::store::RunRow;
use super::work::Work;
use crate::control::requests::{EVERYTHING, ScopeState};
use crate::control::{CommittedChunk, LOOK, NAP, RunInfo, RunningMigration, STALE};
use crate::event::{Total, TransformProgress};
use crate::history::RunMode;
use crate::throttle::Hold;
use crate::throttle::Pause;
use crate::throttle::rate::RowLimit;
use crate::throttle::speed::Speed;
use runner_project::settings::Throttle;

/// How often the progress of a run that is held is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The state of a run's control.
#[derive(Default)]
pub(super) struct ControlState {
    pub migration: Option<RunningMigration>,
    /// When the run began the migration.
    pub began: Option<Instant>,
    /// The migration that a dry run tries; it is not controlled, and observers do not see it.
    pub tried: Option<String>,
    /// The migrations that the run is to begin, until it begins the first.
    pub planned: Vec<String>,
    pub transform: Option<ActiveTransform>,
    /// The statement of a migration in SQL, and their number.
    pub statement: Option<(u64, u64)>,
    pub retries: u64,
    /// The time of the last poll.
    pub looked: Option<Instant>,
    /// Whether a separate connection polls.
    pub is_watched: bool,
    /// Whether it helps the run that holds the lock.
    pub is_sharing: bool,
    /// Whether what dead runs have recorded was deleted.
    pub has_forgotten_dead: bool,
    pub pause: Option<Pause>,
    pub warned_of_throttle: bool,
    /// The operators' requests at the last poll.
    scopes: Vec<ScopeState>,
    /// How often each scope had been cancelled before this run.
    cancels: Option<BTreeMap<String, i64>>,
    load: Option<Hold>,
    was_measured: bool,
    /// The connections of this process that work on the transform.
    pub workers: u64,
    /// When the limit on rows allows the next chunk.
    rows_allowed: Option<Instant>,
    rests_until: Option<Instant>,
    /// What holds the run, as last reported.
    told: Option<&'static str>,
    /// What the run currently waits for.
    held: Option<Hold>,
    tell_next: Option<Instant>,
    warned_of_pause: bool,
}

/// The transform that is running.
pub(super) struct ActiveTransform {
    pub progress: TransformProgress,
    /// The number of rows that were done when this run began it.
    before: u64,
    /// Rows and chunks that this run has processed itself; a run that shares a transform reports these.
    own: (u64, u64),
    speed: Speed,
}

impl ActiveTransform {
    pub fn new(name: &str, rows_done: u64, chunks: u64, total: Option<Total>) -> Self {
        let progress =
            TransformProgress { transform: name.to_owned(), rows_done, chunks, total, ..TransformProgress::default() };
        Self { progress, before: rows_done, own: (0, 0), speed: Speed::new(Instant::now()) }
    }
}

/// Who cancelled the run, and why.
type Cancelled = (String, Option<String>);

impl ControlState {
    /// Begins a migration.
    pub fn begin(&mut self, migration: RunningMigration) {
        self.migration = Some(migration);
        self.began = Some(Instant::now());
        self.planned.clear();
        self.transform = None;
        self.statement = None;
    }

    /// Begins the run. Earlier cancels do not apply to it; earlier pauses do.
    pub fn start(&mut self, scopes: &[ScopeState]) {
        self.cancels = Some(scopes.iter().map(|it| (it.scope.clone(), it.cancels)).collect());
    }

    /// Whether the run has begun.
    pub fn has_started(&self) -> bool {
        self.cancels.is_some()
    }

    /// Ends the migration.
    pub fn end(&mut self) -> Option<RunningMigration> {
        self.transform = None;
        self.pause = None;
        self.is_sharing = false;
        self.migration.take()
    }

    pub fn is_stepwise(&self) -> bool {
        self.migration.as_ref().is_some_and(|migration| migration.mode == RunMode::Stepwise)
    }

    pub fn is_atomic(&self) -> bool {
        self.migration.as_ref().is_some_and(|migration| migration.mode == RunMode::Atomic)
    }

    pub fn revision(&self) -> String {
        let controlled = self.migration.as_ref().map(|migration| &migration.revision);
        controlled.or(self.tried.as_ref()).cloned().unwrap_or_default()
    }

    /// Whether the worker of the next chunk has to poll.
    pub fn is_due(&self, throttle: &Throttle) -> bool {
        self.is_old(throttle) && self.migration.is_some()
    }

    /// Whether the last poll is too old.
    pub fn is_old(&self, throttle: &Throttle) -> bool {
        let longest = if self.is_watched { STALE } else { LOOK };
        (throttle.has_ceilings() && self.is_stepwise() && !self.was_measured) || !self.polled_within(longest)
    }

    pub fn polled_within(&self, time: Duration) -> bool {
        self.looked.is_some_and(|looked| looked.elapsed() < time)
    }

    pub fn set_load(&mut self, hold: Option<Hold>) {
        self.load = hold;
        self.was_measured = true;
    }

    /// Returns what holds the run.
    pub fn hold(&self, throttle: &Throttle, now: Instant) -> Option<Hold> {
        if let Some(pause) = &self.pause {
            return Some(Hold::Paused(pause.clone()));
        }
        if !self.is_stepwise() {
            return None;
        }
        if let Some(load) = &self.load {
            return Some(load.clone());
        }
        let is_ahead = |time: Option<Instant>| time.is_some_and(|time| time > now);
        let rate = throttle.max_rows_per_second.filter(|_| is_ahead(self.rows_allowed)).map(Hold::Rate);
        rate.or_else(|| throttle.batch_delay.filter(|_| is_ahead(self.rests_until)).map(Hold::Delay))
    }

    /// Returns the limit on rows.
    pub fn row_limit(&self, throttle: &Throttle) -> Option<RowLimit> {
        throttle.max_rows_per_second.map(|rows| RowLimit { rows, workers: self.workers.max(1) })
    }

    /// Returns how long to wait before checking a hold again.
    pub fn recheck_after(&self, hold: &Hold, now: Instant) -> Duration {
        let end = match hold {
            Hold::Rate(_) => self.rows_allowed,
            Hold::Delay(_) => self.rests_until,
            _ => None,
        };
        end.map_or(NAP, |end| end.saturating_duration_since(now)).max(Duration::from_millis(1))
    }

    /// Applies the operators' requests, and returns who has cancelled the run and a warning, if any.
    pub fn apply_requests(&mut self, scopes: Option<Vec<ScopeState>>) -> (Option<Cancelled>, Option<String>) {
        if let Some(scopes) = scopes {
            self.scopes = scopes;
            self.looked = Some(Instant::now());
        }
        let scopes = &self.scopes;
        let ours = |it: &&ScopeState| match &self.migration {
            Some(migration) => it.is_about(&migration.revision),
            None => it.scope == EVERYTHING || self.planned.iter().any(|revision| it.is_about(revision)),
        };
        self.pause = scopes.iter().filter(ours).find_map(|it| it.pause.clone());
        let before = |scope: &str| self.cancels.as_ref().and_then(|cancels| cancels.get(scope)).copied().unwrap_or(0);
        let cancelled = scopes.iter().filter(ours).find(|it| it.cancels > before(&it.scope));
        let cancelled = cancelled.and_then(|it| it.cancelled.clone());
        let is_late = self.pause.is_some() && self.is_atomic() && self.transform.is_some();
        let warning = (is_late && !std::mem::replace(&mut self.warned_of_pause, true))
            .then(|| "the pause takes effect after this migration, which runs in a single transaction".to_owned());
        (cancelled, warning)
    }

    /// Records a committed chunk.
    pub fn chunk_done(&mut self, throttle: &Throttle, chunk: CommittedChunk, now: Instant) {
        if let Some(transform) = &mut self.transform {
            transform.own = (transform.own.0 + chunk.rows_read, transform.own.1 + 1);
            // The total of all participants may already include it.
            let progress = &mut transform.progress;
            progress.rows_done = progress.rows_done.max(transform.before + transform.own.0);
            progress.chunks += 1;
            transform.speed.add(chunk.rows_read, now);
        }
        if let Some(limit) = self.row_limit(throttle) {
            self.rows_allowed = Some(limit.next(self.rows_allowed, chunk.rows_read, now));
        }
        self.rests_until = throttle.batch_delay.map(|delay| now + delay);
    }

    /// Records what holds the run. Returns whether that is worth reporting, and whether the progress is due.
    pub fn note_hold(&mut self, hold: &Hold) -> (bool, bool) {
        let now = Instant::now();
        if let (Hold::Paused(_), Some(transform)) = (hold, &mut self.transform) {
            transform.speed.rest(now);
        }
        let is_news = hold.is_reported() && self.told != Some(hold.name());
        if is_news {
            self.told = Some(hold.name());
        }
        let is_time = self.tell_next.is_none_or(|next| next <= now);
        let is_new = is_news || is_time;
        self.held = Some(hold.clone());
        if is_new {
            self.tell_next = Some(now + REPORT_INTERVAL);
        }
        (is_news, is_new)
    }

    /// Records that nothing holds the run any more. Returns what was reported to hold it.
    pub fn note_resumed(&mut self) -> Option<&'static str> {
        self.held = None;
        self.told.take()
    }

    /// Returns the progress of the transform.
    pub fn progress(&self, throttle: &Throttle) -> Option<TransformProgress> {
        let transform = self.transform.as_ref()?;
        let mut progress = transform.progress.clone();
        progress.retries = self.retries;
        progress.rate = transform.speed.rate();
        let left = progress.total.filter(|total| total.rows >= progress.rows_done);
        progress.left = left.and_then(|total| transform.speed.time_for(total.rows - progress.rows_done));
        if self.pause.is_some() {
            progress.left = None;
        }
        if !progress.is_over {
            progress.held = self.holds(throttle).map(|hold| (hold.name(), hold.to_string()));
        }
        Some(progress)
    }

    /// Returns what holds the run, for reports: a pause counts once the run has reached the point where it waits.
    fn holds(&self, throttle: &Throttle) -> Option<Hold> {
        let hold = || self.hold(throttle, Instant::now()).filter(|hold| !matches!(hold, Hold::Paused(_)));
        self.held.clone().or_else(hold)
    }

    /// Returns what the run works on, for observers who see nothing else of it.
    pub fn work(&self) -> Option<Work> {
        let RunningMigration { revision, direction, mode, .. } = self.migration.as_ref()?;
        let (direction, mode) = (direction.to_string(), mode.name().to_owned());
        Some(Work { revision: revision.clone(), direction, mode, statement: self.statement })
    }

    /// Returns the run's row; `None` while no migration runs.
    pub fn row(&self, about: &RunInfo, throttle: &Throttle) -> Option<RunRow> {
        let migration = self.migration.as_ref()?;
        let progress = self.progress(throttle).unwrap_or_default();
        let hold = self.holds(throttle);
        let elapsed = self.began.map_or(0, |began| i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        let (rows_done, chunks) = match &self.transform {
            Some(transform) if self.is_sharing => transform.own,
            _ => (progress.rows_done, progress.chunks),
        };
        Some(RunRow {
            run_id: about.run_id.clone(),
            owner: about.owner.clone(),
            shares: self.is_sharing,
            is_connected: None,
            revision: migration.revision.clone(),
            direction: migration.direction.to_string(),
            mode: migration.mode.name().to_owned(),
            statement: self.statement,
            transform: self.transform.as_ref().map(|transform| transform.progress.transform.clone()),
            rows_done,
            total: progress.total.filter(|_| !self.is_sharing),
            chunks,
            retries: self.retries,
            rate: progress.rate.map(|rate| rate as u64),
            held: hold.map(|hold| (hold.name().to_owned(), hold.to_string())),
            began_at: 0,
            beat_at: elapsed,
            now: elapsed,
        })
    }
}
