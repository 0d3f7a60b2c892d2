//! The connection itself.

use std::ffi::{CStr, c_int, c_uint};
use std::pin::pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use libsqlite3_sys as ffi;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection as _};

use super::hooks::{Hooks, Registered};
use super::statement::{Prepared, Statement};

/// What SQLite answered where it did not answer "well".
#[derive(Clone, Debug)]
pub(in super::super) struct Failure {
    /// The extended result code.
    pub code: c_int,
    /// SQLite's message.
    pub message: String,
    /// The byte of the statement at which it stumbled.
    pub offset: Option<usize>,
}

/// A connection that sqlx opened and owns.
pub(in super::super) struct Connection {
    // Dropped first, while the connection is open.
    hooks: Option<Registered>,
    handle: NonNull<ffi::sqlite3>,
    /// Whether the main database, and so every other, keeps text as UTF-8.
    utf8: bool,
    owner: Option<SqliteConnection>,
}

// SAFETY: rules 1 and 2 of the module: the handle is used by one thread at a time.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens the database.
    pub(in super::super) async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut owner = options.connect().await?;
        // The guard may go: from here on no command is sent to the worker before `drop`.
        let handle = owner.lock_handle().await?.as_raw_handle();
        Ok(Self { hooks: None, handle, utf8: false, owner: Some(owner) })
    }

    /// Asks `hooks` from now on.
    pub(in super::super) fn set_hooks(&mut self, hooks: Box<dyn Hooks>) {
        self.hooks = None;
        // SAFETY: the connection is open, and `drop` drops the hooks before it closes.
        self.hooks = Some(unsafe { Registered::new(self.handle.as_ptr(), hooks) });
    }

    pub(super) fn is_utf8(&self) -> bool {
        self.utf8
    }

    pub(super) fn handle(&self) -> *mut ffi::sqlite3 {
        self.handle.as_ptr()
    }

    /// Prepares the first statement of the text. `None`: there is none.
    pub(in super::super) fn prepare(&self, sql: &str, persistent: bool) -> Result<Option<Prepared>, Failure> {
        let Ok(length) = c_int::try_from(sql.len()) else {
            return Err(Failure {
                code: ffi::SQLITE_TOOBIG,
                message: "the statement is too long".to_owned(),
                offset: None,
            });
        };
        if sql.as_bytes().contains(&0) {
            return Err(Failure::nul_byte());
        }
        let flags = if persistent { ffi::SQLITE_PREPARE_PERSISTENT as c_uint } else { 0 };
        let mut statement = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: the connection is open; the text is `length` bytes long; both out-pointers are valid.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(self.handle(), sql.as_ptr().cast(), length, flags, &mut statement, &mut tail)
        };
        if code != ffi::SQLITE_OK {
            return Err(self.failure(code));
        }
        let end = (tail as usize).saturating_sub(sql.as_ptr() as usize).min(sql.len());
        Ok(NonNull::new(statement).map(|raw| Prepared {
            // SAFETY: the statement was made for this connection just now, and nobody else has it.
            statement: unsafe { Statement::new(raw, self.handle, self.utf8) },
            end,
        }))
    }

    /// Learns how the database keeps text; until then every text is asked for as UTF-8, which is right but slower.
    pub(in super::super) fn learn_encoding(&mut self) -> Result<(), Failure> {
        self.utf8 = match self.prepare("PRAGMA encoding", false)? {
            Some(mut prepared) => prepared.statement.step()?.is_row() && prepared.statement.text(0) == "UTF-8",
            None => false,
        };
        Ok(())
    }

    /// Runs a statement of ours that returns nothing of interest.
    pub(in super::super) fn run(&self, sql: &str) -> Result<(), Failure> {
        if let Some(mut prepared) = self.prepare(sql, false)? {
            while prepared.statement.step()?.is_row() {}
        }
        Ok(())
    }

    /// The first column of the first row of a statement of ours.
    pub(in super::super) fn number(&self, sql: &str) -> Result<Option<i64>, Failure> {
        let Some(mut prepared) = self.prepare(sql, false)? else { return Ok(None) };
        let row = prepared.statement.step()?.is_row();
        Ok(row.then(|| prepared.statement.int64(0)))
    }

    /// The last error of the connection, if `code` is one of its answers.
    pub(super) fn failure(&self, code: c_int) -> Failure {
        // SAFETY: the connection is open.
        unsafe { failure(self.handle(), code) }
    }

    /// Whether no transaction is open.
    pub(in super::super) fn is_autocommit(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_get_autocommit(self.handle()) != 0 }
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed by itself, without triggers.
    pub(in super::super) fn changes(&self) -> u64 {
        // SAFETY: the connection is open.
        u64::try_from(unsafe { ffi::sqlite3_changes64(self.handle()) }).unwrap_or(0)
    }

    /// Rows changed since the connection was opened.
    pub(in super::super) fn total_changes(&self) -> i64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_total_changes64(self.handle()) }
    }

    /// Whether foreign keys are violated in the transaction, so that its end would be refused. False while they are off.
    pub(in super::super) fn has_deferred_violations(&self) -> bool {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: the connection is open, and both out-pointers are valid.
        let code = unsafe {
            ffi::sqlite3_db_status(self.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut current, &mut highest, 0)
        };
        code == ffi::SQLITE_OK && current != 0
    }

    /// Whether the main database cannot be written.
    pub(in super::super) fn is_read_only(&self) -> bool {
        // SAFETY: the connection is open and the name ends in NUL.
        unsafe { ffi::sqlite3_db_readonly(self.handle(), c"main".as_ptr()) == 1 }
    }

    /// Sets a `SQLITE_DBCONFIG_…` switch.
    pub(in super::super) fn configure(&self, switch: c_int, on: bool) -> Result<(), Failure> {
        // SAFETY: the connection is open; every switch of this kind takes an int and a pointer to int that may be null.
        let code = unsafe { ffi::sqlite3_db_config(self.handle(), switch, c_int::from(on), ptr::null_mut::<c_int>()) };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.failure(code)) }
    }

    /// Bounds the bytes of a value or a row that a statement can make; SQLite caps it at what it was built for.
    pub(in super::super) fn limit_length(&self, bytes: c_int) {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_limit(self.handle(), ffi::SQLITE_LIMIT_LENGTH, bytes) };
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hooks = None;
        if let Some(owner) = self.owner.take() {
            // Wait for the worker to close the file, so that its WAL is gone when we are. An error has nobody to go to.
            let _ = wait(owner.close());
        }
    }
}

