//! Cursors.
//!
//! The servers send a result in full, and the connection can do nothing else until it has been read; the driver
//! does not support server-side cursors. So the result of a SELECT is kept in a temporary table with a number for
//! each row, and read from there in parts, each by a statement that is read to its end and begins after the last
//! number. Pages of tables are read in the same way .
//!
//! Numbers only increase: how far apart they are is up to `auto_increment_increment`, which Galera sets to the number
//! of nodes. While the table is created, `sql_mode` is lenient, so that a zero date is kept as a plain SELECT would
//! return it; truncation is still an error. It needs the right `CREATE TEMPORARY TABLES`. What is too wide for a table,
//! and what a component under grants reads, is held in memory, up to 32 MiB. A second connection would not see what the
//! transaction has written.
//!
//! # Pages of tables
//!
//! A page has its own order and `LIMIT`, so it is read directly, in smaller parts until it is known
//! how many rows fill a batch. A page that locks its rows, or that is read where each statement sees what others have just committed,
//! is a single SELECT.
//!
//! First 512 rows are asked for, then as many as fill a batch at the width of the previous part: rows of 20 kB cross
//! the wire 1.1 times, not eight times. A page of one statement asks for an eighth more rows than filled the last one,
//! and is read again, longer, if that was too few.

use std::collections::VecDeque;

use futures_util::TryStreamExt as _;
use sqlx::mysql::{MySqlColumn, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Row as _};

use super::cursor_tables::{KeptTables, NUMBER};
use super::filling::{CursorColumn, Filling};
use crate::error::{Result, from_sqlx};
use crate::link::Link;
use crate::statement::{Prepared, Statement, cell, first_word};
use crate::types::read::Wire;
use runner_data::{Batch, ColumnType, Value};
use runner_database::read::{duplicate_column, not_a_query};
use runner_database::{BatchLimits, CursorRequest, DatabaseError, DatabaseErrorKind, Dialect, PageRequest};

/// Rows of the first part of a result whose width is unknown. At 16 MiB a row, the most that a cell may have, the
/// part is still read in seconds; at 100 bytes a row it takes almost no time.
const FIRST_PART: usize = 512;

/// The most bytes of a result that is held as a whole: a small part of what the process may use in addition to the
/// guest's memory.
const HELD_BYTES: usize = 32 << 20;

/// What a held row takes in addition to its bytes, and what each of its cells does: the driver keeps them as ranges.
const HELD_ROW: usize = 160;
const HELD_CELL: usize = 32;

/// Errors of columns that are too many for a table, or declared with more bytes than a row of one has.
const TOO_WIDE: [&str; 2] = ["1117", "1118"];

/// A result that is read in parts.
pub(crate) struct Cursor {
    pub source: RowSource,
    pub columns: Vec<CursorColumn>,
    /// Rows to request at a time.
    pub part: usize,
}

/// Where the rows come from.
pub(crate) enum RowSource {
    /// A page of a table: its SELECT without the limit, its length, and the locking clause.
    Page { select: String, parameters: Vec<Value>, limit: usize, locks: &'static str },
    /// The temporary table with this name, quoted, and the number of the last row that was delivered. Numbers only
    /// increase: how far apart they are is up to `auto_increment_increment`.
    Kept { table: String, last: u64 },
    /// The rows themselves.
    Held(VecDeque<MySqlRow>),
}

impl Cursor {
    /// Runs a SELECT whose result is read in parts.
    pub async fn open(link: &mut Link, kept: &mut KeptTables, request: &CursorRequest) -> Result<Self> {
        let statement = Statement { text: &request.statement, values: &request.parameters };
        let columns = describe(link, statement, &request.types).await?;
        let source = if link.endpoint().is_of_login() {
            // It may create no temporary tables, since one could shadow a table of runner's.
            hold_rows(link, statement, "of a component under grants").await?
        } else {
            match kept.keep(link, statement).await {
                Err(error) if TOO_WIDE.contains(&error.code.as_str()) => {
                    let which = "whose columns are too many or too wide for a temporary table";
                    hold_rows(link, statement, which).await?
                }
                table => RowSource::Kept { table: table?, last: 0 },
            }
        };
        Ok(Self { source, columns, part: FIRST_PART })
    }

    /// Prepares to read a page. `statement`: that of the page.
    pub async fn of_page(link: &mut Link, page: &PageRequest, statement: &str) -> Result<Self> {
        let statement = Statement { text: statement, values: &page.parameters };
        let columns = describe(link, statement, &page.types).await?;
        let (select, parameters) = (page.select.clone(), page.parameters.clone());
        let source = RowSource::Page { select, parameters, limit: page.limits.rows, locks: locks(page) };
        Ok(Self { source, columns, part: FIRST_PART })
    }

    /// The temporary table that it reads.
    pub fn table(&self) -> Option<&String> {
        match &self.source {
            RowSource::Kept { table, .. } => Some(table),
            RowSource::Page { .. } | RowSource::Held(_) => None,
        }
    }

