//! Cursors: a SELECT that is stepped into columns, a batch at a time.

use crate::executor::Executor;
use crate::raw::{Active, Cell, Statement};
use crate::types::{self, TypeSource};
use runner_data::{Batch, ColumnBuilder, ColumnType, Value};
use runner_database::message::{cell_text, excerpt};
use runner_database::read::{RowWidth, cell_too_large, duplicate_column, in_column, not_a_query, row_too_large};
use runner_database::{BatchLimits, DatabaseError, DatabaseErrorKind, PageRequest, Role};

/// An open cursor.
pub(super) struct Cursor {
    statement: Statement,
    text: String,
    role: Role,
    columns: Vec<CursorColumn>,
}

struct CursorColumn {
    name: String,
    /// None until the first cell that is not NULL.
    column_type: Option<ColumnType>,
    source: TypeSource,
}

/// A column while a batch is filled: NULLs are only counted until its type is known.
enum Filling {
    Nulls(usize),
    Known(ColumnBuilder),
}

impl Cursor {
    /// Prepares a SELECT and binds its parameters.
    pub(super) fn open(
        executor: &Executor,
        text: String,
        parameters: &[Value],
        types: &[Option<ColumnType>],
    ) -> Result<Self, DatabaseError> {
        executor.guard().check_stop()?;
        let mut statement = executor.prepare(&text, true)?;
        let mut active = statement.activate(executor.connection());
        if active.column_count() == 0 || !active.is_read_only() {
            return Err(not_a_query());
        }
        executor.bind(&mut active, parameters, &text)?;
        let columns = cursor_columns(&active, types)?;
        Ok(Self { statement, text, role: executor.guard().role(), columns })
    }

    /// The next batch, and whether there may be more rows after it.
    pub(super) fn fetch(&mut self, executor: &Executor, limits: BatchLimits) -> Result<(Batch, bool), DatabaseError> {
        // After a change of the schema the statement is authorized again, in the role that opened it.
        executor.guard().in_role(self.role, || self.fill(executor, None, limits))
    }

    /// The rows of a page.
    pub(super) fn read(&mut self, executor: &Executor, page: &PageRequest) -> Result<Batch, DatabaseError> {
        self.fill(executor, Some(page), page.limits).map(|(batch, _)| batch)
    }

    fn fill(
        &mut self,
        executor: &Executor,
        page: Option<&PageRequest>,
        limits: BatchLimits,
    ) -> Result<(Batch, bool), DatabaseError> {
        // Offsets of a column are 32 bits wide.
        let bytes_limit = limits.bytes.min(u32::MAX as usize / 2);
        let mut filling: Vec<Filling> = self
            .columns
            .iter()
            .map(|column| match column.column_type {
                Some(column_type) => Filling::Known(ColumnBuilder::new(column_type, limits.rows.min(16_384), "")),
                None => Filling::Nulls(0),
            })
            .collect();
        let entry_bytes = self.columns.len() * size_of::<i64>();
        let row_bytes = limits.row_bytes();
        let mut rows = 0;
        let mut bytes = 0;
        let mut more = true;
        let Self { statement, text, columns: described, .. } = self;
        let failed = |failure| executor.failed(failure, text);
        let mut active = statement.activate(executor.connection());
        while rows < limits.rows && bytes < bytes_limit {
            if !active.step().map_err(failed)?.is_row() {
                more = false;
                break;
            }
            let before = bytes;
            for (index, filling) in filling.iter_mut().enumerate() {
                let cell = active.cell(index);
                let pushed = match filling {
                    Filling::Known(builder) => types::push_as_stored(builder, cell, limits.cell_bytes),
                    Filling::Nulls(_) => None,
                };
                bytes += match pushed {
                    Some(size) => size,
                    None => match described[index].push(cell, filling, limits, || width(&active)) {
                        Ok(size) => size,
                        Err(error) => return Err(locate(error, &active, described, index, page)),
                    },
                };
                if bytes - before > row_bytes {
                    return Err(row_too_large(width(&active), limits, page, |name| {
                        let at = described.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
                        (at <= index).then(|| active.cell(at).to_string())
                    }));
                }
            }
            active.check_cells().map_err(failed)?;
            bytes += entry_bytes;
            rows += 1;
        }
        let mut columns = Vec::with_capacity(filling.len());
        for (filling, column) in filling.into_iter().zip(&self.columns) {
            columns.push(match filling {
                Filling::Known(builder) => builder.finish(column.name.as_str()),
                // Nothing but NULL so far: any type would do.
                Filling::Nulls(count) => nulls(ColumnType::Text, count).finish(column.name.as_str()),
            });
        }
        let batch = Batch { row_count: rows, columns };
        self.check_text(&batch, page)?;
        Ok((batch, more))
    }
}

