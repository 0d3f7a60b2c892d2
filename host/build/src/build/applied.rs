//! Which artifacts a build leaves as they are: those that are applied, unless they are named.

use super::refresh::Refresh;
use super::{BuildRequest, Reason, needs_compiling};
use runner_base::error::{Error, Result};
use runner_project::discovery::{Found, FoundEntry, FoundFiles};
use runner_project::problem::list;

/// A migration of a build.
pub(super) struct Decided<'f> {
    pub found: &'f Found,
    /// The directory to compile, if there is a reason to.
    pub reason: Option<(&'f FoundEntry, Reason)>,
    /// What the build does then.
    pub fate: Fate,
}

/// What happens to an artifact that there is a reason to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is made, or replaced.
    Built,
    /// It stays, because it is applied.
    Applied,
    /// It stays, because that is unknown.
    MayBeApplied,
}

/// Decides before anything is compiled. If it is unknown whether an artifact that would be replaced is applied, nothing is.
pub(super) fn decide<'f>(chosen: Vec<&'f Found>, refresh: &Refresh<'_>) -> Result<Vec<Decided<'f>>> {
    let request = refresh.request;
    let (mut decided, mut unknown, mut failed) = (Vec::new(), Vec::new(), None);
    for found in chosen {
        let reason = needs_compiling(found, refresh)?;
        let has_artifact = match &found.files {
            FoundFiles::Component { wasm, .. } => wasm.is_some(),
            _ if reason.is_none() => false,
            _ => refresh.packages(found)?.is_some_and(|packages| packages.has_vendored),
        };
        let fate = match &reason {
            Some((_, reason)) if request.revisions.is_empty() && has_artifact => fate(found, reason, request)
                .unwrap_or_else(|error| {
                    unknown.push(found);
                    failed = Some(error);
                    Fate::MayBeApplied
                }),
            _ => Fate::Built,
        };
        decided.push(Decided { found, reason, fate });
    }
    match failed {
        None => Ok(decided),
        Some(error) => Err(refused(&unknown, error)),
    }
}

/// What happens to an artifact that exists, and whose revision was not named.
fn fate(found: &Found, reason: &Reason, request: &BuildRequest<'_>) -> Result<Fate> {
    let is_applied = (request.is_applied)(&found.revision);
    // An edit of what many migrations share is meant for the newest. A database without a history, as next to a fresh
    // clone, does not show which of the others are applied in production.
    let is_clear = match reason {
        Reason::Shared(_) => is_applied.is_ok() && (request.has_history)().unwrap_or(false),
        Reason::Wanted | Reason::Unproven => true,
    };
    match is_applied {
        Ok(true) => Ok(Fate::Applied),
        Ok(false) if is_clear => Ok(Fate::Built),
        Ok(false) => Ok(Fate::MayBeApplied),
        Err(error) if matches!(reason, Reason::Wanted) => Err(error),
        // It is unknown whether it changed, or what changed it.
        Err(_) => Ok(Fate::MayBeApplied),
    }
}

/// The error for artifacts of which it is unknown whether they are applied.
fn refused(unknown: &[&Found], error: Error) -> Error {
    let ids: Vec<String> = unknown.iter().map(|found| found.id()).collect();
    let (shown, them) = (list(ids.iter().map(String::as_str)), if ids.len() == 1 { "it" } else { "them" });
    let revisions: Vec<&str> = unknown.iter().map(|found| found.revision.as_str()).collect();
    // More than a few are better chosen with care.
    let named = if revisions.len() > 3 { "REVISION…".to_owned() } else { revisions.join(" ") };
    let message = format!("cannot tell whether {shown} may be rebuilt: what is applied must not change");
    let hint = format!(
        "nothing was built; run `runner build` where the database can be reached or, if no database has {them} yet, name {them}: \
         `runner build {named}`"
    );
    with_cause(error, message, hint)
}

/// The error for migrations of packages with two revisions, of which the one that is applied would have to stay.
pub(super) fn unknown_packages(error: Error) -> Error {
    let message = "migrations of packages have two revisions, and it is unknown which is applied";
    with_cause(error, message.to_owned(), "run `runner build` where the database can be reached".to_owned())
}

/// An error that comes from another one, of which the hints say how the database is reached.
fn with_cause(error: Error, message: String, hint: String) -> Error {
    let causes = [error.message].into_iter().chain(error.causes).collect();
    let hints = [hint.into()].into_iter().chain(error.hints).collect();
    Error { causes, hints, places: error.places, ..Error::new(error.kind, message) }
}
