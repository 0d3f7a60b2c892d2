//! What a run's control has in mind: pure, and told what time it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::store::RunRow;
use crate::engine::control::orders::{Control, EVERYTHING};
use crate::engine::control::{About, Chunk, LOOK, Migration, NAP, STALE};
use crate::engine::event::{Progress, Total};
use crate::engine::history::RunMode;
use crate::engine::throttle::Hold;
use crate::engine::throttle::Pause;
use crate::engine::throttle::speed::Speed;
use crate::project::settings::Throttle;

/// How often it is told how far a run is that something holds.
const BETWEEN_TELLINGS: Duration = Duration::from_secs(1);

/// What a run's control has in mind.
#[derive(Default)]
pub(super) struct State {
    pub migration: Option<Migration>,
    pub transform: Option<Transform>,
    pub retries: u64,
    /// When somebody looked last.
    pub looked: Option<Instant>,
    /// Whether a connection of its own looks.
    pub is_watched: bool,
    /// Whether it works beside the run that has the lock.
    pub is_sharing: bool,
    pub pause: Option<Pause>,
    pub warned_of_throttle: bool,
    /// What operators wanted at the last look.
    controls: Vec<Control>,
    /// How often each scope was cancelled before this run.
    cancels: Option<BTreeMap<String, i64>>,
    load: Option<Hold>,
    was_measured: bool,
    /// When the rows that are done are enough for the time that passed.
    rows_allowed: Option<Instant>,
    rests_until: Option<Instant>,
    /// What holds the run, as it was told.
    told: Option<&'static str>,
    /// What the run waits for at this moment.
    held: Option<Hold>,
    tell_next: Option<Instant>,
    warned_of_pause: bool,
}

/// A transform under way.
pub(super) struct Transform {
    pub progress: Progress,
    /// Rows that were done when it began here.
    before: u64,
    /// Rows and chunks that this run did itself: who shares a transform tells of these.
    own: (u64, u64),
    speed: Speed,
}

impl Transform {
    pub fn new(name: &str, rows_done: u64, chunks: u64, total: Option<Total>) -> Self {
        let progress = Progress { transform: name.to_owned(), rows_done, chunks, total, ..Progress::default() };
        Self { progress, before: rows_done, own: (0, 0), speed: Speed::new(Instant::now()) }
    }
}

/// Who cancelled, and why.
type Cancelled = (String, Option<String>);

impl State {
    /// A migration begins.
    pub fn begin(&mut self, migration: Migration) {
        self.migration = Some(migration);
        self.transform = None;
    }

    /// The run begins: what operators said so far is not said to it, unless it lasts.
    pub fn set_out(&mut self, controls: &[Control]) {
        self.cancels = Some(controls.iter().map(|it| (it.scope.clone(), it.cancels)).collect());
    }

    /// Whether the run has begun.
    pub fn has_set_out(&self) -> bool {
        self.cancels.is_some()
    }

    /// The migration has ended.
    pub fn end(&mut self) -> Option<Migration> {
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
        self.migration.as_ref().map(|migration| migration.revision.clone()).unwrap_or_default()
    }

    /// Whether whoever comes to a chunk has to look.
    pub fn is_due(&self, throttle: &Throttle) -> bool {
        self.is_old(throttle) && self.migration.is_some()
    }

    /// Whether the last look is too old to go by.
    pub fn is_old(&self, throttle: &Throttle) -> bool {
        let longest = if self.is_watched { STALE } else { LOOK };
        (throttle.has_ceilings() && self.is_stepwise() && !self.was_measured) || !self.looked_within(longest)
    }

    pub fn looked_within(&self, time: Duration) -> bool {
        self.looked.is_some_and(|looked| looked.elapsed() < time)
    }

    pub fn set_load(&mut self, hold: Option<Hold>) {
        self.load = hold;
        self.was_measured = true;
    }

    /// What keeps the run from going on.
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

    /// How long to wait before looking at a hold again.
    pub fn nap(&self, hold: &Hold, now: Instant) -> Duration {
        let end = match hold {
            Hold::Rate(_) => self.rows_allowed,
            Hold::Delay(_) => self.rests_until,
            _ => None,
        };
        end.map_or(NAP, |end| end.saturating_duration_since(now)).max(Duration::from_millis(1))
    }

