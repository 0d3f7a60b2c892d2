//! Adds a package to a project, or replaces it by a newer version.

use std::collections::BTreeMap;

use super::assign::{Assigner, VendoredMigration, line_of, needs_of};
use super::edit;
use super::fetched::Fetched;
use super::lookup::{fetch, newest};
use super::place::Place;
use runner_base::error::{Error, Result};
use runner_database::{Grants, Renames};
use runner_project::built::{BuiltArtifact, Change, Describe};
use runner_project::catalog::Kind;
use runner_project::digest::sha256;
use runner_project::discovery::VENDOR;
use runner_project::files::{ProjectDirectory, cannot_write, open_root, read_regular};
use runner_project::lockfile::{LockLine, LockedPackage, Lockfile, write_atomically};
use runner_project::package::RAW_SQL_KEEPS_NAMES;
use runner_project::package::{PackageName, Version, package_revision};
use runner_project::settings::Settings;
use runner_project::vendored::claims;
use runner_project::vendored::format::{ManifestMigration, PackageFile};
use runner_project::vendored::{SIGNATURE, key_is_lost, range_hint};

/// How a package is added.
pub struct AddRequest<'a> {
    /// The key that has to have signed it, if the settings do not have it yet.
    pub key: Option<&'a str>,
    /// What to put before the names of the tables that it creates.
    pub prefix: Option<&'a str>,
    /// Reads the description of a component, in the sandbox.
    pub describe: &'a Describe<'a>,
    /// Which of these lines the settings do not grant a package.
    pub lacking: &'a dyn Fn(&Grants, &[String]) -> Vec<String>,
    /// The settings to write for these lines.
    pub paste: &'a dyn Fn(&Grants, &[String]) -> String,
}

/// A package that is part of the project now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vendored {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The version before; `None` if it is new.
    pub previous: Option<Version>,
    /// The digest of its file.
    pub sha256: String,
    /// The key that it was checked with.
    pub key: Option<String>,
    /// What its tables are called here.
    pub renames: Renames,
    /// Whether anything was written.
    pub changed: bool,
    /// Its migrations, in order.
    pub migrations: Vec<VendoredMigration>,
}

/// Adds the package that is in a place.
pub fn add(settings: &Settings, place: &Place, request: &AddRequest<'_>) -> Result<Vendored> {
    let project = open(settings)?;
    let lockfile = Lockfile::read(&project.root, &settings.lockfile_name())?;
    let fetched = fetch(settings, place)?;
    let file = parse(&fetched)?;
    match lockfile.package(&file.name) {
        None => install(settings, &project, lockfile, (&fetched, file), request),
        Some(locked) if locked.sha256 == sha256(&fetched.bytes) => {
            if request.prefix.is_some() && renames(settings, &file, request)? != locked.renames {
                let message = format!("the project has `{}` already, with other names for its tables", file.name);
                return Err(Error::usage(message).hint(format!("remove it first: `runner remove {}`", file.name)));
            }
            if request.key.is_some_and(|key| locked.key.as_deref() != Some(key)) {
                refuse_lost_key(settings, locked)?;
                return install(settings, &project, lockfile, (&fetched, file), request);
            }
            Ok(unchanged(locked, &lockfile, file))
        }
        Some(locked) => Err(Error::usage(format!("the project has `{}` already: {}", locked.name, locked.version))
            .hint(format!("`runner update {} --from {}` replaces it", locked.name, place.shown()))),
    }
}

/// Replaces a package by a newer version: the one in a place, or the newest where it came from.
pub fn update(
    settings: &Settings,
    name: &PackageName,
    from: Option<&Place>,
    request: &AddRequest<'_>,
) -> Result<Vendored> {
    let project = open(settings)?;
    let lockfile = Lockfile::read(&project.root, &settings.lockfile_name())?;
    let Some(locked) = lockfile.package(name).cloned() else { return Err(unknown(&lockfile, name)) };
    refuse_lost_key(settings, &locked)?;
    let range = settings.packages.get(name.as_str()).and_then(|pinned| pinned.version.as_ref());
    let fetched = match from {
        Some(place) => fetch(settings, place)?,
        None => fetch(settings, &newest(settings, &locked, range)?)?,
    };
    let file = parse(&fetched)?;
    let what = format!("`{}` from `{}`", file.name, fetched.shown);
    if file.name != *name {
        return Err(Error::mismatch(format!("`{}` is the package `{}`, not `{name}`", fetched.shown, file.name)));
    }
    if file.version < locked.version {
        let message =
            format!("{what} is a downgrade: the project has {}, and this is {}", locked.version, file.version);
        return Err(Error::mismatch(message).hint("roll back its migrations and remove it first, if that is meant"));
    }
    if file.version == locked.version && sha256(&fetched.bytes) != locked.sha256 {
        let message =
            format!("{what} has version {}, as the one in the project has, but different contents", file.version);
        return Err(Error::mismatch(message).hint("a version is never changed: ask its author for a new one"));
    }
    check_range(settings, &file)?;
    let pinned = settings.packages.get(name.as_str()).cloned().unwrap_or_default();
    let is_same = pinned.key == locked.key && *pinned.renames == locked.renames;
    if file.version == locked.version && request.key.is_none() && is_same {
        return Ok(unchanged(&locked, &lockfile, file));
    }
    install(settings, &project, lockfile, (&fetched, file), request)
}

