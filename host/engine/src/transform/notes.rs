//! What is recorded of each batch of a transform, so that `verify` can prove it when the source is gone.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::transcript::{StoredRows, WrittenRange};
use runner_data::{Batch, Digest};

/// The largest packed rows of one batch that are stored: they are one value of a row, and MariaDB accepts 16 MiB at once by
/// default. Operators set the total; batches are smaller unless `batch_bytes` is raised.
const STORED_AT_ONCE: u64 = 8 << 20;

/// What is recorded of the batches of one transform.
#[derive(Debug, Default)]
pub struct ChunkNotes {
    /// The target's key.
    key: Vec<String>,
    /// How many more bytes of input rows this process stores.
    left: AtomicU64,
}

impl ChunkNotes {
    /// `stored_row_bytes`: how many bytes of input rows are stored.
    pub fn new(key: Vec<String>, stored_row_bytes: u64) -> Self {
        Self { key, left: AtomicU64::new(stored_row_bytes) }
    }

    /// The input rows, packed, if there is room for them. The first batch that does not fit is the last one to be packed.
    pub fn input(&self, rows: &Batch) -> Option<StoredRows> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let packed = StoredRows::pack(rows);
        let bytes = packed.byte_len();
        let take = |left: u64| Some(if bytes <= STORED_AT_ONCE { left.saturating_sub(bytes) } else { 0 });
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or(0);
        (bytes <= before && bytes <= STORED_AT_ONCE).then_some(packed)
    }

    /// Where the output, whose digest is `output`, is in the target.
    pub fn written(&self, rows: &Batch, output: Digest) -> Option<WrittenRange> {
        WrittenRange::of(rows, &self.key, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_data::{Column, ColumnValues};

    fn batch(ids: &[i64]) -> Batch {
        let column = Column { name: "id".to_owned(), nulls: vec![], values: ColumnValues::Int64(ids.to_vec()) };
        Batch { row_count: ids.len(), columns: vec![column] }
    }

    #[test]
    fn rows_are_stored_as_long_as_there_is_room() {
        let rows = batch(&[1, 2, 3]);
        let size = StoredRows::pack(&rows).byte_len();
        let notes = ChunkNotes::new(Vec::new(), 2 * size + 1);
        let stored: Vec<bool> = (0..4).map(|_| notes.input(&rows).is_some()).collect();
        assert_eq!(stored, [true, true, false, false]);
        assert_eq!(notes.input(&batch(&[])), None, "a gap would be of no use");
        assert_eq!(ChunkNotes::default().input(&rows), None);
        assert_eq!(ChunkNotes::new(Vec::new(), size).input(&rows).and_then(|it| it.unpack()), Some(rows));
    }

    #[test]
    fn the_written_range_does_not_depend_on_the_order_of_the_rows() {
        let notes = ChunkNotes::new(vec!["id".to_owned()], 0);
        let written = |ids: &[i64]| notes.written(&batch(ids), runner_data::digest::of_batch(&batch(ids)));
        assert_eq!(written(&[3, 1, 2]), written(&[1, 2, 3]));
        assert_ne!(written(&[1, 2, 4]), written(&[1, 2, 3]));
        assert_eq!((written(&[]), written(&[1, 1])), (None, None));
    }
}
