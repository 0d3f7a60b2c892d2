//! Opens a stepwise migration: records that it begins, or resumes the journal of an interrupted one.

use std::sync::Arc;

use super::record::Started;
use super::{Engine, Request};
use crate::Direction;
use crate::artifact::as_text;
use crate::history::{self, Numbers, State};
use crate::journal::{self, Build, Journal, Successor};
use crate::plan::PlannedMigration;
use crate::recorder::RunRecorder;
use crate::run::Run;
use crate::script::ScriptSource;
use crate::transaction::in_transaction;
use runner_base::error::{Error, Result};
use runner_database::HostSession;
use runner_project::catalog::Kind;

/// A migration in progress: its journal, and what history recorded of it before.
pub(super) struct Opened {
    pub journal: Arc<Journal>,
    /// Steps, rows read and rows written by earlier runs, which history has already counted.
    pub before: history::Work,
    /// No other run has worked on it, so that what history keeps of its artifact is its own.
    pub is_new: bool,
}

impl Engine {
    /// Records in history and journal that the migration has begun, or resumes the journal of an interrupted one.
    pub(super) async fn open(
        &self,
        (request, migration): (&Request, &PlannedMigration),
        source: &ScriptSource,
        started: &Started,
        (recorder, numbers): (&RunRecorder, &Numbers),
    ) -> Result<Opened> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        if let (Some(history), Some(_)) = (migration.record, migration.resume_after) {
            let rows = history::read(database).await?;
            let row = rows.live.into_iter().find(|row| row.id == history);
            let row = row.ok_or_else(|| Error::failed("history has lost the row of the migration"))?;
            // The same build needs nothing that another one would record.
            let successor = match row.sha256 == migration.sha256 {
                true => None,
                false => self.successor(database, request, migration, source, history).await?,
            };
            return self.resume(database, migration, source, (&row, successor)).await;
        }
        if let Some(broken) = &migration.broken {
            let message = format!(
                "its upgrade was interrupted: {} took effect, and the downgrade starts from there",
                broken.shown(migration.kind)
            );
            self.warn(&migration.revision, message);
        }
        let inputs = self.inputs(migration, source, database.facts().version.clone());
        if migration.record.is_none()
            && migration.kind == Kind::Sql
            && let number @ 1.. = numbers.take(database).await?
        {
            // What a row is numbered need not be asked, so that nothing is stored before the first statement.
            let record = self.record(migration, State::PartlyApplied, started, recorder);
            let record = history::Record { id: number, ..record };
            let mut changes = self.kept(database, migration, source).await?;
            changes.push(history::inserted(&record));
            let run = Run { history: number, direction: migration.direction };
            let (worker, facts) = (self.worker(), database.facts());
            let journal = Journal::begun(facts, run, migration.kind, inputs, &worker, &self.stop, changes);
            return Ok(Opened { journal: Arc::new(journal), before: history::Work::default(), is_new: true });
        }
        let journal = in_transaction(database, async |database| {
            let history = match migration.record {
                Some(record) => {
                    if let Some(broken) = &migration.broken {
                        // The downgrade deletes the upgrade's journal; history keeps its progress.
                        let work = history::Work { steps: broken.steps, ..history::Work::default() };
                        history::add_work(database, record, Direction::Up, &work).await?;
                        Run { history: record, direction: Direction::Up }.suspend(database).await?;
                    }
                    history::reopen(database, record, State::PartlyRolledBack).await?;
                    record
                }
                None => {
                    // An interrupted migration can be rolled back whatever happens to the project's file.
                    let mut changes = self.kept(database, migration, source).await?;
                    changes.push(history::inserted(&self.record(migration, State::PartlyApplied, started, recorder)));
                    history::make(database, changes).await?;
                    numbers.forget();
                    let history = history::read(database).await?;
                    let row = history.get(&migration.revision);
                    row.ok_or_else(|| Error::failed("history has lost the row just written"))?.id
                }
            };
            let run = Run { history, direction: migration.direction };
            Journal::create(database, run, migration.kind, inputs, &self.worker(), &self.stop).await
        });
        let journal = Arc::new(journal.await?);
        Ok(Opened { journal, before: history::Work::default(), is_new: migration.record.is_none() })
    }

    async fn resume(
        &self,
        database: &mut HostSession<'_>,
        migration: &PlannedMigration,
        source: &ScriptSource,
        (row, successor): (&history::Record, Option<Successor>),
    ) -> Result<Opened> {
        let run = Run { history: row.id, direction: migration.direction };
        check_values(database, run, source).await?;
        let build = Build { sha256: &migration.sha256, successor };
        let resumed = Journal::resume(database, run, (migration.kind, build), &self.worker(), &self.stop).await?;
        for warning in resumed.warnings {
            self.warn(&migration.revision, warning);
        }
        let inputs = resumed.journal.inputs();
        if migration.kind.is_sandboxed() && inputs.parameters != self.parameters {
            let message = "its first run had other parameters, which remain in use".to_owned();
            self.warn(&migration.revision, message);
        }
        let (rows_read, rows_written) = match migration.direction {
            Direction::Up => (row.rows_read, row.rows_written),
            Direction::Down => {
                (row.rolled_back_rows_read.unwrap_or_default(), row.rolled_back_rows_written.unwrap_or_default())
            }
        };
        let before = history::Work { rows_read, rows_written, ..history::Work::default() };
        Ok(Opened { journal: Arc::new(resumed.journal), before, is_new: false })
    }
}

/// Rejects to resume SQL whose parameters had other values when it began: one part of it would be made with the old ones, and
/// another with the new.
async fn check_values(database: &mut HostSession<'_>, run: Run, source: &ScriptSource) -> Result<()> {
    let ScriptSource::Sql { template: Some(template), .. } = source else { return Ok(()) };
    let (began, _) = journal::first_inputs(database, run).await?;
    let is_other = |(name, value): &(&String, &String)| match began.parameters.get(*name) {
        Some(before) => as_text(before) != **value,
        // A fixed file names it for the first time.
        None => false,
    };
    let names: Vec<String> = template.values.iter().filter(is_other).map(|(name, _)| format!("`{name}`")).collect();
    let what = match names.as_slice() {
        [] => return Ok(()),
        [one] => format!("the parameter {one} had another value when the interrupted migration began"),
        several => {
            format!("the parameters {} had other values when the interrupted migration began", several.join(", "))
        }
    };
    Err(Error::mismatch(what).hint("give the values that it began with, and run the command again to resume").hint(
        match run.direction {
            Direction::Up => "or undo it: `runner rollback` runs its downgrade with the values that it began with",
            Direction::Down => "or complete it by hand, and record that with `runner repair`",
        },
    ))
}
