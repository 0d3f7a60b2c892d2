//! Puts a [`Runner`] together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::database::DatabaseLocation;
use super::drive::ActiveRuns;
use super::events::{Callback, Events, Sinks, stream};
use super::setup::Setup;
use super::{Parts, Runner};
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_engine::event::{Event, EventSink};
use runner_engine::plan::PlanOptions;
use runner_project::origin::{Origin, Sourced};
use runner_project::settings::OnExisting;
use runner_project::{LoadRequest, Project, Settings};

/// Connections that a stepwise transform uses unless the program asks for another number.
const CONNECTIONS: usize = 4;

/// What a program sets in place of the project's settings.
type Change = Box<dyn FnOnce(&mut Settings) -> Result<()> + Send>;

/// Builds a [`Runner`]. Only project and database are needed; everything else has the defaults of the command line, or what
/// `runner.toml` of the project says.
#[must_use]
#[derive(Default)]
pub struct Builder {
    project: Option<Project>,
    database: Option<DatabaseLocation>,
    request: LoadRequest,
    changes: Vec<Change>,
    options: PlanOptions,
    locked: bool,
    jobs: Option<usize>,
    component_compiler: Option<PathBuf>,
    sinks: Vec<Box<dyn EventSink>>,
}

impl Builder {
    /// The project: a directory, or a [`Project`] embedded in the program.
    pub fn project(mut self, project: impl Into<Project>) -> Self {
        self.project = Some(project.into());
        self
    }

    /// The database: a URL, or the connect options of sqlx, such as `pool.connect_options()`. Without it, `runner.toml` must name
    /// one. Relative paths are relative to the current directory, those of `runner.toml` to the project. A SQLite file that does
    /// not exist is created by `apply`.
    pub fn database(mut self, database: impl Into<DatabaseLocation>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// The environment of `runner.toml` to use.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.request.environment = Some(name.into());
        self
    }

    /// The name of a database of `runner.toml`, whose migrations and lockfile are its own.
    pub fn named_database(mut self, name: impl Into<String>) -> Self {
        self.request.database = Some(name.into());
        self
    }

