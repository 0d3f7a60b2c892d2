//! The transforms that other processes can take part in.

use super::{corrupt, count, rows, sql};
use runner_data::Value;
use runner_database::{DatabaseError, HostSession};

/// A transform in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformInProgress {
    /// The history row.
    pub history: i64,
    /// The step.
    pub step: u64,
    /// The revision.
    pub revision: String,
    /// The digest of the revision's artifact.
    pub sha256: String,
}

/// Returns the transforms of upgrades that are in progress.
pub async fn in_progress(database: &mut HostSession<'_>) -> Result<Vec<TransformInProgress>, DatabaseError> {
    let found = rows(database, sql::UNDER_WAY, &[]).await?;
    let read = |row: Vec<Value>| {
        let [history, step, revision, sha256] = &row[..] else { return None };
        let text = |value: &Value| value.as_text().map(str::to_owned);
        Some(TransformInProgress {
            history: history.as_int64()?,
            step: count(step)?,
            revision: text(revision)?,
            sha256: text(sha256)?,
        })
    };
    found.into_iter().map(|row| read(row).ok_or_else(corrupt)).collect()
}
