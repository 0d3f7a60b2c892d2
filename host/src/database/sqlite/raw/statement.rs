//! One prepared statement.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::NonNull;

use libsqlite3_sys as ffi;

use super::cells::{Cell, CellColumn};
use super::connection::{Failure, failure};

/// A statement, and where the text behind it begins.
pub(in super::super) struct Prepared {
    pub statement: Statement,
    /// The byte behind the statement and its semicolon.
    pub end: usize,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// A row.
    Row,
    /// The end.
    Done,
}

impl Step {
    /// Whether it led to a row.
    pub(in super::super) fn is_row(self) -> bool {
        self == Self::Row
    }
}

/// A prepared statement of a connection.
pub(in super::super) struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    database: NonNull<ffi::sqlite3>,
    /// Whether the database keeps text as UTF-8.
    utf8: bool,
}

// SAFETY: rule 2 of the module: a statement changes threads only together with its connection.
unsafe impl Send for Statement {}

impl Statement {
    /// # Safety
    /// `raw` is a statement of `database` that nobody else finalizes; `database` outlives the answer.
    pub(super) unsafe fn new(raw: NonNull<ffi::sqlite3_stmt>, database: NonNull<ffi::sqlite3>, utf8: bool) -> Self {
        Self { raw, database, utf8 }
    }

    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    fn check(&self, code: c_int) -> Result<(), Failure> {
        if code == ffi::SQLITE_OK {
            return Ok(());
        }
        // SAFETY: the connection is open as long as the statement lives.
        Err(unsafe { failure(self.database.as_ptr(), code) })
    }

    /// Goes to the next row.
    pub(in super::super) fn step(&mut self) -> Result<Step, Failure> {
        // SAFETY: the statement is alive.
        match unsafe { ffi::sqlite3_step(self.raw()) } {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            code => {
                // SAFETY: the connection is open; reset only after the error was read.
                let error = unsafe { failure(self.database.as_ptr(), code) };
                self.reset();
                Err(error)
            }
        }
    }

    /// Makes the statement ready to run again; bound values stay.
    pub(in super::super) fn reset(&mut self) {
        // SAFETY: the statement is alive. The answer repeats the error of the last step.
        unsafe { ffi::sqlite3_reset(self.raw()) };
    }

    /// Sets all parameters to NULL.
    pub(in super::super) fn clear_bindings(&mut self) {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_clear_bindings(self.raw()) };
    }

    /// Whether it cannot change the database.
    pub(in super::super) fn is_read_only(&self) -> bool {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    /// How many parameters it takes: the greatest number among them.
    pub(in super::super) fn parameter_count(&self) -> usize {
        // SAFETY: the statement is alive.
        usize::try_from(unsafe { ffi::sqlite3_bind_parameter_count(self.raw()) }).unwrap_or(0)
    }

    /// Binds a copy of a cell to a parameter, counted from 1. SQLite makes NULL of NaN.
    pub(in super::super) fn bind(&mut self, number: usize, cell: Cell<'_>) -> Result<(), Failure> {
        // SAFETY: the statement is alive; SQLite checks the number and copies what the cell points to during the call.
        self.check(unsafe { bind(self.raw(), number as c_int, cell, ffi::SQLITE_TRANSIENT()) })
    }

    /// Runs the statement with cells of a batch as its parameters.
    pub(in super::super) fn with_batch<'a>(
        &'a mut self,
        columns: &'a [CellColumn<'a>],
        parameters: &'a [usize],
    ) -> BatchRuns<'a> {
        BatchRuns { statement: self, columns, parameters }
    }

    /// How many columns its rows have; 0: it returns none.
    pub(in super::super) fn column_count(&self) -> usize {
        // SAFETY: the statement is alive.
        usize::try_from(unsafe { ffi::sqlite3_column_count(self.raw()) }).unwrap_or(0)
    }

    /// The name of a result column.
    pub(in super::super) fn column_name(&self, column: usize) -> String {
        // SAFETY: the statement is alive; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_name(self.raw(), column as c_int)) }.unwrap_or_default()
    }

    /// The declared type of the table's column that a result column shows; none for expressions.
    pub(in super::super) fn declared_type(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is alive; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_decltype(self.raw(), column as c_int)) }
    }

    /// The table that a result column comes from; none for expressions.
    pub(in super::super) fn table_name(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is alive; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_table_name(self.raw(), column as c_int)) }
    }

    /// A cell of the current row. What it points to lives until the next step, which takes `&mut self`.
    // Always: as a call it would hand its answer over in memory, a tenth of the time it takes to read a row.
    #[inline(always)]
    pub(in super::super) fn cell(&self, column: usize) -> Cell<'_> {
        // SAFETY: the statement is alive; SQLite answers NULL for columns and rows that do not exist. `column_value` is meant
        // for values that no other thread changes meanwhile, which rule 1 of the module sees to.
        unsafe { cell_of(ffi::sqlite3_column_value(self.raw(), column as c_int), self.utf8) }
    }

    /// A cell of a statement of ours that is an integer; 0 if it is none.
    pub(in super::super) fn int64(&self, column: usize) -> i64 {
        match self.cell(column) {
            Cell::Integer(number) => number,
            _ => 0,
        }
    }

    /// A cell of a statement of ours that is text; empty if it is none.
    pub(in super::super) fn text(&self, column: usize) -> String {
        match self.cell(column) {
            Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        }
    }
}

