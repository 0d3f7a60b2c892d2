//! Wires the engine for `apply`, `rollback` and `redo`, and runs it.

use std::sync::Arc;

use super::setup::{OpenError, Setup};
use crate::backup::{self, Backups};
use runner_base::error::{Error, ErrorKind, Result};
use runner_database::{ConnectOptions, Database, DatabaseUrl, Dialect, StopSignal};
use runner_drivers::{Connector, connect};
use runner_engine::apply::{AcceptChanged, Action, Engine, Preload, Request};
use runner_engine::backup::Backup;
use runner_engine::control::{RunControl, RunInfo};
use runner_engine::dry_run::{DryRun, DryRunRecorder, Ground, OnScratch, RecorderOptions, Trial};
use runner_engine::existing_database;
use runner_engine::history::{self, History, Record};
use runner_engine::identity::Identity;
use runner_engine::outcome::Outcome;
use runner_engine::plan::{PlanInput, PlanOptions, plan_apply, plan_rollback};
use runner_engine::protection;
use runner_engine::target::{Candidates, Target};
use runner_engine::{Direction, EventSink, Transforms};
use runner_project::Catalog;
use runner_project::settings::{BackupSettings, Chunking, OnExisting};

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct RunOrder {
    /// What to do.
    pub action: Action,
    /// What the operator allows.
    pub options: PlanOptions,
    /// How to do a dry run; `None` if it is not one.
    pub dry_run: Option<DryRunOrder>,
    /// Instances for a transform.
    pub jobs: usize,
    /// Connections for a transform, where instances can have their own.
    pub connections: usize,
    /// Share the transforms of another run.
    pub share: bool,
    /// The lockfile must list everything.
    pub locked: bool,
    /// A changed build that may continue an unfinished transform.
    pub accept: Option<AcceptChanged>,
}

/// How to do a dry run.
#[derive(Clone, Copy, Debug)]
pub struct DryRunOrder {
    /// Rows of each sample.
    pub samples: usize,
    /// Run only this many chunks of each transform.
    pub chunks: Option<u64>,
    /// Run on a copy, with at most this many rows of each table.
    pub on_scratch: Option<Option<u64>>,
    /// Report every statement.
    pub all: bool,
}

/// The outcome of a run, and where the database is now.
#[derive(Debug, Default)]
pub struct Ran {
    /// The outcome.
    pub outcome: Outcome,
    /// The newest revision in force, as `REVISION_name`.
    pub current: Option<String>,
}

/// The project's migrations for a run. A rollback must not be prevented by a new migration that is not built yet, or by a
/// changed file: what disagrees with the lockfile is left out, and the database's copy is used.
pub fn catalog(setup: &Setup, order: &RunOrder) -> Result<Catalog> {
    if order.locked || !matches!(order.action, Action::Rollback(_)) {
        return setup.catalog(order.locked);
    }
    let report = setup.inspect()?;
    let mut catalog = report.catalog;
    catalog.migrations.retain(|migration| report.problems.iter().all(|it| it.revision != migration.revision));
    Ok(catalog)
}

