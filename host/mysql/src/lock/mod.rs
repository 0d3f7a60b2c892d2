//! The lock that excludes other runs: two user locks, which last as long as the sessions that hold them, or a lease and the second of them.
//!
//! The first is held by a session that does nothing else. The second is held by the work session, which can
//! outlive a run whose process was killed, because the server notices only after the current statement. A run that
//! gets the first lock but not the second has found such an orphan: it waits for the orphan, and kills it after a
//! grace period. The second lock is also a fence: a run that lost the first cannot work at the same time as its successor.

pub(crate) mod blockers;
mod lease;
mod names;
pub(crate) mod user_lock;

use std::time::{Duration, Instant};

use self::lease::Rows;
use self::names::{Names, is_used};
pub(crate) use self::user_lock::Waiting;
use self::user_lock::{UNDOING, Wait, release, take_first, take_second, wait_until_free};
use crate::assertion::{Assertion, OUT_OF_RANGE};
use crate::error::Result;
use crate::host_sql::{HostExecutor as _, number};
use crate::link::Link;
use crate::link::facts::SessionFacts;
use crate::link::galera::run_patiently;
use crate::link::keepalive::KeptAlive;
use crate::link::processlist;
use crate::link::work::WorkSession;
use runner_database::lease::{self as leases, Lease, acquire, lost, wait_for_leases};
use runner_database::{
    DatabaseError, DatabaseErrorKind, Facts, LockHolder, LockRequest, Meaning, StopSignal, ToolChange,
};

/// The lock of a run, if it has taken it; held until it is dropped.
#[derive(Default)]
pub(crate) struct Lock {
    held: Option<Held>,
}

struct Held {
    first: First,
    names: Names,
    request: LockRequest,
}

/// What keeps other runs out.
enum First {
    /// The first user lock, held by the session with this number.
    UserLock(KeptAlive, u64),
    /// A lease, where user locks do not do, or the URL asks for it. The second lock still keeps out the orphans on this server.
    Lease(Lease),
}

/// How long to wait for the end of an abandoned session of our own.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to do where a new session finds that the first lock is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Take it again: the connection was lost, and the caller reads again what is in the database.
    TakenAgain,
    /// Fail: a statement of a migration has released it.
    Refused,
}

impl Lock {
    /// Takes the lock.
    pub async fn take(
        &mut self,
        link: &mut Link,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        let (names, is_one_clock) = (Names::of(link.server()), link.server().is_one_clock());
        let started = Instant::now();
        let left = || request.wait.saturating_sub(started.elapsed());
        let first = if link.server().has_lease() {
            let (mut rows, length) = (Rows::open(link.endpoint()).await?, link.endpoint().lock.length);
            let token = acquire(&mut rows, request, length, is_one_clock, stop, waiting).await?;
            let lease = match lease::hold(link.endpoint(), &names, token).await {
                Ok(lease) => lease,
                Err(error) => {
                    // It is no longer renewed, and no run should have to wait for it.
                    let _ = leases::release(&mut rows, token).await;
                    return Err(error);
                }
            };
            take_second(&mut link.work, &mut rows.connection, &names, left(), stop, waiting).await?;
            First::Lease(lease)
        } else {
            let (mut connection, id) = take_first(link.endpoint(), &names, request, stop, waiting).await?;
            // Of a run that looks for the lock after it took its lease, and one that does so the other way round, one sees the other.
            // This comes before the second lock, whose holder is an orphan only if no run holds a lease.
            if lease::read(&mut connection, link.facts(), &names).await?.is_some_and(|seen| !seen.is_free) {
                let mut rows = Rows::open(link.endpoint()).await?;
                wait_for_leases(&mut rows, request, is_one_clock, stop, waiting).await?;
            }
            take_second(&mut link.work, &mut connection, &names, left(), stop, waiting).await?;
            names::sign(&mut connection, &names, &request.run_id).await;
            First::UserLock(KeptAlive::new(connection), id)
        };
        wait_until_free(&mut link.work, &names.guest).await?;
        self.held = Some(Held { first, names, request: request.clone() });
        Ok(())
    }

