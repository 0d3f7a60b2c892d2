//! What `apply`, `rollback` and `redo` share: wiring the engine, running it, reporting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{Context, Look, Looked};
use super::request::{DryRunRequest, RunRequest};
use super::{exit, signals};
use crate::backup::{self, Backups};
use crate::database::{ConnectOptions, Database, DatabaseUrl, Dialect, StopSignal, connect};
use crate::engine::apply::{Action, Engine, Identity, Request};
use crate::engine::backup::Backup;
use crate::engine::control::{About, RunControl};
use crate::engine::dry_run::{DryRun, DryRunRecorder, Ground, OnScratch, RecorderOptions, RecordingDatabase};
use crate::engine::history::{self, History, Record};
use crate::engine::outcome::Outcome;
use crate::engine::plan::{Input, plan_apply};
use crate::engine::target::Target;
use crate::engine::{Direction, EventSink, Transforms};
use crate::error::{Error, ErrorKind, Result};
use crate::project::Catalog;
use crate::project::settings::BackupSettings;
use crate::report::json::RunJson;
use crate::report::{Flavour, Format, Verbosity, sink, text};
use crate::runtime;

/// Runs the action and tells what came of it.
pub fn run(context: Context, request: &RunRequest, action: Action) -> Result<u8> {
    let catalog = Arc::new(catalog(&context, request, &action)?);
    runtime::run(async move {
        let stop = StopSignal::default();
        signals::watch(&stop, context.settings.limits.wall_time)?;
        let began = Instant::now();
        let Some(database) = open(&context, request, &action, &catalog).await? else {
            let outcome = Outcome { dry_run: request.dry_run.is_some(), ..Outcome::default() };
            return Ok(tell(&context, &action, &outcome, began.elapsed(), None));
        };
        let dry_run = request.dry_run.is_some();
        let flavour = Flavour { dry_run, database: context.settings.database_url.value.to_string() };
        let events = sink(&context.printer, flavour);
        let backup = backup(&context, database.facts().dialect);
        let recording = request.dry_run.as_ref().map(|asked| recording(&context, asked, &*database, &events));
        let events = recording.as_ref().map_or(events, |it| it.recorder.clone());
        let database = match &recording {
            Some(it) => Box::new(RecordingDatabase::new(database, it.recorder.clone(), Ground::Transaction)),
            None => database,
        };
        let identity = Identity::now();
        let about = About { run_id: identity.run_id.clone(), owner: identity.lock_owner(action.verb()) };
        let throttle = context.settings.throttle.clone().fit(database.facts().dialect)?;
        let control = Arc::new(RunControl::new(about, throttle, events.clone(), stop.clone()));
        let engine = Engine {
            transforms: Arc::new(transforms(&context, request, &identity)),
            loader: context.loader(request.jobs, database.facts().dialect),
            database: Arc::new(tokio::sync::Mutex::new(database)),
            catalog,
            events,
            stop,
            parameters: Arc::new(context.settings.parameters.clone()),
            identity,
            stored_artifact_bytes: context.settings.limits.stored_artifact_bytes,
            stored_call_bytes: context.settings.limits.stored_call_bytes,
            retries: context.settings.timeouts.retries,
            control,
            dry_run: recording,
            backup,
        };
        let request =
            Request { action, options: request.options, lock_wait: context.settings.lock_timeout.value, dry_run };
        let ran = engine.run(&request).await;
        let mut outcome = match ran {
            Ok(outcome) => outcome,
            Err(error) => {
                let history = history::read(&mut engine.database.lock().await.host()).await;
                let is_empty = history.is_ok_and(|history| history.live.is_empty());
                return Err(context.place(with_file(on_history(error, &request.action, is_empty))));
            }
        };
        outcome.error = outcome.error.map(|error| context.place(with_file(error)));
        let took = began.elapsed();
        let history = history::read(&mut engine.database.lock().await.host()).await.unwrap_or_default();
        Ok(tell(&context, &request.action, &outcome, took, history.current().map(Record::id)))
    })
}

/// How a dry run is done, as it was asked for.
fn recording(context: &Context, asked: &DryRunRequest, database: &dyn Database, events: &Arc<dyn EventSink>) -> DryRun {
    let options = RecorderOptions { samples: asked.samples, all: context.printer.verbosity() == Verbosity::Verbose };
    // A database in memory stands for one that does not exist yet: it is a copy already.
    let in_memory = database.facts().dialect == Dialect::Sqlite && database.url().sqlite_path().is_none();
    let on_scratch = asked.on_scratch.filter(|_| !in_memory);
    DryRun {
        recorder: Arc::new(DryRunRecorder::new(events.clone(), options)),
        on_scratch: on_scratch.map(|rows| OnScratch { rows, connect: context.connector().options }),
        chunks: asked.chunks,
    }
}

/// Who makes a backup before the run, if there is to be one.
fn backup(context: &Context, dialect: Dialect) -> Option<Arc<dyn Backup>> {
    let BackupSettings { to, folder, command } = context.settings.backup.clone();
    let options = backup::Options { to: to?, folder, command, root: context.settings.root.clone() };
    Some(Arc::new(Backups::new(context.settings.database_url.value.clone(), dialect, options)))
}

