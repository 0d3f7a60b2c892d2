//! SQL functions that read the columns of a batch while a statement runs: `runner_pull_3(id)` is the cell of the batch's
//! fourth column in the row whose key is `id`; `runner_pull_has(id)` is whether there is such a row.
//!
//! Those of `rusqlite` copy every value that they return.

use std::cell;
use std::collections::HashMap;
use std::ffi::{CString, c_int};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use rusqlite::ffi;

use super::cells::{Cell, CellColumn};
use super::failure::Failure;
use super::register::{Callback, register};
use super::values::{answer, cell_of};
use runner_database::number::exact_integer;

/// How the names of the functions begin.
pub(crate) const PULL_PREFIX: &str = "runner_pull_";

/// The name of the function that says whether the batch has a key.
pub(crate) const HAS: &str = "runner_pull_has";

/// The name of a column's function.
pub(crate) fn function_name(column: usize) -> String {
    format!("{PULL_PREFIX}{column}")
}

/// A batch to pull from.
#[derive(Clone, Copy)]
pub(crate) struct PullBatch<'a> {
    pub keys: PullKeys<'a>,
    pub columns: &'a [CellColumn<'a>],
}

/// How the rows of a batch are found.
#[derive(Clone, Copy)]
pub(crate) enum PullKeys<'a> {
    Integers {
        /// Ascending, without duplicates.
        sorted: &'a [i64],
        /// The row of each key; `None` if they are in the same order.
        rows: Option<&'a [u32]>,
    },
    /// Texts or blobs, one key for each row, without duplicates.
    Bytes(CellColumn<'a>),
}

/// What happened while a statement pulled from a batch.
pub(crate) struct Pulled {
    pub result: Result<(), Failure>,
    /// The row that was pulled last.
    pub last_row: Option<usize>,
    /// The first row, in the order of the keys, for which the database never called `has`, provided that it called in that
    /// order.
    pub first_unasked: Option<usize>,
    /// The key for which the statement failed because the batch does not have it.
    pub unknown_key: Option<String>,
}

/// The functions of a connection.
#[derive(Default)]
pub(super) struct Functions {
    current: Arc<Current>,
    /// Columns that have a function; `None` before the first one was registered.
    columns: cell::Cell<Option<usize>>,
}

/// The run from which the functions of a connection read; null while there is none. It is set, read and cleared by the thread
/// that uses the connection.
#[derive(Default)]
struct Current(AtomicPtr<Run<'static>>);

/// What a function is registered with. SQLite drops it when the connection closes.
struct Function {
    current: Arc<Current>,
    column: usize,
}

/// One run of a statement over a batch.
struct Run<'a> {
    batch: &'a PullBatch<'a>,
    /// Whether the database stores text as UTF-8.
    utf8: bool,
    /// For each function, the place after the key that it found last: statements mostly ask in the order of the keys.
    next: Vec<cell::Cell<usize>>,
    /// The same for `has`.
    next_of_has: cell::Cell<usize>,
    /// The rows of texts and blobs, filled if the database does not ask in their order.
    index: cell::RefCell<HashMap<&'a [u8], usize>>,
    last_row: cell::Cell<Option<usize>>,
    unknown_key: cell::RefCell<Option<String>>,
    /// The first place among the keys that `has` has not reached.
    passed: cell::Cell<usize>,
}

impl Functions {
    /// Registers `has` and the functions of the first `columns` columns.
    ///
    /// # Errors
    /// The result code of SQLite.
    ///
    /// # Safety
    /// `database` is the open connection of these functions.
    pub(super) unsafe fn provide(&self, database: *mut ffi::sqlite3, columns: usize) -> Result<(), c_int> {
        let add = |name: &str, column: usize, call: Callback| {
            let name = CString::new(name).map_err(|_| ffi::SQLITE_MISUSE)?;
            let state = Function { current: Arc::clone(&self.current), column };
            // Triggers and views must not call it (DIRECTONLY). Not deterministic: it must be called for every row.
            // SAFETY: as above. Both take their state for a `&Function`, and do not panic.
            unsafe { register(database, (&name, 1), ffi::SQLITE_DIRECTONLY, state, call) }
        };
        if self.columns.get().is_none() {
            add(HAS, 0, has)?;
            self.columns.set(Some(0));
        }
        for column in self.columns.get().unwrap_or(0)..columns {
            add(&function_name(column), column, pull)?;
            self.columns.set(Some(column + 1));
        }
        Ok(())
    }

    /// Lets `work` run a statement whose functions read from the batch. `utf8`: whether the database stores text as UTF-8; `from`: the
    /// place of the first key of the statement's range.
    ///
    /// # Safety
    /// When `work` ends, even by a panic, its statement is reset, so that SQLite holds no cell of the batch.
    pub(super) unsafe fn pull_from(
        &self,
        batch: &PullBatch<'_>,
        utf8: bool,
        from: usize,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Pulled {
        /// Takes the batch away, also on a panic.
        struct Clear<'a>(&'a Current);
        impl Drop for Clear<'_> {
            fn drop(&mut self) {
                self.0.0.store(ptr::null_mut(), Ordering::Relaxed);
            }
        }
        let run = Run {
            batch,
            utf8,
            next: vec![cell::Cell::new(from); batch.columns.len()],
            next_of_has: cell::Cell::new(from),
            index: cell::RefCell::default(),
            last_row: cell::Cell::new(None),
            unknown_key: cell::RefCell::default(),
            passed: cell::Cell::new(from),
        };
        self.current.0.store(ptr::from_ref(&run).cast_mut().cast(), Ordering::Relaxed);
        let clear = Clear(&self.current);
        let result = work();
        drop(clear);
        Pulled {
            result,
            last_row: run.last_row.get(),
            first_unasked: batch.keys.row(run.passed.get()),
            unknown_key: run.unknown_key.take(),
        }
    }
}

