//! Access to the project's files through handles that paths, links and `..` cannot escape.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File};

use super::problem::{Problem, shown};
use super::units::format_size;
use crate::error::{Error, ErrorKind, Result};

/// The directories of a project and of its migrations.
pub(super) struct ProjectDirectory {
    /// The project.
    pub root: Dir,
    /// The migrations.
    pub migrations: Dir,
    /// The directory of the migrations, relative to the project.
    pub path: PathBuf,
}

impl ProjectDirectory {
    /// Opens the directory of the migrations in a project.
    #[cfg(feature = "cli")]
    pub fn open(root: &Path, migrations: &Path) -> Result<Self> {
        Self::open_if_there(root, migrations)?.ok_or_else(|| no_directory(root, migrations))
    }

    /// As [`ProjectDirectory::open`]; `None` if the directory does not exist.
    pub fn open_if_there(root: &Path, migrations: &Path) -> Result<Option<Self>> {
        let directory = open_root(root)?;
        let shown = migrations.display();
        let opened = directory.open_dir(migrations).map(Some).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            _ => Err(error),
        });
        let opened = opened.map_err(|error| match leaves(&error) {
            true => Error::usage(format!("the directory `{shown}` is outside the project"))
                .at("project", root.display().to_string())
                .hint("move the migrations into the project"),
            false => Error::usage(format!("cannot open the directory `{shown}`")).cause(error),
        })?;
        Ok(opened.map(|opened| Self { root: directory, migrations: opened, path: migrations.to_path_buf() }))
    }

    /// Opens a file of the migrations. Links are followed within the project.
    pub fn open_file(&self, name: &str, link: bool) -> io::Result<File> {
        if link { self.root.open(self.path.join(name)) } else { self.migrations.open(name) }
    }

    /// Opens a directory of the migrations, in the same way.
    pub fn open_directory(&self, name: &str, link: bool) -> io::Result<Dir> {
        if link { self.root.open_dir(self.path.join(name)) } else { self.migrations.open_dir(name) }
    }

    /// Reads an artifact of at most `limit` bytes.
    pub fn read(&self, name: &str, link: bool, limit: u64) -> Result<Vec<u8>, Problem> {
        let unreadable = |error: io::Error| Problem::new(format!("`{}` {}", shown(name), explain(&error)));
        let file = self.open_file(name, link).map_err(unreadable)?;
        // Most files are small: one read for the content, and one that finds the end.
        let mut bytes = Vec::with_capacity(2048);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > limit {
            return Err(too_large(name, limit, "artifact_bytes"));
        }
        Ok(bytes)
    }
}

/// The error of a file that cannot be written.
#[cfg(feature = "cli")]
pub(super) fn cannot_write(path: impl std::fmt::Display, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some disk space and run the command again",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: use a copy of the project elsewhere",
        _ => "check the permissions of the file and its directory",
    };
    Error::failed(format!("cannot write `{path}`")).cause(error).hint(hint)
}

/// The error of a project without its directory of migrations.
pub(super) fn no_directory(root: &Path, migrations: &Path) -> Error {
    Error::usage(format!("the project has no directory `{}`", migrations.display()))
        .at("project", root.display().to_string())
        .hint("create the first migration with `runner new NAME`, or set `[project] migrations`")
}

/// Opens the directory of a project.
pub(super) fn open_root(root: &Path) -> Result<Dir> {
    Dir::open_ambient_dir(root, ambient_authority())
        .map_err(|error| Error::usage(format!("cannot open the project `{}`", root.display())).cause(error))
}

/// Whether a path would leave its directory.
pub(super) fn leaves(error: &io::Error) -> bool {
    // Created by cap-std itself: errors of the system have a code.
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// The end of the sentence "`x` …".
pub(super) fn explain(error: &io::Error) -> String {
    if leaves(error) {
        "is outside the project".to_owned()
    } else {
        format!("cannot be read: {}", shown(&error.to_string()))
    }
}

/// A file that exceeds a limit.
pub(super) fn too_large(name: &str, limit: u64, limit_name: &str) -> Problem {
    let size = format_size(limit);
    Problem::new(format!("`{}` exceeds the limit `{limit_name}` of {size}", shown(name)))
        .hint(format!("raise `{limit_name}` in `[limits]` of `runner.toml` or with `--limit {limit_name}=SIZE`"))
        .kind(ErrorKind::Denied)
}
