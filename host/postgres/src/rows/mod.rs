//! Rows in bulk: cursors, pages of tables, and writers.

mod cursor;
mod cursor_batch;
mod page;
mod page_copy;
pub(crate) mod reading;
pub(crate) mod row_locks;
mod write;
mod write_job;
mod write_sql;
mod writer;

use self::cursor::Cursor;
use self::page::Pages;
use self::writer::Writer;
use crate::error::Result;
use crate::session::Session;
use runner_database::open_handles::Opened;
use runner_database::{TableTarget, WriterId};

/// The open cursors and writers of a session.
#[derive(Default)]
pub(crate) struct Rows {
    opened: Opened<Cursor, Writer>,
    /// What earlier pages of tables showed.
    pages: Pages,
    /// The last writer whose table runs no code of a migration: the next transaction is likely to open it again.
    kept: Option<KeptWriter>,
    /// The session that they were opened in: see `Facts::session`.
    session: u64,
}

/// A writer as it was opened.
struct KeptWriter {
    target: TableTarget,
    /// See [`Session::code_free`].
    version: String,
    writer: Writer,
}

impl Rows {
    /// Closes cursors and writers: the transaction they belong to ends, or they must no longer be visible.
    pub(crate) fn close(&mut self) {
        self.opened.close();
        self.pages.forget_statement();
    }

    /// What is open in this session.
    fn of(&mut self, session: &Session) -> &mut Opened<Cursor, Writer> {
        if self.session != session.facts().session {
            self.close();
            self.kept = None;
            self.session = session.facts().session;
        }
        &mut self.opened
    }

    /// Closes a writer; returns the number of rows that it has changed.
    pub(crate) fn finish_writer(&mut self, session: &Session, writer: WriterId) -> Result<u64> {
        self.of(session).take_writer(writer).map(|writer| writer.rows_written)
    }
}
