//! Which artifacts a build leaves as they are: those that are applied, unless they are named.

use super::refresh::Refresh;
use super::{Reason, needs_compiling};
use crate::error::{Error, Result};
use crate::project::discovery::{Found, FoundEntry, FoundFiles};
use crate::project::problem::list;

/// A migration of a build, the directory to compile and why, and whether its artifact stays nevertheless.
pub(super) type Decided<'f> = (&'f Found, Option<(&'f FoundEntry, Reason)>, bool);

/// Decides before anything is compiled. If it is unknown whether an artifact that would be replaced is applied, nothing is.
pub(super) fn decide<'f>(chosen: Vec<&'f Found>, refresh: &Refresh<'_>) -> Result<Vec<Decided<'f>>> {
    let request = refresh.request;
    let (mut decided, mut unknown, mut failed) = (Vec::new(), Vec::new(), None);
    for found in chosen {
        let reason = needs_compiling(found, refresh)?;
        let has_artifact = matches!(&found.files, FoundFiles::Component { wasm: Some(_), .. });
        let is_at_risk = reason.is_some() && request.revisions.is_empty() && has_artifact;
        let stays = match is_at_risk.then(|| (request.is_applied)(&found.revision)) {
            None => false,
            Some(Ok(is_applied)) => is_applied,
            // Nothing is known to have changed in it.
            Some(Err(_)) if matches!(reason, Some((_, Reason::Unproven))) => true,
            Some(Err(error)) => {
                unknown.push(found);
                failed = Some(error);
                true
            }
        };
        decided.push((found, reason, stays));
    }
    match failed {
        None => Ok(decided),
        Some(error) => Err(refused(&unknown, error)),
    }
}

/// The error for artifacts of which nobody knows whether they are applied.
fn refused(unknown: &[&Found], error: Error) -> Error {
    let ids: Vec<String> = unknown.iter().map(|found| found.id()).collect();
    let (shown, them) = (list(ids.iter().map(String::as_str)), if ids.len() == 1 { "it" } else { "them" });
    let revisions: Vec<&str> = unknown.iter().map(|found| found.revision.as_str()).collect();
    // More than a few are better chosen with care.
    let named = if revisions.len() > 3 { "REVISION…".to_owned() } else { revisions.join(" ") };
    let message = format!("cannot tell whether {shown} may be rebuilt: what is applied must not change");
    because(error, message).hint(format!(
        "nothing was built; run `runner build` where the database can be reached or, if no database has {them} yet, name {them}: \
         `runner build {named}`"
    ))
}

/// The error for migrations of packages with two revisions, of which the one that is applied would have to stay.
pub(super) fn unknown_packages(error: Error) -> Error {
    let message = "migrations of packages have two revisions, and it is unknown which is applied";
    because(error, message.to_owned()).hint("run `runner build` where the database can be reached")
}

fn because(error: Error, message: String) -> Error {
    let causes = [error.message].into_iter().chain(error.causes).collect();
    Error { causes, places: error.places, ..Error::new(error.kind, message) }
}
