//! `runner.lock`: one line per artifact, with its digest and its description.
//!
//! ```toml
//! # Written by `runner build`. …
//! version = 1
//! digest = "sha256:…"
//!
//! [artifacts]
//! 20260105093000_create_users = { kind = "sql", sha256 = "…", down = "…" }
//! 20260112101500_utc_times = { kind = "component", sha256 = "…", world = "…", summary = "…", assets = { "zones.csv" = "…" } }
//! ```
//!
//! The digest covers all lines, so that two branches that each add a line conflict on purpose.

mod line;
#[cfg(feature = "cli")]
mod merge;
mod read;
#[cfg(feature = "cli")]
mod write;

use std::collections::BTreeMap;

use super::catalog::{Description, Kind};
use super::digest::component_digest;
use super::discovery::revision_number;
#[cfg(feature = "cli")]
pub(super) use write::write_atomically;

/// The format that this version reads and writes.
pub const VERSION: i64 = 1;

/// The lines of a lockfile, in the order of their revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// The lines.
    pub lines: Vec<LockLine>,
}

/// One artifact in the lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockLine {
    /// The revision, as spelled in the file names.
    pub revision: String,
    /// The name after it.
    pub name: String,
    /// The expected artifact.
    pub artifact: LockedArtifact,
}

/// An artifact as recorded in the lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedArtifact {
    /// A pair of SQL files.
    Sql {
        /// The digest of the upgrade, with LF line ends.
        sha256: String,
        /// The digest of the downgrade.
        down: Option<String>,
    },
    /// A component.
    Component {
        /// The digest of its bytes.
        sha256: String,
        /// The digest of the source code it was built from, if runner built it.
        source: Option<String>,
        /// Its description.
        description: ComponentDescription,
        /// Path in its `assets` directory to the digest of the file.
        assets: BTreeMap<String, String>,
    },
}

/// What a component reports when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentDescription {
    /// The result of its `describe`.
    pub description: Description,
    /// Whether it exports `transformer`.
    pub transformer: bool,
    /// The world it was built for, with its version: `runner:migration/migration@0.1.0`.
    pub world: String,
}

impl LockLine {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        format!("{}_{}", self.revision, self.name)
    }

    /// The digest of what is applied, as in [`super::Migration::sha256`].
    pub fn digest(&self) -> String {
        match &self.artifact {
            LockedArtifact::Sql { sha256, .. } => sha256.clone(),
            LockedArtifact::Component { sha256, assets, .. } => component_digest(sha256, assets),
        }
    }

    /// The kind of the artifact.
    pub fn kind(&self) -> Kind {
        match self.artifact {
            LockedArtifact::Sql { .. } => Kind::Sql,
            LockedArtifact::Component { .. } => Kind::Component,
        }
    }

    /// The revision as a number.
    pub fn number(&self) -> u128 {
        revision_number(&self.revision).unwrap_or_default()
    }
}

impl Lockfile {
    /// The line of a revision.
    pub fn get(&self, revision: &str) -> Option<&LockLine> {
        let number = revision_number(revision)?;
        let at = self.lines.binary_search_by_key(&number, LockLine::number).ok()?;
        self.lines.get(at)
    }
}

#[cfg(test)]
mod tests;
