//! A look: what operators want, how the database fares, and how far the run is.

use std::time::Instant;

use super::store::By;
use super::{LOOK, RunControl, orders, store};
use crate::database::Database;
use crate::database::stop::StopReason;
use crate::engine::throttle::load::Load;
use crate::error::Result;

/// What only who looks needs.
#[derive(Default)]
pub(super) struct Looking {
    pub load: Load,
    /// Whether the run's row is written.
    pub is_known: bool,
}

impl RunControl {
    /// Looks by way of the connection that would work now.
    pub(super) async fn look_here(&self, database: &mut dyn Database) -> Result<()> {
        let looked = self.look(database, By::Worker).await;
        let Err(error) = looked else { return Ok(()) };
        self.check_stop()?;
        // No transaction is open, so nothing is lost with a connection; one that lives is left alone.
        if database.reconnect().await.is_err() {
            return Err(error);
        }
        self.look(database, By::Worker).await.map_err(|error| self.or_stopped(error))
    }

    /// Reads what operators want and how the database fares, and writes down how far the run is.
    pub(super) async fn look(&self, database: &mut dyn Database, by: By) -> Result<()> {
        let mut looking = self.looking.lock().await;
        if !self.state().is_old(&self.throttle) && self.state().looked_within(LOOK / 2) {
            // Somebody else looked while we waited for our turn.
            return Ok(());
        }
        let database = &mut database.host_until(&self.stop);
        let controls = orders::read(database).await?;
        self.heed(Some(controls));
        if self.throttle.has_ceilings() && self.state().is_stepwise() {
            let hold = looking.load.look(database, &self.throttle, &self.about.run_id).await?;
            self.state().set_load(hold);
            for message in std::mem::take(&mut looking.load.warnings) {
                self.warn(message);
            }
        }
        let row = self.state().row(&self.about, &self.throttle);
        if let Some(row) = row {
            looking.is_known = store::beat(database, &row, looking.is_known, by).await.map_err(orders::unusable)?;
        }
        self.state().looked = Some(Instant::now());
        Ok(())
    }

    /// Heeds what operators want.
    pub(super) fn heed(&self, controls: Option<Vec<orders::Control>>) {
        let (cancelled, warning) = self.state().heed(controls);
        if let Some((by, why)) = cancelled {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            // The first one counts.
            let _ = self.cancelled.set(format!("by {by}{why}"));
            self.stop.raise(StopReason::Cancelled);
        }
        if let Some(warning) = warning {
            self.warn(warning);
        }
    }
}
