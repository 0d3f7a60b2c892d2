//! The transaction of a migration, and foreign keys that are checked at its end.

use std::collections::{BTreeMap, HashMap};

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::parents::Parents;
use super::raw::{Connection, Failure};
use super::temporary::databases;
use runner_database::message::REBUILD;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, TableName, TransactionOptions};

/// A transaction that `begin` opened.
pub(super) struct Transaction {
    /// The violations at its beginning, if foreign keys are not enforced inside.
    violations: Option<Violations>,
    /// What was written in it.
    pub(super) written: Written,
    /// Whether the connection may only read until it ends.
    reads_only: bool,
    /// Whether databases that a script has attached are detached at its end: a whole migration does, a step of one does not.
    pub(super) detaches: bool,
}

impl Transaction {
    fn new(connection: &Connection, violations: Option<Violations>) -> Self {
        Self { violations, written: Written::nothing(connection), reads_only: false, detaches: true }
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

/// Table, row id (if it has one) and parent of a row that refers to no row.
type Row = (String, Option<i64>, String);

/// What is wrong with the foreign keys of a database.
#[derive(Default)]
struct Violations {
    /// Rows, and how often each occurs.
    rows: HashMap<Row, u64>,
    /// Tables with a foreign key that SQLite cannot follow, with its message. Their rows are not checked.
    mismatches: BTreeMap<String, String>,
    /// Which tables there are for foreign keys to refer to.
    parents: Parents,
}

impl SqliteDatabase {
    pub(super) fn begin_now(&mut self, options: TransactionOptions) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.guard.check_stop()?;
        if self.connection.is_readonly() {
            return Err(read_only());
        }
        let begun = {
            // The stop signal ends the wait for another writer.
            let _host = self.guard.as_host_that_stops();
            begin(&self.connection, options, self.foreign_keys)
        };
        self.connection.account().begin();
        match begun {
            Ok(transaction) => {
                self.transaction = Some(transaction);
                self.guard.set_transaction(true);
                let checked = {
                    let _host = self.guard.as_host();
                    self.check_tool_schema()
                };
                if checked.is_err() {
                    self.rollback_now()?;
                }
                checked
            }
            Err(failure) => {
                let _host = self.guard.as_host();
                let _ = self.let_go();
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
        let committed = self.check_tool_schema().and_then(|()| commit(&self.connection, &transaction));
        if committed.is_err() {
            // What was seen is rolled back.
            self.proven_schema = None;
        }
        // After a failure, and to enforce foreign keys again; otherwise harmless.
        let undone = self.let_go();
        if transaction.detaches {
            // A database that the transaction used cannot be detached earlier. The commit is done in any case.
            let _ = self.detach_all();
        }
        match (committed, undone) {
            (Err(error), Err(undone)) => Err(undone.detail(error.to_string())),
            (committed, _) => committed,
        }
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
        Err(violated(rows.rows.keys()))
    }

    pub(super) fn rollback_now(&mut self) -> Result<(), DatabaseError> {
        let _host = self.guard.as_host();
        self.close_statements();
        self.guard.set_transaction(false);
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let undone = self.let_go();
        self.proven_schema = None;
        if transaction.reads_only {
            // Cannot fail.
            let _ = self.connection.run("PRAGMA query_only = OFF");
        }
        if transaction.detaches {
            let _ = self.detach_all();
        }
        undone
    }

    /// Ends the transaction, if it is open, and has foreign keys enforced again, unless the project says otherwise.
    fn let_go(&self) -> Result<(), DatabaseError> {
        let undone = self.connection.roll_back();
        enforce_foreign_keys(&self.connection, self.foreign_keys);
        undone.map_err(|failure| DatabaseError::not_undone(from_failure(&failure)))
    }

    /// Fails once SQLite has rolled the transaction back by itself.
    pub(super) fn check_transaction(&self) -> Result<(), DatabaseError> {
        self.connection.check().map_err(|failure| from_failure(&failure))
    }
}

fn read_only() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, "the database is read-only")
        .code("SQLITE_READONLY (8)")
        .hint("check the permissions of the file and its directory, and `?mode=` in the URL")
}

/// `enforced`: the project has foreign keys enforced; otherwise a rebuild is not checked either.
fn begin(connection: &Connection, options: TransactionOptions, enforced: bool) -> Result<Transaction, Failure> {
    // The pragma has no effect inside a transaction. A script may have left it off.
    enforce_foreign_keys(connection, enforced && !options.foreign_keys_off);
    connection.begin("BEGIN IMMEDIATE")?;
    let violations = if options.foreign_keys_off && enforced { Some(violations(connection)?) } else { None };
    Ok(Transaction { detaches: options.for_migration, ..Transaction::new(connection, violations) })
}

fn commit(connection: &Connection, transaction: &Transaction) -> Result<(), DatabaseError> {
    if let Some(before) = &transaction.violations {
        no_new_violations(connection, before)?;
    }
    connection.commit().map_err(|failure| {
        if failure.code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY {
            // A deferred foreign key. SQLite does not say which; it can be found while the transaction is open.
            if let Ok(rows) = violations(connection)
                && !rows.rows.is_empty()
            {
                return violated(rows.rows.keys()).hint(REBUILD);
            }
        }
        from_failure(&failure)
    })
}

/// The present violations, if there are no new ones.
fn no_new_violations(connection: &Connection, before: &Violations) -> Result<Violations, DatabaseError> {
    let after = violations(connection).map_err(|failure| from_failure(&failure))?;
    // First: the rows that refer to a table that is gone are violations as well.
    after.parents.none_lost(&before.parents)?;
    if let Some((_, message)) = after.mismatches.iter().find(|(table, _)| !before.mismatches.contains_key(*table)) {
        return Err(mismatched(message));
    }
    // The rows of a table that could not be checked before are not new.
    let is_new = |row: &Row, count: u64| {
        count > before.rows.get(row).copied().unwrap_or(0) && !before.mismatches.contains_key(&row.0)
    };
    let new: Vec<_> = after.rows.iter().filter(|(row, count)| is_new(row, **count)).collect();
    if new.is_empty() { Ok(after) } else { Err(violated(new.into_iter().map(|(row, _)| row))) }
}

fn mismatched(message: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Constraint,
        "a foreign key refers to columns that are no key, so the transaction was rolled back",
    )
    .detail(message.to_owned())
    .hint("the columns that a foreign key refers to have to be the primary key or have a UNIQUE index of their own")
}

