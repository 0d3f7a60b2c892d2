//! Cursors: a SELECT that is fetched into columns, as many rows at a time as fill a batch.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _, ValueRef as _};

use super::cursor_batch::Filling;
use super::cursor_page::{copy, inlined};
use super::error::from_sqlx;
use super::scope::simple;
use super::statement_describe::{Described, Shape, describe, one_statement, run, shape};
use super::types::Types;
use super::{PostgresDatabase, parameters};
use crate::data::{Batch, ColumnType};
use crate::database::{BatchLimits, CursorId, CursorRequest, DatabaseError, DatabaseErrorKind, TableName};

/// Ended cursors that are remembered.
const ENDED: usize = 64;

/// Bytes of a row up to which a page of a table is copied: 16,384 of them are two batches.
const NARROW: usize = 256;

/// Batches of one page that are kept, should its rows have become wider than those of the page before.
const PAGE_BATCHES: usize = 4;

/// Rows of the first fetch of a cursor whose rows may be of any width.
const FIRST_ROWS: usize = 256;

/// The open cursors.
#[derive(Default)]
pub(super) struct Cursors {
    open: Vec<(CursorId, Cursor)>,
    /// Those that came to their end, the latest last.
    ended: VecDeque<CursorId>,
    /// What a row took in the last page of a table: the next page is likely of the same one.
    page_row_bytes: Option<(TableName, usize)>,
    /// What the server said of the last page that was copied: the text of the next one is likely the same.
    page: Option<KnownPage>,
}

/// A page that the server has understood.
struct KnownPage {
    statement: String,
    types: Vec<Option<ColumnType>>,
    described: Arc<Described>,
}

/// An open cursor.
pub(super) struct Cursor {
    /// What the server calls it.
    name: String,
    /// A page of a table that is copied rather than fetched: its SELECT, without parameters.
    page: Option<String>,
    described: Arc<Described>,
    origin: Option<(TableName, Vec<String>)>,
    /// Rows that were fetched beyond the end of a batch.
    surplus: VecDeque<Batch>,
    /// What a row takes, as far as it has shown; 0 if nothing has.
    row_bytes: usize,
    /// The server has no more rows.
    at_end: bool,
}

impl PostgresDatabase {
    pub(super) async fn open_cursor_now(&mut self, request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        let text = &request.statement;
        let id = CursorId(self.new_id());
        if let Some(cursor) = self.known_page(request, id)? {
            self.cursors.open.push((id, cursor));
            return Ok(id);
        }
        let scope = self.enter(Some(text)).await?;
        let watch = self.watch();
        let hold = if scope.is_in_transaction() { "" } else { " WITH HOLD" };
        let row_bytes = self.cursors.row_bytes(request);
        let opened = watch.run(open(&mut self.connection, &mut self.types, request, id, hold, row_bytes)).await;
        let settled = self.settle(&scope, text).await;
        let cursor = self.leave(scope, opened.and_then(|cursor| settled.map(|()| cursor))).await?;
        self.cursors.page = cursor.page.is_some().then(|| KnownPage {
            statement: text.clone(),
            types: request.types.clone(),
            described: cursor.described.clone(),
        });
        self.cursors.open.push((id, cursor));
        Ok(id)
    }

    /// A cursor over the next page of a table, about which the server need not be asked.
    fn known_page(&self, request: &CursorRequest, id: CursorId) -> Result<Option<Cursor>, DatabaseError> {
        let Some(known) = &self.cursors.page else { return Ok(None) };
        if known.statement != request.statement || known.types != request.types {
            return Ok(None);
        }
        let row_bytes = self.cursors.row_bytes(request);
        let statement = one_statement(&request.statement)?;
        let page = page_of(request, &known.described, statement, row_bytes)?;
        let Some(page) = page else { return Ok(None) };
        let (described, origin) = (known.described.clone(), request.origin.clone());
        let name = name_of(id);
        Ok(Some(Cursor {
            name,
            page: Some(page),
            described,
            origin,
            surplus: VecDeque::new(),
            row_bytes,
            at_end: false,
        }))
    }

