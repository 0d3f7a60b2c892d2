//! The transaction of a migration: what is open, how it ends, and what is checked before it does.

mod foreign_keys;
mod missing_parents;
mod read_ahead;
mod temporary;

use self::foreign_keys::Violations;
use self::read_ahead::Written;
use crate::executor::Executor;
use crate::tool_tables::ToolTables;
use runner_database::message::REBUILD;
use runner_database::{
    DatabaseError, DatabaseErrorKind, HistoryPlace, ReadingAhead, TableIdentity, TableName, TableSource, TableTarget,
    TransactionOptions,
};

/// The transaction of a connection, which may be open.
pub(crate) struct Transaction {
    open: Option<Open>,
    /// Whether the project has foreign keys enforced.
    foreign_keys: bool,
    tool_tables: ToolTables,
}

/// A transaction that `begin` opened.
struct Open {
    /// The violations at its beginning, if foreign keys are not enforced inside.
    violations: Option<Violations>,
    /// What was written in it.
    written: Written,
    /// Whether the connection may only read until it ends.
    reads_only: bool,
    /// Whether databases that a script has attached are detached at its end: a whole migration does, a step of one does not.
    detaches: bool,
}

impl Transaction {
    pub(crate) fn new(foreign_keys: bool, history: &HistoryPlace) -> Self {
        Self { open: None, foreign_keys, tool_tables: ToolTables::new(history) }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&mut self, executor: &mut Executor, options: TransactionOptions) -> Result<(), DatabaseError> {
        self.check_none(executor)?;
        if executor.connection().is_readonly() {
            return Err(read_only());
        }
        let begun = {
            // The stop signal ends the wait for another writer.
            let _host = executor.guard().as_host_that_stops();
            self.open(executor, options)
        };
        executor.connection().account().begin();
        if let Err(error) = begun {
            let _host = executor.guard().as_host();
            let _ = self.end(executor);
            return Err(executor.guard().or_stopped(error));
        }
        let checked = {
            let _host = executor.guard().as_host();
            self.tool_tables.check(executor.connection())
        };
        if checked.is_err() {
            self.roll_back(executor)?;
        }
        checked
    }

    fn open(&mut self, executor: &Executor, options: TransactionOptions) -> Result<(), DatabaseError> {
        let connection = executor.connection();
        // The pragma has no effect inside a transaction. A script may have left it off.
        enforce_foreign_keys(executor, self.foreign_keys && !options.foreign_keys_off);
        connection.begin("BEGIN IMMEDIATE")?;
        // Where the project has them off, a rebuild is not checked either.
        let is_checked = options.foreign_keys_off && self.foreign_keys;
        let violations = if is_checked { Some(Violations::read(connection)?) } else { None };
        let written = Written::nothing(connection);
        self.open = Some(Open { violations, written, reads_only: false, detaches: options.for_migration });
        executor.guard().set_transaction(true);
        Ok(())
    }

    /// Begins a transaction that reads a table ahead of another connection's writes, if it is the same table here.
    pub(crate) fn begin_reading(
        &mut self,
        executor: &mut Executor,
        table: &TableName,
        is: &TableIdentity,
    ) -> Result<(), DatabaseError> {
        self.check_none(executor)?;
        let found = {
            let _host = executor.guard().as_host_that_stops();
            let begun = executor.connection().begin(read_ahead::BEGIN);
            begun.and_then(|()| read_ahead::identity(executor, table))
        };
        let written = Written::nothing(executor.connection());
        self.open = Some(Open { violations: None, written, reads_only: true, detaches: true });
        executor.guard().set_transaction(true);
        let error = match found {
            Ok(Some(found)) if found == *is => return Ok(()),
            Ok(_) => {
                DatabaseError::new(DatabaseErrorKind::Other, format!("`{table}` is another table on this connection"))
            }
            Err(failure) => executor.guard().or_stopped(failure.into()),
        };
        self.roll_back(executor)?;
        Err(error)
    }

    /// Fails if a transaction is open, or the run is to stop.
    fn check_none(&self, executor: &Executor) -> Result<(), DatabaseError> {
        if self.is_open() {
            return Err(DatabaseError::in_transaction());
        }
        executor.guard().check_stop()
    }

