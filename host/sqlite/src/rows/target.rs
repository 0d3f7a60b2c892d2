//! What a writer writes to, and the statements that do so.

use super::write_sql::WriteSql;
use crate::executor::Executor;
use crate::raw::{CellColumn, Statement};
use crate::schema::Table;
use crate::types::Affinity;
use runner_data::Batch;
use runner_database::write::RowErrors;
use runner_database::{DatabaseError, WriteMode};

/// What a writer writes to.
pub(super) struct Target {
    pub table: Table,
    pub mode: WriteMode,
    pub key: Vec<String>,
}

/// A batch, and its columns as statements take them.
pub(super) struct Input<'a> {
    pub rows: &'a Batch,
    pub columns: &'a [CellColumn<'a>],
}

/// The statements for batches with certain columns, each prepared when it is first needed.
pub(super) struct Plan {
    pub sql: WriteSql,
    /// For each column of the batch, the affinity of the table's column.
    pub affinities: Vec<Affinity>,
    pub one: Option<Made>,
    pub many: Option<Made>,
    pub range: Option<Made>,
    pub guarded_range: Option<Made>,
}

/// A statement and its text.
pub(super) struct Made {
    pub text: String,
    pub statement: Statement,
}

impl Made {
    /// Prepares a statement of a writer, or returns the prepared one.
    pub(super) fn get<'p>(
        place: &'p mut Option<Self>,
        executor: &Executor,
        text: impl FnOnce() -> String,
    ) -> Result<&'p mut Self, DatabaseError> {
        let made = match place.take() {
            Some(made) => made,
            None => {
                let text = text();
                let statement = executor.prepare(&text, true).map_err(|mut error| {
                    error.statement = Some(text.as_str().into());
                    error
                })?;
                Self { text, statement }
            }
        };
        Ok(place.insert(made))
    }
}

impl Target {
    /// For errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }

    /// The error for a row of a batch that changed none or several rows of the table.
    pub(super) fn not_one(&self, executor: &Executor, sql: &WriteSql, input: &Input<'_>, row: usize) -> DatabaseError {
        let errors = self.errors(input.rows);
        match rows_with_key(executor, sql, input, row) {
            Ok(0) => errors.absent(row),
            Ok(1) => errors.prevented(row),
            Ok(_) => errors.ambiguous(row),
            Err(error) => error,
        }
    }
}

/// How many rows of the table have the key of a row of the batch: none, one, or more.
pub(super) fn rows_with_key(
    executor: &Executor,
    sql: &WriteSql,
    input: &Input<'_>,
    row: usize,
) -> Result<usize, DatabaseError> {
    let text = sql.with_key();
    let mut statement = executor.prepare(&text, true)?;
    let mut active = statement.activate(executor.connection());
    let found = active.with_batch(input.columns, &sql.layout.key, |runs| runs.count(row));
    found.map_err(|failure| executor.failed(failure, &text))
}
