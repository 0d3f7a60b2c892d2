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

mod authorizer;
mod denial;
mod grants;
#[cfg(unix)]
mod holders;
mod interrupt;
mod pragmas;
mod pure_functions;

pub(crate) use authorizer::is_attached;
pub(crate) use denial::refused_mention;
pub(crate) use grants::replacing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::authorizer::Authorizer;
use self::denial::denied_attached;
use self::interrupt::Interrupt;
use crate::raw::{AuthRequest, Hooks};
use runner_database::facts::is_tool_table;
use runner_database::grants::{Grants, Need, Touched, Verb};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Role, StopSignal, TableName};

/// The rights of the current role, shared by the database and SQLite's callbacks.
#[derive(Clone)]
pub(crate) struct Guard {
    state: Arc<Mutex<State>>,
}

struct State {
    authorizer: Authorizer,
    interrupt: Interrupt,
    /// The host itself is working, on behalf of a migration.
    host_depth: usize,
    /// The host is doing work that the stop signal must not interrupt.
    unstopped_depth: usize,
    /// The file of the database.
    file: Option<PathBuf>,
}

impl Guard {
    /// The guard of a connection to a file: how long it waits for others, and how long a statement of a migration may take.
    pub(crate) fn new(file: Option<PathBuf>, busy_timeout: Duration, statement_timeout: Option<Duration>) -> Self {
        let interrupt = Interrupt::new(busy_timeout, statement_timeout);
        let state = State { authorizer: Authorizer::new(), interrupt, host_depth: 0, unstopped_depth: 0, file };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the role of the following statements and what ends them.
    pub(crate) fn take_role(&self, role: Role, stop: StopSignal) {
        let mut state = self.state();
        state.authorizer.role = role;
        state.interrupt.serve(stop);
    }

    /// From here on the time of a statement counts, if it is a migration's.
    pub(crate) fn begin_statement(&self) {
        let mut state = self.state();
        let is_migration = state.authorizer.role != Role::Host;
        state.interrupt.begin(is_migration);
        state.authorizer.granted.begin();
    }

    pub(crate) fn role(&self) -> Role {
        self.state().authorizer.role
    }

    /// Does `work` in another role.
    pub(crate) fn in_role<T>(&self, role: Role, work: impl FnOnce() -> T) -> T {
        let own = std::mem::replace(&mut self.state().authorizer.role, role);
        let done = work();
        self.state().authorizer.role = own;
        done
    }

    pub(crate) fn set_transaction(&self, open: bool) {
        self.state().authorizer.transaction = open;
    }

    pub(crate) fn transaction(&self) -> bool {
        self.state().authorizer.transaction
    }

    /// An error if the run is to stop.
    pub(crate) fn check_stop(&self) -> Result<(), DatabaseError> {
        self.state().interrupt.check_stop()
    }

    /// The error, or the reason why the statement or its wait for another connection was ended: the stop signal, or the time
    /// that a statement may take. That of a database that is locked names the programs that have locked it.
    pub(crate) fn or_stopped(&self, error: DatabaseError) -> DatabaseError {
        if !matches!(error.kind, DatabaseErrorKind::Interrupted | DatabaseErrorKind::Busy) {
            return error;
        }
        let mut state = self.state();
        if let Some(reason) = state.interrupt.check_stop().err().or_else(|| state.interrupt.late()) {
            return reason;
        }
        #[cfg(unix)]
        if error.kind == DatabaseErrorKind::Busy
            && let Some(file) = &state.file
            && let writers = holders::writers(file)
            && !writers.is_empty()
        {
            return error.detail(format!("held by process {}", writers.join(", ")));
        }
        error
    }

    /// Forgets the last refusal before a statement is prepared.
    pub(crate) fn expect(&self, statement: &str) {
        self.state().authorizer.expect(statement);
    }

    fn until_dropped(&self, set: impl FnOnce(&mut State), undo: fn(&mut State)) -> Undo {
        set(&mut self.state());
        Undo { guard: self.clone(), undo }
    }

    /// Works as the host, and is not stopped, until the guard is dropped.
    pub(crate) fn as_host(&self) -> Undo {
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
    pub(crate) fn as_host_that_stops(&self) -> Undo {
        self.until_dropped(|state| state.host_depth += 1, |state| state.host_depth = state.host_depth.saturating_sub(1))
    }

    /// Restricts components to what was granted. `replacing`: see [`replacing`].
    pub(crate) fn set_grants(&self, grants: Option<Arc<Grants>>, replacing: Vec<String>) {
        self.state().authorizer.granted.set(grants, replacing);
    }

    /// Whether components are restricted to what was granted.
    pub(crate) fn has_grants(&self) -> bool {
        self.state().authorizer.granted.grants().is_some()
    }

    /// Fails for a table that a component asks about and may not see: of an attached database, or one that it has no grant for.
    pub(crate) fn check_table(&self, table: &TableName) -> Result<(), DatabaseError> {
        let state = self.state();
        if state.authorizer.role != Role::Component {
            return Ok(());
        }
        if let Some(schema) = table.schema.as_deref().filter(|schema| is_attached(schema)) {
            return Err(denied_attached(schema));
        }
        let Some(grants) = state.authorizer.granted.grants().filter(|_| state.host_depth == 0) else { return Ok(()) };
        let is_main = table.schema.as_deref().is_some_and(|schema| schema.eq_ignore_ascii_case("main"));
        let named = if is_main { TableName::new(&*table.name) } else { table.clone() };
        if grants.mention(&named, Dialect::Sqlite) && !is_tool_table(&table.name) {
            return Ok(());
        }
        Err(Need::Table { verb: Verb::Read, table: named, columns: Touched::Table }.denied(None))
    }

    /// Until the guard is dropped, the inserts that the host prepares are into these columns.
    pub(crate) fn inserting(&self, columns: &[String]) -> Undo {
        let set = |state: &mut State| state.authorizer.granted.set_inserted(columns.to_vec());
        self.until_dropped(set, |state| state.authorizer.granted.set_inserted(Vec::new()))
    }

    /// Until the guard is dropped, the statement is a change of the schema that the host has checked and written.
    pub(crate) fn changing(&self) -> Undo {
        let set = |state: &mut State| state.authorizer.granted.set_typed(true);
        self.until_dropped(set, |state| state.authorizer.granted.set_typed(false))
    }

    /// Lets statements call our functions until the guard is dropped.
    pub(crate) fn pulling(&self) -> Undo {
        self.until_dropped(|state| state.authorizer.pulling = true, |state| state.authorizer.pulling = false)
    }

    /// The error for a statement that the authorizer refused.
    pub(crate) fn denied(&self) -> Option<DatabaseError> {
        self.state().authorizer.denial.take().map(DatabaseError::from)
    }
}

/// Undoes what a function of [`Guard`] set, when it is dropped.
pub(crate) struct Undo {
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
        state.authorizer.role == Role::Host || state.host_depth > 0 || state.authorizer.allows(request)
    }

    fn interrupted(&self) -> bool {
        self.state().must_end()
    }

    fn wait_again(&self, count: u32) -> bool {
        let pause = {
            let mut state = self.state();
            if state.must_end() { None } else { state.interrupt.pause(count) }
        };
        pause.map(std::thread::sleep).is_some()
    }
}

impl State {
    /// Whether what is running must end, because of the stop signal or of its time.
    fn must_end(&mut self) -> bool {
        self.interrupt.must_end(self.unstopped_depth == 0, self.host_depth == 0)
    }
}
