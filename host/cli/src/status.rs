//! `runner status`

use std::mem::ManuallyDrop;

use super::context::{Context, OpenError, Setup};
use super::exit;
use super::remarks::Remarks;
use runner_base::error::{ErrorKind, Result};
use runner_base::runtime;
use runner_engine::control::{self, overview::Overview};
use runner_engine::history::History;
use runner_engine::plan::{renumber, took_the_place};
use runner_engine::status::{Standing, StatusRow, status};
use runner_project::{CatalogReport, migration_id};
use runner_report::json::StatusJson;
use runner_report::{Format, text};

/// Shows the state of each revision.
pub fn run(context: &Context, with_exit_code: bool) -> Result<u8> {
    // Files and database are independent of each other: read in parallel. The database on the first thread: on others, the C library
    // gives SQLite its memory page by page.
    std::thread::scope(|scope| {
        let project = scope.spawn(|| context.inspect());
        let looked = runtime::run(read(context));
        let report = project.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // The process ends: thousands of small pieces need not be given back one by one.
        let (looked, report) = (ManuallyDrop::new(looked?), ManuallyDrop::new(report?));
        let (history, overview) = &*looked;
        show(context, &report, history, overview, with_exit_code)
    })
}

/// The history and the active runs; empty if the database does not exist yet.
pub(super) async fn read(setup: &Setup) -> Result<(History, Overview)> {
    match setup.connect(false).await {
        Ok(mut database) => control::overview::read(&mut database.host()).await.map_err(|error| setup.place(error)),
        Err(OpenError::Missing(_)) => Ok(<(History, Overview)>::default()),
        Err(OpenError::Other(error)) => Err(error),
    }
}

fn show(
    context: &Context,
    report: &CatalogReport,
    history: &History,
    overview: &Overview,
    with_exit_code: bool,
) -> Result<u8> {
    let rows = status(&report.catalog, history);
    let printer = &context.printer;
    match printer.format() {
        Format::Json => printer.json(&StatusJson::new(context.database_json(), history, &rows, report, overview)),
        Format::Text => {
            context.say_database();
            printer.data(&text::status(&rows, overview));
            let id = |revision: &str| {
                let row = rows.iter().find(|row| row.revision() == revision);
                row.map_or_else(|| revision.to_owned(), |row| migration_id(revision, row.name()))
            };
            printer.data(&text::runs(overview, id));
            printer.info(&text::status_summary(&rows));
            text::remarks(&[], &Remarks::new(&report.catalog).notes()).iter().for_each(|note| printer.info(note));
            if let Some(error) = &report.no_directory {
                printer.warn(&error.message, error.hints.first().map(|hint| &**hint));
            }
            for problem in &report.problems {
                printer.warn(&problem.message, Some(&problem.hint));
            }
            let changed = rows.iter().filter(|row| row.standing == Standing::Changed);
            for (new, old) in changed.filter_map(|row| row.migration.zip(row.record)) {
                if took_the_place(&report.catalog, new, old) {
                    let what = format!("`{}` took the place of `{}`, which is applied", new.id(), old.id());
                    printer.warn(&what, Some(&renumber(new)));
                }
            }
        }
    }
    Ok(match &report.no_directory {
        _ if !with_exit_code => exit::DONE,
        // Nothing is known about what is pending.
        Some(error) => exit::of(error.kind),
        None => code(&rows, !report.problems.is_empty(), overview.holder.is_some()),
    })
}

/// Mismatches take precedence over partial migrations, and those over pending ones. What a live run is at is pending:
/// it needs no attention.
fn code(rows: &[StatusRow<'_>], has_problems: bool, is_running: bool) -> u8 {
    let any = |standing: Standing| rows.iter().any(|row| row.standing == standing);
    if has_problems || any(Standing::Changed) || any(Standing::Missing) {
        exit::of(ErrorKind::Mismatch)
    } else if any(Standing::Partial) && !is_running {
        exit::of(ErrorKind::Partial)
    } else if any(Standing::Pending) || any(Standing::Partial) {
        exit::PENDING
    } else {
        exit::DONE
    }
}
