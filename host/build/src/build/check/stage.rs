//! A copy of a project that builds as the project does, in a temporary directory.
//!
//! The copy is below the project's whole path, and all other entries on that path are links to the originals. So a build finds what it
//! finds in the original, by relative paths too: an SDK, other crates, the settings of cargo and rustup. What builds write into is copied.

use std::io;
use std::path::{Component, Path, PathBuf};

use runner_base::error::{Error, Result};
use runner_project::discovery::{BUILD_MANIFEST, is_written};
use runner_project::settings::Settings;

/// Directory of the project in which cargo's target directory is.
const OWN: &str = ".runner";

/// What cargo resolves.
const LOCK: &str = "Cargo.lock";

/// Packages that npm has installed: builds read them.
const INSTALLED: &str = "node_modules";

/// Depth to which directories are copied; that of a digest of source code is less.
const DEPTH: usize = 64;

/// Where the copy of a path is: below the stage, at the same path.
pub(crate) fn stage_path(stage: &Path, path: &Path) -> PathBuf {
    let below = path.components().filter(|part| matches!(part, Component::Normal(_)));
    below.fold(stage.to_path_buf(), |path, part| path.join(part))
}

/// Copies the migrations and the lockfile of a project into an empty directory, and returns the settings of the copy.
pub(super) fn stage(settings: &Settings, directory: &Path) -> Result<Settings> {
    let make = || -> io::Result<Settings> {
        let root = settings.root.canonicalize()?;
        let copy = stage_path(directory, &root);
        let ancestors: Vec<&Path> = root.ancestors().skip(1).collect();
        let below = |ancestor: &Path| root.strip_prefix(ancestor).ok()?.components().next();
        for ancestor in ancestors.into_iter().rev() {
            mirror(ancestor, &stage_path(directory, ancestor), below(ancestor));
        }
        std::fs::create_dir_all(&copy)?;
        // Real directories first: links are made only for what is not there yet.
        std::fs::create_dir_all(copy.join(OWN).join("target"))?;
        mirror(&root.join(OWN), &copy.join(OWN), None);
        copy_migrations(&root.join(&settings.migrations), &copy.join(&settings.migrations))?;
        match std::fs::copy(root.join(settings.lockfile_name()), copy.join(settings.lockfile_name())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut on_path = root.clone();
        for part in settings.migrations.components() {
            mirror(&on_path, &stage_path(directory, &on_path), Some(part));
            on_path.push(part);
        }
        let sdk = settings.sdk.as_ref().map(|sdk| match sdk.strip_prefix(&settings.root) {
            Ok(inside) => copy.join(inside),
            Err(_) => sdk.clone(),
        });
        Ok(Settings { root: copy, sdk, ..settings.clone() })
    };
    make().map_err(|error| {
        Error::failed(format!("cannot copy the project to `{}`", directory.display()))
            .cause(error)
            .hint(super::TEMPORARY)
    })
}

/// Makes a directory, and in it links to the entries of another that it does not have, except for one. What cannot be
/// listed or linked is missing: if a build needs it, it says so.
fn mirror(original: &Path, copy: &Path, except: Option<Component<'_>>) {
    let _ = std::fs::create_dir_all(copy);
    for entry in std::fs::read_dir(original).into_iter().flatten().flatten() {
        let to = copy.join(entry.file_name());
        if Some(entry.file_name().as_os_str()) != except.map(Component::as_os_str) && to.symlink_metadata().is_err() {
            // cargo writes its lockfile in place, also that of a workspace above the project.
            let _ = match entry.file_name() == LOCK {
                true => std::fs::copy(entry.path(), &to).map(drop),
                false => link(&entry.path(), &to),
            };
        }
    }
}

/// Copies the files of all migrations, without artifacts, which are to be built.
fn copy_migrations(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (name, path) = (entry.as_ref().map(|it| it.file_name()).unwrap_or_default(), entry?.path());
        let shown = name.to_string_lossy();
        if shown.starts_with('.') || shown.ends_with(".wasm") || to.join(&name).symlink_metadata().is_ok() {
            continue;
        }
        // A link to a migration is followed, as when it is applied. A workspace of all migrations writes next to them,
        // and its packages are installed there.
        if is_written(&shown, true, false) {
            continue;
        }
        if shown == INSTALLED {
            link(&path, &to.join(&name))?;
            continue;
        }
        match std::fs::metadata(&path)? {
            it if it.is_dir() => copy_source(&path, &to.join(&name), path.join(BUILD_MANIFEST).is_file(), 0)?,
            it if it.is_file() => drop(std::fs::copy(&path, to.join(&name))?),
            _ => {}
        }
    }
    Ok(())
}

