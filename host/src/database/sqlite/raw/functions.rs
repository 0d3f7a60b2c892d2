//! SQL functions that hand the columns of a batch to a running statement: `runner_pull_3(id)` is the cell of the batch's
//! fourth column in the row whose key is `id`; `runner_pull_has(id)` is whether there is such a row.

use std::cell;
use std::collections::HashMap;
use std::ffi::{CString, c_int, c_void};
use std::rc::Rc;

use libsqlite3_sys as ffi;

use super::cells::{Cell, CellColumn};
use super::connection::{Connection, Failure};
use super::statement::cell_of;

/// The name of the function that tells whether a key is in the batch.
pub(in super::super) const HAS: &str = "runner_pull_has";

/// A batch to pull from.
#[derive(Clone, Copy)]
pub(in super::super) struct PullBatch<'a> {
    pub keys: PullKeys<'a>,
    pub columns: &'a [CellColumn<'a>],
}

/// By what the rows of a batch are found.
#[derive(Clone, Copy)]
pub(in super::super) enum PullKeys<'a> {
    Integers {
        /// Ascending, without repetition.
        sorted: &'a [i64],
        /// For each key, its row; none: in the same order.
        rows: Option<&'a [u32]>,
    },
    /// Texts or blobs, a key for each row, without repetition.
    Bytes(CellColumn<'a>),
}

/// What the functions of one connection share.
struct Shared {
    source: cell::Cell<Option<&'static PullBatch<'static>>>,
    /// The row that was pulled last.
    row: cell::Cell<Option<usize>>,
    /// A key that was asked for and is not in the batch.
    stranger: cell::RefCell<Option<String>>,
    /// The rows of texts and blobs, made when the database does not ask in their order.
    index: cell::RefCell<HashMap<&'static [u8], usize>>,
    /// Whether the database keeps text as UTF-8.
    utf8: bool,
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
            stranger: cell::RefCell::default(),
            index: cell::RefCell::default(),
            utf8: connection.is_utf8(),
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
    pub(in super::super) fn with<T>(&self, batch: &PullBatch<'_>, work: impl FnOnce() -> T) -> T {
        /// Takes the batch away even if `work` panics.
        struct Clear<'a>(&'a Shared);
        impl Drop for Clear<'_> {
            fn drop(&mut self) {
                self.0.source.set(None);
                self.0.index.take();
            }
        }
        self.shared.row.set(None);
        self.shared.stranger.take();
        self.shared.passed.set(0);
        self.shared.generation.set(self.shared.generation.get() + 1);
        // SAFETY: only the lifetime changes. The functions read the batch only while it is set, and `Clear` removes it before
        // the borrow ends, and with it the index, which points into it. What they gave to SQLite without a copy is out of use
        // then too: a statement that is over holds no values of a run.
        let batch = unsafe { std::mem::transmute::<&PullBatch<'_>, &'static PullBatch<'static>>(batch) };
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
    pub(in super::super) fn first_unasked(&self, batch: &PullBatch<'_>) -> Option<usize> {
        batch.keys.row(self.shared.passed.get())
    }

    /// The key for which a statement failed because the batch does not have it.
    pub(in super::super) fn stranger(&self) -> Option<String> {
        self.shared.stranger.borrow().clone()
    }
}

impl Shared {
    /// The row of a text or blob.
    #[cold]
    fn look_up(&self, column: &CellColumn<'static>, key: Cell<'_>) -> Option<usize> {
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
        // A column of a batch is of one storage class, so this is the same for all rows.
        let same_class = matches!(
            (column.get(row), key),
            (Some(Cell::Text(_)), Cell::Text(_)) | (Some(Cell::Blob(_)), Cell::Blob(_))
        );
        same_class.then_some(row)
    }
}

