//! Writers: batches into a table, by key.
//!
//! A batch is sent with one parameter per column (see `packed`), in one statement: an UPDATE or DELETE over a
//! range of integer keys where possible, else a join with the keys. A statement that fails because of a row has
//! changed nothing; it is retried with each half of the rows until the row is found.
//!
//! Strict mode still rounds and truncates, so a value that would change is refused before it is sent, and warnings are
//! counted after each statement. The driver announces `CLIENT_FOUND_ROWS`: an UPDATE reports how many rows it found,
//! and a key that is missing, matches several rows or occurs twice is searched for and named. `at row 17` is not relied
//! on, since the server counts other rows in a join. An upsert is an UPDATE and an INSERT of the keys that do not
//! exist: `ON DUPLICATE KEY UPDATE` would change another row where another unique key conflicts. On tables without
//! transactions (MyISAM) a failed statement keeps its changes, and the named row may be wrong.

use std::ops::Range;

use super::job::{Job, Part, Writer};
use super::write_check::{refuse_loss_in, run_built};
use super::write_sql::{BoundStatement, MOST_ROWS, WriteSql};
use crate::error::{DUPLICATE, Result, without_row};
use crate::link::Link;
use crate::schema::read_table;
use crate::types::write::encode;
use runner_data::Batch;
use runner_database::message::{TAKES_PART, takes_nothing_back};
use runner_database::write::is_a_view;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, TableName, TableTarget, WriteMode};

/// The most parameter bytes in one statement, even where the server accepts larger packets.
const STATEMENT_BYTES: usize = 16 << 20;

impl Writer {
    /// Opens a writer into a table.
    pub async fn open(link: &mut Link, target: &TableTarget) -> Result<Self> {
        let table = read_table(link, &target.table).await?;
        let name = &target.table;
        if table.info.is_view {
            return Err(is_a_view(name, ""));
        }
        if let Some(engine) = &table.lasting_engine {
            // What a batch has written would remain after a failure, and conflict with a retry.
            let table = takes_nothing_back(name, engine);
            return Err(DatabaseError::invalid(format!("no batches are written to {table}")).hint(TAKES_PART));
        }
        let key = table.info.write_key(target)?;
        let mut unique = false;
        if target.mode != WriteMode::Insert {
            let among = |name: &String| key.contains(name);
            unique = table.unique_keys.iter().any(|columns| columns.iter().all(among));
            if target.mode == WriteMode::Upsert && !unique {
                return Err(DatabaseError::invalid(format!(
                    "the key of an upsert into `{name}` must be unique and without NULLs: {}",
                    key.join(", ")
                ))
                .hint("name the columns of the primary key or of a unique index whose columns are NOT NULL"));
            }
        }
        Ok(Self { table, mode: target.mode, key, unique, sql: None, rows_written: 0 })
    }

    /// Writes a batch. After a failure the writer is of no more use.
    pub async fn write(&mut self, link: &mut Link, rows: &Batch) -> Result<u64> {
        if rows.row_count > 0 {
            let sql = match self.sql.take() {
                Some(sql) => sql,
                None => WriteSql::new(&self.table, self.mode, &self.key, rows)?,
            };
            sql.layout.check_columns(&self.table.info, rows)?;
            self.write_batch(link, &sql, rows).await?;
            self.sql = Some(sql);
        }
        let written = rows.row_count as u64;
        self.rows_written += written;
        Ok(written)
    }

    async fn write_batch(&self, link: &mut Link, sql: &WriteSql, rows: &Batch) -> Result<()> {
        let errors = self.errors(rows);
        let mut columns = Vec::with_capacity(rows.columns.len());
        for (column, kind) in rows.columns.iter().zip(&sql.kinds) {
            let encoded = encode(column, kind);
            columns.push(encoded.map_err(|unfit| errors.cannot_hold(&column.name, unfit.what, unfit.row))?);
        }
        let table = spelt(&self.table.info.name, link.facts());
        let job = Job { writer: self, sql, rows, columns: &columns, table };
        if link.server().null_is_now {
            job.check_timestamps()?;
        }
        if !job.assigns_zero() {
            return job.write_all(link).await;
        }
        let modes = link.work.change_modes(|modes| modes.push("NO_AUTO_VALUE_ON_ZERO")).await?;
        let written = job.write_all(link).await;
        written.and(link.work.undo(modes).await)
    }
}

