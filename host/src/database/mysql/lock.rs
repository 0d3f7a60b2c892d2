//! The lock that excludes other runs: two user locks, which live as long as the sessions that hold them.
//!
//! A session that does nothing else holds the first. The work session can outlive a run whose process was killed,
//! because the server notices only after the statement; so it holds a second lock. A run that gets the first but not
//! the second has found such an orphan: it waits for it, and ends it if it takes too long.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sqlx::{Connection, MySqlConnection};

use super::connect::Endpoint;
use super::keepalive::KeptAlive;
use super::session::{self, SessionFacts, literal, row_text};
use super::{MysqlDatabase, owner};
use crate::database::{DatabaseError, DatabaseErrorKind, LockRequest, StopSignal};
use crate::random::jittered;

/// The lock, held until it is dropped.
pub(super) struct Lock {
    connection: KeptAlive,
    names: Names,
    request: LockRequest,
}

/// Names of user locks: at most 64 characters, the same for all runs on one database.
#[derive(Clone)]
struct Names {
    run: String,
    work: String,
    owner: String,
}

impl Names {
    fn of(server: &SessionFacts) -> Self {
        let schema = server.facts.schema.clone().unwrap_or_default();
        // Where the server does not distinguish `App` from `app`, neither do we.
        let schema = if server.folds_table_names { schema.to_lowercase() } else { schema };
        let digest = hex::encode(&Sha256::digest(schema)[..12]);
        Self {
            run: format!("runner:{digest}"),
            work: format!("runner:{digest}:work"),
            owner: format!("runner:{digest}:by"),
        }
    }
}

/// How long a holder may stay without a name before we speak of it.
const NAMELESS: Duration = Duration::from_millis(500);

/// How long an orphan may work on before it is ended: a run that heals has two seconds in all.
const GRACE: Duration = Duration::from_secs(1);

/// How long the end of an own session that was left is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the server may take to undo what an orphan did, at least.
const UNDOING: Duration = Duration::from_secs(60);

/// Hears who holds a lock.
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
        if self.server.is_cluster_node && !self.endpoint.locks_by_node {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Configuration,
                "the server is a node of a Galera cluster, and locks hold on one node only: runs on two nodes would not \
                 see one another",
            )
            .hint("let all runs use the URL of one node, and say so in it: `?lock=node`"));
        }
        let names = Names::of(&self.server);
        let started = Instant::now();
        let mut connection = take_first(&self.endpoint, &names, request, stop, waiting).await?;
        let left = request.wait.saturating_sub(started.elapsed());
        take_second(&mut self.connection, &mut connection, &names, left, stop, waiting).await?;
        // The text helps those who wait; the lock holds without it.
        let _ = owner::publish(&mut connection, &names.owner, &request.owner).await;
        self.lock = Some(Lock { connection: KeptAlive::new(connection), names, request: request.clone() });
        Ok(())
    }

    /// Returns the query for the number of the session that holds the lock; the result is NULL if none does.
    pub(super) fn who_holds_it(&self) -> String {
        owner::question(&Names::of(&self.server).run)
    }

    pub(super) async fn lock_holder_now(&mut self) -> Result<Option<String>, DatabaseError> {
        let names = Names::of(&self.server);
        let found = owner::read(&mut self.connection, &names.run, &names.owner).await?;
        Ok(found.map(|(id, name)| if name.is_empty() { format!("the connection {id}") } else { name }))
    }

    pub(super) async fn unlock_now(&mut self) -> Result<(), DatabaseError> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        // Where a session is gone, so is its lock.
        let _ = release(&mut self.connection, &lock.names.work).await;
        let _ = release(&mut *lock.connection.lock().await, &lock.names.run).await;
        Ok(())
    }

    /// Makes the work session anew: with the lock, if it is held. What the old session had open is over when this returns.
    pub(super) async fn renew(&mut self) -> Result<(), DatabaseError> {
        let (connection, server) = self.endpoint.connect().await?;
        let old = std::mem::replace(&mut self.connection, connection);
        let old_id = std::mem::replace(&mut self.server, server).id;
        self.watch.id = self.server.id;
        self.guard.renewed();
        // If the old session lives, it ends at once, and its lock with it; if not, the server has to find out.
        let work = self.lock.as_ref().map(|lock| lock.names.work.clone());
        let _ = tokio::time::timeout(PATIENCE, leave(old, work)).await;
        let stop = StopSignal::default();
        let Some(lock) = &mut self.lock else {
            return wait_for_end(&mut self.connection, old_id).await;
        };
        if !lock.is_held().await {
            let mut connection = take_first(&self.endpoint, &lock.names, &lock.request, &stop, &|_| {}).await?;
            let _ = owner::publish(&mut connection, &lock.names.owner, &lock.request.owner).await;
            lock.connection = KeptAlive::new(connection);
        }
        let mut first = lock.connection.lock().await;
        let taken = take_second(&mut self.connection, &mut first, &lock.names, UNDOING, &stop, &|_| {}).await;
        drop(first);
        if taken.is_err() {
            // Nothing may be done without it.
            self.guard.must_renew = true;
        }
        taken
    }
}

