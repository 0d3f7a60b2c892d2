//! SQL functions that hand the columns of a batch to a running statement: `runner_pull_3(id)` is the cell of the batch's
//! fourth column in the row whose key is `id`; `runner_pull_has(id)` is whether there is such a row.

use std::cell;
use std::ffi::{CString, c_int, c_void};
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::cells::{Cell, CellColumn};
use super::connection::{Connection, Failure};

/// The name of the function that tells whether a key is in the batch.
pub(in super::super) const HAS: &str = "runner_pull_has";

/// A batch to pull from.
#[derive(Clone, Copy)]
pub(in super::super) struct PullBatch<'a> {
    /// Ascending, without repetition.
    pub keys: &'a [i64],
    /// For each key, its row in the columns; none: in the same order.
    pub rows: Option<&'a [u32]>,
    pub columns: &'a [CellColumn<'a>],
}

/// What the functions of one connection share.
struct Shared {
    source: cell::Cell<Option<PullBatch<'static>>>,
    /// The row that was pulled last.
    row: cell::Cell<Option<usize>>,
    /// A key that was asked for and is not in the batch.
    stranger: cell::Cell<Option<i64>>,
    /// Counts the batches.
    generation: cell::Cell<u64>,
    /// The least place in the keys that `has` has passed over, or not come to.
    passed: cell::Cell<usize>,
}

/// One function: which column, and where it pulled last.
struct Function {
    shared: Rc<Shared>,
    column: usize,
    /// Statements ask in the order of the keys, so the next row is most often the one behind.
    next: cell::Cell<usize>,
    /// The batch that `next` belongs to.
    generation: cell::Cell<u64>,
}

/// The pull functions of a connection.
pub(in super::super) struct PullFunctions {
    shared: Rc<Shared>,
    /// Columns that have a function.
    columns: usize,
}

// SAFETY: rule 2 of the module: the functions, their state and the connection change threads together.
unsafe impl Send for PullFunctions {}

impl PullFunctions {
    /// Registers the function without a column.
    pub(in super::super) fn new(connection: &Connection) -> Result<Self, Failure> {
        let shared = Shared {
            source: cell::Cell::new(None),
            row: cell::Cell::new(None),
            stranger: cell::Cell::new(None),
            generation: cell::Cell::new(0),
            passed: cell::Cell::new(0),
        };
        let functions = Self { shared: Rc::new(shared), columns: 0 };
        functions.register(connection, HAS, 0, has)?;
        Ok(functions)
    }

    /// The name of a column's function.
    pub(in super::super) fn name(column: usize) -> String {
        format!("runner_pull_{column}")
    }

    /// Sees to it that the first `columns` columns have a function.
    pub(in super::super) fn provide(&mut self, connection: &Connection, columns: usize) -> Result<(), Failure> {
        while self.columns < columns {
            self.register(connection, &Self::name(self.columns), self.columns, pull)?;
            self.columns += 1;
        }
        Ok(())
    }

    fn register(
        &self,
        connection: &Connection,
        name: &str,
        column: usize,
        function: unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value),
    ) -> Result<(), Failure> {
        let name = CString::new(name).map_err(|_| Failure::nul_byte())?;
        let state = Box::new(Function {
            shared: Rc::clone(&self.shared),
            column,
            next: cell::Cell::new(0),
            generation: cell::Cell::new(0),
        });
        // Triggers and views may not call it (DIRECTONLY). Not deterministic: it must be asked for every row.
        let flags = ffi::SQLITE_UTF8 | ffi::SQLITE_DIRECTONLY;
        // SAFETY: the connection is open, the name ends in NUL, and SQLite gives `state` back to `drop_function` exactly once:
        // when the connection closes, when the function is replaced, or when this call fails.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                connection.handle(),
                name.as_ptr(),
                1,
                flags,
                Box::into_raw(state).cast(),
                Some(function),
                None,
                None,
                Some(drop_function),
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(connection.failure(code)) }
    }

    /// Lets `work` run statements that pull from a batch. It must leave none of them under way.
    pub(in super::super) fn with<T>(&self, batch: PullBatch<'_>, work: impl FnOnce() -> T) -> T {
        /// Takes the batch away even if `work` panics.
        struct Clear<'a>(&'a Shared);
        impl Drop for Clear<'_> {
            fn drop(&mut self) {
                self.0.source.set(None);
            }
        }
        self.shared.row.set(None);
        self.shared.stranger.set(None);
        self.shared.passed.set(0);
        self.shared.generation.set(self.shared.generation.get() + 1);
        // SAFETY: only the lifetime changes. The functions read the batch only while it is set, and `Clear` removes it before
        // the borrow ends. What they gave to SQLite without a copy is out of use then too: a statement that is over holds
        // no values of a run.
        let batch = unsafe { std::mem::transmute::<PullBatch<'_>, PullBatch<'static>>(batch) };
        self.shared.source.set(Some(batch));
        let _clear = Clear(&self.shared);
        work()
    }

    /// The row of the batch that was pulled last.
    pub(in super::super) fn last_row(&self) -> Option<usize> {
        self.shared.row.get()
    }

    /// The first row of the batch, in the order of its keys, that the database never asked `has` about, provided that it asked
    /// in that order.
    pub(in super::super) fn first_unasked(&self, batch: PullBatch<'_>) -> Option<usize> {
        batch.row(self.shared.passed.get())
    }

    /// The key for which a statement failed because the batch does not have it.
    pub(in super::super) fn stranger(&self) -> Option<i64> {
        self.shared.stranger.get()
    }
}

