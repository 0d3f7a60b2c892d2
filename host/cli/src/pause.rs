//! `runner pause`

use super::context::Context;
use super::control::{self, ControlOutcome, ControlSession};
use runner_base::error::{Error, Result};
use runner_engine::control::requests::{ControlRequest, pause};

/// Pauses runs before their next chunk.
pub fn run(context: &Context, revision: Option<&str>, why: Option<&str>) -> Result<u8> {
    control::run(context, "pause", revision, async |session| begin_pause(session, why).await)
}

async fn begin_pause(session: &mut ControlSession<'_>, why: Option<&str>) -> Result<ControlOutcome> {
    let atomic = session.overview.alive().find(|seen| seen.is_atomic() && seen.row.held.is_none());
    if let Some(seen) = atomic.filter(|seen| session.includes(&seen.row.revision)) {
        return Err(Error::failed("the running migration cannot be paused: a pause would keep its transaction open")
            .at("run", seen.row.owner.clone())
            .at("migration", seen.row.revision.clone())
            .hint("`runner cancel` stops it and rolls it back")
            .hint("a migration with the mode `stepwise` can be paused between its chunks"));
    }
    if let Some(on) = session.overview.pauses.iter().find(|pause| session.means(pause)) {
        let message = format!("already paused {on}");
        return Ok(ControlOutcome { changed: false, message, hint: Some("`runner resume` ends the pause".to_owned()) });
    }
    session.hold().await?;
    let (scope, by) = (session.scope().to_owned(), session.by.clone());
    let order = ControlRequest { scope: &scope, by: &by, why };
    let written = pause(&mut session.database.host(), order).await;
    written.map_err(|error| session.unreachable(error))?;
    session.commit().await?;
    let message = match (session.run(), &session.revision) {
        (Some(run), None) => format!("paused: {run} waits before its next chunk or step"),
        (Some(run), Some(revision)) => format!("paused: {run} waits before its next chunk or step of {revision}"),
        (None, None) => "paused: no run is active; the next one will wait".to_owned(),
        (None, Some(revision)) => format!("paused: no run is active; the next one will wait before {revision}"),
    };
    Ok(ControlOutcome { changed: true, message, hint: Some("`runner resume` ends the pause".to_owned()) })
}
