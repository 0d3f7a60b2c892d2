//! Where the files of a project's migrations are read: on disk, or in the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::fs::{File, Metadata};

use super::digest::{sha256, sha256_of_reader};
use super::discovery::{ASSETS, Found, FoundEntry, VENDOR, discover, discover_embedded, find_assets, source_digest};
use super::embedded::{EmbeddedFiles, ProjectFiles};
use super::files::{ProjectDirectory, open_root, read_regular, read_within, too_large, unreadable};
use super::ignore::Ignored;
use super::lockfile::Lockfile;
use super::migration::ComponentFiles;
use super::problem::Problem;
use super::script::{Packages, RUNTIMES, RuntimePin, ScriptLanguage, ScriptPlace, companions_within, is_companion};
use super::settings::Settings;
use runner_base::error::{ErrorKind, Result};

/// The migrations of a project.
pub(super) enum Source {
    /// On disk.
    Directory(ProjectDirectory),
    /// In the program.
    Embedded(EmbeddedMigrations),
}

/// The migrations among the files of a program.
pub(super) struct EmbeddedMigrations {
    files: Arc<EmbeddedFiles>,
    /// Their directory, with `/`.
    directory: String,
    /// The names in it that are not migrations.
    ignored: Ignored,
}

impl Source {
    /// The migrations that the settings name; `None` if the directory does not exist.
    pub fn open(settings: &Settings) -> Result<Option<Self>> {
        let ProjectFiles::Embedded(files) = &settings.files else {
            return Ok(settings.project_directory_if_there()?.map(Self::Directory));
        };
        let parts: Vec<_> = settings.migrations.iter().map(|part| part.to_string_lossy()).collect();
        let migrations =
            EmbeddedMigrations { files: files.clone(), directory: parts.join("/"), ignored: settings.ignored.clone() };
        let is_there = migrations.files.below(&migrations.directory).next().is_some();
        Ok(is_there.then_some(Self::Embedded(migrations)))
    }

    /// The lockfile of a project; one that does not exist has no lines.
    pub fn lockfile(settings: &Settings) -> Result<Lockfile> {
        let name = settings.lockfile_name();
        match &settings.files {
            ProjectFiles::Embedded(files) => match files.text(&name)? {
                Some(text) => Lockfile::parse_proven(text, &name),
                None => Ok(Lockfile::default()),
            },
            ProjectFiles::Directory => Lockfile::read(&open_root(&settings.root)?, &name),
        }
    }

    /// The migrations in order, and all problems of the others.
    pub fn discover(&self) -> Result<(Vec<Found>, Vec<Problem>)> {
        match self {
            Self::Directory(directory) => discover(directory),
            Self::Embedded(it) => {
                let inside = |name: &str| it.files.entries(&format!("{}/{name}", it.directory));
                Ok(discover_embedded(&it.files.entries(&it.directory), inside, &it.ignored))
            }
        }
    }

    /// Opens a SQL file.
    pub fn open_file(&self, file: &FoundEntry) -> Result<OpenFile, Problem> {
        let name = &file.file_name;
        match self {
            Self::Directory(directory) => {
                let (file, size) = directory.open_sized(name, file.link).map_err(|error| unreadable(name, &error))?;
                Ok(OpenFile::Disk(file, size))
            }
            Self::Embedded(it) => it.artifact(name, u64::MAX).map(OpenFile::Embedded),
        }
    }

    /// The text of a script, of at most `limit` bytes.
    pub fn read(&self, file: &FoundEntry, limit: u64) -> Result<Vec<u8>, Problem> {
        self.open_file(file)?.read(&file.file_name, limit)
    }

