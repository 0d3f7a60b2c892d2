//! The runs on a database as observers see them: the holder of the lock, the progress of each run, and what is paused.
//!
//! A run's own row may be stale. The number of processed rows is read from the checkpoints, which are committed together
//! with the rows. Whether a run is alive is known from the lock, which is released when its holder dies, or from the
//! run's session if it helps the run that holds the lock.

use std::time::Duration;

use super::requests::{self, ScopeState};
use super::store::{self, RunRow};
use super::work::Work;
use crate::Direction;
use crate::event::{Total, percent};
use crate::history::{self, History, Record, RunMode, State};
use crate::journal;
use crate::journal::Worker;
use crate::run::Run;
use crate::target::compare_revisions;
use crate::throttle::Pause;
use crate::throttle::is_throttling;
use runner_base::error::Result;
use runner_database::{DatabaseErrorKind, HostSession, LockHolder, Probe, tool_sql};

/// How old a run's row may be before the run is no longer assumed to be alive, where the lock does not show it.
const SILENCE: Duration = Duration::from_secs(10);

runner_base::named! {
    /// Whether a run is alive.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Liveness {
        /// It is working.
        Running = "running",
        /// It is alive and waits.
        Waiting = "waiting",
        /// It stopped early and recorded why.
        Ended = "ended",
        /// It was killed or disconnected from the database.
        Lost = "lost",
        /// It has not been seen for a while, but an unidentified session holds the lock, or the run's session still exists.
        Silent = "silent",
    }
}

impl Liveness {
    /// Whether it can be controlled.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Waiting | Self::Silent)
    }
}

/// A run as an observer sees it.
#[derive(Clone, Debug)]
pub struct ObservedRun {
    /// Whether it is alive.
    pub liveness: Liveness,
    /// Its own row, corrected by what is known from elsewhere.
    pub row: RunRow,
    /// How long ago it was last seen; `None` if it never wrote a row.
    pub last_seen: Option<Duration>,
    /// The estimated remaining time.
    pub left: Option<Duration>,
}

impl ObservedRun {
    /// Returns the completed percentage, from 0 to 100.
    pub fn percent(&self) -> Option<f64> {
        percent(self.row.rows_done, self.row.total)
    }

    /// Whether all its work is in one transaction.
    pub fn is_atomic(&self) -> bool {
        self.row.mode == RunMode::Atomic.name()
    }
}

/// The runs on a database.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The holder of the lock.
    pub holder: Option<LockHolder>,
    /// Active runs, and those that stopped and left a migration partly done.
    pub runs: Vec<ObservedRun>,
    /// What is paused.
    pub pauses: Vec<Pause>,
}

impl Overview {
    /// Returns the active runs that have written a row.
    pub fn alive(&self) -> impl Iterator<Item = &ObservedRun> {
        self.runs.iter().filter(|run| run.liveness.is_alive())
    }

    /// Returns whether a run of a revision has not recorded what it did: it still runs, or it was killed.
    pub fn is_unfinished(&self, revision: &str) -> bool {
        let is_of = |run: &&ObservedRun| run.row.revision == revision && !run.row.shares;
        self.runs.iter().filter(is_of).any(|run| run.liveness != Liveness::Ended)
    }

    /// Returns the holder of the lock if it has written no row.
    pub fn unreported_holder(&self) -> Option<&LockHolder> {
        let is_reported = self.alive().any(|run| !run.row.shares);
        self.holder.as_ref().filter(|_| !is_reported)
    }

    /// Returns what that holder notes that it works on.
    pub fn unreported_work(&self) -> Option<Work> {
        Work::parse(self.unreported_holder()?.work.as_deref()?)
    }
}

/// Reads the rows in force, in brief, and the runs on a database. Writes nothing. Usually one round trip is enough; if
/// there is no history yet, each part is read separately and handles its missing tables.
pub async fn read(database: &mut HostSession<'_>) -> Result<(History, Overview)> {
    let facts = database.facts();
    let queries = [history::question(facts), tool_sql(requests::QUERY, facts), tool_sql(store::QUERY, facts)];
    let probe = match database.probe(&queries).await {
        Ok(probe) => probe,
        // Tables are missing or may not be read; the separate queries find out which.
        Err(error) if matches!(error.kind, DatabaseErrorKind::Syntax | DatabaseErrorKind::Denied) => Probe::default(),
        Err(error) => return Err(history::unreadable(error)),
    };
    match <[_; 3]>::try_from(probe.answers) {
        Ok([live, controls, runs]) if !live.is_empty() => {
            let history = history::answered(database, live).await?;
            let (scopes, rows) = (requests::parse(&controls)?, store::parse(&runs)?);
            let overview = overview(database, &history, scopes, rows, probe.holder).await?;
            Ok((history, overview))
        }
        _ => {
            let history = history::read(database).await?;
            let overview = read_runs(database, &history).await?;
            Ok((history, overview))
        }
    }
}

