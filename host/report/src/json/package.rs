//! The output of the commands about packages.

use std::collections::BTreeMap;
use std::path::Path;

use super::SCHEMA;
use runner_packages::{Outdated, Packed, Pushed, Removed, Vendored, VendoredMigration};

/// A package, which of the grants that it asks for are missing, and the lines that would grant them.
type Added = (Vendored, Vec<String>, Option<String>);

document! {
    /// `runner package`.
    pub struct PackageJson(packed: &Packed, file: &Path, pushed: Option<(&Pushed, bool)>) {
        schema: u32 = SCHEMA,
        command: &'static str = "package",
        name: String = packed.name.to_string(),
        version: String = packed.version.to_string(),
        file: String = file.display().to_string(),
        sha256: String = packed.sha256.clone(),
        size: u64 = packed.bytes.len() as u64,
        /// As `REVISION_name`.
        migrations: Vec<String> = packed.migrations.clone(),
        /// With `--push`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pushed: Option<PushedJson> = pushed.map(PushedJson::new),
    }

    struct PushedJson((pushed, signed): (&Pushed, bool)) {
        /// `oci://HOST/REPOSITORY:TAG`.
        reference: String = pushed.reference.to_string(),
        /// The digest of the manifest, with `sha256:`.
        digest: String = pushed.digest.clone(),
        /// `new`, `unchanged`, `signed` or `replaced`: what became of the version in the registry. `signed`: it had the same bytes without a signature.
        outcome: &'static str = pushed.outcome.name(),
        /// Whether the signature was pushed too.
        signed: bool = signed,
    }

    /// `runner add` and `runner update`.
    pub struct VendoredJson(command: &'static str, packages: &[Added]) {
        schema: u32 = SCHEMA,
        command: &'static str = command,
        packages: Vec<VendoredPackageJson> = packages.iter().map(VendoredPackageJson::new).collect(),
    }

    struct VendoredPackageJson((it, missing, _): &Added) {
        name: String = it.name.to_string(),
        version: String = it.version.to_string(),
        previous_version: Option<String> = it.previous.map(|version| version.to_string()),
        sha256: String = it.sha256.clone(),
        /// The public key that it was checked with.
        key: Option<String> = it.key.clone(),
        /// What its tables are called here, by what it calls them.
        tables: BTreeMap<String, String> = it.renames.lines(),
        /// Whether anything was written.
        changed: bool = it.changed,
        migrations: Vec<VendoredMigrationJson> = it.migrations.iter().map(VendoredMigrationJson::new).collect(),
        /// Which of the grants that it asks for `runner.toml` does not have.
        missing_grants: Vec<String> = missing.clone(),
    }

    struct VendoredMigrationJson(migration: &VendoredMigration) {
        /// In the project.
        revision: String = migration.revision.clone(),
        /// `vendor/package:REVISION`.
        name: String = migration.name.clone(),
        summary: String = migration.summary.clone(),
        /// What it needs, as `runner plan` shows it.
        needs: Vec<String> = migration.needs.clone(),
        /// Whether it was not in the project before.
        added: bool = migration.added,
    }

    /// `runner remove`.
    pub struct RemovedJson(removed: &Removed) {
        schema: u32 = SCHEMA,
        command: &'static str = "remove",
        name: String = removed.name.to_string(),
        version: String = removed.version.to_string(),
        /// As `vendor/package:REVISION`.
        migrations: Vec<String> = removed.migrations.iter().map(|(_, name)| name.clone()).collect(),
    }

    /// `runner outdated`.
    pub struct OutdatedJson(packages: &[Outdated]) {
        schema: u32 = SCHEMA,
        command: &'static str = "outdated",
        packages: Vec<OutdatedPackageJson> = packages.iter().map(OutdatedPackageJson::new).collect(),
    }

    struct OutdatedPackageJson(package: &Outdated) {
        name: String = package.name.to_string(),
        version: String = package.version.to_string(),
        /// The newest version that `runner update` would take.
        wanted: Option<String> = package.wanted.map(|version| version.to_string()),
        newest: Option<String> = package.newest.map(|version| version.to_string()),
        source: String = package.source.clone(),
        /// Why no version was found there.
        problem: Option<String> = package.problem.clone(),
    }
}
