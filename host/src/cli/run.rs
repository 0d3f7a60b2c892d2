//! What `apply`, `rollback` and `redo` share: wiring the engine, running it, reporting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{Context, Look, Looked};
use super::request::RunRequest;
use super::{exit, runtime, signals};
use crate::database::{Database, DatabaseUrl, StopSignal, connect};
use crate::engine::apply::{Action, Engine, Identity, Request};
use crate::engine::history::{self, History, Record};
use crate::engine::outcome::Outcome;
use crate::engine::plan::{Input, plan_apply};
use crate::error::Result;
use crate::project::Catalog;
use crate::report::json::RunJson;
use crate::report::{Flavour, Format, sink, text};

/// Runs the action and tells what came of it.
pub fn run(context: Context, request: &RunRequest, action: Action) -> Result<u8> {
    let catalog = Arc::new(catalog(&context, request, &action)?);
    runtime::work(request.jobs, async move {
        let stop = StopSignal::default();
        signals::watch(&stop, context.settings.limits.wall_time);
        let began = Instant::now();
        let Some(database) = open(&context, request, &action, &catalog).await? else {
            let outcome = Outcome { dry_run: request.dry_run, ..Outcome::default() };
            return Ok(tell(&context, &action, &outcome, began.elapsed(), None));
        };
        let flavour = Flavour { dry_run: request.dry_run, database: context.settings.database_url.value.to_string() };
        let engine = Engine {
            loader: context.loader(request.jobs, database.facts().dialect),
            database: Arc::new(tokio::sync::Mutex::new(database)),
            catalog,
            events: sink(&context.printer, flavour),
            stop,
            parameters: Arc::new(context.settings.parameters.clone()),
            identity: Identity::now(),
            stored_artifact_bytes: context.settings.limits.stored_artifact_bytes,
        };
        let request = Request {
            action,
            options: request.options,
            lock_wait: context.settings.lock_timeout.value,
            dry_run: request.dry_run,
        };
        let mut outcome = engine.run(&request).await.map_err(|error| context.place(error))?;
        outcome.error = outcome.error.map(|error| context.place(error));
        let took = began.elapsed();
        let history = history::read(&mut **engine.database.lock().await).await.unwrap_or_default();
        Ok(tell(&context, &request.action, &outcome, took, history.current().map(Record::id)))
    })
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
    if request.dry_run {
        // Writing nothing means making no file either.
        let url = DatabaseUrl::parse("sqlite::memory:", &context.settings.root)?;
        return connect(&url, true).await.map(Some).map_err(|error| context.place(error.into()));
    }
    Ok(Some(context.connect(true).await?))
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
            if let Some(error) = &outcome.error {
                printer.always(&crate::report::error::error(error));
            }
            printer.talk(&text::summary(outcome, took, current.as_deref()));
            if outcome.dry_run && !outcome.is_up_to_date() {
                printer.talk(&text::dry_run_note());
            }
        }
    }
    outcome.error.as_ref().map_or(exit::DONE, exit::code)
}
