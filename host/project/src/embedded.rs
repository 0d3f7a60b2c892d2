//! Projects whose files are part of a program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use runner_base::error::{Error, Result};

/// A project: a directory on disk, or files that were compiled into a program.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) place: Place,
}

/// Where a project is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Directory(PathBuf),
    Embedded(Arc<EmbeddedFiles>),
}

/// Where the files of a project are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProjectFiles {
    /// In its directory.
    Directory,
    /// In the program.
    Embedded(Arc<EmbeddedFiles>),
}

/// The files of a project, by their paths below it, with `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedFiles {
    files: BTreeMap<String, &'static [u8]>,
}

impl Project {
    /// A project in a directory: `migrations/` and, if they exist, `runner.toml`, `runner.lock` and `.env`.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Directory(path.into()) }
    }

    /// A project of these files: paths below the project, such as `migrations/0001_create_users.up.sql`, and bytes, usually from
    /// [`include_bytes!`]. `runner.toml` and `runner.lock` mean the same as on disk.
    pub fn embedded<'p>(files: impl IntoIterator<Item = (&'p str, &'static [u8])>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| (path.replace('\\', "/"), bytes)).collect();
        Self { place: Place::Embedded(Arc::new(EmbeddedFiles { files })) }
    }

    /// A project directory that the crate [`include_dir`](https://docs.rs/include_dir) has embedded.
    #[cfg(feature = "include-dir")]
    pub fn included(directory: &include_dir::Dir<'static>) -> Self {
        fn collect(directory: &include_dir::Dir<'static>, files: &mut Vec<(String, &'static [u8])>) {
            let name = |file: &include_dir::File<'static>| file.path().to_string_lossy().into_owned();
            files.extend(directory.files().map(|file| (name(file), file.contents())));
            directory.dirs().for_each(|below| collect(below, files));
        }
        let mut files = Vec::new();
        collect(directory, &mut files);
        Self::embedded(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)))
    }
}

/// The project in a directory.
impl From<&str> for Project {
    fn from(directory: &str) -> Self {
        Self::directory(directory)
    }
}

/// The project in a directory.
impl From<PathBuf> for Project {
    fn from(directory: PathBuf) -> Self {
        Self::directory(directory)
    }
}

/// The project in a directory.
impl From<&std::path::Path> for Project {
    fn from(directory: &std::path::Path) -> Self {
        Self::directory(directory)
    }
}

impl EmbeddedFiles {
    /// Fails if a path is not below the project.
    pub(crate) fn check(&self) -> Result<()> {
        let is_wrong = |path: &&String| path.split('/').any(|part| matches!(part, "" | "." | ".."));
        match self.files.keys().find(is_wrong) {
            None => Ok(()),
            Some(path) => Err(Error::usage(format!("`{}` is not a path below the project", path.escape_debug()))
                .hint("write a relative path with `/`, such as `migrations/0001_create_users.up.sql`")),
        }
    }

    /// The bytes of a file.
    pub(crate) fn get(&self, path: &str) -> Option<&'static [u8]> {
        self.files.get(path).copied()
    }

    /// The text of a file; fails if it is not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Result<Option<&'static str>> {
        let Some(bytes) = self.get(path) else { return Ok(None) };
        std::str::from_utf8(bytes).map(Some).map_err(|_| Error::usage(format!("`{path}` is not UTF-8")))
    }

    /// All files below a directory, by their paths below it.
    pub(crate) fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &'static [u8])> {
        let prefix = format!("{directory}/");
        let paths = self.files.range::<String, _>(prefix.clone()..);
        let inside = paths.map_while(move |(path, bytes)| Some((path.strip_prefix(&prefix)?.len(), path, *bytes)));
        inside.map(|(length, path, bytes)| (&path[path.len() - length..], bytes))
    }

    /// The names in a directory, and whether each is itself a directory.
    pub(crate) fn entries(&self, directory: &str) -> BTreeSet<(&str, bool)> {
        let entry = |path| match str::split_once(path, '/') {
            Some((name, _)) => (name, true),
            None => (path, false),
        };
        self.below(directory).map(|(path, _)| entry(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Arc<EmbeddedFiles> {
        match Project::embedded(paths.iter().map(|path| (*path, &b"x"[..]))).place {
            Place::Embedded(files) => files,
            Place::Directory(directory) => panic!("{directory:?}"),
        }
    }

    #[test]
    fn a_directory_lists_its_entries() {
        let files = files(&["runner.lock", "migrations/1_a.up.sql", "migrations\\2_b\\assets\\x.csv", "migrations2/y"]);
        let entries: Vec<_> = files.entries("migrations").into_iter().collect();
        assert_eq!(entries, [("1_a.up.sql", false), ("2_b", true)]);
        assert_eq!(files.below("migrations/2_b/assets").map(|(path, _)| path).collect::<Vec<_>>(), ["x.csv"]);
        assert!(files.entries("nowhere").is_empty());
    }

    #[test]
    fn paths_stay_below_the_project() {
        assert!(files(&["migrations/1_a.up.sql"]).check().is_ok());
        for path in ["/etc/passwd", "../x", "a/./b", "a//b", ""] {
            assert!(files(&[path]).check().is_err(), "{path}");
        }
    }
}
