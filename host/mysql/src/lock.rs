//! The lock that excludes other runs: two user locks, which last as long as the sessions that hold them.
//!
//! The first is held by a session that does nothing else. The second is held by the work session, which can
//! outlive a run whose process was killed, because the server notices only after the current statement. A run that
//! gets the first lock but not the second has found such an orphan: it waits for the orphan, and kills it after a
//! grace period.
//!
//! It is polled without a wait and must return 1: given a wait of −1, MariaDB returns NULL at once, which is easily
//! taken for a lock. Waiting inside `GET_LOCK` was rejected: fifty waiters hold fifty statements that Ctrl-C has to
//! kill; and so was a table, which does not disappear with its owner. The second lock is also a fence: a run that lost
//! the first cannot work at the same time as its successor.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sqlx::MySqlConnection;

use super::connect::Endpoint;
use super::keepalive::KeptAlive;
use super::lease::{self, Rows};
use super::session::{self, SessionFacts, Spoken, literal, row_text};
use super::work::WorkSession;
use super::{MysqlDatabase, owner};
use runner_base::backoff::Backoff;
use runner_database::error::RAN;
use runner_database::holder::{still_held, wait_longer};
use runner_database::lease::{self as leases, Lease, acquire, outlast};
use runner_database::{DatabaseError, DatabaseErrorKind, LockHolder, LockRequest, StopSignal};

/// The lock, held until it is dropped.
pub(super) struct Lock {
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

/// Names of user locks: at most 64 characters, and the same for all runs with one history.
#[derive(Clone)]
pub(super) struct Names {
    pub run: String,
    pub work: String,
    pub owner: String,
    /// What a lease is for.
    pub scope: String,
}

impl Names {
    pub fn of(server: &SessionFacts) -> Self {
        let schema = server.facts.schema.clone().unwrap_or_default();
        // Where the server does not distinguish `App` from `app`, the lock's name must not either.
        let schema = if server.folds_table_names { schema.to_lowercase() } else { schema };
        let place = match server.facts.history.prefix(server.facts.dialect) {
            "" => schema.clone(),
            prefix => format!("{schema}\0{prefix}"),
        };
        let digest = hex::encode(&Sha256::digest(place)[..12]);
        Self {
            run: format!("runner:{digest}"),
            work: format!("runner:{digest}:work"),
            owner: format!("runner:{digest}:by"),
            scope: schema,
        }
    }

    /// The user lock that the session of a component holds, if it has a login of its own.
    pub fn guest(&self) -> String {
        format!("{}:guest", self.run)
    }
}

/// How long a holder's name may be missing before it is reported.
const NAMELESS: Duration = Duration::from_millis(500);

/// How long an orphan may continue before it is killed: a resumed run has two seconds in total.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait for the end of an abandoned session of our own.
const PATIENCE: Duration = Duration::from_secs(2);

/// The minimum time to allow the server for undoing an orphan's work.
const UNDOING: Duration = Duration::from_secs(60);

/// What to do where a new session finds that the first lock is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Take it again: the connection was lost, and the caller reads again what is in the database.
    TakenAgain,
    /// Fail: a statement of a migration has released it.
    Refused,
}

/// Called with the name of the lock's holder.
type Waiting<'a> = &'a (dyn for<'b> Fn(&'b str) + Send + Sync);

impl MysqlDatabase {
    pub(super) async fn lock_now(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: Waiting<'_>,
    ) -> Result<(), DatabaseError> {
        if self.lock.is_some() {
            return Ok(());
        }
        let names = Names::of(&self.server);
        let started = Instant::now();
        let left = || request.wait.saturating_sub(started.elapsed());
        let first = if self.server.has_lease() {
            let (mut rows, length) = (Rows::open(&self.endpoint).await?, self.endpoint.lock.length);
            let token = acquire(&mut rows, request, length, self.server.is_one_clock(), stop, waiting).await?;
            let lease = match lease::hold(&self.endpoint, &names, token).await {
                Ok(lease) => lease,
                Err(error) => {
                    // It is no longer renewed, and no run should have to wait for it.
                    let _ = leases::release(&mut rows, token).await;
                    return Err(error);
                }
            };
            take_second(&mut self.connection, &mut rows.connection, &names, left(), stop, waiting).await?;
            First::Lease(lease)
        } else {
            let (mut connection, id) = take_first(&self.endpoint, &names, request, stop, waiting).await?;
            // Of a run that looks for the lock after it took its lease, and one that does so the other way round, one sees the other.
            // This comes before the second lock, whose holder is an orphan only if no run holds a lease.
            if lease::look(&mut connection, &self.server.facts, &names).await?.is_some_and(|seen| !seen.is_free) {
                let mut rows = Rows::open(&self.endpoint).await?;
                outlast(&mut rows, request, self.server.is_one_clock(), stop, waiting).await?;
            }
            take_second(&mut self.connection, &mut connection, &names, left(), stop, waiting).await?;
            // The record only helps those who wait; the lock holds without it.
            let _ = owner::publish(&mut connection, &names.owner, &LockHolder::record(request)).await;
            First::UserLock(KeptAlive::new(connection), id)
        };
        self.wait_until_free(&names.guest()).await?;
        self.lock = Some(Lock { first, names, request: request.clone() });
        Ok(())
    }

