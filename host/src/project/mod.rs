//! A project on disk: settings, migrations, lockfile. Knows nothing about connections or sandboxes.

pub mod build;
pub mod catalog;
pub mod discovery;
pub mod env;
pub mod fixtures;
pub mod limits;
pub mod lockfile;
pub mod origin;
pub mod scaffold;
pub mod settings;
pub mod units;

mod digest;
mod files;
mod parallel;
mod problem;
mod sql_file;
mod toml_reader;

#[cfg(test)]
mod test_project;

pub use catalog::{
    Artifact, Catalog, CatalogProblem, CatalogProblemKind, CatalogReport, Checks, Description, Kind, Migration, Mode,
};
pub use digest::{component_digest, sha256};
pub use discovery::{TARGET_WORDS, revision_number};
pub use limits::Limits;
pub use origin::{Origin, Sourced};
pub use settings::{LoadRequest, Settings};
