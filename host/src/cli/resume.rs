//! `runner resume`

use super::context::Context;
use super::control::{self, Said, Spoken};
use crate::engine::control::orders::{EVERYTHING, resume};
use crate::error::Result;

/// Ends pauses.
pub fn run(context: &Context, revision: Option<&str>) -> Result<u8> {
    control::run(context, "resume", revision, async |spoken| say(spoken).await)
}

async fn say(spoken: &mut Spoken<'_>) -> Result<Said> {
    let is_meant = |revision: &Option<String>| spoken.revision.is_none() || *revision == spoken.revision;
    let (ended, left): (Vec<_>, Vec<_>) =
        spoken.overview.pauses.clone().into_iter().partition(|pause| is_meant(&pause.revision));
    for pause in &ended {
        let scope = pause.revision.as_deref().unwrap_or(EVERYTHING);
        let written = resume(&mut spoken.database.host(), scope).await;
        written.map_err(|error| spoken.unsaid(error))?;
    }
    let what = spoken.revision.as_ref().map(|revision| format!("`{revision}`"));
    let message = match (ended.first(), what, spoken.run()) {
        (None, None, _) => "nothing is paused".to_owned(),
        (None, Some(what), _) => format!("{what} is not paused by itself"),
        (Some(pause), _, Some(run)) => format!("resumed what was paused {pause}: {run} goes on"),
        (Some(pause), _, None) => format!("resumed what was paused {pause}: no run is under way"),
    };
    let hint = left.first().map(|pause| match &pause.revision {
        None => "everything is paused still; `runner resume` ends that".to_owned(),
        Some(revision) => format!("{revision} is paused still; `runner resume {revision}` ends that"),
    });
    Ok(Said { changed: !ended.is_empty(), message, hint })
}