/// Runs what is ordered. An error means that nothing was begun; a failure on the way is in the outcome.
pub async fn run(
    setup: &Setup,
    order: &RunOrder,
    catalog: Arc<Catalog>,
    (identity, events): (Identity, Arc<dyn EventSink>),
    stop: StopSignal,
) -> Result<Ran> {
    let dry_run = order.dry_run.is_some();
    if dry_run {
        setup.settings.throttle.check_dry_run()?;
    }
    let Some(mut database) = open(setup, order, &catalog).await? else {
        return Ok(Ran { outcome: Outcome { dry_run, ..Outcome::default() }, current: None });
    };
    if !dry_run {
        check_protected(setup, &order.action, (&catalog, order.options), &mut *database).await?;
    }
    let throttle = setup.settings.throttle.clone().fit(database.facts().dialect)?;
    let chunking = setup.settings.chunking.fit(database.facts().dialect)?;
    let glanced = glance(order, &mut *database).await;
    if let Some(history) = glanced.as_ref().filter(|history| nothing_pending(order, &catalog, history, &*database)) {
        let outcome = Outcome { run_id: identity.run_id, dry_run, ..Outcome::default() };
        let current = history.current().map(Record::id);
        record_protection(setup, order, &mut *database).await?;
        return Ok(Ran { outcome, current });
    }
    if glanced.is_none() {
        check_existing(setup, order, &catalog, &mut *database).await?;
    }
    #[cfg(not(feature = "components"))]
    super::no_sandbox::check((&order.action, order.options), &catalog, &mut *database)
        .await
        .map_err(|error| setup.place(error))?;
    let backup = backup(setup, database.facts().dialect);
    let recording = order.dry_run.map(|asked| recording(setup, asked, &*database, &events));
    let events = recording.as_ref().map_or(events, |it| it.trial.recorder.clone());
    let about = RunInfo { run_id: identity.run_id.clone(), owner: identity.lock_owner(order.action.verb()) };
    let control = RunControl::new(about, throttle, events.clone(), stop.clone()).watched_by(setup.connector());
    let control = Arc::new(control);
    let engine = Engine {
        transforms: Arc::new(transforms(setup, order, chunking, &identity)),
        loader: setup.loader(order.jobs, database.facts().dialect, stop.clone()),
        ahead: Preload::default(),
        database: Arc::new(tokio::sync::Mutex::new(database)),
        catalog,
        events,
        stop,
        parameters: Arc::new(setup.settings.parameters.clone()),
        grants: Arc::new(setup.settings.grants.clone()),
        limits: Arc::new(setup.settings.limits.clone()),
        isolation: setup.settings.isolation,
        identity,
        stored_artifact_bytes: setup.settings.limits.stored_artifact_bytes,
        stored_call_bytes: setup.settings.limits.stored_call_bytes,
        retries: setup.settings.timeouts.retries,
        control,
        dry_run: recording,
        backup,
    };
    let lock_wait = setup.settings.lock_timeout.value;
    let accept = order.accept.clone();
    let request = Request { action: order.action.clone(), options: order.options, lock_wait, dry_run, accept };
    let mut outcome = match engine.run(&request).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let history = history::read(&mut engine.database.lock().await.host()).await;
            let is_empty = history.is_ok_and(|history| history.live.is_empty());
            return Err(setup.place(with_file(on_history(error, &request.action, is_empty), &engine.catalog)));
        }
    };
    outcome.error = outcome.error.map(|error| setup.place(with_file(error, &engine.catalog)));
    if let Err(error) = record_protection(setup, order, &mut **engine.database.lock().await).await {
        // What ran has run. After another error, the next run records it.
        outcome.error.get_or_insert(error);
    }
    let history = history::read(&mut engine.database.lock().await.host()).await.unwrap_or_default();
    Ok(Ran { outcome, current: history.current().map(Record::id) })
}

/// Opens the database; none if it does not exist and nothing would be applied to it.
async fn open(setup: &Setup, order: &RunOrder, catalog: &Catalog) -> Result<Option<Box<dyn Database>>> {
    let missing = match setup.connect(false).await {
        Ok(database) => return Ok(Some(database)),
        Err(OpenError::Other(error)) => return Err(error),
        Err(OpenError::Missing(error)) => error,
    };
    // What is to be rolled back is in a database that exists.
    let Action::Apply(target) = &order.action else { return Err(missing) };
    if setup.settings.tenant.is_some() && !creates(&setup.settings.database_url.value) {
        let missing = Error { hints: Vec::new(), ..missing };
        return Err(missing.hint(
            "a tenant of the list should have a database: restore the file, or create an empty one with `runner db create`; \
             with `?mode=rwc` in the URL, `apply` creates the files of new tenants",
        ));
    }
    let (history, facts) = (History::default(), setup.facts_of_missing());
    let input = PlanInput { catalog, history: &history, facts: &facts, options: order.options };
    if plan_apply(&input, target)?.is_empty() {
        return Ok(None);
    }
    if order.dry_run.is_some() {
        // A dry run makes no file either.
        let url = DatabaseUrl::parse("sqlite::memory:", &setup.settings.root)?;
        let options = ConnectOptions { create: true, ..setup.connector().options };
        return connect(&url, &options).await.map(Some).map_err(|error| setup.place(error.into()));
    }
    Ok(Some(setup.connect(true).await?))
}

