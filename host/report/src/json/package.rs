//! The output of the commands about packages.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::SCHEMA;
use runner_packages::{Outdated, Packed, Pushed, Removed, Vendored, VendoredMigration};

/// `runner package`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PackageJson {
    schema: u32,
    command: &'static str,
    name: String,
    version: String,
    file: String,
    sha256: String,
    size: u64,
    /// As `REVISION_name`.
    migrations: Vec<String>,
    /// With `--push`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed: Option<PushedJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PushedJson {
    /// `oci://HOST/REPOSITORY:TAG`.
    reference: String,
    /// The digest of the manifest, with `sha256:`.
    digest: String,
    /// `new`, `unchanged`, `signed` or `replaced`: what became of the version in the registry. `signed`: it had the same bytes without a signature.
    outcome: &'static str,
    /// Whether the signature was pushed too.
    signed: bool,
}

impl PackageJson {
    /// A package that was written to a file, and what was pushed, with whether it is signed.
    pub fn new(packed: &Packed, file: &Path, pushed: Option<(&Pushed, bool)>) -> Self {
        Self {
            schema: SCHEMA,
            command: "package",
            name: packed.name.to_string(),
            version: packed.version.to_string(),
            file: file.display().to_string(),
            sha256: packed.sha256.clone(),
            size: packed.bytes.len() as u64,
            migrations: packed.migrations.clone(),
            pushed: pushed.map(|(pushed, signed)| PushedJson {
                reference: pushed.reference.to_string(),
                digest: pushed.digest.clone(),
                outcome: pushed.outcome.name(),
                signed,
            }),
        }
    }
}

/// `runner add` and `runner update`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VendoredJson {
    schema: u32,
    command: &'static str,
    packages: Vec<VendoredPackageJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VendoredPackageJson {
    name: String,
    version: String,
    previous_version: Option<String>,
    sha256: String,
    /// The public key that it was checked with.
    key: Option<String>,
    /// What its tables are called here, by what it calls them.
    tables: BTreeMap<String, String>,
    /// Whether anything was written.
    changed: bool,
    migrations: Vec<VendoredMigrationJson>,
    /// Which of the grants that it asks for `runner.toml` does not have.
    missing_grants: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VendoredMigrationJson {
    /// In the project.
    revision: String,
    /// `vendor/package:REVISION`.
    name: String,
    summary: String,
    /// What it needs, as `runner plan` shows it.
    needs: Vec<String>,
    /// Whether it was not in the project before.
    added: bool,
}

impl VendoredJson {
    /// Packages, and what they are not granted.
    pub fn new(command: &'static str, packages: &[(Vendored, Vec<String>, Option<String>)]) -> Self {
        let migration = |it: &VendoredMigration| VendoredMigrationJson {
            revision: it.revision.clone(),
            name: it.name.clone(),
            summary: it.summary.clone(),
            needs: it.needs.clone(),
            added: it.added,
        };
        let package = |(it, missing, _): &(Vendored, Vec<String>, Option<String>)| VendoredPackageJson {
            name: it.name.to_string(),
            version: it.version.to_string(),
            previous_version: it.previous.map(|version| version.to_string()),
            sha256: it.sha256.clone(),
            key: it.key.clone(),
            tables: it.renames.lines(),
            changed: it.changed,
            migrations: it.migrations.iter().map(migration).collect(),
            missing_grants: missing.clone(),
        };
        Self { schema: SCHEMA, command, packages: packages.iter().map(package).collect() }
    }
}

/// `runner remove`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RemovedJson {
    schema: u32,
    command: &'static str,
    name: String,
    version: String,
    /// As `vendor/package:REVISION`.
    migrations: Vec<String>,
}

impl RemovedJson {
    /// A package that was removed.
    pub fn new(removed: &Removed) -> Self {
        Self {
            schema: SCHEMA,
            command: "remove",
            name: removed.name.to_string(),
            version: removed.version.to_string(),
            migrations: removed.migrations.iter().map(|(_, name)| name.clone()).collect(),
        }
    }
}

/// `runner outdated`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OutdatedJson {
    schema: u32,
    command: &'static str,
    packages: Vec<OutdatedPackageJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OutdatedPackageJson {
    name: String,
    version: String,
    /// The newest version that `runner update` would take.
    wanted: Option<String>,
    newest: Option<String>,
    source: String,
    /// Why no version was found there.
    problem: Option<String>,
}

impl OutdatedJson {
    /// The packages of a project.
    pub fn new(packages: &[Outdated]) -> Self {
        let package = |it: &Outdated| OutdatedPackageJson {
            name: it.name.to_string(),
            version: it.version.to_string(),
            wanted: it.wanted.map(|version| version.to_string()),
            newest: it.newest.map(|version| version.to_string()),
            source: it.source.clone(),
            problem: it.problem.clone(),
        };
        Self { schema: SCHEMA, command: "outdated", packages: packages.iter().map(package).collect() }
    }
}
