//! Finds packages where they come from.

use std::path::{Component, Path, PathBuf};

use super::fetched::{Fetched, signature_beside, too_large};
use super::place::Place;
use super::remote;
use runner_base::error::{Error, Result};
use runner_project::files::{cannot_read, open_root, read_regular_anywhere};
use runner_project::lockfile::{LockedPackage, Lockfile};
use runner_project::package::{PackageName, Version, VersionRange};
use runner_project::settings::Settings;
use runner_project::vendored::SIGNATURE;

/// The state of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outdated {
    /// Its name.
    pub name: PackageName,
    /// The version in the project.
    pub version: Version,
    /// The newest version that `runner update` would take.
    pub wanted: Option<Version>,
    /// The newest version of all.
    pub newest: Option<Version>,
    /// Where it comes from.
    pub source: String,
    /// Why no version was found there.
    pub problem: Option<String>,
}

/// The packages of the project that can be updated without naming a place, and those that cannot.
pub fn updatable(settings: &Settings) -> Result<(Vec<PackageName>, Vec<PackageName>)> {
    let lockfile = Lockfile::read(&open_root(&settings.root)?, &settings.lockfile_name())?;
    let is_listed =
        |package: &LockedPackage| Place::of_source(settings, &package.source).is_ok_and(|place| place.lists_versions());
    let (listed, others): (Vec<_>, Vec<_>) = lockfile.packages.iter().partition(|package| is_listed(package));
    let names = |packages: Vec<&LockedPackage>| packages.into_iter().map(|package| package.name.clone()).collect();
    Ok((names(listed), names(others)))
}

/// Every package of the project, and the versions there are.
pub fn outdated(settings: &Settings) -> Result<Vec<Outdated>> {
    let lockfile = Lockfile::read(&open_root(&settings.root)?, &settings.lockfile_name())?;
    let one = |package: &LockedPackage| {
        let range = settings.packages.get(package.name.as_str()).and_then(|pinned| pinned.version.as_ref());
        let (versions, problem) = match versions(settings, package) {
            Ok(versions) => (versions, None),
            Err(error) => (Vec::new(), Some(error.message)),
        };
        let newest = |range: Option<&VersionRange>| {
            let within = versions.iter().map(|(version, _)| *version);
            within.filter(|version| range.is_none_or(|range| range.contains(*version))).max()
        };
        Outdated {
            name: package.name.clone(),
            version: package.version,
            wanted: newest(range).map(|version| version.max(package.version)),
            newest: newest(None),
            source: package.source.clone(),
            problem,
        }
    };
    Ok(lockfile.packages.iter().map(one).collect())
}

/// The newest version of a package within a range, and its file.
pub(super) fn newest(settings: &Settings, package: &LockedPackage, range: Option<&VersionRange>) -> Result<Place> {
    let all = versions(settings, package)?;
    let within = all.into_iter().filter(|(version, _)| range.is_none_or(|range| range.contains(*version)));
    within.max_by_key(|(version, _)| *version).map(|(_, place)| place).ok_or_else(|| {
        let what = range.map(|range| format!(" of version {range}")).unwrap_or_default();
        Error::usage(format!("there is no `{}`{what} where it came from: `{}`", package.name, package.source))
            .hint(format!("name the new version: `runner update {} --from SOURCE`", package.name))
    })
}

/// The versions of a package where it came from, and the place of each.
fn versions(settings: &Settings, package: &LockedPackage) -> Result<Vec<(Version, Place)>> {
    match Place::of_source(settings, &package.source)? {
        Place::File(path) => {
            let files = versions_of_files(&path, package)?;
            Ok(files.into_iter().map(|(version, path)| (version, Place::File(path))).collect())
        }
        Place::Registry(reference) => {
            let versions = remote::versions(settings, &reference)?;
            Ok(versions.into_iter().map(|(version, reference)| (version, Place::Registry(reference))).collect())
        }
        Place::Web(_) => Err(Error::usage(format!("a URL does not list versions: `{}`", package.source))
            .hint(format!("name the URL of the new version: `runner update {} --from URL`", package.name))),
    }
}

/// The versions of a package in the directory of a file, and their files.
fn versions_of_files(path: &Path, package: &LockedPackage) -> Result<Vec<(Version, PathBuf)>> {
    let directory = path.parent().unwrap_or(path);
    let failed = |error: std::io::Error| {
        Error::usage(format!("cannot list `{}`, where `{}` came from", directory.display(), package.name))
            .cause(error)
            .hint(format!("name a file: `runner update {} --from FILE`", package.name))
    };
    let mut versions = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let version = name.to_str().and_then(|name| package.name.version_of_file(name));
        versions.extend(version.map(|version| (version, entry.path())));
    }
    // It may have another name than `runner package` gives it.
    if !versions.iter().any(|(_, other)| *other == path) && path.is_file() {
        versions.push((package.version, path.to_owned()));
    }
    Ok(versions)
}

/// Gets a package and its signature from where they are.
pub(super) fn fetch(settings: &Settings, place: &Place) -> Result<Fetched> {
    match place {
        Place::File(path) => from_file(settings, path),
        Place::Web(address) => remote::from_web(settings, address),
        Place::Registry(reference) => remote::from_registry(settings, reference),
    }
}

fn from_file(settings: &Settings, path: &Path) -> Result<Fetched> {
    let shown = path.display().to_string();
    let limit = settings.limits.artifact_bytes;
    let bytes = match read_regular_anywhere(path, limit) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(too_large(&shown, limit)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::usage(format!("`{shown}` does not exist"))
                .hint("name a file, a URL that begins with `https://`, or a repository that begins with `oci://`"));
        }
        Err(error) => return Err(cannot_read(path, error)),
    };
    let signature = signature_beside(path)?.map(|(_, signature)| signature);
    let unsigned = format!("`{shown}{SIGNATURE}` does not exist");
    Ok(Fetched { bytes, signature, unsigned, source: relative(&settings.root, path), shown, version: None })
}

/// A path from the project, with `/`; as it is if the two have nothing in common.
fn relative(root: &Path, path: &Path) -> String {
    let (root, path) = (normal(root), normal(path));
    let common = root.iter().zip(&path).take_while(|(one, other)| one == other).count();
    // The first part is the root of the file system.
    if common < 2 {
        return path.iter().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
    }
    let up = std::iter::repeat_n("..".to_owned(), root.len() - common);
    up.chain(path[common..].iter().map(|part| part.to_string_lossy().into_owned())).collect::<Vec<_>>().join("/")
}

/// The parts of an absolute path, without `.` and `..`.
fn normal(path: &Path) -> Vec<std::ffi::OsString> {
    let mut parts: Vec<std::ffi::OsString> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.len() > 1 => drop(parts.pop()),
            part => parts.push(part.as_os_str().to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_from_the_project() {
        for (path, expected) in [
            ("/home/app/db/packages/a.wasm", "packages/a.wasm"),
            ("/home/app/a.wasm", "../a.wasm"),
            ("/home/app/db/../x/./a.wasm", "../x/a.wasm"),
            ("/srv/a.wasm", "/srv/a.wasm"),
        ] {
            assert_eq!(relative(Path::new("/home/app/db"), Path::new(path)), expected);
        }
    }
}
