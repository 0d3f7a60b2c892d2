//! A writer of a migration's rows. In a dry run it reads some of them before and after they are written.

use std::sync::Arc;

use super::recorder::DryRunRecorder;
use super::trial::Trial;
use crate::event::dry_run::{Cell, Change};
use runner_data::{Batch, Value};
use runner_database::message::value_text;
use runner_database::{
    DatabaseError, QueryLimits, Session, TableInfo, TableName, TableTarget, WriteHint, WriteMode, WriterId,
};

/// The most bytes of a sampled row; larger ones are not shown.
const ROW_BYTES: usize = 1 << 20;

/// An open writer of the database.
pub struct RowWriter {
    id: WriterId,
    samples: Option<Samples>,
}

impl RowWriter {
    /// Opens a writer. Fails in a dry run that could not undo what it writes.
    pub async fn open(
        session: &mut dyn Session,
        target: &TableTarget,
        trial: Option<&Trial>,
    ) -> Result<Self, DatabaseError> {
        trial.map_or(Ok(()), |trial| trial.check_table(&target.table))?;
        let id = session.open_writer(target).await?;
        // The open writer shows that the table exists.
        let samples = match trial {
            Some(trial) => Some(Samples::of(session, target, trial.recorder.clone()).await),
            None => None,
        };
        Ok(Self { id, samples })
    }

    /// Writes a batch; returns the number of rows changed.
    pub async fn write(&self, session: &mut dyn Session, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        let Some(samples) = &self.samples else { return session.write(self.id, rows, hint).await };
        let picked = samples.recorder.pick(&samples.what, rows.row_count);
        let before = samples.read_rows(session, rows, &picked).await;
        let written = session.write(self.id, rows, hint).await?;
        let changes = match samples.mode {
            WriteMode::Insert => inserted(rows, &picked),
            _ => changes(before, samples.read_rows(session, rows, &picked).await),
        };
        samples.recorder.wrote(&samples.what, written, changes);
        Ok(written)
    }

    /// Closes it; returns the number of rows that all its batches changed.
    pub async fn finish(&self, session: &mut dyn Session) -> Result<u64, DatabaseError> {
        session.finish_writer(self.id).await
    }
}

/// What is needed to show rows of a table that is written.
struct Samples {
    recorder: Arc<DryRunRecorder>,
    what: String,
    mode: WriteMode,
    table: TableName,
    /// The table; `None` if no rows are read: they are only inserted, or the database could not describe it.
    info: Option<TableInfo>,
    key: Vec<String>,
}

impl Samples {
    async fn of(session: &mut dyn Session, target: &TableTarget, recorder: Arc<DryRunRecorder>) -> Self {
        let info = match target.mode {
            WriteMode::Insert => None,
            _ => session.table(&target.table).await.ok(),
        };
        let key = info.as_ref().and_then(|info| info.write_key(target).ok()).unwrap_or_default();
        let what = format!("{} {}", target.mode, target.table);
        Self { recorder, what, mode: target.mode, table: target.table.clone(), info, key }
    }

    /// Reads the sampled rows of a batch from the table.
    async fn read_rows(&self, session: &mut dyn Session, rows: &Batch, picked: &[usize]) -> Vec<RowSnapshot> {
        let Some(info) = &self.info else { return Vec::new() };
        let dialect = session.facts().dialect;
        let column = |name: &String| rows.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        let Some(key) = self.key.iter().map(column).collect::<Option<Vec<_>>>() else { return Vec::new() };
        let is_key = |name: &str| self.key.iter().any(|key| key.eq_ignore_ascii_case(name));
        let mut columns = self.key.clone();
        columns.extend(
            rows.columns
                .iter()
                .filter(|it| !is_key(&it.name))
                .filter_map(|it| info.name_of(&it.name).map(str::to_owned)),
        );
        if self.mode == WriteMode::Delete {
            // A batch to delete contains only keys; the columns that are deleted with them should be shown.
            columns.extend(info.columns.iter().filter(|it| !is_key(&it.name)).map(|it| it.name.clone()));
        }
        columns.dedup();
        let list = columns.iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ");
        let places = self.key.iter().enumerate();
        let declared = |name: &String| info.column(name).map_or("", |column| column.declared_type.as_str());
        let places = places.map(|(at, name)| {
            format!(
                "{} {} {}",
                dialect.quote(name),
                dialect.comparison("=", declared(name)),
                dialect.placeholder(at + 1)
            )
        });
        let text = format!(
            "SELECT {list} FROM {} WHERE {}",
            self.table.quoted(dialect),
            places.collect::<Vec<_>>().join(" AND ")
        );
        let mut looked = Vec::with_capacity(picked.len());
        for row in picked {
            let values: Vec<Value> = key.iter().map(|column| Value::of_cell(column, *row)).collect();
            if values.contains(&Value::Null) {
                continue;
            }
            let limits = QueryLimits { rows: 2, bytes: ROW_BYTES };
            let Ok(found) = session.query(&text, &values, limits).await else { continue };
            let cells = |values: Vec<Value>| -> Vec<Cell> {
                let pairs = columns[self.key.len()..].iter().zip(values.into_iter().skip(self.key.len()));
                pairs.map(|(column, value)| Cell { column: column.clone(), value: value_text(&value) }).collect()
            };
            let key = self.key.iter().zip(values);
            let key = key.map(|(column, value)| Cell { column: column.clone(), value: value_text(&value) }).collect();
            looked.push(RowSnapshot { row: *row, key, cells: found.rows.into_iter().next().map(cells) });
        }
        looked
    }
}

/// A row at one point in time.
struct RowSnapshot {
    row: usize,
    key: Vec<Cell>,
    /// `None` if there is no such row.
    cells: Option<Vec<Cell>>,
}

/// Pairs the rows before and after.
fn changes(before: Vec<RowSnapshot>, after: Vec<RowSnapshot>) -> Vec<Change> {
    let pair = |before: RowSnapshot| {
        let after = after.iter().find(|after| after.row == before.row)?;
        let change = Change { key: before.key, before: before.cells, after: after.cells.clone() };
        (change.before.is_some() || change.after.is_some()).then_some(change)
    };
    before.into_iter().filter_map(pair).collect()
}

/// The rows of a batch.
fn inserted(rows: &Batch, picked: &[usize]) -> Vec<Change> {
    let cells = |row: usize| {
        let cell = |column: &runner_data::Column| Cell {
            column: column.name.clone(),
            value: value_text(&Value::of_cell(column, row)),
        };
        rows.columns.iter().map(cell).collect()
    };
    picked.iter().map(|row| Change { key: Vec::new(), before: None, after: Some(cells(*row)) }).collect()
}