    pub(super) async fn fetch_now(
        &mut self,
        id: CursorId,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, DatabaseError> {
        let Some(at) = self.cursors.open.iter().position(|(other, _)| *other == id) else {
            return if self.cursors.ended.contains(&id) { Ok(None) } else { Err(DatabaseError::closed("cursor")) };
        };
        let (_, mut cursor) = self.cursors.open.remove(at);
        if let Some(batch) = cursor.surplus.pop_front() {
            self.cursors.open.push((id, cursor));
            return Ok(Some(batch));
        }
        if cursor.at_end {
            self.cursors.end(id);
            return Ok(None);
        }
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let mut unread = false;
        let fetched = watch.run(fetch(&mut self.connection, &mut cursor, limits, &mut unread)).await;
        // Answers would be taken for those of later statements.
        self.lost |= unread;
        let batch = self.leave(scope, fetched).await?;
        if let Some((table, _)) = &cursor.origin {
            self.cursors.page_row_bytes = Some((table.clone(), cursor.row_bytes));
        }
        if cursor.at_end && cursor.surplus.is_empty() {
            self.cursors.end(id);
        } else {
            self.cursors.open.push((id, cursor));
        }
        Ok(batch)
    }

    pub(super) async fn close_cursor_now(&mut self, id: CursorId) -> Result<(), DatabaseError> {
        let Some(at) = self.cursors.open.iter().position(|(other, _)| *other == id) else { return Ok(()) };
        let (_, cursor) = self.cursors.open.remove(at);
        // One that has come to its end is closed on the server already.
        if cursor.at_end {
            return Ok(());
        }
        let scope = self.enter(None).await?;
        let watch = self.watch();
        let done = watch.run(close(&mut self.connection, &cursor.name)).await;
        self.leave(scope, done).await
    }
}

impl Cursors {
    /// What its rows took in the page before, if this is the next page of a table.
    fn row_bytes(&self, request: &CursorRequest) -> usize {
        match (&request.origin, &self.page_row_bytes) {
            (Some((table, _)), Some((known, bytes))) if table == known => *bytes,
            _ => 0,
        }
    }

    /// Forgets all but how wide the rows of a table are, which is likely to hold in the next transaction, too.
    pub(super) fn forget(&mut self) {
        *self = Self { page_row_bytes: self.page_row_bytes.take(), ..Self::default() };
    }

    /// Something other than rows may have changed: what the server said of a page holds no more.
    pub(super) fn forget_page(&mut self) {
        self.page = None;
    }

