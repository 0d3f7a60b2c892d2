//! Keys that rows keep in another spelling than they were written in: a collation may take `Alice` and `alice` for the same.

use super::Verifier;
use crate::transcript::{ChunkRecord, TransformRecord};
use runner_data::ColumnType;
use runner_database::{DatabaseError, WriteMode};

/// What a digest cannot distinguish from a difference, if a target may keep keys. Another chunk that matches does not
/// rule it out.
pub(super) const OTHER_SPELLING: &str = "or keeps keys in another spelling, which its collation takes for the same";

/// The types of the target's key, as it was written.
pub(super) fn key_types<'a>(
    transform: &'a TransformRecord,
    chunk: &'a ChunkRecord,
) -> impl Iterator<Item = (&'a str, ColumnType)> {
    let of_key = chunk.columns.iter().filter(|(name, _)| transform.target.key.contains(name));
    of_key.map(|(name, column_type)| (name.as_str(), *column_type))
}

impl Verifier {
    /// Whether the rows written may keep a key that they had before.
    pub(super) async fn keeps_spelling<'a>(
        &self,
        transform: &TransformRecord,
        key: impl Iterator<Item = (&'a str, ColumnType)>,
    ) -> Result<bool, DatabaseError> {
        let target = &transform.target;
        let is_elsewhere = match target.mode {
            WriteMode::Upsert => true,
            WriteMode::Update => target.table != transform.source.table,
            WriteMode::Insert | WriteMode::Delete => false,
        };
        let texts: Vec<&str> = key.filter(|(_, written)| *written == ColumnType::Text).map(|(name, _)| name).collect();
        if !is_elsewhere || texts.is_empty() {
            return Ok(false);
        }
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let columns = database.facts().sql.columns;
        columns.may_keep_spelling(database, &target.table, &texts).await
    }
}
