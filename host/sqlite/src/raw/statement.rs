//! Prepared statements.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::ffi;

use super::cells::{Cell, CellColumn};
use super::connection::{Connection, Failure};
use super::stack;

/// A statement, and where the text after it begins.
pub(in super::super) struct Prepared {
    pub statement: Statement,
    /// The byte after the statement and its semicolon.
    pub end: usize,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// There is a row.
    Row,
    /// The statement has ended.
    Done,
}

impl Step {
    /// Whether there is a row.
    pub(in super::super) fn is_row(self) -> bool {
        self == Self::Row
    }
}

/// The prepared statements of a connection, which owns them.
#[derive(Default)]
pub(super) struct Statements {
    slots: RefCell<Vec<Option<NonNull<ffi::sqlite3_stmt>>>>,
    dropped: Arc<Dropped>,
}

/// Slots whose tickets were dropped.
#[derive(Default)]
struct Dropped(Mutex<Vec<usize>>);

/// A ticket for a prepared statement of a connection. It does nothing by itself: see [`Statement::activate`].
pub(in super::super) struct Statement {
    slot: usize,
    dropped: Arc<Dropped>,
}

impl Statements {
    /// Takes over a statement.
    ///
    /// # Safety
    /// The statement belongs to the connection of this list, and there is no other pointer to it.
    pub(super) unsafe fn add(&self, raw: NonNull<ffi::sqlite3_stmt>) -> Statement {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.iter().position(Option::is_none).unwrap_or_else(|| {
            slots.push(None);
            slots.len() - 1
        });
        slots[slot] = Some(raw);
        Statement { slot, dropped: Arc::clone(&self.dropped) }
    }

