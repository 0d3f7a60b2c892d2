//! What `apply`, `rollback` and `redo` share: running, reporting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Context;
use super::new_lines::NewLines;
use super::remarks::Remarks;
use super::request::RunRequest;
use super::{exit, signals};
use runner_base::error::Result;
use runner_base::runtime;
use runner_database::StopSignal;
use runner_engine::Direction;
use runner_engine::apply::Action;
use runner_engine::backup::BackupDone;
use runner_engine::identity::Identity;
use runner_engine::outcome::Outcome;
use runner_library::run::{self as library, DryRunOrder, RunOrder};
use runner_project::Catalog;
use runner_report::json::{Afterwards, RunJson};
use runner_report::{Format, Printer, SinkOptions, Verbosity, sink, text};

/// What a command did before its run.
#[derive(Default)]
pub(super) struct Before {
    /// The backup that it made.
    pub backup: Option<BackupDone>,
    /// What stops the command, if it listens to signals already.
    pub stop: Option<StopSignal>,
}

/// Runs the action and reports the outcome.
pub fn run(context: Context, request: &RunRequest, action: Action) -> Result<u8> {
    run_after(Before::default(), context, request, action)
}

/// The same, at the end of a command that began with something else.
pub(super) fn run_after(before: Before, context: Context, request: &RunRequest, action: Action) -> Result<u8> {
    let order = order(&context.printer, request, action);
    let (catalog, lines) = catalog(&context, &order)?;
    let catalog = Arc::new(catalog);
    let files = catalog.clone();
    runtime::run(async move {
        let stop = match before.stop {
            Some(stop) => stop,
            None => watched(&context)?,
        };
        let began = Instant::now();
        let identity = Identity::now();
        let database = context.settings.database_url.value.to_string();
        let options = SinkOptions { dry_run: order.dry_run.is_some(), database, run_id: Some(identity.run_id.clone()) };
        let events = sink(&context.printer, options);
        let mut ran = library::run(&context.setup, &order, catalog, (identity, events), stop).await?;
        if let Some(backup) = before.backup {
            ran.outcome.error = ran.outcome.error.map(|error| error.hint(backup.advice()));
            ran.outcome.backup = Some(backup);
        }
        let applied = ran.outcome.done.iter().filter(|done| done.direction == Direction::Up);
        let told = remarks_on(&context, &files, applied.map(|done| done.revision.as_str()));
        lines.keep_or_warn(&context, Some(&ran.outcome.run_id), |revision| ran.outcome.took_effect(revision));
        let code = tell(&context, &order.action, (&ran.outcome, &told), began.elapsed(), ran.current);
        Ok(code)
    })
}

/// What stops the command: signals, and the end of its time.
pub(super) fn watched(context: &Context) -> Result<StopSignal> {
    let stop = StopSignal::default();
    signals::watch(&context.printer, &stop, context.settings.limits.wall_time)?;
    Ok(stop)
}

/// What to run, and how.
pub(super) fn order(printer: &Printer, request: &RunRequest, action: Action) -> RunOrder {
    let all = printer.verbosity() == Verbosity::Verbose;
    let dry_run = request.dry_run.map(|asked| DryRunOrder {
        samples: asked.samples,
        chunks: asked.chunks,
        on_scratch: asked.on_scratch,
        all,
    });
    RunOrder {
        action,
        options: request.options,
        dry_run,
        jobs: request.jobs,
        connections: request.connections,
        share: request.share,
        locked: request.locked,
        accept: request.accept.clone(),
    }
}

/// The migrations for a run, and the lines of scripts among them that the lockfile does not list.
pub(super) fn catalog(context: &Context, order: &RunOrder) -> Result<(Catalog, NewLines)> {
    match &order.action {
        // It needs no migration that was never applied.
        Action::Rollback(_) => {
            let catalog = library::catalog(&context.setup, order)?;
            context.warn_of_catalog(&catalog);
            Ok((catalog, NewLines::default()))
        }
        _ => context.catalog_for_now(order.locked),
    }
}

/// What is worth saying of migrations that were applied, while it is easy to fix: what cannot run in their downgrades,
/// and that they do nothing.
pub(super) fn remarks_on<'r>(
    context: &Context,
    catalog: &Catalog,
    applied: impl IntoIterator<Item = &'r str>,
) -> Afterwards {
    let facts = context.facts_of_missing();
    let mut remarks = Remarks::default();
    for revision in applied {
        if let Some(migration) = catalog.get(revision) {
            // It ran with these parameters.
            let _ = remarks.note(migration, &facts, &context.settings.parameters);
        }
    }
    Afterwards { notes: remarks.idle().into_iter().collect(), warnings: remarks.downgrades }
}

/// Says it at the end of a run. Only warnings are printed with `--quiet`.
pub(super) fn say(printer: &Printer, told: &Afterwards) {
    text::remarks(&told.warnings, &[]).iter().for_each(|warning| printer.always(warning));
    text::remarks(&[], &told.notes).iter().for_each(|note| printer.info(note));
}

/// Reports the outcome and returns the exit code.
fn tell(
    context: &Context,
    action: &Action,
    (outcome, told): (&Outcome, &Afterwards),
    took: Duration,
    current: Option<String>,
) -> u8 {
    let printer = &context.printer;
    match printer.format() {
        Format::Json => {
            let database = context.database_json();
            printer.json(&RunJson::new(action.verb(), database, (outcome, told), took, current));
        }
        Format::Text => {
            if let Some(backup) = &outcome.backup {
                printer.info(&text::backup_note(backup));
            }
            if let Some(report) = &outcome.dry_run_report {
                printer.data(&text::caveats(&report.caveats));
            }
            if let Some(error) = &outcome.error {
                printer.always(&runner_report::error::error(error));
            }
            printer.info(&text::summary(outcome, took, current.as_deref()));
            if outcome.dry_run && !outcome.is_up_to_date() {
                let on_scratch = outcome.dry_run_report.as_ref().is_some_and(|report| report.ground != "transaction");
                printer.info(&text::dry_run_note(outcome.dry_run_left, on_scratch));
            }
            say(printer, told);
        }
    }
    outcome.error.as_ref().map_or(exit::DONE, exit::code)
}