    /// Commits the transaction, after the checks that belong to its end. Cursors and writers must be closed.
    pub(crate) fn commit(&mut self, executor: &mut Executor) -> Result<(), DatabaseError> {
        if self.open.as_ref().is_some_and(|open| open.reads_only) {
            return self.roll_back(executor);
        }
        let Some(open) = self.open.take() else {
            return Err(DatabaseError::no_transaction("commit"));
        };
        let _host = executor.guard().as_host();
        executor.guard().set_transaction(false);
        let committed = self.tool_tables.check(executor.connection()).and_then(|()| open.commit(executor));
        if committed.is_err() {
            self.tool_tables.forget();
        }
        // After a failure, and to enforce foreign keys again; otherwise harmless.
        let undone = self.end(executor);
        if open.detaches {
            // A database that the transaction used cannot be detached earlier. The commit is done in any case.
            let _ = temporary::detach_all(executor);
        }
        match (committed, undone) {
            (Err(error), Err(undone)) => Err(undone.detail(error.to_string())),
            (committed, _) => committed,
        }
    }

    /// Rolls the transaction back, if one is open. Cursors and writers must be closed.
    pub(crate) fn roll_back(&mut self, executor: &mut Executor) -> Result<(), DatabaseError> {
        let _host = executor.guard().as_host();
        executor.guard().set_transaction(false);
        let Some(open) = self.open.take() else { return Ok(()) };
        let undone = self.end(executor);
        self.tool_tables.forget();
        if open.reads_only {
            // Cannot fail.
            let _ = executor.connection().run("PRAGMA query_only = OFF");
        }
        if open.detaches {
            let _ = temporary::detach_all(executor);
        }
        undone
    }

    /// Ends the transaction, if it is open, and has foreign keys enforced again, unless the project says otherwise.
    fn end(&self, executor: &Executor) -> Result<(), DatabaseError> {
        let undone = executor.connection().roll_back();
        enforce_foreign_keys(executor, self.foreign_keys);
        undone.map_err(|failure| DatabaseError::not_undone(DatabaseError::from(failure)))
    }

    /// Checks the constraints that a commit would check.
    pub(crate) fn check_constraints(&mut self, executor: &Executor) -> Result<(), DatabaseError> {
        executor.connection().check()?;
        let Some(open) = &mut self.open else {
            return Err(DatabaseError::no_transaction("check"));
        };
        let _host = executor.guard().as_host();
        let connection = executor.connection();
        if let Some(before) = &mut open.violations {
            *before = before.none_new(connection)?;
            return Ok(());
        }
        // The counter that a commit checks.
        if !connection.has_deferred_violations() {
            return Ok(());
        }
        Err(Violations::read(connection).unwrap_or_default().error())
    }

    /// Drops all temporary objects and detaches other files, so that a migration does not see what an earlier one left. Cursors and
    /// writers must be closed.
    pub(crate) fn drop_temporary(&mut self, executor: &mut Executor) -> Result<(), DatabaseError> {
        let _host = executor.guard().as_host();
        temporary::drop_all(executor.connection())?;
        match temporary::detach_all(executor) {
            // A file that the open transaction uses is detached when the transaction ends.
            Err(_) if executor.connection().holds() => {
                if let Some(open) = &mut self.open {
                    open.detaches = true;
                }
                Ok(())
            }
            detached => Ok(detached?),
        }
    }

    /// Whether a source can be read ahead of the writes to a target: see [`Written::reading_ahead`].
    pub(crate) fn reading_ahead(
        &mut self,
        executor: &Executor,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        let Some(open) = &mut self.open else { return Ok(ReadingAhead::default()) };
        let _host = executor.guard().as_host();
        Ok(open.written.reading_ahead(executor, source, target)?)
    }

    /// A statement is run in the transaction.
    pub(crate) fn note_statement(&mut self) {
        if let Some(open) = &mut self.open {
            open.written.note_statement();
        }
    }

    /// A writer of this target has changed so many rows, in whatever table.
    pub(crate) fn note_written(&mut self, target: &TableName, changes: u64) {
        if let Some(open) = &mut self.open {
            open.written.add(target, changes);
        }
    }
}

impl Open {
    fn commit(&self, executor: &Executor) -> Result<(), DatabaseError> {
        let connection = executor.connection();
        if let Some(before) = &self.violations {
            before.none_new(connection)?;
        }
        connection.commit().map_err(|failure| {
            if failure.code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY
                // A deferred foreign key. SQLite does not say which; it can be found while the transaction is open.
                && let Ok(found) = Violations::read(connection)
                && found.is_any()
            {
                return found.error().hint(REBUILD);
            }
            failure.into()
        })
    }
}

fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only")
        .code("SQLITE_READONLY (8)")
        .hint("check the permissions of the file and its directory, and `?mode=` in the URL")
}

fn enforce_foreign_keys(executor: &Executor, enforced: bool) {
    // Cannot fail outside a transaction.
    let _ = executor.connection().run(if enforced { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" });
}
