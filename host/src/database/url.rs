//! Database URLs, whose password no message ever shows.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Dialect;
use crate::error::{Error, Result};

/// Where a database is. `Display` and `Debug` hide the password; [`DatabaseUrl::secret`] does not.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: String,
    dialect: Dialect,
    /// SQLite: the file; none in memory.
    path: Option<PathBuf>,
    /// SQLite: what follows the `?`.
    parameters: String,
}

impl DatabaseUrl {
    /// Reads a URL. Relative SQLite paths stand below `base`; `%20` and the like in them are decoded.
    ///
    /// SQLite: `sqlite:app.db`, `sqlite://app.db`, `sqlite:///var/app.db`, `sqlite::memory:`, each with `?mode=ro`
    /// and the like. Others: `postgres://…`, `postgresql://…`, `mysql://…`, `mariadb://…`.
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
            return Ok(Self { text: text.to_owned(), dialect, path: None, parameters: String::new() });
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() {
            return Err(Error::usage(format!("`{text}` names no database file")).hint("write `sqlite://app.db`"));
        }
        let not_utf8 = || {
            Error::usage(format!("the path of `{text}` is not UTF-8")).hint("rename the folder or give another path")
        };
        let path = match path {
            ":memory:" => None,
            path => Some(base.join(String::from_utf8(decode(path)).map_err(|_| not_utf8())?)),
        };
        let shown = match &path {
            None => ":memory:",
            Some(path) => path.to_str().ok_or_else(not_utf8)?,
        };
        let query = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
        Ok(Self { text: format!("sqlite://{shown}{query}"), dialect, path, parameters: parameters.to_owned() })
    }

    /// The family that the scheme names; the server may know better.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The whole URL, password and all. Never print it.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// The name of the database on a server; none for SQLite, and where the URL names none.
    pub fn database_name(&self) -> Option<&str> {
        if self.dialect == Dialect::Sqlite {
            return None;
        }
        let (start, end) = self.path_of_name();
        Some(self.text.get(start..end)?.trim_start_matches('/')).filter(|name| !name.is_empty())
    }

    /// The same server and user, and another database there. The name must need no encoding.
    #[must_use]
    pub fn with_database_name(&self, name: &str) -> Self {
        let (start, end) = self.path_of_name();
        let (before, behind) = (&self.text[..start], &self.text[end..]);
        // A parameter would go before the path.
        let parameters = behind.trim_start_matches('?').split('&').filter(|pair| !pair.starts_with("dbname="));
        let parameters = parameters.filter(|pair| !pair.is_empty()).collect::<Vec<_>>().join("&");
        let mark = if parameters.is_empty() { "" } else { "?" };
        Self { text: format!("{before}/{name}{mark}{parameters}"), ..self.clone() }
    }

    /// Where the path of a server's URL stands, its `/` included.
    fn path_of_name(&self) -> (usize, usize) {
        let authority = self.text.find("://").map_or(0, |at| at + 3);
        let start = self.text[authority..].find(['/', '?']).map_or(self.text.len(), |at| authority + at);
        let end = self.text[start..].find('?').map_or(self.text.len(), |at| start + at);
        (start, end)
    }

    /// SQLite: the database's file; none for a database in memory and for servers.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    /// Servers: the password, if the URL has one. Never print it.
    pub fn password(&self) -> Option<String> {
        let (start, authority) = self.authority()?;
        let credentials = self.text[start..authority].rsplit_once('@').map(|(credentials, _)| credentials);
        let in_authority = credentials.and_then(|credentials| credentials.split_once(':')).map(|(_, it)| it.to_owned());
        let text = in_authority.map(|text| String::from_utf8_lossy(&decode(&text)).into_owned());
        text.or_else(|| self.parameter(&["password"])).filter(|password| !password.is_empty())
    }

    /// Servers: the value of the first of these parameters that the URL has.
    pub fn parameter(&self, names: &[&str]) -> Option<String> {
        let text = self.text.split_once('#').map_or(self.text.as_str(), |(text, _)| text);
        let (_, query) = text.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.into_iter().find(|(name, _)| names.contains(name))?;
        Some(String::from_utf8_lossy(&decode(&value.replace('+', " "))).into_owned())
    }

    /// Servers: where user, password, host and port begin and end.
    fn authority(&self) -> Option<(usize, usize)> {
        let start = self.text.find("://").map(|at| at + 3)?;
        let end = self.text[start..].find(['/', '?', '#']).map_or(self.text.len(), |at| start + at);
        Some((start, end))
    }

    /// SQLite: the parameters after the `?`.
    pub fn sqlite_parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.parameters.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// The bytes of a text in which `%` and two hexadecimal digits stand for one byte.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes
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

/// A host of a URL as it is looked up: an address of IPv6 stands in brackets in a URL, and nowhere else.
pub fn plain_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// The text with the password of a URL, and of a `password=` parameter, replaced by `***`.
pub fn redact(text: &str) -> String {
    let mut redacted = text.to_owned();
    if let Some(start) = redacted.find("://").map(|at| at + 3) {
        let authority = redacted[start..].find(['/', '?']).map_or(redacted.len(), |at| start + at);
        // A password with a `/` or `?` in it ends after them: rather hide too much.
        let end = if redacted[start..authority].contains('@') { authority } else { redacted.len() };
        // The last `@`: a password may hold one that its writer forgot to encode.
        if let Some(at) = redacted[start..end].rfind('@').map(|at| start + at)
            && let Some(colon) = redacted[start..at].find(':').map(|colon| start + colon)
        {
            redacted.replace_range(colon + 1..at, "***");
        }
    }
    for name in ["password=", "sslpassword="] {
        if let Some(start) = redacted.find(name).map(|at| at + name.len()) {
            let end = redacted[start..].find(['&', ' ']).map_or(redacted.len(), |at| start + at);
            redacted.replace_range(start..end, "***");
        }
    }
    redacted
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
    fn what_a_server_is_told_is_taken_apart() {
        let parse = |url: &str| DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
        for (url, password, other) in [
            (
                "mysql://me:p%40ss@host:3306/db?ssl-ca=%2Fa%20b",
                Some("p@ss"),
                "mysql://me:p%40ss@host:3306/x?ssl-ca=%2Fa%20b",
            ),
            ("mysql://me@host/db", None, "mysql://me@host/x"),
            ("mysql://me:@host", None, "mysql://me:@host/x"),
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
    fn sqlite_paths_stand_below_the_base() {
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
