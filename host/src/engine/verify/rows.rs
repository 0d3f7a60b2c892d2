//! Reads what a transform read, makes of it what it made, and compares both with what was recorded.

use super::later::touched_later;
use super::target::Held;
use super::{Extent, Finding, Level, LoadedScript, Verdict, Verifier, counted};
use crate::data::Batch;
use crate::data::digest::of_batch;
use crate::database::{BatchLimits, DatabaseError, DatabaseErrorKind, TableSource};
use crate::engine::event::Event;
use crate::engine::history::{History, Record};
use crate::engine::stopped::stopped;
use crate::engine::transcript::{ChunkRecord, Evidence, TransformRecord};
use crate::engine::transform;
use crate::error::{Error, ErrorKind, Result};
use crate::keyset::TableReader;

/// A batch may have grown to so many times what it was when its rows were read: then they are others anyway.
const GROWN: usize = 8;

/// What came of the chunks that were looked at.
#[derive(Default)]
struct Sums {
    looked_at: u64,
    recomputed: u64,
    /// Why a chunk could not be recomputed, the first reason.
    gone: Option<String>,
    other: Option<String>,
    held: u64,
    unknown: Option<String>,
    /// Chunks of which only a digest says that the target holds something else.
    suspected: Option<(String, String)>,
    not_held: Option<String>,
}

impl Verifier {
    /// Proves a transform.
    pub(super) async fn transform(
        &self,
        history: &History,
        record: &Record,
        evidence: &Evidence,
        transform: &TransformRecord,
        script: LoadedScript<'_>,
    ) -> Result<Vec<Finding>> {
        let mut sums = Sums::default();
        let chosen = chosen(&transform.ledger.kept, self.extent);
        let context = self.context(record, evidence, None);
        let function = script.batch_function(&context).await;
        for (at, chunk) in chosen.iter().enumerate() {
            if let Some(reason) = self.stop.reason() {
                return Err(stopped(reason));
            }
            self.progress(record, transform, at, chosen.len());
            sums.looked_at += 1;
            let output = match self.read_again(transform, chunk).await? {
                Err(why) => {
                    sums.gone.get_or_insert(why);
                    None
                }
                Ok(rows) => match transform::once(&context, function.clone(), &transform.name, rows).await {
                    Ok(output) if of_batch(&output) == chunk.output => {
                        sums.recomputed += 1;
                        Some(output)
                    }
                    Ok(output) => {
                        let what = "it makes something else of the same rows";
                        sums.other.get_or_insert_with(|| format!("chunk {}: {what}", chunk.span()));
                        Some(output)
                    }
                    Err(error) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => {
                        return Err(error);
                    }
                    Err(error) => {
                        let what = format!("chunk {}: it fails on the same rows: {}", chunk.span(), error.message);
                        sums.other.get_or_insert(what);
                        None
                    }
                },
            };
            match self.held(transform, chunk, output.as_ref()).await? {
                Held::Yes => sums.held += 1,
                Held::Unknown(why) => {
                    sums.unknown.get_or_insert(why);
                }
                Held::Suspected(what, or) => {
                    sums.suspected.get_or_insert_with(|| (format!("chunk {}: {what}", chunk.span()), or));
                }
                Held::No(what) => {
                    sums.not_held.get_or_insert_with(|| format!("chunk {}: {what}", chunk.span()));
                }
            }
        }
        self.progress(record, transform, chosen.len(), chosen.len());
        self.findings(history, record, transform, sums).await
    }