/// Fails if a new version needs more than the old one did and than is granted.
fn refuse_more(
    settings: &Settings,
    file: &PackageFile,
    before: &[VendoredMigration],
    now: &[VendoredMigration],
    request: &AddRequest<'_>,
) -> Result<()> {
    let before = needs_of(before);
    let more: Vec<String> = needs_of(now).into_iter().filter(|line| !before.contains(line)).collect();
    let nothing = Grants::default();
    let granted = settings.grants.get(file.name.as_str()).map_or(&nothing, |granted| granted);
    let lacking = (request.lacking)(granted, &more);
    if lacking.is_empty() {
        return Ok(());
    }
    let message = format!("`{} {}` needs more than it is granted: {}", file.name, file.version, lacking.join(", "));
    let lines = (request.paste)(granted, &lacking);
    Err(Error::denied(message)
        .hint(format!("if you trust it with that, write below `[packages.\"{}\"]`: {lines}", file.name)))
}

/// Writes a package into the project.
fn install(
    settings: &Settings,
    project: &ProjectDirectory,
    mut lockfile: Lockfile,
    (fetched, mut file): (&Fetched, PackageFile),
    request: &AddRequest<'_>,
) -> Result<Vendored> {
    check_range(settings, &file)?;
    let key = check_key(settings, fetched, &file, request)?;
    let renames = renames(settings, &file, request)?;
    file.rename(&renames);
    let file = &file;
    check_claims(settings, project, &lockfile, file)?;
    let old = lockfile.package(&file.name).cloned();
    let migrations_of = |old: &LockedPackage| {
        let (_, file) = vendored(settings, project, old)?;
        Some(unchanged(old, &lockfile, file).migrations)
    };
    let before = old.as_ref().map(|old| migrations_of(old).unwrap_or_default());
    let migrations =
        Assigner::new(project, &mut lockfile, request.describe)?.package(file, &renames, &fetched.bytes)?;
    if let Some(before) = before {
        refuse_more(settings, file, &before, &migrations, request)?;
    }
    lockfile.packages.retain(|package| package.name != file.name);
    let sha256 = sha256(&fetched.bytes);
    lockfile.packages.push(LockedPackage {
        name: file.name.clone(),
        version: file.version,
        sha256: sha256.clone(),
        key: key.clone(),
        source: fetched.source.clone(),
        renames: renames.clone(),
    });
    lockfile.packages.sort_by(|a, b| a.name.cmp(&b.name));
    lockfile.lines.sort_by_cached_key(LockLine::key);
    // The lockfile comes last: without its line, a file does not belong to a package, and adding it again continues
    // from there.
    write_files(project, fetched, file)?;
    edit::pin(settings, (&file.name, file.version), key.as_deref(), &renames)?;
    lockfile.write(&project.root, &settings.lockfile_name())?;
    let previous = old.as_ref().map(|old| old.version);
    if let Some(old) = old.filter(|old| old.version != file.version) {
        remove_files(project, &old)?;
    }
    let name = file.name.clone();
    Ok(Vendored { name, version: file.version, previous, sha256, key, renames, changed: true, migrations })
}

/// What the tables of a package are called here: as the settings say, or with a prefix.
fn renames(settings: &Settings, file: &PackageFile, request: &AddRequest<'_>) -> Result<Renames> {
    let pinned = settings.packages.get(file.name.as_str()).map(|pinned| (*pinned.renames).clone()).unwrap_or_default();
    let renames = match request.prefix {
        None => pinned,
        Some(prefix) => {
            let [created, used] = claims::created_and_used(&file.manifest);
            let made = Renames::with_prefix(prefix, &created, &used)?;
            if made.is_empty() {
                let message = format!("`{}` creates no table that a prefix could be for", file.name);
                let hint =
                    format!("to give tables other names, write them below `tables` in `[packages.\"{}\"]`", file.name);
                return Err(Error::usage(message).hint(hint));
            }
            if !pinned.is_empty() && pinned != made {
                let message = format!("`tables` in `[packages.\"{}\"]` differs from `--prefix`", file.name);
                return Err(Error::usage(message).hint(format!("the settings say that {pinned}")));
            }
            made
        }
    };
    let raw_sql = file.manifest.migrations.iter().find(|migration| migration.raw_sql);
    match raw_sql.filter(|_| !renames.is_empty()) {
        None => Ok(renames),
        Some(migration) => {
            let id = file.name.migration(&migration.revision);
            Err(Error::usage(format!("the tables of `{}` cannot have other names: `{id}` needs `raw_sql`", file.name))
                .hint(RAW_SQL_KEEPS_NAMES))
        }
    }
}

