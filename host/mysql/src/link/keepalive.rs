//! Keeps firewalls from dropping an idle session, and notices when a server has stopped answering.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::{Connection, MySqlConnection};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Firewalls drop a connection after some idle minutes; the shortest known limit is about 4.
pub(crate) const PERIOD: Duration = Duration::from_secs(30);

/// A session that is pinged at intervals until it is dropped.
pub(crate) struct KeptAlive {
    connection: Arc<Mutex<MySqlConnection>>,
    task: JoinHandle<()>,
}

impl KeptAlive {
    pub fn new(connection: MySqlConnection) -> Self {
        let connection = Arc::new(Mutex::new(connection));
        let task = tokio::spawn(keep(Arc::downgrade(&connection)));
        Self { connection, task }
    }

    /// Locks the session for as long as the guard is held.
    pub async fn lock(&self) -> tokio::sync::MutexGuard<'_, MySqlConnection> {
        self.connection.lock().await
    }
}

impl Drop for KeptAlive {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(connection: Weak<Mutex<MySqlConnection>>) {
    loop {
        tokio::time::sleep(PERIOD).await;
        let Some(connection) = connection.upgrade() else { return };
        // If the session is broken, its next user gets the error.
        let _ = connection.lock().await.ping().await;
    }
}
