//! `runner.lock`: one line per artifact, with its digest and its description.
//!
//! ```toml
//! # Written by `runner build`. …
//! version = 1
//! digest = "sha256:…"
//!
//! [artifacts]
//! 20260105093000_create_users = { kind = "sql", sha256 = "…", down = "…" }
//! 20260108120000_search = { kind = "sql", sha256 = "…", postgres = { up = "…", down = "…" } }
//! 20260301100000_tidy = { kind = "script", language = "javascript", sha256 = "…", runtime = "…", world = "…", summary = "…" }
//! 20260112101500_utc_times = { kind = "component", sha256 = "…", world = "…", summary = "…", assets = { "zones.csv" = "…" } }
//! 20260115090000_prices = { kind = "component", sha256 = "…", source = "…", shared = { "rules/src/lib.rs" = "…" }, world = "…" }
//!
//! [packages]
//! "acme/outbox" = { version = "1.2.0", sha256 = "…", key = "RW…", source = "…" }
//! ```
//!
//! A migration of a package has a line among the artifacts, `"20260301120000_acme/outbox:1"`. The digest covers all lines, so that
//! two branches that each add a line conflict on purpose.
//!
//! # Why it has descriptions
//!
//! `plan` and `status` need a component's summary, mode and dependencies, which only the component knows. To ask it
//! each time takes 30 ms to compile a small one, and seconds for an interpreter. So `build` asks once, and every reader
//! of the line checks the digest of the bytes: if those are unchanged, so is the description, and a wrong line cannot
//! misrepresent what runs. What is declared shows up in a review. Rejected: a manifest by hand, a second source of
//! truth; a custom section, which no review shows; no lockfile, with which a component that was replaced before it was
//! ever applied would run unnoticed.

mod fast_path;
mod line;
mod merge;
mod package;
mod read;
mod write;

use std::collections::BTreeMap;

use super::discovery::SqlPart;
use super::migration::{Description, Kind};
use super::package::{PackageName, Version};
use super::per_dialect::PerDialect;
use super::revision::{RevisionKey, migration_id};
use super::script::ScriptLanguage;
pub use line::quote;
use runner_base::dialect::Dialect;
use runner_database::Renames;
pub use write::add_lines;
pub use write::{write_atomically, write_secret_atomically};

/// The format that this version reads and writes.
pub const VERSION: i64 = 1;

/// A lockfile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockfile {
    /// The lines, in the order of their revisions.
    pub lines: Vec<LockLine>,
    /// The packages, in the order of their names.
    pub packages: Vec<LockedPackage>,
}

/// A package in the lockfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The digest of its file.
    pub sha256: String,
    /// The public key that it was checked with; `None` if it was added without one.
    pub key: Option<String>,
    /// Where it came from: a path, relative to the project, with `/`.
    pub source: String,
    /// What its tables are called here.
    pub renames: Renames,
}

impl LockedPackage {
    /// The name of its file.
    pub fn file(&self) -> String {
        self.name.file(self.version)
    }
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
    /// SQL.
    Sql(SqlDigests),
    /// A component.
    Component {
        /// The digest of its bytes.
        sha256: String,
        /// The digest of the source code it was built from, if runner built it.
        source: Option<String>,
        /// What else it was built from: the path of a file, or of a directory with a slash at its end, relative to the project, to its
        /// digest.
        shared: BTreeMap<String, String>,
        /// Its description.
        description: ComponentDescription,
        /// Path in its `assets` directory to the digest of the file.
        assets: BTreeMap<String, String>,
    },
    /// A script.
    Script {
        /// Its language.
        language: ScriptLanguage,
        /// The digest of its source, with LF line ends.
        sha256: String,
        /// The digest of the runtime that runs it.
        runtime: String,
        /// Its description.
        description: ComponentDescription,
        /// Path in its directory to the digest of the companion file.
        files: BTreeMap<String, String>,
    },
}

/// The digests of the SQL of a migration, with LF line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlDigests {
    /// The upgrade and the downgrade for each dialect that has its own, and for all others.
    pub texts: PerDialect<TextDigests>,
    /// A file other than the SQL says that each statement commits by itself.
    pub stepwise: bool,
}

/// The digests of an upgrade and of a downgrade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextDigests {
    /// The upgrade.
    pub up: Option<String>,
    /// The downgrade.
    pub down: Option<String>,
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

impl SqlDigests {
    /// What the text is written for that a database gets in one direction: the most specific one; `None` if it gets none.
    pub fn chosen(&self, part: SqlPart, database: Dialect) -> Option<Option<Dialect>> {
        let own = database.written_as().iter().map(|dialect| Some(*dialect)).chain([None]);
        let mut texts = own.filter_map(|key| Some((key, self.texts.get(key)?)));
        let chosen = texts.find(|(_, texts)| match part {
            SqlPart::Up => texts.up.is_some(),
            SqlPart::Down => texts.down.is_some(),
        });
        chosen.map(|(key, _)| key)
    }
}

impl LockLine {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// The kind of the artifact.
    pub fn kind(&self) -> Kind {
        match self.artifact {
            LockedArtifact::Sql(_) => Kind::Sql,
            LockedArtifact::Component { .. } => Kind::Component,
            LockedArtifact::Script { .. } => Kind::Script,
        }
    }

    /// The revision, to compare it.
    pub fn key(&self) -> RevisionKey {
        RevisionKey::of(&self.revision).unwrap_or_default()
    }
}

impl Lockfile {
    /// The line of a revision.
    pub fn get(&self, revision: &str) -> Option<&LockLine> {
        let key = RevisionKey::of(revision)?;
        let at = self.lines.binary_search_by_key(&key, LockLine::key).ok()?;
        self.lines.get(at)
    }

    /// The lines of a revision: at most one, except in what a merge left.
    pub fn all_of(&self, revision: RevisionKey) -> &[LockLine] {
        let start = self.lines.partition_point(|line| line.key() < revision);
        let rest = self.lines.get(start..).unwrap_or_default();
        &rest[..rest.partition_point(|line| line.key() == revision)]
    }

    /// With these lines, whose revisions it does not have.
    pub fn with(mut self, lines: &[LockLine]) -> Self {
        if !lines.is_empty() {
            self.lines.extend_from_slice(lines);
            self.lines.sort_by_cached_key(LockLine::key);
        }
        self
    }

    /// The line of a package.
    pub fn package(&self, name: &PackageName) -> Option<&LockedPackage> {
        self.packages.iter().find(|package| package.name == *name)
    }
}

#[cfg(test)]
mod tests;
