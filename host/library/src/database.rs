//! The database of an embedding program: a URL, or the options of its own connections.

use std::fmt;
use std::path::Path;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "sqlite")]
use runner_base::error::Error;
use runner_base::error::Result;
use runner_database::url::redact;
use runner_database::{DatabaseUrl, DriverOptions};

/// A database as a program names it: a URL such as `sqlite://app.db`, or the connect options of sqlx, such as those of a pool that
/// the program has. A run opens connections of its own with them.
#[derive(Clone)]
pub struct DatabaseLocation(Location);

#[derive(Clone)]
enum Location {
    Url(String),
    #[cfg(feature = "sqlite")]
    Sqlite(Box<sqlx::sqlite::SqliteConnectOptions>),
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    Server(String, DriverOptions),
}

impl fmt::Debug for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match &self.0 {
            Location::Url(url) => redact(url),
            #[cfg(feature = "sqlite")]
            Location::Sqlite(options) => options.get_filename().display().to_string(),
            #[cfg(any(feature = "postgres", feature = "mysql"))]
            Location::Server(url, _) => redact(url),
        };
        f.debug_tuple("DatabaseLocation").field(&shown).finish()
    }
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
        use sqlx::ConnectOptions as _;
        // Names may be such as sqlx makes no URL of.
        let known = options.clone().host("localhost").username("user").to_url_lossy();
        let server = ServerParts {
            scheme: "postgres",
            user: options.get_username(),
            host: options.get_host(),
            port: options.get_port(),
            database: options.get_database(),
            socket: options.get_socket().and_then(|path| path.to_str()).map(|path| ("host", path)),
        };
        let url = server_url(&server, &known);
        Self(Location::Server(url, DriverOptions::Postgres(Box::new(options))))
    }
}

/// All options are used but those that change what SQL means: sqlx's additions to `sql_mode`.
#[cfg(feature = "mysql")]
impl From<sqlx::mysql::MySqlConnectOptions> for DatabaseLocation {
    fn from(options: sqlx::mysql::MySqlConnectOptions) -> Self {
        use sqlx::ConnectOptions as _;
        let known = options.clone().host("localhost").username("user").to_url_lossy();
        let server = ServerParts {
            scheme: "mysql",
            user: options.get_username(),
            host: options.get_host(),
            port: options.get_port(),
            database: options.get_database(),
            socket: options.get_socket().and_then(|path| path.to_str()).map(|path| ("socket", path)),
        };
        let url = server_url(&server, &known);
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

/// The parts of a server's URL that sqlx exposes.
#[cfg(any(feature = "postgres", feature = "mysql"))]
struct ServerParts<'a> {
    scheme: &'static str,
    user: &'a str,
    host: &'a str,
    port: u16,
    database: Option<&'a str>,
    /// The parameter for a socket, and its path.
    socket: Option<(&'static str, &'a str)>,
}

/// The URL of a server, with the password and the TLS options of sqlx's own URL: programs that make backups need them, too.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn server_url(server: &ServerParts<'_>, known: &url::Url) -> String {
    /// The options, their defaults in sqlx, which need not be said.
    const TLS: [(&str, &str); 8] = [
        ("sslmode", "prefer"),
        ("sslrootcert", ""),
        ("sslcert", ""),
        ("sslkey", ""),
        ("ssl-mode", "PREFERRED"),
        ("ssl-ca", ""),
        ("ssl-cert", ""),
        ("ssl-key", ""),
    ];
    let ServerParts { scheme, user, host, port, database, socket } = server;
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { (*host).to_owned() };
    // It is encoded already.
    let password = known.password().filter(|password| !password.is_empty());
    let password = password.map(|password| format!(":{password}")).unwrap_or_default();
    let database = database.map(|name| format!("/{}", encoded(name))).unwrap_or_default();
    let mut parameters: Vec<String> = socket.iter().map(|(name, path)| format!("{name}={}", encoded(path))).collect();
    for (name, value) in known.query_pairs() {
        // A certificate that is not a file is one that only sqlx has.
        let value = if name.contains("mode") { Some(&*value) } else { value.strip_prefix("file: ") };
        let is_said = |value: &&str| TLS.iter().any(|(option, default)| *option == name && value != default);
        parameters.extend(value.filter(is_said).map(|value| format!("{name}={}", encoded(value))));
    }
    let parameters = match parameters.is_empty() {
        true => String::new(),
        false => format!("?{}", parameters.join("&")),
    };
    format!("{scheme}://{}{password}@{host}:{port}{database}{parameters}", encoded(user))
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
            .username("a@b/c")
            .password("sEcReT %40")
            .database("my app");
        for location in [DatabaseLocation::from(options.clone()), DatabaseLocation::from("postgres://a:sEcReT@b/c")] {
            let shown = format!("{location:?}");
            assert!(shown.contains("postgres://a") && !shown.contains("sEcReT"), "{shown}");
        }
        let url = resolved(options).expect("a URL");
        assert_eq!(url.to_string(), "postgres://a%40b%2Fc:***@[::1]:5432/my%20app");
        assert_eq!(url.password().as_deref(), Some("sEcReT %40"), "backups are made with it");
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn options_of_a_server_keep_their_encryption() {
        use sqlx::postgres::{PgConnectOptions, PgSslMode};
        let options = PgConnectOptions::new_without_pgpass().host("db").username("me").socket("/run/pg");
        let options = options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert("/my ca.pem");
        let url = resolved(options.ssl_client_cert_from_pem("-----BEGIN")).expect("a URL");
        let value = |name| url.parameter(&[name]);
        assert_eq!(value("host").as_deref(), Some("/run/pg"));
        assert_eq!(value("sslmode").as_deref(), Some("verify-full"));
        assert_eq!(value("sslrootcert").as_deref(), Some("/my ca.pem"));
        assert_eq!((value("sslcert"), value("statement-cache-capacity")), (None, None));
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn options_of_mysql_keep_their_password_and_encryption() {
        use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
        let options = MySqlConnectOptions::new().host("db").username("me").password("sEcReT").database("app");
        let url = resolved(options.clone()).expect("a URL");
        assert_eq!(
            (url.to_string().as_str(), url.password().as_deref()),
            ("mysql://me:***@db:3306/app", Some("sEcReT"))
        );
        let url = resolved(options.ssl_mode(MySqlSslMode::VerifyCa).ssl_ca("/ca.pem")).expect("a URL");
        assert_eq!(url.parameter(&["ssl-mode"]).as_deref(), Some("VERIFY_CA"));
        assert_eq!(url.parameter(&["ssl-ca"]).as_deref(), Some("/ca.pem"));
    }
}
