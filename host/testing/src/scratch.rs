//! Scratch databases of `runner test` and `runner doctor --attack`, and temporary directories. One that a killed process left behind is found by its name
//! and dropped by the next one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use runner_base::error::{Error, Result};
use runner_base::random;
use runner_data::Value;
use runner_database::scratch::{locked, open_lock};
use runner_database::{ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl, Dialect, QueryLimits};
use runner_drivers::connect;
use runner_drivers::lifecycle::{drop_named, patiently};

/// Prefix of the names of scratch databases on servers.
const PREFIX: &str = "runner_scratch_";

/// Prefix of the names of temporary directories, in which SQLite's scratch databases are.
const DIRECTORY: &str = "runner-scratch-";

/// The database in the directory.
const FILE: &str = "scratch.db";

/// Lock file of a scratch database in use. The operating system releases the lock when its owner dies.
const LOCK: &str = "lock";

/// A new directory without a lock is about to get one.
const YOUNG: Duration = Duration::from_secs(60);

/// Whether a URL is that of a scratch database. Crash tests run on no other.
pub fn is_scratch(url: &DatabaseUrl) -> bool {
    match url.sqlite_path() {
        Some(path) => {
            let directory = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            path.file_name().is_some_and(|name| name == FILE)
                && directory.is_some_and(|name| name.starts_with(DIRECTORY))
        }
        None => url.database_name().is_some_and(|name| name.starts_with(PREFIX)),
    }
}

/// A scratch database. [`Scratch::discard`] drops it; otherwise the next process that makes one does.
pub struct Scratch {
    /// Its URL.
    pub url: DatabaseUrl,
    keeper: Keeper,
}

/// Marks the database as in use.
enum Keeper {
    Directory(ScratchDirectory),
    Server {
        /// Creates and drops it; on MySQL and MariaDB it holds a lock with the name of the database.
        admin: Box<dyn Database>,
        /// PostgreSQL: a database with connections cannot be dropped.
        inside: Option<Box<dyn Database>>,
        name: String,
    },
}

impl Scratch {
    /// Creates a database on the server of the URL, or a file.
    pub async fn create(server: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        Self::make(server, options, false, None).await
    }

    /// As [`Self::create`], for migrations of the database of the URL: if that has Citus, so does the new one.
    pub async fn for_migrations(server: &DatabaseUrl, options: &ConnectOptions) -> Result<Self> {
        Self::make(server, options, true, None).await
    }

    /// As [`Self::for_migrations`], with the character set and the collation of another database on MySQL and MariaDB, which the tables
    /// inherit.
    pub async fn like(server: &DatabaseUrl, options: &ConnectOptions, charset: Option<[&str; 2]>) -> Result<Self> {
        Self::make(server, options, true, charset).await
    }

    async fn make(
        server: &DatabaseUrl,
        options: &ConnectOptions,
        extends: bool,
        charset: Option<[&str; 2]>,
    ) -> Result<Self> {
        if !server.dialect().has_server() {
            return in_directory(server);
        }
        on_server(server, options, extends, charset).await.map_err(|error| {
            let denied = error.kind == DatabaseErrorKind::Denied;
            let error = Error::from(error).at("server", server.to_string());
            if denied { error.hint("the user needs the privilege to create and drop databases") } else { error }
        })
    }

    /// Drops the database.
    pub async fn discard(self) -> Result<()> {
        match self.keeper {
            Keeper::Directory(directory) => {
                directory.discard();
                Ok(())
            }
            Keeper::Server { mut admin, inside, name } => {
                drop(inside);
                let dropped = drop_named(&mut *admin, &name, true).await;
                dropped.map_err(|error| Error::from(error).at("scratch database", name))
            }
        }
    }
}

fn in_directory(server: &DatabaseUrl) -> Result<Scratch> {
    let directory = ScratchDirectory::create()?;
    // How the database of the URL is opened says nothing about a new file.
    let parameters = server.sqlite_parameters().filter(|(name, _)| !["mode", "immutable"].contains(name));
    let parameters: Vec<String> = parameters.map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    // Encode special characters.
    let path = directory.path().join(FILE).to_string_lossy().replace('%', "%25").replace('?', "%3f");
    let url = DatabaseUrl::parse(&format!("sqlite://{path}{mark}{}", parameters.join("&")), &std::env::temp_dir())?;
    Ok(Scratch { url, keeper: Keeper::Directory(directory) })
}

