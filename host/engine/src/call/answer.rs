//! The answers of steps.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::canonical::{self, Sink};
use super::codec;
use runner_data::count::counted;
use runner_data::{Batch, ColumnType, Digest, RowSet, Value, digest};
use runner_database::DatabaseError;

/// An answer of a step. The journal stores it; the transcript contains its digest.
pub trait Answer: Serialize + DeserializeOwned {
    /// Returns the number of rows changed or read.
    fn rows(&self) -> u64;

    /// Returns the answer for a step that took effect but whose answer was lost.
    fn lost() -> Self;

    /// Returns the digest of what the migration sees of the answer. It never changes.
    fn digest(&self) -> Digest;
}

/// Packs an answer or an error for the journal.
pub fn pack<T: Answer>(answer: Result<&T, &DatabaseError>) -> Vec<u8> {
    codec::pack(&answer)
}

/// Returns a packed answer or error, or `None` if the bytes are not one.
pub fn unpack<T: Answer>(packed: &[u8]) -> Option<Result<T, DatabaseError>> {
    codec::unpack(packed)
}

/// The number of rows changed.
impl Answer for u64 {
    fn rows(&self) -> u64 {
        *self
    }

    fn lost() -> Self {
        0
    }

    fn digest(&self) -> Digest {
        canonical::digest_of(|sink| sink.number(*self))
    }
}

impl Answer for RowSet {
    fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    fn lost() -> Self {
        Self::default()
    }

    fn digest(&self) -> Digest {
        canonical::digest_of(|sink| canonical::put_row_set(sink, self))
    }
}

/// Success, and nothing else.
impl Answer for () {
    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {}

    fn digest(&self) -> Digest {
        canonical::digest_of(|_| ())
    }
}

/// A result that the journal stores in parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spooled {
    /// The number of batches.
    pub parts: u64,
    /// The number of rows.
    pub rows: u64,
}

impl Answer for Spooled {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn lost() -> Self {
        Self::default()
    }

    /// The migration sees only a reader that has not read anything.
    fn digest(&self) -> Digest {
        ().digest()
    }
}

/// The columns and the key of a table, as they were when reading it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Names, and the types that were asked for.
    pub columns: Vec<(String, Option<ColumnType>)>,
    /// The columns of the key.
    pub key: Vec<String>,
}

impl Answer for Resolved {
    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        Self::default()
    }

    /// The migration sees only a reader that has not read anything.
    fn digest(&self) -> Digest {
        ().digest()
    }
}

/// The position of a reader in a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The greatest key to read, if there is a bound.
    pub bound: Option<Vec<Value>>,
    /// The key of the last row, as the database stores it.
    pub last: Option<Vec<Value>>,
    /// The types of the columns, as far as the rows have shown them.
    pub types: Vec<Option<ColumnType>>,
}

/// A page of a table, and the position after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The rows, or `None` after the last page.
    pub batch: Option<Batch>,
    /// The position at which the next page begins.
    pub position: Position,
}

impl Answer for Page {
    fn rows(&self) -> u64 {
        self.batch.as_ref().map_or(0, |batch| batch.row_count as u64)
    }

    fn lost() -> Self {
        Self::default()
    }

    /// The migration does not see the position.
    fn digest(&self) -> Digest {
        self.batch.as_ref().map_or_else(|| ().digest(), digest::of_batch)
    }
}

/// The work that a transform did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transformed {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
    /// Chunks.
    pub chunks: u64,
    /// The digest over the input and the output of all chunks.
    pub content: Digest,
}

impl Transformed {
    /// Describes this after that many completed steps: `2 steps and 3 chunks of a transform (24,000 rows)`.
    pub fn after(&self, steps: u64, one: &str, many: &str) -> String {
        let steps_done = counted(steps, one, many);
        if self.chunks == 0 {
            return steps_done;
        }
        let (chunks, rows) = (counted(self.chunks, "chunk", "chunks"), counted(self.rows_written, "row", "rows"));
        let chunks = format!("{chunks} of a transform ({rows})");
        if steps == 0 { chunks } else { format!("{steps_done} and {chunks}") }
    }
}

impl Answer for Transformed {
    fn rows(&self) -> u64 {
        self.rows_written
    }

    fn lost() -> Self {
        Self::default()
    }

    fn digest(&self) -> Digest {
        canonical::digest_of(|sink| {
            [self.rows_read, self.rows_written, self.chunks].into_iter().for_each(|number| sink.number(number));
            sink.put(&self.content.0);
        })
    }
}
