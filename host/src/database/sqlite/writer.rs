//! Writers: batches into a table, by key.

use super::SqliteDatabase;
use super::raw::{CellColumn, Statement};
use super::schema::Table;
use super::write_plan::Layout;
use super::write_types::{Affinity, Encoded, encode};
use crate::data::Batch;
use crate::database::message;
use crate::database::{DatabaseError, DatabaseErrorKind, Role, TableTarget, WriteHint, WriteMode, WriterId};

/// An open writer.
pub(super) struct Writer {
    pub(super) table: Table,
    pub(super) mode: WriteMode,
    key: Vec<String>,
    rights: Role,
    /// Made for the columns of the first batch.
    plan: Option<Plan>,
    rows_written: u64,
}

/// The statements for batches with certain columns, each made when it is first needed.
pub(super) struct Plan {
    pub(super) layout: Layout,
    /// For each column of the batch, the affinity of the table's.
    affinities: Vec<Affinity>,
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

    /// Which row of a batch it is.
    pub(super) fn row_name(&self, rows: &Batch, row: usize) -> String {
        message::row_name(&self.table.info, &self.key, rows, row)
    }
}

/// The error for a writer that is not open.
pub(super) fn unknown() -> DatabaseError {
    DatabaseError::closed("writer")
}

impl SqliteDatabase {
    pub(super) fn open_writer_now(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.check_transaction()?;
        self.guard.check_stop()?;
        let table = self.table_now(&target.table)?;
        let name = &target.table;
        if table.info.is_view {
            return Err(DatabaseError::invalid(format!("`{name}` is a view; batches are written to tables"))
                .hint("write to the tables behind it, or execute statements that its triggers handle"));
        }
        let key = table.info.write_key(target)?;
        let id = WriterId(self.new_id());
        let rights = self.guard.rights();
        let writer = Writer { table, mode: target.mode, key, rights, plan: None, rows_written: 0 };
        self.writers.push((id, writer));
        Ok(id)
    }

    pub(super) fn write_now(&mut self, id: WriterId, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        self.check_transaction()?;
        self.guard.check_stop()?;
        let Some(at) = self.writers.iter().position(|(other, _)| *other == id) else { return Err(unknown()) };
        // A writer that fails is closed.
        let (_, mut writer) = self.writers.remove(at);
        let rights = self.guard.rights();
        self.guard.set_role(writer.rights);
        let written = self.write_rows(&mut writer, rows, hint);
        self.guard.set_role(rights);
        let written = written?;
        writer.rows_written += written;
        self.writers.push((id, writer));
        Ok(written)
    }

    fn write_rows(&mut self, writer: &mut Writer, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        let mut plan = match writer.plan.take() {
            Some(plan) => plan,
            None => {
                let layout = Layout::new(&writer.table, writer.mode, &writer.key, rows)?;
                let affinities = layout.names.iter().map(|name| writer.table.affinity(name)).collect();
                Plan { layout, affinities, one: None, many: None, range: None, guarded_range: None }
            }
        };
        if !plan.layout.fits(rows) {
            return Err(DatabaseError::invalid(format!(
                "a batch for `{}` has other columns than the writer's first one: {}",
                writer.table.info.name,
                plan.layout.given.join(", ")
            )));
        }
        let mut encoded = Vec::with_capacity(rows.columns.len());
        for (column, affinity) in rows.columns.iter().zip(&plan.affinities) {
            encoded.push(encode(column, *affinity).map_err(|unfit| {
                DatabaseError::new(
                    DatabaseErrorKind::Conversion,
                    format!("column `{}.{}` cannot hold {}", writer.table.info.name, column.name, unfit.what),
                )
                .detail(writer.row_name(rows, unfit.row))
            })?);
        }
        let columns: Vec<CellColumn<'_>> = encoded.iter().map(Encoded::as_pull).collect();
        let written = match self.write_range(writer, &mut plan, rows, &columns, hint)? {
            Some(written) => written,
            None => self.write_each(writer, &mut plan, rows, &columns)?,
        };
        writer.plan = Some(plan);
        Ok(written)
    }

    /// Prepares a statement of a writer, or takes the one that is there.
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

    /// Runs of a prepared statement, a row or a few rows at a time.
    fn write_each(
        &mut self,
        writer: &Writer,
        plan: &mut Plan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
    ) -> Result<u64, DatabaseError> {
        let (table, mode) = (&writer.table, writer.mode);
        let parameters = plan.layout.parameters(mode);
        let at_once = plan.layout.rows_at_once(mode);
        let mut written = 0;
        let mut row = 0;
        if at_once > 1 && rows.row_count >= at_once {
            let made = self.made(&mut plan.many, || plan.layout.by_row(table, mode, at_once))?;
            made.statement.activate(&self.connection).with_batch(columns, &parameters, |runs| {
                // A statement that fails undoes its work. Writing the rows one by one then shows which row it was.
                while row + at_once <= rows.row_count && runs.run(row, at_once).is_ok() {
                    written += self.connection.changes();
                    row += at_once;
                }
            });
        }
        if row == rows.row_count {
            return Ok(written);
        }
        let must_exist = matches!(mode, WriteMode::Update | WriteMode::Delete);
        let made = self.made(&mut plan.one, || plan.layout.by_row(table, mode, 1))?;
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
                error.detail = Some(writer.row_name(rows, row));
                Err(error)
            }
            Err(None) => Err(self.not_one(writer, plan, rows, columns, row)),
        }
    }

    /// The error for a row of a batch that changed none or several rows of the table.
    pub(super) fn not_one(
        &mut self,
        writer: &Writer,
        plan: &Plan,
        rows: &Batch,
        columns: &[CellColumn<'_>],
        row: usize,
    ) -> DatabaseError {
        let (name, mode) = (&writer.table.info.name, writer.mode);
        let found = match self.rows_with_key(writer, plan, columns, row) {
            Ok(found) => found,
            Err(error) => return error,
        };
        let error = match found {
            // A row that was deleted twice is gone the second time, as is one that was never there.
            0 => DatabaseError::invalid(format!("no row of `{name}` has the key that a batch to {mode} gives"))
                .hint("write rows that may be new in the mode `upsert`"),
            1 => DatabaseError::invalid(format!("a trigger of `{name}` kept a batch from its {mode}")),
            _ => DatabaseError::invalid(format!("several rows of `{name}` have the key that a batch to {mode} gives"))
                .hint("choose columns that identify a row as the key"),
        };
        error.detail(writer.row_name(rows, row))
    }

    /// How many rows of the table have the key of a row of the batch: none, one, or more.
    pub(super) fn rows_with_key(
        &mut self,
        writer: &Writer,
        plan: &Plan,
        columns: &[CellColumn<'_>],
        row: usize,
    ) -> Result<usize, DatabaseError> {
        let text = plan.layout.count_key(&writer.table);
        let mut statement = self.prepare_one(&text)?;
        let found = statement.activate(&self.connection).with_batch(columns, &plan.layout.key, |runs| runs.count(row));
        found.map_err(|failure| self.failed(&failure, &text))
    }
}
