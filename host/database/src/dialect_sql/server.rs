//! Questions to the server as a whole: its load, its replicas, its name, and the login of the tool; and what its errors say.

use std::time::Duration;

use async_trait::async_trait;

use super::Login;
use crate::{Database, DatabaseError, Facts, HostSession};
use runner_base::error::Result;

/// What a server can be asked. The defaults are those of a database without one.
#[async_trait]
pub trait Server: Sync {
    /// The login of the tool, and what it may do beyond its database; `None` where there are no logins.
    async fn login(&self, _host: &mut HostSession<'_>) -> Result<Option<Login>, DatabaseError> {
        Ok(None)
    }

    /// What distinguishes the database from copies of it that have the same history.
    async fn identity(&self, database: &mut dyn Database) -> Result<String, DatabaseError>;

    /// Whether both identities may be of one database.
    fn is_same(&self, one: &str, other: &str) -> bool {
        one == other
    }

    /// The number of active sessions other than those of the run. Fails if it cannot be determined.
    async fn active_sessions(&self, _host: &mut HostSession<'_>, _run_id: &str) -> Result<u64> {
        Ok(0)
    }

    /// Whether others wait for rows that the open transaction has locked, as far as the server says.
    async fn others_wait(&self, _host: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        Ok(false)
    }

    /// How long after that question the next one of any session still gets the same answer.
    fn same_answer_for(&self, _facts: &Facts) -> Duration {
        Duration::ZERO
    }

    /// The length of the server's log, and the standbys that have reported something. Fails if they cannot be seen.
    async fn standbys(&self, _host: &mut HostSession<'_>) -> Result<(i64, Vec<Standby>)> {
        Ok((0, Vec::new()))
    }

    /// The lag of this server, which is a replica; `None` if it is not replicating. Fails with [`not_a_replica`] if it is none.
    async fn replica_lag(&self, _host: &mut HostSession<'_>) -> Result<Option<Duration>, DatabaseError> {
        Err(not_a_replica())
    }

    /// What to change in a migration in SQL that has met an error, beyond its hint.
    fn advice(&self, _error: &DatabaseError) -> Option<&'static str> {
        None
    }

    /// The name that a message says the database does not know. Not where the server suggests one by itself.
    fn unknown_name<'a>(&self, _message: &'a str) -> Option<UnknownName<'a>> {
        None
    }
}

/// A name that a database does not know, as its message spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownName<'a> {
    /// Of a table.
    Table(&'a str),
    /// Of a column.
    Column(&'a str),
}

/// A standby, as its server knows it.
#[derive(Clone, Debug)]
pub struct Standby {
    /// Its name.
    pub name: String,
    /// How much of the log it has applied.
    pub applied: i64,
    /// The lag that the server has measured.
    pub lag: Duration,
}

/// Returns the error for a server that replicates from no other.
pub fn not_a_replica() -> DatabaseError {
    DatabaseError::invalid("the server is not a replica")
        .hint("`replicas` lists the replicas of the server that is migrated")
}
