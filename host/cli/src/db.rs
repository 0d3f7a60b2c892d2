//! `runner db`

use std::time::{Duration, Instant};

use super::context::Context;
use super::request::RunRequest;
use super::run::{Before, run_after, watched};
use super::{confirm, exit};
use runner_base::dialect::Dialect;
use runner_base::error::{Error, ErrorKind, Result};
use runner_base::runtime;
use runner_database::{ConnectOptions, DatabaseErrorKind, StopSignal};
use runner_drivers::{connect, lifecycle};
use runner_engine::apply::{Action, planned_sql};
use runner_engine::backup::{BackupDone, BackupJob};
use runner_engine::existing_database;
use runner_engine::history::{self, History, Record};
use runner_engine::plan::{PlanInput, plan_apply};
use runner_engine::stopped::stopped;
use runner_library::run as library;
use runner_project::Catalog;
use runner_report::json::DbJson;
use runner_report::{Format, SinkOptions, Text, sink, styled, text};

/// How often a server that does not accept connections is tried again.
const POLL: Duration = Duration::from_millis(250);

/// Creates the database.
pub fn create(context: &Context) -> Result<u8> {
    let created = create_database(context)?;
    let message = if created { "created" } else { "exists already:" };
    report(context, "create", created, &[(created, message)]);
    Ok(exit::DONE)
}

/// Drops the database.
pub fn drop(context: &Context, yes: bool, by_force: bool) -> Result<u8> {
    check_force(context, by_force)?;
    check_history(context, "drop")?;
    confirm::destroy(context, "drop", yes)?;
    let dropped = drop_database(context, by_force)?;
    let message = if dropped { "dropped" } else { "does not exist:" };
    report(context, "drop", dropped, &[(dropped, message)]);
    Ok(exit::DONE)
}

/// Drops the database, creates it and applies migrations.
pub fn reset(mut context: Context, request: &RunRequest, yes: bool, by_force: bool) -> Result<u8> {
    check_force(&context, by_force)?;
    check_history(&context, "drop and recreate")?;
    confirm::destroy(&context, "drop and recreate", yes)?;
    let (catalog, _) = context.catalog_for_now(request.locked)?;
    let stop = watched(&context)?;
    let backup = runtime::run(prepare(&context, &catalog, request, &stop))?;
    if let Some(reason) = stop.reason() {
        return Err(stopped(reason));
    }
    // That of the run would hold the new, empty database.
    context.setup.settings.backup.to = None;
    let advice = backup.as_ref().map(BackupDone::advice);
    let recreated = || {
        let dropped = drop_database(&context, by_force)?;
        create_database(&context)?;
        if context.printer.format() == Format::Text {
            let message = if dropped { "dropped and created" } else { "created" };
            context.printer.info(&text::db(message, &context.settings.database_url.value.to_string(), true));
        }
        Ok(())
    };
    recreated()
        .and_then(|()| {
            let before = Before { backup, stop: Some(stop) };
            run_after(before, context, request, Action::Apply(request.target.clone()))
        })
        .map_err(|error: Error| advice.into_iter().fold(error, Error::hint))
}

/// Fails if the history says that the database is protected, or if it has histories of others, too. What cannot be opened fails later, or has nothing to lose.
fn check_history(context: &Context, what: &str) -> Result<()> {
    runtime::run(async {
        match context.connect(false).await {
            Ok(mut database) => {
                context.check_protected_database(&mut *database, what).await?;
                let others = existing_database::other_histories(&mut database.host())
                    .await
                    .map_err(|error| context.place(error))?;
                match others.first() {
                    Some(history) => context.refuse_shared(
                        &format!("the database has `{history}`, the history of another project or tenant"),
                        what,
                    ),
                    None => Ok(()),
                }
            }
            Err(_) => Ok(()),
        }
    })
}

/// Fails if `--force` would do nothing.
fn check_force(context: &Context, by_force: bool) -> Result<()> {
    let dialect = context.settings.database_url.value.dialect();
    if !by_force || dialect == Dialect::Postgres {
        return Ok(());
    }
    Err(Error::usage(format!("`--force` does not apply to {dialect}"))
        .hint("leave it out: only PostgreSQL keeps a database while others use it"))
}

