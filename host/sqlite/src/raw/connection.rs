//! The connection itself.

use std::ffi::{CStr, c_int, c_uint};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rusqlite::backup::Backup;
use rusqlite::ffi;
use rusqlite::limits::Limit;

use super::fixed::Fixed;
use super::functions::Functions;
use super::held::Held;
use super::hooks::{self, Hooks};
use super::memory::{self, Account};
use super::stack::{self, Exceeded};
use super::statement::{Prepared, Statements};

/// Bytes up to which the journal of a single statement stays in memory. What outgrows memory is written out in one piece of this
/// size, and SQLite's file system for Unix (`seekAndWriteFd` in its `os_unix.c`) cannot write pieces of 128 KiB or more: it says
/// that the disk is full.
pub(in super::super) const STATEMENT_JOURNAL_BYTES: c_int = 124 << 10;

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

/// An error of SQLite.
#[derive(Clone, Debug)]
pub(in super::super) struct Failure {
    /// The extended result code.
    pub code: c_int,
    /// SQLite's message.
    pub message: String,
    /// The byte offset of the error in the statement.
    pub offset: Option<usize>,
    /// What helps, where the code does not say it.
    pub hint: Option<&'static str>,
}

/// An open connection, with its statements, functions and hooks.
pub(in super::super) struct Connection {
    statements: Statements,
    functions: Functions,
    fixed: Fixed,
    hooks: Option<Arc<Box<dyn Hooks>>>,
    /// The transaction that the host holds.
    held: Arc<Held>,
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
    /// Takes over an open connection.
    pub(in super::super) fn new(sqlite: rusqlite::Connection) -> Result<Self, Failure> {
        // SAFETY: the handle is not closed before `sqlite` is dropped, which this value owns.
        let handle =
            NonNull::new(unsafe { sqlite.handle() }).ok_or_else(|| Failure::new(ffi::SQLITE_MISUSE, "closed"))?;
        let held = Arc::default();
        // SAFETY: the connection is open. Dropping this value closes it, and then drops `held`.
        unsafe { Held::watch(handle.as_ptr(), &held) };
        Ok(Self {
            statements: Statements::default(),
            functions: Functions::default(),
            fixed: Fixed::default(),
            hooks: None,
            held,
            utf8: false,
            account: Arc::default(),
            handle,
            sqlite: ManuallyDrop::new(sqlite),
        })
    }

