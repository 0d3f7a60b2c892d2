//! `runner cancel`

use super::context::Context;
use super::control::{self, Said, Spoken};
use crate::engine::control::orders::{Order, cancel};
use crate::error::{Error, Result};

/// Has runs under way stop at their next safe point.
pub fn run(context: &Context, revision: Option<&str>, why: Option<&str>) -> Result<u8> {
    control::run(context, "cancel", revision, async |spoken| say(spoken, why).await)
}

async fn say(spoken: &mut Spoken<'_>, why: Option<&str>) -> Result<Said> {
    let Some(run) = spoken.run().map(str::to_owned) else {
        let message = "no run is under way, so there is nothing to cancel".to_owned();
        return Ok(Said { changed: false, message, hint: None });
    };
    // Who has told nothing of itself may be at any migration.
    let others = spoken.overview.alive().filter(|seen| !spoken.is_meant(&seen.row.revision));
    let other = others.map(|seen| seen.row.revision.clone()).next();
    if let (Some(other), Some(revision)) = (other, &spoken.revision)
        && !spoken.overview.alive().any(|seen| spoken.is_meant(&seen.row.revision))
    {
        return Err(Error::failed(format!("the run under way is not at {revision}, it is at {other}"))
            .at("run", run)
            .hint("`runner cancel` stops whatever runs"));
    }
    let (scope, by) = (spoken.scope().to_owned(), spoken.by.clone());
    let order = Order { scope: &scope, by: &by, why };
    let written = cancel(&mut spoken.database.host(), order).await;
    written.map_err(|error| spoken.unsaid(error))?;
    let message = format!("cancelled: {run} stops at its next safe point");
    let hint = "`runner status` tells when it has; `runner apply` goes on where it stopped".to_owned();
    Ok(Said { changed: true, message, hint: Some(hint) })
}
