//! Settings, and the ways from them to migrations, database and scripts.

use std::path::PathBuf;
use std::sync::Arc;

use super::distinct::Distinct;
use runner_base::error::{Error, Result};
use runner_base::suggest::quoted_for_shell;
use runner_database::{
    ConnectOptions, Database, DatabaseErrorKind, Dialect, DriverOptions, Facts, HostSession, StopSignal, Unset,
};
use runner_drivers::{Connector, connect, facts, no_driver};
use runner_engine::control::in_progress;
use runner_engine::history::{self, History};
use runner_engine::protection;
#[cfg(feature = "components")]
use runner_engine::script::Compiled;
use runner_engine::script::{Script, ScriptLoader, ScriptSource};
use runner_engine::sql_script::SqlScript;
use runner_project::{Catalog, CatalogReport, Checks, Settings};
#[cfg(feature = "components")]
use runner_sandbox::{Compiler, Keep, Sandbox, SandboxOptions};

/// Receives sentences for the operator.
pub type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// What everything here works with.
#[derive(Clone)]
pub struct Setup {
    /// The settings.
    pub settings: Settings,
    /// How a program reaches its database, if that is not by the URL of the settings.
    pub driver: Option<DriverOptions>,
    /// Receives what is worth saying of the cache of compiled components.
    pub cache_note: Option<Note>,
    /// Called before a large component is compiled, which takes seconds.
    pub compile_note: Option<Note>,
    /// The program that compiles components, in a process of its own; none: this process.
    pub component_compiler: Option<PathBuf>,
    /// The sandbox of all runs of a command on several databases; none: each run has its own.
    #[cfg(feature = "components")]
    pub shared_sandbox: Option<Arc<Sandbox>>,
    /// The name of the database among several, and what is known of the others.
    pub member: Option<(String, Distinct)>,
}

/// How much of the history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryDetail {
    /// The applied revisions.
    Live,
    /// The applied revisions, and which artifacts the database stores.
    WithArtifacts,
    /// The same as a plan takes them.
    ForPlan,
}

/// A database and its history.
pub struct OpenedDatabase {
    /// The connection; none if the database does not exist yet.
    pub database: Option<Box<dyn Database>>,
    /// Its history.
    pub history: History,
    /// What the server can do.
    pub facts: Facts,
    /// The run whose work looks partial in the history; it counts as still to be done.
    pub under_way: Option<String>,
}

/// Why a database could not be opened.
pub enum OpenError {
    /// It does not exist.
    Missing(Error),
    /// Anything else.
    Other(Error),
}

impl From<OpenError> for Error {
    fn from(unopened: OpenError) -> Self {
        match unopened {
            OpenError::Missing(error) | OpenError::Other(error) => error,
        }
    }
}

impl Setup {
    /// Fails if this build has no driver for the database.
    pub fn check_driver(&self) -> Result<()> {
        let dialect = self.settings.database_url.value.dialect();
        let has_driver = match dialect {
            Dialect::Sqlite => cfg!(feature = "sqlite"),
            Dialect::Postgres => cfg!(feature = "postgres"),
            Dialect::Mysql | Dialect::Mariadb => cfg!(feature = "mysql"),
        };
        if has_driver { Ok(()) } else { Err(self.place(no_driver(dialect).into())) }
    }

    /// The project's migrations, which must match the lockfile.
    pub fn catalog(&self, locked: bool) -> Result<Catalog> {
        Catalog::load(&self.settings, Checks { locked, ..Checks::default() })
    }

    /// The project's migrations, and where they disagree with the lockfile.
    pub fn inspect(&self) -> Result<CatalogReport> {
        Catalog::inspect(&self.settings, Checks::default())
    }

    /// Opens the database and reads its history; a database that does not exist has an empty one.
    pub async fn open(&self, detail: HistoryDetail) -> Result<OpenedDatabase> {
        match self.connect(false).await {
            Ok(mut database) => {
                let read = self.read(&mut database.host(), detail).await;
                let (history, under_way) = read.map_err(|error| self.place(error))?;
                let facts = database.facts().clone();
                Ok(OpenedDatabase { database: Some(database), history, facts, under_way })
            }
            Err(OpenError::Missing(_)) => {
                let (history, facts) = (History::default(), self.facts_of_missing());
                Ok(OpenedDatabase { database: None, history, facts, under_way: None })
            }
            Err(OpenError::Other(error)) => Err(error),
        }
    }