/// A temporary directory. [`ScratchDirectory::discard`] removes it; otherwise the next process that makes one does.
pub struct ScratchDirectory {
    directory: PathBuf,
    /// Marks it as in use.
    lock: File,
}

impl ScratchDirectory {
    /// Makes one, in the system's directory for temporary files.
    pub fn create() -> Result<Self> {
        let base = std::env::temp_dir();
        sweep_directories(&base);
        let failed = |error: std::io::Error| {
            Error::failed(format!("cannot create a scratch directory in `{}`", base.display()))
                .cause(error)
                .hint("set `TMPDIR` to another directory for temporary files")
        };
        let directory = base.join(format!("{DIRECTORY}{:016x}", random::bits()));
        make_directory(&directory).map_err(failed)?;
        let lock = locked(&directory, LOCK).map_err(failed)?;
        Ok(Self { directory, lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Removes it.
    pub fn discard(self) {
        // The lock last: another process would wait a minute for a directory without it.
        drop(std::fs::remove_dir_all(&self.directory));
        drop(self.lock);
    }
}

/// Creates a directory that is only accessible to its owner.
fn make_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Removes what killed tests left behind. What cannot be removed belongs to another user.
fn sweep_directories(base: &Path) {
    let Ok(entries) = std::fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_directory || !entry.file_name().to_string_lossy().starts_with(DIRECTORY) {
            continue;
        }
        let directory = entry.path();
        let abandoned = match open_lock(&directory, LOCK) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => entry.metadata().and_then(|it| it.modified()).is_ok_and(is_old),
        };
        if abandoned {
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

fn is_old(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age > YOUNG)
}

async fn on_server(
    server: &DatabaseUrl,
    options: &ConnectOptions,
    extends: bool,
    charset: Option<[&str; 2]>,
) -> Result<Scratch, DatabaseError> {
    // Dropping waits for active sessions: not forever.
    let options = ConnectOptions { lock_timeout: Some(Duration::from_secs(30)), ..options.clone() };
    let mut admin = connect(server, &options).await?;
    sweep_server(&mut *admin).await?;
    let dialect = admin.facts().dialect;
    let mut tries = 3;
    loop {
        let name = format!("{PREFIX}{:016x}", random::bits());
        let url = server.with_database_name(&name);
        // A process shows that it uses a scratch database by a connection to it on PostgreSQL, and by a user lock elsewhere,
        // where connections do not belong to a database.
        if dialect == Dialect::Postgres {
            patiently(&mut *admin, &format!("CREATE DATABASE {}", dialect.quote(&name))).await?;
            match inside(&url, &options, extends && admin.facts().citus.is_some()).await {
                Ok(inside) => return Ok(Scratch { url, keeper: Keeper::Server { admin, inside: Some(inside), name } }),
                // Another test that started at the same time took it for an abandoned one.
                Err(error) if error.kind == DatabaseErrorKind::NotFound && tries > 0 => tries -= 1,
                Err(error) => {
                    drop_named(&mut *admin, &name, true).await?;
                    return Err(error);
                }
            }
        } else {
            hold(&mut *admin, &name).await?;
            let charset = match charset {
                Some([charset, collation]) => format!("{charset} COLLATE {collation}"),
                None => "utf8mb4".to_owned(),
            };
            let create = format!("CREATE DATABASE {} CHARACTER SET {charset}", dialect.quote(&name));
            admin.host().execute(&create, &[]).await?;
            return Ok(Scratch { url, keeper: Keeper::Server { admin, inside: None, name } });
        }
    }
}

/// Connects to a new scratch database of PostgreSQL, which is to have Citus or not.
async fn inside(url: &DatabaseUrl, options: &ConnectOptions, citus: bool) -> Result<Box<dyn Database>, DatabaseError> {
    let mut database = connect(url, options).await?;
    if !citus || database.facts().citus.is_some() {
        return Ok(database);
    }
    database.host().execute("CREATE EXTENSION citus", &[]).await.map_err(|error| {
        let detail = "while giving the scratch database the extension `citus`, which the database of the URL has";
        match error.kind {
            DatabaseErrorKind::Denied => {
                DatabaseError { kind: DatabaseErrorKind::Configuration, ..error }.detail(detail).hint(
                    "let a superuser put it into `template1`, from which databases are made, or give a URL of a superuser",
                )
            }
            _ => error.detail(detail),
        }
    })?;
    // What the database is has changed.
    connect(url, options).await
}

/// Drops what killed tests left behind on the server.
async fn sweep_server(admin: &mut dyn Database) -> Result<(), DatabaseError> {
    let postgres = admin.facts().dialect == Dialect::Postgres;
    let list = if postgres {
        // Dropping one that is in use would fail only after five seconds, in which no other session could connect to
        // it.
        "SELECT d.datname::pg_catalog.text FROM pg_catalog.pg_database d \
         WHERE d.datname OPERATOR(pg_catalog.~~) 'runner\\_scratch\\_%' AND NOT EXISTS \
         (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid OPERATOR(pg_catalog.=) d.oid)"
    } else {
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'runner\\_scratch\\_%'"
    };
    let found = admin.host().query(list, &[], QueryLimits::NONE).await?;
    for name in found.rows.iter().filter_map(|row| row.first().and_then(Value::as_text)) {
        // PostgreSQL refuses if it has got connections since; elsewhere, its name is locked.
        if postgres {
            drop(drop_named(admin, name, false).await);
        } else if hold(admin, name).await? {
            drop(drop_named(admin, name, false).await);
            admin.host().query("SELECT RELEASE_LOCK(?)", &[name.into()], QueryLimits::NONE).await?;
        }
    }
    Ok(())
}

/// Locks a name on MySQL or MariaDB; false if it is already locked.
async fn hold(admin: &mut dyn Database, name: &str) -> Result<bool, DatabaseError> {
    let held = admin.host().query("SELECT GET_LOCK(?, 0)", &[name.into()], QueryLimits::NONE).await?;
    Ok(held.rows.first().and_then(|row| row.first()).and_then(Value::as_int64) == Some(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        DatabaseUrl::parse(text, Path::new("/")).expect("a URL")
    }

    #[test]
    fn only_scratch_databases_are_scratch_databases() {
        for (text, expected) in [
            ("postgres://me@host/runner_scratch_0123", true),
            ("mysql://me@host/runner_scratch_0123?x=1", true),
            ("postgres://me@host/app", false),
            ("postgres://me@host/app?application_name=runner_scratch_0123", false),
            ("postgres://runner_scratch_@host", false),
            ("sqlite:/tmp/runner-scratch-0123/scratch.db", true),
            ("sqlite:/tmp/runner-scratch-0123/app.db", false),
            ("sqlite:/tmp/scratch.db", false),
            ("sqlite::memory:", false),
        ] {
            assert_eq!(is_scratch(&url(text)), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_scratch_file_is_created_and_written_whatever_the_url_says_of_its_own() {
        for parameters in ["mode=ro", "mode=rw&synchronous=off", "mode=memory", "immutable=true"] {
            let server = url(&format!("sqlite:app.db?{parameters}"));
            let scratch = Scratch::create(&server, &ConnectOptions::creating()).await.expect(parameters);
            assert!(is_scratch(&scratch.url), "{parameters}");
            assert_eq!(scratch.url.sqlite_parameters().count(), usize::from(parameters.contains('&')), "{parameters}");
            let mut database = connect(&scratch.url, &ConnectOptions::creating()).await.expect(parameters);
            database.host().execute("CREATE TABLE t (id INTEGER)", &[]).await.expect(parameters);
            drop(database);
            scratch.discard().await.expect(parameters);
        }
    }

    #[test]
    fn a_directory_in_use_stays_and_an_abandoned_one_is_removed() {
        let base = tempfile::tempdir().expect("a directory");
        let directory = |name: &str| {
            let directory = base.path().join(format!("{DIRECTORY}{name}"));
            make_directory(&directory).expect("a directory");
            directory
        };
        let (used, left, young) = (directory("used"), directory("left"), directory("young"));
        let lock = File::create(used.join(LOCK)).expect("a lock");
        lock.lock().expect("locked");
        File::create(left.join(LOCK)).expect("a lock");
        sweep_directories(base.path());
        assert_eq!([used.exists(), left.exists(), young.exists()], [true, false, true]);
    }
}
