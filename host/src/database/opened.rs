//! The cursors and writers of a connection, by their ids.

use std::collections::VecDeque;

use super::{CursorId, DatabaseError, WriterId};

/// Ended cursors that are remembered: fetching from one again is no error.
const ENDED: usize = 64;

/// The cursors and writers that a connection has open.
pub struct Opened<C, W> {
    cursors: Vec<(CursorId, C)>,
    /// Cursors that came to their end, the latest last.
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
    /// A number that no cursor and no writer of this connection has had.
    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Keeps a cursor that was just opened.
    pub fn add_cursor(&mut self, cursor: C) -> CursorId {
        let id = CursorId(self.next_id());
        self.put_cursor(id, cursor);
        id
    }

    /// Takes a cursor out for a fetch; none if it has come to its end. One that fails meanwhile is not put back.
    pub fn take_cursor(&mut self, id: CursorId) -> Result<Option<C>, DatabaseError> {
        match self.close_cursor(id) {
            Some(cursor) => Ok(Some(cursor)),
            None if self.ended.contains(&id) => Ok(None),
            None => Err(DatabaseError::closed("cursor")),
        }
    }

    /// Puts a cursor back, or in under an id that [`Opened::next_id`] gave.
    pub fn put_cursor(&mut self, id: CursorId, cursor: C) {
        self.cursors.push((id, cursor));
    }

    /// Remembers that a cursor has come to its end.
    pub fn end_cursor(&mut self, id: CursorId) {
        self.ended.push_back(id);
        if self.ended.len() > ENDED {
            self.ended.pop_front();
        }
    }

    /// Takes a cursor out for good, if it is open.
    pub fn close_cursor(&mut self, id: CursorId) -> Option<C> {
        let at = self.cursors.iter().position(|(other, _)| *other == id)?;
        Some(self.cursors.remove(at).1)
    }

    /// The open cursors.
    pub fn cursors(&self) -> impl Iterator<Item = &C> {
        self.cursors.iter().map(|(_, cursor)| cursor)
    }

    /// Keeps a writer that was just opened.
    pub fn add_writer(&mut self, writer: W) -> WriterId {
        let id = WriterId(self.next_id());
        self.put_writer(id, writer);
        id
    }

    /// Takes a writer out for a batch, or for good. One that fails meanwhile is not put back.
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

    /// Closes them all, as the end of a transaction does.
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
    fn an_ended_cursor_is_told_from_one_that_failed() {
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
        assert_ne!(opened.add_cursor("c").0, writer.0, "ids are not given twice");
    }
}
