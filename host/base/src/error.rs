//! The one error type that users see: what happened, where, why, and what to do about it.

use std::fmt;
use std::ops::Deref;

/// Kind of an error; it determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something failed: SQL, a migration, the database, an unusable component (exit code 1).
    Failed,
    /// The command line, the configuration or the project is invalid (exit code 2).
    Usage,
    /// The project does not match the history or the lockfile (exit code 4).
    Mismatch,
    /// Timed out waiting for the lock (exit code 5).
    LockTimeout,
    /// A revision is partially applied and needs another `apply` or a `repair` (exit code 6).
    Partial,
    /// Refused by a grant or a limit (exit code 7).
    Denied,
    /// Stopped at a safe point by SIGINT, also if a revision stays partial (exit code 130).
    Interrupted,
    /// Stopped at a safe point by SIGTERM, SIGHUP or `runner cancel`, also if a revision stays partial (exit code 143).
    Terminated,
}

/// What to do about an error: printed after the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Advice in words.
    Text(String),
    /// How an administrator grants what a server has refused. Of no use where runner itself grants and revokes.
    Grant(String),
}

impl Deref for Hint {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Text(text) | Self::Grant(text) => text,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Hint> for String {
    fn from(hint: Hint) -> Self {
        hint.to_string()
    }
}

impl PartialEq<&str> for Hint {
    fn eq(&self, text: &&str) -> bool {
        **self == **text
    }
}

/// An error: a sentence, the places it occurred in, causes, and hints. `{}` prints the sentence, `{:#}` all of it, on
/// several lines.
#[derive(Clone, Debug)]
pub struct Error {
    /// Its kind.
    pub kind: ErrorKind,
    /// What happened, without a full stop.
    pub message: String,
    /// Where: `(label, text)` pairs such as `("migration", "20260105093000_create_users")`, outermost first.
    pub places: Vec<(&'static str, String)>,
    /// Causes, the most direct one first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<Hint>,
    /// Another session was in the way: the same work may succeed if it is tried again.
    pub is_transient: bool,
}

/// The result of most functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (places, causes, hints) = Default::default();
        Self { kind, message: message.into(), places, causes, hints, is_transient: false }
    }

    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The command line, the configuration or the project is invalid.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// The project does not match the history or the lockfile.
    pub fn mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch, message)
    }

    /// Refused by a grant or a limit.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a place; the last added is the outermost.
    #[must_use]
    pub fn at(mut self, label: &'static str, place: impl Into<String>) -> Self {
        self.places.insert(0, (label, place.into()));
        self
    }

    /// Adds a cause after the existing ones.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }
}

/// One error for all, if there are any. A single one is itself; several are listed below `heading`, each after its first place. The
/// kind is that of the first.
pub fn several(mut errors: Vec<Error>, heading: impl Fn(usize) -> String) -> Option<Error> {
    if errors.len() == 1 {
        return errors.pop();
    }
    let mut all = Error::new(errors.first()?.kind, heading(errors.len()));
    for error in errors {
        all = match error.places.first() {
            Some((_, place)) => all.cause(format!("{place}: {}", error.message)),
            None => all.cause(error.message),
        };
        all.hints.extend(error.hints.into_iter().filter(|hint| !all.hints.contains(hint)).collect::<Vec<_>>());
    }
    Some(all)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !f.alternate() {
            return Ok(());
        }
        let lines = |text: &str| text.replace('\n', "\n    ");
        for (label, place) in &self.places {
            write!(f, "\n  {label}: {}", lines(place))?;
        }
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", lines(cause))?;
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {}", lines(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternate_form_shows_everything() {
        let error = Error::failed("no").at("script", "upgrade").at("migration", "1_a").cause("x\ny").hint("try");
        assert_eq!(error.to_string(), "no");
        let all = "no\n  migration: 1_a\n  script: upgrade\n  caused by: x\n    y\n  hint: try";
        assert_eq!(format!("{error:#}"), all);
    }
}
