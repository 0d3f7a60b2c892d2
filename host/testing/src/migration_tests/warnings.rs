//! What a test could not show, and what it found that need not be a mistake.

use std::collections::BTreeSet;

use super::report::{Warning, WarningKind};
use super::run::Course;
use crate::dump::Dump;
use runner_base::error::Result;
use runner_engine::history;
use runner_engine::transcript::Evidence;
use runner_project::{Artifact, migration_id};
use runner_sql::{Tokens, affected_tables};

impl Course<'_> {
    /// Warns if the migration worked on tables that exist and all of them were empty: then nothing is known of what it does to rows.
    pub(super) async fn warn_of_empty_tables(&mut self, before: &Dump, after: &Dump) {
        // The migration is applied, so its record can be read; without one there is nothing to warn of.
        let Ok(tables) = self.affected_tables(before).await else { return };
        let has_rows = |dump: &Dump, table: &String| dump.tables.get(table).is_some_and(|rows| rows.count > 0);
        if tables.is_empty() || tables.iter().any(|table| has_rows(before, table) || has_rows(after, table)) {
            return;
        }
        let names: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
        let message = match names.as_slice() {
            [one] => format!("{one} was empty, so what the migration does to rows is untested"),
            names => format!("{} were empty, so what the migration does to rows is untested", names.join(", ")),
        };
        let hint = tables.first().zip(self.previous()).map(|(table, previous)| {
            format!("add rows as a fixture of an earlier migration, such as `tests/{previous}/fixtures/{table}.csv`")
        });
        self.report.warnings.push(Warning { kind: WarningKind::EmptyTables, tables, message, hint });
    }

    /// Warns once of each table whose columns come back in another order.
    pub(super) fn warn_of_moved_columns(&mut self, expected: &Dump, now: &Dump) {
        for moved in now.moved_columns(expected, &self.ignore) {
            let label = moved.label();
            let tables = vec![moved.table];
            let known = |warning: &Warning| warning.kind == WarningKind::ColumnOrder && warning.tables == tables;
            if self.report.warnings.iter().any(known) {
                continue;
            }
            let message = format!(
                "the columns of `{}` come back in another order, which `SELECT *` and an INSERT without column names notice: \
                 {} expected, {} found",
                tables.join(", "),
                moved.before.join(", "),
                moved.now.join(", ")
            );
            let hint = format!(
                "if nothing depends on it, list `{label}` under `ignore_schema` in `tests/{}/test.toml`",
                self.migration.id()
            );
            self.report.warnings.push(Warning { kind: WarningKind::ColumnOrder, tables, message, hint: Some(hint) });
        }
    }

    /// The tables from before the migration whose rows matter for it: those that its statements name, and those that a component
    /// read, wrote or transformed.
    async fn affected_tables(&mut self, before: &Dump) -> Result<Vec<String>> {
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut database = self.test.open(&self.scratch.url).await?;
        let dialect = database.facts().dialect;
        match &self.migration.artifact {
            Artifact::Sql { texts, .. } => {
                if let Ok(program) = texts.read()?.0.program(dialect) {
                    names.extend(program.statements().flat_map(|statement| affected_tables(&statement.tokens())));
                }
            }
            Artifact::Component { .. } | Artifact::Script(_) => {
                let session = &mut database.host();
                let history = history::read(session).await?;
                let Some(record) = history.get(&self.migration.revision) else { return Ok(Vec::new()) };
                let evidence = Evidence::read(session, record.id).await?;
                for transform in &evidence.transforms {
                    names.extend([&transform.source.table, &transform.target.table].map(|it| it.name.to_lowercase()));
                }
                // Without a recording, the calls were too many for it: the migration has worked on rows.
                let Some(mut calls) = evidence.calls else { return Ok(Vec::new()) };
                while let Ok(Some(call)) = calls.call() {
                    let tokens = Tokens::new(&call.text, dialect);
                    match call.kind.as_str() {
                        // The text names the table, and not much else.
                        "read-table" | "write" => names.extend(tokens.identifiers().iter().map(|it| it.to_lowercase())),
                        _ => names.extend(affected_tables(&tokens)),
                    }
                    if calls.skip_answer().is_err() {
                        break;
                    }
                }
            }
        }
        let short = |table: &str| table.rsplit('.').next().unwrap_or_default().to_lowercase();
        let is_subject = |table: &&String| names.contains(&short(table)) && !self.ignore.rows_of(table);
        Ok(before.tables.keys().filter(is_subject).cloned().collect())
    }

    /// The migration before this one, as its files are named.
    fn previous(&self) -> Option<String> {
        let migration = self.test.catalog.migrations[..self.at].last()?;
        Some(migration_id(&migration.revision, &migration.name))
    }
}
