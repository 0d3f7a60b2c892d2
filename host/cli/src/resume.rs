//! `runner resume`

use super::context::Context;
use super::control::{self, ControlOutcome, ControlSession};
use runner_base::error::Result;
use runner_engine::control::requests::{EVERYTHING, resume};
use runner_engine::throttle::Pause;

/// Ends pauses.
pub fn run(context: &Context, revision: Option<&str>) -> Result<u8> {
    control::run(context, "resume", revision, async |session| end_pauses(session).await)
}

async fn end_pauses(session: &mut ControlSession<'_>) -> Result<ControlOutcome> {
    let is_included = |pause: &Pause| session.revision.is_none() || session.means(pause);
    let (ended, left): (Vec<_>, Vec<_>) = session.overview.pauses.clone().into_iter().partition(is_included);
    for pause in &ended {
        let scope = pause.revision.as_deref().unwrap_or(EVERYTHING);
        let written = resume(&mut session.database.host(), scope).await;
        written.map_err(|error| session.unreachable(error))?;
    }
    let what = session.revision.as_ref().map(|revision| format!("`{revision}`"));
    let message = match (ended.first(), what, session.run()) {
        (None, None, _) => "nothing is paused".to_owned(),
        (None, Some(what), _) => format!("{what} is not paused on its own"),
        (Some(pause), _, Some(run)) => format!("resumed (paused {pause}): {run} continues"),
        (Some(pause), _, None) => format!("resumed (paused {pause}): no run is active"),
    };
    let hint = left.first().map(|pause| match &pause.revision {
        None => "all runs are still paused; `runner resume` ends that pause".to_owned(),
        Some(revision) => format!("{revision} is still paused; `runner resume {revision}` ends that pause"),
    });
    Ok(ControlOutcome { changed: !ended.is_empty(), message, hint })
}
