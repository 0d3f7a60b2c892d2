//! Cursors: a SELECT that is fetched into columns, with as many rows at a time as fill a batch.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _, ValueRef as _};

use super::Rows;
use super::cursor_batch::Filling;
use crate::error::{Result, from_sqlx};
use crate::host_sql::simple;
use crate::session::Session;
use crate::statement::describe::{Described, Shape, describe, one_statement, run, shape};
use crate::statement::parameters;
use crate::types::Types;
use runner_data::{Batch, ColumnType, Value};
use runner_database::pipe::Meter;
use runner_database::read::{duplicate_column, not_a_query};
use runner_database::{BatchLimits, CursorId, CursorRequest, DatabaseError, DatabaseErrorKind, PageRequest};

/// Rows of the first fetch of a page whose rows may have any width.
const FIRST_ROWS: usize = 256;

/// How many times the rows of the last fetch of a cursor the next one may ask for, up to [`MOST_ROWS`], where rows may have any
/// width. It is unknown how wide the next ones are, and those that arrive beyond the end of a batch have to be held.
const GROWTH: usize = 64;
const MOST_ROWS: usize = 4_096;

/// The most bytes of rows that are held beyond a batch: a small part of what the process may use in addition to the
/// guest's memory.
const HELD_BYTES: usize = 32 << 20;

/// An open cursor.
pub(crate) struct Cursor {
    /// Its name on the server.
    pub name: String,
    described: Arc<Described>,
    /// Rows that were fetched beyond the end of a batch.
    surplus: VecDeque<Batch>,
    /// Bytes per row, as far as known; 0 if unknown.
    pub row_bytes: usize,
    /// How many rows the last fetch asked for.
    asked: usize,
    /// The server has no more rows, and has closed it.
    pub at_end: bool,
}

impl Rows {
    pub(crate) async fn open_cursor(&mut self, session: &mut Session, request: &CursorRequest) -> Result<CursorId> {
        let text = &request.statement;
        let id = CursorId(self.of(session).next_id());
        let scope = session.enter(Some(text)).await?;
        let watch = session.watch();
        let hold = if scope.is_in_transaction() { "" } else { " WITH HOLD" };
        let (connection, _, types) = session.wire();
        let opened = watch.run(open(connection, types, request, id, hold)).await;
        let settled = session.settle(&scope, text).await;
        let cursor = session.leave(scope, opened.and_then(|cursor| settled.map(|()| cursor))).await?;
        self.opened.put_cursor(id, cursor);
        Ok(id)
    }

    pub(crate) async fn fetch(
        &mut self,
        session: &mut Session,
        id: CursorId,
        limits: BatchLimits,
    ) -> Result<Option<Batch>> {
        let Some(mut cursor) = self.of(session).take_cursor(id)? else { return Ok(None) };
        if let Some(batch) = cursor.surplus.pop_front() {
            self.opened.put_cursor(id, cursor);
            return Ok(Some(batch));
        }
        if cursor.at_end {
            self.opened.end_cursor(id);
            return Ok(None);
        }
        let scope = session.enter(None).await?;
        let watch = session.watch();
        let (connection, meter, _) = session.wire();
        let fetched = watch.run(fetch((connection, meter), &mut cursor, None, limits)).await;
        let batch = session.leave(scope, fetched).await?;
        if cursor.at_end && cursor.surplus.is_empty() {
            self.opened.end_cursor(id);
        } else {
            self.opened.put_cursor(id, cursor);
        }
        Ok(batch)
    }

    pub(crate) async fn close_cursor(&mut self, session: &mut Session, id: CursorId) -> Result<()> {
        let Some(cursor) = self.of(session).close_cursor(id) else { return Ok(()) };
        // The server has already closed a cursor that reached its end.
        if cursor.at_end {
            return Ok(());
        }
        let scope = session.enter(None).await?;
        let watch = session.watch();
        let done = watch.run(close(session.wire().0, &cursor.name)).await;
        session.leave(scope, done).await
    }
}

impl Cursor {
    pub fn new(name: String, described: Arc<Described>, row_bytes: usize) -> Self {
        Self { name, described, surplus: VecDeque::new(), row_bytes, asked: 0, at_end: false }
    }
}

async fn open(
    connection: &mut PgConnection,
    types: &mut Types,
    request: &CursorRequest,
    id: CursorId,
    hold: &str,
) -> Result<Cursor> {
    let text = &request.statement;
    let statement = one_statement(text)?;
    let described = describe_query(connection, types, text, &request.types, &request.parameters).await?;
    let name = cursor_name(id.0);
    declare(connection, types, &name, statement, &described, &request.parameters, hold).await?;
    Ok(Cursor::new(name, Arc::new(described), 0))
}

