//! The one error type that reaches a person: what happened, where, how to go on, and which exit code it means.

use std::fmt;

/// What kind of failure an error is; decides the exit code and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something failed: SQL, a migration, the database, an artifact that is no usable component (exit code 1).
    Failed,
    /// The command line, the configuration or the project is wrong (exit code 2).
    Usage,
    /// History or lockfile disagree with the project (exit code 4).
    Mismatch,
    /// Somebody else held the lock for longer than we may wait (exit code 5).
    LockTimeout,
    /// A revision is half done and needs `apply` again or `repair` (exit code 6).
    Partial,
    /// Refused by a grant or a limit (exit code 7).
    Denied,
    /// Stopped at a safe point by SIGINT (exit code 130).
    Interrupted,
    /// Stopped at a safe point by SIGTERM (exit code 143).
    Terminated,
}

/// An error for people: a sentence, the places it went through, and hints. `{}` prints the sentence, `{:#}` all of it, on
/// several lines.
#[derive(Clone, Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened, without a final period.
    pub message: String,
    /// Where: `(label, text)` pairs such as `("migration", "20260105093000_create_users")`, outermost first.
    pub places: Vec<(&'static str, String)>,
    /// Causes, the nearest first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
}

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), places: Vec::new(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Something failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The command line, the configuration or the project is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// History or lockfile disagree with the project.
    pub fn mismatch(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch, message)
    }

    /// Refused by a grant or a limit.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a place; the last added is the outermost.
    #[must_use]
    pub fn at(mut self, label: &'static str, place: impl Into<String>) -> Self {
        self.places.insert(0, (label, place.into()));
        self
    }

    /// Adds a cause below those already there.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }
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