impl Job<'_> {
    /// Writes the rows of a batch in as many statements as that takes.
    async fn write_all(&self, link: &mut Link) -> Result<()> {
        let (errors, rows) = (self.errors(), self.rows);
        let most = STATEMENT_BYTES.min(link.server().max_allowed_packet / 4 * 3);
        // The row ranges still to be written, the first last.
        let mut pending: Vec<Range<usize>> = std::iter::once(0..rows.row_count).collect();
        while let Some(rows) = pending.pop() {
            if rows.len() > 1 && (rows.len() > MOST_ROWS || self.byte_len(&rows) > most / 2) {
                halve(&mut pending, &rows);
                continue;
            }
            match self.write_rows(link, rows.clone(), most).await {
                Ok(()) => {}
                Err(Failure::Row(_)) if rows.len() > 1 => halve(&mut pending, &rows),
                Err(Failure::Row(error)) => return Err(error.detail(errors.row_name(rows.start))),
                Err(Failure::Batch(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes some rows in one statement, or in the two of an upsert.
    async fn write_rows(&self, link: &mut Link, rows: Range<usize>, most: usize) -> Result<(), Failure> {
        let (sql, table) = (self.sql, self.table.as_str());
        let mode = self.writer.mode;
        let range = match mode {
            WriteMode::Update | WriteMode::Delete => self.range(&rows).map_err(Failure::Batch)?,
            _ => None,
        };
        let packed = self.pack(&rows, range.as_ref(), link.dialect());
        let size = sql.bound_bytes(mode, &packed, range.is_some());
        let count = rows.len();
        let part = Part { rows, range, packed };
        if size > most && count > 1 {
            return Err(Failure::Row(DatabaseError::invalid("too many bytes for one statement".to_owned())));
        }
        // A packet that is too large would break the connection. The statement's text is sent separately.
        if size + 1024 > link.server().max_allowed_packet {
            let error = DatabaseError::new(
                DatabaseErrorKind::Limit,
                format!(
                    "a row takes {size} bytes, and the server takes {} in one packet",
                    link.server().max_allowed_packet
                ),
            )
            .hint("raise `max_allowed_packet` on the server");
            return Err(Failure::Row(error));
        }
        if mode == WriteMode::Delete || (mode == WriteMode::Update && !self.writer.unique) {
            self.check_found(link, &part).await.map_err(Failure::Batch)?;
        }
        let built = match (mode, &part.range) {
            (WriteMode::Insert, _) => sql.insert(table, &part.packed, count, false),
            (WriteMode::Upsert, _) if sql.layout.others.is_empty() => sql.insert(table, &part.packed, count, true),
            (WriteMode::Update, Some(range)) => sql.update_range(table, &part.packed, range),
            (WriteMode::Update | WriteMode::Upsert, _) => sql.update_keys(table, &part.packed, count),
            (WriteMode::Delete, Some(range)) => sql.delete_range(table, range),
            (WriteMode::Delete, None) => sql.delete_keys(table, &part.packed, count),
        };
        let changed = self.run_write(link, built).await?;
        match mode {
            WriteMode::Upsert if !sql.layout.others.is_empty() => {
                let inserted = match self.run_write(link, sql.insert(table, &part.packed, count, true)).await {
                    // In separate statements, the second of two rows with a new key would update the first.
                    Err(Failure::Row(error)) if error.code == DUPLICATE && count > 1 => {
                        let same = self.same_key(link, &part).await.map_err(Failure::Batch)?;
                        return Err(same.map_or(Failure::Row(error), Failure::Batch));
                    }
                    inserted => inserted?,
                };
                if changed + inserted != count as u64 {
                    return Err(Failure::Batch(self.not_all(link, &part).await));
                }
            }
            WriteMode::Update | WriteMode::Delete if changed != count as u64 => {
                return Err(Failure::Batch(self.not_all(link, &part).await));
            }
            _ => {}
        }
        Ok(())
    }

    async fn run_write(&self, link: &mut Link, built: Result<BoundStatement>) -> Result<u64, Failure> {
        let statement = built.map_err(Failure::Batch)?;
        let failed = |error| Failure::of(without_row(error));
        let changed = run_built(link, statement).await.map_err(failed)?;
        refuse_loss_in(link, &self.sql.layout.names).await.map_err(failed)?;
        Ok(changed)
    }
}

/// A table's name with the session's own database, whatever `USE` a script has run.
fn spelt(name: &TableName, facts: &Facts) -> String {
    let schema = name.schema.clone().or_else(|| facts.schema.clone());
    TableName { schema, name: name.name.clone() }.quoted(Dialect::Mysql)
}

/// Why rows were not written.
enum Failure {
    /// Because of one of them, which has to be found.
    Row(DatabaseError),
    /// Because of all of them, or of the server.
    Batch(DatabaseError),
}

impl Failure {
    fn of(error: DatabaseError) -> Self {
        match error.kind {
            // The server may have rolled back the transaction: what is written again would commit by itself.
            _ if error.is_transient() => Self::Batch(error),
            // A trigger's SIGNAL is of the kind `Other`.
            DatabaseErrorKind::Constraint | DatabaseErrorKind::Conversion | DatabaseErrorKind::Other => {
                Self::Row(error)
            }
            // The database, not the host, rejected an argument.
            DatabaseErrorKind::InvalidArgument if !error.code.is_empty() => Self::Row(error),
            _ => Self::Batch(error),
        }
    }
}

/// Pushes the two halves of some rows onto the stack, the first on top.
fn halve(pending: &mut Vec<Range<usize>>, rows: &Range<usize>) {
    let middle = rows.start + rows.len() / 2;
    pending.push(middle..rows.end);
    pending.push(rows.start..middle);
}
