//! Only some chunks of a transform, spread over the whole table: for a dry run of what would take hours.

use super::chunks::Chunks;
use super::transform::TransformError;
use crate::engine::event::{Event, Level};
use crate::engine::script::RunContext;
use crate::keyset::TableReader;

/// Which chunks are read.
pub struct Spread {
    /// So many at most; none: all.
    wanted: Option<u64>,
    read: u64,
    /// Rows between two chunks, once the first has shown how many a chunk has.
    between: u64,
}

impl Spread {
    /// As the run wants it.
    pub fn new(run: &RunContext) -> Self {
        Self { wanted: run.left_out.chunks_but, read: 0, between: 0 }
    }

    /// Whether enough was read.
    pub fn is_over(&self) -> bool {
        self.wanted.is_some_and(|wanted| self.read >= wanted)
    }

    /// Behind a chunk of so many rows: the reader goes on where the next one begins.
    pub async fn go_on(
        &mut self,
        run: &RunContext,
        name: &str,
        chunks: &Chunks<'_>,
        reader: &mut TableReader,
        rows: u64,
    ) -> Result<(), TransformError> {
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
                level: Level::Info,
                message: format!("transform `{name}`: {wanted} of about {all} chunks"),
            });
        }
        if !self.is_over() {
            chunks.skip(reader, self.between).await?;
        }
        Ok(())
    }
}

/// How many rows to leave out behind each chunk, so that the last one stands at the end of the table.
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