impl<'a> Run<'a> {
    /// The place of a key among the batch's.
    // Always inlined: it is half of what a call costs, and mostly one comparison.
    #[inline(always)]
    fn find(&self, next: &cell::Cell<usize>, key: Cell<'_>) -> Option<usize> {
        let expected = next.get();
        let among = |sorted: &[i64], key| match sorted.get(expected) {
            Some(found) if *found == key => Some(expected),
            _ => sorted.binary_search(&key).ok(),
        };
        let place = match (&self.batch.keys, key) {
            (PullKeys::Integers { sorted, .. }, Cell::Integer(key)) => among(sorted, key)?,
            // A REAL column keeps whole numbers as reals, which SQLite compares with integers by their value.
            (PullKeys::Integers { sorted, .. }, Cell::Real(key)) => among(sorted, exact_integer(key)?)?,
            // A text and a blob of the same bytes are different keys.
            (PullKeys::Bytes(column), Cell::Text(key)) => match column.get(expected) {
                Some(Cell::Text(found)) if found == key => expected,
                _ => self.look_up(column, Cell::Text(key))?,
            },
            (PullKeys::Bytes(column), Cell::Blob(key)) => match column.get(expected) {
                Some(Cell::Blob(found)) if found == key => expected,
                _ => self.look_up(column, Cell::Blob(key))?,
            },
            _ => return None,
        };
        next.set(place + 1);
        Some(place)
    }

    /// The row of a text or blob.
    #[cold]
    fn look_up(&self, column: &CellColumn<'a>, key: Cell<'_>) -> Option<usize> {
        let mut index = self.index.borrow_mut();
        if index.is_empty() {
            let bytes = |row| match column.get(row) {
                Some(Cell::Text(bytes) | Cell::Blob(bytes)) => Some((bytes, row)),
                _ => None,
            };
            index.extend((0..).map_while(bytes));
        }
        let (Cell::Text(bytes) | Cell::Blob(bytes)) = key else { return None };
        let row = index.get(bytes).copied()?;
        // A column of a batch has one storage class, so this is the same for all rows.
        let same_class = matches!(
            (column.get(row), key),
            (Some(Cell::Text(_)), Cell::Text(_)) | (Some(Cell::Blob(_)), Cell::Blob(_))
        );
        same_class.then_some(row)
    }
}

impl PullKeys<'_> {
    /// The row at a place among the keys.
    #[inline]
    fn row(&self, place: usize) -> Option<usize> {
        match self {
            Self::Integers { rows: Some(rows), .. } => rows.get(place).map(|row| *row as usize),
            Self::Integers { rows: None, .. } | Self::Bytes(_) => Some(place),
        }
    }
}

/// The function that is called, and its run, if a batch is being pulled from.
///
/// # Safety
/// To be called while SQLite calls a function that `provide` registered. The references live as long as that call.
#[inline]
unsafe fn enter<'a>(context: *mut ffi::sqlite3_context) -> (&'a Function, Option<&'a Run<'static>>) {
    // SAFETY: the state is a live `Function`. The run lives in `pull_from`, which SQLite was called from, and which clears the
    // pointer before it returns. Its lifetime is not really static: no reference leaves the callbacks but into `index`, which
    // dies with the run.
    unsafe {
        let function = &*ffi::sqlite3_user_data(context).cast::<Function>();
        (function, function.current.0.load(Ordering::Relaxed).as_ref())
    }
}

unsafe extern "C" fn has(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite with one argument; the context is valid during the call. Nothing in here panics.
    unsafe {
        let (_, run) = enter(context);
        let place = run.and_then(|run| run.find(&run.next_of_has, cell_of(*arguments, run.utf8)));
        if let (Some(run), Some(place)) = (run, place)
            && place == run.passed.get()
        {
            run.passed.set(place + 1);
        }
        ffi::sqlite3_result_int(context, c_int::from(place.is_some()));
    }
}

unsafe extern "C" fn pull(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: as in `has`.
    unsafe {
        let (function, run) = enter(context);
        if let Some(run) = run {
            let key = cell_of(*arguments, run.utf8);
            if let (Some(column), Some(next)) = (run.batch.columns.get(function.column), run.next.get(function.column))
                && let Some(row) = run.find(next, key).and_then(|place| run.batch.keys.row(place))
            {
                run.last_row.set(Some(row));
                if let Some(cell) = column.get(row) {
                    return answer(context, cell);
                }
            }
            note_unknown(run, key);
        }
        ffi::sqlite3_result_error(context, c"the batch has no row with this key".as_ptr(), -1);
    }
}

#[cold]
fn note_unknown(run: &Run<'_>, key: Cell<'_>) {
    run.unknown_key.replace(Some(key.to_string()));
}
