//! How `runner test` runs migrations: as `apply` and `rollback` do, and in a separate process where a run is to be killed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::context::Context;
use super::exit;
use super::request::{CONNECTIONS, CrashAtRequest, GlobalRequest};
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_database::{ConnectOptions, DatabaseUrl, Dialect, StopSignal};
use runner_drivers::{Connector, connect};
use runner_engine::apply::{Action, Engine, Preload, Request, for_scratch};
use runner_engine::control::RunControl;
use runner_engine::identity::Identity;
use runner_engine::journal::crash;
use runner_engine::plan::PlanOptions;
use runner_engine::target::Target;
use runner_engine::{Direction, Event, EventSink, ScriptLoader, Transforms};
use runner_library::clock;
use runner_library::run::with_file;
use runner_project::settings::RequiredIsolation;
use runner_project::{Catalog, env};
use runner_report::{SinkOptions, Verbosity, sink};
use runner_testing::migration_tests::TestRunner;
use runner_testing::scratch::is_scratch;

/// The project's migrations, as databases of each dialect get them.
pub type Catalogs = HashMap<Dialect, Arc<Catalog>>;

/// Runs migrations of a test.
pub struct TestRuns {
    context: Arc<Context>,
    global: GlobalRequest,
    catalogs: Catalogs,
    /// The timestamp and seed of every run of a test: equal, so that results can be compared.
    inputs: (i64, u64),
    jobs: usize,
    stop: StopSignal,
    program: PathBuf,
    loaders: Mutex<HashMap<Dialect, Arc<dyn ScriptLoader>>>,
}

impl TestRuns {
    /// The runs of one test.
    pub fn new(
        context: Arc<Context>,
        global: &GlobalRequest,
        catalogs: Catalogs,
        inputs: (i64, u64),
        jobs: usize,
        stop: StopSignal,
    ) -> Result<Self> {
        let program = std::env::current_exe()
            .map_err(|error| Error::failed("cannot determine the path of this executable").cause(error))?;
        let loaders = Mutex::default();
        let has_logins = |dialect: &Dialect| dialect.has_server();
        if !context.settings.grants.is_empty() && catalogs.keys().any(has_logins) {
            context.printer.warn(
                "components have no logins for scratch databases of servers: their statements and writes are not held to their \
                 grants there",
                None,
            );
        }
        Ok(Self { context, global: global.clone(), catalogs, inputs, jobs, stop, program, loaders })
    }

    /// Options of connections to scratch databases.
    pub fn options(context: &Context, dialect: Dialect) -> ConnectOptions {
        let timeouts = &context.settings.timeouts;
        ConnectOptions {
            // On PostgreSQL they always are.
            foreign_keys: context.settings.foreign_keys || dialect == Dialect::Postgres,
            create: true,
            statement_timeout: timeouts.statement_timeout,
            lock_timeout: timeouts.table_lock_timeout(dialect),
            ..ConnectOptions::default()
        }
    }

    fn loader(&self, dialect: Dialect) -> Arc<dyn ScriptLoader> {
        let mut loaders = self.loaders.lock().unwrap_or_else(PoisonError::into_inner);
        loaders.entry(dialect).or_insert_with(|| self.context.loader(self.jobs, dialect, self.stop.clone())).clone()
    }

    /// Events of migrations under test are only shown with `--verbose`.
    fn events(&self, url: &DatabaseUrl, run_id: &str) -> Arc<dyn EventSink> {
        match self.context.printer.verbosity() {
            Verbosity::Verbose => {
                let (database, run_id) = (url.to_string(), Some(run_id.to_owned()));
                sink(&self.context.printer, SinkOptions { dry_run: false, database, run_id })
            }
            Verbosity::Normal | Verbosity::Quiet => Arc::new(Silent),
        }
    }
}

struct Silent;

impl EventSink for Silent {
    fn emit(&self, _: &Event) {}
}

