//! Packages from web servers and registries. Nothing that they answer is believed: it is bounded in size and time,
//! compared with the digests that there are, and parsed like a file from a stranger.

mod challenge;
mod credentials;
mod manifest;
mod push;
mod reference;
mod registry;
mod web;

pub(super) use manifest::SIGNATURE_ANNOTATION;
pub use push::{PushRequest, Pushed, PushedAs, push};
pub use reference::Reference;
pub use web::WebAddress;

use self::registry::{Access, Registry};
use self::web::{Action, Elsewhere, Request, Web};
use super::fetched::{Fetched, too_large};
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::package::Version;
use runner_project::settings::Settings;
use runner_project::vendored::{SIGNATURE, SIGNATURE_BYTES};

/// Fetches a package from a web server, and its signature from next to it.
pub(super) fn from_web(settings: &Settings, address: &WebAddress) -> Result<Fetched> {
    let web = Web::new(&settings.limits);
    let shown = address.shown();
    let ask = |url, most| {
        web.ask(&Request {
            action: Action::Get,
            url,
            accept: None,
            authorization: None,
            most,
            elsewhere: Elsewhere::Refused,
        })
    };
    let limit = settings.limits.artifact_bytes;
    let answer = ask(address.url().clone(), limit)?;
    match answer.status {
        200 if answer.is_cut => return Err(too_large(&shown, limit)),
        200 => {}
        404 | 410 => {
            return Err(Error::usage(format!("`{shown}` does not exist")).hint("check the URL in a browser"));
        }
        status => return Err(refused(&shown, status)),
    }
    address.check(&sha256(&answer.body))?;
    let beside = address.beside(SIGNATURE);
    let signature = ask(beside, SIGNATURE_BYTES)?;
    let signature = match signature.status {
        200 if signature.is_cut => return Err(too_large(&format!("{shown}{SIGNATURE}"), SIGNATURE_BYTES)),
        200 => Some(signature.body),
        // Some servers do not say to strangers what does not exist.
        401 | 403 | 404 | 410 => None,
        status => return Err(refused(&format!("{shown}{SIGNATURE}"), status)),
    };
    let unsigned = format!("`{shown}{SIGNATURE}` does not exist");
    Ok(Fetched { bytes: answer.body, signature, unsigned, source: shown.clone(), shown, version: None })
}

fn refused(shown: &str, status: u16) -> Error {
    let error = Error::failed(format!("`{shown}` cannot be fetched: the server answers {status}"));
    match status {
        401 | 403 => error.hint("download it, and its signature, with another program, and add the file"),
        429 | 500.. => error.hint("try again later"),
        _ => error.hint("check the URL in a browser"),
    }
}

/// Fetches a package from a registry, whose manifest has its signature. Without a tag or digest, it is the newest version.
pub(super) fn from_registry(settings: &Settings, reference: &Reference) -> Result<Fetched> {
    let web = Web::new(&settings.limits);
    let mut registry = Registry::new(&web, reference, Access::Pull);
    let reference = match reference.is_exact() {
        true => reference.clone(),
        false => {
            let newest = registry.versions()?.into_iter().max().ok_or_else(|| {
                Error::usage(format!("no tag of `{reference}` is a version"))
                    .hint(format!("name the tag or the digest: `{reference}:TAG`"))
            })?;
            reference.with_version(newest)
        }
    };
    let (bytes, signature) = registry.pull(&reference, settings.limits.artifact_bytes)?;
    let shown = reference.to_string();
    let unsigned = format!("its manifest has no annotation `{SIGNATURE_ANNOTATION}`");
    Ok(Fetched { bytes, signature, unsigned, source: shown.clone(), shown, version: reference.version() })
}

/// Reads the manifest of a component, and the header of a challenge, for tests that try malformed ones.
pub fn try_manifest(bytes: &[u8]) -> Result<(), String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (challenge::Challenge::parse(text), Reference::parse(text));
    }
    manifest::parse(bytes).map(drop)
}

/// The versions in a repository, as references.
pub(super) fn versions(settings: &Settings, reference: &Reference) -> Result<Vec<(Version, Reference)>> {
    let web = Web::new(&settings.limits);
    let versions = Registry::new(&web, reference, Access::Pull).versions()?;
    Ok(versions.into_iter().map(|version| (version, reference.with_version(version))).collect())
}
