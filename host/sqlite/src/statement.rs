//! Statements with parameters: prepared once, bound, and run to their end.

use super::error::from_statement;
use super::raw::{Failure, Statement, Step};
use super::{SqliteDatabase, bind, nesting, types_read};
use runner_data::{RowSet, Value};
use runner_database::{DatabaseError, DatabaseErrorKind, QueryLimits, Role};
use runner_sql::BOM;

/// Prepared statements that are kept for reuse.
const CACHED: usize = 64;

/// Prepared statements, the most recently used last.
#[derive(Default)]
pub(super) struct Cache {
    entries: Vec<(Key, Statement)>,
}

/// A statement is authorized for one role in one state of the transaction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    rights: Role,
    transaction: bool,
    text: String,
}

impl Cache {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    fn take(&mut self, key: &Key) -> Option<Statement> {
        let at = self.entries.iter().position(|(other, _)| other == key)?;
        Some(self.entries.remove(at).1)
    }

    fn keep(&mut self, key: Key, statement: Statement) {
        if self.entries.len() >= CACHED {
            self.entries.remove(0);
        }
        self.entries.push((key, statement));
    }
}

impl SqliteDatabase {
    pub(super) fn execute_now(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
        let (key, mut prepared) = self.prepare_cached(statement)?;
        let mut active = prepared.activate(&self.connection);
        bind::bind_all(&mut active, parameters).map_err(|error| error.or(|failure| self.failed(failure, statement)))?;
        let before = self.connection.total_changes();
        loop {
            match active.step() {
                Ok(Step::Row) => {}
                Ok(Step::Done) => break,
                Err(failure) => return Err(self.failed(&failure, statement)),
            }
        }
        // Statements other than INSERT, UPDATE and DELETE do not reset the count of the one before.
        let changed = self.connection.total_changes() != before;
        let rows = if changed { self.connection.changes() } else { 0 };
        active.release();
        self.cache.keep(key, prepared);
        Ok(rows)
    }

    pub(super) fn query_now(
        &mut self,
        statement: &str,
        parameters: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let (key, mut prepared) = self.prepare_cached(statement)?;
        let mut active = prepared.activate(&self.connection);
        bind::bind_all(&mut active, parameters).map_err(|error| error.or(|failure| self.failed(failure, statement)))?;
        let width = active.column_count();
        let columns: Vec<String> = (0..width).map(|column| active.column_name(column)).collect();
        let declared: Vec<_> = (0..width).map(|column| types_read::declared(&active, column)).collect();
        let mut rows = Vec::new();
        let mut bytes = 0usize;
        loop {
            match active.step() {
                Ok(Step::Row) => {}
                Ok(Step::Done) => break,
                Err(failure) => return Err(self.failed(&failure, statement)),
            }
            if rows.len() >= limits.rows {
                return Err(too_much(format!("the result has more than {} rows", limits.rows)));
            }
            let mut row = Vec::with_capacity(width);
            for (column, declared) in declared.iter().enumerate() {
                bytes = bytes.saturating_add(active.cell_bytes(column).max(8));
                if bytes > limits.bytes {
                    return Err(too_much(format!("the result has more than {} bytes", limits.bytes)));
                }
                let cell = active.cell(column);
                row.push(types_read::value(cell, *declared).map_err(|what| {
                    DatabaseError::new(DatabaseErrorKind::Conversion, format!("column `{}`: {what}", columns[column]))
                })?);
            }
            active.check_cells().map_err(|failure| self.failed(&failure, statement))?;
            rows.push(row);
        }
        active.release();
        self.cache.keep(key, prepared);
        Ok(RowSet { columns, rows })
    }

    fn prepare_cached(&mut self, statement: &str) -> Result<(Key, Statement), DatabaseError> {
        self.guard.check_stop()?;
        if let Some(transaction) = &mut self.transaction {
            // It may be a temporary trigger, for example.
            transaction.written.plain = None;
        }
        let key =
            Key { rights: self.guard.rights(), transaction: self.guard.transaction(), text: statement.to_owned() };
        let prepared = match self.cache.take(&key) {
            Some(prepared) => {
                self.guard.expect(statement);
                prepared
            }
            None => self.prepare_one(statement)?,
        };
        Ok((key, prepared))
    }

    /// Prepares the one statement of a text.
    pub(super) fn prepare_one(&mut self, statement: &str) -> Result<Statement, DatabaseError> {
        nesting::check(statement)?;
        self.guard.expect(statement);
        let prepared = self.connection.prepare(statement, true).map_err(|failure| self.failed(&failure, statement))?;
        let Some(prepared) = prepared else {
            return Err(DatabaseError::no_statement());
        };
        let tail = &statement.as_bytes()[prepared.end..];
        if let Some(at) = something_else(tail) {
            let rest: String = String::from_utf8_lossy(&tail[at..]).chars().take(40).collect();
            return Err(DatabaseError::new(
                DatabaseErrorKind::Syntax,
                "only one statement per call, but there is more text after it",
            )
            .detail(format!("at `{}`", rest.trim_end()))
            .hint("run each statement in a call of its own"));
        }
        Ok(prepared.statement)
    }

    /// The error of a statement: a refusal of the authorizer, the stop signal, or SQLite's own.
    pub(super) fn failed(&self, failure: &Failure, statement: &str) -> DatabaseError {
        // SQLite's messages and codes for a refusal vary and never give the reason.
        if let Some(denied) = self.guard.denied() {
            return denied;
        }
        self.guard.or_stopped(from_statement(failure, statement))
    }
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}

/// Where the text contains something other than white space, comments and semicolons.
pub(super) fn something_else(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        match &text[at..] {
            [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b';', ..] => at += 1,
            rest if rest.starts_with(BOM) => at += BOM.len(),
            [b'-', b'-', rest @ ..] => at += 2 + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            [b'/', b'*', rest @ ..] => {
                at += 2 + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2);
            }
            _ => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::something_else;

    #[test]
    fn a_tail_may_hold_comments_only() {
        for harmless in ["", " \r\n;; ", "-- done", "/* a */ -- b\n ;", "/* open", "; \u{feff}\u{feff}--"] {
            assert_eq!(something_else(harmless.as_bytes()), None, "{harmless:?}");
        }
        for (tail, at) in
            [("SELECT 1", 0), (" ; DROP TABLE t", 3), ("-- a\nx", 5), ("/* a */x", 7), ("- 1", 0), (" \u{feff}x", 4)]
        {
            assert_eq!(something_else(tail.as_bytes()), Some(at), "{tail:?}");
        }
    }
}
