//! A second connection that reads a table while the first one writes. In WAL mode it sees the state before the open
//! transaction, so it sees the same rows where that transaction has changed none of them.
//! `docs/design/0027-sqlite-read-ahead.md` explains why and where this is safe.

use std::path::Path;

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::raw::Failure;
use super::transaction::Transaction;
use crate::database::{
    DatabaseError, DatabaseErrorKind, Role, TableIdentity, TableName, TableSource, TableTarget, WriteMode,
};

/// Pages that the reading connection keeps in memory, in KiB: a scan needs each leaf once, and the few pages above it often.
const CACHE_KIB: u32 = 1_024;

/// An ordinary table of the file.
struct PlainTable {
    /// Its name in lower case.
    name: String,
    /// How it was created.
    sql: String,
}

impl SqliteDatabase {
    pub(super) fn others_see_now(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Option<TableIdentity>, DatabaseError> {
        // A condition may read other tables.
        if self.transaction.is_none() || self.path.is_none() || source.filter.is_some() {
            return Ok(None);
        }
        let _host = self.guard.as_host();
        self.seen_by_others(source, target).map_err(|failure| from_failure(&failure))
    }

    fn seen_by_others(&mut self, source: &TableSource, target: &TableTarget) -> Result<Option<TableIdentity>, Failure> {
        let Some(to) = self.plain_table(&target.table)? else { return Ok(None) };
        if !self.changes_nothing_else(&to, target.mode)? {
            return Ok(None);
        }
        let changes = self.connection.total_changes();
        let Some(transaction) = &mut self.transaction else { return Ok(None) };
        let written = &mut transaction.written;
        written.plain = Some((target.table.clone(), to.name.clone()));
        // Rows that were changed by a statement: any table may be theirs.
        if changes != written.known {
            return Ok(None);
        }
        let tables = written.tables.clone();
        let Some(from) = self.plain_table(&source.table)? else { return Ok(None) };
        if tables.contains(&from.name) || from.name == to.name && !self.writes_only_what_was_read(source, target)? {
            return Ok(None);
        }
        self.identity(&source.table)
    }

    /// The table, if it is an ordinary one of the file: not a view, virtual, temporary, attached or SQLite's own.
    fn plain_table(&self, table: &TableName) -> Result<Option<PlainTable>, Failure> {
        let is_guest = self.guard.rights() == Role::Component;
        let listed = self.find_table(table, is_guest)?;
        let name = table.name.to_ascii_lowercase();
        if listed.is_none_or(|it| it.schema != "main" || it.kind != "table") || name.starts_with("sqlite_") {
            return Ok(None);
        }
        let mut sql = None;
        let find = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = lower({name})";
        self.connection.each_row(&find.replace("{name}", &literal(&name)), |row| {
            sql = Some(text_of(row, 0)?);
            Ok(())
        })?;
        Ok(sql.map(|sql| PlainTable { name, sql }))
    }

    /// Whether writing to a table changes the addressed rows alone: no triggers, no foreign-key actions, and no conflict clause
    /// that deletes other rows.
    fn changes_nothing_else(&self, table: &PlainTable, mode: WriteMode) -> Result<bool, Failure> {
        if table.sql.to_ascii_uppercase().contains("REPLACE") {
            return Ok(false);
        }
        let acts = match mode {
            WriteMode::Insert => "0",
            WriteMode::Update | WriteMode::Upsert => "f.on_update NOT IN ('NO ACTION', 'RESTRICT')",
            WriteMode::Delete => "f.on_delete NOT IN ('NO ACTION', 'RESTRICT')",
        };
        let name = literal(&table.name);
        let mut found = false;
        self.connection.each_row(
            &format!(
                "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower({name}) \
                 UNION ALL SELECT 1 FROM temp.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower({name}) \
                 UNION ALL SELECT 1 FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') f \
                 WHERE s.type = 'table' AND lower(f.\"table\") = lower({name}) AND {acts} LIMIT 1"
            ),
            |_| {
                found = true;
                Ok(())
            },
        )?;
        Ok(!found)
    }

    /// Whether a transform that writes to the table that it reads can change no row that is still to be read: it updates or
    /// deletes by a key that it was given, and cannot change a row's place in the order.
    fn writes_only_what_was_read(&self, source: &TableSource, target: &TableTarget) -> Result<bool, Failure> {
        let is_guest = self.guard.rights() == Role::Component;
        let Some(table) = self.read_table(&source.table, is_guest)? else { return Ok(false) };
        let Ok(key) = table.info.write_key(target) else { return Ok(false) };
        let named = |name: &String| table.info.known_column(name).ok();
        let order: Option<Vec<String>> =
            if source.key.is_empty() { Some(table.info.key.clone()) } else { source.key.iter().map(named).collect() };
        let columns: Option<Vec<String>> = source.columns.iter().map(|(name, _)| named(name)).collect();
        let (Some(order), Some(columns)) = (order, columns) else { return Ok(false) };
        let is_read = |name: &String| columns.is_empty() || columns.contains(name) || order.contains(name);
        let by_key = matches!(target.mode, WriteMode::Update | WriteMode::Delete);
        Ok(by_key && key.iter().all(is_read) && order.iter().all(|name| key.contains(name)))
    }

    /// What has to be equal on two connections so that the name means the same table, as it was before any uncommitted change:
    /// the file, in WAL mode, and the version of its schema. None: it is no ordinary table of a file in WAL mode.
    fn identity(&self, table: &TableName) -> Result<Option<TableIdentity>, Failure> {
        let Some(plain) = self.plain_table(table)? else { return Ok(None) };
        let Some(file) = self.path.as_deref().and_then(file_id) else { return Ok(None) };
        let (mut mode, mut version) = (String::new(), 0);
        self.connection.each_row("PRAGMA main.journal_mode", |row| text_of(row, 0).map(|found| mode = found))?;
        self.connection.each_row("PRAGMA main.schema_version", |row| row.get(0).map(|found: i64| version = found))?;
        // Last, so that the file that was looked at is the one that is open.
        if mode != "wal" || self.connection.has_moved() {
            return Ok(None);
        }
        Ok(Some(TableIdentity(format!("{file} {version} {}", plain.name))))
    }

    pub(super) fn begin_reading_now(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError> {
        if self.transaction.is_some() {
            return Err(DatabaseError::in_transaction());
        }
        self.guard.check_stop()?;
        let found = {
            let _host = self.guard.as_host_that_stops();
            let begin = format!("PRAGMA cache_size = -{CACHE_KIB}; PRAGMA query_only = ON; BEGIN");
            self.connection.run(&begin).and_then(|()| self.identity(table))
        };
        self.transaction = Some(Transaction::reading(&self.connection));
        self.guard.set_transaction(true);
        let error = match found {
            Ok(Some(found)) if found == *is => return Ok(()),
            Ok(_) => {
                DatabaseError::new(DatabaseErrorKind::Other, format!("`{table}` is another table on this connection"))
            }
            Err(failure) => self.guard.or_stopped(from_failure(&failure)),
        };
        self.rollback_now()?;
        Err(error)
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What tells a file from every other that exists, whatever path leads to it.
#[cfg(unix)]
fn file_id(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    // Opening and closing it would release SQLite's locks.
    let found = std::fs::metadata(path).ok()?;
    Some(format!("{}:{}", found.dev(), found.ino()))
}

/// A file that SQLite has opened can be neither renamed nor removed.
#[cfg(not(unix))]
fn file_id(path: &Path) -> Option<String> {
    std::fs::canonicalize(path).ok().map(|path| path.display().to_string())
}
