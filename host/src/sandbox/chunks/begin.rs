//! How the chunks of a transform begin: its source and its target are opened, where it was before or anew.

use std::sync::Arc;

use super::{Chunks, Live};
use crate::database::{BatchLimits, Dialect, TableSource, TableTarget};
use crate::engine::control::Total;
use crate::engine::control::total::estimate;
use crate::engine::journal::work::Work;
use crate::engine::transcript::{Ledger, TransformRecord};
use crate::keyset::TableReader;
use crate::sandbox::ahead::Ahead;
use crate::sandbox::host::position;
use crate::sandbox::keys::KeyCheck;
use crate::sandbox::transform::{TransformError, trap};

/// A transform that has begun to read.
pub struct Begun {
    /// Reads the chunks.
    pub reader: TableReader,
    /// How many rows there are, those that are done included, as far as that is known.
    pub total: Option<Total>,
    /// Holds what comes back against what was given.
    pub check: Arc<KeyCheck>,
    /// What is done, with all names.
    pub work: Work,
}

impl Chunks<'_> {
    /// Opens source and target. `count`: rows that go, or no longer fit the filter, can be counted only now. Other sources are
    /// counted once the transform proves long: counting reads the whole table.
    pub async fn begin(
        &mut self,
        source: TableSource,
        target: TableTarget,
        limits: BatchLimits,
        count: bool,
        name: &str,
    ) -> Result<Begun, TransformError> {
        let checkpoint = self.live.as_ref().and_then(|live| live.transform.checkpoint.clone());
        let source = match &checkpoint {
            Some(it) => {
                TableSource { columns: it.work.source.columns.clone(), key: it.work.source.key.clone(), ..source }
            }
            None => source,
        };
        let mut database = self.run.database.lock().await;
        let database = &mut **database;
        self.open(database).await?;
        let mut reader = TableReader::open_bounded(database, source.clone(), self.limits(limits)).await?;
        if let Some(it) = &checkpoint {
            reader.resume_at(it.position.bound.clone(), it.position.last.clone(), &it.position.types);
        }
        let total = match (count, &checkpoint) {
            (true, None) => Some(Total::counted(reader.count(database).await?)),
            (true, Some(it)) => Some(Total::counted(it.done.rows_read + reader.count_rest(database).await?)),
            (false, _) => estimate(database, &source).await?,
        };
        if self.live.is_none() {
            self.ahead = Ahead::of(self.run, database, &source, &target, self.limits(limits)).await?;
        }
        let writer = database.open_writer(&target).await?;
        let target_key = match target.key.as_slice() {
            [] => database.table(&target.table).await?.key,
            key => key.to_vec(),
        };
        let work = match &checkpoint {
            Some(it) => it.work.clone(),
            None => Work {
                name: name.to_owned(),
                bound: reader.bound().map(<[_]>::to_vec),
                source: TableSource { columns: reader.columns(), key: reader.key().to_vec(), ..source.clone() },
                target: TableTarget { key: target_key.clone(), ..target.clone() },
            },
        };
        let dialect = database.facts().dialect;
        match &self.live {
            None => self.writer = Some(writer),
            Some(live) if checkpoint.is_some() => live.journal.close_part(database).await?,
            Some(Live { journal, transform, .. }) => {
                journal.begin_chunks(database, transform, &work, &position(&reader)).await.map_err(trap)??;
            }
        }
        let check = Arc::new(check_of(&work, &reader, dialect));
        self.record = Some(record_of(&work));
        self.target = Some(target);
        Ok(Begun { reader, total, check, work })
    }

    /// Here a chunk is a batch.
    fn limits(&self, limits: BatchLimits) -> BatchLimits {
        let most = self.run.transforms.rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(limits.rows);
        BatchLimits { rows: self.run.control.chunk_rows(limits.rows.min(most)), ..limits }
    }
}

/// Holds what comes back against what was given. Where the rows of a chunk alone are locked, others may come between them.
pub(in crate::sandbox) fn check_of(work: &Work, reader: &TableReader, dialect: Dialect) -> KeyCheck {
    let whole = work.source.table == work.target.table
        && reader.key() == work.target.key
        && reader.covers_key_range()
        && !dialect.locks_rows();
    KeyCheck::new(work.target.mode, work.target.key.clone(), whole)
}

/// What a transform is, without its chunks.
pub(in crate::sandbox) fn record_of(work: &Work) -> TransformRecord {
    TransformRecord {
        name: work.name.clone(),
        source: work.source.clone(),
        target: work.target.clone(),
        bound: work.bound.clone(),
        ledger: Ledger::default(),
    }
}
