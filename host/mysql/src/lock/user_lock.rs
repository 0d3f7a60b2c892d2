//! User locks, which last as long as the sessions that hold them.
//!
//! They are polled without a wait and must return 1: given a wait of −1, MariaDB returns NULL at once, which is easily
//! taken for a lock. Waiting inside `GET_LOCK` was rejected: fifty waiters hold fifty statements that Ctrl-C has to
//! kill; and so was a table, which does not disappear with its owner.

use std::time::{Duration, Instant};

use sqlx::MySqlConnection;

use super::names::{self, Names, holder_of};
use crate::error::Result;
use crate::host_sql::{HostExecutor, literal, row_text};
use crate::link::endpoint::Endpoint;
use crate::link::processlist;
use crate::link::work::WorkSession;
use runner_base::backoff::Backoff;
use runner_database::holder::{still_held, wait_longer};
use runner_database::{DatabaseError, DatabaseErrorKind, LockHolder, LockRequest, StopSignal};

/// How long an orphan may take to end before it is reported.
const ENDING: Duration = Duration::from_millis(500);

/// How long an orphan may continue before it is killed: a resumed run has two seconds in total.
const GRACE: Duration = Duration::from_secs(1);

/// The minimum time to allow the server for undoing an orphan's work.
pub(crate) const UNDOING: Duration = Duration::from_secs(60);

/// How soon it is asked again who the holder is, whose run has not said so yet.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Called with the name of the lock's holder.
pub(crate) type Waiting<'a> = &'a (dyn for<'b> Fn(&'b str) + Send + Sync);

/// A wait in which something is tried again and again.
pub(crate) struct Wait {
    started: Instant,
    pauses: Backoff,
    limit: Duration,
}

impl Wait {
    /// Begins to wait, for this long at most.
    pub fn new(limit: Duration) -> Self {
        let pauses = Backoff::new(Duration::from_millis(20), Duration::from_millis(250));
        Self { started: Instant::now(), pauses, limit }
    }

    /// Whether it has lasted longer than this.
    fn exceeds(&self, limit: Duration) -> bool {
        self.started.elapsed() > limit
    }

    /// Waits before another attempt; false once the time is up.
    pub async fn pause(&mut self, stop: &StopSignal) -> bool {
        let left = self.limit.saturating_sub(self.started.elapsed());
        if !left.is_zero() {
            tokio::select! {
                _ = stop.raised() => {}
                () = tokio::time::sleep(self.pauses.pause().min(left)) => {}
            }
        }
        !left.is_zero()
    }
}

/// Opens a session that holds the first lock. Returns its connection ID as well.
pub(crate) async fn take_first(
    endpoint: &Endpoint,
    names: &Names,
    request: &LockRequest,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<(MySqlConnection, u64)> {
    let (mut connection, server) = endpoint.connect_further().await?;
    let mut wait = Wait::new(request.wait);
    let mut holder: Option<LockHolder> = None;
    // Which session was asked about, and when.
    let mut asked: Option<(u64, Instant)> = None;
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        if get(&mut connection, &names.run).await? {
            return Ok((connection, server.id));
        }
        if let Some(id) = holder_of(&mut connection, &names.run).await? {
            let is_another = asked.is_none_or(|(before, _)| before != id);
            let is_named = holder.as_ref().is_some_and(LockHolder::is_named);
            if is_another || (!is_named && asked.is_some_and(|(_, at)| at.elapsed() > ASKED_AGAIN)) {
                let found = names::identify(&mut connection, &server.facts, names, id).await?;
                if is_another || found.is_named() {
                    waiting(&found.name);
                    holder = Some(found);
                }
                asked = Some((id, Instant::now()));
            }
        }
        if !wait.pause(stop).await {
            let waited = request.wait;
            let name = holder.map(|holder| holder.name).unwrap_or_default();
            let error = DatabaseError::new(DatabaseErrorKind::Busy, still_held(&name, waited));
            return Err(error.hint(wait_longer(waited)));
        }
    }
}

/// Takes the second lock for the work session. A session that holds it without the first is an orphan. `first`: a connection that can
/// end it.
pub(crate) async fn take_second(
    work: &mut WorkSession,
    first: &mut MySqlConnection,
    names: &Names,
    wait: Duration,
    stop: &StopSignal,
    waiting: Waiting<'_>,
) -> Result<()> {
    let mut wait = Wait::new(wait.max(UNDOING));
    let mut killed = None;
    let mut told = false;
    while !get(work, &names.work).await? {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let id = holder_of(first, &names.work).await?;
        let orphan = match id {
            Some(id) => match processlist::describe(first, id).await? {
                name if name.is_empty() => format!("connection {id}"),
                name => name,
            },
            // It has ended just now, or the two connections are on different nodes of a cluster.
            None => "another session".to_owned(),
        };
        if !told && wait.exceeds(ENDING) {
            waiting(&format!("a killed run, whose statement is still running on the server: {orphan}"));
            told = true;
        }
        if let Some(id) = id.filter(|id| wait.exceeds(GRACE) && killed != Some(*id)) {
            kill(first, id, &orphan).await?;
            killed = Some(id);
        }
        if !wait.pause(stop).await {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Busy,
                format!("a killed run's statement is still running on the server: {orphan}"),
            )
            .hint("the server undoes it; wait until it is gone from `SHOW PROCESSLIST`"));
        }
    }
    Ok(())
}

/// Waits until no session holds a user lock: that of a component of a killed run, whose last statement is still running.
pub(crate) async fn wait_until_free(session: &mut impl HostExecutor, name: &str) -> Result<()> {
    let mut wait = Wait::new(UNDOING);
    while let Some(id) = holder_of(session, name).await? {
        if wait.exceeds(GRACE) {
            // Only some users may end sessions of others; else the server ends it after its statement.
            let _ = session.run(format!("KILL {id}")).await;
        }
        if !wait.pause(&StopSignal::never()).await {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Busy,
                format!("the session {id} of a component of a killed run is still running a statement"),
            )
            .hint(format!("wait until it has ended, or let an administrator end it: `KILL {id}`")));
        }
    }
    Ok(())
}

/// Kills a session.
async fn kill(connection: &mut MySqlConnection, id: u64, who: &str) -> Result<()> {
    /// The session no longer exists.
    const GONE: &str = "1094";
    match connection.run(format!("KILL {id}")).await {
        Err(error) if error.code != GONE => {
            let mut error = error.detail(format!("while ending a killed run's session: {who}"));
            error.hint.get_or_insert_with(|| format!("an administrator can end it: `KILL {id}`"));
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Whether the user lock was free and is ours. Any answer other than 0 and 1 is a failure: MariaDB answers NULL at
/// once to arguments it rejects.
pub(crate) async fn get(session: &mut impl HostExecutor, name: &str) -> Result<bool> {
    let row = session.one(format!("SELECT GET_LOCK({}, 0)", literal(name))).await?;
    taken(row_text(&row, 0).as_deref())
}

/// Interprets an answer of `GET_LOCK`.
fn taken(answer: Option<&str>) -> Result<bool> {
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
pub(crate) async fn release(session: &mut impl HostExecutor, name: &str) -> Result<()> {
    session.run(format!("DO RELEASE_LOCK({})", literal(name))).await.map(drop)
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