impl Lock {
    async fn is_held(&self) -> bool {
        let ask = format!("SELECT IS_USED_LOCK({}) = CONNECTION_ID()", literal(&self.names.run));
        session::one(&mut *self.connection.lock().await, ask).await.is_ok_and(|row| session::number(&row, 0) == 1)
    }
}

/// A session that holds the first lock.
async fn take_first(
    endpoint: &Endpoint,
    names: &Names,
    request: &LockRequest,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<MySqlConnection, DatabaseError> {
    let (mut connection, _) = endpoint.connect().await?;
    let started = Instant::now();
    let mut told: Option<String> = None;
    let mut holder = String::new();
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        if get(&mut connection, &names.run).await? {
            return Ok(connection);
        }
        let mut found = owner::read(&mut connection, &names.run, &names.owner).await?;
        if let Some((id, name)) = &mut found
            && name.is_empty()
            && started.elapsed() > NAMELESS
        {
            *name = owner::describe(&mut connection, *id).await?;
        }
        if let Some((_, name)) = found.filter(|(_, name)| !name.is_empty()) {
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
        pause(started, left, stop).await;
    }
}

/// Takes the second lock for the work session. A session that holds it without the first is an orphan.
async fn take_second(
    work: &mut MySqlConnection,
    first: &mut MySqlConnection,
    names: &Names,
    wait: Duration,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<(), DatabaseError> {
    let started = Instant::now();
    let mut killed = None;
    let mut told = false;
    while !get(work, &names.work).await? {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let ask = format!("SELECT IS_USED_LOCK({})", literal(&names.work));
        let Some(id) = row_text(&session::one(first, ask).await?, 0).and_then(|id| id.parse::<u64>().ok()) else {
            continue;
        };
        let orphan = match owner::describe(first, id).await? {
            name if name.is_empty() => format!("connection {id}"),
            name => name,
        };
        if !told && started.elapsed() > NAMELESS {
            waiting(&format!("a killed run, whose statement still runs in the server: {orphan}"));
            told = true;
        }
        if started.elapsed() > GRACE && killed != Some(id) {
            kill(first, id, &orphan).await?;
            killed = Some(id);
        }
        let left = wait.max(UNDOING).saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Busy,
                format!("what a killed run left in the server is still going on: {orphan}"),
            )
            .hint("the server undoes it; wait until it is gone from `SHOW PROCESSLIST`"));
        }
        pause(started, left, stop).await;
    }
    Ok(())
}

/// Ends a session.
async fn kill(connection: &mut MySqlConnection, id: u64, who: &str) -> Result<(), DatabaseError> {
    /// There is no session of that number any more.
    const GONE: &str = "1094";
    match session::run(connection, format!("KILL {id}")).await {
        Err(error) if error.code != GONE => {
            let mut error = error.detail(format!("to end what a killed run left: {who}"));
            error.hint.get_or_insert_with(|| format!("an administrator can end it: `KILL {id}`"));
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Ends a session in good order.
async fn leave(mut connection: MySqlConnection, lock: Option<String>) {
    if let Some(lock) = lock {
        let _ = release(&mut connection, &lock).await;
    }
    let _ = connection.close().await;
}

/// Waits until a session is gone from the server's list, as far as we may see it.
async fn wait_for_end(connection: &mut MySqlConnection, id: u64) -> Result<(), DatabaseError> {
    let started = Instant::now();
    while !owner::describe(connection, id).await?.is_empty() && started.elapsed() < PATIENCE {
        pause(started, PATIENCE, &StopSignal::default()).await;
    }
    Ok(())
}

/// Whether the user lock was free and is ours. Other answers than 0 and 1 are failures: MariaDB answers NULL at once to what
/// it does not like.
async fn get(connection: &mut MySqlConnection, name: &str) -> Result<bool, DatabaseError> {
    let row = session::one(connection, format!("SELECT GET_LOCK({}, 0)", literal(name))).await?;
    taken(row_text(&row, 0).as_deref())
}

/// What an answer of `GET_LOCK` means.
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

async fn release(connection: &mut MySqlConnection, name: &str) -> Result<(), DatabaseError> {
    session::run(connection, format!("DO RELEASE_LOCK({})", literal(name))).await.map(|_| ())
}

fn busy(holder: &str, waited: Duration) -> DatabaseError {
    let holder = if holder.is_empty() { "another process" } else { holder };
    DatabaseError::new(
        DatabaseErrorKind::Busy,
        format!("the lock was still held after {:.1} s by {holder}", waited.as_secs_f64()),
    )
    .hint("wait for the other run, or give `--lock-timeout` more time; the lock ends with its process")
}

/// Waits before the next attempt: short at first, then longer, and never at the same moments as others.
async fn pause(started: Instant, left: Duration, stop: &StopSignal) {
    let longest = (20 + started.elapsed().as_millis() as u64 / 10).min(250);
    let wait = jittered(Duration::from_millis(longest));
    tokio::select! {
        _ = stop.raised() => {}
        () = tokio::time::sleep(wait.min(left)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_one_is_a_lock() {
        assert_eq!(taken(Some("1")), Ok(true));
        assert_eq!(taken(Some("0")), Ok(false));
        let error = taken(None).expect_err("no answer");
        assert!(error.message.contains("`NULL`"), "{error}");
    }
}