    /// Returns the next batch of a cursor; an empty batch is the end. Where a batch ends depends only on the rows and
    /// the limits, not on the number of parts: a migration that runs again must receive the same batches.
    pub async fn fill(&mut self, link: &mut Link, page: Option<&PageRequest>, limits: BatchLimits) -> Result<Batch> {
        let mut part = self.part.min(limits.rows).max(1);
        let mut filling = Filling::new(&self.columns, page, limits, part);
        if let RowSource::Held(rows) = &mut self.source {
            let mut rows = std::mem::take(rows);
            while !filling.is_full() && filling.problem.is_none() {
                let Some(row) = rows.pop_front() else { break };
                filling.push(&self.columns, &row);
            }
            self.source = RowSource::Held(rows);
            return self.take(filling, part);
        }
        loop {
            let before = filling.rows;
            let asked = self.read_part(link, &mut filling, part).await?;
            if filling.problem.is_some() || filling.is_full() || filling.rows - before < asked || asked == 0 {
                break;
            }
            part = filling.fitting(limits.bytes.saturating_sub(filling.bytes), part).min(limits.rows - filling.rows);
        }
        self.take(filling, part)
    }

    /// Returns the page that a cursor reads, from a single statement: between two, other transactions could insert or delete rows and
    /// shift the ones that follow. A part that turns out to be too short is read again, longer.
    pub async fn fill_at_once(&mut self, link: &mut Link, page: &PageRequest) -> Result<Batch> {
        let limits = page.limits;
        // Rows differ in width: some more than the last page had.
        let mut part = (self.part + self.part / 8).min(limits.rows).max(1);
        loop {
            let mut filling = Filling::new(&self.columns, Some(page), limits, part);
            let asked = self.read_part(link, &mut filling, part).await?;
            if filling.problem.is_some() || filling.is_full() || filling.rows < asked || asked == 0 {
                return self.take(filling, part);
            }
            part = filling.fitting(limits.bytes, part).max(part.saturating_mul(2)).min(limits.rows);
        }
    }

    /// Reads the next rows of a cursor into a batch, after those that the batch has. Returns how many it asked for.
    async fn read_part(&self, link: &mut Link, filling: &mut Filling<'_>, rows: usize) -> Result<usize> {
        let (text, parameters, asked) = self.part_sql(rows, filling);
        if asked == 0 {
            return Ok(0);
        }
        let arguments = link.arguments(parameters).await?;
        let (connection, watch) = link.guest()?;
        let meter = watch.meter();
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        let _allowed = meter.allow(filling.row_bytes());
        let work = async {
            let mut rows = meter.rows(query.fetch(&mut *connection));
            while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
                filling.push(&self.columns, &row);
            }
            Ok(())
        };
        watch.over(work).await?;
        Ok(asked)
    }

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
    fn take(&mut self, filling: Filling<'_>, part: usize) -> Result<Batch> {
        if filling.rows > 0 {
            // As many rows as fit into this batch's byte limit.
            self.part = filling.fitting_all(part.max(filling.rows)).max(1);
        }
        let number = filling.last_number;
        let (batch, problem) = filling.finish(&self.columns);
        if let Some(error) = problem {
            return Err(error);
        }
        if let (RowSource::Kept { last, .. }, Some(number)) = (&mut self.source, number) {
            *last = number;
        }
        Ok(batch)
    }
}

/// Lets the server describe a statement that is to be read as batches.
async fn describe(
    link: &mut Link,
    statement: Statement<'_>,
    types: &[Option<ColumnType>],
) -> Result<Vec<CursorColumn>> {
    let prepared = statement.prepare(link).await?;
    let reads = first_word(statement.text, link.dialect()).is_some_and(|word| {
        ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|reading| reading.eq_ignore_ascii_case(&word))
    });
    if prepared.columns.is_empty() || !reads {
        return Err(not_a_query());
    }
    cursor_columns(&prepared, types)
}

/// Runs a SELECT and holds its rows. `which`: the SELECT, for an error.
async fn hold_rows(link: &mut Link, statement: Statement<'_>, which: &str) -> Result<RowSource> {
    let arguments = link.arguments(statement.values).await?;
    let (connection, watch) = link.guest()?;
    let query = sqlx::query_with(AssertSqlSafe(statement.text.to_owned()), arguments).persistent(false);
    let work = async {
        let (mut held, mut bytes) = (VecDeque::new(), 0_usize);
        let mut rows = watch.meter().rows(query.fetch(&mut *connection));
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
    let (held, bytes) = watch.over(work).await?;
    if bytes > HELD_BYTES {
        return Err(DatabaseError::new(
            DatabaseErrorKind::Limit,
            format!("the result has {bytes} bytes, and at most {HELD_BYTES} are read from a SELECT {which}"),
        )
        .hint("read a table by its key, which has no limit, or select less"));
    }
    Ok(RowSource::Held(held))
}

fn cursor_columns(prepared: &Prepared, types: &[Option<ColumnType>]) -> Result<Vec<CursorColumn>> {
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

/// What ends the SELECT of a page: where it locks its rows, no other transaction may change them before this one ends.
pub(super) fn locks(page: &PageRequest) -> &'static str {
    if page.locks_rows { " FOR UPDATE" } else { "" }
}