impl Function {
    /// The place of a key among the batch's.
    // Always: it is half of what a call costs, and most often one comparison.
    #[inline(always)]
    fn find(&self, keys: &PullKeys<'static>, key: Cell<'_>) -> Option<usize> {
        if self.generation.get() != self.shared.generation.get() {
            self.generation.set(self.shared.generation.get());
            self.next.set(0);
        }
        let next = self.next.get();
        let place = match (keys, key) {
            (PullKeys::Integers { sorted, .. }, Cell::Integer(key)) => match sorted.get(next) {
                Some(expected) if *expected == key => next,
                _ => sorted.binary_search(&key).ok()?,
            },
            // A text and a blob of the same bytes are different keys.
            (PullKeys::Bytes(column), Cell::Text(key)) => match column.get(next) {
                Some(Cell::Text(expected)) if expected == key => next,
                _ => self.shared.look_up(column, Cell::Text(key))?,
            },
            (PullKeys::Bytes(column), Cell::Blob(key)) => match column.get(next) {
                Some(Cell::Blob(expected)) if expected == key => next,
                _ => self.shared.look_up(column, Cell::Blob(key))?,
            },
            _ => return None,
        };
        self.next.set(place + 1);
        Some(place)
    }
}

impl PullKeys<'_> {
    /// The row that stands at a place among the keys.
    #[inline]
    fn row(&self, place: usize) -> Option<usize> {
        match self {
            Self::Integers { rows: Some(rows), .. } => rows.get(place).map(|row| *row as usize),
            Self::Integers { rows: None, .. } | Self::Bytes(_) => Some(place),
        }
    }
}

/// SAFETY (for SQLite): called with the state that `register` gave.
unsafe extern "C" fn drop_function(state: *mut c_void) {
    // SAFETY: `state` came from `Box::into_raw` in `register`, and SQLite calls this once.
    unsafe { drop(Box::from_raw(state.cast::<Function>())) };
}

/// The state of the function that is called, and its argument.
///
/// # Safety
/// To be called while SQLite calls a function that `register` made, with one argument. The answer lives as long as the call.
#[inline]
unsafe fn enter<'a>(
    context: *mut ffi::sqlite3_context,
    arguments: *mut *mut ffi::sqlite3_value,
) -> (&'a Function, Cell<'a>) {
    // SAFETY: see above: the state is a live `Function`, and there is one argument.
    unsafe {
        let function = &*ffi::sqlite3_user_data(context).cast::<Function>();
        (function, cell_of(*arguments, function.shared.utf8))
    }
}

unsafe extern "C" fn has(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite; the context is valid during the call. Nothing in here panics.
    unsafe {
        let (function, key) = enter(context, arguments);
        let place = function.shared.source.get().and_then(|batch| function.find(&batch.keys, key));
        if let Some(place) = place {
            let passed = &function.shared.passed;
            if place == passed.get() {
                passed.set(place + 1);
            }
        }
        ffi::sqlite3_result_int(context, c_int::from(place.is_some()));
    }
}

unsafe extern "C" fn pull(context: *mut ffi::sqlite3_context, _: c_int, arguments: *mut *mut ffi::sqlite3_value) {
    // SAFETY: called by SQLite; the context is valid during the call. Nothing in here panics.
    unsafe {
        let (function, key) = enter(context, arguments);
        if let Some(batch) = function.shared.source.get() {
            let row = function.find(&batch.keys, key).and_then(|place| batch.keys.row(place));
            if let (Some(row), Some(column)) = (row, batch.columns.get(function.column)) {
                function.shared.row.set(Some(row));
                if answer(context, column, row) {
                    return;
                }
            }
        }
        refuse(context, function, key);
    }
}

/// # Safety
/// The context is valid.
#[cold]
unsafe fn refuse(context: *mut ffi::sqlite3_context, function: &Function, key: Cell<'_>) {
    function.shared.stranger.replace(Some(key.to_string()));
    // SAFETY: see above; the message is constant.
    unsafe { ffi::sqlite3_result_error(context, c"the batch has no row with this key".as_ptr(), -1) };
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