/// Reads the runs on a database whose history is known. Writes nothing.
pub async fn read_runs(database: &mut HostSession<'_>, history: &History) -> Result<Overview> {
    let scopes = requests::read(database).await?;
    let rows = store::read(database).await?;
    // After the rows: a run that ends in between looks lost for a moment. The other order would make it look alive.
    let holder = database.lock_holder().await?;
    overview(database, history, scopes, rows, holder).await
}

/// Combines what was read.
async fn overview(
    database: &mut HostSession<'_>,
    history: &History,
    scopes: Vec<ScopeState>,
    rows: Vec<RunRow>,
    holder: Option<LockHolder>,
) -> Result<Overview> {
    let pauses = scopes.into_iter().filter_map(|scope| scope.pause).collect();
    let mut runs: Vec<ObservedRun> = rows.into_iter().map(|row| observed(row, holder.as_ref())).collect();
    // A run that stopped matters as long as its migration is partly done.
    let matters = |run: &ObservedRun| {
        let is_partial = |it: &Record| is_at(run, it) && (!run.row.shares || it.state == State::PartlyApplied);
        run.liveness.is_alive() && !run.row.shares || history.partial().is_some_and(is_partial)
    };
    runs.retain(matters);
    for record in history.live.iter().filter(|record| record.state.is_partial()) {
        from_checkpoint(database, record, holder.is_some(), &mut runs).await?;
    }
    for run in &mut runs {
        run.left = left(run);
    }
    Ok(Overview { holder, runs, pauses })
}

/// Whether a run is at a migration of the history, however each of them spells its revision.
fn is_at(run: &ObservedRun, record: &Record) -> bool {
    compare_revisions(&run.row.revision, &record.revision).is_eq()
}

/// Replaces the numbers in the runs' rows by those of the checkpoints: the run that leads, or led last, gets the total;
/// a run that shares gets its own part.
async fn from_checkpoint(
    database: &mut HostSession<'_>,
    record: &Record,
    is_locked: bool,
    runs: &mut Vec<ObservedRun>,
) -> Result<()> {
    let direction = match record.state {
        State::PartlyRolledBack => Direction::Down,
        _ => Direction::Up,
    };
    let run = Run { history: record.id, direction };
    let done = journal::transformed(database, run, None).await?;
    let is_here = |it: &ObservedRun, shares: bool| is_at(it, record) && it.row.shares == shares;
    for helper in runs.iter_mut().filter(|it| done.is_some() && is_here(it, true)) {
        let own = journal::transformed(database, run, Some(&helper.row.run_id)).await?.unwrap_or_default();
        (helper.row.rows_done, helper.row.chunks) = (own.rows_read, own.chunks);
    }
    // A run that takes the lead deletes the row of the one before, so this is the row of the run that led last.
    let leader = runs.iter_mut().find(|it| is_here(it, false));
    let is_transforming = leader.as_ref().is_none_or(|it| !it.liveness.is_alive() || it.row.transform.is_some());
    let Some(done) = done.filter(|_| is_transforming) else { return Ok(()) };
    if let Some(leader) = leader {
        (leader.row.rows_done, leader.row.chunks) = (done.rows_read, done.chunks);
    } else if !is_locked {
        // A damaged journal is reported when a run tries to resume it.
        let last = journal::head(database, run).await.ok().map(|head| head.worker);
        let last = last.unwrap_or_else(|| Worker { run_id: record.run_id.clone(), by: record.applied_by.clone() });
        let row = RunRow {
            run_id: last.run_id,
            owner: last.by,
            shares: false,
            is_connected: None,
            revision: record.revision.clone(),
            direction: direction.to_string(),
            // Nothing else can be partial.
            mode: RunMode::Stepwise.name().to_owned(),
            statement: None,
            transform: None,
            rows_done: done.rows_read,
            total: None,
            chunks: done.chunks,
            retries: 0,
            rate: None,
            held: None,
            began_at: 0,
            beat_at: 0,
            now: 0,
        };
        runs.push(ObservedRun { liveness: Liveness::Lost, row, last_seen: None, left: None });
    }
    Ok(())
}