    /// Returns the condition under which this run holds both locks, the second in this session; `None` if it has not taken them.
    /// Of a lease see [`MysqlDatabase::proof_of_lease`].
    pub(super) fn held_by(&self, session: &str) -> Option<String> {
        let Lock { first, names, .. } = self.lock.as_ref()?;
        let work = format!("(IS_USED_LOCK({}) <=> {session})", literal(&names.work));
        Some(match first {
            First::UserLock(_, id) => format!("({work} AND (IS_USED_LOCK({}) <=> {id}))", literal(&names.run)),
            First::Lease(_) => work,
        })
    }

    /// The lease of the run, if its lock is one.
    pub(super) fn lease(&self) -> Option<&Lease> {
        match &self.lock.as_ref()?.first {
            First::Lease(lease) => Some(lease),
            First::UserLock(..) => None,
        }
    }

    /// Returns the query for the connection ID of the session that holds the lock; the result is NULL if none does.
    pub(super) fn who_holds_it(&self) -> String {
        owner::question(&Names::of(&self.server).run)
    }

    pub(super) async fn lock_holder_now(&mut self) -> Result<Option<LockHolder>, DatabaseError> {
        let names = Names::of(&self.server);
        if self.server.has_lease() {
            let seen = lease::look(&mut self.connection, &self.server.facts, &names).await?;
            if let Some(holder) = seen.and_then(|seen| seen.live_holder(self.server.is_one_clock())) {
                return Ok(Some(holder));
            }
        }
        let found = owner::read(&mut self.connection, &names.run, &names.owner).await?;
        Ok(found.map(|(id, record)| match record {
            record if record.is_empty() => LockHolder::without_record(format!("the connection {id}")),
            record => LockHolder::parse(&record),
        }))
    }

    /// The user lock that the session of a component holds, if it has a login of its own.
    pub(super) fn guest_lock(&self) -> String {
        Names::of(&self.server).guest()
    }