    /// Releases it.
    pub async fn release(&mut self, link: &mut Link) -> Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        // If a session is gone, so is its lock.
        let _ = release(&mut link.work, &held.names.work).await;
        match held.first {
            First::UserLock(connection, _) => {
                let mut connection = connection.lock().await;
                // With the one that names the run, which may take the lock again.
                if connection.run("DO RELEASE_ALL_LOCKS()").await.is_err() {
                    // MariaDB before 10.5.2 has no such function.
                    let _ = release(&mut *connection, &held.names.run).await;
                }
            }
            First::Lease(lease) => lease.release().await,
        }
        Ok(())
    }

    /// Whether this run holds it.
    pub fn is_taken(&self) -> bool {
        self.held.is_some()
    }

    /// The lease of the run, if its lock is one.
    fn lease(&self) -> Option<&Lease> {
        match &self.held.as_ref()?.first {
            First::Lease(lease) => Some(lease),
            First::UserLock(..) => None,
        }
    }

    /// Returns the condition under which this run holds both locks, the second in the session with this number; `None` if it has not
    /// taken them. A lease has proofs of its own.
    fn condition(&self, session: &str) -> Option<String> {
        let Held { first, names, .. } = self.held.as_ref()?;
        let work = format!("({} <=> {session})", is_used(&names.work));
        Some(match first {
            First::UserLock(_, id) => format!("({work} AND ({} <=> {id}))", is_used(&names.run)),
            First::Lease(_) => work,
        })
    }

    /// The statement that fails unless the session, and the one that does nothing else, still hold the lock: a statement of a migration
    /// may have released it or ended that session. Empty for a session that does not hold it.
    pub fn proof(&self) -> String {
        self.proof_for("CONNECTION_ID()")
    }

    /// The same on whatever session it is sent. `session`: the one that holds the second part of the lock.
    pub fn proof_for(&self, session: &str) -> String {
        let condition = self.condition(session).map(|held| Assertion::Expected.fails_if(&format!("NOT {held}")));
        condition.unwrap_or_default()
    }

    /// The statement that fails if the run has lost its lease. Empty where it has none.
    pub fn proof_of_lease(&self, facts: &Facts) -> String {
        self.lease().map(|it| lease::proof(it, facts)).unwrap_or_default()
    }

    /// The statements that have to precede a COMMIT of this run, in the same message: they keep another run from taking the lease
    /// until then, or fail if it has it.
    pub fn fence(&self, facts: &Facts) -> Result<String> {
        self.fence_change().map_or(Ok(String::new()), |fence| lease::one_row(&fence, facts))
    }

    /// The change of such a statement.
    pub fn fence_change(&self) -> Option<ToolChange> {
        self.lease().map(Lease::fence)
    }

    /// Before a statement that no transaction fences: it begins in a lease of full length, or not at all.
    pub async fn renew_lease(&self, link: &mut Link) -> Result<()> {
        let Some(lease) = self.lease() else { return Ok(()) };
        prove(link, &lease::renewal(lease, link.facts())?).await
    }

    /// Fails if another run has taken the lease; the task that renews it may not have noticed yet.
    pub async fn prove_lease(&self, link: &mut Link) -> Result<()> {
        let proof = self.proof_of_lease(link.facts());
        if proof.is_empty() { Ok(()) } else { prove(link, &proof).await }
    }

    /// What an error means after a text with a proof.
    pub async fn explain(&self, link: &mut Link, error: DatabaseError) -> DatabaseError {
        if Assertion::Lease.failed(&error) {
            return lost();
        }
        let Some(held) = self.condition("CONNECTION_ID()").filter(|_| error.code == OUT_OF_RANGE) else { return error };
        match link.work.one(format!("SELECT {held} LIMIT 1")).await {
            Ok(row) if number(&row, 0) == 0 => gone(),
            _ => error,
        }
    }

    /// Replaces the work session, with its lock if it holds one. When this returns, nothing that the old session had
    /// open remains.
    pub async fn renew(&mut self, link: &mut Link, lost: Lost) -> Result<()> {
        let (old, old_id) = link.replace().await?;
        // If the old session is alive, it ends at once, together with its lock; if not, the server has to notice.
        let work = self.held.as_ref().map(|held| held.names.work.as_str());
        let _ = tokio::time::timeout(PATIENCE, leave(old, work)).await;
        let renewed = self.follow(link, old_id, lost).await;
        if renewed.is_err() {
            // No statement may run without the lock, and what this run knows about the database may be out of date.
            link.replace_later();
        }
        renewed
    }

    /// Gives the lock to the new session.
    async fn follow(&mut self, link: &mut Link, old: u64, lost: Lost) -> Result<()> {
        self.prove_lease(link).await?;
        let Some(held) = &mut self.held else { return wait_for_end(link, old).await };
        let stop = StopSignal::never();
        match held.check().await {
            Err(error) if lost == Lost::Refused || error.is_lease_lost() => return Err(error),
            Err(_) => {
                let (mut connection, id) =
                    take_first(link.endpoint(), &held.names, &held.request, &stop, &|_| {}).await?;
                names::sign(&mut connection, &held.names, &held.request.run_id).await;
                held.first = First::UserLock(KeptAlive::new(connection), id);
            }
            Ok(()) => {}
        }
        match &held.first {
            First::UserLock(first, _) => {
                take_second(&mut link.work, &mut *first.lock().await, &held.names, UNDOING, &stop, &|_| {}).await
            }
            First::Lease(_) => {
                let mut helper = link.endpoint().connect_briefly().await?;
                take_second(&mut link.work, &mut helper, &held.names, UNDOING, &stop, &|_| {}).await
            }
        }
    }
}