/// The version of SQLite that is built in.
pub(in super::super) fn library_version() -> &'static str {
    // SAFETY: a constant of the library, which ends in NUL.
    unsafe { CStr::from_ptr(ffi::sqlite3_libversion()) }.to_str().unwrap_or_default()
}

/// Waits for a future that needs no runtime.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The last error of a connection.
///
/// # Safety
/// `database` is an open connection.
pub(super) unsafe fn failure(database: *mut ffi::sqlite3, code: c_int) -> Failure {
    // SAFETY: as above; the message is copied before anything else is asked.
    unsafe {
        let extended = ffi::sqlite3_extended_errcode(database);
        let known = extended & 0xff == code & 0xff;
        let message = if known { ffi::sqlite3_errmsg(database) } else { ffi::sqlite3_errstr(code) };
        let message = if message.is_null() {
            "unknown error".to_owned()
        } else {
            CStr::from_ptr(message).to_string_lossy().into_owned()
        };
        let offset = usize::try_from(ffi::sqlite3_error_offset(database)).ok();
        Failure { code: if known { extended } else { code }, message, offset }
    }
}

impl Failure {
    pub(super) fn nul_byte() -> Self {
        Self { code: ffi::SQLITE_ERROR, message: "the statement contains a NUL byte".to_owned(), offset: None }
    }
}
