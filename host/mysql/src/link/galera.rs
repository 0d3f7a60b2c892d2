//! A node of a Galera cluster, and whether it takes part in the cluster.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::MySqlConnection;

use crate::error::Result;
use crate::host_sql::{HostExecutor, text};
use runner_base::backoff::Backoff;
use runner_database::{DatabaseError, DatabaseErrorKind};

/// A node that has joined nothing, or has lost the others, answers to simple statements, and refuses those that matter. One that is
/// behind answers from the past.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// What it calls itself (`wsrep_node_name`).
    pub name: String,
    /// Whether it takes statements (`wsrep_ready`).
    is_ready: bool,
    /// What it does (`wsrep_local_state_comment`).
    state: String,
    /// What its part of the cluster is (`wsrep_cluster_status`).
    cluster: String,
}

impl Node {
    /// Asks a server that belongs to a cluster what it does. What it does not say is taken to be in order.
    pub async fn ask(connection: &mut MySqlConnection, name: &str) -> Result<Self> {
        let rows = connection.all("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_local_state_comment', 'wsrep_cluster_status')",
        )
        .await?;
        let said: HashMap<String, String> = rows.iter().map(|row| (text(row, 0), text(row, 1))).collect();
        let get = |variable: &str, otherwise: &str| said.get(variable).map_or(otherwise, String::as_str).to_owned();
        Ok(Self {
            name: name.to_owned(),
            is_ready: get("wsrep_ready", "ON") == "ON",
            state: get("wsrep_local_state_comment", SYNCED),
            cluster: get("wsrep_cluster_status", PRIMARY),
        })
    }

    /// Fails unless it takes statements.
    pub fn is_ready(&self) -> Result<()> {
        match self.is_ready && self.cluster == PRIMARY {
            true => Ok(()),
            false => Err(self.refusal(&format!(
                "takes no statements: its state is `{}`, and that of its part of the cluster `{}`",
                self.state, self.cluster
            ))),
        }
    }

    /// Fails unless it also has what the others have written, as far as it knows.
    pub fn is_synced(&self) -> Result<()> {
        match self.state == SYNCED {
            true => Ok(()),
            false => Err(self.refusal(&format!("is not synced: its state is `{}`", self.state))),
        }
    }

    fn refusal(&self, why: &str) -> DatabaseError {
        DatabaseError::new(
            DatabaseErrorKind::Connection,
            format!("the node `{}` of a Galera cluster {why}", self.name),
        )
        .hint(
            "wait until its `wsrep_local_state_comment` is `Synced` and its `wsrep_cluster_status` is `Primary`, or give the URL of \
             another node",
        )
    }
}

/// Counts how often something of the host's was tried that is whole by itself: outside of a transaction, or all of one.
///
/// What another node has written ends it with a deadlock, at a read too: creating a table ends all that have it open. The server
/// does not repeat it, since `wsrep_retry_autocommit` is off.
pub(crate) struct Attempts {
    done: u32,
    pauses: Backoff,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { done: 0, pauses: Backoff::new(Duration::from_millis(20), Duration::from_secs(2)) }
    }
}

impl Attempts {
    /// Whether it is to be tried again after this error, once this returns.
    pub async fn again(&mut self, error: &DatabaseError) -> bool {
        const MOST: u32 = 8;
        self.done += 1;
        let repeats = error.code == CONFLICT && self.done < MOST;
        if repeats {
            tokio::time::sleep(self.pauses.pause()).await;
        }
        repeats
    }
}

/// Runs one of our texts that is whole by itself.
pub(crate) async fn run_patiently(connection: &mut impl HostExecutor, text: &str) -> Result<u64> {
    let mut attempts = Attempts::default();
    loop {
        match connection.run(text).await {
            Err(error) if attempts.again(&error).await => {}
            ran => return ran,
        }
    }
}

/// The error of a transaction that another one has ended.
const CONFLICT: &str = "1213";

/// The state of a node that has caught up with the others.
const SYNCED: &str = "Synced";

/// The part of a cluster that has the majority.
const PRIMARY: &str = "Primary";
