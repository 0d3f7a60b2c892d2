//! The names of user locks, and who holds them.
//!
//! What every user can see of a session is which user locks it holds (`IS_USED_LOCK`); an idle one shows no text to others. So the
//! holder has one more lock, named by the id of its run. Who it is says the row that the run keeps of its progress, a second after it began.
//! Until then, and of commands that have no such row, the session is named. Rejected: a table for the lock, which may not exist
//! when the first run waits.

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::host_sql::{HostExecutor, literal, number, row_text, text};
use crate::inspect;
use crate::link::facts::SessionFacts;
use crate::link::processlist;
use runner_database::{Facts, LockHolder};

/// Names of user locks: at most 64 characters, and the same for all runs with one history.
#[derive(Clone)]
pub(crate) struct Names {
    /// Held by a session that does nothing else.
    pub run: String,
    /// Held by the session that does the work.
    pub work: String,
    /// Begins the name of the one whose end is the id of the run.
    owner: String,
    /// Held by the session of a component, if it has a login of its own.
    pub guest: String,
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
        let run = format!("runner:{}", hex::encode(&Sha256::digest(place)[..12]));
        let [work, owner, guest] = ["work", "by", "guest"].map(|of| format!("{run}:{of}"));
        Self { run, work, owner, guest, scope: schema }
    }
}

/// Names the run whose session holds the lock. This only helps those who wait; the lock holds without it. A lost session of the same
/// run may have the name for a moment longer than the lock.
pub(crate) async fn sign(connection: &mut impl HostExecutor, names: &Names, run_id: &str) {
    let _ = connection.run(format!("DO GET_LOCK({}, 2)", literal(&format!("{}:{run_id}", names.owner)))).await;
}

/// The expression for the connection ID of the session that holds the user lock; NULL if none does.
pub(crate) fn is_used(name: &str) -> String {
    format!("IS_USED_LOCK({})", literal(name))
}

/// The session that holds the user lock.
pub(crate) async fn holder_of(session: &mut impl HostExecutor, name: &str) -> Result<Option<u64>> {
    let row = session.one(format!("SELECT {}", is_used(name))).await?;
    Ok(row_text(&row, 0).map(|_| number(&row, 0)))
}

/// Returns who holds the lock; `None` if it is free.
pub(crate) async fn read(session: &mut impl HostExecutor, facts: &Facts, names: &Names) -> Result<Option<LockHolder>> {
    match holder_of(session, &names.run).await? {
        Some(id) => identify(session, facts, names, id).await.map(Some),
        None => Ok(None),
    }
}

/// Returns who the session is that holds the lock. Where rows of runs can be read and none is its own, its run has an empty id: none of
/// them is alive.
pub(crate) async fn identify(
    session: &mut impl HostExecutor,
    facts: &Facts,
    names: &Names,
    id: u64,
) -> Result<LockHolder> {
    let rows = format!(
        "SELECT run_id, owner FROM {} WHERE IS_USED_LOCK(CONCAT({}, run_id)) = {id}",
        facts.placed("@.runner_progress"),
        literal(&format!("{}:", names.owner))
    );
    // Under that name may be a view of others, and before the first run there is nothing.
    let found = session.all(inspect::guard(facts) + &rows).await;
    let run_id = found.is_ok().then(String::new);
    // The first row is the guard's.
    if let Some(row) = found.unwrap_or_default().get(1) {
        return Ok(LockHolder { run_id: row_text(row, 0), ..LockHolder::without_record(text(row, 1)) });
    }
    let shown = processlist::describe(session, id).await?;
    let name = if shown.is_empty() { format!("the connection {id}") } else { shown };
    Ok(LockHolder { run_id, ..LockHolder::without_record(name) })
}
