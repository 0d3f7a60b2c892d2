//! What a component was built from outside of its migration's directory.
//!
//! cargo says which files of crates by path the compiler read, in the file that it writes for `make`: modules, included files, and what
//! build scripts name. That of registries is pinned by `Cargo.lock`, and the SDK by its version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use runner_base::error::{Error, Result};
use runner_project::discovery::{is_shared_path, shared_digest};
use runner_project::files::normalized;
use runner_project::settings::Settings;

/// The package of the SDK.
const SDK: &str = "runner-guest";

/// The directory of a project with its SDKs and what cargo writes.
const OWN: &str = ".runner";

/// Which paths are outside of a migration's directory.
pub(super) struct ExternalInputs {
    /// The project, by each of its names.
    roots: Vec<PathBuf>,
    /// The migration's directory.
    own: Vec<PathBuf>,
    /// The same, where its links lead to: what is relative to it is relative to that.
    directory: PathBuf,
    /// Directories in which nothing counts.
    ignored: Vec<PathBuf>,
    /// The project is a copy below this directory, and absolute paths lead to the original.
    stage: Option<PathBuf>,
}

impl ExternalInputs {
    /// For the migration in a directory, which cargo builds with this home directory. `stage`: that of the request.
    pub fn new(settings: &Settings, directory: &Path, home: Option<PathBuf>, stage: Option<&Path>) -> Self {
        let ignored = [Some(settings.root.join(OWN)), settings.sdk.clone(), home].into_iter().flatten();
        let names = |directory: &Path| names(directory).iter().map(|name| original(name, stage)).collect::<Vec<_>>();
        let ignored = ignored.flat_map(|directory| names(&directory)).collect();
        Self {
            roots: names(&settings.root),
            own: names(directory),
            directory: directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf()),
            ignored,
            stage: stage.map(Path::to_path_buf),
        }
    }

    /// The paths that cargo's messages and its list of dependencies name, relative to the project.
    pub fn of(mut self, messages: &str, list: &str) -> BTreeSet<String> {
        let mut manifests = BTreeSet::new();
        let mut scripts = BTreeSet::new();
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            // What build scripts write, wherever that is.
            if let Some(written) = message["out_dir"].as_str().filter(|_| message["reason"] == "build-script-executed")
            {
                self.ignored.extend(names(Path::new(written)).iter().map(|name| original(name, self.stage.as_deref())));
            }
            let (Some(package), Some(manifest)) = (message["package_id"].as_str(), message["manifest_path"].as_str())
            else {
                continue;
            };
            let manifest = self.original(&normalized(Path::new(manifest)));
            let Some(directory) = manifest.parent() else { continue };
            if package.contains("path+file:") {
                match std::fs::read_to_string(&manifest).is_ok_and(|text| is_sdk(&text)) {
                    true => self.ignored.push(directory.to_path_buf()),
                    false => drop(manifests.insert(manifest.clone())),
                }
                // Unless it says more, cargo runs a build script again for any file of the package.
                if message["target"]["kind"][0] == "custom-build" && !self.contains_own(directory) {
                    scripts.insert(directory.to_path_buf());
                }
            }
        }
        let listed = paths(list).map(|path| normalized(&self.directory.join(path))).filter(|path| path.exists());
        // A build script may name any directory, also one in which the project is.
        let listed = listed.map(|path| self.original(&path)).filter(|path| !self.contains_own(path));
        let listed: Vec<PathBuf> = listed.collect();
        let files = manifests.into_iter().chain(listed).chain(scripts);
        files.filter(|path| !self.is_inside(path)).filter_map(|path| self.relative(&path)).collect()
    }

    /// The paths that a manifest names; each has to exist.
    pub fn named(&self, names: &[String], manifest: &str) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for name in names {
            let path = normalized(&self.directory.join(name));
            let refused = |what: &str, hint: &str| {
                Err(Error::usage(format!("`build.sources` names `{name}`, {what}")).at("file", manifest).hint(hint))
            };
            if !path.exists() {
                return refused("which does not exist", "name files and directories that the command reads");
            }
            let path = self.original(&path);
            if self.contains_own(&path) {
                return refused("which contains the migration itself", "name a directory that the migration is not in");
            }
            if self.own.iter().any(|own| path.starts_with(own)) {
                return refused("which is in the migration's directory", "leave it out: the whole directory counts");
            }
            found.extend(self.relative(&path));
        }
        Ok(found)
    }

    fn original(&self, path: &Path) -> PathBuf {
        original(path, self.stage.as_deref())
    }

    fn is_inside(&self, path: &Path) -> bool {
        self.own.iter().chain(&self.ignored).any(|directory| path.starts_with(directory))
    }

    fn contains_own(&self, directory: &Path) -> bool {
        self.own.iter().chain(&self.roots).any(|own| own.starts_with(directory))
    }

    /// A path from the project, with `/`; a directory ends with one. `None` if there is none that a lockfile may have, as to another
    /// drive, or it is not Unicode.
    fn relative(&self, path: &Path) -> Option<String> {
        let from = |root: &PathBuf| {
            let same = root.components().zip(path.components()).take_while(|(one, other)| one == other).count();
            let up = root.components().count() - same;
            let down = path.components().skip(same);
            (same > 0).then(|| (up, std::iter::repeat_n(Component::ParentDir, up).chain(down).collect::<PathBuf>()))
        };
        let (_, relative) = self.roots.iter().filter_map(from).min_by_key(|(up, _)| *up)?;
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        let slash = if path.is_dir() { "/" } else { "" };
        Some(parts?.join("/") + slash).filter(|path| is_shared_path(path))
    }
}

