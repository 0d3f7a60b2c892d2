//! What a statement may do, decided by SQLite's authorizer while the statement is prepared: there is no parser of our
//! own to deceive.
//!
//! The authorizer names everything that a statement touches, also through triggers, views and nested SELECTs, with two gaps that
//! the text of the statement closes: the new name of `ALTER TABLE … RENAME TO`, and the body of `CREATE TRIGGER`, which is
//! authorized when it fires. SQLite has no dynamic SQL, so a trigger that touches a table must spell its name.
//!
//! There are three roles on the one connection: the host may do everything; a script may not control transactions,
//! touch the tool's tables, load code, or use pragmas that could destroy the file or would outlive the migration; a
//! guest in addition may not attach, detach or reach attached files, and may only use the pragmas that inspect the
//! schema, and `defer_foreign_keys`. A prepared statement belongs to the role it was prepared for: the role is part of
//! the key of the statement cache. Databases that a script attached are detached when its migration ends. SQLite may
//! refuse that, so a guest's restrictions do not depend on it.
//!
//! # Rejected
//!
//! * Parsing SQL: two parsers that disagree in one corner are a hole. For the same reason the text is only searched for
//!   names, which can refuse too much and never too little.
//! * A second connection with fewer rights: SQLite has no users, and the work must be in the same transaction.
//! * Double-quoted strings off: safer, but it breaks migrations and views that SQLite accepts by default.
//! * Guarding components only: the history is worth the same in both cases, and a `COMMIT` pasted from another tool is
//!   an accident that waits to happen.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::denial::{Denial, attached, mentions, tool_table};
use super::granted::Granted;
use super::pragmas;
use super::raw::{AuthRequest, Hooks};
use super::words::{is_vacuum, mentioned_tool_table};
use runner_database::facts::{is_tool_table, tool_table as tool_table_of};
use runner_database::grants::{Grants, Need, Touched, Verb};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role, StopSignal, TableName};

/// The prefix of our functions; only our own statements may call them.
pub(super) const FUNCTION_PREFIX: &str = "runner_pull_";

/// The longest pause between two attempts to get a lock of another connection.
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// The rights of the current role, shared by the database and SQLite's callbacks.
#[derive(Clone, Default)]
pub(super) struct Guard {
    state: Arc<Mutex<State>>,
}

struct State {
    rights: Role,
    stop: StopSignal,
    /// The host itself is working, on behalf of a migration.
    host_depth: usize,
    /// The host is doing work that the stop signal must not interrupt.
    unstopped_depth: usize,
    /// The file of the database.
    path: Option<PathBuf>,
    /// How long to wait for other connections.
    busy_timeout: Duration,
    /// When the present wait began.
    busy_since: Option<Instant>,
    /// How long a statement of a migration may take.
    statement_timeout: Option<Duration>,
    /// When the statement of a migration that is running must end.
    deadline: Option<Instant>,
    /// The statement exceeded its time and was interrupted.
    is_late: bool,
    /// One of our statements, which calls our functions, is running.
    pulling: bool,
    /// Our own transaction is open.
    transaction: bool,
    /// The tool's table that the text of the statement names.
    mentioned: Option<&'static str>,
    /// A script's VACUUM is running: it copies all tables in a transaction of its own.
    vacuum: bool,
    /// What a component was granted, if it has grants.
    granted: Granted,
    denial: Option<Denial>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            rights: Role::Host,
            stop: StopSignal::never(),
            host_depth: 0,
            unstopped_depth: 0,
            path: None,
            busy_timeout: Duration::ZERO,
            busy_since: None,
            statement_timeout: None,
            deadline: None,
            is_late: false,
            pulling: false,
            transaction: false,
            mentioned: None,
            vacuum: false,
            granted: Granted::default(),
            denial: None,
        }
    }
}

