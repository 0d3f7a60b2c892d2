//! A project on disk: settings, migrations, lockfile. Knows nothing about connections or sandboxes.
//!
//! It may import `runner-database` (names, grants, URLs), `runner-sql`, `runner-data`, `runner-base`.

pub mod built;
pub mod cache;
pub mod catalog;
pub mod discovery;
pub mod env;
pub mod fixtures;
mod ignore;
pub mod limits;
pub mod lockfile;
pub mod migration;
pub mod origin;
pub mod package;
pub mod revision;
pub mod script;
mod script_language;
pub mod settings;
#[cfg(feature = "components")]
pub mod signature;
pub mod units;
pub mod untrusted_input;
pub mod vendored;

pub mod digest;
mod embedded;
pub mod files;
pub mod line_ends;
mod parallel;
mod per_dialect;
pub mod problem;
mod source;
pub mod sql_file;
pub mod time_zones;
pub mod toml_reader;

#[cfg(test)]
mod test_project;
// What is in `test_project` is part of the tests of other crates, too.
#[cfg(test)]
extern crate self as runner_project;

pub use catalog::{Catalog, CatalogProblem, CatalogProblemKind, CatalogReport, Checks, StaleShared, UnknownShared};
pub use digest::{component_digest, sha256, short};
pub use discovery::{TARGET_WORDS, read_id};
pub use embedded::{EmbeddedFiles, Project, ProjectFiles};
pub use files::leaves;
#[cfg(feature = "components")]
pub use files::open_regular;
pub use limits::Limits;
pub use migration::{Artifact, ComponentFiles, Description, Kind, Migration, Mode};
pub use origin::{Origin, Sourced};
pub use package::{package_of, package_revision};
pub use revision::{RevisionKey, RevisionPlace, compare_revisions, migration_id};
pub use settings::{LoadRequest, Settings};
pub use sql_file::WrittenSql;
