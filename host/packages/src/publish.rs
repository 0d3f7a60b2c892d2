//! Publishes a package: the file, and the signature next to it.

use super::place::Place;
use super::remote::{self, PushRequest, Pushed};
use runner_base::error::{Error, Result};
use runner_project::settings::Settings;
use runner_project::signature::{check_key, verify};

/// Pushes a package to a registry.
pub fn push(settings: &Settings, place: &Place, request: &PushRequest<'_>) -> Result<Pushed> {
    match place {
        Place::Registry(reference) => remote::push(settings, reference, request),
        Place::File(_) | Place::Web(_) => {
            Err(Error::usage(format!("a package cannot be pushed to `{}`", place.shown()))
                .hint("name a repository of a registry: `oci://HOST/REPOSITORY`"))
        }
    }
}

/// Checks a signature of a package. The error of the second kind completes the sentence "the signature …".
pub fn check_signature(key: &str, signature: &[u8], bytes: &[u8]) -> Result<Result<(), &'static str>> {
    check_key(key)?;
    Ok(verify(key, signature, bytes))
}