/// How wide the current row is.
fn width(active: &Active<'_>) -> RowWidth {
    RowWidth::of((0..active.column_count()).map(|column| active.cell_bytes(column)))
}

/// The columns of a statement, with the types in which they are delivered.
fn cursor_columns(statement: &Active<'_>, types: &[Option<ColumnType>]) -> Result<Vec<CursorColumn>, DatabaseError> {
    let mut columns: Vec<CursorColumn> = Vec::with_capacity(statement.column_count());
    for index in 0..statement.column_count() {
        let name = statement.column_name(index);
        if columns.iter().any(|column| column.name == name) {
            return Err(duplicate_column(&name));
        }
        let requested = types.get(index).copied().flatten();
        let (column_type, source) = match (requested, types::declared(statement, index)) {
            (Some(requested), _) => (Some(requested), TypeSource::Requested),
            (None, Some(declared)) => (Some(declared), TypeSource::Declared),
            (None, None) if statement.table_name(index).is_some() => (None, TypeSource::FirstCell),
            (None, None) => (None, TypeSource::Expression),
        };
        columns.push(CursorColumn { name, column_type, source });
    }
    Ok(columns)
}

impl CursorColumn {
    /// Appends a cell whose storage class differs from its column's type. Returns its size in bytes, without that of
    /// the entry.
    #[inline(never)]
    fn push(
        &mut self,
        cell: Cell<'_>,
        filling: &mut Filling,
        limits: BatchLimits,
        row: impl Fn() -> RowWidth,
    ) -> Result<usize, DatabaseError> {
        let size = match cell {
            Cell::Text(bytes) | Cell::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        if size > limits.cell_bytes {
            return Err(cell_too_large(size, row(), limits));
        }
        let builder = match filling {
            Filling::Known(builder) => builder,
            Filling::Nulls(count) => {
                let Some(column_type) = types::stored_column_type(cell) else {
                    *count += 1;
                    return Ok(0);
                };
                self.column_type = Some(column_type);
                *filling = Filling::Known(nulls(column_type, *count));
                let Filling::Known(builder) = filling else { return Ok(0) };
                builder
            }
        };
        if !types::push(builder, cell, self.source) {
            return Err(unfit(cell, builder.column_type(), self.source));
        }
        Ok(size)
    }
}

impl Cursor {
    /// Text must be UTF-8. One pass over all bytes of a column, then only the boundaries of cells.
    fn check_text(&self, batch: &Batch, page: Option<&PageRequest>) -> Result<(), DatabaseError> {
        for (index, column) in batch.columns.iter().enumerate() {
            if column.values.column_type() == ColumnType::Bytes {
                continue;
            }
            let Some(values) = column.values.var_values() else { continue };
            let offsets = &values.offsets;
            let row = match std::str::from_utf8(&values.data) {
                Ok(text) if text.is_ascii() => None,
                Ok(text) => offsets
                    .iter()
                    .position(|offset| !text.is_char_boundary(*offset as usize))
                    .map(|row| row.saturating_sub(1)),
                Err(error) => {
                    Some(offsets.partition_point(|offset| *offset as usize <= error.valid_up_to()).saturating_sub(1))
                }
            };
            if let Some(row) = row {
                let what = format!("the text {}, which is not UTF-8", excerpt(values.get(row)));
                let error =
                    DatabaseError::new(DatabaseErrorKind::Conversion, what).hint("ask for the column `as` bytes");
                let key = |name: &str| batch.column(name).map(|column| cell_text(column, row));
                return Err(in_column(error, &self.columns[index].name, page, key));
            }
        }
        Ok(())
    }
}

/// Adds the position of a cell of the current row to an error about it.
fn locate(
    error: DatabaseError,
    statement: &Active<'_>,
    columns: &[CursorColumn],
    index: usize,
    page: Option<&PageRequest>,
) -> DatabaseError {
    let key = |name: &str| {
        let at = columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
        Some(statement.cell(at).to_string())
    };
    in_column(error, &columns[index].name, page, key)
}

#[cold]
fn unfit(cell: Cell<'_>, column_type: ColumnType, source: TypeSource) -> DatabaseError {
    let what = format!("{}, which is no {column_type}", types::describe(cell));
    let error = DatabaseError::new(DatabaseErrorKind::Conversion, what);
    match source {
        TypeSource::Requested => error,
        _ => error.hint("ask for the column `as` another type, such as text"),
    }
}

/// A column of NULLs.
fn nulls(column_type: ColumnType, count: usize) -> ColumnBuilder {
    let mut builder = ColumnBuilder::new(column_type, count, "");
    for _ in 0..count {
        builder.push_null();
    }
    builder
}
