//! Cursors.
//!
//! The servers send a result in full, and the connection can do nothing else until it has been read; the driver
//! does not support server-side cursors. So the result of a SELECT is kept in a temporary table with a number for
//! each row, and read from there in parts, each by a statement that is read to its end and begins after the last
//! number. Pages of tables are read in the same way (see `page`).
//!
//! Numbers only increase: how far apart they are is up to `auto_increment_increment`, which Galera sets to the number
//! of nodes. While the table is created, `sql_mode` is lenient, so that a zero date is kept as a plain SELECT would
//! return it; truncation is still an error. It needs the right `CREATE TEMPORARY TABLES`. What is too wide for a table,
//! and what a component under grants reads, is held in memory, up to 32 MiB. A second connection would not see what the
//! transaction has written.

use std::collections::VecDeque;

use futures_util::TryStreamExt as _;
use sqlx::mysql::{MySqlColumn, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Row as _};

use super::cursor_batch::Filling;
use super::error::from_sqlx;
use super::statement::{Prepared, cell};
use super::types_read::Wire;
use super::{MysqlDatabase, session};
use runner_data::{Batch, ColumnType, Value};
use runner_database::read::{duplicate_column, not_a_query};
use runner_database::{BatchLimits, CursorId, CursorRequest, DatabaseError, DatabaseErrorKind, Dialect, PageRequest};

/// Rows of the first part of a result whose width is unknown. At 16 MiB a row, the most that a cell may have, the
/// part is still read in seconds; at 100 bytes a row it takes almost no time.
pub(super) const FIRST_PART: usize = 512;

/// The most bytes of a result that is held as a whole: a small part of what the process may use in addition to the
/// guest's memory.
const HELD_BYTES: usize = 32 << 20;

/// What a held row takes in addition to its bytes, and what each of its cells does: the driver keeps them as ranges.
const HELD_ROW: usize = 160;
const HELD_CELL: usize = 32;

/// The column of a cursor's temporary table that numbers its rows.
const NUMBER: &str = "runner_row_number";

/// Errors of columns that are too many for a table, or declared with more bytes than a row of one has.
const TOO_WIDE: [&str; 2] = ["1117", "1118"];

/// Modes that turn what a plain SELECT returns into an error.
const STRICT_MODES: [&str; 6] = [
    "STRICT_TRANS_TABLES",
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "TRADITIONAL",
];

/// A result that is read in parts.
pub(super) struct Cursor {
    pub source: RowSource,
    pub columns: Vec<CursorColumn>,
    /// Rows to request at a time.
    pub part: usize,
}

/// Where the rows come from.
pub(super) enum RowSource {
    /// A page of a table: its SELECT without the limit, its length, and the locking clause.
    Page { select: String, parameters: Vec<Value>, limit: usize, locks: &'static str },
    /// The temporary table with this name, quoted, and the number of the last row that was delivered. Numbers only
    /// increase: how far apart they are is up to `auto_increment_increment`.
    Kept { table: String, last: u64 },
    /// The rows themselves.
    Held(VecDeque<MySqlRow>),
}

pub(super) struct CursorColumn {
    pub name: String,
    pub wire: Wire,
    pub column_type: ColumnType,
    pub requested: bool,
    pub type_name: String,
}

impl MysqlDatabase {
    pub(super) async fn open_cursor_now(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        let asked = self.before(&request.statement).await?;
        let answer = self.start(request).await;
        let cursor = self.after(asked, answer).await?;
        Ok(self.opened.add_cursor(cursor))
    }

