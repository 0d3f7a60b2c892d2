//! Splits a script into its statements.

use super::SqlError;
use crate::database::Dialect;

/// One statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its exact text, without the comments before it and the semicolon behind it.
    pub text: &'a str,
    /// The line it begins on, counted from 1.
    pub line: usize,
}

/// The statements of a script.
pub fn split(text: &str, dialect: Dialect) -> Result<Vec<Statement<'_>>, SqlError> {
    let _ = (text, dialect);
    Ok(Vec::new())
}
