//! Packages: migrations of others, as components that may do only what the operator grants them.
//!
//! A package is one file, which is itself a valid component: a section with its manifest, and its migrations as nested
//! components. It is kept in `migrations/vendor/` as it was signed; `runner.lock` has its digest, and gives each of its migrations
//! a revision of the project. In messages and in the history such a migration is called `vendor/package:REVISION`.

#[cfg(feature = "cli")]
mod add;
#[cfg(feature = "cli")]
mod assign;
mod claims;
#[cfg(feature = "cli")]
mod edit;
mod format;
#[cfg(feature = "cli")]
mod make;
mod name;
#[cfg(feature = "cli")]
mod newer;
#[cfg(feature = "cli")]
mod place;
#[cfg(feature = "cli")]
mod publish;
#[cfg(feature = "cli")]
mod remote;
#[cfg(feature = "cli")]
mod remove;
mod settings;
#[cfg(feature = "components")]
mod signature;
mod vendored;

#[cfg(feature = "cli")]
pub(super) use add::heal;
#[cfg(feature = "cli")]
pub use add::{AddRequest, Vendored, add, update};
#[cfg(feature = "cli")]
pub(super) use assign::repeated;
#[cfg(feature = "cli")]
pub use assign::{VendoredMigration, needs_of};
pub use format::{Manifest, ManifestMigration, PackageFile};
#[cfg(feature = "cli")]
pub use make::{MakeRequest, Packed, make};
pub use name::{PackageName, Version, VersionRange, package_of, package_revision};
#[cfg(feature = "cli")]
pub use newer::{Outdated, outdated, updatable};
#[cfg(feature = "cli")]
pub use place::Place;
#[cfg(feature = "cli")]
pub use publish::{check_signature, push, signature_beside};
#[cfg(feature = "cli")]
pub(super) use remote::try_manifest;
#[cfg(feature = "cli")]
pub use remote::{PushRequest, Pushed, PushedAs};
#[cfg(feature = "cli")]
pub use remove::{Removed, plan_remove, remove};
pub use settings::PackageSettings;
pub(super) use settings::{read as read_settings, read_renames};
#[cfg(feature = "cli")]
pub(super) use signature::verify;
pub(super) use vendored::{Reference, load};

/// What follows the name of a package's file in that of its signature.
pub(super) const SIGNATURE: &str = ".minisig";

/// The largest signature that is read: one has some 300 bytes.
pub(super) const SIGNATURE_BYTES: u64 = 4 << 10;

/// What to do about a version that is outside of the range in the settings.
fn range_hint(name: &PackageName, version: Version) -> String {
    let range = version.compatible();
    format!("look at what it needs; to go on with it, set `version = \"{range}\"` in `[packages.\"{name}\"]`")
}

/// What is wrong with a package whose key the settings no longer have, and what to do about it.
fn key_is_lost(name: &PackageName) -> (String, String) {
    let table = format!("[packages.\"{name}\"]");
    (format!("`{name}` was added with a key, which `{table}` no longer has"), format!("restore `key` in `{table}`"))
}
