//! Packages: migrations of others, as components that may do only what the operator grants them.
//!
//! A package is one file, which is itself a valid component: a section with its manifest, and its migrations as nested
//! components. It is kept in `migrations/vendor/` as it was signed; `runner.lock` has its digest, and gives each of its migrations
//! a revision of the project. In messages and in the history such a migration is called `vendor/package:REVISION`.

pub mod claims;
pub mod format;

pub use format::{Manifest, ManifestMigration, PackageFile};

use super::package::{PackageName, Version};

/// What follows the name of a package's file in that of its signature.
pub const SIGNATURE: &str = ".minisig";

/// The largest signature that is read: one has some 300 bytes.
pub const SIGNATURE_BYTES: u64 = 4 << 10;

/// What to do about a version that is outside of the range in the settings.
pub fn range_hint(name: &PackageName, version: Version) -> String {
    let range = version.compatible();
    format!("look at what it needs; to continue with it, set `version = \"{range}\"` in `[packages.\"{name}\"]`")
}

/// What is wrong with a package whose key the settings no longer have, and what to do about it.
pub fn key_is_lost(name: &PackageName) -> (String, String) {
    let table = format!("[packages.\"{name}\"]");
    (format!("`{name}` was added with a key, which `{table}` no longer has"), format!("restore `key` in `{table}`"))
}
