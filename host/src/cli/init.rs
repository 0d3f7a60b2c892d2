//! `runner init`

use std::path::Path;

use super::exit;
use crate::engine::identity::Identity;
use crate::error::{Error, Result};
use crate::project::scaffold::{init, revision_at};
use crate::report::json::ScaffoldJson;
use crate::report::{Format, Printer, Text, text};

/// Creates a project.
pub fn run(printer: &Printer, folder: &Path) -> Result<u8> {
    let absolute = std::path::absolute(folder)
        .map_err(|error| Error::usage("the current directory no longer exists").cause(error))?;
    let made = init(&absolute, &revision_at(Identity::now().run_timestamp / 1_000_000))?;
    match printer.format() {
        Format::Json => printer.json(&ScaffoldJson::new("init", &made)),
        Format::Text => {
            printer.talk(&text::made(&made));
            let there = match folder.to_str() {
                Some(".") | None => String::new(),
                Some(folder) => format!("cd {folder}; "),
            };
            printer.talk(&Text::new().plain(format!("next: {there}runner apply")).end());
        }
    }
    Ok(exit::DONE)
}
