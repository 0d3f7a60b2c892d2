//! The transforms that other processes can take part in.

use super::{count, garbled, rows, sql};
use runner_data::Value;
use runner_database::{DatabaseError, HostSession};

/// A transform in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
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
pub async fn under_way(database: &mut HostSession<'_>) -> Result<Vec<UnderWay>, DatabaseError> {
    let found = rows(database, sql::UNDER_WAY, &[]).await?;
    let read = |row: Vec<Value>| {
        let [history, step, revision, sha256] = &row[..] else { return None };
        let text = |value: &Value| value.as_text().map(str::to_owned);
        Some(UnderWay {
            history: history.as_int64()?,
            step: count(step)?,
            revision: text(revision)?,
            sha256: text(sha256)?,
        })
    };
    found.into_iter().map(|row| read(row).ok_or_else(garbled)).collect()
}
