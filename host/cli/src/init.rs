//! `runner init`

use std::path::Path;
use std::time::Duration;

use super::exit;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_base::suggest::quoted_for_shell;
use runner_build::scaffold::{Scaffolded, github, init};
use runner_database::{ConnectOptions, DatabaseUrl};
use runner_drivers::connect;
use runner_engine::identity::Identity;
use runner_engine::{existing_database, history};
use runner_project::revision::revision_at;
use runner_project::settings::FILE_NAME;
use runner_project::{LoadRequest, Settings};
use runner_report::json::ScaffoldJson;
use runner_report::{Format, Printer, Text, text};

/// How long to wait for a server whose database may have tables: the project is made either way.
const PATIENCE: Duration = Duration::from_secs(5);

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
    let mut has = None;
    let mut made = match ci && is_project {
        true => Scaffolded { root: absolute.clone(), ..Scaffolded::default() },
        false => {
            has = database.as_ref().map(content).transpose()?.flatten();
            let example = has.is_none().then(|| revision_at(Identity::now().run_timestamp / 1_000_000));
            init(&absolute, example.as_deref(), database.as_ref())?
        }
    };
    if ci {
        // Of this project, whatever the environment names.
        let load = LoadRequest { config: Some(absolute.join(FILE_NAME)), start_dir: absolute, ..load.clone() };
        github::github(&Settings::load(&load)?, &mut made)?;
    }
    match printer.format() {
        Format::Json => printer.json(&ScaffoldJson::new("init", &made)),
        Format::Text => {
            printer.info(&text::made(&made));
            if is_project {
                return Ok(exit::DONE);
            }
            let there = match directory.to_str() {
                Some(".") | None => String::new(),
                Some(directory) => format!("cd {}; ", quoted_for_shell(directory)),
            };
            let next = match &has {
                Some(has) => {
                    let note = format!("note: no example was written, as the database is not empty: it has {has}");
                    printer.info(&Text::new().plain(note).end());
                    "runner new NAME"
                }
                None => "runner apply",
            };
            printer.info(&Text::new().plain(format!("next: {there}{next}")).end());
        }
    }
    Ok(exit::DONE)
}

/// What a database has, if it exists and is not empty. One that cannot be reached yet may be anything: `apply` checks
/// again.
fn content(url: &DatabaseUrl) -> Result<Option<String>> {
    runtime::run(async {
        let options = ConnectOptions::default();
        let Ok(Ok(mut database)) = tokio::time::timeout(PATIENCE, connect(url, &options)).await else {
            return Ok(None);
        };
        let host = &mut database.host();
        if history::is_there(host).await? {
            return Ok(Some("a history of its own".to_owned()));
        }
        Ok(existing_database::inspect(host).await?.map(|existing| existing.found()))
    })
}
