//! `runner status`

use super::context::{Context, Unopened};
use super::exit;
use crate::engine::control::{self, look::Overview};
use crate::engine::history::History;
use crate::engine::status::{Standing, StatusRow, status};
use crate::error::{ErrorKind, Result};
use crate::project::CatalogReport;
use crate::report::json::StatusJson;
use crate::report::{Format, text};
use crate::runtime;

/// Says how each revision stands.
pub fn run(context: &Context, with_exit_code: bool) -> Result<u8> {
    // The files and the database have nothing to do with each other: looked at side by side.
    std::thread::scope(|scope| {
        let database = scope.spawn(|| runtime::run(look(context)));
        let report = context.inspect();
        let looked = database.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (history, overview) = looked?;
        tell(context, &report?, &history, &overview, with_exit_code)
    })
}

/// What is in force, and what runs; nothing where there is no database yet.
async fn look(context: &Context) -> Result<(History, Overview)> {
    match context.connect(false).await {
        Ok(mut database) => control::look::look(&mut database.host()).await.map_err(|error| context.place(error)),
        Err(Unopened::Missing(_)) => Ok(<(History, Overview)>::default()),
        Err(Unopened::Other(error)) => Err(error),
    }
}

fn tell(
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
            printer.data(&text::status(&rows));
            let id = |revision: &str| {
                let row = rows.iter().find(|row| row.revision() == revision);
                row.map_or_else(|| revision.to_owned(), |row| format!("{revision}_{}", row.name()))
            };
            printer.data(&text::runs(overview, id));
            printer.talk(&text::status_summary(&rows));
            if let Some(error) = &report.no_folder {
                printer.warn(&error.message, error.hints.first().map(String::as_str));
            }
            for problem in &report.problems {
                printer.warn(&problem.message, Some(&problem.hint));
            }
        }
    }
    Ok(if with_exit_code { code(&rows, !report.problems.is_empty()) } else { exit::DONE })
}

/// What disagrees counts most, then what is half done, then what is pending.
fn code(rows: &[StatusRow<'_>], has_problems: bool) -> u8 {
    let any = |standing: Standing| rows.iter().any(|row| row.standing == standing);
    if has_problems || any(Standing::Changed) || any(Standing::Missing) {
        exit::of(ErrorKind::Mismatch)
    } else if any(Standing::Partial) {
        exit::of(ErrorKind::Partial)
    } else if any(Standing::Pending) {
        exit::PENDING
    } else {
        exit::DONE
    }
}