#[async_trait]
impl TestRunner for TestRuns {
    async fn run(&self, url: &DatabaseUrl, action: Action) -> Result<()> {
        let settings = &self.context.settings;
        let catalog = self.catalogs.get(&url.dialect()).cloned().unwrap_or_default();
        // Logins are made for the databases of the settings, not for scratch databases.
        let options = ConnectOptions { logins: false, ..Self::options(&self.context, url.dialect()) };
        let database = connect(url, &options).await?;
        let (run_timestamp, seed) = self.inputs;
        let stop = self.stop.child();
        let _clock = clock(&stop, settings.limits.wall_time)?;
        let identity = Identity { run_timestamp, seed, ..Identity::now() };
        let events = self.events(url, &identity.run_id);
        let chunking = &settings.chunking;
        let transforms = Transforms {
            rows: chunking.rows,
            time: chunking.time,
            connections: self.jobs.min(CONNECTIONS),
            retries: settings.timeouts.retries,
            connector: Some(Connector { url: url.clone(), options: ConnectOptions { create: false, ..options } }),
            share: false,
            run_id: identity.run_id.clone(),
            held_by: format!("{}, process {}", identity.applied_by, std::process::id()),
            stored_row_bytes: settings.limits.stored_row_bytes,
        };
        let dialect = database.facts().dialect;
        let engine = Engine {
            transforms: Arc::new(transforms),
            loader: self.loader(dialect),
            ahead: Preload::default(),
            database: Arc::new(tokio::sync::Mutex::new(database)),
            catalog: catalog.clone(),
            control: Arc::new(RunControl::unthrottled(events.clone(), stop.clone())),
            dry_run: None,
            backup: None,
            events,
            stop,
            parameters: Arc::new(settings.parameters.clone()),
            grants: Arc::new(for_scratch(&settings.grants, dialect)),
            limits: Arc::new(settings.limits.clone()),
            // Scratch databases hold nothing that a component must not reach.
            isolation: RequiredIsolation::Any,
            identity,
            stored_artifact_bytes: settings.limits.stored_artifact_bytes,
            stored_call_bytes: settings.limits.stored_call_bytes,
            retries: settings.timeouts.retries,
        };
        let request = Request {
            action,
            options: PlanOptions::default().on_scratch(dialect),
            lock_wait: settings.lock_timeout.value,
            dry_run: false,
            accept: None,
        };
        let named = |error| with_file(error, &catalog);
        let outcome = engine.run(&request).await.map_err(named)?;
        outcome.error.map_or(Ok(()), |error| Err(named(error)))
    }

    fn victim(&self, url: &DatabaseUrl, direction: Direction, target: Option<&str>, moment: u64) -> Command {
        let mut command = Command::new(&self.program);
        // The URL may contain a password, and arguments of processes are visible to every user of a machine.
        command.env(env::DATABASE_URL, url.secret()).env_remove(env::FORMAT);
        // The name of a tenant would choose its database; another name is a flag below.
        command.env_remove(env::DATABASE);
        command.arg("crash-at").arg(moment.to_string());
        let (timestamp, seed) = self.inputs;
        command.arg(format!("--timestamp={timestamp}")).arg(format!("--seed={seed}"));
        command.arg(format!("--jobs={}", self.jobs));
        if direction == Direction::Down {
            command.arg("--down");
        }
        command.args(target.map(|target| format!("--target={target}")));
        let settings = &self.context.settings;
        command.arg("--config").arg(&settings.file);
        for (flag, name) in [("--environment", &settings.environment), ("--database", &settings.database)] {
            command.args(name.as_ref().map(|name| format!("{flag}={}", name.value)));
        }
        command.args(self.global.load.limits.iter().map(|limit| format!("--limit={limit}")));
        command.args(self.global.parameters.iter().map(|(name, value)| format!("--parameter={name}={value}")));
        command
    }
}

/// `runner crash-at`: a run that kills itself at a step. Only on scratch databases.
pub fn crash_at(context: Context, global: &GlobalRequest, request: &CrashAtRequest) -> Result<u8> {
    let url = context.settings.database_url.value.clone();
    if !is_scratch(&url) {
        return Err(context.place(
            Error::usage("`crash-at` only runs on scratch databases")
                .hint("`runner test --crash` creates one and starts the runs itself"),
        ));
    }
    let (catalog, _) = context.catalog_for_now(false)?;
    runtime::run(async move {
        let stop = StopSignal::default();
        super::signals::watch(&context.printer, &stop, None)?;
        let catalogs = [(url.dialect(), Arc::new(catalog))].into();
        let runs = TestRuns::new(Arc::new(context), global, catalogs, request.inputs, request.jobs, stop)?;
        let target = request.target.clone().map_or(Target::Base, Target::Revision);
        let action = if request.down { Action::Rollback(target) } else { Action::Apply(target) };
        crash::arm(request.moment);
        runs.run(&url, action).await?;
        Ok(exit::DONE)
    })
}
