//! `runner init`

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::report::Printer;

/// Makes a project.
pub fn run(printer: &Arc<Printer>, folder: &Path) -> Result<u8> {
    let _ = (printer, super::request::absolute(folder)?);
    Err(Error::failed("being built"))
}