/// Checks whether the migrations could run at all, because mistakes in the project must not cost the database, and
/// makes the backup.
async fn prepare(
    context: &Context,
    catalog: &Catalog,
    request: &RunRequest,
    stop: &StopSignal,
) -> Result<Option<BackupDone>> {
    let url = &context.settings.database_url.value;
    let mut database = match connect(url, &context.connector().options).await {
        Ok(database) => database,
        // There is nothing to lose.
        Err(error) if error.kind == DatabaseErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(context.place(error.into())),
    };
    let facts = database.facts().clone();
    let check = async {
        let input = PlanInput { catalog, history: &History::default(), facts: &facts, options: request.options };
        let plan = plan_apply(&input, &request.target)?.with_grants(
            &input,
            &context.settings.grants,
            &context.settings.limits,
        )?;
        plan.check(context.settings.isolation, &facts)?;
        context.settings.throttle.clone().fit(facts.dialect)?;
        context.settings.chunking.fit(facts.dialect)?;
        planned_sql(&plan, catalog, &mut None, (&facts, &context.settings.parameters)).await
    };
    check.await.map_err(|error: Error| context.place(error))?;
    let Some(backup) = library::backup(&context.setup, facts.dialect) else { return Ok(None) };
    // A history that cannot be read may be the reason for the reset; only the name of the backup depends on it.
    let current = history::read(&mut database.host()).await.ok().and_then(|history| history.current().map(Record::id));
    let options = SinkOptions { dry_run: false, database: url.to_string(), run_id: None };
    let events = sink(&context.printer, options);
    let job = BackupJob { current, stop: stop.clone(), events };
    backup.make(&job).await.map(Some).map_err(|error| context.place(error))
}

/// Waits until the server accepts connections.
pub fn wait(context: &Context, timeout: Duration) -> Result<u8> {
    let url = &context.settings.database_url.value;
    let began = Instant::now();
    if !url.dialect().has_server() {
        report(context, "wait", false, &[(true, "needs no server:")]);
        return Ok(exit::DONE);
    }
    runtime::run(async {
        let mut told = false;
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            let options = ConnectOptions {
                connect_timeout: left.clamp(Duration::from_secs(1), Duration::from_secs(10)),
                ..context.connector().options
            };
            let error = match connect(url, &options).await {
                Ok(_) => {
                    report(context, "wait", told, &[(true, "ready:")]);
                    return Ok(exit::DONE);
                }
                // The server answers; it is not for `wait` to create the database.
                Err(error) if error.kind == DatabaseErrorKind::NotFound => {
                    report(
                        context,
                        "wait",
                        told,
                        &[(true, "the server accepts connections, but it lacks the database")],
                    );
                    context
                        .printer
                        .info(&Text::new().add(styled::HINT, "hint").plain(": `runner db create` creates it").end());
                    return Ok(exit::DONE);
                }
                // It may still start, or have no free connection.
                Err(error) if matches!(error.kind, DatabaseErrorKind::Connection | DatabaseErrorKind::Busy) => error,
                Err(error) => return Err(context.place(error.into())),
            };
            if began.elapsed() >= timeout {
                let shown = format!("{} s", timeout.as_secs_f64());
                let refused = Error::new(
                    ErrorKind::Failed,
                    format!("the database server did not accept connections within {shown}"),
                );
                return Err(context.place(refused.cause(Error::from(error).message)));
            }
            if !told {
                told = true;
                context.printer.info(&Text::new().plain("waiting for ").plain(url.to_string()).end());
            }
            tokio::time::sleep(POLL.min(timeout.saturating_sub(began.elapsed()))).await;
        }
    })
}

fn create_database(context: &Context) -> Result<bool> {
    let url = &context.settings.database_url.value;
    let options = context.connector().options;
    runtime::run(async { lifecycle::create(url, &options).await.map_err(|error| context.place(error.into())) })
}

fn drop_database(context: &Context, by_force: bool) -> Result<bool> {
    let url = &context.settings.database_url.value;
    let options = context.connector().options;
    runtime::run(async { lifecycle::drop(url, &options, by_force).await.map_err(|error| context.place(error.into())) })
}

/// Prints the one line of a command.
fn report(context: &Context, action: &'static str, changed: bool, lines: &[(bool, &str)]) {
    match context.printer.format() {
        Format::Json => context.printer.json(&DbJson::new(context.database_json(), action, changed)),
        Format::Text => {
            for (good, message) in lines {
                context.printer.info(&text::db(message, &context.settings.database_url.value.to_string(), *good));
            }
        }
    }
}
