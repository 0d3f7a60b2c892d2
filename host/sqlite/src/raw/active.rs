//! Statements in use.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;

use rusqlite::ffi;

use super::bounds;
use super::cells::{Cell, CellColumn};
use super::connection::Connection;
use super::failure::Failure;
use super::pull::{PullBatch, Pulled};
use super::statements::Statement;
use super::values::{bind, cell_of, text};

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is a row.
    Row,
    /// The statement has ended.
    Done,
}

impl Step {
    /// Whether there is a row.
    pub(crate) fn is_row(self) -> bool {
        self == Self::Row
    }
}

impl Statement {
    /// The statement on its connection, ready to be bound, run and read.
    ///
    /// # Panics
    /// If another connection prepared the statement.
    pub(crate) fn activate<'a>(&'a mut self, connection: &'a Connection) -> Active<'a> {
        connection.finalize_dropped();
        let raw = connection.statements().get(self);
        Active { raw, connection, utf8: connection.is_utf8(), ticket: PhantomData }
    }
}

/// A statement in use: it borrows its ticket, so that it is not finalized, and its connection, so that no other thread uses it.
pub(crate) struct Active<'a> {
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

    fn check(&self, code: c_int) -> Result<(), Failure> {
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.connection.failure(code)) }
    }

    /// Advances to the next row.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<Step, Failure> {
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
    pub(crate) fn reset(&mut self) {
        // SAFETY: the statement is prepared. The result repeats the error of the last step.
        self.connection.account().run(|| unsafe { ffi::sqlite3_reset(self.raw()) });
    }

    /// Resets the statement and frees what is bound to it, before it is kept for another run.
    pub(crate) fn release(mut self) {
        self.reset();
        self.clear_bindings();
    }

    /// Sets all parameters to NULL.
    fn clear_bindings(&mut self) {
        // SAFETY: the statement is prepared.
        unsafe { ffi::sqlite3_clear_bindings(self.raw()) };
    }

    /// Whether it cannot change the database.
    pub(crate) fn is_read_only(&self) -> bool {
        // SAFETY: the statement is prepared.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw()) != 0 }
    }

    /// The number of parameters: the greatest index among them.
    pub(crate) fn parameter_count(&self) -> usize {
        // SAFETY: the statement is prepared.
        usize::try_from(unsafe { ffi::sqlite3_bind_parameter_count(self.raw()) }).unwrap_or(0)
    }

    /// Binds a copy of a cell to a parameter, counted from 1. SQLite turns NaN into NULL.
    pub(crate) fn bind(&mut self, number: usize, cell: Cell<'_>) -> Result<(), Failure> {
        // SAFETY: the statement is prepared; SQLite checks the number and copies the bytes of the cell during the call.
        self.check(unsafe { bind(self.raw(), number as c_int, cell, ffi::SQLITE_TRANSIENT()) })
    }

    /// Lets `work` run the statement with cells of a batch as its parameters, bound without a copy. `parameters`: the column of
    /// each parameter of a row.
    pub(crate) fn with_batch<T>(
        &mut self,
        columns: &[CellColumn<'_>],
        parameters: &[usize],
        work: impl FnOnce(&mut BatchRuns<'_, '_>) -> T,
    ) -> T {
        work(&mut BatchRuns { statement: self, columns, parameters })
    }

    /// Runs the statement to its end while the functions of its connection read from the batch. `from`: the place of the first key
    /// of its range.
    pub(crate) fn run_pulling(&mut self, batch: &PullBatch<'_>, from: usize) -> Pulled {
        /// Resets the statement, so that SQLite holds no cell of the batch; also on a panic.
        struct Reset<'s, 'a>(&'s mut Active<'a>);
        impl Drop for Reset<'_, '_> {
            fn drop(&mut self) {
                self.0.reset();
            }
        }
        let connection = self.connection;
        let work = || {
            let reset = Reset(self);
            while reset.0.step()?.is_row() {}
            Ok(())
        };
        // SAFETY: `work` resets the statement when it drops `reset`.
        unsafe { connection.functions().pull_from(batch, connection.is_utf8(), from, work) }
    }

    /// The number of columns of its rows; 0 if it returns none.
    pub(crate) fn column_count(&self) -> usize {
        // SAFETY: the statement is prepared.
        usize::try_from(unsafe { ffi::sqlite3_column_count(self.raw()) }).unwrap_or(0)
    }

    /// The name of a result column.
    pub(crate) fn column_name(&self, column: usize) -> String {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_name(self.raw(), column as c_int)) }.unwrap_or_default()
    }

    /// The declared type of the table's column that a result column comes from; none for expressions.
    pub(crate) fn declared_type(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_decltype(self.raw(), column as c_int)) }
    }

    /// The table that a result column comes from; none for expressions.
    pub(crate) fn table_name(&self, column: usize) -> Option<String> {
        // SAFETY: the statement is prepared; the text is copied at once.
        unsafe { text(ffi::sqlite3_column_table_name(self.raw(), column as c_int)) }
    }

    /// The bytes of a text or blob of the current row, without making SQLite write out the zeros of a `zeroblob()`; none of other
    /// cells.
    pub(crate) fn cell_bytes(&self, column: usize) -> usize {
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
    pub(crate) fn check_cells(&self) -> Result<(), Failure> {
        if bounds::exceeded().is_some() { Err(self.connection.failure(ffi::SQLITE_NOMEM)) } else { Ok(()) }
    }

    /// A cell of the current row. It borrows SQLite's memory until the next step, which takes `&mut self`.
    // Always inlined: returning a `Cell` through memory took a tenth of the time of reading a row.
    #[inline(always)]
    pub(crate) fn cell(&self, column: usize) -> Cell<'_> {
        // SAFETY: the statement is prepared; SQLite returns NULL for columns and rows that do not exist. `column_value` is meant
        // for values that no other thread changes meanwhile: the connection is borrowed, and not `Sync`.
        unsafe { cell_of(ffi::sqlite3_column_value(self.raw(), column as c_int), self.utf8) }
    }
}

/// Runs of a statement whose parameters are cells of a batch. Lives only inside [`Active::with_batch`], which ensures
/// that it is dropped, and the cells unbound, before the batch is dropped.
pub(crate) struct BatchRuns<'s, 'a> {
    statement: &'s mut Active<'a>,
    columns: &'s [CellColumn<'s>],
    parameters: &'s [usize],
}

impl BatchRuns<'_, '_> {
    /// Binds the cells of `rows` rows from `first`, runs the statement to its end and resets it.
    #[inline]
    pub(crate) fn run(&mut self, first: usize, rows: usize) -> Result<(), Failure> {
        self.bind(first, rows)?;
        while self.statement.step()?.is_row() {}
        self.statement.reset();
        Ok(())
    }

    /// Binds the cells of a row and counts the rows that the statement returns.
    pub(crate) fn count(&mut self, row: usize) -> Result<usize, Failure> {
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
