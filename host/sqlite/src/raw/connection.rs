//! The connection itself.

use std::ffi::{c_int, c_uint};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rusqlite::backup::Backup;
use rusqlite::ffi;
use rusqlite::limits::Limit;

use super::failure::Failure;
use super::fixed::Fixed;
use super::hook_state::{HELD, HookState, LOST};
use super::hooks::{self, Hooks};
use super::math;
use super::memory::{self, Account};
use super::pull::Functions;
use super::statements::{Statement, Statements};

/// Bytes up to which the journal of a single statement stays in memory. What outgrows memory is written out in one piece of this
/// size, and SQLite's file system for Unix (`seekAndWriteFd` in its `os_unix.c`) cannot write pieces of 128 KiB or more: it says
/// that the disk is full.
pub(crate) const STATEMENT_JOURNAL_BYTES: c_int = 124 << 10;

/// Sets up SQLite for the whole process. A statement that could fail half-way keeps the old pages it changes, to undo its work;
/// by default it writes all but the first 64 KiB to a temporary file, which costs as much as writing the pages themselves. Memory is
/// not counted by SQLite: that takes a lock at every allocation, which all connections share. What a component's statements take is
/// counted by connection instead.
///
/// # Safety
/// No other thread uses SQLite meanwhile. Without effect once a connection has been opened.
pub unsafe fn configure_process() {
    // SAFETY: as above; both options take one int. They fail only if SQLite has been initialised, and then change nothing.
    unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_STMTJRNL_SPILL, STATEMENT_JOURNAL_BYTES);
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int);
        memory::wrap_allocator();
    }
}

/// A statement, and where the text after it begins.
pub(crate) struct Prepared {
    pub statement: Statement,
    /// The byte after the statement and its semicolon.
    pub end: usize,
}

/// An open connection, with its statements, functions and hooks.
pub(crate) struct Connection {
    statements: Statements,
    functions: Functions,
    fixed: Fixed,
    hooks: Option<Arc<Box<dyn Hooks>>>,
    /// The transaction that the host holds.
    held: Arc<HookState>,
    /// Whether the main database, and so every other, stores text as UTF-8.
    utf8: bool,
    /// What it may take, and where it runs.
    account: Arc<Account>,
    /// The handle of `sqlite`.
    handle: NonNull<ffi::sqlite3>,
    /// Closed on the stack of `account`, since that frees the schema.
    sqlite: ManuallyDrop<rusqlite::Connection>,
}

// SAFETY: SQLite lets a connection and its statements move between threads as long as one thread at a time uses them. The
// connection owns its statements, everything else that points to them borrows it, and it is not `Sync`. Hooks and the state of
// functions, which SQLite holds on to, are `Send`.
unsafe impl Send for Connection {}

impl Connection {
    /// Takes over an open connection: its random numbers may be fixed, it has mathematical functions, and ATTACH opens files that
    /// exist and makes none.
    pub(crate) fn new(sqlite: rusqlite::Connection) -> Result<Self, Failure> {
        // SAFETY: the handle is not closed before `sqlite` is dropped, which this value owns.
        let handle =
            NonNull::new(unsafe { sqlite.handle() }).ok_or_else(|| Failure::new(ffi::SQLITE_MISUSE, "closed"))?;
        let held = Arc::default();
        // SAFETY: the connection is open. Dropping this value closes it, and then drops `held`.
        unsafe { HookState::watch(handle.as_ptr(), &held) };
        let connection = Self {
            statements: Statements::default(),
            functions: Functions::default(),
            fixed: Fixed::default(),
            hooks: None,
            held,
            utf8: false,
            account: Arc::default(),
            handle,
            sqlite: ManuallyDrop::new(sqlite),
        };
        // SAFETY: the connection is open.
        unsafe {
            connection.fixed.replace_random(connection.handle()).and_then(|()| math::provide(connection.handle()))
        }
        .map_err(|code| connection.failure(code))?;
        connection.forbid_attach_to_create()?;
        Ok(connection)
    }

