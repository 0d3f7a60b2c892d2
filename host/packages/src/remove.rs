//! Removes a package from a project.

use super::add::{remove_files, unknown};
use super::edit;
use runner_base::error::{Error, Result};
use runner_project::catalog::{Catalog, Checks};
use runner_project::lockfile::Lockfile;
use runner_project::package::{PackageName, Version, package_of};
use runner_project::revision::Reference;
use runner_project::settings::Settings;

/// A package that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its migrations: their revisions in the project, and their names.
    pub migrations: Vec<(String, String)>,
}

/// Finds a package, and fails if something depends on it; nothing is removed. `remove` does that.
pub fn plan_remove(settings: &Settings, name: &PackageName) -> Result<Removed> {
    let project = settings.project_directory()?;
    let lockfile = Lockfile::read(&project.root, &settings.lockfile_name())?;
    let Some(package) = lockfile.package(name) else { return Err(unknown(&lockfile, name)) };
    let of_package = |name_of_migration: &str| package_of(name_of_migration) == Some(name.as_str());
    let lines = lockfile.lines.iter().filter(|line| of_package(&line.name));
    let migrations: Vec<_> = lines.map(|line| (line.revision.clone(), line.name.clone())).collect();
    // A package that is damaged has to be removable.
    let (report, _) = Catalog::survey_with(settings, Checks::default(), &[])?;
    for other in report.catalog.migrations.iter().filter(|migration| !of_package(&migration.name)) {
        let is_own = |dependency: &&String| {
            migrations.iter().any(|(revision, migration)| {
                *dependency == revision || Reference::of(dependency) == Reference::of(migration)
            })
        };
        if other.description.depends_on.iter().any(|dependency| is_own(&dependency)) {
            return Err(Error::usage(format!("`{}` depends on `{name}`", other.id()))
                .hint("remove that migration first, or keep the package"));
        }
    }
    Ok(Removed { name: name.clone(), version: package.version, migrations })
}

/// Removes the files of a package, its lines and its settings.
pub fn remove(settings: &Settings, removed: &Removed) -> Result<()> {
    let project = settings.project_directory()?;
    let name = settings.lockfile_name();
    let mut lockfile = Lockfile::read(&project.root, &name)?;
    let Some(package) = lockfile.package(&removed.name).cloned() else { return Err(unknown(&lockfile, &removed.name)) };
    lockfile.lines.retain(|line| package_of(&line.name) != Some(removed.name.as_str()));
    lockfile.packages.retain(|other| other.name != removed.name);
    // In this order, an interrupted removal leaves a file that belongs to no package, and every command says so.
    edit::unpin(settings, &removed.name)?;
    lockfile.write(&project.root, &name)?;
    remove_files(&project, &package)
}