impl Guard {
    /// The guard of a connection to a file: how long it waits for others, and how long a statement of a migration may take.
    pub(super) fn new(path: Option<PathBuf>, busy_timeout: Duration, statement_timeout: Option<Duration>) -> Self {
        let guard = Self::default();
        {
            let mut state = guard.state();
            state.path = path;
            state.busy_timeout = busy_timeout;
            state.statement_timeout = statement_timeout;
        }
        guard
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The callbacks of a connection.
    pub(super) fn hooks(&self) -> Box<dyn Hooks> {
        Box::new(self.clone())
    }

    /// Sets the role of the following statements and what ends them.
    pub(super) fn take_role(&self, role: Role, stop: StopSignal) {
        let mut state = self.state();
        state.rights = role;
        state.stop = stop;
        state.deadline = None;
    }

    /// From here on the time of a statement counts, if it is a migration's.
    pub(super) fn begin_statement(&self) {
        let mut state = self.state();
        let limit = state.statement_timeout.filter(|_| state.rights != Role::Host);
        // A time beyond the clock's range is no limit.
        state.deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        state.is_late = false;
        state.granted.begin();
    }

    pub(super) fn set_role(&self, rights: Role) {
        self.state().rights = rights;
    }

    pub(super) fn rights(&self) -> Role {
        self.state().rights
    }

    pub(super) fn set_transaction(&self, open: bool) {
        self.state().transaction = open;
    }

    pub(super) fn transaction(&self) -> bool {
        self.state().transaction
    }

    /// An error if the run is to stop.
    pub(super) fn check_stop(&self) -> Result<(), DatabaseError> {
        if self.state().stop.is_raised() { Err(DatabaseError::stopped()) } else { Ok(()) }
    }

    /// The error, or the reason why the statement or its wait for another connection was ended: the stop signal, or the time
    /// that a statement may take.
    pub(super) fn or_stopped(&self, error: DatabaseError) -> DatabaseError {
        match error.kind {
            DatabaseErrorKind::Interrupted | DatabaseErrorKind::Busy => {
                self.check_stop().err().or_else(|| self.late()).unwrap_or_else(|| self.with_writers(error))
            }
            _ => error,
        }
    }

    /// The error of a database that is locked, with the programs that have locked it.
    fn with_writers(&self, error: DatabaseError) -> DatabaseError {
        #[cfg(unix)]
        if error.kind == DatabaseErrorKind::Busy
            && let Some(path) = &self.state().path
            && let writers = super::holders::writers(path)
            && !writers.is_empty()
        {
            return error.detail(format!("held by process {}", writers.join(", ")));
        }
        error
    }

    /// The error of a statement that was interrupted because it exceeded its time.
    fn late(&self) -> Option<DatabaseError> {
        let mut state = self.state();
        let limit = state.statement_timeout.filter(|_| std::mem::take(&mut state.is_late))?;
        Some(DatabaseError::too_long(limit))
    }

    /// Forgets the last refusal before a statement is prepared.
    pub(super) fn expect(&self, statement: &str) {
        let mut state = self.state();
        state.denial = None;
        state.granted.expect(statement);
        state.vacuum = state.rights == Role::SqlScript && !state.transaction && is_vacuum(statement);
        state.mentioned = (state.rights != Role::Host).then(|| mentioned_tool_table(statement)).flatten();
    }

    fn until_dropped(&self, set: impl FnOnce(&mut State), undo: fn(&mut State)) -> Undo {
        set(&mut self.state());
        Undo { guard: self.clone(), undo }
    }

    /// Works as the host, and is not stopped, until the guard is dropped.
    pub(super) fn as_host(&self) -> Undo {
        let set = |state: &mut State| {
            state.host_depth += 1;
            state.unstopped_depth += 1;
        };
        self.until_dropped(set, |state| {
            state.host_depth = state.host_depth.saturating_sub(1);
            state.unstopped_depth = state.unstopped_depth.saturating_sub(1);
        })
    }

    /// Works as the host until the guard is dropped; the stop signal applies.
    pub(super) fn as_host_that_stops(&self) -> Undo {
        self.until_dropped(|state| state.host_depth += 1, |state| state.host_depth = state.host_depth.saturating_sub(1))
    }

    /// Restricts components to what was granted. `replacing`: see [`granted::replacing`](super::granted::replacing).
    pub(super) fn set_grants(&self, grants: Option<Arc<Grants>>, replacing: Vec<String>) {
        self.state().granted.set(grants, replacing);
    }

    /// Whether components are restricted to what was granted.
    pub(super) fn has_grants(&self) -> bool {
        self.state().granted.grants().is_some()
    }

    /// The error for a table that a component asks about and has no grant for.
    pub(super) fn ungranted(&self, table: &TableName) -> Option<DatabaseError> {
        let state = self.state();
        let grants = state.granted.grants().filter(|_| state.rights == Role::Component && state.host_depth == 0)?;
        let is_main = table.schema.as_deref().is_some_and(|schema| schema.eq_ignore_ascii_case("main"));
        let named = if is_main { TableName::new(&*table.name) } else { table.clone() };
        let known = grants.mention(&named, Dialect::Sqlite) && !is_tool_table(&table.name);
        (!known).then(|| Need::Table { verb: Verb::Read, table: named, columns: Touched::Table }.denied(None))
    }

    /// Until the guard is dropped, the inserts that the host prepares are into these columns.
    pub(super) fn inserting(&self, columns: &[String]) -> Undo {
        let set = |state: &mut State| state.granted.set_inserted(columns.to_vec());
        self.until_dropped(set, |state| state.granted.set_inserted(Vec::new()))
    }

    /// Until the guard is dropped, the statement is a change of the schema that the host has checked and written.
    pub(super) fn changing(&self) -> Undo {
        self.until_dropped(|state| state.granted.set_typed(true), |state| state.granted.set_typed(false))
    }

    /// Lets statements call our functions until the guard is dropped.
    pub(super) fn pulling(&self) -> Undo {
        self.until_dropped(|state| state.pulling = true, |state| state.pulling = false)
    }

    /// The error for a statement that the authorizer refused.
    pub(super) fn denied(&self) -> Option<DatabaseError> {
        let denial = self.state().denial.take()?;
        Some(denial.into())
    }
}

/// Undoes what a function of [`Guard`] set, when it is dropped.
pub(super) struct Undo {
    guard: Guard,
    undo: fn(&mut State),
}

impl Drop for Undo {
    fn drop(&mut self) {
        (self.undo)(&mut self.guard.state());
    }
}

impl Hooks for Guard {
    fn authorize(&self, request: &AuthRequest<'_>) -> bool {
        let mut state = self.state();
        if state.rights == Role::Host || state.host_depth > 0 {
            return true;
        }
        let refused = if state.vacuum {
            // It copies all tables with statements of its own. What comes from the script's text is the name of the file: an
            // expression, which may call functions.
            let is_function = request.action == ffi::SQLITE_FUNCTION;
            is_function.then(|| state.function(request.second.unwrap_or_default())).flatten()
        } else {
            state.refuse(request).or_else(|| state.refuse_ungranted(request))
        };
        match refused {
            None => true,
            Some(denial) => {
                state.denial = Some(denial);
                false
            }
        }
    }