/// A value of SQLite. `utf8`: the database keeps text so.
///
/// # Safety
/// The value is valid, and stays so and unchanged as long as the answer lives. It is asked in the one way that fits its type,
/// so no later call converts, and thereby frees, what an earlier one answered.
#[inline(always)]
pub(super) unsafe fn cell_of<'a>(value: *mut ffi::sqlite3_value, utf8: bool) -> Cell<'a> {
    // SAFETY: see above.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Cell::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Cell::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                // In a database of UTF-8 the bytes are there; asking for text would only copy them for a NUL behind.
                let data = if utf8 { ffi::sqlite3_value_blob(value).cast() } else { ffi::sqlite3_value_text(value) };
                Cell::Text(slice(data, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let data = ffi::sqlite3_value_blob(value).cast();
                Cell::Blob(slice(data, ffi::sqlite3_value_bytes(value)))
            }
            _ => Cell::Null,
        }
    }
}

/// SAFETY (for callers): null, or so many bytes that live as long as the answer.
#[inline]
unsafe fn slice<'a>(data: *const u8, length: c_int) -> &'a [u8] {
    if data.is_null() || length <= 0 {
        return &[];
    }
    // SAFETY: see above.
    unsafe { std::slice::from_raw_parts(data, length as usize) }
}

/// Runs of a statement whose parameters are cells of a batch, bound without a copy.
pub(in super::super) struct BatchRuns<'a> {
    statement: &'a mut Statement,
    columns: &'a [CellColumn<'a>],
    /// For each parameter of a row, its column.
    parameters: &'a [usize],
}

impl BatchRuns<'_> {
    /// Binds the cells of `rows` rows from `first`, runs the statement to its end and resets it.
    #[inline]
    pub(in super::super) fn run(&mut self, first: usize, rows: usize) -> Result<(), Failure> {
        self.bind(first, rows)?;
        while self.statement.step()?.is_row() {}
        self.statement.reset();
        Ok(())
    }

    /// Binds the cells of a row and answers how many rows come back.
    pub(in super::super) fn count(&mut self, row: usize) -> Result<usize, Failure> {
        self.bind(row, 1)?;
        let mut count = 0;
        while self.statement.step()?.is_row() {
            count += 1;
        }
        Ok(count)
    }

    #[inline]
    fn bind(&mut self, first: usize, rows: usize) -> Result<(), Failure> {
        let mut number = 0;
        for row in first..first + rows {
            for parameter in self.parameters {
                number += 1;
                let cell = self.columns.get(*parameter).and_then(|column| column.get(row));
                let code = match cell {
                    // SAFETY: the statement is alive; the cell lives as long as `self`, whose drop unbinds it.
                    Some(cell) => unsafe { bind(self.statement.raw(), number, cell, ffi::SQLITE_STATIC()) },
                    None => ffi::SQLITE_RANGE,
                };
                self.statement.check(code)?;
            }
        }
        Ok(())
    }
}

impl Drop for BatchRuns<'_> {
    fn drop(&mut self) {
        self.statement.reset();
        self.statement.clear_bindings();
    }
}

/// Binds a cell.
///
/// # Safety
/// The statement is alive. With `SQLITE_STATIC` the cell outlives the binding.
#[inline]
unsafe fn bind(
    raw: *mut ffi::sqlite3_stmt,
    number: c_int,
    cell: Cell<'_>,
    keeping: ffi::sqlite3_destructor_type,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        match cell {
            Cell::Null => ffi::sqlite3_bind_null(raw, number),
            Cell::Integer(value) => ffi::sqlite3_bind_int64(raw, number, value),
            Cell::Real(value) => ffi::sqlite3_bind_double(raw, number, value),
            Cell::Text(text) => {
                let data = pointer(text).cast();
                ffi::sqlite3_bind_text64(raw, number, data, text.len() as u64, keeping, ffi::SQLITE_UTF8 as _)
            }
            Cell::Blob(bytes) => {
                let data = pointer(bytes).cast();
                ffi::sqlite3_bind_blob64(raw, number, data, bytes.len() as u64, keeping)
            }
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: rule 3 of the module: the connection is still open, and nobody else finalizes the statement.
        unsafe { ffi::sqlite3_finalize(self.raw()) };
    }
}

/// A pointer that SQLite does not take for NULL, even to an empty text.
pub(super) fn pointer(value: &[u8]) -> *const u8 {
    if value.is_empty() { c"".as_ptr().cast() } else { value.as_ptr() }
}

/// # Safety
/// The pointer is null, or its text ends in NUL and lives during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