/// How transforms of this run are cut, and who works on them.
fn transforms(context: &Context, request: &RunRequest, identity: &Identity) -> Transforms {
    Transforms {
        rows: context.settings.chunking.rows,
        time: context.settings.chunking.time,
        connections: request.connections,
        retries: context.settings.timeouts.retries,
        // A dry run has one connection: the others would see neither its transaction nor its copy.
        connector: request.dry_run.is_none().then(|| context.connector()),
        share: request.share && request.dry_run.is_none(),
        run_id: identity.run_id.clone(),
        held_by: format!("{}, process {}", identity.applied_by, std::process::id()),
    }
}

/// The project's migrations. A way back must not be barred by a new migration that is not built yet, or by a file that was
/// changed: what disagrees with the lockfile is left out, and the database's copy is taken for it.
fn catalog(context: &Context, request: &RunRequest, action: &Action) -> Result<Catalog> {
    if request.locked || !matches!(action, Action::Rollback(_)) {
        return context.catalog(request.locked);
    }
    let report = context.inspect()?;
    let mut catalog = report.catalog;
    catalog.migrations.retain(|migration| report.problems.iter().all(|it| it.revision != migration.revision));
    Ok(catalog)
}

/// The database to work on; none if it does not exist and need not: nothing would be applied to it.
async fn open(
    context: &Context,
    request: &RunRequest,
    action: &Action,
    catalog: &Catalog,
) -> Result<Option<Box<dyn Database>>> {
    let Action::Apply(target) = action else {
        // Whoever goes down means a database that is there.
        return Ok(Some(context.connect(false).await?));
    };
    let Looked { database, facts, .. } = context.look(Look::Live).await?;
    if database.is_some() {
        return Ok(database);
    }
    let history = History::default();
    let input = Input { catalog, history: &history, facts: &facts, options: request.options };
    if plan_apply(&input, target)?.is_empty() {
        return Ok(None);
    }
    if request.dry_run.is_some() {
        // Writing nothing means making no file either.
        let url = DatabaseUrl::parse("sqlite::memory:", &context.settings.root)?;
        return connect(&url, &ConnectOptions::creating()).await.map(Some).map_err(|error| context.place(error.into()));
    }
    Ok(Some(context.connect(true).await?))
}

/// The error with advice that fits the history: where nothing is applied, taking all of it back is none.
fn on_history(mut error: Error, action: &Action, is_empty: bool) -> Error {
    if is_empty && error.kind == ErrorKind::Usage && matches!(action, Action::Rollback(Target::Back(_))) {
        error.hints = vec!["nothing is applied, so there is nothing to roll back; `runner apply` begins".to_owned()];
    }
    error
}

/// The error of a migration in SQL with the file's name, which the script itself does not know, for its direction.
pub fn with_file(mut error: Error) -> Error {
    let Some((_, id)) = error.places.iter().find(|(label, _)| *label == "migration") else { return error };
    let file = |direction: Direction| match direction {
        Direction::Up => format!("{id}.up.sql"),
        Direction::Down => format!("{id}.down.sql"),
    };
    let files = [Direction::Up, Direction::Down].map(|direction| (direction.to_string(), file(direction)));
    for place in error.places.iter_mut().filter(|(label, _)| *label == "script") {
        if let Some((_, file)) = files.iter().find(|(direction, _)| *direction == place.1) {
            *place = ("file", file.clone());
        }
    }
    error
}

/// Tells the outcome, and answers the exit code.
fn tell(context: &Context, action: &Action, outcome: &Outcome, took: Duration, current: Option<String>) -> u8 {
    let printer = &context.printer;
    match printer.format() {
        Format::Json => {
            let database = context.database_json();
            printer.json(&RunJson::new(action.verb(), database, outcome, took, current, exit::code));
        }
        Format::Text => {
            if let Some(backup) = &outcome.backup {
                printer.talk(&text::backup_note(backup));
            }
            if let Some(report) = &outcome.dry_run_report {
                printer.data(&text::caveats(&report.caveats));
            }
            if let Some(error) = &outcome.error {
                printer.always(&crate::report::error::error(error));
            }
            printer.talk(&text::summary(outcome, took, current.as_deref()));
            if outcome.dry_run && !outcome.is_up_to_date() {
                let on_scratch = outcome.dry_run_report.as_ref().is_some_and(|report| report.ground != "transaction");
                printer.talk(&text::dry_run_note(on_scratch));
            }
        }
    }
    outcome.error.as_ref().map_or(exit::DONE, exit::code)
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
        let places = |error| with_file(error).places;
        let migration = ("migration", "1_a".to_owned());
        assert_eq!(places(error("upgrade")), [migration.clone(), ("file", "1_a.up.sql".to_owned())]);
        assert_eq!(places(error("downgrade")), [migration, ("file", "1_a.down.sql".to_owned())]);
        assert_eq!(places(Error::failed("no").at("script", "upgrade")), [("script", "upgrade".to_owned())]);
    }
}
