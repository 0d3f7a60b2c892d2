//! Pages of a table. A page whose rows are known to be narrow is copied (see `page_copy`); any other is read through
//! its own cursor, so that only as many rows are sent as fit into the batch.

use std::sync::Arc;

use sqlx::PgConnection;

use super::Rows;
use super::cursor::{Cursor, close, cursor_name, declare, describe_query, fetch};
use super::cursor_batch::Filling;
use super::page_copy::{copy, prove};
use crate::error::Result;
use crate::session::Session;
use crate::statement::describe::{Described, one_statement};
use crate::statement::parameters;
use crate::types::Types;
use runner_data::{Batch, ColumnType};
use runner_database::pipe::Meter;
use runner_database::{Dialect, PageRequest, TableName};
use runner_sql::substitute;

/// Bytes of a row up to which a page is copied: 16,384 of them are two batches.
const NARROW: usize = 256;

/// A copied page is received to its end, but once this many times the bytes of a batch have arrived, the rest is
/// dropped: its rows are wider than those of the page before.
const ROOM: usize = 4;

/// What earlier pages have shown.
#[derive(Default)]
pub(crate) struct Pages {
    /// The table and the bytes per row of the last page: the next page is likely to be of the same table.
    row_bytes: Option<(TableName, usize)>,
    /// The last page that was copied: the next one is likely to have the same statement.
    described: Option<DescribedPage>,
    /// The last statement that the server has begun to run.
    proven: String,
}

/// A page that the server has described.
struct DescribedPage {
    statement: String,
    types: Vec<Option<ColumnType>>,
    described: Arc<Described>,
    /// The server's types that it was described with: see [`Types::generation`].
    generation: u64,
    /// The version of its tables, if no code of a migration can run: then it counts in the next transaction, too.
    version: Option<String>,
}

impl Pages {
    /// Returns the bytes per row if the last page was of the same table; 0 if unknown.
    fn row_bytes(&self, table: &TableName) -> usize {
        self.row_bytes.as_ref().filter(|(known, _)| known == table).map_or(0, |(_, bytes)| *bytes)
    }

    /// Returns the server's description of exactly this statement, if it is known.
    fn described(
        &self,
        statement: &str,
        page: &PageRequest,
        generation: u64,
        version: Option<&String>,
    ) -> Option<Arc<Described>> {
        let known = self.described.as_ref()?;
        let is_same = known.statement == statement && known.types == page.types && known.generation == generation;
        (is_same && known.version.as_ref() == version).then(|| known.described.clone())
    }

    /// Forgets the described statement, unless the next transaction shows whether that is still true: something other than rows may have
    /// changed, so the server must describe statements again. The width of rows is likely to stay the same, in the next transaction too.
    pub(crate) fn forget_statement(&mut self) {
        self.described = self.described.take().filter(|known| known.version.is_some());
    }
}

/// A page that is being read.
struct Reading<'a> {
    page: &'a PageRequest,
    statement: &'a str,
    /// The name of its cursor, if it needs one.
    cursor: String,
    described: Option<Arc<Described>>,
    /// The server has run the statement before.
    is_proven: bool,
    row_bytes: usize,
}

/// A page that has been read.
struct Read {
    batch: Option<Batch>,
    described: Arc<Described>,
    row_bytes: usize,
    is_copied: bool,
}

impl Rows {
    pub(crate) async fn read_page(&mut self, session: &mut Session, page: &PageRequest) -> Result<Option<Batch>> {
        let statement = page.statement();
        let cursor = cursor_name(self.of(session).next_id());
        let generation = session.wire().2.generation();
        let described = self.pages.described(&statement, page, generation, session.code_free());
        let is_new = described.is_none();
        let row_bytes = self.pages.row_bytes(&page.table);
        let scope = session.enter(Some(&statement)).await?;
        let watch = session.watch();
        let mut unread = false;
        let is_proven = self.pages.proven == statement;
        let reading = Reading { page, statement: &statement, cursor, described, is_proven, row_bytes };
        let (connection, meter, types) = session.wire();
        let read = watch.run(reading.run((connection, meter), types, &mut unread)).await;
        if unread {
            // Unread responses would be taken for those of later statements.
            session.link_mut().lose();
        }
        let settled = if is_new && !unread { session.settle(&scope, &statement).await } else { Ok(()) };
        let read = session.leave(scope, read.and_then(|read| settled.map(|()| read))).await?;
        self.pages.row_bytes = Some((page.table.clone(), read.row_bytes));
        self.pages.proven.clone_from(&statement);
        let generation = session.wire().2.generation();
        let (types, described) = (page.types.clone(), read.described);
        let version = session.code_free().cloned();
        self.pages.described =
            read.is_copied.then_some(DescribedPage { statement, types, described, generation, version });
        Ok(read.batch)
    }
}

impl Reading<'_> {
    async fn run(
        self,
        (connection, meter): (&mut PgConnection, &Meter),
        types: &mut Types,
        unread: &mut bool,
    ) -> Result<Read> {
        let page = self.page;
        let statement = one_statement(self.statement)?;
        let described = match self.described {
            Some(described) => described,
            None => Arc::new(describe_query(connection, types, statement, &page.types, &page.parameters).await?),
        };
        if let Some(select) = copyable(connection, types, page, &described, statement, self.row_bytes).await? {
            if !self.is_proven {
                prove(connection, &select).await?;
            }
            let mut filling = Filling::new(&described, Some(page), page.limits);
            let room = page.limits.bytes.saturating_mul(ROOM);
            copy((connection, meter), &select, &mut filling, room, unread).await?;
            let row_bytes = filling.row_bytes().max(1);
            let batch = filling.finish().pop_front();
            return Ok(Read { batch, described, row_bytes, is_copied: true });
        }
        declare(connection, types, &self.cursor, statement, &described, &page.parameters, "").await?;
        let mut cursor = Cursor::new(self.cursor, described.clone(), self.row_bytes);
        let batch = fetch((connection, meter), &mut cursor, Some(page), page.limits).await?;
        // A full batch leaves the cursor open.
        if !cursor.at_end {
            close(connection, &cursor.name).await?;
        }
        Ok(Read { batch, described, row_bytes: cursor.row_bytes, is_copied: false })
    }
}

/// Returns the SELECT of a page that can be copied. A page limits its rows but not its bytes, so it is copied only if
/// its rows are known to be narrow.
async fn copyable(
    connection: &mut PgConnection,
    types: &mut Types,
    page: &PageRequest,
    described: &Described,
    statement: &str,
    row_bytes: usize,
) -> Result<Option<String>> {
    if !(1..=NARROW).contains(&row_bytes) {
        return Ok(None);
    }
    let wrapped = described.wrapped(statement, None)?;
    let literals = parameters::literals(connection, types, &described.placeholders, &page.parameters).await?;
    Ok(literals.and_then(|literals| substitute(wrapped.as_deref().unwrap_or(statement), Dialect::Postgres, &literals)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stepwise transform reads each chunk in its own transaction: all chunks but the first are copied here too.
    #[test]
    fn the_row_width_is_kept_across_transactions() {
        let mut pages = Pages { row_bytes: Some((TableName::new("t"), 40)), ..Pages::default() };
        pages.forget_statement();
        assert_eq!((pages.row_bytes(&TableName::new("t")), pages.row_bytes(&TableName::new("u"))), (40, 0));
    }
}
