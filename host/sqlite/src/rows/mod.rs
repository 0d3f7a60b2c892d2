//! Rows in bulk: cursors and pages that read them, writers that write them.

mod cursor;
mod range;
mod target;
mod write_sql;
mod writer;

use self::cursor::Cursor;
use self::writer::Writer;
use crate::executor::Executor;
use crate::transaction::Transaction;
use runner_data::Batch;
use runner_database::open_handles::Opened;
use runner_database::{
    BatchLimits, CursorId, CursorRequest, DatabaseError, PageRequest, TableTarget, WriteHint, WriterId,
};

/// The open cursors and writers of a connection.
#[derive(Default)]
pub(crate) struct Rows {
    opened: Opened<Cursor, Writer>,
}

impl Rows {
    pub(crate) fn open_cursor(
        &mut self,
        executor: &Executor,
        request: &CursorRequest,
    ) -> Result<CursorId, DatabaseError> {
        let cursor = Cursor::open(executor, request.statement.clone(), &request.parameters, &request.types)?;
        Ok(self.opened.add_cursor(cursor))
    }

    /// The next batch of a cursor; `None` at its end.
    pub(crate) fn fetch(
        &mut self,
        executor: &Executor,
        id: CursorId,
        limits: BatchLimits,
    ) -> Result<Option<Batch>, DatabaseError> {
        executor.guard().check_stop()?;
        let Some(mut cursor) = self.opened.take_cursor(id)? else { return Ok(None) };
        let (batch, more) = cursor.fetch(executor, limits)?;
        if more {
            self.opened.put_cursor(id, cursor);
        } else {
            self.opened.end_cursor(id);
        }
        Ok((batch.row_count > 0).then_some(batch))
    }

    pub(crate) fn close_cursor(&mut self, executor: &Executor, id: CursorId) {
        self.opened.close_cursor(id);
        executor.connection().finalize_dropped();
    }

    pub(crate) fn open_writer(&mut self, executor: &Executor, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        Ok(self.opened.add_writer(Writer::open(executor, target)?))
    }

    /// Writes a batch and returns how many rows were changed. A writer that fails is closed.
    pub(crate) fn write(
        &mut self,
        executor: &Executor,
        transaction: &mut Transaction,
        id: WriterId,
        rows: &Batch,
        hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        executor.guard().check_stop()?;
        let mut writer = self.opened.take_writer(id)?;
        let before = executor.connection().total_changes();
        let written = writer.write(executor, rows, hint);
        transaction.note_written(writer.table(), executor.connection().total_changes() - before);
        let written = written?;
        self.opened.put_writer(id, writer);
        Ok(written)
    }

    /// Closes a writer and returns how many rows all its batches changed.
    pub(crate) fn finish_writer(&mut self, id: WriterId) -> Result<u64, DatabaseError> {
        Ok(self.opened.take_writer(id)?.rows_written())
    }

    /// Closes all cursors and writers.
    pub(crate) fn close(&mut self, executor: &Executor) {
        self.opened.close();
        executor.connection().finalize_dropped();
    }
}

/// Reads the rows of a page; `None` if there are none.
pub(crate) fn read_page(executor: &Executor, page: &PageRequest) -> Result<Option<Batch>, DatabaseError> {
    let batch = Cursor::open(executor, page.statement(), &page.parameters, &page.types)?.read(executor, page)?;
    executor.connection().finalize_dropped();
    Ok((batch.row_count > 0).then_some(batch))
}