    /// Whether tickets were dropped since.
    pub(super) fn any_dropped(&self) -> bool {
        !self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Finalizes the statements whose tickets were dropped.
    pub(super) fn finalize_dropped(&self) {
        let mut dropped = self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in dropped.drain(..) {
            let statement = self.slots.borrow_mut().get_mut(slot).and_then(Option::take);
            if let Some(raw) = statement {
                // SAFETY: the connection is open. The pointer is gone from the list, and nothing borrows it: an `Active` borrows
                // its ticket, and this one's was dropped.
                unsafe { ffi::sqlite3_finalize(raw.as_ptr()) };
            }
        }
    }

    /// Finalizes all statements, before the connection closes.
    pub(super) fn finalize_all(&mut self) {
        for raw in self.slots.get_mut().drain(..).flatten() {
            // SAFETY: the connection is open, and nothing borrows the statement: an `Active` borrows its connection.
            unsafe { ffi::sqlite3_finalize(raw.as_ptr()) };
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    fn get(&self, ticket: &Statement) -> NonNull<ffi::sqlite3_stmt> {
        assert!(
            Arc::ptr_eq(&ticket.dropped, &self.dropped),
            "a statement is used with the connection that prepared it"
        );
        let raw = self.slots.borrow().get(ticket.slot).copied().flatten();
        raw.expect("a statement is finalized only after its ticket was dropped")
    }
}

impl Statement {
    /// The statement on its connection, ready to be bound, run and read.
    ///
    /// # Panics
    /// If another connection prepared the statement.
    pub(in super::super) fn activate<'a>(&'a mut self, connection: &'a Connection) -> Active<'a> {
        connection.finalize_dropped();
        let raw = connection.statements().get(self);
        Active { raw, connection, utf8: connection.is_utf8(), ticket: PhantomData }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        self.dropped.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

/// A statement in use: it borrows its ticket, so that it is not finalized, and its connection, so that no other thread uses it.
pub(in super::super) struct Active<'a> {
    raw: NonNull<ffi::sqlite3_stmt>,
    connection: &'a Connection,
    /// Whether the database stores text as UTF-8.
    utf8: bool,
    ticket: PhantomData<&'a mut Statement>,
}

impl<'a> Active<'a> {
    fn raw(&self) -> *mut ffi::sqlite3_stmt {
        self.raw.as_ptr()
    }

    /// The connection of the statement.
    pub(in super::super) fn connection(&self) -> &'a Connection {
        self.connection
    }

    fn check(&self, code: c_int) -> Result<(), Failure> {
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.connection.failure(code)) }
    }

    /// Advances to the next row.
    #[inline]
    pub(in super::super) fn step(&mut self) -> Result<Step, Failure> {
        self.connection.held().check()?;
        let code = self.connection.account().run(|| {
            let _time = self.connection.fixed().time();
            // SAFETY: the statement is prepared.
            unsafe { ffi::sqlite3_step(self.raw()) }
        });
        match code {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            code => {
                // Before the reset, which may change the connection's error.
                let failure = self.connection.failure(code);
                self.reset();
                Err(failure)
            }
        }
    }

    /// Makes the statement ready to run again; parameters stay bound.
    pub(in super::super) fn reset(&mut self) {
        // SAFETY: the statement is prepared. The result repeats the error of the last step.
        self.connection.account().run(|| unsafe { ffi::sqlite3_reset(self.raw()) });
    }

    /// Resets the statement and frees what is bound to it, before it is kept for another run.
    pub(in super::super) fn release(mut self) {
        self.reset();
        self.clear_bindings();
    }

    /// Sets all parameters to NULL.
    fn clear_bindings(&mut self) {
        // SAFETY: the statement is prepared.
        unsafe { ffi::sqlite3_clear_bindings(self.raw()) };
    }

    /// Whether it cannot change the database.
    pub(in super::super) fn is_read_only(&self) -> bool {
        // SAFETY: the statement is prepared.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    /// The number of parameters: the greatest index among them.
    pub(in super::super) fn parameter_count(&self) -> usize {
        // SAFETY: the statement is prepared.
        usize::try_from(unsafe { ffi::sqlite3_bind_parameter_count(self.raw()) }).unwrap_or(0)
    }

    /// Binds a copy of a cell to a parameter, counted from 1. SQLite turns NaN into NULL.
    pub(in super::super) fn bind(&mut self, number: usize, cell: Cell<'_>) -> Result<(), Failure> {
        // SAFETY: the statement is prepared; SQLite checks the number and copies the bytes of the cell during the call.
        self.check(unsafe { bind(self.raw(), number as c_int, cell, ffi::SQLITE_TRANSIENT()) })
    }

    /// Lets `work` run the statement with cells of a batch as its parameters, bound without a copy. `parameters`: the column of
    /// each parameter of a row.
    pub(in super::super) fn with_batch<T>(
        &mut self,
        columns: &[CellColumn<'_>],
        parameters: &[usize],
        work: impl FnOnce(&mut BatchRuns<'_, '_>) -> T,
    ) -> T {
        work(&mut BatchRuns { statement: self, columns, parameters })
    }

    /// The number of columns of its rows; 0 if it returns none.
    pub(in super::super) fn column_count(&self) -> usize {
        // SAFETY: the statement is prepared.
        usize::try_from(unsafe { ffi::sqlite3_column_count(self.raw()) }).unwrap_or(0)
    }

    /// The name of a result column.
    pub(in super::super) fn column_name(&self, column: usize) -> String {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_name(self.raw(), column as c_int)) }.unwrap_or_default()
    }

    /// The declared type of the table's column that a result column comes from; none for expressions.
    pub(in super::super) fn declared_type(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_decltype(self.raw(), column as c_int)) }
    }

    /// The table that a result column comes from; none for expressions.
    pub(in super::super) fn table_name(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_table_name(self.raw(), column as c_int)) }
    }

    /// The bytes of a text or blob of the current row, without making SQLite write out the zeros of a `zeroblob()`; none of other
    /// cells.
    pub(in super::super) fn cell_bytes(&self, column: usize) -> usize {
        // SAFETY: as in `cell`. The value has this type already, so nothing is converted but the encoding of a text.
        let bytes = unsafe {
            let value = ffi::sqlite3_column_value(self.raw(), column as c_int);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_TEXT | ffi::SQLITE_BLOB => ffi::sqlite3_value_bytes(value),
                _ => 0,
            }
        };
        usize::try_from(bytes).unwrap_or(0)
    }

    /// Fails if SQLite got no memory for a cell of the current row, which then looked empty.
    #[inline]
    pub(in super::super) fn check_cells(&self) -> Result<(), Failure> {
        if stack::exceeded().is_some() { Err(self.connection.failure(ffi::SQLITE_NOMEM)) } else { Ok(()) }
    }

    /// A cell of the current row. It borrows SQLite's memory until the next step, which takes `&mut self`.
    // Always inlined: returning a `Cell` through memory took a tenth of the time of reading a row.
    #[inline(always)]
    pub(in super::super) fn cell(&self, column: usize) -> Cell<'_> {
        // SAFETY: the statement is prepared; SQLite returns NULL for columns and rows that do not exist. `column_value` is meant
        // for values that no other thread changes meanwhile: the connection is borrowed, and not `Sync`.
        unsafe { cell_of(ffi::sqlite3_column_value(self.raw(), column as c_int), self.utf8) }
    }
}

