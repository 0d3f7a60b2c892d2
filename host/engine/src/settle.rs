//! What became of a commit whose answer was lost with the connection. It is never guessed: the database is asked for a row that was
//! committed with the rest.

use std::time::{Duration, Instant};

use runner_base::backoff::Backoff;
use runner_base::error::Error;
use runner_data::Value;
use runner_database::{Committed, DatabaseError, HostSession, QueryLimits, StopSignal, tool_sql};

/// How long a server may be away before its answer is given up: longer than a failover usually takes.
pub const AWAY_AFTER_COMMIT: Duration = Duration::from_secs(30);

/// How long a server may be away where only the report waits for it: what was not committed is rolled back by itself.
pub const AWAY: Duration = Duration::from_secs(5);

/// A row of the tool's tables that shows that a unit of work is committed.
pub struct Marker {
    /// A query that finds the row.
    text: &'static str,
    values: Vec<Value>,
}

/// What became of a unit of work.
pub enum Settled {
    /// It is committed. `lost`: the answer was not received, and the database shows it.
    Committed {
        /// The loss of the connection.
        lost: Option<DatabaseError>,
    },
    /// Nothing of it is committed.
    RolledBack(DatabaseError),
    /// The database does not answer.
    Unknown {
        /// The loss of the connection.
        error: DatabaseError,
        /// Why it cannot be asked.
        why: DatabaseError,
    },
}

impl Marker {
    /// A row that this query finds.
    pub fn new(text: &'static str, values: impl IntoIterator<Item = Value>) -> Self {
        Self { text, values: values.into_iter().collect() }
    }

    /// Whether the row is in the database.
    pub async fn is_there(&self, database: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        let text = tool_sql(self.text, database.facts());
        Ok(!database.query(&text, &self.values, QueryLimits::NONE).await?.rows.is_empty())
    }
}

/// Finds out what became of a unit of work. A lost connection is opened again.
pub async fn settle(
    database: &mut HostSession<'_>,
    committed: Committed,
    marker: &Marker,
    stop: &StopSignal,
) -> Settled {
    let error = match committed {
        Committed::Yes => return Settled::Committed { lost: None },
        Committed::No(error) => return Settled::RolledBack(error),
        Committed::Unanswered(error) => error,
    };
    let found = match reconnect(database, AWAY_AFTER_COMMIT, stop).await {
        Ok(()) => marker.is_there(database).await,
        Err(why) => Err(why),
    };
    match found {
        Ok(true) => Settled::Committed { lost: Some(error) },
        Ok(false) => Settled::RolledBack(error),
        Err(why) => Settled::Unknown { error, why },
    }
}

/// Opens a lost connection again: tries until the server answers, the time is up, or the run should stop.
pub async fn reconnect(
    database: &mut HostSession<'_>,
    longest: Duration,
    stop: &StopSignal,
) -> Result<(), DatabaseError> {
    let since = Instant::now();
    let mut pauses = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
    loop {
        let error = match database.reconnect().await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let pause = pauses.pause();
        if error.is_lease_lost() || since.elapsed() + pause > longest {
            return Err(error);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.raised() => return Err(error),
        }
    }
}

/// Opens the connection again after a loss that rolled back, and returns the error of the loss.
pub async fn after_loss(database: &mut HostSession<'_>, lost: Error, stop: &StopSignal) -> Error {
    match reconnect(database, AWAY, stop).await {
        Ok(()) => lost,
        Err(second) => lost.cause(second),
    }
}
