//! The output of the commands that need no database.

use super::SCHEMA;
use super::refusal::RefusalJson;
use super::status::MigrationJson;
use runner_base::dialect::Dialect;
use runner_build::build::BuildReport;
use runner_build::scaffold::{Renumbered, Scaffolded};
use runner_engine::plan::Refusal;
use runner_project::built::BuiltArtifact;
use runner_project::{Catalog, Migration};

document! {
    /// `runner build`.
    pub struct BuildJson(report: &BuildReport) {
        schema: u32 = SCHEMA,
        command: &'static str = "build",
        artifacts: Vec<BuiltJson> = report.artifacts.iter().map(BuiltJson::new).collect(),
        lockfile: String = report.lockfile.clone(),
        lockfile_written: bool = report.lockfile_written,
    }

    struct BuiltJson(artifact: &BuiltArtifact) {
        revision: String = artifact.revision.clone(),
        name: String = artifact.name.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = artifact.kind.name(),
        compiled: bool = artifact.compiled,
        /// Not rebuilt although its source code changed, because it is or may be applied.
        kept: bool = artifact.kept,
        /// What changed outside of its directory, if that is why it was compiled, or kept because it may be applied.
        #[serde(skip_serializing_if = "Option::is_none")]
        changed_path: Option<String> = artifact.changed_path.clone(),
        /// `added`, `unchanged`, `changed` or `removed`.
        change: &'static str = artifact.change.name(),
        size: u64 = artifact.size,
    }

    /// `runner renumber`.
    pub struct RenumberJson(renumbered: &Renumbered) {
        schema: u32 = SCHEMA,
        command: &'static str = "renumber",
        revision: String = renumbered.revision.clone(),
        name: String = renumbered.name.clone(),
        revision_before: String = renumbered.old.clone(),
        files: Vec<String> = renumbered.files.iter().map(|(_, new)| new.clone()).collect(),
        /// What named the migration and has its new name, relative to the project.
        updated: Vec<String> = renumbered.edits.iter().map(|edit| edit.renamed.clone()).collect(),
        /// Whether the lockfile lists the migration under its new revision; if not, `runner build` is needed.
        locked: bool = renumbered.is_locked,
    }

    /// `runner init` and `runner new`.
    pub struct ScaffoldJson(command: &'static str, made: &Scaffolded) {
        schema: u32 = SCHEMA,
        command: &'static str = command,
        root: String = made.root.display().to_string(),
        /// `REVISION_name` of the new migration, if there is one.
        migration: Option<String> = made.migration.clone(),
        /// Relative to `root`.
        files: Vec<String> = made.files.iter().map(|file| file.display().to_string()).collect(),
        /// What is left to the user, such as a line in a file that is theirs.
        notes: Vec<String> = made.notes.clone(),
    }

    /// `runner validate`.
    pub struct ValidateJson(
        catalog: &Catalog, (dialect, base): (Dialect, Option<&str>), warnings: &[Refusal], notes: Vec<String>,
    ) {
        schema: u32 = SCHEMA,
        command: &'static str = "validate",
        valid: bool = true,
        /// `sqlite`, `postgres`, `mysql` or `mariadb`: as what the SQL was checked.
        dialect: &'static str = dialect.name(),
        /// The commit with which the migrations were compared; `null` without `--base`.
        base: Option<String> = base.map(str::to_owned),
        migrations: Vec<NamedMigrationJson> = catalog.migrations.iter().map(NamedMigrationJson::new).collect(),
        /// What cannot run in downgrades.
        warnings: Vec<RefusalJson> = warnings.iter().map(RefusalJson::new).collect(),
        notes: Vec<String> = notes,
    }

    struct NamedMigrationJson(migration: &Migration) {
        revision: String = migration.revision.clone(),
        name: String = migration.name.clone(),
        #[serde(flatten)]
        migration: MigrationJson = MigrationJson::new(migration),
    }
}
