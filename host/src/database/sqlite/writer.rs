//! Writers: batches into a table, by key.

use super::raw::{Failure, Statement};
use super::schema::{Table, closest};
use super::write_types::{Cells, Encoded, encode};
use super::{SqliteDatabase, closed, cursor};
use crate::data::Batch;
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, Rights, TableTarget, WriteHint, WriteMode, WriterId};

/// An open writer.
pub(super) struct Writer {
    table: Table,
    mode: WriteMode,
    key: Vec<String>,
    rights: Rights,
    /// Made for the columns of the first batch.
    plan: Option<Plan>,
    rows_written: u64,
}

/// The statement for batches with certain columns.
struct Plan {
    /// The names of the batch's columns, as they come.
    names: Vec<String>,
    /// For each parameter of the statement, the column of the batch.
    parameters: Vec<usize>,
    text: String,
    statement: Statement,
}

impl Writer {
    /// Rows that all batches changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }
}

/// The error for a writer that is not open.
pub(super) fn unknown() -> DatabaseError {
    closed("writer")
}

fn invalid(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::InvalidArgument, message)
}

impl SqliteDatabase {
    pub(super) fn open_writer_now(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.check_transaction()?;
        self.guard.check_stop()?;
        let table = self.table_now(&target.table)?;
        let name = &target.table;
        let mut key = Vec::new();
        if target.mode != WriteMode::Insert {
            key = if target.key.is_empty() { table.info.key.clone() } else { target.key.clone() };
            if key.is_empty() {
                return Err(invalid(format!("`{name}` has no primary key by which rows could be found"))
                    .hint("name the columns that identify a row as the key"));
            }
            for column in &mut key {
                *column = known_column(&table, column)?;
            }
        }
        let id = WriterId(self.new_id());
        let rights = self.guard.rights();
        let writer = Writer { table, mode: target.mode, key, rights, plan: None, rows_written: 0 };
        self.writers.push((id, writer));
        Ok(id)
    }

    pub(super) fn write_now(&mut self, id: WriterId, rows: &Batch, _hint: WriteHint) -> Result<u64, DatabaseError> {
        self.check_transaction()?;
        self.guard.check_stop()?;
        let Some(at) = self.writers.iter().position(|(other, _)| *other == id) else { return Err(unknown()) };
        // A writer that fails is closed.
        let (_, mut writer) = self.writers.remove(at);
        let rights = self.guard.rights();
        self.guard.set_rights(writer.rights);
        let written = self.write_rows(&mut writer, rows);
        self.guard.set_rights(rights);
        let written = written?;
        writer.rows_written += written;
        self.writers.push((id, writer));
        Ok(written)
    }

    fn write_rows(&mut self, writer: &mut Writer, rows: &Batch) -> Result<u64, DatabaseError> {
        if rows.row_count == 0 {
            return Ok(0);
        }
        let mut plan = match writer.plan.take() {
            Some(plan) => plan,
            None => self.plan(writer, rows)?,
        };
        let same = plan.names.len() == rows.columns.len()
            && plan.names.iter().zip(&rows.columns).all(|(name, column)| *name == column.name);
        if !same {
            return Err(invalid(format!(
                "a batch for `{}` has other columns than the writer's first one: {}",
                writer.table.info.name,
                plan.names.join(", ")
            )));
        }
        let mut encoded = Vec::with_capacity(rows.columns.len());
        for column in &rows.columns {
            encoded.push(encode(column).map_err(|unfit| {
                DatabaseError::new(
                    DatabaseErrorKind::Conversion,
                    format!("column `{}.{}` cannot hold {}", writer.table.info.name, column.name, unfit.what),
                )
                .detail(row_name(writer, rows, unfit.row))
            })?);
        }
        let written = self.write_each(writer, &mut plan, rows, &encoded)?;
        writer.plan = Some(plan);
        Ok(written)
    }

    /// One run of the prepared statement for each row.
    fn write_each(
        &self,
        writer: &Writer,
        plan: &mut Plan,
        rows: &Batch,
        encoded: &[Encoded<'_>],
    ) -> Result<u64, DatabaseError> {
        let must_exist = matches!(writer.mode, WriteMode::Update | WriteMode::Delete);
        let mut written = 0;
        for row in 0..rows.row_count {
            let done = plan
                .parameters
                .iter()
                .enumerate()
                .try_for_each(|(number, column)| bind_cell(&mut plan.statement, number + 1, &encoded[*column], row))
                .and_then(|()| plan.statement.step());
            if let Err(failure) = done {
                let mut error = self.failed(&failure, &plan.text);
                error.detail = Some(row_name(writer, rows, row));
                return Err(error);
            }
            plan.statement.reset();
            let changed = self.connection.changes();
            if must_exist && changed == 0 {
                return Err(missing(writer, rows, row));
            }
            written += changed;
        }
        plan.statement.clear_bindings();
        Ok(written)
    }

    fn plan(&mut self, writer: &Writer, rows: &Batch) -> Result<Plan, DatabaseError> {
        let table = &writer.table;
        let mut names = Vec::with_capacity(rows.columns.len());
        for column in &rows.columns {
            names.push(known_column(table, &column.name)?);
        }
        if names.is_empty() {
            return Err(invalid(format!("a batch for `{}` has no columns", table.info.name)));
        }
        for key in &writer.key {
            if !names.contains(key) {
                return Err(invalid(format!(
                    "a batch for `{}` lacks the key column `{key}`, which {} needs",
                    table.info.name, writer.mode
                )));
            }
        }
        let generated = names.iter().find(|name| table.info.column(name).is_some_and(|column| column.generated));
        if let Some(name) = generated.filter(|_| writer.mode != WriteMode::Delete) {
            return Err(invalid(format!("column `{}.{name}` is generated and cannot be written", table.info.name))
                .hint("leave the column out of the batch"));
        }
        let (text, parameters) = statement(writer, &names)?;
        let statement = self.prepare_one(&text).map_err(|mut error| {
            error.statement = Some(text.clone());
            error
        })?;
        let names = rows.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Plan { names, parameters, text, statement })
    }
}

