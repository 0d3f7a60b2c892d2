//! Publishes a package: the file, and the signature next to it.

use std::path::{Path, PathBuf};

use super::newer::too_large;
use super::place::Place;
use super::remote::{self, PushRequest, Pushed};
use runner_base::error::{Error, Result};
use runner_project::files::{cannot_read, read_regular_anywhere};
use runner_project::settings::Settings;
use runner_project::vendored::signature::{check_key, verify};
use runner_project::vendored::{SIGNATURE, SIGNATURE_BYTES};

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

/// The signature next to the file of a package, with its path; `None` if there is none.
pub fn signature_beside(file: &Path) -> Result<Option<(PathBuf, Vec<u8>)>> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(SIGNATURE);
    let beside = PathBuf::from(beside);
    match read_regular_anywhere(&beside, SIGNATURE_BYTES) {
        Ok(Some(signature)) => Ok(Some((beside, signature))),
        Ok(None) => Err(too_large(&beside.display().to_string(), SIGNATURE_BYTES)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_read(&beside, error)),
    }
}

/// Checks a signature of a package. The error of the second kind completes the sentence "the signature …".
pub fn check_signature(key: &str, signature: &[u8], bytes: &[u8]) -> Result<Result<(), &'static str>> {
    check_key(key)?;
    Ok(verify(key, signature, bytes))
}
