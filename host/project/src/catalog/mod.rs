//! The migrations of a project: found, parsed, checked against the lockfile, in order.

mod compare;
mod load;
mod packages;
mod report;

pub use crate::migration::{Artifact, ComponentFiles, Description, Kind, Migration, Mode, Need, RAW_SQL, SqlFiles};
use crate::revision::RevisionKey;
pub use report::{CatalogProblem, CatalogProblemKind, CatalogReport, Checks, ComparedTexts, mismatched};

/// A component that was built from a file, outside its own directory, that changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleShared {
    /// Its revision.
    pub revision: String,
    /// `REVISION_name`.
    pub id: String,
    /// The file, or a directory with a slash at its end, relative to the project.
    pub path: String,
}

/// A component of which it is unknown whether something outside its own directory changed since it was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownShared {
    /// Its revision.
    pub revision: String,
    /// `REVISION_name`.
    pub id: String,
    /// The file or directory that cannot be compared, as in [`StaleShared`].
    pub path: String,
    /// Why.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All migrations of a project, in order.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The name of the project.
    pub project: String,
    /// In the order of their revisions.
    pub migrations: Vec<Migration>,
    /// The others: SQL for other databases alone, which this one gets nothing of.
    pub elsewhere: Vec<Migration>,
    /// The components, as `REVISION_name`, whose source code changed since their artifacts were built.
    pub stale: Vec<String>,
    /// The components of which something outside their directories changed since their artifacts were built.
    pub stale_shared: Vec<StaleShared>,
    /// The components of which that is unknown.
    pub unknown_shared: Vec<UnknownShared>,
    /// The packages that the settings have a table for and the project lacks. What the database still has of one that was removed
    /// needs the table in order to be rolled back.
    pub without_package: Vec<String>,
}

impl Catalog {
    /// The migration with this revision, ignoring leading zeros.
    pub fn get(&self, revision: &str) -> Option<&Migration> {
        let key = RevisionKey::of(revision)?;
        let of = |migration: &Migration| RevisionKey::of(&migration.revision).unwrap_or_default();
        let at = self.migrations.binary_search_by_key(&key, of).ok()?;
        self.migrations.get(at)
    }
}