/// Asks the server to describe a statement that is to be read as batches.
pub(crate) async fn describe_query(
    connection: &mut PgConnection,
    types: &mut Types,
    statement: &str,
    requested: &[Option<ColumnType>],
    parameters: &[Value],
) -> Result<Described> {
    let described = describe(connection, types, statement, requested, parameters).await?;
    if described.columns.is_empty() || shape(statement) != Shape::Select {
        return Err(not_a_query());
    }
    for (index, column) in described.columns.iter().enumerate() {
        if described.columns[..index].iter().any(|other| other.name == column.name) {
            return Err(duplicate_column(&column.name));
        }
    }
    Ok(described)
}

/// Returns the server's name of the cursor with that number.
pub(crate) fn cursor_name(number: u64) -> String {
    format!("runner_cursor_{number}")
}

/// Opens a cursor on the server.
pub(crate) async fn declare(
    connection: &mut PgConnection,
    types: &mut Types,
    name: &str,
    statement: &str,
    described: &Described,
    parameters: &[Value],
    hold: &str,
) -> Result<()> {
    let wrapped = described.wrapped(statement, None)?;
    let select = wrapped.as_deref().unwrap_or(statement);
    let arguments = parameters::encode(connection, types, &described.placeholders, parameters).await?;
    let text = format!("DECLARE {name} BINARY NO SCROLL CURSOR{hold} FOR\n{select}");
    run(connection, &text, arguments).await.map(drop)
}

/// Closes a cursor on the server.
pub(crate) async fn close(connection: &mut PgConnection, name: &str) -> Result<()> {
    simple(connection, &format!("CLOSE {name}")).await
}

/// Fetches the next batch; rows that arrive with it but do not fit become the cursor's surplus.
pub(crate) async fn fetch(
    (connection, meter): (&mut PgConnection, &Meter),
    cursor: &mut Cursor,
    page: Option<&PageRequest>,
    limits: BatchLimits,
) -> Result<Option<Batch>> {
    let described = cursor.described.clone();
    let _allowed = meter.allow(limits.row_bytes());
    let mut filling = Filling::new(&described, page, limits);
    while !cursor.at_end && !filling.has_batch() {
        let wanted = rows_to_fetch(cursor, &filling, limits, page);
        let text = format!("FETCH {wanted} FROM {}", cursor.name);
        // The text is entirely our own, so it may use the simple protocol: one message, with binary cells from a binary
        // cursor.
        let mut stream = meter.rows(connection.fetch(sqlx::raw_sql(AssertSqlSafe(text.as_str()))));
        let mut came = 0;
        let mut failed = None;
        // Read the rest even after a failure: dropping the stream would leave the connection in the middle of a
        // response.
        while let Some(row) = stream.try_next().await.map_err(|error| from_sqlx(&error, None))? {
            came += 1;
            // The next page begins after the rows of this batch.
            if failed.is_none() && !(page.is_some() && filling.has_batch()) {
                let cell = |column: usize| match row.try_get_raw(column) {
                    Ok(raw) if !raw.is_null() => raw.as_bytes().ok(),
                    _ => None,
                };
                failed = filling.push(cell).err();
                if filling.bytes_beyond() > HELD_BYTES {
                    failed = failed.or_else(|| Some(too_wide()));
                }
            }
        }
        drop(stream);
        cursor.asked = wanted;
        if let Some(error) = failed {
            return Err(error);
        }
        if came > 0 {
            cursor.row_bytes = filling.row_bytes().max(1);
        }
        if came < wanted {
            cursor.at_end = true;
            close(connection, &cursor.name).await?;
        }
    }
    cursor.surplus = filling.finish();
    Ok(cursor.surplus.pop_front())
}

fn too_wide() -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Limit,
        format!("the rows of the result are suddenly so wide that more than {HELD_BYTES} bytes arrived beyond a batch"),
    )
    .hint("read a table by its key, which has no such limit, or select wide rows by a statement of their own")
}

/// Returns how many rows fit into the rest of the batch, judged by the size of earlier rows.
fn rows_to_fetch(cursor: &Cursor, filling: &Filling<'_>, limits: BatchLimits, page: Option<&PageRequest>) -> usize {
    let (rows, bytes) = filling.room();
    let fixed = cursor.described.fixed_row_bytes();
    let by_bytes = match cursor.row_bytes {
        0 => fixed.map_or(FIRST_ROWS, |width| bytes / width.max(1) + 1),
        width => bytes / width + 1,
    };
    let most = match (page, fixed) {
        (None, None) => cursor.asked.saturating_mul(GROWTH).clamp(1, MOST_ROWS),
        _ => usize::MAX,
    };
    let by_bytes = by_bytes.min(most);
    by_bytes.clamp(1, rows.max(1).min(limits.rows.max(1)))
}
