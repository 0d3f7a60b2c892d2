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

use crate::error::text_of;
use crate::executor::Executor;
use crate::raw::{Connection, Failure};
use crate::schema::find_table;
use runner_database::{Dialect, ReadingAhead, TableIdentity, TableName, TableSource, TableTarget, WriteMode};
use runner_sql::{Tokens, reads_its_row};

/// Begins the transaction of the second connection. It keeps 1 MiB of pages: a scan needs each leaf once, and the few pages above it
/// often.
pub(super) const BEGIN: &str = "PRAGMA cache_size = -1024; PRAGMA query_only = ON; BEGIN";

/// What a transaction has written, as far as it is known table by table.
pub(super) struct Written {
    /// Of all rows that the connection ever changed, those that were changed before the transaction, or since by writers whose
    /// table is known.
    known: u64,
    /// The tables of those writers.
    tables: Vec<String>,
    /// The target of the next writer, and its table, if writing to it changes nothing else. Any other statement may change that.
    plain: Option<(TableName, String)>,
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

    /// A statement has run: it may have made a temporary trigger, for example.
    pub(super) fn note_statement(&mut self) {
        self.plain = None;
    }

    /// Whether a source can be read ahead of the writes to a target, and by what another connection finds it.
    pub(super) fn reading_ahead(
        &mut self,
        executor: &Executor,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<ReadingAhead, Failure> {
        let no = ReadingAhead::default();
        let Some(to) = plain_table(executor, &target.table)? else { return Ok(no) };
        if !changes_nothing_else(executor.connection(), &to, target.mode)? {
            return Ok(no);
        }
        self.plain = Some((target.table.clone(), to.name.clone()));
        let Some(from) = plain_table(executor, &source.table)? else { return Ok(no) };
        let is_alone = source.filter.as_ref().is_none_or(|filter| reads_its_row(&Tokens::new(filter, Dialect::Sqlite)));
        if !is_alone || from.name == to.name && !target.changes_only_what_was_read(source) {
            return Ok(no);
        }
        // Rows that were changed by a statement: any table may be theirs. A condition may depend on this connection.
        let are_seen = executor.connection().total_changes() == self.known
            && !self.tables.contains(&from.name)
            && source.filter.is_none();
        let elsewhere = if are_seen { identity(executor, &source.table)? } else { None };
        Ok(ReadingAhead { here: true, elsewhere })
    }
}

/// An ordinary table of the file.
struct PlainTable {
    /// Its name in lower case.
    name: String,
    /// How it was created.
    sql: String,
}

/// The table, if it is an ordinary one of the file: not a view, virtual, temporary, attached or SQLite's own.
fn plain_table(executor: &Executor, table: &TableName) -> Result<Option<PlainTable>, Failure> {
    let listed = find_table(executor, table)?;
    let name = table.name.to_ascii_lowercase();
    if listed.is_none_or(|it| it.schema != "main" || it.kind != "table") || name.starts_with("sqlite_") {
        return Ok(None);
    }
    let find = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = lower(?1)";
    let sql = executor.connection().fetch_optional(find, &[&name], |row| text_of(row, 0))?;
    Ok(sql.map(|sql| PlainTable { name, sql }))
}

/// Whether writing to a table changes the addressed rows alone: no triggers, no foreign-key actions, and no conflict clause
/// that deletes other rows.
fn changes_nothing_else(connection: &Connection, table: &PlainTable, mode: WriteMode) -> Result<bool, Failure> {
    if table.sql.to_ascii_uppercase().contains("REPLACE") {
        return Ok(false);
    }
    let acts = match mode {
        WriteMode::Insert => "0",
        WriteMode::Update | WriteMode::Upsert => "f.on_update NOT IN ('NO ACTION', 'RESTRICT')",
        WriteMode::Delete => "f.on_delete NOT IN ('NO ACTION', 'RESTRICT')",
    };
    let find = format!(
        "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) \
         UNION ALL SELECT 1 FROM temp.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) \
         UNION ALL SELECT 1 FROM main.sqlite_schema s, pragma_foreign_key_list(s.name, 'main') f \
         WHERE s.type = 'table' AND lower(f.\"table\") = lower(?1) AND {acts} LIMIT 1"
    );
    Ok(connection.fetch_optional(&find, &[&table.name], |_| Ok(()))?.is_none())
}

/// What has to be equal on two connections so that the name means the same table, as it was before any uncommitted change:
/// the file, in WAL mode, and the version of its schema. None: it is no ordinary table of a file in WAL mode.
pub(super) fn identity(executor: &Executor, table: &TableName) -> Result<Option<TableIdentity>, Failure> {
    let Some(plain) = plain_table(executor, table)? else { return Ok(None) };
    let Some(file) = executor.file().and_then(file_id) else { return Ok(None) };
    let connection = executor.connection();
    let mode = connection.fetch_optional("PRAGMA main.journal_mode", &[], |row| text_of(row, 0))?;
    let version: i64 = connection.fetch_optional("PRAGMA main.schema_version", &[], |row| row.get(0))?.unwrap_or(0);
    // Last, so that the file that was checked is the one that is open.
    if mode.as_deref() != Some("wal") || connection.has_moved() {
        return Ok(None);
    }
    Ok(Some(TableIdentity(format!("{file} {version} {}", plain.name))))
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
