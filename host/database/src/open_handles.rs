//! The open cursors and writers of a connection, by id.

use std::collections::VecDeque;

use super::{CursorId, DatabaseError, WriterId};

/// How many ended cursors are remembered: fetching from one again is not an error.
const ENDED: usize = 64;

/// The open cursors and writers of a connection.
pub struct Opened<C, W> {
    cursors: Vec<(CursorId, C)>,
    /// Cursors that have ended, most recent last.
    ended: VecDeque<CursorId>,
    writers: Vec<(WriterId, W)>,
    last_id: u64,
}

impl<C, W> Default for Opened<C, W> {
    fn default() -> Self {
        Self { cursors: Vec::new(), ended: VecDeque::new(), writers: Vec::new(), last_id: 0 }
    }
}

impl<C, W> Opened<C, W> {
    /// Returns a number that no cursor or writer of this connection has used.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds a cursor that was just opened.
    pub fn add_cursor(&mut self, cursor: C) -> CursorId {
        let id = CursorId(self.next_id());
        self.put_cursor(id, cursor);
        id
    }

    /// Takes a cursor out for a fetch; returns `None` if it has ended. A cursor that fails meanwhile is not put back.
    pub fn take_cursor(&mut self, id: CursorId) -> Result<Option<C>, DatabaseError> {
        match self.close_cursor(id) {
            Some(cursor) => Ok(Some(cursor)),
            None if self.ended.contains(&id) => Ok(None),
            None => Err(DatabaseError::closed("cursor")),
        }
    }

    /// Puts a cursor back, or adds one under an id from [`Opened::next_id`].
    pub fn put_cursor(&mut self, id: CursorId, cursor: C) {
        self.cursors.push((id, cursor));
    }

    /// Records that a cursor has ended.
    pub fn end_cursor(&mut self, id: CursorId) {
        self.ended.push_back(id);
        if self.ended.len() > ENDED {
            self.ended.pop_front();
        }
    }

    /// Removes a cursor, if it is open.
    pub fn close_cursor(&mut self, id: CursorId) -> Option<C> {
        let at = self.cursors.iter().position(|(other, _)| *other == id)?;
        Some(self.cursors.remove(at).1)
    }

    /// Returns the open cursors.
    pub fn cursors(&self) -> impl Iterator<Item = &C> {
        self.cursors.iter().map(|(_, cursor)| cursor)
    }

    /// Adds a writer that was just opened.
    pub fn add_writer(&mut self, writer: W) -> WriterId {
        let id = WriterId(self.next_id());
        self.put_writer(id, writer);
        id
    }

    /// Takes a writer out for a batch, or to finish it. A writer that fails meanwhile is not put back.
    pub fn take_writer(&mut self, id: WriterId) -> Result<W, DatabaseError> {
        match self.writers.iter().position(|(other, _)| *other == id) {
            Some(at) => Ok(self.writers.remove(at).1),
            None => Err(DatabaseError::closed("writer")),
        }
    }

    /// Puts a writer back.
    pub fn put_writer(&mut self, id: WriterId, writer: W) {
        self.writers.push((id, writer));
    }

    /// Closes all cursors and writers, as the end of a transaction does.
    pub fn close(&mut self) {
        self.cursors.clear();
        self.ended.clear();
        self.writers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_cursor_is_distinguished_from_a_failed_one() {
        let mut opened = Opened::<&str, &str>::default();
        let (ended, failed) = (opened.add_cursor("a"), opened.add_cursor("b"));
        let writer = opened.add_writer("w");
        assert_eq!(opened.take_cursor(ended), Ok(Some("a")));
        opened.end_cursor(ended);
        assert_eq!(opened.take_cursor(failed), Ok(Some("b")));
        assert_eq!(opened.take_cursor(ended), Ok(None));
        assert!(opened.take_cursor(failed).is_err());
        opened.close();
        assert!(opened.take_cursor(ended).is_err() && opened.take_writer(writer).is_err());
        assert_ne!(opened.add_cursor("c").0, writer.0, "ids are never reused");
    }
}
