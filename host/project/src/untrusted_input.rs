//! The ways by which text of others enters a project, for tests that try malformed text on them.

use super::discovery::names_something;
use super::env::Variables;
use super::lockfile::Lockfile;
use super::settings::check_text;
use super::vendored::PackageFile;
use runner_base::error::Result;

/// Reads the text of a settings file.
pub fn settings(text: &str) -> Result<()> {
    check_text(text)
}

/// Reads the text of a lockfile, and returns it as it would be written.
pub fn lockfile(text: &str) -> Result<String> {
    Lockfile::parse(text, "runner.lock").map(|(lockfile, _)| lockfile.render())
}

/// Reads a package, and returns where its components end.
pub fn package(bytes: &[u8]) -> std::result::Result<Vec<usize>, String> {
    PackageFile::parse(bytes).map(|file| file.components.iter().map(|range| range.end).collect())
}

/// Checks a signature.
#[cfg(feature = "components")]
pub fn signature(key: &str, signature: &[u8], bytes: &[u8]) -> Result<()> {
    super::signature::verify(key, signature, bytes).map_err(runner_base::error::Error::mismatch)
}

/// Reads the text of a file of variables.
pub fn variables(text: &str) -> Result<()> {
    Variables::of_text(text).map(drop)
}

/// Whether the name of a file or of a directory is that of a migration.
pub fn migration_name(name: &str) -> bool {
    names_something(name)
}