    async fn start(&mut self, request: &CursorRequest) -> Result<Cursor, DatabaseError> {
        let columns = self.describe(&request.statement, &request.parameters, &request.types).await?;
        let (statement, parameters) = (request.statement.as_str(), request.parameters.as_slice());
        let source = if self.is_gated() {
            // It may create no temporary tables, since one could shadow a table of runner's.
            self.hold_rows(statement, parameters, "of a component under grants").await?
        } else {
            match self.keep(statement, parameters).await {
                Err(error) if TOO_WIDE.contains(&error.code.as_str()) => {
                    self.hold_rows(
                        statement,
                        parameters,
                        "whose columns are too many or too wide for a temporary table",
                    )
                    .await?
                }
                kept => kept?,
            }
        };
        Ok(Cursor { source, columns, part: FIRST_PART })
    }

    /// Lets the server describe a statement that is to be read as batches.
    pub(super) async fn describe(
        &mut self,
        statement: &str,
        parameters: &[Value],
        types: &[Option<ColumnType>],
    ) -> Result<Vec<CursorColumn>, DatabaseError> {
        let prepared = self.prepare(statement, parameters.len()).await?;
        let word = runner_sql::identifiers(statement, self.server.facts.dialect).into_iter().next();
        let reads = word.is_some_and(|word| {
            ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|reading| reading.eq_ignore_ascii_case(&word))
        });
        if prepared.columns.is_empty() || !reads {
            return Err(not_a_query());
        }
        cursor_columns(&prepared, types)
    }

    /// Runs a SELECT into a temporary table.
    pub(super) async fn keep(&mut self, statement: &str, parameters: &[Value]) -> Result<RowSource, DatabaseError> {
        self.drop_kept().await?;
        let number = self.opened.next_id();
        let table = Dialect::Mysql.quote(&format!("runner_cursor_{number}"));
        // What a SELECT returns, such as a zero date or NULL for a division by zero, is kept unchanged.
        let modes = self.connection.change_modes(|modes| modes.retain(|mode| !STRICT_MODES.contains(mode))).await?;
        // The line break ends a comment at the end of the statement.
        let statement = statement.trim_end().trim_end_matches(';');
        let text = format!(
            "CREATE TEMPORARY TABLE {table} ({NUMBER} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE = InnoDB \
             AS {statement}\n"
        );
        let made = self.make_kept(&text, parameters).await;
        self.connection.undo(modes).await?;
        made.map_err(|error| match error.code.as_str() {
            "1044" => error.hint("the user needs the privilege `CREATE TEMPORARY TABLES` to read a SELECT as batches"),
            _ => error,
        })?;
        self.kept.push(table.clone());
        self.guard.temporary.push(table.clone());
        Ok(RowSource::Kept { table, last: 0 })
    }

