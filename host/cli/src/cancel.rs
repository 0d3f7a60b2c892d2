//! `runner cancel`

use super::context::Context;
use super::control::{self, ControlOutcome, ControlSession};
use runner_base::error::{Error, Result};
use runner_engine::control::requests::{ControlRequest, cancel};

/// Stops active runs at their next safe point.
pub fn run(context: &Context, revision: Option<&str>, why: Option<&str>) -> Result<u8> {
    control::run(context, "cancel", revision, async |session| request_stop(session, why).await)
}

async fn request_stop(session: &mut ControlSession<'_>, why: Option<&str>) -> Result<ControlOutcome> {
    let Some(run) = session.run().map(str::to_owned) else {
        let message = "nothing to cancel: no run is active".to_owned();
        return Ok(ControlOutcome { changed: false, message, hint: None });
    };
    // A run that has not reported its progress may be at any migration.
    let others = session.overview.alive().filter(|seen| !session.includes(&seen.row.revision));
    let other = others.map(|seen| seen.row.revision.clone()).next();
    if let (Some(other), Some(revision)) = (other, &session.revision)
        && !session.overview.alive().any(|seen| session.includes(&seen.row.revision))
    {
        return Err(Error::failed(format!("the active run is at {other}, not at {revision}"))
            .at("run", run)
            .hint("`runner cancel` stops it at any migration"));
    }
    session.hold().await?;
    if session.run() != Some(run.as_str()) {
        let message = format!("nothing to cancel: {run} has ended in the meantime");
        return Ok(ControlOutcome {
            changed: false,
            message,
            hint: Some("`runner status` shows what it did".to_owned()),
        });
    }
    let (scope, by) = (session.scope().to_owned(), session.by.clone());
    let order = ControlRequest { scope: &scope, by: &by, why };
    let written = cancel(&mut session.database.host(), order).await;
    written.map_err(|error| session.unreachable(error))?;
    session.commit().await?;
    let message = format!("cancelled: {run} stops at its next safe point");
    let hint = "`runner status` shows when it has stopped; `runner apply` continues from there".to_owned();
    Ok(ControlOutcome { changed: true, message, hint: Some(hint) })
}
