//! The transaction of a migration, and foreign keys that are checked at its end.

use std::collections::HashMap;

use rusqlite::MAIN_DB;

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::raw::{Connection, Failure};
use super::temporary::databases;
use crate::database::{DatabaseError, DatabaseErrorKind, Dialect, TableName, TransactionOptions};

/// A transaction that `begin` opened.
pub(super) struct Transaction {
    /// The violations at its beginning, if foreign keys are not enforced inside.
    violations: Option<Violations>,
    /// What was written in it.
    pub(super) written: Written,
    /// Whether the connection may only read until it ends.
    reads_only: bool,
}

impl Transaction {
    fn new(connection: &Connection, violations: Option<Violations>) -> Self {
        Self { violations, written: Written::nothing(connection), reads_only: false }
    }

    /// A transaction that only reads.
    pub(super) fn reading(connection: &Connection) -> Self {
        Self { reads_only: true, ..Self::new(connection, None) }
    }
}

/// What a transaction has written, as far as it is known table by table; see `reading`.
pub(super) struct Written {
    /// Of all rows that the connection ever changed, those that were changed before the transaction, or since by writers whose
    /// table is known.
    pub known: u64,
    /// The tables of those writers.
    pub tables: Vec<String>,
    /// The target of the next writer, and its table, if writing to it changes nothing else. Any other statement may change that.
    pub plain: Option<(TableName, String)>,
}

impl Written {
    pub(super) fn nothing(connection: &Connection) -> Self {
        Self { known: connection.total_changes(), tables: Vec::new(), plain: None }
    }

    /// A writer of this target has changed so many rows, in whatever table.
    pub(super) fn add(&mut self, target: &TableName, changes: u64) {
        if let Some((_, table)) = self.plain.as_ref().filter(|(plain, _)| plain == target) {
            self.known += changes;
            if !self.tables.contains(table) {
                self.tables.push(table.clone());
            }
        }
    }
}

/// Table, row id (if it has one) and parent of a row that refers to no row, and how often that occurs.
type Violations = HashMap<(String, Option<i64>, String), u64>;

impl SqliteDatabase {
    pub(super) fn begin_now(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.guard.check_stop()?;
        if self.connection.sqlite().is_readonly(MAIN_DB).unwrap_or(false) {
            return Err(read_only());
        }
        let begun = {
            // The stop signal ends the wait for another writer.
            let _host = self.guard.as_host_that_stops();
            begin(&self.connection, options)
        };
        match begun {
            Ok(transaction) => {
                self.transaction = Some(transaction);
                self.guard.set_transaction(true);
                Ok(())
            }
            Err(failure) => {
                let _host = self.guard.as_host();
                roll_back(&self.connection);
                Err(self.guard.or_stopped(from_failure(&failure)))
            }
        }
    }

    pub(super) fn commit_now(&mut self) -> Result<(), DatabaseError> {
        if self.transaction.as_ref().is_some_and(|it| it.reads_only) {
            return self.rollback_now();
        }
        let Some(transaction) = self.transaction.take() else {
            return Err(DatabaseError::no_transaction("commit"));
        };
        let _host = self.guard.as_host();
        self.close_statements();
        self.guard.set_transaction(false);
        let committed =
            if self.connection.is_autocommit() { Err(ended()) } else { commit(&self.connection, &transaction) };
        // After a failure, and to enforce foreign keys again; otherwise harmless.
        roll_back(&self.connection);
        // A database that the transaction used cannot be detached earlier. The commit is done in any case.
        let _ = self.detach_all();
        committed
    }

    pub(super) fn check_constraints_now(&mut self) -> Result<(), DatabaseError> {
        self.check_transaction()?;
        let Some(transaction) = &mut self.transaction else {
            return Err(DatabaseError::no_transaction("check"));
        };
        let _host = self.guard.as_host();
        if let Some(before) = &mut transaction.violations {
            *before = no_new_violations(&self.connection, before)?;
            return Ok(());
        }
        // The counter that a commit checks.
        if !self.connection.has_deferred_violations() {
            return Ok(());
        }
        let rows = violations(&self.connection).unwrap_or_default();
        Err(violated(rows.keys()))
    }