/// Whether the URL of a SQLite file says that it is created if it does not exist.
fn creates(url: &DatabaseUrl) -> bool {
    url.sqlite_parameters().any(|parameter| parameter == ("mode", "rwc"))
}

/// What a protected database refuses; completes "will not … this database".
pub const ROLL_BACK_ALL: &str = "roll back every migration of";

/// Fails for a rollback of several migrations, or of all, on a protected database.
async fn check_protected(
    setup: &Setup,
    action: &Action,
    input: (&Catalog, PlanOptions),
    database: &mut dyn Database,
) -> Result<()> {
    let Action::Rollback(target) = action else { return Ok(()) };
    if !setup.is_protected(database).await? {
        return Ok(());
    }
    let history = history::read_with_artifacts(&mut database.host()).await.map_err(|error| setup.place(error))?;
    let (catalog, options) = input;
    let input = PlanInput { catalog, history: &history, facts: database.facts(), options };
    // What cannot be planned is reported by the run.
    let number = plan_rollback(&input, target).map_or(0, |plan| plan.steps.len());
    if target.leaves_nothing(history.live.len()) {
        setup.check_protected_database(database, ROLL_BACK_ALL).await
    } else if number > 1 {
        setup.check_protected_database(database, &format!("roll back {number} migrations of")).await
    } else {
        Ok(())
    }
}

/// Records in the history of a protected database that it is protected.
async fn record_protection(setup: &Setup, order: &RunOrder, database: &mut dyn Database) -> Result<()> {
    if setup.settings.protected.is_none() || order.dry_run.is_some() || !matches!(order.action, Action::Apply(_)) {
        return Ok(());
    }
    protection::record(database).await.map_err(|error| setup.place(error))
}

/// The history, if one question shows it: programs ask it at every start. Whatever else it shows, the engine checks for
/// itself, under the lock.
async fn glance(order: &RunOrder, database: &mut dyn Database) -> Option<History> {
    if !matches!(order.action, Action::Apply(_)) || order.share || order.accept.is_some() {
        return None;
    }
    history::glance(&mut database.host()).await
}

/// Whether there is nothing to apply.
fn nothing_pending(order: &RunOrder, catalog: &Catalog, history: &History, database: &dyn Database) -> bool {
    let Action::Apply(target) = &order.action else { return false };
    let input = PlanInput { catalog, history, facts: database.facts(), options: order.options };
    plan_apply(&input, target).is_ok_and(|plan| plan.is_empty())
}

/// Refuses to apply the first migrations to a database that is not empty, unless that is meant.
async fn check_existing(setup: &Setup, order: &RunOrder, catalog: &Catalog, database: &mut dyn Database) -> Result<()> {
    let is_first = matches!(order.action, Action::Apply(_)) && !catalog.migrations.is_empty();
    if !is_first || setup.settings.on_existing == OnExisting::Apply {
        return Ok(());
    }
    let found = existing_database::inspect(&mut database.host()).await.map_err(|error| setup.place(error))?;
    match found {
        Some(found) => Err(setup.place(found.refused(|version| revision_of(catalog, version)))),
        None => Ok(()),
    }
}

/// The revision of the project that a version of another tool means.
pub fn revision_of(catalog: &Catalog, version: &str) -> Option<String> {
    let all = || catalog.migrations.iter().map(|migration| (&*migration.revision, &*migration.name));
    all().collect::<Candidates<'_>>().resolve(version).ok().map(str::to_owned)
}

/// How to do a dry run.
fn recording(setup: &Setup, asked: DryRunOrder, database: &dyn Database, events: &Arc<dyn EventSink>) -> DryRun {
    let options = RecorderOptions { samples: asked.samples, all: asked.all };
    // A database in memory takes the place of one that does not exist yet: it is already a copy.
    let in_memory = !database.facts().dialect.has_server() && database.facts().file.is_none();
    let on_scratch = asked.on_scratch.filter(|_| !in_memory);
    DryRun {
        trial: Trial::new(Arc::new(DryRunRecorder::new(events.clone(), options)), Ground::Transaction),
        on_scratch: on_scratch.map(|rows| OnScratch { rows, connect: setup.connector() }),
        chunks: asked.chunks,
    }
}