    /// The history, and the run that is doing what is partial in it, if that is for a plan.
    async fn read(&self, database: &mut HostSession<'_>, detail: HistoryDetail) -> Result<(History, Option<String>)> {
        match detail {
            HistoryDetail::Live => Ok((history::read(database).await?, None)),
            HistoryDetail::WithArtifacts => Ok((history::read_with_artifacts(database).await?, None)),
            HistoryDetail::ForPlan => {
                let mut history = history::read_with_artifacts(database).await?;
                let under_way = in_progress::settle(database, &mut history).await?;
                Ok((history, under_way))
            }
        }
    }

    /// What is known of a database that does not exist: only a SQLite file can be missing without being an error.
    pub fn facts_of_missing(&self) -> Facts {
        let url = &self.settings.database_url.value;
        let facts = Facts { history: self.settings.history.clone(), ..facts(url.dialect()) };
        match url.dialect() {
            // A database is a schema there.
            Dialect::Mysql | Dialect::Mariadb => Facts { schema: url.database_name().map(str::to_owned), ..facts },
            Dialect::Sqlite | Dialect::Postgres => facts,
        }
    }

    /// Opens the database; with `create`, creates it if it does not exist.
    pub async fn connect(&self, create: bool) -> Result<Box<dyn Database>, OpenError> {
        let url = &self.settings.database_url.value;
        let Connector { options, .. } = self.connector();
        let options = ConnectOptions { create, ..options };
        let mut database = connect(url, &options).await.map_err(|error| {
            // A database on a server is created by its operator.
            let is_missing = error.kind == DatabaseErrorKind::NotFound && url.sqlite_path().is_some();
            let error = self.place(error.into());
            if is_missing { OpenError::Missing(error) } else { OpenError::Other(error) }
        })?;
        if let Some((name, others)) = &self.member {
            others.check(name, &mut *database).await.map_err(|error| OpenError::Other(self.place(error)))?;
        }
        Ok(database)
    }

    /// Makes connections to an existing database.
    pub fn connector(&self) -> Connector {
        let url = self.settings.database_url.value.clone();
        let timeouts = &self.settings.timeouts;
        let options = ConnectOptions {
            foreign_keys: self.settings.foreign_keys,
            statement_timeout: timeouts.statement_timeout,
            lock_timeout: timeouts.table_lock_timeout(url.dialect()),
            driver: self.driver.clone(),
            history: self.settings.history.clone(),
            ..ConnectOptions::default()
        };
        Connector { url, options }
    }

    /// Adds the database and the origin of its URL to an error.
    pub fn place(&self, error: Error) -> Error {
        let url = &self.settings.database_url;
        if url.value.unset() == Some(&Unset::Url) {
            return error;
        }
        error.at("database", format!("{} ({})", url.value, url.origin))
    }

    /// Fails if the settings protect the database. `what` completes "will not … this database".
    pub fn check_protected(&self, what: &str) -> Result<()> {
        match &self.settings.protected {
            Some(table) => self.refuse_protected(&format!("`[{table}]` is protected"), what),
            None => Ok(()),
        }
    }

    /// Whether the settings, or the history of the database, protect it.
    pub async fn is_protected(&self, database: &mut dyn Database) -> Result<bool> {
        Ok(self.settings.protected.is_some()
            || protection::is_recorded(database).await.map_err(|error| self.place(error))?)
    }

    /// Fails if the settings, or the history of the database, protect it.
    pub async fn check_protected_database(&self, database: &mut dyn Database, what: &str) -> Result<()> {
        self.check_protected(what)?;
        if self.settings.protected.is_none()
            && protection::is_recorded(database).await.map_err(|error| self.place(error))?
        {
            self.refuse_protected("the history of this database says that it is protected", what)?;
        }
        Ok(())
    }

    /// Refuses, unless the operator names the database.
    fn refuse_protected(&self, why: &str, what: &str) -> Result<()> {
        self.refuse_unless(&self.settings.names_of_database(), why, what)
    }

