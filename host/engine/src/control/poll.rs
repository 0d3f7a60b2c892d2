//! A poll reads the operators' requests and the load of the database, and records the run's progress; and when a run polls before its
//! first migration.

use std::pin::Pin;
use std::time::Instant;

use super::store::WrittenBy;
use super::{LOOK, RunControl, requests, store, table};
use crate::throttle::load::Load;
use runner_base::error::Result;
use runner_database::stop::StopReason;
use runner_database::{Database, SharedDatabase};

/// The state that only a poll uses.
#[derive(Default)]
pub(super) struct PollState {
    /// The measurements of the load.
    pub load: Load,
    /// Whether the run's row exists.
    pub is_known: bool,
}

impl RunControl {
    /// Starts the run, which has just taken the lock: what operators request from here on is for it.
    pub async fn start(&self, database: &mut dyn Database) -> Result<()> {
        let scopes = self.read_requests(database).await?;
        self.apply_requests(Some(scopes));
        Ok(())
    }

    /// Polls while a backup is made, which leaves this connection idle.
    pub async fn poll_during<T>(
        &self,
        database: &SharedDatabase,
        mut work: Pin<Box<dyn Future<Output = T> + Send + '_>>,
    ) -> T {
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(LOOK) => {}
            }
            // The work continues only after this, so what it has locked must not be waited for.
            if let Ok(mut database) = database.try_lock()
                && self.state().is_old(&self.throttle)
            {
                // Whatever is wrong with the connection shows when it is used.
                let _ = self.poll_on_worker(&mut **database).await;
            }
        }
    }

    /// Reads what operators have requested, with no transaction open; the first time, what was cancelled before the run.
    pub(super) async fn read_requests(&self, database: &mut dyn Database) -> Result<Vec<requests::ScopeState>> {
        let database = &mut database.host_until(&self.stop);
        let mut read = requests::read(database).await;
        // No transaction is open, so reconnecting loses only settings; a live connection is left alone.
        if read.is_err() && !self.stop.is_raised() && database.reconnect().await.is_ok() {
            read = requests::read(database).await;
        }
        let read = read.map_err(|error| self.or_stopped(error))?;
        let mut state = self.state();
        if !state.has_started() {
            state.start(&read);
        }
        Ok(read)
    }

    /// Polls through a worker's connection.
    pub(super) async fn poll_on_worker(&self, database: &mut dyn Database) -> Result<()> {
        let looked = self.poll(database, WrittenBy::Worker).await;
        let Err(error) = looked else { return Ok(()) };
        self.check_stop()?;
        // No transaction is open, so reconnecting loses only settings; a live connection is left alone.
        if database.reconnect().await.is_err() {
            return Err(error);
        }
        self.poll(database, WrittenBy::Worker).await.map_err(|error| self.or_stopped(error))
    }

    /// Reads the operators' requests and the load of the database, and records the run's progress.
    pub(super) async fn poll(&self, database: &mut dyn Database, writer: WrittenBy) -> Result<()> {
        let mut looking = self.looking.lock().await;
        if !self.state().is_old(&self.throttle) && self.state().polled_within(LOOK / 2) {
            // Another worker polled while this one waited.
            return Ok(());
        }
        let database = &mut database.host_until(&self.stop);
        let scopes = requests::read(database).await?;
        self.apply_requests(Some(scopes));
        if self.throttle.has_ceilings() && self.state().is_stepwise() {
            let hold = looking.load.check(database, &self.throttle, &self.about.run_id).await?;
            self.state().set_load(hold);
            for message in std::mem::take(&mut looking.load.warnings) {
                self.warn(message);
            }
        }
        let row = self.state().row(&self.about, &self.throttle);
        if let Some(row) = row {
            match store::write_progress(database, &row, looking.is_known, writer).await {
                Ok(is_known) => looking.is_known = is_known,
                // The holder of that lock soon blocks the work as well; observers see the next row.
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(table::unusable(error)),
            }
        }
        self.state().looked = Some(Instant::now());
        Ok(())
    }

    /// Applies the operators' requests.
    pub(super) fn apply_requests(&self, scopes: Option<Vec<requests::ScopeState>>) {
        let (cancelled, warning) = self.state().apply_requests(scopes);
        if let Some((by, why)) = cancelled {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            // Only the first cancel counts.
            let _ = self.cancelled.set(format!("by {by}{why}"));
            self.stop.raise(StopReason::Cancelled);
        }
        if let Some(warning) = warning {
            self.warn(warning);
        }
    }
}