/// Copies a directory of source code, without what builds have written. Links stay what they are, and installed packages are linked.
fn copy_source(from: &Path, to: &Path, by_command: bool, depth: usize) -> io::Result<()> {
    if depth > DEPTH {
        return Err(io::Error::other(format!("`{}` is too deep", from.display())));
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (name, path, copy) = (entry.file_name(), entry.path(), to.join(entry.file_name()));
        let (shown, kind) = (name.to_string_lossy(), entry.file_type()?);
        if kind.is_symlink() {
            // A build must not write through it, into what it leads to.
            if !is_written(&shown, depth == 0, by_command) {
                link(&std::fs::read_link(&path)?, &copy)?;
            }
        } else if kind.is_dir() {
            // A hidden directory is a cache or version control's, except for cargo's settings.
            let is_cache = shown.starts_with('.') && shown != ".cargo";
            match shown == INSTALLED {
                true => link(&path, &copy)?,
                false if is_cache || is_written(&shown, depth == 0, by_command) => {}
                false => copy_source(&path, &copy, by_command, depth + 1)?,
            }
        } else if kind.is_file() {
            std::fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

#[cfg(windows)]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    match original.is_dir() {
        true => std::os::windows::fs::symlink_dir(original, link),
        false => std::os::windows::fs::symlink_file(original, link),
    }
}

#[cfg(not(any(unix, windows)))]
fn link(_original: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn a_copy_has_what_builds_read_and_own_directories_where_they_write() {
        let project = TestProject::new(&[
            ("migrations/1_c/migration.toml", "[build]"),
            ("migrations/1_c/src/deep/a.c", "a"),
            ("migrations/1_c/build/module.wasm", "old"),
            ("migrations/1_c/.zig-cache/x", "old"),
            ("migrations/1_c/.cargo/config.toml", "settings"),
            ("migrations/1_c/node_modules/x/index.js", "x"),
            ("migrations/2_rust/Cargo.toml", "[package]"),
            ("migrations/2_rust/src/build/mod.rs", "source"),
            ("migrations/2_rust/target/x", "old"),
            ("migrations/target/x", "old"),
            ("migrations/node_modules/y/index.js", "y"),
            ("migrations/1_c.wasm", "old"),
            ("migrations/3_a.up.sql", "SELECT 1"),
            (".runner/sdk/c/header.h", "h"),
            (".runner/target/x", "old"),
            ("shared/b.c", "b"),
            ("runner.lock", "version = 1"),
        ]);
        let stage_directory = tempfile::tempdir().expect("a directory");
        let copy = stage(&project.settings(), stage_directory.path()).unwrap_or_else(|error| panic!("{error:#}"));
        let read = |path: &str| std::fs::read_to_string(copy.root.join("migrations/1_c").join(path)).ok();
        for (path, text) in [
            ("src/deep/a.c", Some("a")),
            ("../../.runner/sdk/c/header.h", Some("h")),
            ("../../shared/b.c", Some("b")),
            ("../../runner.lock", Some("version = 1")),
            ("../3_a.up.sql", Some("SELECT 1")),
            (".cargo/config.toml", Some("settings")),
            ("node_modules/x/index.js", Some("x")),
            ("../2_rust/src/build/mod.rs", Some("source")),
            ("build/module.wasm", None),
            (".zig-cache/x", None),
            ("../1_c.wasm", None),
            ("../2_rust/target/x", None),
            ("../target/x", None),
            ("../node_modules/y/index.js", Some("y")),
            ("../../.runner/target/x", None),
        ] {
            assert_eq!(read(path).as_deref(), text, "{path}");
        }
        // What is next to the project is there, too.
        let beside = project.path().canonicalize().expect("a path").join("../..");
        for entry in std::fs::read_dir(&beside).expect("listed").flatten() {
            assert!(copy.root.join("../..").join(entry.file_name()).symlink_metadata().is_ok(), "{entry:?}");
        }
        std::fs::write(copy.root.join("runner.lock"), "other").expect("written");
        std::fs::write(copy.root.join("migrations/1_c/src/deep/a.c"), "other").expect("written");
        assert_eq!(project.read("runner.lock") + &project.read("migrations/1_c/src/deep/a.c"), "version = 1a");
    }
}
