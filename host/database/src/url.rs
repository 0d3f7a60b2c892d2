//! Database URLs, whose password never appears in a message.

mod spelling;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{ParseError, Url};

pub use super::redact::redact;
use super::redact::{passwords, redact_parameters, redact_url, secrets};
use super::{ChosenLock, DatabaseError, Dialect};
use runner_base::error::{Error, Result};

/// No scheme is longer; the longest that we know has ten letters.
const LONGEST_SCHEME: usize = 16;

/// The address of a database. `Display` and `Debug` hide the password; [`DatabaseUrl::secret`] does not.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    text: String,
    dialect: Dialect,
    place: Place,
    /// What the settings say, where the URL says nothing.
    lock: Option<ChosenLock>,
    /// What is not set: only the kind of database is known.
    unset: Option<Unset>,
}

/// What is not set of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unset {
    /// A variable in it, which stays as it is written.
    Variable(String),
    /// All of it.
    Url,
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
        /// Whether the path was given from the root of the file system.
        is_absolute: bool,
    },
    /// A URL that cannot be parsed is reported as a connection error; until then it is only shown and passed on.
    Server(std::result::Result<Url, ParseError>),
}

impl DatabaseUrl {
    /// Parses a URL. Relative SQLite paths are resolved against `base`; `%20` and similar escapes in them are decoded.
    ///
    /// SQLite: `sqlite:app.db`, `sqlite://app.db`, `sqlite:///var/app.db`, `sqlite::memory:`, each with `?mode=ro`
    /// and similar. Others: `postgres://…`, `postgresql://…`, `mysql://…`, `mariadb://…`. The scheme is case-insensitive.
    ///
    /// A server's URL is refused if it is unclear which part of it is the password: drivers would take the rest for the name of a
    /// host or of a database, and name that in their errors.
    pub fn parse(text: &str, base: &Path) -> Result<Self> {
        let text = text.trim();
        if spelling::is_of_go(text) {
            return Err(spelling::of_go());
        }
        let (scheme, rest) =
            text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).ok_or_else(|| no_url(text))?;
        let scheme = scheme.to_ascii_lowercase();
        let dialect = match scheme.as_str() {
            "sqlite" => Dialect::Sqlite,
            "postgres" | "postgresql" => Dialect::Postgres,
            "mysql" => Dialect::Mysql,
            "mariadb" => Dialect::Mariadb,
            other => {
                if let Some(error) = spelling::foreign(other, rest) {
                    return Err(error);
                }
                return Err(Error::usage(format!("`{other}` is not a kind of database that runner knows"))
                    .hint("use one of `sqlite:`, `postgres:`, `mysql:` and `mariadb:`"));
            }
        };
        if dialect != Dialect::Sqlite {
            refuse_ambiguous(&scheme, rest)?;
            let text = format!("{scheme}:{rest}");
            let plain = if dialect == Dialect::Postgres { user_apart(&text) } else { Cow::Borrowed(text.as_str()) };
            let place = Place::Server(Url::parse(&plain));
            return Ok(Self { text, dialect, place, lock: None, unset: None });
        }
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        if path.is_empty() {
            return Err(Error::usage(format!("`{text}` names no database file")).hint("write `sqlite://app.db`"));
        }
        if path.contains("{{") {
            return Err(Error::usage(format!("`{text}` has a placeholder that nothing fills in"))
                .hint("write the name of the file"));
        }
        if let Some((file, parameters)) = path.split_once('&').filter(|(_, rest)| rest.contains('=')) {
            return Err(Error::usage(format!("the parameters of `{text}` do not begin with `?`"))
                .hint(format!("write `sqlite:{file}?{parameters}`, or `%26` for a `&` in the name of the file")));
        }
        // SQLAlchemy's `sqlite:///./app.db` is relative, and would be a file of the root directory here.
        if let Some(relative) = path.strip_prefix('/').filter(|path| path.starts_with("./") || path.starts_with("../"))
        {
            let relative = relative.strip_prefix("./").unwrap_or(relative);
            return Err(Error::usage(format!("`{text}` has a path from the root directory that looks relative")).hint(
                format!(
                    "write `sqlite:{relative}` for a path relative to the project, or `sqlite:///` and the whole path"
                ),
            ));
        }
        let not_utf8 = || {
            Error::usage(format!("the path of `{text}` is not UTF-8")).hint("rename the directory or use another path")
        };
        let is_absolute = path.starts_with('/') || Path::new(path).is_absolute();
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
        Ok(Self {
            text,
            dialect,
            place: Place::File { path, parameters: parameters.to_owned(), is_absolute },
            lock: None,
            unset: None,
        })
    }

    /// Returns the dialect that the scheme names, which the server may correct.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the same address with a lock of the settings, which a parameter of the URL overrides.
    #[must_use]
    pub fn with_lock(self, lock: ChosenLock) -> Self {
        Self { lock: Some(lock), ..self }
    }

    /// Returns the same address as one of which something is not set. Such an address has a kind, and cannot be connected to.
    #[must_use]
    pub fn with_unset(self, unset: Unset) -> Self {
        Self { unset: Some(unset), ..self }
    }

    /// Returns what of the address is not set.
    pub fn unset(&self) -> Option<&Unset> {
        self.unset.as_ref()
    }

    /// Fails if something of the address is not set.
    pub fn check_set(&self) -> std::result::Result<(), DatabaseError> {
        self.unset.as_ref().map_or(Ok(()), |unset| Err(DatabaseError::unset(unset)))
    }

    /// Returns the lock of the settings.
    pub fn lock(&self) -> Option<&ChosenLock> {
        self.lock.as_ref()
    }

    /// Returns the whole URL, including the password. Never print it.
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// Servers: returns where the passwords are in the whole URL, in order; empty ones are left out.
    pub fn passwords(&self) -> Vec<Range<usize>> {
        match self.place {
            Place::File { .. } => Vec::new(),
            // A placeholder is no secret.
            Place::Server(_) if self.unset.is_some() => Vec::new(),
            Place::Server(_) => passwords(&self.text).into_iter().filter(|range| !range.is_empty()).collect(),
        }
    }

    /// Returns the forms in which the passwords of the URL may occur in a text, such as an error of a driver. Words that are likely in
    /// any text are left out: what was there could be guessed from the gap.
    pub fn secrets(&self) -> Vec<String> {
        match self.place {
            Place::Server(_) if self.unset.is_none() => secrets(&self.text),
            _ => Vec::new(),
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
        let is_placeholder = self.unset.is_some() && name.contains('$');
        Some(name).filter(|name| !name.is_empty() && !is_placeholder)
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
        Self { text: url.as_str().to_owned(), place: Place::Server(Ok(url)), ..self.clone() }
    }

    /// SQLite: returns the database's file; `None` for a database in memory and for servers.
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        match &self.place {
            Place::File { path, .. } => path.clone(),
            Place::Server(_) => None,
        }
    }

    /// SQLite: returns whether the file was named from the root of the file system, and not from some directory.
    pub fn is_absolute(&self) -> bool {
        matches!(self.place, Place::File { is_absolute: true, .. })
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

    /// Servers: returns whether the URL has a password, which may be a variable that is not set.
    pub fn has_password(&self) -> bool {
        self.server().is_ok_and(|url| url.password().is_some()) || self.parameter(&["password"]).is_some()
    }

    /// Servers: returns the same address with a password as it is; `None` if the URL has no host.
    pub fn with_password(&self, password: &str) -> Option<Self> {
        let mut url = self.server().ok()?.clone();
        // What `Url` leaves as it is, such as `%41`, would be decoded to something else.
        let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
        url.set_password(Some(&encoded)).ok()?;
        Some(Self { text: url.as_str().to_owned(), place: Place::Server(Ok(url)), ..self.clone() })
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
        match &self.place {
            // The path may contain what separates the parameters.
            Place::File { parameters, .. } if !parameters.is_empty() => {
                let path = &self.text[..self.text.len() - parameters.len() - 1];
                write!(f, "{path}{}", redact_parameters(parameters))
            }
            Place::File { .. } => f.write_str(&self.text),
            Place::Server(_) => f.write_str(&redact_url(&self.text)),
        }
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

/// Whether a text can be the scheme of a URL; the beginning of a password is not to be taken for one.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && (text.len() <= LONGEST_SCHEME || spelling::names_a_driver(text))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
}

/// The error of a text without a scheme. It may be anything: only what looks like a file is shown.
fn no_url(text: &str) -> Error {
    let is_path = text.ends_with(".db") || text.ends_with(".sqlite") || text.ends_with(".sqlite3");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    let error = match is_path && is_plain {
        true => Error::usage(format!("`{text}` is not a database URL")),
        false => Error::usage("the database URL does not begin with a kind of database"),
    };
    error.hint("a URL looks like `sqlite://app.db` or `postgres://user:password@host/database`")
}

/// Refuses the URL of a server in which the password may be somewhere else than where drivers look for it.
fn refuse_ambiguous(scheme: &str, rest: &str) -> Result<()> {
    let Some(body) = rest.strip_prefix("//") else {
        return Err(Error::usage(format!("the database URL has no `//` after `{scheme}:`"))
            .hint(format!("write `{scheme}://user:password@host/database`")));
    };
    // The parser would silently remove some of these.
    if body.contains(|c: char| c.is_control() || c == '\\') {
        return Err(Error::usage("the database URL contains a control character or a `\\`")
            .hint("percent-encode it: `%5C` for `\\`, `%09` for a tab"));
    }
    let authority = body.find(['/', '?', '#']).unwrap_or(body.len());
    let (authority, rest) = body.split_at(authority);
    let path = rest.split('?').next().unwrap_or_default();
    let is_late = rest.contains('@') && authority.contains([':', '@'])
        || path.contains('@')
        || rest.contains('#') && rest.contains('@');
    if is_late {
        return Err(Error::usage("the database URL has an `@` after the host, so that it is unclear where the password ends")
            .hint(
                "percent-encode these characters, in a password above all: `%40` for `@`, `%2F` for `/`, `%3F` for `?`, `%23` \
                 for `#`",
            ));
    }
    let user = authority.split_once('@').map_or("", |(user, _)| user);
    if !user.contains(':') && user.to_ascii_lowercase().contains("%3a") {
        return Err(Error::usage(
            "the user of the database URL contains an encoded `:`, so that it may contain the password",
        )
        .hint(format!("write the `:` between user and password as it is: `{scheme}://user:password@host/database`")));
    }
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let is_name = |name: &str| {
        let name = percent_decode_str(name).decode_utf8_lossy();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte))
    };
    let mut pairs = query.split('&').filter(|pair| !pair.is_empty());
    if !pairs.all(|pair| pair.split_once('=').is_some_and(|(name, _)| is_name(name))) {
        return Err(Error::usage("the database URL has something other than `name=value` after the `?`")
            .hint("percent-encode the characters of values: `%26` for `&`, `%3D` for `=`, `%3F` for `?`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