    /// Waits until no session holds a user lock: that of a component of a killed run, whose last statement is still running.
    pub(super) async fn wait_until_free(&mut self, name: &str) -> Result<(), DatabaseError> {
        let started = Instant::now();
        let mut pauses = PAUSES;
        loop {
            let row = session::one(&mut self.connection, owner::question(name)).await?;
            let Some(id) = row_text(&row, 0) else { return Ok(()) };
            if started.elapsed() > GRACE {
                // Only some users may end sessions of others; else the server ends it after its statement.
                let _ = session::run(&mut self.connection, format!("KILL {id}")).await;
            }
            let left = UNDOING.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Busy,
                    format!("the session {id} of a component of a killed run is still running a statement"),
                )
                .hint(format!("wait until it has ended, or let an administrator end it: `KILL {id}`")));
            }
            pause(&mut pauses, left, &StopSignal::default()).await;
        }
    }

    pub(super) async fn unlock_now(&mut self) -> Result<(), DatabaseError> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        // If a session is gone, so is its lock.
        let _ = release(&mut self.connection, &lock.names.work).await;
        match lock.first {
            First::UserLock(connection, _) => {
                let mut connection = connection.lock().await;
                // With the record: while the server has not ended this session, the next holder could not publish its own.
                if session::run(&mut *connection, "DO RELEASE_ALL_LOCKS()".to_owned()).await.is_err() {
                    // MariaDB before 10.5.2 has no such function.
                    let _ = release(&mut *connection, &lock.names.run).await;
                }
            }
            First::Lease(lease) => lease.release().await,
        }
        Ok(())
    }

    /// Replaces the work session, with its lock if it holds one. When this returns, nothing that the old session had
    /// open remains.
    pub(super) async fn renew(&mut self, lost: Lost) -> Result<(), DatabaseError> {
        let (connection, server) = self.endpoint.connect_further().await?;
        let connection = WorkSession::of(connection, &server, self.endpoint.database());
        let old = std::mem::replace(&mut self.connection, connection);
        let old_id = std::mem::replace(&mut self.server, server).id;
        self.watch.renewed(&self.server);
        self.guard.renewed();
        // If the old session is alive, it ends at once, together with its lock; if not, the server has to notice.
        let work = self.lock.as_ref().map(|lock| lock.names.work.clone());
        let _ = tokio::time::timeout(PATIENCE, leave(old, work)).await;
        let stop = StopSignal::default();
        if let Err(error) = self.prove_lease().await {
            // What this run knows about the database is out of date.
            self.guard.must_renew = true;
            return Err(error);
        }
        let Some(lock) = &mut self.lock else {
            return wait_for_end(&mut self.connection, old_id).await;
        };
        let held = lock.is_held().await;
        if let Err(error) = held {
            if lost == Lost::Refused || error.is_lease_lost() {
                self.guard.must_renew = true;
                return Err(error);
            }
            let (mut connection, id) = take_first(&self.endpoint, &lock.names, &lock.request, &stop, &|_| {}).await?;
            let record = LockHolder::record(&lock.request);
            let _ = owner::publish(&mut connection, &lock.names.owner, &record).await;
            lock.first = First::UserLock(KeptAlive::new(connection), id);
        }
        let mut brief = None;
        let taken = match &lock.first {
            First::UserLock(first, _) => {
                take_second(&mut self.connection, &mut *first.lock().await, &lock.names, UNDOING, &stop, &|_| {}).await
            }
            First::Lease(_) => {
                let helper = brief.insert(self.endpoint.connect_briefly().await?);
                take_second(&mut self.connection, helper, &lock.names, UNDOING, &stop, &|_| {}).await
            }
        };
        if taken.is_err() {
            // No statement may run without the lock.
            self.guard.must_renew = true;
        }
        taken
    }
}

impl Lock {
    /// Fails if the run is known not to hold it any more.
    async fn is_held(&self) -> Result<(), DatabaseError> {
        let connection = match &self.first {
            First::UserLock(connection, _) => connection,
            First::Lease(lease) => return lease.check(),
        };
        let ask = format!("SELECT IS_USED_LOCK({}) = CONNECTION_ID()", literal(&self.names.run));
        match session::one(&mut *connection.lock().await, ask).await {
            Ok(row) if session::number(&row, 0) == 1 => Ok(()),
            _ => Err(gone()),
        }
    }
}

/// The error of a run whose lock is gone.
pub(super) fn gone() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Denied,
        "this run no longer holds its lock: a statement released it, or ended the session that holds it",
    )
    .code(RAN)
    .hint("look for `KILL` and `RELEASE_LOCK` in the migration and its procedures; then run the command again")
}

/// Opens a session that holds the first lock. Returns its connection ID as well.
async fn take_first(
    endpoint: &Endpoint,
    names: &Names,
    request: &LockRequest,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<(MySqlConnection, u64), DatabaseError> {
    let (mut connection, server) = endpoint.connect_further().await?;
    let started = Instant::now();
    let mut pauses = PAUSES;
    let mut told: Option<String> = None;
    let mut holder = String::new();
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        if get(&mut connection, &names.run).await? {
            return Ok((connection, server.id));
        }
        let name = match owner::read(&mut connection, &names.run, &names.owner).await? {
            Some((id, record)) if record.is_empty() && started.elapsed() > NAMELESS => {
                Some(owner::describe(&mut connection, id).await?)
            }
            found => found.map(|(_, record)| LockHolder::parse(&record).name),
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            holder = name;
            if told.as_ref() != Some(&holder) {
                waiting(&holder);
                told = Some(holder.clone());
            }
        }
        let left = request.wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(busy(&holder, request.wait));
        }
        pause(&mut pauses, left, stop).await;
    }
}