    fn end(&mut self, id: CursorId) {
        self.ended.push_back(id);
        if self.ended.len() > ENDED {
            self.ended.pop_front();
        }
    }
}

async fn open(
    connection: &mut PgConnection,
    types: &mut Types,
    request: &CursorRequest,
    id: CursorId,
    hold: &str,
    row_bytes: usize,
) -> Result<Cursor, DatabaseError> {
    let text = &request.statement;
    let statement = one_statement(text)?;
    let described = describe(connection, types, text, &request.types, &request.parameters).await?;
    if described.columns.is_empty() || shape(statement) != Shape::Select {
        return Err(DatabaseError::new(
            DatabaseErrorKind::InvalidArgument,
            "only a statement that returns rows and changes nothing can be read as batches",
        )
        .hint("execute the statement, or query it if its result is small"));
    }
    for (index, column) in described.columns.iter().enumerate() {
        if described.columns[..index].iter().any(|other| other.name == column.name) {
            return Err(DatabaseError::new(
                DatabaseErrorKind::InvalidArgument,
                format!("two columns of the result are called `{}`", column.name),
            )
            .hint("name one of them otherwise: `… AS other_name`"));
        }
    }
    let page = page_of(request, &described, statement, row_bytes)?;
    let name = name_of(id);
    if page.is_none() {
        let wrapped = described.wrapped(statement, None)?;
        let select = wrapped.as_deref().unwrap_or(statement);
        let arguments = parameters::encode(connection, types, &described.placeholders, &request.parameters).await?;
        run(connection, &format!("DECLARE {name} BINARY NO SCROLL CURSOR{hold} FOR\n{select}"), arguments).await?;
    }
    let origin = request.origin.clone();
    let described = Arc::new(described);
    Ok(Cursor { name, page, described, origin, surplus: VecDeque::new(), row_bytes, at_end: false })
}

fn name_of(id: CursorId) -> String {
    format!("runner_cursor_{}", id.0)
}

/// The page of a table that is copied. A page has a bound on its rows, but none on its bytes: it is copied where its rows are
/// known to be narrow.
fn page_of(
    request: &CursorRequest,
    described: &Described,
    statement: &str,
    row_bytes: usize,
) -> Result<Option<String>, DatabaseError> {
    if request.origin.is_none() || !(1..=NARROW).contains(&row_bytes) {
        return Ok(None);
    }
    let wrapped = described.wrapped(statement, None)?;
    Ok(inlined(wrapped.as_deref().unwrap_or(statement), &request.parameters))
}

async fn close(connection: &mut PgConnection, name: &str) -> Result<(), DatabaseError> {
    simple(connection, &format!("CLOSE {name}")).await
}

/// The next batch; rows that came with it but do not fit become the cursor's surplus.
async fn fetch(
    connection: &mut PgConnection,
    cursor: &mut Cursor,
    limits: BatchLimits,
    unread: &mut bool,
) -> Result<Option<Batch>, DatabaseError> {
    let mut filling = Filling::new(&cursor.described, cursor.origin.as_ref(), limits);
    if let Some(select) = &cursor.page {
        copy(connection, select, &mut filling, limits.bytes.saturating_mul(PAGE_BATCHES), unread).await?;
        cursor.at_end = true;
        cursor.row_bytes = filling.row_bytes().max(1);
        cursor.surplus = filling.finish();
        return Ok(cursor.surplus.pop_front());
    }
    while !cursor.at_end && !filling.has_batch() {
        let wanted = rows_to_fetch(cursor, &filling, limits);
        let text = format!("FETCH {wanted} FROM {}", cursor.name);
        // Ours to the letter, so it may go by the simple protocol: in one message, with binary cells from a binary cursor.
        let mut stream = connection.fetch(sqlx::raw_sql(AssertSqlSafe(text.as_str())));
        let mut came = 0;
        let mut failed = None;
        // The rest is read after a failure too: a stream that is dropped leaves the connection in the middle of it.
        while let Some(row) = stream.try_next().await.map_err(|error| from_sqlx(&error, None))? {
            came += 1;
            if failed.is_none() {
                let cell = |column: usize| match row.try_get_raw(column) {
                    Ok(raw) if !raw.is_null() => raw.as_bytes().ok(),
                    _ => None,
                };
                failed = filling.push(cell).err();
            }
        }
        drop(stream);
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

/// As many rows as the rest of the batch has room for, going by what rows have taken so far.
fn rows_to_fetch(cursor: &Cursor, filling: &Filling<'_>, limits: BatchLimits) -> usize {
    let (rows, bytes) = filling.room();
    let by_bytes = match cursor.row_bytes {
        0 => cursor.described.fixed_row_bytes().map_or(FIRST_ROWS, |width| bytes / width.max(1) + 1),
        width => bytes / width + 1,
    };
    by_bytes.clamp(1, rows.max(1).min(limits.rows.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stepwise transform reads each chunk in a transaction of its own: all but the first are copied, too.
    #[test]
    fn the_width_of_rows_outlives_a_transaction() {
        let request = CursorRequest {
            statement: "SELECT n FROM t".to_owned(),
            parameters: Vec::new(),
            types: Vec::new(),
            origin: Some((TableName::new("t"), Vec::new())),
        };
        let mut cursors = Cursors { page_row_bytes: Some((TableName::new("t"), 40)), ..Cursors::default() };
        cursors.forget();
        assert_eq!(cursors.row_bytes(&request), 40);
        cursors.page_row_bytes = Some((TableName::new("u"), 40));
        assert_eq!(cursors.row_bytes(&request), 0);
    }
}
