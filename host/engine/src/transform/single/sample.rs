//! A sample of a transform's chunks, spread over the whole table: for a dry run of what would take hours.

use super::chunks::ChunkIo;
use crate::call_error::CallError;
use crate::event::{Event, LogLevel};
use crate::script::RunContext;
use runner_database::keyset::TableReader;

/// Which chunks are read.
pub struct Sample {
    /// The largest number of chunks; `None` means all.
    wanted: Option<u64>,
    read: u64,
    /// Rows between two chunks, once the first has shown how many a chunk has.
    between: u64,
}

impl Sample {
    /// As the run requests it.
    pub fn new(run: &RunContext) -> Self {
        Self { wanted: run.left_out.chunks_but, read: 0, between: 0 }
    }

    /// Whether enough was read.
    pub fn is_complete(&self) -> bool {
        self.wanted.is_some_and(|wanted| self.read >= wanted)
    }

    /// Moves the reader, after a chunk of `rows` rows, to the beginning of the sample's next chunk.
    pub async fn skip_to_next(
        &mut self,
        run: &RunContext,
        name: &str,
        chunks: &ChunkIo<'_>,
        reader: &mut TableReader,
        rows: u64,
    ) -> Result<(), CallError> {
        let Some(wanted) = self.wanted else { return Ok(()) };
        self.read += 1;
        if self.read == 1 {
            let total = chunks.count(reader).await?;
            let all = total.div_ceil(rows.max(1));
            if all <= wanted {
                self.wanted = None;
                return Ok(());
            }
            self.between = between(total, rows, wanted);
            run.events.emit(&Event::Log {
                revision: run.revision.clone(),
                level: LogLevel::Info,
                message: format!("transform `{name}`: {wanted} of about {all} chunks"),
            });
        }
        if !self.is_complete() {
            chunks.skip(reader, self.between).await?;
        }
        Ok(())
    }
}

/// How many rows to skip after each chunk, so that the last one ends with the table.
fn between(total: u64, rows: u64, wanted: u64) -> u64 {
    let left = total.saturating_sub(rows.saturating_mul(wanted));
    left.checked_div(wanted.saturating_sub(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chunk_stands_at_the_end() {
        for (total, rows, wanted, expected) in
            [(1_000, 10, 1, 0), (1_000, 10, 2, 980), (1_000, 10, 4, 320), (1_000, 10, 100, 0), (5, 10, 3, 0)]
        {
            let between = between(total, rows, wanted);
            assert_eq!(between, expected);
            assert!(wanted * rows + wanted.saturating_sub(1) * between <= total.max(wanted * rows));
        }
    }
}
