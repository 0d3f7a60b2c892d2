//! The output of the commands that need no database.

use serde::Serialize;

use super::SCHEMA;
use super::look::MigrationJson;
use super::refusal::RefusalJson;
use runner_base::dialect::Dialect;
use runner_build::build::BuildReport;
use runner_build::scaffold::{Renumbered, Scaffolded};
use runner_engine::plan::Refusal;
use runner_project::Catalog;
use runner_project::built::BuiltArtifact;

/// `runner build`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuildJson {
    schema: u32,
    command: &'static str,
    artifacts: Vec<BuiltJson>,
    lockfile: String,
    lockfile_written: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BuiltJson {
    revision: String,
    name: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    compiled: bool,
    /// Not rebuilt although its source code changed, because it is or may be applied.
    kept: bool,
    /// What changed outside of its directory, if that is why it was compiled, or kept because it may be applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_path: Option<String>,
    /// `added`, `unchanged`, `changed` or `removed`.
    change: &'static str,
    size: u64,
}

impl BuildJson {
    /// The result of a build.
    pub fn new(report: &BuildReport) -> Self {
        Self {
            schema: SCHEMA,
            command: "build",
            artifacts: report.artifacts.iter().map(BuiltJson::new).collect(),
            lockfile: report.lockfile.clone(),
            lockfile_written: report.lockfile_written,
        }
    }
}

impl BuiltJson {
    fn new(artifact: &BuiltArtifact) -> Self {
        Self {
            revision: artifact.revision.clone(),
            name: artifact.name.clone(),
            kind: artifact.kind.name(),
            compiled: artifact.compiled,
            kept: artifact.kept,
            changed_path: artifact.changed_path.clone(),
            change: artifact.change.name(),
            size: artifact.size,
        }
    }
}

/// `runner renumber`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RenumberJson {
    schema: u32,
    command: &'static str,
    revision: String,
    name: String,
    revision_before: String,
    files: Vec<String>,
    /// What named the migration and has its new name, relative to the project.
    updated: Vec<String>,
    /// Whether the lockfile lists the migration under its new revision; if not, `runner build` is needed.
    locked: bool,
}

impl RenumberJson {
    /// What was renamed.
    pub fn new(renumbered: &Renumbered) -> Self {
        Self {
            schema: SCHEMA,
            command: "renumber",
            revision: renumbered.revision.clone(),
            name: renumbered.name.clone(),
            revision_before: renumbered.old.clone(),
            files: renumbered.files.iter().map(|(_, new)| new.clone()).collect(),
            updated: renumbered.edits.iter().map(|edit| edit.renamed.clone()).collect(),
            locked: renumbered.is_locked,
        }
    }
}

/// `runner init` and `runner new`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScaffoldJson {
    schema: u32,
    command: &'static str,
    root: String,
    /// `REVISION_name` of the new migration, if there is one.
    migration: Option<String>,
    /// Relative to `root`.
    files: Vec<String>,
}

impl ScaffoldJson {
    /// The files that were created.
    pub fn new(command: &'static str, made: &Scaffolded) -> Self {
        Self {
            schema: SCHEMA,
            command,
            root: made.root.display().to_string(),
            migration: made.migration.clone(),
            files: made.files.iter().map(|file| file.display().to_string()).collect(),
        }
    }
}

/// `runner validate`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ValidateJson {
    schema: u32,
    command: &'static str,
    valid: bool,
    /// `sqlite`, `postgres`, `mysql` or `mariadb`: as what the SQL was checked.
    dialect: &'static str,
    /// The commit with which the migrations were compared; `null` without `--base`.
    base: Option<String>,
    migrations: Vec<NamedMigrationJson>,
    /// What cannot run in downgrades.
    warnings: Vec<RefusalJson>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NamedMigrationJson {
    revision: String,
    name: String,
    #[serde(flatten)]
    migration: MigrationJson,
}

impl ValidateJson {
    /// A valid project.
    pub fn new(
        catalog: &Catalog,
        (dialect, base): (Dialect, Option<&str>),
        warnings: &[Refusal],
        notes: Vec<String>,
    ) -> Self {
        let named = |migration: &runner_project::Migration| NamedMigrationJson {
            revision: migration.revision.clone(),
            name: migration.name.clone(),
            migration: MigrationJson::new(migration),
        };
        Self {
            schema: SCHEMA,
            command: "validate",
            valid: true,
            dialect: dialect.name(),
            base: base.map(str::to_owned),
            migrations: catalog.migrations.iter().map(named).collect(),
            warnings: warnings.iter().map(RefusalJson::new).collect(),
            notes,
        }
    }
}