/// What a path in a copy of the project is a copy of.
fn original(path: &Path, stage: Option<&Path>) -> PathBuf {
    let below = stage.and_then(|stage| path.strip_prefix(stage).ok());
    below.map_or_else(|| path.to_path_buf(), |below| Path::new("/").join(below))
}

/// A directory as it is named, and where its links lead to.
fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names = vec![normalized(directory)];
    names.extend(directory.canonicalize().ok().filter(|canonical| *canonical != names[0]));
    names
}

/// The paths in the first rule of a makefile, in which spaces are escaped.
fn paths(list: &str) -> impl Iterator<Item = PathBuf> {
    let rule = list.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, paths)| paths);
    let mut paths = vec![String::new()];
    let mut rest = rule.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.next_if_eq(&' ').is_some() => paths.last_mut().into_iter().for_each(|path| path.push(' ')),
            ' ' => paths.push(String::new()),
            c => paths.last_mut().into_iter().for_each(|path| path.push(c)),
        }
    }
    paths.into_iter().filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Whether a manifest is that of the SDK, wherever it is.
fn is_sdk(manifest: &str) -> bool {
    let table = toml::de::DeTable::parse(manifest).ok();
    let name =
        table.as_ref().and_then(|table| table.get_ref().get("package")?.get_ref().get("name")?.get_ref().as_str());
    name == Some(SDK)
}

/// The digests of paths of [`ExternalInputs`].
pub(super) fn digests(settings: &Settings, paths: BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    for path in paths {
        let digest = shared_digest(&settings.root, &path, settings.limits.asset_bytes)?;
        digests.extend(digest.map(|digest| (path, digest)));
    }
    Ok(digests)
}

/// As [`digests`], without those that cannot be computed.
pub(super) fn known_digests(settings: &Settings, paths: BTreeSet<String>) -> BTreeMap<String, String> {
    let digest = |path: &String| shared_digest(&settings.root, path, settings.limits.asset_bytes).ok().flatten();
    paths.into_iter().filter_map(|path| Some((digest(&path)?, path))).map(|(digest, path)| (path, digest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn a_list_of_dependencies_is_read_with_its_spaces() {
        let list = "/t/guest.wasm: /a/lib.rs /a/with\\ space.rs C:\\b.rs\n\n/a/lib.rs:\n";
        let found: Vec<PathBuf> = paths(list).collect();
        assert_eq!(found, ["/a/lib.rs", "/a/with space.rs", "C:\\b.rs"].map(PathBuf::from));
        assert_eq!(paths("").count(), 0);
    }

    #[test]
    fn only_what_is_beside_the_project_and_was_not_made_counts() {
        let project = TestProject::new(&[
            ("shop/runner.toml", ""),
            ("shop/migrations/1_a/Cargo.toml", ""),
            ("shop/data/a.csv", ""),
            ("made/out/bindings.rs", ""),
            ("rules/b.rs", ""),
        ]);
        let top = project.path();
        let root = top.join("shop");
        let settings = Settings { root: root.clone(), ..project.settings() };
        let made = serde_json::json!({ "reason": "build-script-executed", "out_dir": top.join("made/out") });
        let listed = [&root, top, &top.join("shop/data"), &top.join("made/out/bindings.rs"), &top.join("rules/b.rs")];
        let listed: Vec<String> = listed.iter().map(|path| path.display().to_string()).collect();
        let list = format!("guest.wasm: / {} ../../data/a.csv\n", listed.join(" "));
        let found =
            ExternalInputs::new(&settings, &root.join("migrations/1_a"), None, None).of(&made.to_string(), &list);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["../rules/b.rs", "data/", "data/a.csv"]);
    }
}
