//! Writers: batches into a table, by key.

use super::SqliteDatabase;
use super::raw::{CellColumn, Statement};
use super::schema::Table;
use super::types_write::{Affinity, Encoded, encode};
use super::write_sql::WriteSql;
use runner_data::Batch;
use runner_database::write::{RowErrors, is_a_view};
use runner_database::{DatabaseError, Role, TableTarget, WriteHint, WriteMode, WriterId};

/// An open writer.
pub(super) struct Writer {
    pub(super) table: Table,
    pub(super) mode: WriteMode,
    key: Vec<String>,
    rights: Role,
    /// Created for the columns of the first batch.
    plan: Option<WritePlan>,
    rows_written: u64,
}

/// The statements for batches with certain columns, each prepared when it is first needed.
pub(super) struct WritePlan {
    pub(super) sql: WriteSql,
    /// For each column of the batch, the affinity of the table's column.
    pub(super) affinities: Vec<Affinity>,
    pub(super) one: Option<Made>,
    pub(super) many: Option<Made>,
    pub(super) range: Option<Made>,
    pub(super) guarded_range: Option<Made>,
}

/// A statement and its text.
pub(super) struct Made {
    pub(super) text: String,
    pub(super) statement: Statement,
}

impl Writer {
    /// Rows that all batches changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// For errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }
}

impl SqliteDatabase {
    pub(super) fn open_writer_now(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.guard.check_stop()?;
        let table = self.table_now(&target.table)?;
        if table.info.is_view {
            return Err(is_a_view(&target.table, " that its triggers handle"));
        }
        let key = table.info.write_key(target)?;
        let rights = self.guard.rights();
        let writer = Writer { table, mode: target.mode, key, rights, plan: None, rows_written: 0 };
        Ok(self.opened.add_writer(writer))
    }

    pub(super) fn write_now(&mut self, id: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        self.guard.check_stop()?;
        // A writer that fails is closed.
        let mut writer = self.opened.take_writer(id)?;
        let rights = self.guard.rights();
        let before = self.connection.total_changes();
        self.guard.set_role(writer.rights);
        let written = self.write_rows(&mut writer, rows, hint);
        self.guard.set_role(rights);
        if let Some(transaction) = &mut self.transaction {
            transaction.written.add(&writer.table.info.name, self.connection.total_changes() - before);
        }
        let written = written?;
        writer.rows_written += written;
        self.opened.put_writer(id, writer);
        Ok(written)
    }

    fn write_rows(&mut self, writer: &mut Writer, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        let mut plan = match writer.plan.take() {
            Some(plan) => plan,
            None => {
                let sql = WriteSql::new(&writer.table.info, writer.mode, &writer.key, rows)?;
                let affinities = sql.layout.names.iter().map(|name| writer.table.affinity(name)).collect();
                WritePlan { sql, affinities, one: None, many: None, range: None, guarded_range: None }
            }
        };
        plan.sql.layout.check_columns(&writer.table.info, rows)?;
        let mut encoded = Vec::with_capacity(rows.columns.len());
        for (column, affinity) in rows.columns.iter().zip(&plan.affinities) {
            let encoding = encode(column, *affinity);
            encoded
                .push(encoding.map_err(|unfit| writer.errors(rows).cannot_hold(&column.name, unfit.what, unfit.row))?);
        }
        let columns: Vec<CellColumn<'_>> = encoded.iter().map(Encoded::as_pull).collect();
        let _inserting = self.guard.inserting(&plan.sql.layout.names);
        let written = match self.write_range(writer, &mut plan, rows, &columns, hint)? {
            Some(written) => written,
            None => self.write_each(writer, &mut plan, rows, &columns)?,
        };
        writer.plan = Some(plan);
        Ok(written)
    }

    /// Prepares a statement of a writer, or returns the prepared one.
    pub(super) fn made<'p>(
        &mut self,
        place: &'p mut Option<Made>,
        text: impl FnOnce() -> String,
    ) -> Result<&'p mut Made, DatabaseError> {
        let made = match place.take() {
            Some(made) => made,
            None => {
                let text = text();
                let statement = self.prepare_one(&text).map_err(|mut error| {
                    error.statement = Some(text.as_str().into());
                    error
                })?;
                Made { text, statement }
            }
        };
        Ok(place.insert(made))
    }

    /// Runs a prepared statement for one row or a few rows at a time.
    fn write_each(
        &mut self,
        writer: &Writer,
        plan: &mut WritePlan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
    ) -> Result<u64, DatabaseError> {
        let parameters = plan.sql.parameters();
        let at_once = plan.sql.rows_at_once();
        let mut written = 0;
        let mut row = 0;
        if at_once > 1 && rows.row_count >= at_once {
            let made = self.made(&mut plan.many, || plan.sql.by_row(at_once))?;
            let failed = made.statement.activate(&self.connection).with_batch(columns, &parameters, |runs| {
                while row + at_once <= rows.row_count {
                    runs.run(row, at_once)?;
                    written += self.connection.changes();
                    row += at_once;
                }
                Ok(())
            });
            // A statement that fails undoes its work. Writing the rows one by one then shows which row failed: not if the failure
            // has ended the transaction, as an interrupted write does and `ON CONFLICT ROLLBACK`, since each would commit by itself.
            if let Err(failure) = failed
                && self.check_transaction().is_err()
            {
                return Err(self.failed(&failure, &made.text));
            }
        }
        if row == rows.row_count {
            return Ok(written);
        }
        let must_exist = matches!(writer.mode, WriteMode::Update | WriteMode::Delete);
        let made = self.made(&mut plan.one, || plan.sql.by_row(1))?;
        let failed = made.statement.activate(&self.connection).with_batch(columns, &parameters, |runs| {
            while row < rows.row_count {
                runs.run(row, 1).map_err(Some)?;
                let changed = self.connection.changes();
                if must_exist && changed != 1 {
                    return Err(None);
                }
                written += changed;
                row += 1;
            }
            Ok(())
        });
        match failed {
            Ok(()) => Ok(written),
            Err(Some(failure)) => {
                let mut error = self.failed(&failure, &made.text);
                error.detail = Some(writer.errors(rows).row_name(row));
                Err(error)
            }
            Err(None) => Err(self.not_one(writer, plan, rows, columns, row)),
        }
    }

    /// The error for a row of a batch that changed none or several rows of the table.
    pub(super) fn not_one(
        &mut self,
        writer: &Writer,
        plan: &WritePlan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
        row: usize,
    ) -> DatabaseError {
        let errors = writer.errors(rows);
        match self.rows_with_key(plan, columns, row) {
            Ok(0) => errors.absent(row),
            Ok(1) => errors.prevented(row),
            Ok(_) => errors.ambiguous(row),
            Err(error) => error,
        }
    }

    /// How many rows of the table have the key of a row of the batch: none, one, or more.
    pub(super) fn rows_with_key(
        &mut self,
        plan: &WritePlan,
        columns: &[CellColumn<'_>],
        row: usize,
    ) -> Result<usize, DatabaseError> {
        let text = plan.sql.with_key();
        let mut statement = self.prepare_one(&text)?;
        let found =
            statement.activate(&self.connection).with_batch(columns, &plan.sql.layout.key, |runs| runs.count(row));
        found.map_err(|failure| self.failed(&failure, &text))
    }
}
