//! Database URLs, whose password never appears in a message.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

use super::Dialect;
use crate::error::{Error, Result};

/// The address of a database. `Display` and `Debug` hide the password; [`DatabaseUrl::secret`] does not.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: String,
    dialect: Dialect,
    place: Place,
}

/// The part of the URL after its scheme.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    /// SQLite.
    File {
        /// The file; `None` for a database in memory.
        path: Option<PathBuf>,
        /// The text after the `?`.
        parameters: String,
    },
    /// A URL that cannot be parsed is reported as a connection error; until then it is only shown and passed on.
    Server(std::result::Result<Url, ParseError>),
}

impl DatabaseUrl {
    /// Parses a URL. Relative SQLite paths are resolved against `base`; `%20` and the like in them are decoded.
    ///
    /// SQLite: `sqlite:app.db`, `sqlite://app.db`, `sqlite:///var/app.db`, `sqlite::memory:`, each with `?mode=ro`
    /// and similar. Others: `postgres://…`, `postgresql://…`, `mysql://…`, `mariadb://…`.
    pub fn parse(text: &str, base: &Path) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(Error::usage(format!("`{}` is not a database URL", redact(text)))
                .hint("a URL looks like `sqlite://app.db` or `postgres://user:password@host/database`"));
        };
        let dialect = match scheme {
            "sqlite" => Dialect::Sqlite,
            "postgres" | "postgresql" => Dialect::Postgres,
            "mysql" => Dialect::Mysql,
            "mariadb" => Dialect::Mariadb,
            other => {
                return Err(Error::usage(format!("`{other}` is not a kind of database that runner knows"))
                    .hint("use one of `sqlite:`, `postgres:`, `mysql:` and `mariadb:`"));
            }
        };
        if dialect != Dialect::Sqlite {
            let plain = if dialect == Dialect::Postgres { user_apart(text) } else { Cow::Borrowed(text) };
            return Ok(Self { text: text.to_owned(), dialect, place: Place::Server(Url::parse(&plain)) });
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() {
            return Err(Error::usage(format!("`{text}` names no database file")).hint("write `sqlite://app.db`"));
        }
        let not_utf8 = || {
            Error::usage(format!("the path of `{text}` is not UTF-8")).hint("rename the directory or use another path")
        };
        let path = match path {
            ":memory:" => None,
            path => Some(base.join(&*percent_decode_str(path).decode_utf8().map_err(|_| not_utf8())?)),
        };
        let shown = match &path {
            None => ":memory:",
            Some(path) => path.to_str().ok_or_else(not_utf8)?,
        };
        let query = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
        let text = format!("sqlite://{shown}{query}");
        Ok(Self { text, dialect, place: Place::File { path, parameters: parameters.to_owned() } })
    }

    /// Returns the dialect that the scheme names, which the server may correct.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the whole URL, including the password. Never print it.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// Servers: returns where the passwords are in the whole URL, in order; empty ones are left out.
    pub fn passwords(&self) -> Vec<Range<usize>> {
        match self.place {
            Place::File { .. } => Vec::new(),
            Place::Server(_) => passwords(&self.text).into_iter().filter(|range| !range.is_empty()).collect(),
        }
    }

    /// Servers: returns the parsed URL, or why it cannot be parsed. Never print it.
    pub fn server(&self) -> std::result::Result<&Url, ParseError> {
        match &self.place {
            Place::Server(Ok(url)) => Ok(url),
            Place::Server(Err(error)) => Err(*error),
            Place::File { .. } => Err(ParseError::EmptyHost),
        }
    }

    /// Returns the name of the database on a server; `None` for SQLite and for URLs without one.
    pub fn database_name(&self) -> Option<&str> {
        let name = self.server().ok()?.path().trim_start_matches('/');
        Some(name).filter(|name| !name.is_empty())
    }

    /// Returns the URL of another database on the same server with the same user. The name must need no encoding.
    #[must_use]
    pub fn with_database_name(&self, name: &str) -> Self {
        let Ok(url) = self.server() else { return self.clone() };
        let mut url = url.clone();
        url.set_path(&format!("/{name}"));
        // A parameter would take precedence over the path.
        let pairs = url.query().unwrap_or_default().split('&');
        let pairs: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("dbname=")).collect();
        let query = pairs.join("&");
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        Self { text: url.as_str().to_owned(), place: Place::Server(Ok(url)), ..*self }
    }

    /// SQLite: returns the database's file; `None` for a database in memory and for servers.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File { path, .. } => path.clone(),
            Place::Server(_) => None,
        }
    }

    /// Servers: returns the host and port, as far as the URL names them.
    pub fn host_and_port(&self) -> Option<(&str, Option<u16>)> {
        let url = self.server().ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some((plain_host(host), url.port()))
    }

    /// Servers: returns the password, if the URL has one. Never print it.
    pub fn password(&self) -> Option<String> {
        let password = self.server().ok()?.password();
        let password = password.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        password.or_else(|| self.parameter(&["password"])).filter(|password| !password.is_empty())
    }

    /// Servers: returns the value of the first of these parameters that the URL has.
    pub fn parameter(&self, names: &[&str]) -> Option<String> {
        let mut parameters = self.server().ok()?.query_pairs();
        parameters.find(|(name, _)| names.contains(&&**name)).map(|(_, value)| value.into_owned())
    }

    /// SQLite: returns the parameters after the `?`.
    pub fn sqlite_parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parameters = match &self.place {
            Place::File { parameters, .. } => parameters.as_str(),
            Place::Server(_) => "",
        };
        let pairs = parameters.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// Moves a user without a host, which libpq accepts and takes to mean a socket, to the parameters: a URL cannot have a