/// Takes the second lock for the work session. A session that holds it without the first is an orphan.
async fn take_second(
    work: &mut WorkSession,
    first: &mut MySqlConnection,
    names: &Names,
    wait: Duration,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<(), DatabaseError> {
    let started = Instant::now();
    let mut pauses = PAUSES;
    let mut killed = None;
    let mut told = false;
    while !get(work, &names.work).await? {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let ask = format!("SELECT IS_USED_LOCK({})", literal(&names.work));
        let id = row_text(&session::one(first, ask).await?, 0).and_then(|id| id.parse::<u64>().ok());
        let orphan = match id {
            Some(id) => Some(owner::describe(first, id).await?).filter(|name| !name.is_empty()),
            None => None,
        };
        // It has ended just now, or the two connections are on different nodes of a cluster.
        let orphan = orphan.or(id.map(|id| format!("connection {id}"))).unwrap_or_else(|| "another session".to_owned());
        if !told && started.elapsed() > NAMELESS {
            waiting(&format!("a killed run, whose statement is still running on the server: {orphan}"));
            told = true;
        }
        if let Some(id) = id.filter(|id| started.elapsed() > GRACE && killed != Some(*id)) {
            kill(first, id, &orphan).await?;
            killed = Some(id);
        }
        let left = wait.max(UNDOING).saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Busy,
                format!("a killed run's statement is still running on the server: {orphan}"),
            )
            .hint("the server undoes it; wait until it is gone from `SHOW PROCESSLIST`"));
        }
        pause(&mut pauses, left, stop).await;
    }
    Ok(())
}

/// Kills a session.
async fn kill(connection: &mut MySqlConnection, id: u64, who: &str) -> Result<(), DatabaseError> {
    /// The session no longer exists.
    const GONE: &str = "1094";
    match session::run(connection, format!("KILL {id}")).await {
        Err(error) if error.code != GONE => {
            let mut error = error.detail(format!("while ending a killed run's session: {who}"));
            error.hint.get_or_insert_with(|| format!("an administrator can end it: `KILL {id}`"));
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Closes a session cleanly.
async fn leave(mut session: WorkSession, lock: Option<String>) {
    if let Some(lock) = lock {
        let _ = release(&mut session, &lock).await;
    }
    session.close().await;
}

/// Waits until a session has left the server's process list, as far as the user may see it.
async fn wait_for_end(connection: &mut impl Spoken, id: u64) -> Result<(), DatabaseError> {
    let started = Instant::now();
    let mut pauses = PAUSES;
    while !owner::describe(connection, id).await?.is_empty() && started.elapsed() < PATIENCE {
        pause(&mut pauses, PATIENCE, &StopSignal::default()).await;
    }
    Ok(())
}

/// Whether the user lock was free and is ours. Any answer other than 0 and 1 is a failure: MariaDB answers NULL at
/// once to arguments it rejects.
pub(super) async fn get(connection: &mut impl Spoken, name: &str) -> Result<bool, DatabaseError> {
    let row = session::one(connection, format!("SELECT GET_LOCK({}, 0)", literal(name))).await?;
    taken(row_text(&row, 0).as_deref())
}

/// Interprets an answer of `GET_LOCK`.
fn taken(answer: Option<&str>) -> Result<bool, DatabaseError> {
    match answer {
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        other => Err(DatabaseError::new(
            DatabaseErrorKind::Other,
            format!("the server answered `{}` to `GET_LOCK`, where only 0 and 1 are answers", other.unwrap_or("NULL")),
        )
        .hint("runner cannot keep two runs apart on a server without user locks")),
    }
}

/// Gives a user lock back.
pub(super) async fn release(connection: &mut impl Spoken, name: &str) -> Result<(), DatabaseError> {
    session::run(connection, format!("DO RELEASE_LOCK({})", literal(name))).await.map(|_| ())
}

fn busy(holder: &str, waited: Duration) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Busy, still_held(holder, waited)).hint(wait_longer(waited))
}

/// The pauses before further attempts.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(250));

/// Waits before the next attempt.
async fn pause(pauses: &mut Backoff, left: Duration, stop: &StopSignal) {
    tokio::select! {
        _ = stop.raised() => {}
        () = tokio::time::sleep(pauses.pause().min(left)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_1_is_a_lock() {
        assert_eq!(taken(Some("1")), Ok(true));
        assert_eq!(taken(Some("0")), Ok(false));
        let error = taken(None).expect_err("no answer");
        assert!(error.message.contains("`NULL`"), "{error}");
    }
}
