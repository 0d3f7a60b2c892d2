//! Writers.

use super::PostgresDatabase;
use crate::data::Batch;
use crate::database::{DatabaseError, TableTarget, WriteHint, WriterId};

/// The open writers.
#[derive(Default)]
pub(super) struct Writers;

impl PostgresDatabase {
    pub(super) async fn open_writer_now(&mut self, _target: &TableTarget) -> Result<WriterId, DatabaseError> {
        Err(super::closed("writer"))
    }

    pub(super) async fn write_now(
        &mut self,
        _writer: WriterId,
        _rows: &Batch,
        _hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        Err(super::closed("writer"))
    }

    pub(super) async fn finish_writer_now(&mut self, _writer: WriterId) -> Result<u64, DatabaseError> {
        Err(super::closed("writer"))
    }
}