    async fn make_kept(&mut self, text: &str, parameters: &[Value]) -> Result<(), DatabaseError> {
        let arguments = self.arguments(parameters).await?;
        let connection = self.connection.of_guests()?;
        let query = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments).persistent(false);
        self.watch.clone().over(async { query.execute(&mut *connection).await.map_err(from_sqlx) }).await?;
        self.refuse_loss("the result").await
    }

    /// Runs a SELECT and holds its rows. `which`: the SELECT, for an error.
    async fn hold_rows(
        &mut self,
        statement: &str,
        parameters: &[Value],
        which: &str,
    ) -> Result<RowSource, DatabaseError> {
        let arguments = self.arguments(parameters).await?;
        let (connection, meter) = (self.connection.of_guests()?, &self.watch.meter);
        let query = sqlx::query_with(AssertSqlSafe(statement.to_owned()), arguments).persistent(false);
        let work = async {
            let (mut held, mut bytes) = (VecDeque::new(), 0_usize);
            let mut rows = meter.rows(query.fetch(&mut *connection));
            while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
                // The connection has to reach the end of the answer.
                let cells: usize = (0..row.len()).map(|at| HELD_CELL + cell(&row, at).map_or(0, <[u8]>::len)).sum();
                bytes = bytes.saturating_add(HELD_ROW + cells);
                if bytes <= HELD_BYTES {
                    held.push_back(row);
                } else {
                    held.clear();
                }
            }
            Ok((held, bytes))
        };
        let (held, bytes) = self.watch.clone().over(work).await?;
        if bytes > HELD_BYTES {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Limit,
                format!("the result has {bytes} bytes, and at most {HELD_BYTES} are read from a SELECT {which}"),
            )
            .hint("read a table by its key, which has no limit, or select less"));
        }
        Ok(RowSource::Held(held))
    }

    /// Drops the temporary tables of closed cursors.
    pub(super) async fn drop_kept(&mut self) -> Result<(), DatabaseError> {
        let used = |table: &String| {
            self.opened
                .cursors()
                .any(|cursor| matches!(&cursor.source, RowSource::Kept { table: other, .. } if other == table))
        };
        let (kept, unused): (Vec<_>, Vec<_>) = std::mem::take(&mut self.kept).into_iter().partition(used);
        self.kept = kept;
        if unused.is_empty() {
            return Ok(());
        }
        self.guard.temporary.retain(|table| !unused.contains(table));
        let statement = format!("DROP TEMPORARY TABLE IF EXISTS {}", unused.join(", "));
        session::run(&mut self.connection, statement).await.map(|_| ())
    }

    pub(super) async fn fetch_now(
        &mut self,
        id: CursorId,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, DatabaseError> {
        self.watch.check_stop()?;
        let Some(mut cursor) = self.opened.take_cursor(id)? else { return Ok(None) };
        let batch = self.fill(&mut cursor, None, limits).await;
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                // Where the connection is lost, so are they.
                let _ = self.drop_kept().await;
                return Err(error);
            }
        };
        if batch.row_count > 0 {
            self.opened.put_cursor(id, cursor);
            return Ok(Some(batch));
        }
        self.opened.end_cursor(id);
        self.drop_kept().await?;
        Ok(None)
    }

    pub(super) async fn close_cursor_now(&mut self, id: CursorId) -> Result<(), DatabaseError> {
        self.opened.close_cursor(id);
        if self.kept.is_empty() { Ok(()) } else { self.drop_kept().await }
    }

    /// Returns the next batch of a cursor; an empty batch is the end. Where a batch ends depends only on the rows and
    /// the limits, not on the number of parts: a migration that runs again must receive the same batches.
    pub(super) async fn fill(
        &mut self,
        cursor: &mut Cursor,
        page: Option<&PageRequest>,
        limits: BatchLimits,
    ) -> Result<Batch, DatabaseError> {
        let mut part = cursor.part.min(limits.rows).max(1);
        let mut filling = Filling::new(cursor, page, limits, part);
        if let RowSource::Held(rows) = &mut cursor.source {
            let mut rows = std::mem::take(rows);
            while !filling.is_full() && filling.problem.is_none() {
                let Some(row) = rows.pop_front() else { break };
                filling.push(cursor, &row);
            }
            cursor.source = RowSource::Held(rows);
            return cursor.take(filling, part);
        }
        loop {
            let before = filling.rows;
            let asked = self.read_part(cursor, &mut filling, part).await?;
            if filling.problem.is_some() || filling.is_full() || filling.rows - before < asked || asked == 0 {
                break;
            }
            part = filling.fitting(limits.bytes.saturating_sub(filling.bytes), part).min(limits.rows - filling.rows);
        }
        cursor.take(filling, part)
    }

    /// Returns the page that a cursor reads, from a single statement: between two, other transactions could insert or delete rows and
    /// shift the ones that follow. A part that turns out to be too short is read again, longer.
    pub(super) async fn fill_at_once(
        &mut self,
        cursor: &mut Cursor,
        page: &PageRequest,
    ) -> Result<Batch, DatabaseError> {
        let limits = page.limits;
        // Rows differ in width: some more than the last page had.
        let mut part = (cursor.part + cursor.part / 8).min(limits.rows).max(1);
        loop {
            let mut filling = Filling::new(cursor, Some(page), limits, part);
            let asked = self.read_part(cursor, &mut filling, part).await?;
            if filling.problem.is_some() || filling.is_full() || filling.rows < asked || asked == 0 {
                return cursor.take(filling, part);
            }
            part = filling.fitting(limits.bytes, part).max(part.saturating_mul(2)).min(limits.rows);
        }
    }

    /// Reads the next rows of a cursor into a batch, after those that the batch has. Returns how many it asked for.
    async fn read_part(
        &mut self,
        cursor: &Cursor,
        filling: &mut Filling<'_>,
        rows: usize,
    ) -> Result<usize, DatabaseError> {
        let (text, parameters, asked) = cursor.part_sql(rows, filling);
        if asked == 0 {
            return Ok(0);
        }
        let arguments = self.arguments(parameters).await?;
        let (connection, meter) = (self.connection.of_guests()?, &self.watch.meter);
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let _allowed = meter.allow(filling.row_bytes());
        let work = async {
            let mut rows = meter.rows(query.fetch(&mut *connection));
            while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
                filling.push(cursor, &row);
            }
            Ok(())
        };
        self.watch.clone().over(work).await?;
        Ok(asked)
    }
}