    /// Heeds what operators want: who has cancelled the run, and what to warn of.
    pub fn heed(&mut self, controls: Option<Vec<Control>>) -> (Option<Cancelled>, Option<String>) {
        if let Some(controls) = controls {
            self.controls = controls;
            self.looked = Some(Instant::now());
        }
        let controls = &self.controls;
        let Some(migration) = &self.migration else { return (None, None) };
        let ours = |control: &&Control| control.scope == EVERYTHING || control.scope == migration.revision;
        self.pause = controls.iter().filter(ours).find_map(|control| control.pause.clone());
        let before = |scope: &str| self.cancels.as_ref().and_then(|cancels| cancels.get(scope)).copied().unwrap_or(0);
        let cancelled = controls.iter().filter(ours).find(|control| control.cancels > before(&control.scope));
        let cancelled = cancelled.and_then(|control| control.cancelled.clone());
        let is_late = self.pause.is_some() && self.is_atomic() && self.transform.is_some();
        let warning = (is_late && !std::mem::replace(&mut self.warned_of_pause, true))
            .then(|| "a pause is on; it holds the run behind this migration, which is one transaction".to_owned());
        (cancelled, warning)
    }

    /// A chunk is committed.
    pub fn chunk_done(&mut self, throttle: &Throttle, chunk: Chunk, now: Instant) {
        if let Some(transform) = &mut self.transform {
            transform.own = (transform.own.0 + chunk.rows_read, transform.own.1 + 1);
            // What was seen of all who take part may hold it already.
            let progress = &mut transform.progress;
            progress.rows_done = progress.rows_done.max(transform.before + transform.own.0);
            progress.chunks += 1;
            transform.speed.add(chunk.rows_read, now);
        }
        if let Some(most) = throttle.max_rows_per_second {
            // What the chunk took counts; what was spent on waiting before it does not.
            let began = now.checked_sub(chunk.took).unwrap_or(now);
            let from = self.rows_allowed.map_or(began, |allowed| allowed.max(began));
            self.rows_allowed = Some(from + Duration::from_secs_f64(chunk.rows_read as f64 / most as f64));
        }
        self.rests_until = throttle.batch_delay.map(|delay| now + delay);
    }

    /// Notes what holds the run: whether that is worth a line, and whether it is time to tell how far the run is.
    pub fn note_hold(&mut self, hold: &Hold) -> (bool, bool) {
        let now = Instant::now();
        if let (Hold::Paused(_), Some(transform)) = (hold, &mut self.transform) {
            transform.speed.rest(now);
        }
        let is_news = hold.is_news() && self.told != Some(hold.name());
        if is_news {
            self.told = Some(hold.name());
        }
        let is_time = self.tell_next.is_none_or(|next| next <= now);
        let is_new = is_news || is_time;
        self.held = Some(hold.clone());
        if is_new {
            self.tell_next = Some(now + BETWEEN_TELLINGS);
        }
        (is_news, is_new)
    }

    /// Nothing holds the run any more; answers what was told to do so.
    pub fn note_going_on(&mut self) -> Option<&'static str> {
        self.held = None;
        self.told.take()
    }

    /// How far the transform is.
    pub fn progress(&self, throttle: &Throttle) -> Option<Progress> {
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

    /// What holds the run, as it is told: a pause counts when the run has come to where it waits.
    fn holds(&self, throttle: &Throttle) -> Option<Hold> {
        let hold = || self.hold(throttle, Instant::now()).filter(|hold| !matches!(hold, Hold::Paused(_)));
        self.held.clone().or_else(hold)
    }

    /// The run's row; none while no migration runs.
    pub fn row(&self, about: &About, throttle: &Throttle) -> Option<RunRow> {
        let migration = self.migration.as_ref()?;
        let progress = self.progress(throttle).unwrap_or_default();
        let hold = self.holds(throttle);
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
            transform: self.transform.as_ref().map(|transform| transform.progress.transform.clone()),
            rows_done,
            total: progress.total.filter(|_| !self.is_sharing),
            chunks,
            retries: self.retries,
            rate: progress.rate.map(|rate| rate as u64),
            held: hold.map(|hold| (hold.name().to_owned(), hold.to_string())),
            began_at: 0,
            beat_at: 0,
            now: 0,
        })
    }
}
