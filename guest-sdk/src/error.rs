//! The error type of migrations and of calls to the host.

use std::borrow::Cow;
use std::fmt;

use crate::bindings::migration::runner::migration::types;

pub use types::ErrorKind;

/// The result type of a migration's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed: an error from the host, from any other library, or from the migration itself.
///
/// `?` converts any `std::error::Error` to this type, as with `anyhow`; for the same reason this type does not implement
/// that trait itself, and converts to `Box<dyn std::error::Error>` instead. Errors from the host keep their
/// [`kind`](Error::kind) and [`code`](Error::code), so that a migration can act on them.
///
/// ```
/// use runner_guest::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     let port: u16 = text.parse().context("the port")?;
///     ensure!(port >= 1024, "port {port} is reserved");
///     Ok(port)
/// }
///
/// assert_eq!(port("80").unwrap_err().to_string(), "port 80 is reserved");
/// assert_eq!(port("many").unwrap_err().to_string(), "the port: invalid digit found in string");
/// ```
pub struct Error(Box<types::Error>);

impl Error {
    /// An error created by the migration, of kind `failed`.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_kind(ErrorKind::Failed, message)
    }

    /// An error of the given kind.
    pub fn with_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(types::Error { kind, code: String::new(), message: message.into(), detail: None }))
    }

    /// An error from anything that implements `Display`: `value.map_err(Error::from_display)?`.
    pub fn from_display(error: impl fmt::Display) -> Self {
        Self::new(error.to_string())
    }

    /// Adds detail, such as which row or which file.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Prepends what was being done; kind and code stay the same.
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The database's own code: SQLSTATE on PostgreSQL, the error number on MySQL and MariaDB, the extended result code on
    /// SQLite. Empty if the error does not come from the database.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What happened, in plain English.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Further details, if any: table, column, row key, the database's own detail.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        if let Some(detail) = self.detail() {
            write!(f, " ({detail})")?;
        }
        if !self.code().is_empty() {
            write!(f, " [{}]", self.code())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("code", &self.code())
            .field("message", &self.message())
            .field("detail", &self.detail())
            .finish()
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors repeat their cause in their own text; do not print it twice.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(message)
    }
}

impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        error.to_string().into()
    }
}

impl From<Error> for Box<dyn std::error::Error> {
    fn from(error: Error) -> Self {
        error.to_string().into()
    }
}

/// An error from the host. No `From`: the generated type is a `std::error::Error` and would lose its kind that way.
pub(crate) fn from_host(error: types::Error) -> Error {
    Error(Box::new(error))
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        *error.0
    }
}

/// `.context("…")` on results and options, to say what was being done.
pub trait Context<T> {
    /// Prepends a description to the error; for `None` it becomes the error.
    fn context(self, context: impl Into<Cow<'static, str>>) -> Result<T>;

    /// Like `context`, with a description that is only computed when needed.
    fn with_context<C: fmt::Display>(self, context: impl FnOnce() -> C) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, context: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|error| error.into().context(context.into()))
    }

    fn with_context<C: fmt::Display>(self, context: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|error| error.into().context(context()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, context: impl Into<Cow<'static, str>>) -> Result<T> {
        self.ok_or_else(|| Error::new(context.into()))
    }

    fn with_context<C: fmt::Display>(self, context: impl FnOnce() -> C) -> Result<T> {
        self.ok_or_else(|| Error::from_display(context()))
    }
}

/// Returns from the function with an error whose message is formatted as with `format!`.
#[macro_export]
macro_rules! bail {
    ($($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::new(::std::format!($($message)+)))
    };
}

/// Returns from the function with an error unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bail!($($message)+)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_the_host_said() {
        let error = from_host(types::Error {
            kind: ErrorKind::Constraint,
            code: "23505".into(),
            message: "duplicate key".into(),
            detail: Some("users.email".into()),
        })
        .context("adding users");
        assert_eq!(error.kind(), ErrorKind::Constraint);
        assert_eq!(error.to_string(), "adding users: duplicate key (users.email) [23505]");
    }

    #[test]
    fn tells_the_causes_of_other_errors_once() {
        let other = std::io::Error::other("disk is full");
        assert_eq!(Error::from(other).to_string(), "disk is full");
        let none: Option<u8> = None;
        assert_eq!(none.context("no row").unwrap_err().to_string(), "no row");
    }
}
