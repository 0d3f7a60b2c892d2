//! Opening a database file: the URL's parameters, what is missing or in the way, and the connection's settings.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};

use super::error::{from_failure, from_sqlx};
use super::raw::{Connection, Failure};
use crate::database::{DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// How long a statement waits for another connection, unless the URL says otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages that the connection keeps in memory, in KiB: enough for a batch and the upper levels of its trees.
const CACHE_KIB: u32 = 16 * 1024;

/// What the URL asks for.
struct FileSettings {
    path: Option<PathBuf>,
    read_only: bool,
    may_create: bool,
    immutable: bool,
    busy_timeout: Duration,
    journal_mode: &'static str,
    synchronous: Option<SqliteSynchronous>,
    cache_kib: u32,
}

impl FileSettings {
    fn read(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let mut settings = Self {
            path: url.sqlite_path(),
            read_only: false,
            may_create: true,
            immutable: false,
            busy_timeout: BUSY_TIMEOUT,
            journal_mode: "wal",
            synchronous: None,
            cache_kib: CACHE_KIB,
        };
        for (name, value) in url.sqlite_parameters() {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), DatabaseError> {
        let wrong = |expected: &str| {
            DatabaseError::new(
                DatabaseErrorKind::Configuration,
                format!("the database URL says `{name}={value}`, which is not {expected}"),
            )
            .hint(format!("write {expected} after `{name}=`, or leave the parameter out"))
        };
        match name {
            "mode" => match value {
                "ro" => self.read_only = true,
                "rw" => self.may_create = false,
                "rwc" => {}
                "memory" => self.path = None,
                _ => return Err(wrong("one of `ro`, `rw`, `rwc` and `memory`")),
            },
            "immutable" => match value {
                "1" | "true" => (self.immutable, self.read_only) = (true, true),
                "0" | "false" => {}
                _ => return Err(wrong("`true` or `false`")),
            },
            "busy_timeout" => {
                let milliseconds: u32 = value.parse().map_err(|_| wrong("a number of milliseconds"))?;
                // SQLite counts them in an int.
                self.busy_timeout = Duration::from_millis(u64::from(milliseconds.min(i32::MAX as u32)));
            }
            "journal_mode" => {
                self.journal_mode = ["wal", "delete", "truncate", "persist"]
                    .into_iter()
                    .find(|mode| mode.eq_ignore_ascii_case(value))
                    .ok_or_else(|| wrong("one of `wal`, `delete`, `truncate` and `persist`"))?;
            }
            "synchronous" => {
                self.synchronous =
                    Some(SqliteSynchronous::from_str(value).map_err(|_| wrong("`off`, `normal`, `full` or `extra`"))?);
            }
            "cache_size" => self.cache_kib = value.parse().map_err(|_| wrong("a number of KiB"))?,
            _ => {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Configuration,
                    format!("the database URL has a parameter `{name}` that runner does not know"),
                )
                .hint(
                    "known are mode, busy_timeout, synchronous, journal_mode (of a new file), cache_size and immutable",
                ));
            }
        }
        Ok(())
    }
}

/// An open database.
pub(super) struct OpenedFile {
    pub connection: Connection,
    /// Its file, unless it is in memory.
    pub path: Option<PathBuf>,
    /// How long its statements wait for other connections.
    pub busy_timeout: Duration,
}

/// Opens the database of the URL.
pub(super) async fn open(url: &DatabaseUrl, create: bool) -> Result<OpenedFile, DatabaseError> {
    let settings = FileSettings::read(url)?;
    let may_create = settings.may_create && !settings.read_only;
    let create = create && may_create;
    let new = match &settings.path {
        Some(path) => look_at(path, create, may_create)?,
        None => false,
    };
    let mut options = SqliteConnectOptions::new()
        .read_only(settings.read_only)
        .immutable(settings.immutable)
        .create_if_missing(create)
        .busy_timeout(settings.busy_timeout)
        .pragma("cache_size", format!("-{}", settings.cache_kib));
    options = match &settings.path {
        Some(path) => options.filename(path),
        None => options.in_memory(true),
    };
    if let Some(synchronous) = settings.synchronous {
        options = options.synchronous(synchronous);
    }
    let opened = async {
        let mut connection = Connection::open(&options).await.map_err(|error| from_sqlx(&error))?;
        prepare(&mut connection, &settings, new).map_err(|failure| from_failure(&failure))?;
        Ok(connection)
    };
    let connection = opened.await.map_err(|error| explain(error, settings.path.as_deref()))?;
    Ok(OpenedFile { connection, path: settings.path, busy_timeout: settings.busy_timeout })
}

