//! `runner pause`

use super::context::Context;
use super::control::{self, Said, Spoken};
use crate::engine::control::orders::{Order, pause};
use crate::error::{Error, Result};

/// Has runs wait before their next chunk.
pub fn run(context: &Context, revision: Option<&str>, why: Option<&str>) -> Result<u8> {
    control::run(context, "pause", revision, async |spoken| say(spoken, why).await)
}

async fn say(spoken: &mut Spoken<'_>, why: Option<&str>) -> Result<Said> {
    let atomic = spoken.overview.alive().find(|seen| seen.is_atomic() && seen.row.held.is_none());
    if let Some(seen) = atomic.filter(|seen| spoken.is_meant(&seen.row.revision)) {
        return Err(Error::failed("the migration that runs is one transaction, which a pause would hold open")
            .at("run", seen.row.owner.clone())
            .at("migration", seen.row.revision.clone())
            .hint("`runner cancel` stops it, and leaves nothing of it behind")
            .hint("a migration whose `describe` asks for the mode `stepwise` can be paused between its chunks"));
    }
    if let Some(on) = spoken.overview.pauses.iter().find(|pause| pause.revision == spoken.revision) {
        let message = format!("it is paused already, {on}");
        return Ok(Said { changed: false, message, hint: Some("`runner resume` lets runs go on".to_owned()) });
    }
    let (scope, by) = (spoken.scope().to_owned(), spoken.by.clone());
    let order = Order { scope: &scope, by: &by, why };
    let written = pause(&mut spoken.database.host(), order).await;
    written.map_err(|error| spoken.unsaid(error))?;
    let message = match (spoken.run(), &spoken.revision) {
        (Some(run), None) => format!("paused: {run} waits before its next chunk or step"),
        (Some(run), Some(revision)) => format!("paused: {run} waits before its next chunk or step of {revision}"),
        (None, None) => "paused: no run is under way, and the next one will wait".to_owned(),
        (None, Some(revision)) => format!("paused: no run is under way, and the next one will wait before {revision}"),
    };
    Ok(Said { changed: true, message, hint: Some("`runner resume` lets runs go on".to_owned()) })
}
