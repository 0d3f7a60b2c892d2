//! What others see of the runs on a database: who has the lock, how far each run is, and what is paused.
//!
//! What a run tells of itself is only as good as its last word. How many rows are done is read from the checkpoints, which
//! are committed together with the rows; whether it lives is told by the lock, which dies with its owner, or by its session if
//! it works beside who has the lock.

use std::time::Duration;

use super::store::{self, RunRow};
use crate::database::{Database, DatabaseErrorKind, Probe};
use crate::engine::Direction;
use crate::engine::control::orders;
use crate::engine::control::orders::Control;
use crate::engine::event::{Total, percent};
use crate::engine::history::{self, History, Record, RunMode, State};
use crate::engine::journal;
use crate::engine::journal::Worker;
use crate::engine::run::Run;
use crate::engine::throttle::Pause;
use crate::engine::throttle::only_slows;
use crate::error::Result;

/// How long a run may be silent before it is doubted, where the lock does not tell.
const SILENCE: Duration = Duration::from_secs(10);

/// What is known of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It goes on.
    Running,
    /// It lives, and something holds it.
    Held,
    /// It broke off, and said so.
    Ended,
    /// It is gone without a word: killed, or cut off from the database.
    Lost,
    /// It has been silent for long, and the lock is held by somebody, or its session is there: nobody can tell.
    Silent,
}

impl Life {
    /// The name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "waiting",
            Self::Ended => "ended",
            Self::Lost => "lost",
            Self::Silent => "silent",
        }
    }

    /// Whether it can be spoken to.
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Held | Self::Silent)
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What is known of its life.
    pub life: Life,
    /// What it told of itself; what can be read elsewhere is put in its place.
    pub row: RunRow,
    /// How long ago it was heard of; none: never.
    pub heard: Option<Duration>,
    /// How long the rest will take.
    pub left: Option<Duration>,
}

impl Seen {
    /// The share that is done, from 0 to 100.
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
    /// Who has the lock, if anybody has.
    pub holder: Option<String>,
    /// Runs that are under way, and those that broke off and left something half done.
    pub runs: Vec<Seen>,
    /// What is paused.
    pub pauses: Vec<Pause>,
}

impl Overview {
    /// The runs that are under way, as far as they told of themselves.
    pub fn alive(&self) -> impl Iterator<Item = &Seen> {
        self.runs.iter().filter(|seen| seen.life.is_alive())
    }

    /// Who has the lock and told nothing of itself.
    pub fn untold(&self) -> Option<&str> {
        let holder = self.holder.as_deref()?;
        let is_told = self.alive().any(|seen| !seen.row.shares);
        (!is_told).then_some(holder)
    }
}

/// Looks at what is in force, in brief, and at the runs on a database. Writes nothing. As a rule one question to the database answers
/// it all; where there is no history yet, each part is asked for by itself, and knows what that means.
pub async fn look(database: &mut dyn Database) -> Result<(History, Overview)> {
    let facts = database.facts();
    let questions = [history::question(facts), orders::question(facts), store::question(facts)];
    let sight = match database.look(&questions).await {
        Ok(sight) => sight,
        // No tables, or tables that may not be read: which of them?
        Err(error) if matches!(error.kind, DatabaseErrorKind::Syntax | DatabaseErrorKind::Denied) => Probe::default(),
        Err(error) => return Err(history::unreadable(error)),
    };
    match <[_; 3]>::try_from(sight.answers) {
        Ok([live, controls, runs]) if !live.is_empty() => {
            let history = history::answered(database, live).await?;
            let (controls, rows) = (orders::answered(&controls)?, store::answered(&runs)?);
            let overview = overview(database, &history, controls, rows, sight.holder).await?;
            Ok((history, overview))
        }
        _ => {
            let history = history::read(database).await?;
            let overview = look_at_runs(database, &history).await?;
            Ok((history, overview))
        }
    }
}