/// user without a host.
fn user_apart(url: &str) -> Cow<'_, str> {
    let apart = || {
        let (scheme, rest) = url.split_once("://")?;
        let (user, path) = rest.split_once('@')?;
        if user.contains(['/', '?', '#']) || !(path.is_empty() || path.starts_with(['/', '?'])) {
            return None;
        }
        let (name, password) = user.split_once(':').map_or((user, None), |(name, password)| (name, Some(password)));
        let plain = |text: &str| text.replace('+', "%2B").replace('&', "%26");
        let sign = if path.contains('?') { '&' } else { '?' };
        let password = password.map(|password| format!("&password={}", plain(password))).unwrap_or_default();
        Some(format!("{scheme}://{path}{sign}user={}{password}", plain(name)))
    };
    apart().map_or(Cow::Borrowed(url), Cow::Owned)
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.text))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns a URL's host in the form that the resolver accepts: only URLs put IPv6 addresses in brackets.
pub fn plain_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Replaces the password of a URL, and that of a `password=` parameter, with `***`.
pub fn redact(text: &str) -> String {
    let mut redacted = text.to_owned();
    for range in passwords(text).into_iter().rev() {
        redacted.replace_range(range, "***");
    }
    redacted
}

/// Where the passwords of a URL are, in order.
fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut rest = 0;
    if let Some(start) = text.find("://").map(|at| at + 3) {
        let authority = text[start..].find(['/', '?']).map_or(text.len(), |at| start + at);
        // A password that contains a `/` or `?` ends after them: hide too much rather than too little.
        let end = if text[start..authority].contains('@') { authority } else { text.len() };
        // The last `@`, because a password may contain one that is not encoded.
        if let Some(at) = text[start..end].rfind('@').map(|at| start + at)
            && let Some(colon) = text[start..at].find(':').map(|colon| start + colon)
        {
            found.push(colon + 1..at);
            rest = at;
        }
    }
    // Also finds `sslpassword=`.
    while let Some(start) = text[rest..].find("password=").map(|at| rest + at + "password=".len()) {
        let end = text[start..].find(['&', ' ']).map_or(text.len(), |at| start + at);
        found.push(start..end);
        rest = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_shows_a_password() {
        for (url, shown) in [
            ("postgres://me:pa:ss@host/db", "postgres://me:***@host/db"),
            ("mysql://me:p@ss@host:3306/db?x=1", "mysql://me:***@host:3306/db?x=1"),
            ("mysql://me:p/a?ss@host:3306/db", "mysql://me:***@host:3306/db"),
            ("postgres://me@host/db", "postgres://me@host/db"),
            ("postgres:///db?user=me&password=secret&x=1", "postgres:///db?user=me&password=***&x=1"),
        ] {
            let parsed = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(format!("{parsed:?}"), shown);
        }
    }

    #[test]
    fn parts_of_a_server_url_are_decoded() {
        let parse = |url: &str| DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
        for (url, password, other) in [
            (
                "mysql://me:p%40ss@host:3306/db?ssl-ca=%2Fa%20b",
                Some("p@ss"),
                "mysql://me:p%40ss@host:3306/x?ssl-ca=%2Fa%20b",
            ),
            ("mysql://me@host/db", None, "mysql://me@host/x"),
            ("mysql://me:@host", None, "mysql://me@host/x"),
            ("postgres://me:p%40s@/db?host=/run", Some("p@s"), "postgres:///x?host=/run&user=me&password=p%40s"),
            ("postgres:///db?host=/run&password=a+b", Some("a b"), "postgres:///x?host=/run&password=a+b"),
        ] {
            assert_eq!(parse(url).password().as_deref(), password, "{url}");
            assert_eq!(parse(url).with_database_name("x").secret(), other);
        }
        let url = parse("mysql://me@host/db?sslca=%2Fa%20b&ssl-mode=required#x");
        assert_eq!(url.parameter(&["ssl-ca", "sslca"]).as_deref(), Some("/a b"));
        assert_eq!(url.parameter(&["ssl-mode"]).as_deref(), Some("required"));
        assert_eq!(url.parameter(&["x"]), None);
    }

    #[test]
    fn another_database_of_the_same_server() {
        for (url, name, other) in [
            (
                "postgres://me:pw@host:5432/app?sslmode=require",
                Some("app"),
                "postgres://me:pw@host:5432/x?sslmode=require",
            ),
            ("postgres:///app?host=/run&user=me", Some("app"), "postgres:///x?host=/run&user=me"),
            ("mysql://me@host", None, "mysql://me@host/x"),
            ("mysql://me@host/", None, "mysql://me@host/x"),
            ("postgres://host?dbname=app&user=me", None, "postgres://host/x?user=me"),
        ] {
            let parsed = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
            assert_eq!(parsed.database_name(), name, "{url}");
            assert_eq!(parsed.with_database_name("x").secret(), other);
        }
        assert_eq!(DatabaseUrl::parse("sqlite:app.db", Path::new("/")).expect("a URL").database_name(), None);
    }

    #[test]
    fn sqlite_paths_are_relative_to_the_base() {
        for (url, path) in [
            ("sqlite:app.db", Some("/base/app.db")),
            ("sqlite://app.db?mode=ro", Some("/base/app.db")),
            ("sqlite:///var/app.db", Some("/var/app.db")),
            ("sqlite:my%20app%3f.db", Some("/base/my app?.db")),
            ("sqlite:100%.db", Some("/base/100%.db")),
            ("sqlite::memory:", None),
            ("sqlite://:memory:", None),
        ] {
            let parsed = DatabaseUrl::parse(url, Path::new("/base")).expect("a URL");
            assert_eq!(parsed.sqlite_path(), path.map(PathBuf::from), "{url}");
        }
        let odd = DatabaseUrl::parse("sqlite:app.db?mode=ro&x", Path::new("/what?/50%20")).expect("a URL");
        assert_eq!(odd.sqlite_path(), Some(PathBuf::from("/what?/50%20/app.db")));
        assert_eq!(odd.sqlite_parameters().collect::<Vec<_>>(), [("mode", "ro"), ("x", "")]);
        assert!(DatabaseUrl::parse("sqlite:%ff", Path::new("/")).is_err());
    }
}
