//! Opening a database file: the URL's parameters, missing or inaccessible files, and the connection's settings.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{OpenFlags, ffi};
use url::Url;

use crate::raw::{Connection, Failure, on_stack, vfs};
use runner_database::{ConnectOptions, DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// How long a statement waits for another connection, unless the URL says otherwise. In tests, what has to succeed must not
/// depend on how busy the machine is.
const BUSY_TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 5 });

/// Pages that the connection keeps in memory, in KiB: enough for a batch and the upper levels of its trees.
const CACHE_KIB: u32 = 16 * 1024;

/// The settings in the URL.
struct FileSettings {
    path: Option<PathBuf>,
    read_only: bool,
    may_create: bool,
    immutable: bool,
    busy_timeout: Duration,
    journal_mode: &'static str,
    synchronous: Option<&'static str>,
    cache_kib: u32,
    /// Whether foreign keys are enforced.
    foreign_keys: bool,
}

impl FileSettings {
    /// Those of a URL without parameters; `None`: a database in memory.
    fn of_path(path: Option<PathBuf>) -> Self {
        Self {
            path,
            read_only: false,
            may_create: true,
            immutable: false,
            busy_timeout: BUSY_TIMEOUT,
            journal_mode: "wal",
            synchronous: None,
            cache_kib: CACHE_KIB,
            foreign_keys: true,
        }
    }

