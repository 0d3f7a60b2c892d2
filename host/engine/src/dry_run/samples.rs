//! Selects the rows that are shown: a few of the first batch, then one row each of ever fewer batches, so that the sample
//! is spread over any number of rows.

use crate::event::dry_run::{Change, Sample};

/// The rows sampled for one kind of write.
pub(super) struct Gathered {
    pub what: String,
    rows: u64,
    batches: u64,
    /// Rows of the first batch.
    first: Vec<Change>,
    /// One row of every n-th later batch.
    spread: Vec<Change>,
    stride: u64,
}

impl Gathered {
    pub fn new(what: &str) -> Self {
        Self { what: what.to_owned(), rows: 0, batches: 0, first: Vec::new(), spread: Vec::new(), stride: 1 }
    }

    /// Returns the indices of the rows to sample in the next batch.
    pub fn pick(&self, rows: usize, wanted: usize) -> Vec<usize> {
        if rows == 0 || wanted == 0 {
            return Vec::new();
        }
        if self.batches == 0 {
            let count = wanted.min(rows);
            // Spread from the first to the last.
            return (0..count).map(|at| if count == 1 { 0 } else { at * (rows - 1) / (count - 1) }).collect();
        }
        if wanted == 1 || !self.batches.is_multiple_of(self.stride) {
            return Vec::new();
        }
        // Not always the same index: rows at the same index of equal batches are often similar.
        let at = self.batches.wrapping_mul(7919) % rows as u64;
        vec![usize::try_from(at).unwrap_or(0)]
    }

    /// Adds a batch.
    pub fn add(&mut self, rows: u64, changes: Vec<Change>, wanted: usize) {
        self.rows += rows;
        let batch = self.batches;
        self.batches += 1;
        if batch == 0 {
            self.first = changes;
            return;
        }
        let Some(change) = changes.into_iter().next() else { return };
        let room = wanted.saturating_sub(1);
        if room == 0 {
            return;
        }
        if self.spread.len() == room {
            let mut at = 0;
            self.spread.retain(|_| {
                at += 1;
                at % 2 == 0
            });
            self.stride *= 2;
        }
        if batch.is_multiple_of(self.stride) {
            self.spread.push(change);
        }
    }

    /// Adds the samples of one more batch of the same kind.
    pub fn absorb(&mut self, other: Self, wanted: usize) {
        if self.batches == 0 {
            *self = other;
        } else {
            self.add(other.rows, other.first, wanted);
        }
    }

    /// Returns the sample.
    pub fn finish(mut self, wanted: usize) -> Sample {
        self.first.truncate(wanted.saturating_sub(self.spread.len()));
        self.first.append(&mut self.spread);
        Sample { what: self.what, rows: self.rows, changes: self.first }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::dry_run::Cell;

    /// The rows shown for a number of batches of 10 rows.
    fn shown(batches: u64, wanted: usize) -> Vec<u64> {
        let mut gathered = Gathered::new("update t");
        for batch in 0..batches {
            let change = |at: usize| Change {
                key: vec![Cell { column: "id".to_owned(), value: (batch * 10 + at as u64).to_string() }],
                before: None,
                after: None,
            };
            let changes = gathered.pick(10, wanted).into_iter().map(change).collect();
            gathered.add(10, changes, wanted);
        }
        let sample = gathered.finish(wanted);
        assert_eq!(sample.rows, batches * 10);
        sample.changes.iter().map(|change| change.key[0].value.parse().expect("a number")).collect()
    }

    #[test]
    fn a_sample_is_spread_over_what_there_is() {
        assert_eq!(shown(1, 3), [0, 4, 9]);
        assert_eq!(shown(1, 1), [0]);
        assert!(shown(5, 0).is_empty());
        assert_eq!(shown(1, 50).len(), 10);
        assert_eq!(shown(3, 3).len(), 3);
        for batches in [10, 100, 1_000, 12_345] {
            let shown = shown(batches, 5);
            assert!(shown.len() <= 5 && shown.len() >= 4, "{batches}: {shown:?}");
            assert!(shown.is_sorted(), "{shown:?}");
            assert!(shown.last().is_some_and(|last| *last > batches * 10 / 2), "{batches}: {shown:?}");
        }
    }
}