impl Function {
    /// The place of a key among the batch's.
    #[inline]
    fn find(&self, batch: &PullBatch<'_>, key: i64) -> Option<usize> {
        if self.generation.get() != self.shared.generation.get() {
            self.generation.set(self.shared.generation.get());
            self.next.set(0);
        }
        let next = self.next.get();
        let place = if batch.keys.get(next) == Some(&key) { next } else { batch.keys.binary_search(&key).ok()? };
        self.next.set(place + 1);
        Some(place)
    }
}

impl PullBatch<'_> {
    /// The row that stands at a place among the keys.
    #[inline]
    fn row(&self, place: usize) -> Option<usize> {
        match self.rows {
            None => Some(place),
            Some(rows) => rows.get(place).map(|row| *row as usize),
        }
    }
}

/// SAFETY (for SQLite): called with the state that `register` gave.
unsafe extern "C" fn drop_function(state: *mut c_void) {
    // SAFETY: `state` came from `Box::into_raw` in `register`, and SQLite calls this once.
    unsafe { drop(Box::from_raw(state.cast::<Function>())) };
}

/// The state of the function that is called, and its argument if that is an integer.
///
/// # Safety
/// To be called while SQLite calls a function that `register` made, with one argument.
#[inline]
unsafe fn enter<'a>(
    context: *mut ffi::sqlite3_context,
    arguments: *mut *mut ffi::sqlite3_value,
) -> (&'a Function, Option<i64>) {
    // SAFETY: see above: the state is a live `Function`, and there is one argument.
    unsafe {
        let function = &*ffi::sqlite3_user_data(context).cast::<Function>();
        let argument = *arguments;
        // A key that is no integer would be cut down to one.
        let integer = ffi::sqlite3_value_type(argument) == ffi::SQLITE_INTEGER;
        (function, integer.then(|| ffi::sqlite3_value_int64(argument)))
    }
}

unsafe extern "C" fn has(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite; the context is valid during the call. Nothing in here panics.
    unsafe {
        let (function, key) = enter(context, arguments);
        let found = match (function.shared.source.get(), key) {
            (Some(batch), Some(key)) => function.find(&batch, key).is_some_and(|place| {
                let passed = &function.shared.passed;
                if place == passed.get() {
                    passed.set(place + 1);
                }
                true
            }),
            _ => false,
        };
        ffi::sqlite3_result_int(context, c_int::from(found));
    }
}

unsafe extern "C" fn pull(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite; the context is valid during the call. Nothing in here panics.
    unsafe {
        let (function, key) = enter(context, arguments);
        if let (Some(batch), Some(key)) = (function.shared.source.get(), key) {
            let row = function.find(&batch, key).and_then(|place| batch.row(place));
            if let (Some(row), Some(column)) = (row, batch.columns.get(function.column)) {
                function.shared.row.set(Some(row));
                if answer(context, column, row) {
                    return;
                }
            }
        }
        function.shared.stranger.set(Some(key.unwrap_or(0)));
        ffi::sqlite3_result_error(context, c"the batch has no row with this key".as_ptr(), -1);
    }
}

/// Hands one cell to SQLite, without a copy. False if there is none.
///
/// # Safety
/// The context is valid, and the column's bytes outlive the run of the statement.
#[inline]
unsafe fn answer(context: *mut ffi::sqlite3_context, column: &CellColumn<'_>, row: usize) -> bool {
    let Some(cell) = column.get(row) else { return false };
    // SAFETY: see above.
    unsafe {
        match cell {
            Cell::Null => ffi::sqlite3_result_null(context),
            Cell::Integer(number) => ffi::sqlite3_result_int64(context, number),
            Cell::Real(number) => ffi::sqlite3_result_double(context, number),
            Cell::Text(text) => ffi::sqlite3_result_text64(
                context,
                super::statement::pointer(text).cast(),
                text.len() as u64,
                ffi::SQLITE_STATIC(),
                ffi::SQLITE_UTF8 as _,
            ),
            Cell::Blob(bytes) => ffi::sqlite3_result_blob64(
                context,
                super::statement::pointer(bytes).cast(),
                bytes.len() as u64,
                ffi::SQLITE_STATIC(),
            ),
        }
    }
    true
}