    /// Environment variables, which are not read otherwise: `std::env::vars()`, or some of them. They fill in `${…}` of
    /// `runner.toml`, and those that begin with `RUNNER_` mean what they mean to the command line, except those about its output.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.request.env.extend(variables);
        self
    }

    /// A limit by its name, such as `("wall_time", "10m")`.
    pub fn limit(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.change(move |settings| settings.limits.set(&name, &value))
    }

    /// A parameter for components.
    pub fn parameter(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.set(move |settings| settings.parameters.extend([(name, value)]))
    }

    /// How long to wait for the lock of another run.
    pub fn lock_timeout(self, timeout: Duration) -> Self {
        self.set(move |settings| settings.lock_timeout = Sourced { value: timeout, origin: Origin::Program })
    }

    /// How long a statement may wait for a lock on a table or row.
    pub fn table_lock_timeout(self, timeout: Duration) -> Self {
        self.set(move |settings| settings.timeouts.set_table_lock_timeout(Some(timeout)))
    }

    /// How long a statement of a migration may take.
    pub fn statement_timeout(self, timeout: Duration) -> Self {
        self.set(move |settings| settings.timeouts.statement_timeout = Some(timeout))
    }

    /// How often a migration that met a lock conflict is tried again.
    pub fn retries(self, retries: u32) -> Self {
        self.set(move |settings| settings.timeouts.retries = retries)
    }

    /// Whether pending migrations may be older than the newest applied one.
    pub fn allow_out_of_order(mut self, allow: bool) -> Self {
        self.options.allow_out_of_order = allow;
        self
    }

    /// Whether applied migrations may be missing from the project, as after a rollback of the program to an older release.
    pub fn allow_missing(mut self, allow: bool) -> Self {
        self.options.allow_missing = allow;
        self
    }

    /// What a first run does with a database that has tables, such as one that another tool has migrated. By default it is refused.
    pub fn on_existing(self, on_existing: OnExisting) -> Self {
        self.set(move |settings| settings.on_existing = on_existing)
    }

    /// Whether the lockfile must list every migration.
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    /// How many instances of a component, and connections where the database takes several writers, work on a transform.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    /// A private directory for compiled components, and for what is known of large SQL files. Without it, each run compiles the
    /// components it applies, and reads all of SQL.
    pub fn component_cache(self, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        self.set(|settings| settings.cache_directory = Some(directory))
    }

    /// The program that compiles components which are not in the cache, in a process of its own: a `runner` of the same version,
    /// or a program that calls `runner::compile_component` when its only argument is `compile-component`, perhaps
    /// [`std::env::current_exe`]. The process has limits (`compile_memory`, `compile_time`) and no descriptors, no environment
    /// and no files.
    ///
    /// Without it, components are compiled on a thread of this process. What a component may contain is bounded in
    /// either case, but then `compile_memory` is not, and a thread that takes longer than `compile_time` continues in
    /// the background until it is done. Name a program unless you trust all components.
    pub fn component_compiler(mut self, program: impl Into<PathBuf>) -> Self {
        self.component_compiler = Some(program.into());
        self
    }

    /// Calls a function with each event. It is called on the thread of the run and must not block for long.
    pub fn on_event(mut self, callback: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.sinks.push(Box::new(Callback(callback)));
        self
    }

    /// Sends events to a stream.
    pub fn event_stream(mut self) -> (Self, Events) {
        let (sink, events) = stream();
        self.sinks.push(sink);
        (self, events)
    }

    /// Reads the settings of the project. Connects to nothing.
    pub fn build(self) -> Result<Runner> {
        let project = self.project.ok_or_else(|| {
            Error::usage("no project is given").hint("pass its directory or its embedded files to `Builder::project`")
        })?;
        let start_dir = std::env::current_dir()
            .map_err(|error| Error::usage("cannot determine the current directory").cause(error))?;
        let resolved = self.database.map(|database| database.resolve(&start_dir)).transpose()?;
        let (program_database, driver) = match resolved {
            Some((url, driver)) => (Some(url), driver),
            None => (None, None),
        };
        let request = LoadRequest { start_dir, program_database, ..self.request };
        let mut settings = Settings::of_project(&request, &project)?;
        if settings.database_url.origin == Origin::Default {
            return Err(Error::usage("no database is given")
                .hint("give its URL, or the options of a pool, by `Builder::database`, or set `[database] url`"));
        }
        settings.use_parameter_variables()?;
        for change in self.changes {
            change(&mut settings)?;
        }
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let asked = match self.jobs {
            Some(jobs) => Some(jobs),
            None => settings.switches.job_count()?,
        };
        let jobs = asked.unwrap_or_else(processors);
        let connections = asked.unwrap_or(jobs.min(CONNECTIONS));
        let switches = &settings.switches;
        let options = PlanOptions {
            allow_out_of_order: self.options.allow_out_of_order || switches.allow_out_of_order,
            allow_missing: self.options.allow_missing || switches.allow_missing,
            ..PlanOptions::default()
        };
        let locked = self.locked || switches.locked;
        let setup = Setup {
            settings,
            driver,
            cache_note: None,
            compile_note: None,
            component_compiler: self.component_compiler,
            #[cfg(feature = "components")]
            shared_sandbox: None,
            member: None,
        };
        setup.check_driver()?;
        let events: Arc<dyn EventSink> = Arc::new(Sinks(self.sinks));
        let parts = Parts { setup, options, locked, jobs, connections, events };
        Ok(Runner { parts: Arc::new(parts), runs: ActiveRuns::default() })
    }

    fn set(self, set: impl FnOnce(&mut Settings) + Send + 'static) -> Self {
        self.change(move |settings| {
            set(settings);
            Ok(())
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Settings) -> Result<()> + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }
}