fn violated<'a>(rows: impl Iterator<Item = &'a Row>) -> DatabaseError {
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

/// What is wrong with foreign keys, in all databases of the connection.
fn violations(connection: &Connection) -> Result<Violations, Failure> {
    let mut found = Violations { parents: Parents::read(connection)?, ..Violations::default() };
    for schema in databases(connection)? {
        let schema = Dialect::Sqlite.quote(&schema);
        let mut rows = HashMap::new();
        match check(connection, &format!("PRAGMA {schema}.foreign_key_check"), &mut rows) {
            Ok(()) => found.add(rows),
            Err(failure) if is_mismatch(&failure) => violations_by_table(connection, &schema, &mut found)?,
            Err(failure) => return Err(failure),
        }
    }
    Ok(found)
}

/// As [`violations`], table by table: SQLite ends the check of a whole database at the first foreign key that it cannot follow.
fn violations_by_table(connection: &Connection, schema: &str, found: &mut Violations) -> Result<(), Failure> {
    let mut tables = Vec::new();
    let list = format!("SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'");
    connection.each_row(&list, &[], |row| {
        tables.push(text_of(row, 0)?);
        Ok(())
    })?;
    for table in tables {
        let statement = format!("PRAGMA {schema}.foreign_key_check({})", Dialect::Sqlite.quote(&table));
        let mut rows = HashMap::new();
        match check(connection, &statement, &mut rows) {
            Ok(()) => found.add(rows),
            Err(failure) if is_mismatch(&failure) => {
                found.mismatches.insert(table, failure.message.clone());
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

fn check(connection: &Connection, statement: &str, rows: &mut HashMap<Row, u64>) -> Result<(), Failure> {
    connection.each_row(statement, &[], |row| {
        *rows.entry((text_of(row, 0)?, row.get(1)?, text_of(row, 2)?)).or_default() += 1;
        Ok(())
    })
}

/// Whether SQLite says that a foreign key refers to no key. The error has no code of its own.
fn is_mismatch(failure: &Failure) -> bool {
    failure.message.contains("foreign key mismatch")
}

impl Violations {
    fn add(&mut self, rows: HashMap<Row, u64>) {
        for (row, count) in rows {
            *self.rows.entry(row).or_default() += count;
        }
    }
}

fn enforce_foreign_keys(connection: &Connection, enforced: bool) {
    // Cannot fail outside a transaction.
    let _ = connection.run(if enforced { "PRAGMA foreign_keys = ON" } else { "PRAGMA foreign_keys = OFF" });
}
