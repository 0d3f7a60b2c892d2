//! Makes a package of migrations of a project.

use runner_base::error::{Error, Result, several};
use runner_database::Grants;
use runner_project::catalog::{Artifact, Catalog, Kind, Migration, Need};
use runner_project::digest::sha256;
use runner_project::package::{PackageName, Version, package_of};
use runner_project::revision::{RevisionKey, compare_revisions};
use runner_project::settings::{ComponentGrants, Settings};
use runner_project::vendored::format::{ManifestMigration, write};

/// What to make.
pub struct MakeRequest<'a> {
    /// The name.
    pub name: &'a PackageName,
    /// The version.
    pub version: Version,
    /// One line about it.
    pub description: &'a str,
    /// The migrations, in order.
    pub migrations: Vec<&'a Migration>,
    /// Finds what a migration is granted in this project.
    pub grants: &'a dyn Fn(&ComponentGrants, &Migration) -> Option<std::sync::Arc<Grants>>,
    /// Which of these lines are not granted.
    pub lacking: &'a dyn Fn(&Grants, &[String]) -> Vec<String>,
    /// The settings to write for these lines.
    pub paste: &'a dyn Fn(&Grants, &[String]) -> String,
}

/// A package that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The bytes of its file.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub sha256: String,
    /// Its migrations, as the project names them.
    pub migrations: Vec<String>,
}

/// Makes a package. Each of its migrations asks for what it is granted in this project, which is what it was tried with.
pub fn make(settings: &Settings, catalog: &Catalog, request: &MakeRequest<'_>) -> Result<Packed> {
    let mut migrations = request.migrations.clone();
    migrations.sort_by(|a, b| compare_revisions(&a.revision, &b.revision));
    migrations.dedup_by_key(|migration| RevisionKey::of(&migration.revision));
    let mut packed = Vec::new();
    let mut wrong = Vec::new();
    for migration in &migrations {
        match one(settings, catalog, request, &migrations, migration) {
            Ok(one) => packed.push(one),
            Err(error) => wrong.push(error.at("migration", migration.id())),
        }
    }
    if let Some(error) = several(wrong, |count| format!("{count} migrations cannot be part of a package")) {
        return Err(error);
    }
    let about = (request.name, request.version, request.description);
    let bytes = write(about, &packed).map_err(|problem| Error::usage(format!("the package {problem}")))?;
    let limit = settings.limits.artifact_bytes;
    if bytes.len() as u64 > limit {
        let size = runner_project::units::format_size(limit);
        return Err(Error::denied(format!("the package exceeds the limit `artifact_bytes` of {size}")));
    }
    Ok(Packed {
        name: request.name.clone(),
        version: request.version,
        sha256: sha256(&bytes),
        bytes,
        migrations: migrations.iter().map(|migration| migration.id()).collect(),
    })
}

fn one(
    settings: &Settings,
    catalog: &Catalog,
    request: &MakeRequest<'_>,
    all: &[&Migration],
    migration: &Migration,
) -> Result<(ManifestMigration, Vec<u8>)> {
    if migration.kind == Kind::Sql {
        return Err(Error::usage("a package cannot contain SQL files, which grants do not restrict")
            .hint("write the migration as a component: `runner new NAME --lang rust`"));
    }
    if migration.kind == Kind::Script {
        return Err(Error::usage("a package cannot contain scripts, which need a runtime next to them")
            .hint("write the migration as a component: `runner new NAME --lang rust`"));
    }
    if package_of(&migration.name).is_some() {
        return Err(Error::usage("it is part of another package")
            .hint("depend on it instead: `depends_on` of the description takes `vendor/package:REVISION`"));
    }
    if matches!(&migration.artifact, Artifact::Component { assets, .. } if !assets.is_empty()) {
        return Err(Error::usage("a package cannot contain assets")
            .hint("make the data part of the component, for example with `include_bytes!`"));
    }
    for dependency in &migration.description.depends_on {
        let is_packed = all.iter().any(|other| compare_revisions(&other.revision, dependency).is_eq());
        let is_package = catalog.get(dependency).is_some_and(|other| package_of(&other.name).is_some());
        if !is_packed && !is_package {
            let id = catalog.get(dependency).map_or_else(|| dependency.clone(), Migration::id);
            return Err(Error::usage(format!("it depends on `{id}`, which is not part of the package"))
                .hint("name that migration too"));
        }
    }
    let Some(grants) = (request.grants)(&settings.grants, migration) else {
        return Err(Error::usage("the settings grant it nothing, so it is unknown what it needs").hint(format!(
            "write `[grants.{}]` and try it with `runner test`: a package asks for the same",
            migration.id()
        )));
    };
    // A package asks for what its migrations were tried with, and one that was tried with less did not do its work.
    let lacking = (request.lacking)(&grants, &migration.description.shown_needs());
    if !lacking.is_empty() {
        let lines = (request.paste)(&grants, &lacking);
        return Err(Error::denied(format!("it needs more than it is granted: {}", lacking.join(", "))).hint(format!(
            "a package asks for what its migrations are granted: write below `[grants.{}]`: {lines}",
            migration.id()
        )));
    }
    if grants.lines().any(|line| line.len() > Need::LONGEST) {
        return Err(Error::usage(format!("it has a grant of more than {} bytes", Need::LONGEST))
            .hint("split its columns over several lines"));
    }
    let bytes = migration.read_component()?.unwrap_or_default();
    let manifest = ManifestMigration {
        revision: migration.revision.clone(),
        name: migration.name.clone(),
        allow: grants.lines().collect(),
        raw_sql: grants.raw_sql,
    };
    Ok((manifest, bytes))
}