/// Whether the file is to be made; an error where that is impossible. An empty file is one that is still to be made: a run
/// that was killed at its very beginning leaves it, without the journal mode that a new file is given.
fn look_at(path: &Path, create: bool, may_create: bool) -> Result<bool, DatabaseError> {
    let not_found = |message: String| DatabaseError::new(DatabaseErrorKind::NotFound, message);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(not_found(format!("`{}` is a folder, not a database file", path.display()))
            .hint("name a file in it, such as `app.db`")),
        Ok(found) if found.len() == 0 && may_create => {
            if create {
                return Ok(true);
            }
            Err(not_found(format!("the database `{}` is an empty file", path.display()))
                .hint("look at the path in the database URL; `runner apply` makes a database of it"))
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            format!("cannot look at `{}`: {error}", path.display()),
        )
        .hint("look at the rights of the file and its folder")),
        Err(_) => {
            let folder = folder_of(path);
            if !folder.is_dir() {
                return Err(not_found(format!(
                    "the database `{}` does not exist, nor does its folder",
                    path.display()
                ))
                .hint("look at the path in the database URL, or make the folder"));
            }
            if create {
                return Ok(true);
            }
            Err(not_found(format!("the database `{}` does not exist", path.display())).hint(if may_create {
                "look at the path in the database URL; `runner apply` makes the file"
            } else {
                "look at the path in the database URL; with `?mode=rw`, `?mode=ro` or `?immutable=1` no file is made"
            }))
        }
    }
}

/// Settings of the connection, and the first look into the file.
fn prepare(connection: &mut Connection, settings: &FileSettings, new: bool) -> Result<(), Failure> {
    connection.configure(ffi::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.configure(ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.configure(ffi::SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, false)?;
    if new {
        make_file(connection, settings)?;
    }
    // Reads the header: says here, and not at the first migration, that the file is no database or is locked.
    connection.number("PRAGMA schema_version")?;
    connection.learn_encoding()
}

/// Gives a new file its journal mode. Another process that makes the same file at the same moment may be in the way for a
/// while, which SQLite does not wait out by itself.
fn make_file(connection: &Connection, settings: &FileSettings) -> Result<(), Failure> {
    let mode = settings.journal_mode;
    let deadline = Instant::now() + settings.busy_timeout;
    loop {
        match connection.run(&format!("PRAGMA journal_mode = {mode}")) {
            Err(failure) if failure.code & 0xff == ffi::SQLITE_BUSY && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Why a file that does not exist cannot be made, if it is for its folder. SQLite does not tell, and rights are not all
/// there is to it: a file system may be mounted read-only. So we try.
fn cannot_make(path: &Path) -> Option<std::io::Error> {
    use std::io::ErrorKind;
    if path.exists() {
        return None;
    }
    // Under another name: another process could make a database there before it is removed.
    let mut probe = path.as_os_str().to_owned();
    probe.push(format!(".runner-probe-{}", std::process::id()));
    match std::fs::File::create_new(&probe) {
        Ok(_) => {
            let _ = std::fs::remove_file(&probe);
            None
        }
        Err(error) => {
            matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem).then_some(error)
        }
    }
}

/// An error of opening, with the file's name.
fn explain(mut error: DatabaseError, path: Option<&Path>) -> DatabaseError {
    let Some(path) = path else { return error };
    if error.kind == DatabaseErrorKind::NotFound
        && let Some(refused) = cannot_make(path)
    {
        let folder = folder_of(path).display();
        return DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            format!("cannot make the database `{}`: no file can be made in the folder `{folder}`", path.display()),
        )
        .detail(refused.to_string())
        .hint("the folder of the database must be writable, also for its journal: look at its rights");
    }
    if error.kind == DatabaseErrorKind::NotFound
        && let Err(refused) = std::fs::File::open(path)
    {
        if refused.kind() == std::io::ErrorKind::PermissionDenied {
            error.kind = DatabaseErrorKind::ReadOnly;
        }
        error.detail = Some(refused.to_string());
    }
    error.message = format!("cannot open the database `{}`: {}", path.display(), error.message);
    error
}
