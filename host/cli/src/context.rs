//! What a command works with: the settings, the printer, and access to the project, the database and the sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::request::{GlobalRequest, flags};
use runner_base::error::{Error, ErrorKind, Result};
use runner_base::runtime;
use runner_database::Database;
use runner_database::redact::is_secret_word;
use runner_engine::event::{Event, LogLevel};
use runner_engine::history::{Record, Repair, read_all, read_repairs};
use runner_library::fleet;
use runner_library::setup::Note;
pub use runner_library::setup::{HistoryDetail, OpenError, OpenedDatabase, Setup};
use runner_project::settings::DatabaseUse;
use runner_project::{LoadRequest, Settings};
use runner_report::json::DatabaseJson;
use runner_report::{Format, Printer, SinkOptions, Text, sink, text};

/// What a command works with.
pub struct Context {
    /// Where output is written.
    pub printer: Arc<Printer>,
    /// The settings, and what is reached by them.
    pub setup: Setup,
    /// Environment variables of the process.
    pub env: BTreeMap<String, String>,
}

impl Context {
    /// Finds the project and reads its settings.
    pub fn load(printer: Arc<Printer>, global: &GlobalRequest) -> Result<Self> {
        let mut settings = settings(&global.load)?;
        printer.hide(settings.secrets());
        // The drivers read these, and the programs that back up a database.
        let passwords = ["PGPASSWORD", "MYSQL_PWD"].iter().filter_map(|name| global.load.env.get(*name));
        printer.hide(passwords.filter(|password| is_secret_word(password)).cloned());
        if let Some(format) = &settings.format {
            printer.set_format(match format.value.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                other => {
                    return Err(Error::usage(format!("invalid output format `{other}`"))
                        .at("setting", format.origin.to_string())
                        .hint("use `text` or `json`"));
                }
            });
        }
        let (verbosity, color) = flags(&global.flags, &settings.switches)?;
        printer.set(verbosity, color);
        settings.use_parameter_variables()?;
        for (name, text) in &global.parameters {
            settings.set_parameter(name, text)?;
        }
        let env = global.load.env.clone();
        settings.cache_directory = cache_directory(&env);
        let database = settings.database_url.value.to_string();
        let setup = Setup {
            settings,
            driver: None,
            cache_note: Some(cache_note(&printer, database)),
            compile_note: Some(compile_note(&printer)),
            component_compiler: Some(this_program()),
            shared_sandbox: None,
            member: None,
        };
        Ok(Self { printer, setup, env })
    }

    /// The same for a command that can do without the database: variables in its URL need not be set.
    pub fn of_project(printer: Arc<Printer>, global: &GlobalRequest) -> Result<Self> {
        let load = LoadRequest { wanted: DatabaseUse::Kind, ..global.load.clone() };
        Self::load(printer, &GlobalRequest { load, ..global.clone() })
    }

    /// Warns before anything runs; in JSON as an event, like the warnings of a run.
    pub fn warn(&self, message: &str, hint: Option<&str>) {
        let hint = hint.map(|hint| self.settings.for_database(hint));
        warn(&self.printer, self.settings.database_url.value.to_string(), message, hint.as_deref());
    }

    /// Says who holds the lock that a command waits for.
    pub fn waiting(&self) -> impl for<'a> Fn(&'a str) + Send + Sync + use<> {
        let printer = Arc::clone(&self.printer);
        move |holder| printer.always(&Text::new().plain(format!("waiting for the lock, held by {holder}")).end())
    }

    /// The database as JSON documents show it.
    pub fn database_json(&self) -> DatabaseJson {
        let url = &self.settings.database_url;
        DatabaseJson::new(self.settings.database_name(), url.value.to_string(), url.origin.to_string())
    }

    /// The schema in which names without one are looked up, as far as it is known without a connection.
    pub fn usual_schema(&self) -> String {
        self.facts_of_missing().schema_of_names().to_owned()
    }

    /// One of these migrations, by revision and name, that is applied to the database of the settings. Changing files needs no
    /// database: of one that cannot be reached, the error says that `what` may be applied, and what an applied one `must` do.
    pub fn applied_of<'m>(
        &self,
        mut migrations: impl Iterator<Item = (&'m String, &'m String)>,
        what: &str,
        must: &str,
    ) -> Option<Record> {
        let opened = match runtime::run(self.open(HistoryDetail::Live)) {
            Ok(opened) => opened,
            Err(error) => {
                let message = format!("cannot tell whether the {what} is applied: {}", error.message);
                self.printer.warn(&message, Some(&format!("a migration that is applied somewhere must {must}")));
                return None;
            }
        };
        migrations.find_map(|(revision, name)| opened.history.get(revision).filter(|it| it.name == *name).cloned())
    }

    /// Everything that ran on a database, and what was repaired; nothing if there is no database.
    pub async fn all_records(&self, database: Option<&mut Box<dyn Database>>) -> Result<(Vec<Record>, Vec<Repair>)> {
        let Some(database) = database else { return Ok(Default::default()) };
        let records = read_all(&mut database.host()).await.map_err(|error| self.place(error))?;
        Ok((records, read_repairs(&mut database.host()).await.map_err(|error| self.place(error))?))
    }

    /// Says which database a command read, and where its URL comes from; in JSON, the document does.
    pub fn say_database(&self) {
        if self.printer.format() == Format::Text {
            self.printer.info(&text::database(&self.settings.database_url));
        }
    }
}

