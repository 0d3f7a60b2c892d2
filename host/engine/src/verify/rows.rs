//! Reads the rows that a transform read, recomputes its result, and compares both with what was recorded.

use std::sync::Arc;

use super::builds::BuildsOf;
use super::later::touched_later;
use super::target::TargetMatch;
use super::{Extent, Finding, LoadedScript, NO_ASSETS, ProofLevel, Verdict, Verifier, counted, explained, had_assets};
use crate::batch_function::BatchFunction;
use crate::event::Event;
use crate::history::{History, Record};
use crate::stopped::stopped;
use crate::transcript::{ChunkRecord, Evidence, StoredRows, TransformRecord};
use crate::transform;
use runner_base::error::{ErrorKind, Result};
use runner_data::Batch;
use runner_data::digest::of_batch;
use runner_database::keyset::{ChunkRange, TableReader};
use runner_database::{BatchLimits, DatabaseError, TableSource};
use runner_project::short;

/// The factor by which a batch may have grown since its rows were read; beyond it they are different rows anyway.
const GROWN: usize = 8;

/// What explains a target that differs, if no migration does.
const WRITTEN_SINCE: &str = "an application, or a person, may have written there since the run";

/// The results of the checked chunks.
#[derive(Default)]
struct Sums {
    recomputed: u64,
    /// Of those, the chunks whose input was stored by the run.
    from_stored: u64,
    /// Of those, the chunks of builds before the one that finished the transform.
    by_others: u64,
    /// The first reason why a chunk could not be recomputed.
    gone: Option<String>,
    other: Option<String>,
    held: u64,
    unknown: Option<String>,
    /// Chunks for which only a digest says that the target differs.
    suspected: Option<(String, String)>,
    not_held: Option<String>,
}

impl Verifier {
    /// Verifies a transform.
    pub(super) async fn transform(
        &self,
        history: &History,
        record: &Record,
        evidence: &Evidence,
        (at, transform): (usize, &TransformRecord),
        (script, builds): (LoadedScript<'_>, BuildsOf<'_>),
    ) -> Result<Vec<Finding>> {
        let mut sums = Sums::default();
        let chosen = chosen(&transform.ledger.kept, self.extent);
        let context = self.context(record, evidence, None)?;
        let function = script.batch_function(&context).await;
        let mut others: Vec<(&str, Option<Arc<dyn BatchFunction>>)> = Vec::new();
        for (sha256, script) in builds.others {
            let function = match script {
                Some(script) => script.batch_function(&context).await,
                None => None,
            };
            others.push((sha256, function));
        }
        for (done, (kept, chunk)) in chosen.iter().enumerate() {
            let builder = builds.of.and_then(|of| of.of(transform.ledger.number_of(*kept)));
            let other = builder.and_then(|sha256| others.iter().find(|(it, _)| *it == sha256));
            if let Some(reason) = self.stop.reason() {
                return Err(stopped(reason));
            }
            self.progress(record, transform, done, chosen.len());
            let again = match self.read_again(transform, chunk).await? {
                // Damaged rows prove nothing.
                Err(why) => match chunk.rows.as_ref().and_then(StoredRows::unpack) {
                    Some(rows) if of_batch(&rows) == chunk.input => Ok((rows, 1)),
                    _ => Err(why),
                },
                Ok(rows) => Ok((rows, 0)),
            };
            let again = match other {
                Some((sha256, None)) => Err(format!("its build, sha256 {}, cannot be loaded", short(sha256))),
                _ => again,
            };
            let lacks_assets = match other {
                Some(_) => had_assets(evidence),
                None => !builds.has_assets,
            };
            let function = other.map_or(&function, |(_, function)| function);
            let output = match again {
                Err(why) => {
                    sums.gone.get_or_insert(why);
                    None
                }
                Ok((rows, from_stored)) => {
                    match transform::once(&context, function.clone(), &transform.name, rows).await {
                        Ok(output) if of_batch(&output) == chunk.output => {
                            sums.recomputed += 1;
                            sums.by_others += u64::from(other.is_some());
                            sums.from_stored += from_stored;
                            Some(output)
                        }
                        Err(error) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => {
                            return Err(error);
                        }
                        Err(error) if error.kind == ErrorKind::Denied => {
                            let why = || format!("it lacks a grant or a limit that it had then: {}", error.message);
                            sums.gone.get_or_insert_with(why);
                            None
                        }
                        _ if lacks_assets => {
                            sums.gone.get_or_insert_with(|| NO_ASSETS.to_owned());
                            None
                        }
                        Ok(output) => {
                            let what = "its result for the same rows differs";
                            sums.other.get_or_insert_with(|| format!("chunk {}: {what}", chunk.span()));
                            Some(output)
                        }
                        Err(error) => {
                            let what = format!("chunk {}: it fails on the same rows: {}", chunk.span(), error.message);
                            sums.other.get_or_insert(what);
                            None
                        }
                    }
                }
            };
            match self.held(transform, chunk, output.as_ref()).await? {
                TargetMatch::Yes => sums.held += 1,
                TargetMatch::Unknown(why) => {
                    sums.unknown.get_or_insert(why);
                }
                TargetMatch::Suspected(what, or) => {
                    sums.suspected.get_or_insert_with(|| (format!("chunk {}: {what}", chunk.span()), or));
                }
                TargetMatch::No(what) => {
                    sums.not_held.get_or_insert_with(|| format!("chunk {}: {what}", chunk.span()));
                }
            }
        }
        self.progress(record, transform, chosen.len(), chosen.len());
        self.findings(history, record, (at, transform), sums).await
    }