/// Fails for a version that the package's grants in the settings are not for.
fn check_range(settings: &Settings, file: &PackageFile) -> Result<()> {
    let range = settings.packages.get(file.name.as_str()).and_then(|pinned| pinned.version.as_ref());
    match range.filter(|range| !range.contains(file.version)) {
        None => Ok(()),
        Some(range) => {
            let message = format!("`{} {}` is not a version that its grants are for: {range}", file.name, file.version);
            Err(Error::denied(message).hint(range_hint(&file.name, file.version)))
        }
    }
}

/// Checks the signature with the key that is pinned, or given to be pinned.
fn check_key(
    settings: &Settings,
    fetched: &Fetched,
    file: &PackageFile,
    request: &AddRequest<'_>,
) -> Result<Option<String>> {
    let pinned = settings.packages.get(file.name.as_str()).and_then(|pinned| pinned.key.as_deref());
    if let (Some(pinned), Some(given)) = (pinned, request.key)
        && pinned != given
    {
        return Err(Error::mismatch(format!("`--key` is not the key of `{}` in the settings", file.name))
            .hint(format!("if the new key is the right one, change `key` in `[packages.\"{}\"]`", file.name)));
    }
    let Some(key) = request.key.or(pinned) else { return Ok(None) };
    runner_project::signature::check_key(key)?;
    let Some(signature) = &fetched.signature else {
        return Err(Error::mismatch(format!("`{}` is not signed: {}", fetched.shown, fetched.unsigned))
            .hint("get the signature from where the package comes from, and keep it next to the file"));
    };
    runner_project::signature::verify(key, signature, &fetched.bytes)
        .map_err(|problem| Error::mismatch(format!("the signature of `{}` {problem}", fetched.shown)))
        .map_err(|error| error.hint("get package and signature from their author again; do not apply this one"))?;
    Ok(Some(key.to_owned()))
}