    /// The names of the files of packages, in order.
    pub(crate) fn vendored_files(&self) -> Result<Vec<String>, Problem> {
        let directory = match self {
            Self::Directory(directory) => directory,
            Self::Embedded(it) => {
                let all = format!("{}/{VENDOR}", it.directory);
                return Ok(it.files.below(&all).map(|(path, _)| path.to_owned()).collect());
            }
        };
        let unreadable = |error: std::io::Error| unreadable(VENDOR, &error);
        let opened = match directory.open_directory(VENDOR, true) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in opened.entries().map_err(unreadable)? {
            names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// A file of a package, of at most `limit` bytes, which the limit of that name sets; `None` if it does not exist.
    pub fn vendored(&self, name: &str, limit: u64, limit_name: &str) -> Result<Option<Vec<u8>>, Problem> {
        let path = format!("{VENDOR}/{name}");
        let directory = match self {
            Self::Directory(directory) => directory,
            Self::Embedded(it) => {
                let bytes = it.files.get(&format!("{}/{path}", it.directory));
                return Ok(bytes.map(<[u8]>::to_vec));
            }
        };
        match read_regular(&directory.root, directory.path.join(&path), limit) {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) if limit_name.is_empty() => {
                Err(Problem::new(format!("`{path}` is too large")).kind(ErrorKind::Denied))
            }
            Ok(None) => Err(too_large(&path, limit, limit_name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    /// Whether a migration's directory has nothing in it but hidden files, such as the one that makes git keep it.
    pub fn is_empty(&self, directory: &FoundEntry) -> bool {
        // A program holds files only.
        let Self::Directory(project) = self else { return false };
        let opened = project.open_directory(&directory.file_name, directory.link);
        let Ok(mut entries) = opened.and_then(|directory| directory.entries()) else { return false };
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with('.')))
    }

    /// The digest of a component of at most `limit` bytes.
    pub fn digest(&self, file: &FoundEntry, limit: u64) -> Result<String, Problem> {
        let name = &file.file_name;
        let directory = match self {
            Self::Directory(directory) => directory,
            Self::Embedded(it) => return it.artifact(name, limit).map(sha256),
        };
        let unreadable = |error: std::io::Error| unreadable(name, &error);
        let opened = directory.open_file(name, file.link).map_err(unreadable)?;
        match sha256_of_reader(opened, limit).map_err(unreadable)? {
            Some((digest, _)) => Ok(digest),
            None => Err(too_large(name, limit, "artifact_bytes")),
        }
    }

    /// The assets below a migration's directory: path, with `/`, to sha256.
    pub fn assets(&self, directory: &FoundEntry, limit: u64) -> Result<BTreeMap<String, String>, Problem> {
        let name = &directory.file_name;
        match self {
            Self::Directory(project) => find_assets(project, directory, limit),
            Self::Embedded(it) => digests(it.assets(name), &format!("{name}/{ASSETS}"), limit),
        }
    }

    /// The companion files of a script: path, with `/`, to sha256.
    pub fn companions(&self, directory: &FoundEntry, limit: u64) -> Result<BTreeMap<String, String>, Problem> {
        let name = &directory.file_name;
        match self {
            Self::Directory(project) => companions_within(project, directory, limit),
            Self::Embedded(it) => digests(it.companions(name), name, limit),
        }
    }

    /// Whether a runtime is in the project.
    pub(crate) fn has_runtime(&self, runtime: &RuntimePin) -> bool {
        let file = format!("{RUNTIMES}/{}", runtime.file_name());
        match self {
            Self::Directory(project) => project.root.is_file(project.path.join(file)),
            Self::Embedded(it) => it.files.get(&format!("{}/{file}", it.directory)).is_some(),
        }
    }

    /// Where the companion files and the runtime of a script are at run time.
    pub fn script(&self, settings: &Settings, found: &Found, runtime: &RuntimePin) -> ScriptPlace {
        match self {
            Self::Directory(_) => {
                let directory = settings.migrations_directory();
                ScriptPlace::Disk { companions: directory.join(found.directory()), runtimes: directory.join(RUNTIMES) }
            }
            Self::Embedded(it) => ScriptPlace::Embedded {
                companions: Arc::new(it.companions(&found.directory())),
                runtime: it.files.get(&format!("{}/{RUNTIMES}/{}", it.directory, runtime.file_name())),
            },
        }
    }

    /// The digest of a migration's source code; `None` if there is none, or it cannot be read.
    pub fn source_digest(&self, directory: &FoundEntry, limit: u64) -> Option<String> {
        match self {
            Self::Directory(project) => source_digest(project, directory, limit).ok().flatten(),
            Self::Embedded(_) => None,
        }
    }

    /// Whether what a build made of the packages of a script is no longer what its directory names. What cannot be read, the build
    /// reports.
    pub fn has_stale_packages(
        &self,
        (file, language, directory): (&FoundEntry, ScriptLanguage, &FoundEntry),
        limit: u64,
    ) -> bool {
        let Self::Directory(project) = self else { return false };
        let script = project.read(&file.file_name, file.link, limit).unwrap_or_default();
        let packages = Packages::read(project, (directory, language), &String::from_utf8_lossy(&script));
        matches!(packages, Ok(Some(packages)) if !packages.is_vendored())
    }

    /// Where the files of a component are at run time.
    pub fn component(&self, settings: &Settings, found: &Found, wasm: &FoundEntry) -> ComponentFiles {
        match self {
            Self::Directory(_) => {
                let directory = settings.migrations_directory();
                ComponentFiles::Disk {
                    path: directory.join(&wasm.file_name),
                    assets_directory: directory.join(found.directory()).join(ASSETS),
                }
            }
            Self::Embedded(it) => {
                let path = format!("{}/{}", it.directory, wasm.file_name);
                let wasm = it.files.get(&path).unwrap_or_default();
                ComponentFiles::Embedded { path, wasm, assets: Arc::new(it.assets(&found.directory())) }
            }
        }
    }
}

/// A file that was opened.
pub(crate) enum OpenFile {
    /// On disk, with the size that it had.
    Disk(File, u64),
    /// In the program.
    Embedded(&'static [u8]),
}

impl OpenFile {
    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        match self {
            Self::Disk(_, size) => *size,
            Self::Embedded(bytes) => bytes.len() as u64,
        }
    }

    /// What the system says of it; `None` in a program.
    pub fn metadata(&self) -> Option<Metadata> {
        match self {
            Self::Disk(file, _) => file.metadata().ok(),
            Self::Embedded(_) => None,
        }
    }

    /// Its bytes, at most `limit`.
    pub fn read(self, name: &str, limit: u64) -> Result<Vec<u8>, Problem> {
        let read = match self {
            Self::Disk(file, size) => read_within(file, size, limit).map_err(|error| unreadable(name, &error))?,
            Self::Embedded(bytes) => (bytes.len() as u64 <= limit).then(|| bytes.to_vec()),
        };
        read.ok_or_else(|| too_large(name, limit, "artifact_bytes"))
    }
}

impl EmbeddedMigrations {
    fn artifact(&self, name: &str, limit: u64) -> Result<&'static [u8], Problem> {
        let bytes = self.files.get(&format!("{}/{name}", self.directory)).unwrap_or_default();
        if bytes.len() as u64 > limit { Err(too_large(name, limit, "artifact_bytes")) } else { Ok(bytes) }
    }

    /// The companion files of a script.
    fn companions(&self, directory: &str) -> BTreeMap<String, &'static [u8]> {
        let all = format!("{}/{directory}", self.directory);
        let files = self.files.below(&all).filter(|(path, _)| is_companion(path));
        files.map(|(path, bytes)| (path.to_owned(), bytes)).collect()
    }

    /// The assets of a migration; as on disk, hidden files are ignored.
    fn assets(&self, id: &str) -> BTreeMap<String, &'static [u8]> {
        let is_hidden = |path: &str| path.split('/').any(|part| part.starts_with('.'));
        let all = format!("{}/{id}/{ASSETS}", self.directory);
        let assets = self.files.below(&all).filter(|(path, _)| !is_hidden(path));
        assets.map(|(path, bytes)| (path.to_owned(), bytes)).collect()
    }
}

/// The digests of embedded files below `top`, each of at most `limit` bytes.
fn digests(files: BTreeMap<String, &[u8]>, top: &str, limit: u64) -> Result<BTreeMap<String, String>, Problem> {
    let digest = |(path, bytes): (String, &[u8])| match bytes.len() as u64 > limit {
        true => Err(too_large(&format!("{top}/{path}"), limit, "asset_bytes")),
        false => Ok((path, sha256(bytes))),
    };
    files.into_iter().map(digest).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn packages_may_be_linked_within_the_project() {
        let project = TestProject::new(&[]);
        project.write("vendor/acme_1.0.0.wasm", "bytes");
        std::os::unix::fs::symlink("../vendor", project.path().join("migrations/vendor")).expect("a link");
        let source = Source::open(&project.settings()).expect("opened").expect("a directory");
        assert_eq!(source.vendored_files().expect("listed"), ["acme_1.0.0.wasm"]);
        let bytes = source.vendored("acme_1.0.0.wasm", 100, "artifact_bytes").expect("read");
        assert_eq!(bytes.as_deref(), Some(&b"bytes"[..]));
    }
}