    fn interrupted(&self) -> bool {
        self.state().must_end()
    }

    fn wait_again(&self, count: u32) -> bool {
        let pause = {
            let mut state = self.state();
            if state.must_end() {
                return false;
            }
            if count == 0 {
                state.busy_since = None;
            }
            let since = *state.busy_since.get_or_insert_with(Instant::now);
            let left = state.busy_timeout.saturating_sub(since.elapsed());
            if left.is_zero() {
                return false;
            }
            Duration::from_millis(1 << count.min(5)).min(LONGEST_PAUSE).min(left)
        };
        std::thread::sleep(pause);
        true
    }
}

impl State {
    /// Whether what is running must end, because of the stop signal or of its time.
    fn must_end(&mut self) -> bool {
        if self.unstopped_depth == 0 && self.stop.is_raised() {
            return true;
        }
        let is_late = self.host_depth == 0 && self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.is_late |= is_late;
        is_late
    }

    /// What the grants of a component refuse, beyond what components may not do anyway.
    fn refuse_ungranted(&mut self, request: &AuthRequest<'_>) -> Option<Denial> {
        if self.rights == Role::Component { self.granted.refuse(request) } else { None }
    }

    fn refuse(&self, request: &AuthRequest<'_>) -> Option<Denial> {
        let first = request.first.unwrap_or_default();
        let second = request.second.unwrap_or_default();
        if self.rights == Role::Component {
            // Only ALTER TABLE names the database first, and a column in the database's place.
            let altered = request.action == ffi::SQLITE_ALTER_TABLE;
            let database = if altered { request.first } else { request.database };
            if let Some(other) = database.filter(|name| is_attached(name)) {
                return Some(attached(other));
            }
        }
        match request.action {
            ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Some(self.transaction_control(request.action, first)),
            ffi::SQLITE_INSERT | ffi::SQLITE_UPDATE | ffi::SQLITE_DELETE => {
                is_tool_table(first).then(|| tool_table("write to", first, request.accessor))
            }
            ffi::SQLITE_CREATE_TABLE
            | ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TRIGGER
            | ffi::SQLITE_CREATE_TEMP_TRIGGER
            | ffi::SQLITE_ALTER_TABLE
            | ffi::SQLITE_CREATE_VTABLE => self.names_tool_table(&[first, second]).map(mentions),
            ffi::SQLITE_CREATE_VIEW
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_CREATE_INDEX
            | ffi::SQLITE_CREATE_TEMP_INDEX
            | ffi::SQLITE_DROP_TABLE
            | ffi::SQLITE_DROP_TEMP_TABLE
            | ffi::SQLITE_DROP_VIEW
            | ffi::SQLITE_DROP_TEMP_VIEW
            | ffi::SQLITE_DROP_INDEX
            | ffi::SQLITE_DROP_TEMP_INDEX
            | ffi::SQLITE_DROP_TRIGGER
            | ffi::SQLITE_DROP_TEMP_TRIGGER
            | ffi::SQLITE_DROP_VTABLE => {
                let name = [first, second].into_iter().find(|name| is_tool_table(name))?;
                Some(tool_table("change", name, request.accessor))
            }
            ffi::SQLITE_FUNCTION => self.function(second),
            ffi::SQLITE_PRAGMA => pragmas::refuse(self.rights, self.transaction, first, request.second),
            ffi::SQLITE_ATTACH | ffi::SQLITE_DETACH if self.rights == Role::Component => Some(Denial::new(
                "a component may not attach or detach database files; VACUUM does so too",
                "a migration in SQL may: put this statement into one",
            )),
            _ => None,
        }
    }

