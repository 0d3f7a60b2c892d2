//! A separate connection that polls while another one works, so that a long statement can be cancelled and observers see
//! that the run is alive.

use std::sync::Arc;
use std::time::Duration;

use super::store::{self, WrittenBy};
use super::{LOOK, RunControl};
use runner_database::{ConnectOptions, Database};
use runner_drivers::Connector;

/// How long a poll may take before its connection is abandoned.
const POLL_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failed connection.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Polls once a second until it is dropped.
pub struct Monitor {
    task: tokio::task::JoinHandle<()>,
    control: Arc<RunControl>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
        self.control.state().is_watched = false;
    }
}

impl RunControl {
    /// Starts the monitor. Returns `None` for a control that has nothing to monitor, and where a second connection would only
    /// interfere: a SQLite file has one writer.
    pub fn monitor(self: &Arc<Self>) -> Option<Monitor> {
        let Connector { url, options } = self.connector.clone()?;
        if !url.dialect().has_many_writers() {
            return None;
        }
        // The settings for migrations are not for it.
        let options = ConnectOptions {
            connect_timeout: POLL_TIMEOUT,
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
                    control.monitor_on(&mut *database).await;
                }
                // Meanwhile the worker of the next chunk polls.
                control.state().is_watched = false;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        });
        Some(Monitor { task, control: self.clone() })
    }

    /// Polls until the connection fails.
    async fn monitor_on(&self, database: &mut dyn Database) {
        if self.state().is_sharing && store::sign_in(&mut database.host()).await.is_err() {
            return;
        }
        let mut told = Vec::new();
        loop {
            let looked = tokio::time::timeout(POLL_TIMEOUT, self.poll(database, WrittenBy::Monitor)).await;
            if !matches!(looked, Ok(Ok(()))) {
                return;
            }
            self.state().is_watched = true;
            // Only a report: what is wrong with the connection shows at the next poll.
            let _ = tokio::time::timeout(POLL_TIMEOUT, self.report_blockers(database, &mut told)).await;
            tokio::time::sleep(LOOK).await;
        }
    }
}
