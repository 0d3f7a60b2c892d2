//! The file of a backup, from its temporary name to its final one.

use std::fs::File;
use std::io::{self, ErrorKind as IoKind};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use jiff::Timestamp;

use super::BackupOptions;
use runner_base::error::{Error, Result};
use runner_base::random;
use runner_database::{DatabaseUrl, Dialect};
use runner_project::files::normalized;
use runner_project::leaves;
use runner_project::settings::BackupTo;

/// Default directory for backups of servers, in the project.
const DIRECTORY: &str = "backups";

/// The most bytes of a generated name that say whose backup it is: a tenant's name alone may be as long as that of a file.
const LONGEST: usize = 120;

/// The path of a backup.
pub(super) struct Place {
    path: PathBuf,
    /// Another one would do as well.
    is_generated: bool,
}

/// An unfinished backup under its temporary name; removed on drop.
pub(super) struct UnfinishedBackup {
    path: PathBuf,
    to: Place,
}

impl Place {
    pub fn choose(options: &BackupOptions, url: &DatabaseUrl, dialect: Dialect, current: Option<&str>) -> Result<Self> {
        let file = url.sqlite_path();
        if !dialect.has_server() && file.is_none() {
            return Err(Error::usage("an in-memory database cannot be backed up").hint("remove `--backup`"));
        }
        let is_operators = matches!(options.to, BackupTo::Absolute(_));
        let within = |path: &Path| if is_operators { None } else { within(&options.root, path) };
        let directory = match (options.to.path(), options.to.directory()) {
            (_, Some(directory)) => directory.to_path_buf(),
            (Some(path), None) => {
                let above = path.parent().and_then(within);
                let above = above.and_then(|within| resolve(&options.root, &within, false).transpose()).transpose()?;
                let path = above.zip(path.file_name()).map_or(path.to_path_buf(), |(above, name)| above.join(name));
                return Ok(Self { path, is_generated: false });
            }
            (None, None) => match (&options.directory, file.as_deref().and_then(Path::parent)) {
                (Some(directory), _) => directory.clone(),
                // Where the database is, whatever leads there.
                (None, Some(beside)) => return Self::in_directory(beside, name(options, url, dialect, current)),
                (None, None) => options.root.join(DIRECTORY),
            },
        };
        let directory = match within(&directory) {
            Some(within) => resolve(&options.root, &within, true)?.unwrap_or(directory),
            None => directory,
        };
        Self::in_directory(&directory, name(options, url, dialect, current))
    }

    fn in_directory(directory: &Path, name: String) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|error| uncreated(directory, error))?;
        Ok(Self { path: directory.join(name), is_generated: true })
    }

    /// Creates the file, readable only by its owner: it contains everything in the database.
    pub fn begin(self) -> Result<UnfinishedBackup> {
        if !self.is_generated && self.path.symlink_metadata().is_ok() {
            return Err(exists(&self.path));
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".partial-{:08x}", random::bits() as u32));
        let path = PathBuf::from(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(_) => Ok(UnfinishedBackup { path, to: self }),
            Err(error) => {
                let directory = self.path.parent().unwrap_or(Path::new("."));
                Err(Error::failed(format!("cannot create a file in `{}`", directory.display())).cause(error).hint(HINT))
            }
        }
    }
}

/// The part of a path that is in the project, as it is written; `None` if the path leads elsewhere.
fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    normalized(path).strip_prefix(root).ok().map(|within| Path::new(".").join(within))
}

