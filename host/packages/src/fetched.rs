//! A package as it was read where it comes from, and its signature.

use std::path::{Path, PathBuf};

use runner_base::error::{Error, Result};
use runner_project::files::{cannot_read, read_regular_anywhere};
use runner_project::package::Version;
use runner_project::units::format_size;
use runner_project::vendored::{SIGNATURE, SIGNATURE_BYTES};

/// A package as it was read where it comes from.
pub(super) struct Fetched {
    pub bytes: Vec<u8>,
    /// The file of its signature, if there is one.
    pub signature: Option<Vec<u8>>,
    /// What says that it has no signature, where it comes from.
    pub unsigned: String,
    /// Where it comes from, as the lockfile has it.
    pub source: String,
    /// Where it comes from, as messages show it.
    pub shown: String,
    /// The version that it has to have, if its place promises one.
    pub version: Option<Version>,
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

/// The error of a file that exceeds a limit.
pub(super) fn too_large(shown: &str, limit: u64) -> Error {
    Error::denied(format!("`{shown}` is larger than {}", format_size(limit)))
        .hint("raise `artifact_bytes` in `[limits]`, if it is what you expect")
}
