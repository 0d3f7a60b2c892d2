//! Taking a lease, and waiting for one. In between nothing is open on the server.

use std::time::{Duration, Instant};

use super::takeover::{TakeoverClock, Verdict, silence};
use super::{LeaseRows, Seen};
use crate::holder::{still_held, wait_longer};
use crate::{DatabaseError, DatabaseErrorKind, LockHolder, LockRequest, StopSignal};
use runner_base::backoff::Backoff;

/// The pauses between two attempts: the first and the longest.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));

/// Called with a description of the lock's holder.
type Waiting<'a> = &'a (dyn for<'b> Fn(&'b str) + Send + Sync);

/// Waits for a lease, and takes it; returns its token. `is_one_clock`: all sessions of the database see the same clock.
pub async fn acquire(
    rows: &mut dyn LeaseRows,
    request: &LockRequest,
    length: Duration,
    is_one_clock: bool,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<i64, DatabaseError> {
    let mut wait = Wait::new(request, waiting);
    let mut clock = TakeoverClock::new(is_one_clock);
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        if let Some(holder) = rows.native_holder().await? {
            wait.report(holder);
        } else {
            let Some(seen) = read_or_create(rows).await? else { continue };
            match clock.judge(&seen, Instant::now()) {
                Verdict::Held => {
                    wait.extend(&seen, is_one_clock);
                    wait.report_silence(&seen);
                }
                verdict => {
                    let previous = (verdict == Verdict::Ended).then(|| LockHolder::parse(&seen.holder));
                    if let Some(token) = attempt(rows, &seen, previous, request, length).await? {
                        // A run that takes the server's own lock looks for a lease afterwards: one of the two sees the
                        // other.
                        let holder = match rows.native_holder().await {
                            Ok(None) => return Ok(token),
                            holder => holder,
                        };
                        rows.release(token).await?;
                        wait.report(holder?.unwrap_or_default());
                    }
                }
            }
        }
        wait.pause(stop).await?;
    }
}

/// Releases a lease that was taken and is not renewed.
pub async fn release(rows: &mut dyn LeaseRows, token: i64) -> Result<(), DatabaseError> {
    rows.release(token).await
}

/// Waits until no run holds a lease; one that has expired is taken from its holder, and released. For a run that holds the server's own
/// lock, on a database that has leases.
pub async fn wait_for_leases(
    rows: &mut dyn LeaseRows,
    request: &LockRequest,
    is_one_clock: bool,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<(), DatabaseError> {
    let mut wait = Wait::new(request, waiting);
    let mut clock = TakeoverClock::new(is_one_clock);
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let Some(seen) = rows.read().await? else { return Ok(()) };
        match clock.judge(&seen, Instant::now()) {
            Verdict::Free => return Ok(()),
            Verdict::Held => {
                wait.extend(&seen, is_one_clock);
                wait.report_silence(&seen);
            }
            Verdict::Ended => {
                let previous = LockHolder::parse(&seen.holder);
                if let Some(token) = attempt(rows, &seen, Some(previous), request, seen.length).await? {
                    return rows.release(token).await;
                }
            }
        }
        wait.pause(stop).await?;
    }
}

/// Reads the rows, or creates what is missing, and the caller reads again.
async fn read_or_create(rows: &mut dyn LeaseRows) -> Result<Option<Seen>, DatabaseError> {
    if let Some(seen) = rows.read().await? {
        return Ok(Some(seen));
    }
    match rows.create().await {
        // On another node of a cluster, another run makes them at the same time.
        Err(error) if error.is_transient() => tokio::time::sleep(PAUSES.clone().pause()).await,
        made => made?,
    }
    Ok(None)
}

/// Takes the lease as it was seen, and returns its token; `None` if something was faster.
async fn attempt(
    rows: &mut dyn LeaseRows,
    seen: &Seen,
    previous: Option<LockHolder>,
    request: &LockRequest,
    length: Duration,
) -> Result<Option<i64>, DatabaseError> {
    let token = seen.next_token();
    match rows.take(seen, token, &LockHolder::record(request), length).await {
        Ok(false) => Ok(None),
        Ok(true) => {
            if let Some(previous) = &previous {
                rows.evict(previous).await;
            }
            Ok(Some(token))
        }
        // The earlier holder's transaction is at its end, or was frozen there; or another node of a cluster was faster.
        Err(error) if error.is_transient() => {
            if let Some(previous) = &previous {
                rows.evict(previous).await;
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A wait for the lock.
struct Wait<'a> {
    waiting: Waiting<'a>,
    started: Instant,
    pauses: Backoff,
    reported: Option<String>,
    /// For how long it waits.
    limit: Duration,
}

impl<'a> Wait<'a> {
    fn new(request: &LockRequest, waiting: Waiting<'a>) -> Self {
        Self { waiting, started: Instant::now(), pauses: PAUSES, reported: None, limit: request.wait }
    }

    /// Reports a holder, unless it was reported last.
    fn report(&mut self, holder: String) {
        if self.reported.as_ref() != Some(&holder) {
            (self.waiting)(&holder);
            self.reported = Some(holder);
        }
    }

    /// On a cluster, a lease that has expired is observed for a while before it may be taken. A run that waits for less
    /// would never get past a run that was killed.
    fn extend(&mut self, seen: &Seen, is_one_clock: bool) {
        if !is_one_clock && seen.left <= 0 {
            self.limit = self.limit.max(seen.length);
        }
    }

    /// Reports the holder of a lease, and that it does not renew it.
    fn report_silence(&mut self, seen: &Seen) {
        let name = LockHolder::parse(&seen.holder).name;
        let Some((silent, left)) = silence(seen) else { return self.report(name) };
        // The number of seconds differs each time.
        let since = format!("{name}, which has not renewed its lease");
        if !self.reported.as_ref().is_some_and(|reported| reported.starts_with(&since)) {
            self.report(format!(
                "{since} for {:.0} s; it ends in {:.0} s",
                silent.as_secs_f64(),
                left.as_secs_f64().ceil()
            ));
        }
    }

    /// Waits before the next attempt; fails when the time is up.
    async fn pause(&mut self, stop: &StopSignal) -> Result<(), DatabaseError> {
        let left = self.limit.saturating_sub(self.started.elapsed());
        if left.is_zero() {
            let holder = self.reported.as_deref().unwrap_or("another run");
            let hint = format!("{}; the lease of a run that was killed ends by itself", wait_longer(self.limit));
            return Err(DatabaseError::new(DatabaseErrorKind::Busy, still_held(holder, self.limit)).hint(hint));
        }
        tokio::select! {
            _ = stop.raised() => {}
            () = tokio::time::sleep(self.pauses.pause().min(left)) => {}
        }
        Ok(())
    }
}