/// Fails if the package was added with a key that the settings no longer have: another version, or another key, would be taken
/// unchecked.
fn refuse_lost_key(settings: &Settings, locked: &LockedPackage) -> Result<()> {
    let pinned = settings.packages.get(locked.name.as_str()).and_then(|pinned| pinned.key.as_deref());
    match pinned {
        None if locked.key.is_some() => {
            let (message, hint) = key_is_lost(&locked.name);
            Err(Error::mismatch(message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Fails if another package claims the same tables.
fn check_claims(
    settings: &Settings,
    project: &ProjectDirectory,
    lockfile: &Lockfile,
    file: &PackageFile,
) -> Result<()> {
    let others = lockfile.packages.iter().filter(|package| package.name != file.name);
    // What cannot be read, every other command reports.
    let others = others.filter_map(|package| {
        let (_, mut file) = vendored(settings, project, package)?;
        file.rename(&package.renames);
        Some((package.name.to_string(), file.manifest))
    });
    let mut manifests: BTreeMap<_, _> = others.collect();
    manifests.insert(file.name.to_string(), file.manifest.clone());
    let own = |conflict: &claims::Conflict| conflict.packages.iter().any(|name| name == file.name.as_str());
    match claims::conflicts(&manifests).into_iter().find(own) {
        None => Ok(()),
        Some(claims::Conflict { packages: [one, other], tables }) => {
            Err(Error::usage(format!("the packages `{one}` and `{other}` both claim the table `{tables}`"))
                .hint("a project can have one of the two, or `--prefix` gives the tables of one of them other names"))
        }
    }
}

/// Gives revisions to the migrations of packages that have none, as after a merge. Unless the lockfile is `proven` to be as it was
/// written, the others are asked again what they need.
pub fn assign_missing(
    settings: &Settings,
    project: &ProjectDirectory,
    (lockfile, proven): (&mut Lockfile, bool),
    describe: &Describe<'_>,
) -> Result<Vec<BuiltArtifact>> {
    let mut artifacts = Vec::new();
    for package in lockfile.packages.clone() {
        // One that is missing or was changed is reported by every other command, with the way out.
        let Some((bytes, mut file)) = vendored(settings, project, &package) else { continue };
        file.rename(&package.renames);
        let before = lockfile.clone();
        let mut assigner = Assigner::new(project, lockfile, describe)?.asking(!proven);
        for migration in assigner.package(&file, &package.renames, &bytes)? {
            let change = match line_of(&before, &migration.name) {
                None => Change::Added,
                Some(line) if Some(line) == line_of(lockfile, &migration.name) => Change::Unchanged,
                Some(_) => Change::Changed,
            };
            let range =
                package_revision(&migration.name).and_then(|revision| file.get(revision)).map(|(_, range)| range);
            artifacts.push(BuiltArtifact {
                revision: migration.revision,
                name: migration.name,
                kind: Kind::Component,
                compiled: false,
                kept: false,
                changed_path: None,
                change,
                size: range.map_or(0, |range| range.len() as u64),
            });
        }
    }
    lockfile.lines.sort_by_cached_key(LockLine::key);
    Ok(artifacts)
}

/// A package that the project has, if its file is the one in the lockfile.
fn vendored(
    settings: &Settings,
    project: &ProjectDirectory,
    package: &LockedPackage,
) -> Option<(Vec<u8>, PackageFile)> {
    let path = format!("{VENDOR}/{}", package.file());
    let bytes = read_regular(&project.root, project.path.join(path), settings.limits.artifact_bytes).ok()??;
    let file = PackageFile::parse(&bytes).ok().filter(|_| sha256(&bytes) == package.sha256)?;
    Some((bytes, file))
}

/// The package as it is in the project already.
fn unchanged(locked: &LockedPackage, lockfile: &Lockfile, mut file: PackageFile) -> Vendored {
    let renames = locked.renames.clone();
    file.rename(&renames);
    let line = |manifest: &ManifestMigration| line_of(lockfile, &file.name.migration(&manifest.revision));
    let migrations = file.manifest.migrations.iter();
    Vendored {
        name: locked.name.clone(),
        version: locked.version,
        previous: Some(locked.version),
        sha256: locked.sha256.clone(),
        key: locked.key.clone(),
        changed: false,
        migrations: migrations.filter_map(|it| Some(VendoredMigration::of(line(it)?, it, &renames, false))).collect(),
        renames,
    }
}

fn write_files(project: &ProjectDirectory, fetched: &Fetched, file: &PackageFile) -> Result<()> {
    let directory = project.path.join(VENDOR);
    let failed = |name: &str, error: std::io::Error| cannot_write(directory.join(name).display(), &error);
    let vendor = project.create_directory(VENDOR).map_err(|error| failed("", error))?;
    let name = file.name.file(file.version);
    write_atomically(&vendor, &name, &fetched.bytes).map_err(|error| failed(&name, error))?;
    let signature = name + SIGNATURE;
    match &fetched.signature {
        Some(bytes) => write_atomically(&vendor, &signature, bytes).map_err(|error| failed(&signature, error)),
        None => match vendor.remove_file(&signature) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&signature, error)),
            _ => Ok(()),
        },
    }
}

/// Removes the files of a version.
pub(super) fn remove_files(project: &ProjectDirectory, package: &LockedPackage) -> Result<()> {
    for name in [package.file(), package.file() + SIGNATURE] {
        let path = project.path.join(VENDOR).join(name);
        match project.root.remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(cannot_write(path.display(), &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The project, whose directory of migrations is created if it does not exist.
fn open(settings: &Settings) -> Result<ProjectDirectory> {
    let root = open_root(&settings.root)?;
    root.create_dir_all(&settings.migrations).map_err(|error| cannot_write(settings.migrations.display(), &error))?;
    settings.project_directory()
}

fn parse(fetched: &Fetched) -> Result<PackageFile> {
    let file = PackageFile::parse(&fetched.bytes).map_err(|problem| {
        Error::usage(format!("`{}` {problem}", fetched.shown)).hint("`runner package` makes packages")
    })?;
    match fetched.version {
        Some(version) if version != file.version => Err(Error::mismatch(format!(
            "`{}` is not what its tag says: it is version {}",
            fetched.shown, file.version
        ))
        .hint("ask the author of the package for a tag with the right version")),
        _ => Ok(file),
    }
}

/// The error for a package that the project does not have.
pub(super) fn unknown(lockfile: &Lockfile, name: &PackageName) -> Error {
    let error = Error::usage(format!("the project has no package `{name}`"));
    let names = lockfile.packages.iter().map(|package| package.name.as_str());
    match runner_base::suggest::did_you_mean(name.as_str(), names) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint("`runner outdated` lists the packages of the project"),
    }
}
