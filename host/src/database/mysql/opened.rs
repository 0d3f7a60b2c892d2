//! What a connection keeps for cursors and writers, and what it has learned of tables and types.

use std::collections::{HashMap, VecDeque};

use sqlx::mysql::MySqlTypeInfo;

use super::cursor::Cursor;
use super::types::Kind;
use super::writer::Writer;
use crate::database::{CursorId, TableName, WriterId};

/// Cursors and writers that are open.
#[derive(Default)]
pub(super) struct Opened {
    pub cursors: Vec<(CursorId, Cursor)>,
    /// Cursors that came to their end, the latest last.
    pub ended: VecDeque<CursorId>,
    pub writers: Vec<(WriterId, Writer)>,
    /// Temporary tables of cursors, quoted.
    pub kept: Vec<String>,
    /// For a table and the columns that are read of it, how many rows fill a batch.
    pub parts: HashMap<(TableName, String), usize>,
    /// What the columns of tables hold, for types that the wire does not tell.
    pub declared: HashMap<TableName, Vec<(String, Kind)>>,
    /// What the server calls a DECIMAL.
    pub decimal: Option<MySqlTypeInfo>,
    last_id: u64,
}

impl Opened {
    /// A number that no cursor and no writer has had.
    pub fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Closes all cursors and writers. The tables of cursors are dropped before the next one is made.
    pub fn close(&mut self) {
        self.cursors.clear();
        self.writers.clear();
        self.forget();
    }

    /// Forgets what was learned of tables, which may have changed since.
    pub fn forget(&mut self) {
        self.declared.clear();
    }
}
