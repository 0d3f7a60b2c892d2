//! A project on disk: settings, migrations, lockfile. Knows nothing about connections or sandboxes.

#[cfg(feature = "cli")]
pub mod build;
pub mod catalog;
pub mod discovery;
#[cfg(feature = "cli")]
pub mod entrances;
pub mod env;
#[cfg(feature = "cli")]
pub mod fixtures;
pub mod limits;
pub mod lockfile;
pub mod origin;
pub mod packages;
pub mod revision;
#[cfg(feature = "cli")]
pub mod scaffold;
pub mod script;
pub mod settings;
pub mod units;

mod digest;
mod dotenv;
mod embedded;
mod files;
#[cfg(feature = "cli")]
mod line_ends;
mod parallel;
mod per_dialect;
mod problem;
mod source;
mod sql_file;
mod toml_reader;

#[cfg(test)]
mod test_project;

pub use catalog::{
    Artifact, Catalog, CatalogProblem, CatalogProblemKind, CatalogReport, Checks, ComponentFiles, Description, Kind,
    Migration, Mode, StaleShared, UnknownShared,
};
pub use digest::{component_digest, sha256, short};
pub use discovery::{TARGET_WORDS, read_id};
pub use embedded::{EmbeddedFiles, Project, ProjectFiles};
pub use files::leaves;
#[cfg(feature = "components")]
pub use files::open_regular;
pub use limits::Limits;
pub use origin::{Origin, Sourced};
pub use packages::{package_of, package_revision};
pub use revision::{RevisionKey, RevisionPlace, compare_revisions, migration_id};
pub use settings::{LoadRequest, Settings};
