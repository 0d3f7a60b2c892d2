//! What is wrong with the foreign keys of a database: rows that refer to no row, and keys that SQLite cannot follow.

use std::collections::{BTreeMap, HashMap};

use super::missing_parents::Parents;
use super::temporary::databases;
use crate::error::text_of;
use crate::raw::{Connection, Failure};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect};

/// Table, row id (if it has one) and parent of a row that refers to no row.
type Row = (String, Option<i64>, String);

/// What is wrong with the foreign keys of a database.
#[derive(Default)]
pub(super) struct Violations {
    /// Rows, and how often each occurs.
    rows: HashMap<Row, u64>,
    /// Tables with a foreign key that SQLite cannot follow, with its message. Their rows are not checked.
    mismatches: BTreeMap<String, String>,
    /// Which tables there are for foreign keys to refer to.
    parents: Parents,
}

impl Violations {
    /// What is wrong with foreign keys, in all databases of the connection.
    pub(super) fn read(connection: &Connection) -> Result<Self, Failure> {
        let mut found = Self { parents: Parents::read(connection)?, ..Self::default() };
        for schema in databases(connection)? {
            let schema = Dialect::Sqlite.quote(&schema);
            match check(connection, &format!("PRAGMA {schema}.foreign_key_check")) {
                Ok(rows) => found.add(rows),
                Err(failure) if is_mismatch(&failure) => found.read_by_table(connection, &schema)?,
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    /// As [`Violations::read`], table by table: SQLite ends the check of a whole database at the first foreign key that it cannot
    /// follow.
    fn read_by_table(&mut self, connection: &Connection, schema: &str) -> Result<(), Failure> {
        let list = format!("SELECT name FROM {schema}.sqlite_schema WHERE type = 'table'");
        for table in connection.fetch_all(&list, &[], |row| text_of(row, 0))? {
            let statement = format!("PRAGMA {schema}.foreign_key_check({})", Dialect::Sqlite.quote(&table));
            match check(connection, &statement) {
                Ok(rows) => self.add(rows),
                Err(failure) if is_mismatch(&failure) => {
                    self.mismatches.insert(table, failure.message);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            *self.rows.entry(row).or_default() += 1;
        }
    }

    /// Fails if there are violations now that these are not, and returns those of now.
    pub(super) fn none_new(&self, connection: &Connection) -> Result<Self, DatabaseError> {
        let after = Self::read(connection)?;
        // First: the rows that refer to a table that is gone are violations as well.
        after.parents.none_lost(&self.parents)?;
        if let Some((_, message)) = after.mismatches.iter().find(|(table, _)| !self.mismatches.contains_key(*table)) {
            return Err(mismatched(message));
        }
        // The rows of a table that could not be checked before are not new.
        let is_new = |row: &Row, count: u64| {
            count > self.rows.get(row).copied().unwrap_or(0) && !self.mismatches.contains_key(&row.0)
        };
        let new: Vec<_> = after.rows.iter().filter(|(row, count)| is_new(row, **count)).collect();
        if new.is_empty() { Ok(after) } else { Err(violated(new.into_iter().map(|(row, _)| row))) }
    }

    /// Whether rows refer to no row.
    pub(super) fn is_any(&self) -> bool {
        !self.rows.is_empty()
    }

    /// The error for the rows that refer to no row.
    pub(super) fn error(&self) -> DatabaseError {
        violated(self.rows.keys())
    }
}

fn check(connection: &Connection, statement: &str) -> Result<Vec<Row>, Failure> {
    connection.fetch_all(statement, &[], |row| Ok((text_of(row, 0)?, row.get(1)?, text_of(row, 2)?)))
}

/// Whether SQLite says that a foreign key refers to no key. The error has no code of its own.
fn is_mismatch(failure: &Failure) -> bool {
    failure.message.contains("foreign key mismatch")
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