    /// A copy of the database, page by page, into another connection.
    pub(crate) fn backup<'a>(&'a self, to: &'a mut rusqlite::Connection) -> Result<Backup<'a, 'a>, Failure> {
        Ok(Backup::new(&self.sqlite, to)?)
    }

    /// Sets a limit of SQLite for what is prepared from now on. SQLite caps the value at what it was compiled for.
    pub(crate) fn set_limit(&self, limit: Limit, most: c_int) {
        // Fails only for a limit that SQLite does not know.
        let _ = self.sqlite.set_limit(limit, most);
    }

    /// Whether the database of the file cannot be written.
    pub(crate) fn is_readonly(&self) -> bool {
        self.sqlite.is_readonly(rusqlite::MAIN_DB).unwrap_or(false)
    }

    /// Where calls of SQLite run, and how much memory they may take. Every call goes through it by itself; a caller that makes
    /// many saves time by running them all in one.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Asks `hooks` from now on.
    pub(crate) fn set_hooks(&mut self, hooks: Box<dyn Hooks>) -> Result<(), Failure> {
        let hooks = Arc::new(hooks);
        // SAFETY: the connection is open. The hooks live as long as they are registered: they are kept until they are replaced or
        // the connection is dropped, which unregisters them first.
        unsafe { hooks::register(self.handle(), Some(&hooks)) };
        let progress = Arc::clone(&hooks);
        self.hooks = Some(hooks);
        self.sqlite.progress_handler(hooks::PROGRESS_INSTRUCTIONS, Some(move || progress.interrupted()))?;
        Ok(())
    }

    /// The connection without the checks of its methods.
    #[cfg(test)]
    pub(super) fn beside(&self) -> &rusqlite::Connection {
        &self.sqlite
    }

    pub(super) fn is_utf8(&self) -> bool {
        self.utf8
    }

    pub(super) fn handle(&self) -> *mut ffi::sqlite3 {
        self.handle.as_ptr()
    }

    pub(super) fn statements(&self) -> &Statements {
        &self.statements
    }

    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Registers the functions that read a batch, for so many columns.
    pub(crate) fn provide_functions(&self, columns: usize) -> Result<(), Failure> {
        // SAFETY: the connection is open.
        unsafe { self.functions.provide(self.handle(), columns) }.map_err(|code| self.failure(code))
    }

    /// What a component's statements see of time and chance.
    pub(crate) fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    pub(super) fn held(&self) -> &HookState {
        &self.held
    }

    /// Fails once SQLite has rolled back the transaction that the host holds.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        // The hook has said so already; this does not depend on it.
        if self.held.standing() == HELD && self.is_autocommit() {
            self.held.set(LOST);
        }
        self.held.check()
    }

    /// The error of a call, kept if it ended the transaction.
    fn noted(&self, error: rusqlite::Error) -> Failure {
        let failure = Failure::from(error);
        self.held.note(&failure);
        failure
    }

    /// Prepares the first statement of the text. `None`: there is none.
    pub(crate) fn prepare(&self, sql: &str, persistent: bool) -> Result<Option<Prepared>, Failure> {
        self.finalize_dropped();
        self.check()?;
        let Ok(length) = c_int::try_from(sql.len()) else {
            return Err(Failure::new(ffi::SQLITE_TOOBIG, "the statement is too long"));
        };
        if sql.as_bytes().contains(&0) {
            return Err(Failure::nul_byte());
        }
        let flags = if persistent { ffi::SQLITE_PREPARE_PERSISTENT as c_uint } else { 0 };
        let mut statement = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: the connection is open; the text is `length` bytes long; both out-pointers are valid.
        let code = self.account.run(|| unsafe {
            ffi::sqlite3_prepare_v3(self.handle(), sql.as_ptr().cast(), length, flags, &mut statement, &mut tail)
        });
        if code != ffi::SQLITE_OK {
            return Err(self.failure(code));
        }
        let end = (tail as usize).saturating_sub(sql.as_ptr() as usize).min(sql.len());
        Ok(NonNull::new(statement).map(|raw| {
            // SAFETY: the statement was prepared on this connection just now, and this is the only pointer to it.
            let statement = unsafe { self.statements.add(raw) };
            Prepared { statement, end }
        }))
    }

    /// Finalizes the statements whose tickets were dropped. `prepare` and `activate` do so too.
    pub(crate) fn finalize_dropped(&self) {
        if self.statements.any_dropped() {
            self.account.run(|| self.statements.finalize_dropped());
        }
    }

    /// Reads the encoding of the database. Until then every text is read as UTF-8, which is right but slower.
    pub(crate) fn read_encoding(&mut self) -> Result<(), Failure> {
        let encoding: String = self.sqlite.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        self.utf8 = encoding == "UTF-8";
        Ok(())
    }

    /// Runs statements and ignores the rows that they return.
    pub(crate) fn run(&self, sql: &str) -> Result<(), Failure> {
        self.finalize_dropped();
        self.check()?;
        self.account.run(|| self.sqlite.execute_batch(sql)).map_err(|error| self.noted(error))
    }

    /// Writes over all bytes of a blob.
    pub(crate) fn overwrite(&self, table: &str, column: &str, row: i64, bytes: &[u8]) -> Result<(), Failure> {
        self.finalize_dropped();
        self.check()?;
        let written = self.account.run(|| {
            let mut blob = self.sqlite.blob_open("main", table, column, row, false)?;
            blob.write_all_at(bytes, 0)?;
            blob.close()
        });
        written.map_err(|error| self.noted(error))
    }

    /// Returns the rows of a query. For queries of the host: neither quick nor cached. `values`: those of its placeholders; names in
    /// its text are quoted, and everything else of a database or a migration is such a value.
    pub(crate) fn fetch_all<T>(
        &self,
        sql: &str,
        values: &[&str],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        self.finalize_dropped();
        self.check()?;
        let rows = self.account.run(|| -> rusqlite::Result<_> {
            let mut statement = self.sqlite.prepare(sql)?;
            statement.query_map(rusqlite::params_from_iter(values), read)?.collect()
        });
        rows.map_err(|error| self.noted(error))
    }

    /// The first row of a query, as [`Connection::fetch_all`] returns it.
    pub(crate) fn fetch_optional<T>(
        &self,
        sql: &str,
        values: &[&str],
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Failure> {
        Ok(self.fetch_all(sql, values, read)?.into_iter().next())
    }

    /// The last error of the connection, if `code` is its code.
    #[cold]
    pub(super) fn failure(&self, code: c_int) -> Failure {
        // SAFETY: the connection is open.
        let failure = Failure::exceeded().unwrap_or_else(|| unsafe { Failure::last(self.handle(), code) });
        self.held.note(&failure);
        failure
    }

    fn forbid_attach_to_create(&self) -> Result<(), Failure> {
        let mut is_on: c_int = 0;
        // SAFETY: the connection is open; the option takes an int and a pointer to one, which is valid.
        let code = unsafe {
            ffi::sqlite3_db_config(
                self.handle(),
                ffi::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE,
                0 as c_int,
                ptr::from_mut(&mut is_on),
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(self.failure(code)) }
    }

    /// Whether no transaction is open.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.sqlite.is_autocommit()
    }

    /// Rows changed directly by the last INSERT, UPDATE or DELETE, without those changed by triggers.
    pub(crate) fn changes(&self) -> u64 {
        self.sqlite.changes()
    }

    /// Rows changed by all statements since the connection was opened, by triggers and foreign-key actions too.
    pub(crate) fn total_changes(&self) -> u64 {
        self.sqlite.total_changes()
    }

    /// Whether the path of the main database no longer leads to the file that is open.
    pub(crate) fn has_moved(&self) -> bool {
        let mut moved: c_int = 1;
        // SAFETY: the connection is open; this operation writes one int to the pointer.
        let code = unsafe {
            ffi::sqlite3_file_control(
                self.handle(),
                c"main".as_ptr(),
                ffi::SQLITE_FCNTL_HAS_MOVED,
                ptr::from_mut(&mut moved).cast(),
            )
        };
        code != ffi::SQLITE_OK || moved != 0
    }

    /// Whether foreign keys are violated in the open transaction, so that its commit would be refused. False while they are
    /// not enforced.
    pub(crate) fn has_deferred_violations(&self) -> bool {
        let (mut current, mut highest) = (0, 0);
        // SAFETY: the connection is open, and both out-pointers are valid.
        let code = unsafe {
            ffi::sqlite3_db_status(self.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut current, &mut highest, 0)
        };
        code == ffi::SQLITE_OK && current != 0
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let account = Arc::clone(&self.account);
        account.run(|| {
            self.statements.finalize_all();
            // SAFETY: the connection is open until `sqlite` is dropped, after this.
            unsafe { hooks::register(self.handle(), None) };
            // SAFETY: dropped here only, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.sqlite) };
        });
    }
}