/// What makes a backup before the run, if there is to be one.
pub fn backup(setup: &Setup, dialect: Dialect) -> Option<Arc<dyn Backup>> {
    let BackupSettings { to, directory, command } = setup.settings.backup.clone();
    let name = setup.settings.database_name().map(str::to_owned);
    let options =
        backup::BackupOptions { to: to?, directory, command, name, root: setup.settings.directory().to_path_buf() };
    Some(Arc::new(Backups::new(setup.settings.database_url.value.clone(), dialect, options)))
}

/// How transforms of this run are split into chunks, and how many workers they get.
fn transforms(setup: &Setup, order: &RunOrder, chunking: Chunking, identity: &Identity) -> Transforms {
    let Connector { url, options } = setup.connector();
    let options = ConnectOptions { worker_of: Some(identity.run_id.clone()), ..options };
    Transforms {
        rows: chunking.rows,
        time: chunking.time,
        connections: order.connections,
        retries: setup.settings.timeouts.retries,
        // A dry run has a single connection: others would see neither its transaction nor its copy.
        connector: order.dry_run.is_none().then_some(Connector { url, options }),
        share: order.share && order.dry_run.is_none(),
        run_id: identity.run_id.clone(),
        held_by: format!("{}, process {}", identity.applied_by, std::process::id()),
        stored_row_bytes: setup.settings.limits.stored_row_bytes,
    }
}

/// The error with advice that fits the history: where nothing is applied, rolling everything back is not useful advice.
fn on_history(mut error: Error, action: &Action, is_empty: bool) -> Error {
    if is_empty && error.kind == ErrorKind::Usage && matches!(action, Action::Rollback(Target::Back(_))) {
        error.hints = vec!["nothing is applied, so there is nothing to roll back".into()];
    }
    error
}

/// Replaces the direction of a SQL script in an error by the name of its file, which the script itself does not know.
pub fn with_file(mut error: Error, catalog: &Catalog) -> Error {
    let Some((_, id)) = error.places.iter().find(|(label, _)| *label == "migration") else { return error };
    let found = catalog.migrations.iter().find(|migration| migration.id() == *id);
    let file = |direction: Direction| match (found, direction) {
        (Some(migration), Direction::Up) => migration.up_file(),
        (Some(migration), Direction::Down) => migration.down_file(),
        (None, Direction::Up) => format!("{id}.up.sql"),
        (None, Direction::Down) => format!("{id}.down.sql"),
    };
    let files = [Direction::Up, Direction::Down].map(|direction| (direction.to_string(), file(direction)));
    for place in error.places.iter_mut().filter(|(label, _)| *label == "script") {
        if let Some((_, file)) = files.iter().find(|(direction, _)| *direction == place.1) {
            *place = ("file", file.clone());
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_roll_back_is_said_so() {
        let error = || Error::usage("99 is more than there is").hint("roll back all");
        let action = Action::Rollback(Target::Back(99));
        assert!(on_history(error(), &action, true).hints[0].starts_with("nothing is applied"));
        assert_eq!(on_history(error(), &action, false).hints, ["roll back all"]);
    }

    #[test]
    fn a_script_is_named_by_its_file() {
        let error = |script: &str| Error::failed("no").at("script", script).at("migration", "1_a");
        let places = |error| with_file(error, &Catalog::default()).places;
        let migration = ("migration", "1_a".to_owned());
        assert_eq!(places(error("upgrade")), [migration.clone(), ("file", "1_a.up.sql".to_owned())]);
        assert_eq!(places(error("downgrade")), [migration, ("file", "1_a.down.sql".to_owned())]);
        assert_eq!(places(Error::failed("no").at("script", "upgrade")), [("script", "upgrade".to_owned())]);
    }
}