impl Held {
    /// Fails if the run is known not to hold the first lock any more.
    async fn check(&self) -> Result<()> {
        let connection = match &self.first {
            First::UserLock(connection, _) => connection,
            First::Lease(lease) => return lease.check(),
        };
        let ask = format!("SELECT {} = CONNECTION_ID()", is_used(&self.names.run));
        match connection.lock().await.one(ask).await {
            Ok(row) if number(&row, 0) == 1 => Ok(()),
            _ => Err(gone()),
        }
    }
}

/// Returns the query for the connection ID of the session that holds the lock; the result is NULL if none does.
pub(crate) fn holder_query(server: &SessionFacts) -> String {
    format!("SELECT {}", is_used(&Names::of(server).run))
}

/// Who holds the lock.
pub(crate) async fn holder(link: &mut Link) -> Result<Option<LockHolder>> {
    let (names, facts) = (Names::of(link.server()), link.server().clone());
    if facts.has_lease() {
        let seen = lease::read(&mut link.work, &facts.facts, &names).await?;
        if let Some(holder) = seen.and_then(|seen| seen.live_holder(facts.is_one_clock())) {
            return Ok(Some(holder));
        }
    }
    names::read(&mut link.work, &facts.facts, &names).await
}

/// The user lock that the session of a component holds, if it has a login of its own.
pub(crate) fn guest_lock(server: &SessionFacts) -> String {
    Names::of(server).guest
}

/// The error of a run whose lock is gone.
pub(crate) fn gone() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        "this run no longer holds its lock: a statement released it, or ended the session that holds it",
    )
    .means(Meaning::Ran)
    .hint("look for `KILL` and `RELEASE_LOCK` in the migration and its procedures; then run the command again")
}

/// Runs a statement that fails if the run has lost its lease.
async fn prove(link: &mut Link, text: &str) -> Result<()> {
    match run_patiently(&mut link.work, text.trim_end_matches("; ")).await {
        Err(error) if Assertion::Lease.failed(&error) => Err(lost()),
        proven => proven.map(drop),
    }
}

/// Closes a session cleanly.
async fn leave(mut session: WorkSession, lock: Option<&str>) {
    if let Some(lock) = lock {
        let _ = release(&mut session, lock).await;
    }
    session.close().await;
}

/// Waits until a session has left the server's process list, as far as the user may see it.
async fn wait_for_end(link: &mut Link, id: u64) -> Result<()> {
    let mut wait = Wait::new(PATIENCE);
    while !processlist::describe(&mut link.work, id).await?.is_empty() && wait.pause(&StopSignal::never()).await {}
    Ok(())
}