/// Looks at the runs on a database whose history is known. Writes nothing.
pub async fn look_at_runs(database: &mut dyn Database, history: &History) -> Result<Overview> {
    let controls = orders::read(database).await?;
    let rows = store::read(database).await?;
    // After the rows: a run that ends in between is called lost for a moment, and not alive for ever.
    let holder = database.lock_holder().await?;
    overview(database, history, controls, rows, holder).await
}

/// Puts together what was read.
async fn overview(
    database: &mut dyn Database,
    history: &History,
    controls: Vec<Control>,
    rows: Vec<RunRow>,
    holder: Option<String>,
) -> Result<Overview> {
    let pauses = controls.into_iter().filter_map(|control| control.pause).collect();
    let mut runs: Vec<Seen> = rows.into_iter().map(|row| seen(row, holder.as_deref())).collect();
    // What broke off matters as long as something of it is half done.
    let matters = |seen: &Seen| {
        let is_partial =
            |it: &Record| it.revision == seen.row.revision && (!seen.row.shares || it.state == State::PartlyApplied);
        seen.life.is_alive() && !seen.row.shares || history.partial().is_some_and(is_partial)
    };
    runs.retain(matters);
    for record in history.live.iter().filter(|record| record.mode == RunMode::Stepwise && record.state.is_partial()) {
        from_checkpoint(database, record, holder.as_deref(), &mut runs).await?;
    }
    for seen in &mut runs {
        seen.left = left(seen);
    }
    Ok(Overview { holder, runs, pauses })
}

