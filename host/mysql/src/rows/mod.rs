//! Rows in batches: the open cursors, pages of tables, and writers.

mod cursor;
mod cursor_tables;
mod filling;
mod job;
mod packed;
mod write_check;
mod write_sql;
mod writer;

use std::collections::HashMap;

use self::cursor::{Cursor, locks};
use self::cursor_tables::KeptTables;
use self::job::Writer;
use crate::error::Result;
use crate::link::Link;
use runner_data::Batch;
use runner_database::open_handles::Opened;
use runner_database::{BatchLimits, CursorId, CursorRequest, PageRequest, TableName, TableTarget, WriterId};

/// The open cursors and writers of the transaction.
#[derive(Default)]
pub(crate) struct Rows {
    opened: Opened<Cursor, Writer>,
    kept: KeptTables,
    /// How many rows fill a batch, by table and selected columns.
    parts: HashMap<(TableName, String), usize>,
}

/// The statement of a page.
pub(crate) fn page_statement(page: &PageRequest) -> String {
    format!("{}{}", page.statement(), locks(page))
}

impl Rows {
    /// Closes cursors and writers. The cursors' tables are dropped before the next cursor is opened.
    pub fn close(&mut self) {
        self.opened.close();
    }

    /// Opens a cursor.
    pub async fn open_cursor(&mut self, link: &mut Link, request: &CursorRequest) -> Result<CursorId> {
        self.drop_kept(link).await?;
        let cursor = Cursor::open(link, &mut self.kept, request).await?;
        Ok(self.opened.add_cursor(cursor))
    }

    /// The next batch of a cursor.
    pub async fn fetch(&mut self, link: &mut Link, id: CursorId, limits: BatchLimits) -> Result<Option<Batch>> {
        link.watch.check_stop()?;
        let Some(mut cursor) = self.opened.take_cursor(id)? else { return Ok(None) };
        let batch = match cursor.fill(link, None, limits).await {
            Ok(batch) => batch,
            Err(error) => {
                // Where the connection is lost, so are they.
                let _ = self.drop_kept(link).await;
                return Err(error);
            }
        };
        if batch.row_count > 0 {
            self.opened.put_cursor(id, cursor);
            return Ok(Some(batch));
        }
        self.opened.end_cursor(id);
        self.drop_kept(link).await?;
        Ok(None)
    }

    /// Closes a cursor.
    pub async fn close_cursor(&mut self, link: &mut Link, id: CursorId) -> Result<()> {
        self.opened.close_cursor(id);
        self.drop_kept(link).await
    }

    /// Drops the temporary tables of closed cursors.
    async fn drop_kept(&mut self, link: &mut Link) -> Result<()> {
        let used: Vec<String> = self.opened.cursors().filter_map(Cursor::table).cloned().collect();
        self.kept.drop_unused(link, &used).await
    }

    /// Reads a page of a table by its statement. `is_consistent`: all statements of the transaction see the same.
    pub async fn read_page(
        &mut self,
        link: &mut Link,
        page: &PageRequest,
        statement: &str,
        is_consistent: bool,
    ) -> Result<Option<Batch>> {
        let mut cursor = Cursor::of_page(link, page, statement).await?;
        let names: Vec<&str> = cursor.columns.iter().map(|column| column.name.as_str()).collect();
        let names = (page.table.clone(), names.join("\0"));
        cursor.part = self.parts.get(&names).copied().unwrap_or(cursor.part);
        let batch = match page.locks_rows || !is_consistent {
            true => cursor.fill_at_once(link, page).await?,
            false => cursor.fill(link, Some(page), page.limits).await?,
        };
        if batch.row_count == 0 {
            return Ok(None);
        }
        self.parts.insert(names, cursor.part);
        Ok(Some(batch))
    }

    /// Opens a writer.
    pub async fn open_writer(&mut self, link: &mut Link, target: &TableTarget) -> Result<WriterId> {
        let writer = Writer::open(link, target).await?;
        Ok(self.opened.add_writer(writer))
    }

    /// Writes a batch. A writer that fails is closed.
    pub async fn write(&mut self, link: &mut Link, id: WriterId, rows: &Batch) -> Result<u64> {
        link.watch.check_stop()?;
        let mut writer = self.opened.take_writer(id)?;
        let written = writer.write(link, rows).await?;
        self.opened.put_writer(id, writer);
        Ok(written)
    }

    /// Closes a writer. Returns how many rows it has written.
    pub fn finish_writer(&mut self, id: WriterId) -> Result<u64> {
        self.opened.take_writer(id).map(|writer| writer.rows_written())
    }
}