    /// A copy of the database, page by page, into another connection.
    pub(in super::super) fn backup<'a>(&'a self, to: &'a mut rusqlite::Connection) -> Result<Backup<'a, 'a>, Failure> {
        Ok(Backup::new(&self.sqlite, to)?)
    }

    /// Sets a limit of SQLite for what is prepared from now on. SQLite caps the value at what it was compiled for.
    pub(in super::super) fn set_limit(&self, limit: Limit, most: c_int) {
        // Fails only for a limit that SQLite does not know.
        let _ = self.sqlite.set_limit(limit, most);
    }

    /// Whether the database of the file cannot be written.
    pub(in super::super) fn is_readonly(&self) -> bool {
        self.sqlite.is_readonly(rusqlite::MAIN_DB).unwrap_or(false)
    }

    /// Where calls of SQLite run, and how much memory they may take. Every call goes through it by itself; a caller that makes
    /// many saves time by running them all in one.
    pub(in super::super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Asks `hooks` from now on.
    pub(in super::super) fn set_hooks(&mut self, hooks: Box<dyn Hooks>) -> Result<(), Failure> {
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

    pub(super) fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Prepares the first statement of the text. `None`: there is none.
    pub(in super::super) fn prepare(&self, sql: &str, persistent: bool) -> Result<Option<Prepared>, Failure> {
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
    pub(in super::super) fn finalize_dropped(&self) {
        if self.statements.any_dropped() {
            self.account.run(|| self.statements.finalize_dropped());
        }
    }

    /// Reads the encoding of the database. Until then every text is read as UTF-8, which is right but slower.
    pub(in super::super) fn read_encoding(&mut self) -> Result<(), Failure> {
        let encoding: String = self.sqlite.query_row("PRAGMA encoding", [], |row| row.get(0))?;
        self.utf8 = encoding == "UTF-8";
        Ok(())
    }

    /// Runs statements and ignores the rows that they return.
    pub(in super::super) fn run(&self, sql: &str) -> Result<(), Failure> {
        self.finalize_dropped();
        self.check()?;
        self.account.run(|| self.sqlite.execute_batch(sql)).map_err(|error| self.noted(error))
    }

    /// Writes over all bytes of a blob.
    pub(in super::super) fn overwrite(&self, table: &str, column: &str, row: i64, bytes: &[u8]) -> Result<(), Failure> {
        self.finalize_dropped();
        self.check()?;
        let written = self.account.run(|| {
            let mut blob = self.sqlite.blob_open("main", table, column, row, false)?;
            blob.write_all_at(bytes, 0)?;
            blob.close()
        });
        written.map_err(|error| self.noted(error))
    }

    /// Calls `visit` with each row of a query. For queries of the host: neither quick nor cached. `values`: those of its
    /// placeholders; names in its text are quoted, and everything else of a database or a migration is such a value.
    pub(in super::super) fn each_row(
        &self,
        sql: &str,
        values: &[&str],
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Failure> {
        self.finalize_dropped();
        self.check()?;
        let visited = self.account.run(|| {
            let mut statement = self.sqlite.prepare(sql)?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                visit(row)?;
            }
            Ok(())
        });
        visited.map_err(|error: rusqlite::Error| self.noted(error))
    }

    /// The last error of the connection, if `code` is its code.
    #[cold]
    pub(super) fn failure(&self, code: c_int) -> Failure {
        let failure = Failure::exceeded().unwrap_or_else(|| self.last_failure(code));
        self.held.note(&failure);
        failure
    }

    fn last_failure(&self, code: c_int) -> Failure {
        let database = self.handle();
        // SAFETY: the connection is open; the message is copied before SQLite is called again.
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
            Failure { code: if known { extended } else { code }, message, offset, hint: None }
        }
    }

    /// From here on, ATTACH opens files that exist and makes none.
    pub(in super::super) fn forbid_attach_to_create(&self) -> Result<(), Failure> {
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
    pub(in super::super) fn is_autocommit(&self) -> bool {
        self.sqlite.is_autocommit()
    }

    /// Rows changed directly by the last INSERT, UPDATE or DELETE, without those changed by triggers.
    pub(in super::super) fn changes(&self) -> u64 {
        self.sqlite.changes()
    }

    /// Rows changed by all statements since the connection was opened, by triggers and foreign-key actions too.
    pub(in super::super) fn total_changes(&self) -> u64 {
        self.sqlite.total_changes()
    }

    /// Whether the path of the main database no longer leads to the file that is open.
    pub(in super::super) fn has_moved(&self) -> bool {
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
    pub(in super::super) fn has_deferred_violations(&self) -> bool {
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

impl Failure {
    pub(super) fn new(code: c_int, message: &str) -> Self {
        Self { code, message: message.to_owned(), offset: None, hint: None }
    }

    /// The failure of the present call, if it exceeded the stack or the memory that it may use. SQLite reports those as what
    /// stopped it there: a refusal, or memory that it did not get.
    pub(in super::super) fn exceeded() -> Option<Self> {
        let (code, message, hint) = match stack::take_exceeded()? {
            Exceeded::Stack => (
                ffi::SQLITE_TOOBIG,
                "the statement nests too deeply: subqueries, views, triggers and actions of foreign keys within each other are \
                 limited"
                    .to_owned(),
                "split the statement, or shorten the chain of views, triggers or foreign keys that it goes through",
            ),
            Exceeded::Memory(most) => (
                ffi::SQLITE_NOMEM,
                format!(
                    "the statement needs more memory than the {} MiB that SQLite may take for a component",
                    most.div_euclid(1 << 20)
                ),
                "use fewer or smaller values at once, or batches; `?cache_size=` in the database URL raises the limit, and a \
                 migration in SQL has none",
            ),
        };
        Some(Self { hint: Some(hint), ..Self::new(code, &message) })
    }

    /// A result code by itself, with SQLite's general message for it.
    pub(in super::super) fn of_code(code: c_int) -> Self {
        Self::new(code, ffi::code_to_str(code))
    }

    pub(super) fn nul_byte() -> Self {
        Self::new(ffi::SQLITE_ERROR, "the statement contains a NUL byte")
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if let Some(exceeded) = Self::exceeded() {
            return exceeded;
        }
        match error {
            rusqlite::Error::SqliteFailure(error, message) => {
                let message = message.unwrap_or_else(|| ffi::code_to_str(error.extended_code).to_owned());
                Self { code: error.extended_code, message, offset: None, hint: None }
            }
            rusqlite::Error::SqlInputError { error, msg, offset, .. } => {
                Self { code: error.extended_code, message: msg, offset: usize::try_from(offset).ok(), hint: None }
            }
            other => Self { code: ffi::SQLITE_ERROR, message: other.to_string(), offset: None, hint: None },
        }
    }
}
