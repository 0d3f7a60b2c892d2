//! `runner new`

use super::context::Context;
use super::request::Language;
use crate::error::{Error, Result};

/// Makes a migration.
pub fn run(context: &Context, name: &str, language: Language) -> Result<u8> {
    let _ = (context, name, language);
    Err(Error::failed("being built"))
}
