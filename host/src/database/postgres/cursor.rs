//! Cursors.

use super::PostgresDatabase;
use crate::data::Batch;
use crate::database::{BatchLimits, CursorId, CursorRequest, DatabaseError};

/// The open cursors.
#[derive(Default)]
pub(super) struct Cursors;

impl PostgresDatabase {
    pub(super) async fn open_cursor_now(&mut self, _request: &CursorRequest) -> Result<CursorId, DatabaseError> {
        Err(super::closed("cursor"))
    }

    pub(super) async fn fetch_now(
        &mut self,
        _cursor: CursorId,
        _limits: BatchLimits,
    ) -> Result<Option<Batch>, DatabaseError> {
        Err(super::closed("cursor"))
    }

    pub(super) async fn close_cursor_now(&mut self, _cursor: CursorId) -> Result<(), DatabaseError> {
        Ok(())
    }
}