    /// Refuses what would take the histories of others with it, unless the operator names the database as its server
    /// does: the name of a tenant does not cover those of others.
    pub fn refuse_shared(&self, why: &str, what: &str) -> Result<()> {
        self.refuse_unless(&self.settings.own_names_of_database(), why, what)
    }

    fn refuse_unless(&self, names: &[String], why: &str, what: &str) -> Result<()> {
        if self.settings.unprotect.as_ref().is_some_and(|name| names.contains(name)) {
            return Ok(());
        }
        let error = Error::denied(format!("{why}: will not {what} this database"));
        let error = match names.first() {
            Some(name) => {
                error.hint(format!("`--unprotect {}` does it nevertheless, this once", quoted_for_shell(name)))
            }
            None => error,
        };
        Err(self.place(error))
    }

    /// A sandbox; it starts nothing until a component runs. The signal also ends compiling.
    #[cfg(feature = "components")]
    pub fn sandbox(&self, jobs: usize, stop: StopSignal) -> Sandbox {
        let cache_directory = self.settings.cache_directory.clone();
        let compiler = self.component_compiler.clone().map_or(Compiler::Thread, Compiler::Program);
        let (limits, cache_note) = (self.settings.limits.clone(), self.cache_note.clone());
        let (compile_note, keep) = (self.compile_note.clone(), Keep::Nothing);
        Sandbox::new(SandboxOptions { limits, cache_directory, cache_note, compile_note, jobs, compiler, stop, keep })
    }

    /// Has all further clones share a sandbox, which compiles each component once.
    #[cfg(feature = "components")]
    pub fn share_sandbox(&mut self, jobs: usize, stop: StopSignal) {
        self.shared_sandbox = Some(Arc::new(self.sandbox(jobs, stop).keeping()));
    }

    /// Without components there is nothing to share.
    #[cfg(not(feature = "components"))]
    pub fn share_sandbox(&mut self, _jobs: usize, _stop: StopSignal) {}

    /// Uses the sandbox that another shares.
    pub fn use_sandbox_of(&mut self, other: &Self) {
        #[cfg(feature = "components")]
        other.shared_sandbox.clone_into(&mut self.shared_sandbox);
        #[cfg(not(feature = "components"))]
        let _ = other;
    }

    /// Loads scripts from SQL and from components.
    #[cfg(feature = "components")]
    pub fn loader(&self, jobs: usize, dialect: Dialect, stop: StopSignal) -> Arc<dyn ScriptLoader> {
        let sandbox = self.shared_sandbox.clone().unwrap_or_else(|| Arc::new(self.sandbox(jobs, stop)));
        Arc::new(Loader { sandbox, dialect })
    }

    /// Makes scripts from SQL; this build has no sandbox.
    #[cfg(not(feature = "components"))]
    pub fn loader(&self, _jobs: usize, dialect: Dialect, _stop: StopSignal) -> Arc<dyn ScriptLoader> {
        Arc::new(move |source: &ScriptSource| -> Result<Box<dyn Script>> {
            match source {
                ScriptSource::Sql { up, down, .. } => Ok(Box::new(SqlScript::new(up, down.as_ref(), dialect)?)),
                ScriptSource::Component { .. } | ScriptSource::Script(_) => Err(super::no_sandbox::no_components()),
            }
        })
    }
}

/// Makes scripts from SQL and from components.
#[cfg(feature = "components")]
struct Loader {
    sandbox: Arc<Sandbox>,
    dialect: Dialect,
}

#[cfg(feature = "components")]
impl ScriptLoader for Loader {
    fn load(&self, source: &ScriptSource) -> Result<Box<dyn Script>> {
        match source {
            ScriptSource::Sql { up, down, .. } => Ok(Box::new(SqlScript::new(up, down.as_ref(), self.dialect)?)),
            ScriptSource::Component { bytes, sha256, assets } => self.sandbox.load(bytes, sha256, assets.clone()),
            ScriptSource::Script(script) => self.sandbox.load_script(script),
        }
    }

    fn compiled(&self, sha256: &str) -> Option<Compiled> {
        self.sandbox.compiled(sha256)
    }
}
