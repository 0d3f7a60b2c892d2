//! `runner show`

use super::context::{Context, HistoryDetail, OpenedDatabase};
use super::exit;
use runner_base::error::{Error, Result};
use runner_base::runtime;
use runner_engine::Direction;
use runner_engine::history::Record;
use runner_engine::run::Run;
use runner_engine::status::{only_remembered, status};
use runner_engine::target::{Candidates, compare_revisions};
use runner_engine::transcript::unrepeatable;
use runner_project::migration_id;
use runner_report::json::ShowJson;
use runner_report::text;

/// Shows one revision in detail.
pub fn run(context: &Context, wanted: &str) -> Result<u8> {
    let report = context.inspect()?;
    runtime::run(async {
        let OpenedDatabase { mut database, history, .. } = context.open(HistoryDetail::WithArtifacts).await?;
        let (records, repairs) = context.all_records(database.as_mut()).await?;
        let rows = status(&report.catalog, &history);
        let known = |revision: &str| rows.iter().find(|row| compare_revisions(row.revision(), revision).is_eq());
        // Rolled back and no longer in the project.
        let gone = records.iter().filter(|record| known(&record.revision).is_none());
        let gone = gone.map(|record| (&*record.revision, &*record.name));
        let candidates: Candidates<'_> = gone.chain(rows.iter().map(|row| (row.revision(), row.name()))).collect();
        let revision = candidates.resolve(wanted)?;
        let last = records.iter().rfind(|record| compare_revisions(&record.revision, revision).is_eq());
        let row = known(revision).copied().or_else(|| last.map(only_remembered));
        let row = &row.ok_or_else(|| Error::usage(format!("unknown revision `{revision}`")))?;
        let of_it = |record: &&Record| compare_revisions(&record.revision, revision).is_eq();
        let records: Vec<&Record> = records.iter().filter(of_it).collect();
        let stored = row.record.is_some_and(|record| history.keeps(record));
        let unrepeatable = match (&mut database, records.last()) {
            (Some(database), Some(last)) => {
                let run = Run { history: last.id, direction: Direction::Up };
                unrepeatable(&mut database.host(), run).await.map_err(|error| context.place(error))?
            }
            _ => Vec::new(),
        };
        context.printer.json_or_data(
            || ShowJson::new(context.database_json(), row, &records, &repairs, stored, &unrepeatable),
            || text::show(row, &records, &repairs, stored, &unrepeatable),
        );
        let id = migration_id(row.revision(), row.name());
        for problem in report.problems.iter().filter(|it| migration_id(&it.revision, &it.name) == id) {
            context.printer.warn(&problem.message, Some(&problem.hint));
        }
        Ok(exit::DONE)
    })
}
