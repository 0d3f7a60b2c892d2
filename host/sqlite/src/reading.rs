//! A second connection that reads a table while the first one writes. In WAL mode it sees the state before the open
//! transaction, so it sees the same rows where that transaction has changed none of them.
//! This says where that is so.
//!
//! An update of 1,000,000 rows took 1.1 to 1.3 times as long as one `UPDATE`, all of it by one thread. In WAL mode
//! readers and the writer do not block each other, and the migration holds the write lock from its first statement: no
//! other connection commits meanwhile, so whatever moment the second connection takes for its snapshot is the state in
//! which the transaction began. It is used where all of this holds; if anything is in doubt, the migration's connection
//! reads:
//!
//! * The same file: device and inode of the path, and SQLite's own check that the path still leads to the open file.
//!   The file is only examined with `stat`, since to open and close it would release SQLite's locks.
//! * WAL mode on both. With a rollback journal the writer needs the file for itself once its cache is full, and the two
//!   would wait for each other.
//! * The same version of the schema in the file's header: one uncommitted change of a definition makes them differ.
//! * No row changed before. SQLite has no locks on tables to ask for, but it counts the rows that a connection has
//!   changed, by triggers and foreign keys too. The count may only have grown by writers of earlier transforms, whose
//!   tables are known, and the source may not be one of them.
//! * Writing changes nothing that is still to be read: an ordinary target without triggers, `REPLACE`, or references
//!   whose action this kind of write would cause. Where it is the source, rows are changed by a key that was read, on
//!   which the order depends alone.
//! * The source is an ordinary table of the file, without a filter.
//!
//! It may only read (`query_only`), keeps 1 MiB of pages, is at most two chunks ahead, and is closed before the
//! transform returns, so that the checkpoint at the commit finds no reader. Opening it takes less than a millisecond,
//! so it is opened after the first chunk. Stepwise transforms use one connection: others write between their chunks.
//!
//! Rejected: `data_version` as the proof, which shows the commits of others and not the transaction itself; snapshots
//! of SQLite, which are not compiled in; the update hook, which is not called for tables without a row id; a shared
//! cache, which has locks on tables and one mutex for both.

use std::path::Path;

use super::SqliteDatabase;
use super::error::{from_failure, text_of};
use super::raw::Failure;
use super::transaction::Transaction;
use runner_database::{
    DatabaseError, DatabaseErrorKind, Dialect, ReadingAhead, Role, TableIdentity, TableName, TableSource, TableTarget,
    WriteMode,
};
use runner_sql::reads_its_row;

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
    pub(super) fn reading_ahead_now(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, DatabaseError> {
        if self.transaction.is_none() {
            return Ok(ReadingAhead::default());
        }
        let _host = self.guard.as_host();
        self.may_read_ahead(source, target).map_err(|failure| from_failure(&failure))
    }

    fn may_read_ahead(&mut self, source: &TableSource, target: &TableTarget) -> Result<ReadingAhead, Failure> {
        let no = ReadingAhead::default();
        let Some(to) = self.plain_table(&target.table)? else { return Ok(no) };
        if !self.changes_nothing_else(&to, target.mode)? {
            return Ok(no);
        }
        let changes = self.connection.total_changes();
        let Some(transaction) = &mut self.transaction else { return Ok(no) };
        let written = &mut transaction.written;
        written.plain = Some((target.table.clone(), to.name.clone()));
        let (known, tables) = (written.known, written.tables.clone());
        let Some(from) = self.plain_table(&source.table)? else { return Ok(no) };
        let is_alone = source.filter.as_ref().is_none_or(|filter| reads_its_row(filter, Dialect::Sqlite));
        if !is_alone || from.name == to.name && !target.changes_only_what_was_read(source) {
            return Ok(no);
        }
        // Rows that were changed by a statement: any table may be theirs. A condition may depend on this connection.
        let are_seen = changes == known && !tables.contains(&from.name) && source.filter.is_none();
        let elsewhere = if are_seen { self.identity(&source.table)? } else { None };
        Ok(ReadingAhead { here: true, elsewhere })
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
        let find = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)";
        self.connection.each_row(find, &[&name], |row| {
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
        let mut found = false;
        self.connection.each_row(
            &format!(
                "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) \
                 UNION ALL SELECT 1 FROM temp.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) \
                 UNION ALL SELECT 1 FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') f \
                 WHERE s.type = 'table' AND lower(f.\"table\") = lower(?1) AND {acts} LIMIT 1"
            ),
            &[&table.name],
            |_| {
                found = true;
                Ok(())
            },
        )?;
        Ok(!found)
    }

    /// What has to be equal on two connections so that the name means the same table, as it was before any uncommitted change:
    /// the file, in WAL mode, and the version of its schema. None: it is no ordinary table of a file in WAL mode.
    fn identity(&self, table: &TableName) -> Result<Option<TableIdentity>, Failure> {
        let Some(plain) = self.plain_table(table)? else { return Ok(None) };
        let Some(file) = self.path.as_deref().and_then(file_id) else { return Ok(None) };
        let (mut mode, mut version) = (String::new(), 0);
        self.connection.each_row("PRAGMA main.journal_mode", &[], |row| text_of(row, 0).map(|found| mode = found))?;
        self.connection
            .each_row("PRAGMA main.schema_version", &[], |row| row.get(0).map(|found: i64| version = found))?;
        // Last, so that the file that was checked is the one that is open.
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
            self.connection.begin(&begin).and_then(|()| self.identity(table))
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

/// What distinguishes a file from every other that exists, whatever path leads to it.
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
