//! `runner new`

use super::context::Context;
use super::exit;
use runner_base::error::Result;
use runner_build::scaffold::{Language, NewRequest, new_migration};
use runner_engine::identity::Identity;
use runner_project::revision::revision_at;
use runner_project::script::{Installer, embedded};
use runner_report::json::ScaffoldJson;
use runner_report::{Format, Text, text};

/// Creates a migration.
pub fn run(context: &Context, name: &str, (language, installer): (Option<String>, Option<Installer>)) -> Result<u8> {
    let language = match (language, &context.settings.switches.lang) {
        (Some(language), _) => Language::from_name(&language)?,
        (None, Some(text)) => {
            Language::from_name(&text.value).map_err(|error| error.at("setting", text.origin.to_string()))?
        }
        (None, None) => Language::default(),
    };
    let revision = revision_at(Identity::now().run_timestamp / 1_000_000);
    let made = new_migration(
        &context.settings,
        &NewRequest { name, language, installer, revision: &revision, runtime: &embedded },
    )?;
    let printer = &context.printer;
    match printer.format() {
        Format::Json => printer.json(&ScaffoldJson::new("new", &made)),
        Format::Text => {
            printer.info(&text::made(&made));
            let next = match language {
                _ if installer == Some(Installer::Npm) => {
                    "next: `npm install PACKAGE` in its directory, edit the script, then run `runner build` and `runner apply`"
                }
                _ if installer == Some(Installer::Pip) => {
                    "next: name packages in `requirements.txt`, edit the script, then run `runner build` and `runner apply`"
                }
                Language::Sql => "next: edit the SQL files, then run `runner apply`",
                Language::Rust | Language::Compiled(_) => {
                    "next: edit the code, then run `runner build` and `runner apply`"
                }
                Language::Script(_) => "next: edit the script, then run `runner apply`",
            };
            printer.info(&Text::new().plain(context.settings.for_database(next)).end());
        }
    }
    Ok(exit::DONE)
}