fn cursor_columns(prepared: &Prepared, types: &[Option<ColumnType>]) -> Result<Vec<CursorColumn>, DatabaseError> {
    let mut columns: Vec<CursorColumn> = Vec::with_capacity(prepared.columns.len());
    for (index, (column, wire)) in prepared.columns.iter().zip(&prepared.wires).enumerate() {
        let name = column.name().to_owned();
        if columns.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
            return Err(duplicate_column(&name));
        }
        let requested = types.get(index).copied().flatten();
        columns.push(CursorColumn {
            name,
            wire: *wire,
            column_type: requested.unwrap_or_else(|| wire.column_type()),
            requested: requested.is_some(),
            type_name: type_name(column, *wire),
        });
    }
    Ok(columns)
}

fn type_name(column: &MySqlColumn, wire: Wire) -> String {
    use sqlx::TypeInfo as _;
    if wire == Wire::Native { "inet".to_owned() } else { column.type_info().name().to_ascii_lowercase() }
}

impl Cursor {
    /// The statement that reads the next `rows` rows after those already in the batch, and the most rows it requests.
    fn part_sql(&self, rows: usize, filling: &Filling<'_>) -> (String, &[Value], usize) {
        match &self.source {
            RowSource::Page { select, parameters, limit, locks } => {
                let delivered = filling.rows;
                let rows = rows.min(limit.saturating_sub(delivered));
                let offset = if delivered == 0 { String::new() } else { format!(" OFFSET {delivered}") };
                (format!("{select} LIMIT {rows}{offset}{locks}"), parameters, rows)
            }
            RowSource::Kept { table, last } => {
                let columns: Vec<String> =
                    self.columns.iter().map(|column| Dialect::Mysql.quote(&column.name)).collect();
                let text = format!(
                    "SELECT {}, {NUMBER} FROM {table} WHERE {NUMBER} > {} ORDER BY {NUMBER} LIMIT {rows}",
                    columns.join(", "),
                    filling.last_number.unwrap_or(*last)
                );
                (text, &[], rows)
            }
            RowSource::Held(_) => (String::new(), &[], 0),
        }
    }

    /// Ends a batch, which requested `part` rows at last.
    fn take(&mut self, filling: Filling<'_>, part: usize) -> Result<Batch, DatabaseError> {
        if filling.rows > 0 {
            // As many rows as fit into this batch's byte limit.
            self.part = filling.fitting_all(part.max(filling.rows)).max(1);
        }
        let number = filling.last_number;
        let (batch, problem) = filling.finish(self);
        if let Some(error) = problem {
            return Err(error);
        }
        if let (RowSource::Kept { last, .. }, Some(number)) = (&mut self.source, number) {
            *last = number;
        }
        Ok(batch)
    }
}
