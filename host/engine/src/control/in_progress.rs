//! What a run is doing at this moment looks like what an interrupted run left: plans distinguish them by the lock.

use crate::history::{self, History, State};
use runner_base::error::Result;
use runner_database::HostSession;

/// Takes what a live run is doing as what it is about to be: a statement that it has begun as one that is still to be done, and a
/// migration that it rolls back as one that is not applied. Returns the name of that run; `None` if nothing is partial, or if
/// that is what an interrupted run left. Reads the history again if it may have changed, with the stored artifacts.
pub async fn settle(database: &mut HostSession<'_>, history: &mut History) -> Result<Option<String>> {
    if history.partial().is_none() {
        return Ok(None);
    }
    let Some(holder) = database.lock_holder().await? else {
        // The run may have ended since the history was read.
        *history = history::read_with_artifacts(database).await?;
        return Ok(None);
    };
    history.live.retain(|record| record.state != State::PartlyRolledBack);
    for record in history.live.iter_mut().filter(|record| record.state.is_partial()) {
        record.unknown_step = None;
    }
    Ok(Some(holder.name))
}

/// What a plan says about the run that is under way.
pub fn note(run: &str) -> String {
    format!("{run} is under way: the plan is what it has not finished yet")
}