    fn names_tool_table(&self, names: &[&str]) -> Option<&'static str> {
        self.mentioned.or_else(|| names.iter().find_map(|name| tool_table_of(name)))
    }

    fn transaction_control(&self, action: std::ffi::c_int, operation: &str) -> Denial {
        let word = if action == ffi::SQLITE_SAVEPOINT { "SAVEPOINT" } else { operation };
        let word = if word == "COMMIT" || word == "BEGIN" || word == "ROLLBACK" { word } else { "SAVEPOINT" };
        Denial::new(
            format!("a migration may not control the transaction: {word} is refused"),
            if self.transaction {
                "runner opens the transaction and commits it with the history; leave the statement out"
            } else {
                "each statement of a `-- runner:no-transaction` migration commits by itself; leave the statement out"
            },
        )
    }

    fn function(&self, name: &str) -> Option<Denial> {
        if name.eq_ignore_ascii_case("load_extension") || name.eq_ignore_ascii_case("fts3_tokenizer") {
            return Some(Denial::new(
                format!("a migration may not load code into the database: {name}() is refused"),
                "runner loads no extensions",
            ));
        }
        let ours = name.get(..FUNCTION_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(FUNCTION_PREFIX));
        (ours && !self.pulling)
            .then(|| Denial::new(format!("{name}() belongs to runner itself"), "give your function another name"))
    }
}

/// Whether a name of a database is neither the file's nor that of the temporary tables.
pub(super) fn is_attached(database: &str) -> bool {
    !database.eq_ignore_ascii_case("main") && !database.eq_ignore_ascii_case("temp")
}