/// Puts what the checkpoints say in the place of what runs told: all that is done belongs to the run that leads, or led last;
/// who shares has its own part.
async fn from_checkpoint(
    database: &mut dyn Database,
    record: &Record,
    holder: Option<&str>,
    runs: &mut Vec<Seen>,
) -> Result<()> {
    let direction = match record.state {
        State::PartlyRolledBack => Direction::Down,
        _ => Direction::Up,
    };
    let run = Run { history: record.id, direction };
    let done = journal::transformed(database, run, None).await?;
    let is_here = |seen: &Seen, shares: bool| seen.row.revision == record.revision && seen.row.shares == shares;
    for seen in runs.iter_mut().filter(|seen| done.is_some() && is_here(seen, true)) {
        let own = journal::transformed(database, run, Some(&seen.row.run_id)).await?.unwrap_or_default();
        (seen.row.rows_done, seen.row.chunks) = (own.rows_read, own.chunks);
    }
    if let Some(leader) = runs.iter_mut().find(|seen| is_here(seen, false) && seen.life.is_alive()) {
        if let (Some(done), Some(_)) = (done, &leader.row.transform) {
            (leader.row.rows_done, leader.row.chunks) = (done.rows_read, done.chunks);
        }
        return Ok(());
    }
    // A journal that is damaged is told of where somebody wants to go on with it.
    let last = journal::head(database, run).await.ok().map(|head| head.worker);
    // What an earlier run said of its end is not the end of one that came later and said nothing.
    runs.retain(|seen| {
        !is_here(seen, false) || last.as_ref().is_none_or(|last| !is_later(&last.run_id, &seen.row.run_id))
    });
    let Some(done) = done else { return Ok(()) };
    if let Some(seen) = runs.iter_mut().find(|seen| is_here(seen, false)) {
        (seen.row.rows_done, seen.row.chunks) = (done.rows_read, done.chunks);
    } else if holder.is_none() {
        let last = last.unwrap_or_else(|| Worker { run_id: record.run_id.clone(), by: record.applied_by.clone() });
        let row = RunRow {
            run_id: last.run_id,
            owner: last.by,
            shares: false,
            is_connected: None,
            revision: record.revision.clone(),
            direction: direction.to_string(),
            mode: record.mode.name().to_owned(),
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
        runs.push(Seen { life: Life::Lost, row, heard: None, left: None });
    }
    Ok(())
}

/// Whether a run began later than another, by the second with which its name begins.
fn is_later(run_id: &str, other: &str) -> bool {
    let second = |run_id: &str| run_id.split('-').next().map(str::to_owned);
    second(run_id) > second(other)
}

fn seen(row: RunRow, holder: Option<&str>) -> Seen {
    let heard = Duration::from_millis(u64::try_from(row.now - row.beat_at).unwrap_or(0));
    let life = life(&row, heard, holder);
    // Nothing holds the dead.
    let held = row.held.filter(|_| life != Life::Lost);
    Seen { life, row: RunRow { held, ..row }, heard: Some(heard), left: None }
}

/// Whether a run lives.
fn life(row: &RunRow, heard: Duration, holder: Option<&str>) -> Life {
    if row.held.as_ref().is_some_and(|(name, _)| name == store::ENDED) {
        return Life::Ended;
    }
    let is_held = row.held.as_ref().is_some_and(|(name, _)| !only_slows(name));
    let alive = if is_held { Life::Held } else { Life::Running };
    let is_fresh = heard < SILENCE;
    match holder {
        _ if row.shares => match row.is_connected {
            Some(false) => Life::Lost,
            _ if is_fresh => alive,
            Some(true) => Life::Silent,
            None => Life::Lost,
        },
        None => Life::Lost,
        Some(holder) if is_same(holder, &row.owner) => alive,
        // Not everybody may see who holds the lock.
        Some(_) if is_fresh => alive,
        Some(holder) if holder.contains("`runner ") => Life::Lost,
        Some(_) => Life::Silent,
    }
}

/// Whether two names of a run mean the same: a server may keep only the beginning of one.
fn is_same(holder: &str, owner: &str) -> bool {
    !holder.is_empty() && (owner == holder || owner.starts_with(holder) || holder.starts_with(owner))
}

/// How long the rest of a run will take.
fn left(seen: &Seen) -> Option<Duration> {
    let rate = seen.row.rate.filter(|rate| *rate > 0 && seen.life == Life::Running)?;
    let Total { rows, .. } = seen.row.total?;
    let rest = rows.checked_sub(seen.row.rows_done)?;
    Some(Duration::from_secs_f64(rest as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_the_proof_of_life() {
        let row = |shares, is_connected, held: Option<&str>| RunRow {
            run_id: "r".to_owned(),
            owner: "`runner apply` of ann@db1, process 7, since 2026".to_owned(),
            shares,
            is_connected,
            revision: "1".to_owned(),
            direction: "upgrade".to_owned(),
            mode: "stepwise".to_owned(),
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
        let (ours, other) =
            ("`runner apply` of ann@db1, process 7, since 2026", "`runner apply` of bob@db2, process 9");
        for (shares, held, heard, holder, expected) in [
            (false, None, now, Some(ours), Life::Running),
            // A statement may run for hours without a word.
            (false, None, long, Some(ours), Life::Running),
            (false, Some("paused"), now, Some(ours), Life::Held),
            (false, Some("batch-delay"), now, Some(ours), Life::Running),
            (false, None, now, None, Life::Lost),
            (false, Some("paused"), long, None, Life::Lost),
            (false, None, long, Some(other), Life::Lost),
            (false, None, now, Some("the session 12 of `app`"), Life::Running),
            (false, None, long, Some("the session 12 of `app`"), Life::Silent),
            (false, Some("ended"), now, Some(other), Life::Ended),
        ] {
            let row = row(shares, None, held);
            assert_eq!(life(&row, heard, holder), expected, "{shares} {held:?} {heard:?} {holder:?}");
        }
        // Who shares has no lock, whoever holds it; it is told by its session, if that is known.
        for (is_connected, heard, expected) in [
            (Some(true), now, Life::Running),
            (Some(true), long, Life::Silent),
            (Some(false), now, Life::Lost),
            (None, now, Life::Running),
            (None, long, Life::Lost),
        ] {
            for holder in [None, Some(ours), Some(other)] {
                let life = life(&row(true, is_connected, None), heard, holder);
                assert_eq!(life, expected, "{is_connected:?} {heard:?} {holder:?}");
            }
        }
    }
}