    async fn findings(
        &self,
        history: &History,
        record: &Record,
        (at, transform): (usize, &TransformRecord),
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
                Verdict::Unproven(format!("{} recomputed identically; for the others: {why}", of(sums.recomputed)))
            }
            (None, Some(why)) => Verdict::Unproven(why),
            (None, None) => {
                let mut text = match sums.from_stored {
                    0 => of(sums.recomputed),
                    all if all == sums.recomputed => format!("{}, from stored rows", of(all)),
                    some => format!("{}, {some} of them from stored rows", of(sums.recomputed)),
                };
                if sums.by_others > 0 {
                    text.push_str(&format!(", {} of them with the build that did them first", sums.by_others));
                }
                Verdict::Proven(text)
            }
        };
        // One chunk that matches exactly shows that the database stores such values unchanged.
        let suspected = sums.suspected.clone().filter(|_| sums.held > 0).map(|(what, _)| what);
        let unknown = sums.unknown.or(sums.suspected.map(|(what, or)| format!("{what}, {or}")));
        let target = match (sums.not_held.or(suspected), unknown) {
            // It cannot be known who changed a row since; an application that writes to the table is no fault of the
            // run.
            (Some(what), _) => match touched_later(self, history, record, (at, transform)).await? {
                Some(later) => Verdict::Unproven(format!("{what}; but {later} may write there too")),
                None => Verdict::Unproven(format!("{what}; {WRITTEN_SINCE}")),
            },
            (None, Some(why)) if sums.held > 0 => {
                Verdict::Unproven(format!("{} match what was written; for the others: {why}", of(sums.held)))
            }
            (None, Some(why)) => Verdict::Unproven(why),
            (None, None) => Verdict::Proven(of(sums.held)),
        };
        Ok(vec![
            Finding { level: ProofLevel::Recompute, subject: subject.clone(), verdict: recompute },
            Finding { level: ProofLevel::Target, subject, verdict: target },
        ])
    }

    /// Returns the rows of a chunk as they were read, or the reason why they cannot be read again.
    async fn read_again(&self, transform: &TransformRecord, chunk: &ChunkRecord) -> Result<Result<Batch, String>> {
        let read = self.read(transform.source.clone(), transform, chunk, chunk.rows_in, &chunk.types).await;
        let rows = match read {
            Ok(rows) => rows,
            Err(error) => return explained(error).map(Err),
        };
        match rows {
            Some(rows) if of_batch(&rows) == chunk.input => Ok(Ok(rows)),
            _ => Ok(Err(format!("rows of `{}` have changed since it read them", transform.source.table))),
        }
    }

    /// Reads the rows after a chunk's beginning.
    pub(super) async fn read(
        &self,
        source: TableSource,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
        rows: u64,
        types: &[Option<runner_data::ColumnType>],
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

    /// Counts the rows between a chunk's beginning and its last row.
    pub(super) async fn count(
        &self,
        source: TableSource,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
    ) -> Result<u64, DatabaseError> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let mut reader = TableReader::open(&mut **database, source, self.limits).await?;
        reader.turn_to(ChunkRange {
            bound: transform.bound.clone(),
            after: chunk.after.clone(),
            to: chunk.last.clone(),
            ..ChunkRange::default()
        });
        reader.count_rest(&mut **database).await
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

/// Selects the chunks to check: spread evenly, including the first and the last.
fn chosen(kept: &[ChunkRecord], extent: Extent) -> Vec<(usize, &ChunkRecord)> {
    match extent {
        Extent::Sample(1) => kept.iter().enumerate().take(1).collect(),
        Extent::Sample(some) if some < kept.len() => (0..some)
            .map(|at| at * (kept.len() - 1) / some.saturating_sub(1).max(1))
            .filter_map(|at| Some((at, kept.get(at)?)))
            .collect(),
        Extent::Sample(_) | Extent::All => kept.iter().enumerate().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_from_the_first_to_the_last() {
        let kept: Vec<ChunkRecord> =
            (0..100).map(|rows_in| ChunkRecord { rows_in, ..ChunkRecord::default() }).collect();
        let rows = |extent| chosen(&kept, extent).iter().map(|(_, chunk)| chunk.rows_in).collect::<Vec<_>>();
        assert_eq!(rows(Extent::Sample(4)), [0, 33, 66, 99]);
        assert_eq!(rows(Extent::Sample(1)), [0]);
        assert_eq!(rows(Extent::Sample(1000)).len(), 100);
        assert_eq!(rows(Extent::All).len(), 100);
    }
}
