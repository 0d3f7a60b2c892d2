//! A connection of its own that looks while another one works: so that what runs for long in the server can be cancelled, and
//! others see that the run lives.

use std::sync::Arc;
use std::time::Duration;

use super::store::{self, By};
use super::{LOOK, RunControl};
use crate::database::{ConnectOptions, Database, DatabaseUrl, connect};

/// How long a look may take before its connection is given up.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause behind a connection that failed.
const BETWEEN_TRIES: Duration = Duration::from_secs(5);

/// Looks until it is dropped.
pub struct Watch {
    task: tokio::task::JoinHandle<()>,
    control: Arc<RunControl>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
        self.control.state().is_watched = false;
    }
}

impl RunControl {
    /// Begins to look. None where a second connection would only be in the way: a SQLite file has one writer.
    pub fn watch(self: &Arc<Self>, url: &DatabaseUrl) -> Option<Watch> {
        if !url.dialect().has_many_writers() {
            return None;
        }
        let (control, url) = (self.clone(), url.clone());
        let task = tokio::spawn(async move {
            // Most runs are over before anybody could want anything of them.
            tokio::time::sleep(LOOK).await;
            loop {
                let options = ConnectOptions { connect_timeout: LOOK_TIMEOUT, ..ConnectOptions::default() };
                if let Ok(mut database) = connect(&url, &options).await {
                    control.watch_by(&mut *database).await;
                }
                // Whoever comes to the next chunk looks meanwhile.
                control.state().is_watched = false;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        });
        Some(Watch { task, control: self.clone() })
    }

    /// Looks until the connection fails.
    async fn watch_by(&self, database: &mut dyn Database) {
        if self.state().is_sharing && store::sign_in(database).await.is_err() {
            return;
        }
        loop {
            let looked = tokio::time::timeout(LOOK_TIMEOUT, self.look(database, By::Watch)).await;
            if !matches!(looked, Ok(Ok(()))) {
                return;
            }
            self.state().is_watched = true;
            tokio::time::sleep(LOOK).await;
        }
    }
}
