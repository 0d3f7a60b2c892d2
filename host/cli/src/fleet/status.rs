//! `runner status` on several databases: a line for each.

use super::Fleet;
use crate::exit;
use crate::status::read;
use runner_base::error::Result;
use runner_base::runtime;
use runner_engine::history::Record;
use runner_engine::status::{Standing, status};
use runner_library::fleet::{DatabaseState, Each, Ended};
use runner_project::CatalogReport;
use runner_report::json::FleetStatusJson;
use runner_report::{Format, text};

/// Shows the state of each database.
pub fn run(fleet: &Fleet, with_exit_code: bool) -> Result<u8> {
    let reports: Vec<CatalogReport> = fleet.contexts.iter().map(|context| context.inspect()).collect::<Result<_>>()?;
    let state = |at: usize, _| {
        let setup = fleet.setup(at);
        let (history, overview) = runtime::run(read(&setup))?;
        let rows = status(&reports[fleet.members[at].base].catalog, &history);
        let count = |standing: Standing| rows.iter().filter(|row| row.standing == standing).count();
        Ok(DatabaseState {
            current: history.current().map(Record::id),
            applied: count(Standing::Applied),
            pending: count(Standing::Pending),
            partial: count(Standing::Partial),
            missing: count(Standing::Missing),
            changed: count(Standing::Changed),
            is_running: overview.holder.is_some(),
        })
    };
    let each = fleet.read(&state);
    let code = code(&reports, &each);
    let printer = &fleet.printer;
    match printer.format() {
        Format::Json => printer.json(&FleetStatusJson::new(&each, &reports)),
        Format::Text => {
            printer.data(&text::fleet_status(&each));
            fleet.print_errors(&each);
            printer.info(&text::fleet_status_summary(&each));
            for problem in reports.iter().flat_map(|report| &report.problems) {
                printer.warn(&problem.message, Some(&problem.hint));
            }
            for error in reports.iter().filter_map(|report| report.no_directory.as_ref()) {
                printer.warn(&error.message, error.hints.first().map(|hint| &**hint));
            }
        }
    }
    let failures = each.iter().filter_map(|it| it.ended.error()).map(exit::code);
    // A database that cannot be read is a failure, asked for or not.
    Ok(if with_exit_code { code } else { super::exit_code(failures) })
}

/// As for one database, and the most severe of all.
fn code(reports: &[CatalogReport], each: &[Each<DatabaseState>]) -> u8 {
    let of_project = reports.iter().map(|report| match &report.no_directory {
        Some(error) => exit::code(error),
        None if report.problems.is_empty() => exit::DONE,
        None => exit::of(runner_base::error::ErrorKind::Mismatch),
    });
    let of_databases = each.iter().map(|it| match &it.ended {
        Ended::Ran(Err(error)) => exit::code(error),
        Ended::Ran(Ok(state)) if state.missing + state.changed > 0 => exit::of(runner_base::error::ErrorKind::Mismatch),
        Ended::Ran(Ok(state)) if state.partial > 0 && !state.is_running => {
            exit::of(runner_base::error::ErrorKind::Partial)
        }
        Ended::Ran(Ok(state)) if state.pending + state.partial > 0 => exit::PENDING,
        _ => exit::DONE,
    });
    super::exit_code(of_project.chain(of_databases))
}