    fn read(url: &DatabaseUrl) -> Result<Self, DatabaseError> {
        let mut settings = Self::of_path(url.sqlite_path());
        for (name, value) in url.sqlite_parameters() {
            settings.set(name, value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), DatabaseError> {
        let wrong = |expected: &str| {
            DatabaseError::new(
                DatabaseErrorKind::Configuration,
                format!("the database URL contains `{name}={value}`, which is not {expected}"),
            )
            .hint(format!("write {expected} after `{name}=`, or omit the parameter"))
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
                let known =
                    ["off", "normal", "full", "extra"].into_iter().find(|mode| mode.eq_ignore_ascii_case(value));
                self.synchronous = Some(known.ok_or_else(|| wrong("`off`, `normal`, `full` or `extra`"))?);
            }
            "lock" | "lock-lease" => {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Configuration,
                    format!("the database URL contains `{name}={value}`, but the lock of SQLite is always a file next to the database"),
                )
                .hint("remove the parameter; the lock ends with the process that holds it"));
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
pub(crate) struct OpenedFile {
    pub connection: Connection,
    /// Its file, unless it is in memory.
    pub file: Option<PathBuf>,
    /// How long its statements wait for other connections.
    pub busy_timeout: Duration,
    /// Bytes of pages that it keeps in memory.
    pub cache_bytes: usize,
}

/// Opens the database of the URL.
pub(crate) async fn open(url: &DatabaseUrl, options: &ConnectOptions) -> Result<OpenedFile, DatabaseError> {
    let mut settings = FileSettings::read(url)?;
    // The whole file has one lock. SQLite counts the milliseconds in an int.
    let most = Duration::from_millis(i32::MAX as u64);
    settings.busy_timeout = options.lock_timeout.unwrap_or(settings.busy_timeout).min(most);
    settings.foreign_keys = options.foreign_keys;
    let may_create = settings.may_create && !settings.read_only;
    let create = options.create && may_create;
    let new = match &settings.path {
        Some(path) => is_new(path, create, may_create)?,
        None => false,
    };
    // The first statement reads the schema.
    let connection = on_stack(|| open_file(&settings, create).and_then(|sqlite| prepare(sqlite, &settings, new)))
        .map_err(|failure| explain(failure.into(), settings.path.as_deref()))?;
    let cache_bytes = usize::try_from(settings.cache_kib).unwrap_or(usize::MAX).saturating_mul(1024);
    Ok(OpenedFile { connection, file: settings.path, busy_timeout: settings.busy_timeout, cache_bytes })
}

/// Opens an empty database in memory.
pub(crate) fn in_memory() -> Result<Connection, Failure> {
    let settings = FileSettings::of_path(None);
    open_file(&settings, false).and_then(|sqlite| prepare(sqlite, &settings, false))
}

/// Opens the file, or a database in memory.
fn open_file(settings: &FileSettings, create: bool) -> Result<rusqlite::Connection, Failure> {
    let access = match (settings.read_only, create || settings.path.is_none()) {
        (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        (false, true) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        (false, false) => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    // One thread at a time uses the connection, so SQLite needs no mutex.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let vfs = vfs().ok_or_else(|| Failure::of_code(ffi::SQLITE_MISUSE))?;
    let opened = match &settings.path {
        None => rusqlite::Connection::open_in_memory_with_flags_and_vfs(flags, vfs),
        // Only a URI can express it.
        Some(path) if settings.immutable => match immutable_uri(path) {
            Some(uri) => rusqlite::Connection::open_with_flags_and_vfs(uri, flags | OpenFlags::SQLITE_OPEN_URI, vfs),
            None => rusqlite::Connection::open_with_flags_and_vfs(path, flags, vfs),
        },
        Some(path) => rusqlite::Connection::open_with_flags_and_vfs(path, flags, vfs),
    };
    Ok(opened?)
}

/// The path as a URI of SQLite; none for a relative path.
fn immutable_uri(path: &Path) -> Option<String> {
    let mut uri = Url::from_file_path(path).ok()?;
    uri.set_query(Some("immutable=1"));
    Some(uri.into())
}

/// Returns whether to create the file; fails if that is impossible. An empty file counts as new: a run that was
/// killed when it started leaves one, without the journal mode of a new file.
fn is_new(path: &Path, create: bool, may_create: bool) -> Result<bool, DatabaseError> {
    let not_found = |message: String| DatabaseError::new(DatabaseErrorKind::NotFound, message);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(not_found(format!("`{}` is a directory, not a database file", path.display()))
                .hint("name a file in it, such as `app.db`"))
        }
        Ok(found) if found.len() == 0 && may_create => {
            if create {
                return Ok(true);
            }
            Err(not_found(format!("the database `{}` is an empty file", path.display()))
                .hint("check the path in the database URL; `runner apply` creates a database in it"))
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DatabaseError::new(DatabaseErrorKind::ReadOnly, format!("cannot access `{}`: {error}", path.display()))
                .hint("check the permissions of the file and its directory"))
        }
        Err(_) => {
            if !directory_of(path).is_dir() {
                return Err(not_found(format!(
                    "the database `{}` does not exist, nor does its directory",
                    path.display()
                ))
                .hint("check the path in the database URL, or create the directory"));
            }
            if create {
                return Ok(true);
            }
            Err(not_found(format!("the database `{}` does not exist", path.display())).hint(if may_create {
                "check the path in the database URL; `runner apply` creates the file"
            } else {
                "check the path in the database URL; with `?mode=rw`, `?mode=ro` or `?immutable=1` no file is created"
            }))
        }
    }
}

/// Applies the settings of the connection and reads the file for the first time.
fn prepare(sqlite: rusqlite::Connection, settings: &FileSettings, new: bool) -> Result<Connection, Failure> {
    sqlite.busy_timeout(settings.busy_timeout)?;
    let cache = settings.cache_kib;
    let enforced = if settings.foreign_keys { "ON" } else { "OFF" };
    sqlite.execute_batch(&format!("PRAGMA foreign_keys = {enforced}; PRAGMA cache_size = -{cache}"))?;
    if let Some(synchronous) = settings.synchronous {
        sqlite.execute_batch(&format!("PRAGMA synchronous = {synchronous}"))?;
    }
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.load_extension_disable()?;
    let mut connection = Connection::new(sqlite)?;
    if new {
        set_journal_mode(&connection, settings)?;
    }
    // Reads the header: a file that is locked or not a database fails here, and not at the first migration.
    connection.run("PRAGMA schema_version")?;
    connection.read_encoding()?;
    Ok(connection)
}

/// Sets the journal mode of a new file. If another process creates the same file at the same moment, the file is
/// locked briefly, and SQLite does not wait for that by itself.
fn set_journal_mode(connection: &Connection, settings: &FileSettings) -> Result<(), Failure> {
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

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Why a missing file cannot be created, if its directory is the cause. SQLite does not report it, and permissions
/// are not the only cause: a file system may be mounted read-only. So we try.
fn cannot_create(path: &Path) -> Option<std::io::Error> {
    use std::io::ErrorKind;
    if path.exists() {
        return None;
    }
    // Under another name: another process could create its database in our file before we remove it.
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

/// Adds the file's name to an error of opening it.
fn explain(mut error: DatabaseError, path: Option<&Path>) -> DatabaseError {
    let Some(path) = path else { return error };
    if error.kind == DatabaseErrorKind::NotFound
        && let Some(refused) = cannot_create(path)
    {
        let directory = directory_of(path).display();
        return DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            format!(
                "cannot create the database `{}`: no file can be created in the directory `{directory}`",
                path.display()
            ),
        )
        .detail(refused.to_string())
        .hint("the directory of the database must be writable, also for its journal: check its permissions");
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
