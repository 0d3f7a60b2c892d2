//! Keeps a session that waits for nothing from being forgotten by firewalls, and notices when a server is gone that says
//! nothing any more.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::{Connection, MySqlConnection};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Firewalls forget a connection on which nothing was said for some minutes; the shortest known is about 4.
pub(super) const PERIOD: Duration = Duration::from_secs(30);

/// A session that is asked for a sign of life now and then, until it is dropped.
pub(super) struct KeptAlive {
    connection: Arc<Mutex<MySqlConnection>>,
    task: JoinHandle<()>,
}

impl KeptAlive {
    pub fn new(connection: MySqlConnection) -> Self {
        let connection = Arc::new(Mutex::new(connection));
        let task = tokio::spawn(keep(Arc::downgrade(&connection)));
        Self { connection, task }
    }

    /// The session, for as long as the answer is held.
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
        // The next user of the session finds out what is wrong with it.
        let _ = connection.lock().await.ping().await;
    }
}