/// The name of a column as the table spells it.
fn known_column(table: &Table, name: &str) -> Result<String, DatabaseError> {
    if let Some(column) = table.info.column(name) {
        return Ok(column.name.clone());
    }
    if table.info.key_is_rowid && table.info.key.first().is_some_and(|key| key.eq_ignore_ascii_case(name)) {
        return Ok(name.to_ascii_lowercase());
    }
    let error = invalid(format!("`{}` has no column `{name}`", table.info.name));
    Err(match closest(name, table.info.columns.iter().map(|column| column.name.as_str())) {
        Some(other) => error.hint(format!("there is one called `{other}`")),
        None => error,
    })
}

/// The statement for one row, and the batch's column behind each parameter.
fn statement(writer: &Writer, names: &[String]) -> Result<(String, Vec<usize>), DatabaseError> {
    let quote = |name: &str| Dialect::Sqlite.quote(name);
    let table = writer.table.info.name.quoted(Dialect::Sqlite);
    let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    let is_key = |name: &String| writer.key.contains(name);
    let key_columns: Vec<usize> =
        writer.key.iter().filter_map(|key| names.iter().position(|name| name == key)).collect();
    let others: Vec<usize> = (0..names.len()).filter(|index| !is_key(&names[*index])).collect();
    let found = |first: usize| {
        let terms = writer.key.iter().enumerate().map(|(at, key)| format!("{} = ?{}", quote(key), first + at));
        terms.collect::<Vec<_>>().join(" AND ")
    };
    Ok(match writer.mode {
        WriteMode::Insert | WriteMode::Upsert => {
            let columns = list(&mut names.iter().map(|name| quote(name)));
            let values = list(&mut (1..=names.len()).map(|number| format!("?{number}")));
            let mut text = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
            if writer.mode == WriteMode::Upsert {
                let key = list(&mut writer.key.iter().map(|name| quote(name)));
                let set = list(&mut others.iter().map(|index| {
                    let name = quote(&names[*index]);
                    format!("{name} = excluded.{name}")
                }));
                text.push_str(&if set.is_empty() {
                    format!(" ON CONFLICT ({key}) DO NOTHING")
                } else {
                    format!(" ON CONFLICT ({key}) DO UPDATE SET {set}")
                });
            }
            (text, (0..names.len()).collect())
        }
        WriteMode::Update => {
            if others.is_empty() {
                return Err(invalid(format!(
                    "a batch for `{}` has no columns beside the key, so there is nothing to update",
                    writer.table.info.name
                )));
            }
            let set = list(
                &mut others.iter().enumerate().map(|(at, index)| format!("{} = ?{}", quote(&names[*index]), at + 1)),
            );
            let text = format!("UPDATE {table} SET {set} WHERE {}", found(others.len() + 1));
            (text, others.into_iter().chain(key_columns).collect())
        }
        WriteMode::Delete => (format!("DELETE FROM {table} WHERE {}", found(1)), key_columns),
    })
}

fn bind_cell(statement: &mut Statement, number: usize, column: &Encoded<'_>, row: usize) -> Result<(), Failure> {
    if column.nulls.get(row).is_some_and(|byte| *byte != 0) {
        return statement.bind_null(number);
    }
    match &column.cells {
        Cells::Boolean(entries) => statement.bind_int64(number, i64::from(entries[row])),
        Cells::Integer(entries) => statement.bind_int64(number, entries[row]),
        Cells::Real(entries) => statement.bind_real(number, entries[row]),
        Cells::Text(values) => statement.bind_text(number, values.get(row)),
        Cells::Blob(values) => statement.bind_blob(number, values.get(row)),
    }
}

/// Which row of a batch it is: by its key where it has one, else by its place.
fn row_name(writer: &Writer, rows: &Batch, row: usize) -> String {
    let key = if writer.key.is_empty() { &writer.table.info.key } else { &writer.key };
    let cells: Vec<String> = key
        .iter()
        .filter_map(|name| rows.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
        .map(|column| format!("{} = {}", column.name, cursor::cell_text(column, row)))
        .collect();
    if cells.is_empty() { format!("row {row} of the batch") } else { format!("row {}", cells.join(", ")) }
}

fn missing(writer: &Writer, rows: &Batch, row: usize) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::InvalidArgument,
        format!("no row of `{}` has the key that a batch to {} gives", writer.table.info.name, writer.mode),
    )
    .detail(row_name(writer, rows, row))
    .hint("write rows that may be new in the mode `upsert`")
}