    async fn findings(
        &self,
        history: &History,
        record: &Record,
        transform: &TransformRecord,
        sums: Sums,
    ) -> Result<Vec<Finding>> {
        let subject = Some(format!(
            "`{}`: {} -> {} {}",
            transform.name, transform.source.table, transform.target.mode, transform.target.table
        ));
        let all = transform.ledger.chunks;
        let of = |number: u64| format!("{number} of {}", counted(all, "chunk", "chunks"));
        let recompute = match (sums.other, sums.gone) {
            (Some(what), _) => Verdict::Differs(what),
            (None, Some(why)) if sums.recomputed > 0 => {
                Verdict::Unproven(format!("{} came out the same, and of others: {why}", of(sums.recomputed)))
            }
            (None, Some(why)) => Verdict::Unproven(why),
            (None, None) => Verdict::Proven(of(sums.recomputed)),
        };
        // One chunk that is held to the bit says that the database keeps such values as they are given.
        let suspected = sums.suspected.clone().filter(|_| sums.held > 0).map(|(what, _)| what);
        let unknown = sums.unknown.or(sums.suspected.map(|(what, or)| format!("{what}, {or}")));
        let target = match (sums.not_held.or(suspected), unknown) {
            (Some(what), _) => match touched_later(self, history, record, transform).await? {
                Some(later) => Verdict::Unproven(format!("{what}; but `{later}`, applied later, writes there too")),
                None => Verdict::Differs(what),
            },
            (None, Some(why)) if sums.held > 0 => {
                Verdict::Unproven(format!("{} are held as written, and of others: {why}", of(sums.held)))
            }
            (None, Some(why)) => Verdict::Unproven(why),
            (None, None) => Verdict::Proven(of(sums.held)),
        };
        Ok(vec![
            Finding { level: Level::Recompute, subject: subject.clone(), verdict: recompute },
            Finding { level: Level::Target, subject, verdict: target },
        ])
    }

    /// The rows that went into a chunk, if they are still there; or why not.
    async fn read_again(&self, transform: &TransformRecord, chunk: &ChunkRecord) -> Result<Result<Batch, String>> {
        let read = self.read(transform.source.clone(), transform, chunk, chunk.rows_in, &chunk.types).await;
        let rows = match read {
            Ok(rows) => rows,
            Err(error) => return explained(error).map(Err),
        };
        match rows {
            Some(rows) if of_batch(&rows) == chunk.input => Ok(Ok(rows)),
            _ => Ok(Err(format!("rows of `{}` are not those that it read", transform.source.table))),
        }
    }

    /// Rows behind a chunk's beginning.
    pub(super) async fn read(
        &self,
        source: TableSource,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
        rows: u64,
        types: &[Option<crate::data::ColumnType>],
    ) -> Result<Option<Batch>, DatabaseError> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let limits = BatchLimits {
            rows: usize::try_from(rows).unwrap_or(usize::MAX),
            bytes: self.limits.bytes.saturating_mul(GROWN),
            ..self.limits
        };
        let mut reader = TableReader::open(&mut **database, source, limits).await?;
        reader.resume_at(transform.bound.clone(), chunk.after.clone(), types);
        reader.next(&mut **database).await
    }

    fn progress(&self, record: &Record, transform: &TransformRecord, done: usize, total: usize) {
        self.events.emit(&Event::Progress {
            revision: record.revision.clone(),
            what: transform.name.clone(),
            done: done as u64,
            total: Some(total as u64),
            unit: "chunks".to_owned(),
        });
    }
}

/// Why something cannot be read now; an error where that says nothing of what was applied.
pub(super) fn explained(error: DatabaseError) -> Result<String> {
    match error.kind {
        DatabaseErrorKind::Connection | DatabaseErrorKind::Interrupted | DatabaseErrorKind::Busy => {
            Err(Error::from(error))
        }
        _ => Ok(error.message),
    }
}

/// The chunks that are looked at: spread evenly, the first and the last among them.
fn chosen(kept: &[ChunkRecord], extent: Extent) -> Vec<&ChunkRecord> {
    match extent {
        Extent::Sample(1) => kept.iter().take(1).collect(),
        Extent::Sample(some) if some < kept.len() => {
            (0..some).filter_map(|at| kept.get(at * (kept.len() - 1) / some.saturating_sub(1).max(1))).collect()
        }
        Extent::Sample(_) | Extent::All => kept.iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_from_the_first_to_the_last() {
        let kept: Vec<ChunkRecord> =
            (0..100).map(|rows_in| ChunkRecord { rows_in, ..ChunkRecord::default() }).collect();
        let rows = |extent| chosen(&kept, extent).iter().map(|chunk| chunk.rows_in).collect::<Vec<_>>();
        assert_eq!(rows(Extent::Sample(4)), [0, 33, 66, 99]);
        assert_eq!(rows(Extent::Sample(1)), [0]);
        assert_eq!(rows(Extent::Sample(1000)).len(), 100);
        assert_eq!(rows(Extent::All).len(), 100);
    }
}