fn observed(row: RunRow, holder: Option<&LockHolder>) -> ObservedRun {
    let last_seen = Duration::from_millis(u64::try_from(row.now - row.beat_at).unwrap_or(0));
    let liveness = liveness(&row, last_seen, holder);
    // A run that is lost waits for nothing.
    let held = row.held.filter(|_| liveness != Liveness::Lost);
    ObservedRun { liveness, row: RunRow { held, ..row }, last_seen: Some(last_seen), left: None }
}

/// Whether a run is alive.
fn liveness(row: &RunRow, last_seen: Duration, holder: Option<&LockHolder>) -> Liveness {
    if row.held.as_ref().is_some_and(|(name, _)| name == store::ENDED) {
        return Liveness::Ended;
    }
    let waits = row.held.as_ref().is_some_and(|(name, _)| !is_throttling(name));
    let alive = if waits { Liveness::Waiting } else { Liveness::Running };
    let is_fresh = last_seen < SILENCE;
    if row.shares {
        return match row.is_connected {
            Some(false) => Liveness::Lost,
            _ if is_fresh => alive,
            Some(true) => Liveness::Silent,
            None => Liveness::Lost,
        };
    }
    match holder.map(|holder| holder.run_id.as_deref()) {
        Some(Some(run_id)) if run_id == row.run_id => alive,
        // The lock is free, or another run holds it.
        None | Some(Some(_)) => Liveness::Lost,
        // Not every user may see who holds the lock.
        Some(None) if is_fresh => alive,
        Some(None) => Liveness::Silent,
    }
}

/// Estimates the remaining time of a run.
fn left(run: &ObservedRun) -> Option<Duration> {
    let rate = run.row.rate.filter(|rate| *rate > 0 && run.liveness == Liveness::Running)?;
    let Total { rows, .. } = run.row.total?;
    let rest = rows.checked_sub(run.row.rows_done)?;
    Some(Duration::from_secs_f64(rest as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_shows_whether_a_run_is_alive() {
        let row = |shares, is_connected, held: Option<&str>| RunRow {
            run_id: "r".to_owned(),
            owner: "`runner apply` of ann@db1, process 7, since 2026".to_owned(),
            shares,
            is_connected,
            revision: "1".to_owned(),
            direction: "upgrade".to_owned(),
            mode: "stepwise".to_owned(),
            statement: None,
            transform: None,
            rows_done: 0,
            total: None,
            chunks: 0,
            retries: 0,
            rate: None,
            held: held.map(|name| (name.to_owned(), String::new())),
            began_at: 0,
            beat_at: 0,
            now: 0,
        };
        let (now, long) = (Duration::from_secs(1), Duration::from_secs(3600));
        let holder = |run_id: Option<&str>, name: &str| LockHolder {
            run_id: run_id.map(str::to_owned),
            name: name.to_owned(),
            work: None,
        };
        // The names do not matter: two runs of one process may have the same, and a server may cut one short.
        let own = holder(Some("r"), "`runner apply` of ann@d");
        let other = holder(Some("r2"), "`runner apply` of ann@db1, process 7, since 2026");
        let session = holder(None, "the session 12 of `runner `");
        for (held, last_seen, holder, expected) in [
            (None, now, Some(&own), Liveness::Running),
            // A statement may run for hours while the row is not updated.
            (None, long, Some(&own), Liveness::Running),
            (Some("paused"), now, Some(&own), Liveness::Waiting),
            (Some("batch-delay"), now, Some(&own), Liveness::Running),
            (None, now, None, Liveness::Lost),
            (Some("paused"), long, None, Liveness::Lost),
            (None, now, Some(&other), Liveness::Lost),
            (None, long, Some(&other), Liveness::Lost),
            (None, now, Some(&session), Liveness::Running),
            (None, long, Some(&session), Liveness::Silent),
            (Some("ended"), now, Some(&other), Liveness::Ended),
        ] {
            let row = row(false, None, held);
            assert_eq!(liveness(&row, last_seen, holder), expected, "{held:?} {last_seen:?} {holder:?}");
        }
        // A run that shares does not hold the lock; its session shows whether it is alive, if that is known.
        for (is_connected, last_seen, expected) in [
            (Some(true), now, Liveness::Running),
            (Some(true), long, Liveness::Silent),
            (Some(false), now, Liveness::Lost),
            (None, now, Liveness::Running),
            (None, long, Liveness::Lost),
        ] {
            for holder in [None, Some(&own), Some(&other)] {
                let liveness = liveness(&row(true, is_connected, None), last_seen, holder);
                assert_eq!(liveness, expected, "{is_connected:?} {last_seen:?} {holder:?}");
            }
        }
    }
}