/// A value of SQLite. `utf8`: whether the database stores text as UTF-8.
///
/// # Safety
/// The value is valid, and stays so and unchanged as long as the cell lives. It is read in the one way that fits its type, so no
/// later call converts, and so frees, what an earlier one returned.
#[inline(always)]
pub(super) unsafe fn cell_of<'a>(value: *mut ffi::sqlite3_value, utf8: bool) -> Cell<'a> {
    // SAFETY: as above.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Cell::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Cell::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                // In a UTF-8 database the bytes are there; asking for text would copy them to append a NUL.
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

/// # Safety
/// The pointer is null, or points to `length` bytes that outlive `'a`.
#[inline]
unsafe fn slice<'a>(data: *const u8, length: c_int) -> &'a [u8] {
    if data.is_null() || length <= 0 {
        return &[];
    }
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(data, length as usize) }
}

/// Runs of a statement whose parameters are cells of a batch. Lives only inside [`Active::with_batch`], which ensures
/// that it is dropped, and the cells unbound, before the batch is dropped.
pub(in super::super) struct BatchRuns<'s, 'a> {
    statement: &'s mut Active<'a>,
    columns: &'s [CellColumn<'s>],
    parameters: &'s [usize],
}

impl BatchRuns<'_, '_> {
    /// Binds the cells of `rows` rows from `first`, runs the statement to its end and resets it.
    #[inline]
    pub(in super::super) fn run(&mut self, first: usize, rows: usize) -> Result<(), Failure> {
        self.bind(first, rows)?;
        while self.statement.step()?.is_row() {}
        self.statement.reset();
        Ok(())
    }

    /// Binds the cells of a row and counts the rows that the statement returns.
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
                    // SAFETY: the statement is prepared; the cell outlives `self`, whose drop unbinds it.
                    Some(cell) => unsafe { bind(self.statement.raw(), number, cell, ffi::SQLITE_STATIC()) },
                    None => ffi::SQLITE_RANGE,
                };
                self.statement.check(code)?;
            }
        }
        Ok(())
    }
}

impl Drop for BatchRuns<'_, '_> {
    fn drop(&mut self) {
        self.statement.reset();
        self.statement.clear_bindings();
    }
}

/// Binds a cell.
///
/// # Safety
/// The statement is prepared. With `SQLITE_STATIC` the cell outlives the binding.
#[inline]
unsafe fn bind(
    raw: *mut ffi::sqlite3_stmt,
    number: c_int,
    cell: Cell<'_>,
    keeping: ffi::sqlite3_destructor_type,
) -> c_int {
    // SAFETY: as above.
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

/// A pointer that is not null, even to an empty text: SQLite takes null for NULL.
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