/// Commands reach the settings, and the ways to project, database and sandbox, through the context.
impl Deref for Context {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

/// The settings; the name of a database may be that of a tenant.
fn settings(load: &LoadRequest) -> Result<Settings> {
    Settings::load(load).or_else(|error| {
        if load.tenant.is_some() {
            return Err(error);
        }
        // If the list of tenants cannot be read, that is the error: the name may be on it.
        match fleet::tenant(load).map(|tenant| tenant.map(|it| LoadRequest { tenant: Some(it), ..load.clone() })) {
            Ok(Some(load)) => Settings::load(&load),
            Ok(None) => Err(error),
            Err(of_tenants) if error.kind == ErrorKind::Usage => Err(of_tenants),
            Err(_) => Err(error),
        }
    })
}

/// Warns before anything runs on a database, given by its URL without a password.
fn warn(printer: &Arc<Printer>, database: String, message: &str, hint: Option<&str>) {
    if printer.format() == Format::Text {
        return printer.warn(message, hint);
    }
    let message = hint.map_or_else(|| message.to_owned(), |hint| format!("{message}; hint: {hint}"));
    let options = SinkOptions { dry_run: false, database, run_id: None };
    sink(printer, options).emit(&Event::Log { revision: String::new(), level: LogLevel::Warning, message });
}

/// Warns of what is wrong with the cache, once each.
fn cache_note(printer: &Arc<Printer>, database: String) -> Note {
    let (printer, said) = (printer.clone(), Mutex::new(BTreeSet::new()));
    Arc::new(move |text: &str| {
        if said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned()) {
            warn(&printer, database.clone(), text, None);
        }
    })
}

/// Says what takes a while.
fn compile_note(printer: &Arc<Printer>) -> Note {
    let printer = printer.clone();
    Arc::new(move |text: &str| {
        if printer.format() == Format::Text {
            printer.info(&Text::new().plain(text).end());
        }
    })
}

/// Returns the path of this program, which also compiles components. On Linux it leads to the same file even if that was
/// replaced meanwhile, by an update.
fn this_program() -> PathBuf {
    const LINUX: &str = "/proc/self/exe";
    if Path::new(LINUX).exists() {
        return PathBuf::from(LINUX);
    }
    // Starting it fails, and says so, if the path is not known.
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from(LINUX))
}

/// Returns the directory for compiled components and for what is known of large files: in the user's cache directory.
pub(crate) fn cache_directory(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let variable = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        let own = variable("XDG_CACHE_HOME").filter(|directory| directory.is_absolute());
        own.or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("runner"))
}
