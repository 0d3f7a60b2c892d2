//! A separate connection that looks while another one works, so that a long statement can be cancelled and observers see
//! that the run is alive.

use std::sync::Arc;
use std::time::Duration;

use super::store::{self, WrittenBy};
use super::{LOOK, RunControl};
use runner_database::{ConnectOptions, Database};
use runner_drivers::Connector;

/// How long a look may take before its connection is abandoned.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failed connection.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Looks once a second until it is dropped.
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
    /// Starts watching. Returns `None` for a control that has nothing to watch, and where a second connection would only
    /// interfere: a SQLite file has one writer.
    pub fn watch(self: &Arc<Self>) -> Option<Watch> {
        let Connector { url, options } = self.connector.clone()?;
        if !url.dialect().has_many_writers() {
            return None;
        }
        // The settings for migrations are not for it.
        let options = ConnectOptions {
            connect_timeout: LOOK_TIMEOUT,
            driver: options.driver,
            history: options.history,
            ..ConnectOptions::default()
        };
        let (control, connector) = (self.clone(), Connector { url, options });
        let task = tokio::spawn(async move {
            // Most runs end before an operator could request anything.
            tokio::time::sleep(LOOK).await;
            loop {
                if let Ok(mut database) = connector.connect().await {
                    control.watch_by(&mut *database).await;
                }
                // Meanwhile the worker of the next chunk looks.
                control.state().is_watched = false;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        });
        Some(Watch { task, control: self.clone() })
    }

    /// Looks until the connection fails.
    async fn watch_by(&self, database: &mut dyn Database) {
        if self.state().is_sharing && store::sign_in(&mut database.host()).await.is_err() {
            return;
        }
        let mut told = Vec::new();
        loop {
            let looked = tokio::time::timeout(LOOK_TIMEOUT, self.look(database, WrittenBy::Watch)).await;
            if !matches!(looked, Ok(Ok(()))) {
                return;
            }
            self.state().is_watched = true;
            // Only a report: what is wrong with the connection shows at the next look.
            let _ = tokio::time::timeout(LOOK_TIMEOUT, self.tell_blockers(database, &mut told)).await;
            tokio::time::sleep(LOOK).await;
        }
    }
}
