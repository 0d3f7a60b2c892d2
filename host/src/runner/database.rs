//! The database of an embedding program: a URL, or the options of its own connections.

use std::path::Path;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

use crate::database::{DatabaseUrl, DriverOptions};
#[cfg(feature = "sqlite")]
use crate::error::Error;
use crate::error::Result;

/// A database as a program names it: a URL such as `sqlite://app.db`, or the connect options of sqlx, such as those of a pool that
/// the program has. A run opens connections of its own with them.
#[derive(Clone, Debug)]
pub struct DatabaseLocation(Location);

#[derive(Clone, Debug)]
enum Location {
    Url(String),
    #[cfg(feature = "sqlite")]
    Sqlite(Box<sqlx::sqlite::SqliteConnectOptions>),
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Server(String, DriverOptions),
}

impl From<&str> for DatabaseLocation {
    fn from(url: &str) -> Self {
        Self(Location::Url(url.to_owned()))
    }
}

impl From<String> for DatabaseLocation {
    fn from(url: String) -> Self {
        Self(Location::Url(url))
    }
}

impl From<&String> for DatabaseLocation {
    fn from(url: &String) -> Self {
        Self(Location::Url(url.clone()))
    }
}

/// File, mode and `immutable` are used; pragmas are not, since a run sets its own.
#[cfg(feature = "sqlite")]
impl From<sqlx::sqlite::SqliteConnectOptions> for DatabaseLocation {
    fn from(options: sqlx::sqlite::SqliteConnectOptions) -> Self {
        Self(Location::Sqlite(Box::new(options)))
    }
}

/// All options are used.
#[cfg(feature = "postgres")]
impl From<sqlx::postgres::PgConnectOptions> for DatabaseLocation {
    fn from(options: sqlx::postgres::PgConnectOptions) -> Self {
        let socket = options.get_socket().and_then(|path| path.to_str());
        let url = server_url(
            "postgres",
            options.get_username(),
            options.get_host(),
            options.get_port(),
            options.get_database(),
            socket.map(|path| ("host", path)),
        );
        Self(Location::Server(url, DriverOptions::Postgres(Box::new(options))))
    }
}

/// All options are used but those that change what SQL means: sqlx's additions to `sql_mode`.
#[cfg(feature = "mysql")]
impl From<sqlx::mysql::MySqlConnectOptions> for DatabaseLocation {
    fn from(options: sqlx::mysql::MySqlConnectOptions) -> Self {
        let socket = options.get_socket().and_then(|path| path.to_str());
        let url = server_url(
            "mysql",
            options.get_username(),
            options.get_host(),
            options.get_port(),
            options.get_database(),
            socket.map(|path| ("socket", path)),
        );
        Self(Location::Server(url, DriverOptions::Mysql(Box::new(options))))
    }
}

/// As `pool.connect_options()` gives them.
impl<T: Clone> From<Arc<T>> for DatabaseLocation
where
    Self: From<T>,
{
    fn from(options: Arc<T>) -> Self {
        Self::from(Arc::unwrap_or_clone(options))
    }
}

impl DatabaseLocation {
    /// The URL, and the options that count in its place. Relative paths of SQLite are below `base`.
    pub(super) fn resolve(self, base: &Path) -> Result<(DatabaseUrl, Option<DriverOptions>)> {
        match self.0 {
            Location::Url(url) => Ok((DatabaseUrl::parse(&url, base)?, None)),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(options) => Ok((sqlite_url(*options, base)?, None)),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Location::Server(url, driver) => Ok((DatabaseUrl::parse(&url, base)?, Some(driver))),
        }
    }
}

/// The URL of a SQLite file as its options describe it.
#[cfg(feature = "sqlite")]
fn sqlite_url(options: sqlx::sqlite::SqliteConnectOptions, base: &Path) -> Result<DatabaseUrl> {
    use sqlx::ConnectOptions as _;
    let in_memory = || {
        Error::usage("an SQLite database in memory cannot be shared with a pool")
            .hint("use a file, or give the URL `sqlite::memory:` to try the migrations alone")
    };
    let name: PathBuf = options.get_filename().to_path_buf();
    // A database in memory, or a URI of SQLite's own, whose parts are unknown here.
    if name.as_os_str().is_empty() || name.starts_with(":memory:") || name.to_string_lossy().starts_with("file:") {
        return Err(in_memory());
    }
    // Mode and the like can be read from its URL alone, which is made of an absolute path.
    let path = base.join(name);
    let url = options.filename(&path).to_url_lossy();
    let mut parameters = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "mode" if value == "memory" => return Err(in_memory()),
            "mode" | "immutable" => parameters.push(format!("{name}={value}")),
            "vfs" => {
                return Err(Error::usage(format!("the SQLite VFS `{value}` is not supported"))
                    .hint("open the file by SQLite's default VFS"));
            }
            _ => {}
        }
    }
    let path = path.to_str().ok_or_else(|| Error::usage("the path of the SQLite database is not UTF-8"))?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    DatabaseUrl::parse(&format!("sqlite://{path}?{}", parameters.join("&")), base)
}

/// The URL of a server, without the password.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn server_url(
    scheme: &str,
    user: &str,
    host: &str,
    port: u16,
    database: Option<&str>,
    socket: Option<(&str, &str)>,
) -> String {
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let database = database.map(|name| format!("/{}", encoded(name))).unwrap_or_default();
    let socket = socket.map(|(name, path)| format!("?{name}={}", encoded(path))).unwrap_or_default();
    format!("{scheme}://{}@{host}:{port}{database}{socket}", encoded(user))
}

/// Encodes text as part of a URL.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn encoded(text: &str) -> percent_encoding::PercentEncode<'_> {
    const UNRESERVED: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    percent_encoding::utf8_percent_encode(text, UNRESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(location: impl Into<DatabaseLocation>) -> Result<DatabaseUrl> {
        location.into().resolve(Path::new("/base")).map(|(url, _)| url)
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_file_of_sqlx_is_the_same_file() {
        use sqlx::sqlite::SqliteConnectOptions;
        let options = SqliteConnectOptions::new().filename("my app?.db").create_if_missing(true);
        let url = resolved(Arc::new(options.clone())).expect("a URL");
        assert_eq!(url.sqlite_path(), Some(PathBuf::from("/base/my app?.db")));
        assert_eq!(url.sqlite_parameters().collect::<Vec<_>>(), [("mode", "rwc")]);
        let url = resolved(options.clone().create_if_missing(false).read_only(true)).expect("a URL");
        assert_eq!(url.sqlite_parameters().collect::<Vec<_>>(), [("mode", "ro")]);
        assert!(resolved(options.vfs("unix-none")).is_err());
        assert!(resolved(SqliteConnectOptions::new()).is_err());
        assert!(resolved("sqlite::memory:".parse::<SqliteConnectOptions>().expect("options")).is_err());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn options_of_a_server_hide_their_password() {
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
            .host("::1")
            .username("a@b")
            .password("sEcReT")
            .database("my app");
        let location = DatabaseLocation::from(options);
        assert!(!format!("{location:?}").contains("sEcReT"));
        let url = resolved(location).expect("a URL");
        assert_eq!(url.to_string(), "postgres://a%40b@[::1]:5432/my%20app");
    }
}