    pub(super) fn rollback_now(&mut self) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        self.close_statements();
        self.guard.set_transaction(false);
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let result = if self.connection.is_autocommit() { Ok(()) } else { self.connection.run("ROLLBACK") };
        foreign_keys_on(&self.connection);
        if transaction.reads_only {
            // Cannot fail.
            let _ = self.connection.run("PRAGMA query_only = OFF");
        }
        let _ = self.detach_all();
        result.map_err(|failure| from_failure(&failure))
    }

    /// Fails if SQLite has ended the transaction by itself, because of a full disk or `ON CONFLICT ROLLBACK`. Further
    /// statements would autocommit.
    pub(super) fn check_transaction(&self) -> Result<(), DatabaseError> {
        if self.transaction.is_some() && self.connection.is_autocommit() { Err(ended()) } else { Ok(()) }
    }
}

fn ended() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "the database has rolled the transaction back after an earlier error")
        .hint("nothing of the migration remains; fix the earlier error and run it again")
}

fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only")
        .code("SQLITE_READONLY (8)")
        .hint("check the permissions of the file and its directory, and `?mode=` in the URL")
}

fn begin(connection: &Connection, options: TransactionOptions) -> Result<Transaction, Failure> {
    // The pragma has no effect inside a transaction. A script may have left it off.
    connection.run(if options.foreign_keys_off { "PRAGMA foreign_keys = OFF" } else { "PRAGMA foreign_keys = ON" })?;
    connection.run("BEGIN IMMEDIATE")?;
    let violations = if options.foreign_keys_off { Some(violations(connection)?) } else { None };
    Ok(Transaction::new(connection, violations))
}

fn commit(connection: &Connection, transaction: &Transaction) -> Result<(), DatabaseError> {
    if let Some(before) = &transaction.violations {
        no_new_violations(connection, before)?;
    }
    connection.run("COMMIT").map_err(|failure| {
        if failure.code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY {
            // A deferred foreign key. SQLite does not say which; it can be found while the transaction is open.
            if let Ok(rows) = violations(connection)
                && !rows.is_empty()
            {
                return violated(rows.keys());
            }
        }
        from_failure(&failure)
    })
}

/// The present violations, if there are no new ones.
fn no_new_violations(connection: &Connection, before: &Violations) -> Result<Violations, DatabaseError> {
    let after = violations(connection).map_err(|failure| from_failure(&failure))?;
    let new: Vec<_> = after.iter().filter(|(row, count)| **count > before.get(*row).copied().unwrap_or(0)).collect();
    if new.is_empty() { Ok(after) } else { Err(violated(new.into_iter().map(|(row, _)| row))) }
}

fn violated<'a>(rows: impl Iterator<Item = &'a (String, Option<i64>, String)>) -> DatabaseError {
    const NAMED: usize = 5;
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    let mut named: Vec<String> = rows
        .iter()
        .take(NAMED)
        .map(|(table, row, parent)| match row {
            Some(row) => format!("row {row} of `{table}` refers to no row of `{parent}`"),
            None => format!("a row of `{table}` refers to no row of `{parent}`"),
        })
        .collect();
    if rows.len() > NAMED {
        named.push(format!("and {} more", rows.len() - NAMED));
    }
    DatabaseError::new(DatabaseErrorKind::Constraint, "foreign keys are violated, so the transaction was rolled back")
        .code("SQLITE_CONSTRAINT_FOREIGNKEY (787)")
        .detail(named.join("; "))
        .hint("`PRAGMA foreign_key_check` lists all rows of this kind; the number is the row's rowid")
}

/// Rows that refer to no row, in all databases of the connection.
fn violations(connection: &Connection) -> Result<Violations, Failure> {
    let mut found = Violations::new();
    for schema in databases(connection)? {
        let check = format!("PRAGMA {}.foreign_key_check", Dialect::Sqlite.quote(&schema));
        connection.each_row(&check, |row| {
            *found.entry((text_of(row, 0)?, row.get(1)?, text_of(row, 2)?)).or_default() += 1;
            Ok(())
        })?;
    }
    Ok(found)
}

/// Ends any open transaction and enforces foreign keys again.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Fails only if SQLite has rolled back already.
        let _ = connection.run("ROLLBACK");
    }
    foreign_keys_on(connection);
}

fn foreign_keys_on(connection: &Connection) {
    // Cannot fail outside a transaction.
    let _ = connection.run("PRAGMA foreign_keys = ON");
}