/// A directory of the project, without the links in its path; `None` if it does not exist. A link out of the project is
/// not followed: the project's author would choose where the operator's data is written.
fn resolve(root: &Path, within: &Path, create: bool) -> Result<Option<PathBuf>> {
    let directory = || root.join(within.strip_prefix(".").unwrap_or(within));
    let failed = |error: io::Error| match leaves(&error) {
        true => Error::usage(format!("the directory `{}` is a link out of the project", directory().display()))
            .hint("give the directory that it leads to, from the root of the file system: `--backup /PATH/`"),
        false => uncreated(&directory(), error),
    };
    let opened = Dir::open_ambient_dir(root, cap_std::ambient_authority()).map_err(failed)?;
    let resolved = opened.canonicalize(within).or_else(|error| match error.kind() {
        IoKind::NotFound if create => opened.create_dir_all(within).and_then(|()| opened.canonicalize(within)),
        _ => Err(error),
    });
    match resolved {
        Ok(within) => Ok(Some(root.join(within))),
        // What is wrong with it, the file shows.
        Err(error) if !create && !leaves(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn uncreated(directory: &Path, error: io::Error) -> Error {
    Error::failed(format!("cannot create the directory `{}`", directory.display())).cause(error).hint(HINT)
}

/// Hint for a directory that cannot be written to.
const HINT: &str =
    "check the permissions of the directory, or use another one with `--backup PATH` or `[backup] directory`";

impl UnfinishedBackup {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file to disk and renames it; returns its path and size.
    pub fn finish(self) -> Result<(PathBuf, u64)> {
        let unsafe_yet = |error: std::io::Error| {
            Error::failed(format!("cannot sync `{}` to disk", self.path.display()))
                .cause(error)
                .hint("check the disk: the backup may be incomplete")
        };
        let file = File::open(&self.path).map_err(unsafe_yet)?;
        file.sync_all().map_err(unsafe_yet)?;
        let bytes = file.metadata().map_err(unsafe_yet)?.len();
        let mut to = self.to.path.clone();
        while !name_it(&self.path, &to)? {
            if !self.to.is_generated {
                return Err(exists(&to));
            }
            to = beside(&self.to.path);
        }
        if let Some(directory) = to.parent()
            && let Ok(directory) = File::open(directory)
        {
            // Not every file system can sync directories.
            let _ = directory.sync_all();
        }
        Ok((to, bytes))
    }
}

impl Drop for UnfinishedBackup {
    fn drop(&mut self) {
        // Already renamed if it is complete. SQLite may have created a journal next to it.
        let _ = std::fs::remove_file(&self.path);
        for ending in ["-journal", "-wal", "-shm"] {
            let mut beside = self.path.clone().into_os_string();
            beside.push(ending);
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Renames a file, unless another one has that name: then the answer is no. A hard link fails if the target exists; without hard
/// links, check first.
fn name_it(from: &Path, to: &Path) -> Result<bool> {
    let linked = std::fs::hard_link(from, to);
    let named = match linked {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == IoKind::AlreadyExists => return Ok(false),
        Err(_) if to.symlink_metadata().is_ok() => return Ok(false),
        Err(_) => std::fs::rename(from, to),
    };
    named
        .map(|()| true)
        .map_err(|error| Error::failed(format!("cannot rename the backup to `{}`", to.display())).cause(error))
}

/// Another name than a generated one that is taken, as by a backup of the same moment.
fn beside(path: &Path) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, ending) = (part(path.file_stem()), part(path.extension()));
    path.with_file_name(format!("{stem}-{:08x}.{ending}", random::bits() as u32))
}

fn exists(path: &Path) -> Error {
    Error::failed(format!("`{}` already exists, and backups do not overwrite files", path.display()))
        .hint("use another name, or generate one with `--backup auto` or `--backup DIRECTORY/`")
}

/// A name with the database, the revision and the time.
fn name(options: &BackupOptions, url: &DatabaseUrl, dialect: Dialect, current: Option<&str>) -> String {
    // Databases of several tenants may differ in the directory or the server alone.
    let database = match (&options.name, url.sqlite_path()) {
        (Some(name), _) => name.clone(),
        (None, Some(path)) => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        (None, None) => url.database_name().unwrap_or_default().to_owned(),
    };
    let safe = |text: &str| -> String {
        text.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
    };
    let mut database = safe(&database);
    while database.len() > LONGEST {
        database.pop();
    }
    let revision = current.and_then(|id| id.split('_').next()).unwrap_or("base");
    // The usual ending for what each server's dump program writes.
    let ending = match dialect {
        _ if options.command.is_some() => "backup",
        Dialect::Sqlite => "db",
        Dialect::Postgres => "dump",
        Dialect::Mysql | Dialect::Mariadb => "sql",
    };
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    format!("{database}-{}-{time}.{ending}", safe(revision))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(to: BackupTo, directory: Option<PathBuf>) -> BackupOptions {
        BackupOptions { to, directory, command: None, name: None, root: PathBuf::from("/project") }
    }

    #[test]
    fn names_contain_database_revision_and_time() {
        let url = |text: &str| DatabaseUrl::parse(text, Path::new("/base")).expect("a URL");
        for (url, dialect, current, start, end) in [
            (url("sqlite:my app.db"), Dialect::Sqlite, Some("0003_orders"), "my_app.db-0003-", ".db"),
            (url("postgres://me:a%2Fb@h/shop?x=/y"), Dialect::Postgres, None, "shop-base-", ".dump"),
            (url("mysql://h/shop"), Dialect::Mariadb, Some("2_b"), "shop-2-", ".sql"),
        ] {
            let name = name(&options(BackupTo::Auto, None), &url, dialect, current);
            assert!(name.starts_with(start) && name.ends_with(end), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_project_leads_no_backup_out_of_it() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().expect("a directory");
        let (root, outside) = (directory.path().join("project"), directory.path().join("outside"));
        std::fs::create_dir_all(root.join("real/deep")).expect("a directory");
        std::fs::create_dir(&outside).expect("a directory");
        symlink(&outside, root.join("bk")).expect("linked");
        symlink("../outside", root.join("backups")).expect("linked");
        symlink("real", root.join("inside")).expect("linked");
        let server = DatabaseUrl::parse("postgres://h/d", &root).expect("a URL");
        let choose = |to: BackupTo, of: Option<PathBuf>| {
            let options = BackupOptions { root: root.clone(), ..options(to, of) };
            Place::choose(&options, &server, Dialect::Postgres, None).map(|place| place.path)
        };
        let refused = [
            (BackupTo::At(root.join("bk/")), None),
            (BackupTo::At(root.join("bk")), None),
            (BackupTo::At(root.join("bk/new/")), None),
            (BackupTo::At(root.join("real/../bk/")), None),
            (BackupTo::At(root.join("bk/mine.dump")), None),
            (BackupTo::At(root.join("bk/missing/mine.dump")), None),
            (BackupTo::Auto, None),
            (BackupTo::Auto, Some(root.join("bk"))),
        ];
        for (to, of) in refused {
            let error = choose(to.clone(), of).expect_err("a link");
            assert!(error.message.contains("is a link out of the project"), "{to:?}: {}", error.message);
        }
        assert_eq!(std::fs::read_dir(&outside).expect("listed").count(), 0);
        let accepted = [
            (BackupTo::At(root.join("inside/")), root.join("real")),
            (BackupTo::At(root.join("inside/new/")), root.join("real/new")),
            (BackupTo::At(root.join("./")), root.clone()),
            (BackupTo::Absolute(root.join("bk/")), root.join("bk")),
            (BackupTo::Absolute(outside.clone()), outside.clone()),
            (BackupTo::At(root.join("../outside/")), root.join("../outside")),
        ];
        for (to, expected) in accepted {
            let path = choose(to.clone(), None).expect("a place");
            assert_eq!(path.parent(), Some(&*expected), "{to:?}");
        }
        let named = choose(BackupTo::At(root.join("inside/deep/mine.dump")), None).expect("a place");
        assert_eq!(named, root.join("real/deep/mine.dump"));
    }

    #[test]
    fn a_backup_never_overwrites_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = DatabaseUrl::parse("sqlite:app.db", directory.path()).expect("a URL");
        let choose = |to, of: Option<PathBuf>| Place::choose(&options(to, of), &url, Dialect::Sqlite, None);
        let beside = choose(BackupTo::Auto, None).expect("a place").path;
        assert_eq!(beside.parent(), Some(directory.path()));
        let elsewhere = choose(BackupTo::Auto, Some(directory.path().join("a/b"))).expect("a place").path;
        assert_eq!(elsewhere.parent(), Some(&*directory.path().join("a/b")));
        let within = choose(BackupTo::At(directory.path().to_path_buf()), None).expect("a place").path;
        assert_eq!(within.parent(), Some(directory.path()));

        let new = choose(BackupTo::At(directory.path().join("new/")), None).expect("a place").path;
        assert!(directory.path().join("new").is_dir() && new.parent() == Some(&*directory.path().join("new")));

        let named = directory.path().join("mine.db");
        let growing = choose(BackupTo::At(named.clone()), None).expect("a place").begin().expect("a file");
        std::fs::write(growing.path(), "whole").expect("written");
        assert!(!named.exists());
        assert_eq!(growing.finish().expect("named"), (named.clone(), 5));
        assert!(choose(BackupTo::At(named.clone()), None).expect("a place").begin().is_err());
        // Another process was faster.
        let other = directory.path().join("other.db");
        let growing = choose(BackupTo::At(other.clone()), None).expect("a place").begin().expect("a file");
        std::fs::write(&other, "theirs").expect("written");
        assert!(growing.finish().is_err());
        assert_eq!(std::fs::read(&other).expect("read"), b"theirs");
        let left = std::fs::read_dir(directory.path()).expect("read").flatten();
        assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains("partial")));
    }
}
