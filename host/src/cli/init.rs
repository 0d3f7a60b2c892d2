//! `runner init`

use std::path::Path;

use super::exit;
use crate::database::DatabaseUrl;
use crate::engine::identity::Identity;
use crate::error::{Error, Result};
use crate::project::scaffold::{Scaffolded, github, init, revision_at};
use crate::project::settings::FILE_NAME;
use crate::project::{LoadRequest, Settings};
use crate::report::json::ScaffoldJson;
use crate::report::{Format, Printer, Text, text};
use crate::suggest::quoted_for_shell;

/// Creates a project, for the database of `--database-url` or an SQLite file of its own; with `ci`, a workflow too, for which
/// the project may exist.
pub fn run(printer: &Printer, directory: &Path, ci: bool, load: &LoadRequest) -> Result<u8> {
    let url = load.database_url.as_ref();
    let database = url.map(|url| DatabaseUrl::parse(url, &load.start_dir)).transpose()?;
    printer.hide(database.iter().flat_map(DatabaseUrl::secrets));
    let absolute = std::path::absolute(directory)
        .map_err(|error| Error::usage("the current directory no longer exists").cause(error))?;
    if ci {
        // Before anything is written.
        github::check(&absolute)?;
    }
    let is_project = absolute.join(FILE_NAME).exists();
    let mut made = match ci && is_project {
        true => Scaffolded { root: absolute.clone(), ..Scaffolded::default() },
        false => init(&absolute, &revision_at(Identity::now().run_timestamp / 1_000_000), database.as_ref())?,
    };
    if ci {
        // Of this project, whatever the environment names.
        let load = LoadRequest { config: Some(absolute.join(FILE_NAME)), start_dir: absolute, ..load.clone() };
        github::github(&Settings::load(&load)?, &mut made)?;
    }
    match printer.format() {
        Format::Json => printer.json(&ScaffoldJson::new("init", &made)),
        Format::Text => {
            printer.talk(&text::made(&made));
            if is_project {
                return Ok(exit::DONE);
            }
            let there = match directory.to_str() {
                Some(".") | None => String::new(),
                Some(directory) => format!("cd {}; ", quoted_for_shell(directory)),
            };
            printer.talk(&Text::new().plain(format!("next: {there}runner apply")).end());
        }
    }
    Ok(exit::DONE)
}
