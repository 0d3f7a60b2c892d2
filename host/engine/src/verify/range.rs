//! Compares a target with the digest of what a chunk wrote, within the range of the keys that it wrote. Needs no source.

use super::spelling::{OTHER_SPELLING, key_types};
use super::target::TargetMatch;
use super::{Verifier, explained};
use crate::transcript::{ChunkRecord, TransformRecord, WrittenRange};
use runner_base::error::Result;
use runner_data::digest::of_batch;
use runner_data::{Batch, ColumnType, Value, order};
use runner_database::{DatabaseError, DatabaseErrorKind, Facts, WriteMode};

impl Verifier {
    /// Compares the rows of the target between the first and the last key that a chunk wrote with their digest.
    pub(super) async fn by_range(&self, transform: &TransformRecord, chunk: &ChunkRecord) -> Result<TargetMatch> {
        let table = &transform.target.table;
        let Some(written) = &chunk.written else { return Ok(TargetMatch::Unknown(no_range(transform, chunk))) };
        let found = match self.stored_otherwise(transform, chunk).await {
            Ok(Some(why)) => return Ok(TargetMatch::Unknown(why)),
            Ok(None) => self.read_range(transform, &chunk.columns, chunk, written).await,
            Err(error) => Err(error),
        };
        let (rows, unreadable) = match found {
            Ok(rows) => (rows.unwrap_or_default(), None),
            // Their number shows whether it is one of the rows written.
            Err(error) if error.kind == DatabaseErrorKind::Conversion => {
                let keys: Vec<_> =
                    chunk.columns.iter().filter(|(it, _)| transform.target.key.contains(it)).cloned().collect();
                match self.read_range(transform, &keys, chunk, written).await {
                    Ok(rows) => (rows.unwrap_or_default(), Some(error)),
                    Err(_) => return explained(error).map(TargetMatch::Unknown),
                }
            }
            Err(error) => return explained(error).map(TargetMatch::Unknown),
        };
        let count = rows.row_count as u64;
        if transform.target.mode == WriteMode::Delete {
            return Ok(match count {
                0 => TargetMatch::Yes,
                _ => TargetMatch::Unknown(format!("`{table}` has rows between those that it deleted")),
            });
        }
        if count > chunk.rows_out {
            return Ok(TargetMatch::Unknown(format!("`{table}` has other rows between those that it wrote")));
        }
        if count < chunk.rows_out {
            let missing = chunk.rows_out - count;
            let what = format!("`{table}` lacks {missing} of the {} rows written", chunk.rows_out);
            return match self.keeps_spelling(transform, key_types(transform, chunk)).await {
                Ok(true) => Ok(TargetMatch::Unknown(format!("{what}, {OTHER_SPELLING}"))),
                Ok(false) => Ok(TargetMatch::No(what)),
                Err(error) => explained(error).map(TargetMatch::Unknown),
            };
        }
        if let Some(error) = unreadable {
            return self.unreadable(transform, chunk, error).await;
        }
        // The order of the database may differ from the order of the digest.
        let is_same = order::by_key(&rows, &transform.target.key).is_some_and(|it| of_batch(&it) == written.content);
        if is_same { Ok(TargetMatch::Yes) } else { self.digest_differs(transform, chunk).await }
    }

    /// Reads some columns of the target between two keys, one row more than was written at most.
    async fn read_range(
        &self,
        transform: &TransformRecord,
        columns: &[(String, ColumnType)],
        chunk: &ChunkRecord,
        written: &WrittenRange,
    ) -> Result<Option<Batch>, DatabaseError> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let dialect = database.facts().dialect;
        let (target, names) = (&transform.target, &transform.target.key);
        let quoted = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ")
        };
        let type_of =
            |name: &String| chunk.columns.iter().find(|(it, _)| it == name).map(|(_, column_type)| *column_type);
        let facts = database.facts();
        let key: Vec<String> = names.iter().map(|name| comparable(facts, name, type_of(name))).collect();
        let mut parameters = Vec::new();
        let mut place = |value: &Value| {
            parameters.push(value.clone());
            dialect.placeholder(parameters.len())
        };
        let mut terms = Vec::new();
        for (operator, bound) in [(">=", &written.first), ("<=", &written.last)] {
            // A key with an order is of one of the database's own types, or is compared as one.
            let operator = dialect.comparison(operator, "text");
            let places: Vec<String> = bound.iter().map(&mut place).collect();
            if let ([_, _, ..], Some(first), Some(value)) = (key.as_slice(), key.first(), bound.first()) {
                terms.push(format!("({}) {operator} ({})", key.join(", "), places.join(", ")));
                // Not every database finds the range of an index by a comparison of rows.
                terms.push(format!("{first} {operator} {}", place(value)));
            } else {
                terms.push(format!("{} {operator} {}", key.join(", "), places.join(", ")));
            }
        }
        let select = format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {}",
            quoted(&mut columns.iter().map(|(name, _)| name)),
            target.table.quoted(dialect),
            terms.join(" AND "),
            quoted(&mut names.iter()),
        );
        let rows = usize::try_from(chunk.rows_out).unwrap_or(usize::MAX).saturating_add(1);
        let types = columns.iter().map(|(_, column_type)| Some(*column_type)).collect();
        let found = database.read_page(&self.page(target, (select, parameters), types, rows)).await?;
        Ok(found.map(|mut rows| {
            for (column, (name, _)) in rows.columns.iter_mut().zip(columns) {
                column.name.clone_from(name);
            }
            rows
        }))
    }

    /// Returns the reason if the key is stored as another type than it was written: its order may differ.
    async fn stored_otherwise(
        &self,
        transform: &TransformRecord,
        chunk: &ChunkRecord,
    ) -> Result<Option<String>, DatabaseError> {
        let mut database = self.database.lock().await;
        let database = &mut database.host();
        let dialect = database.facts().dialect;
        let key: Vec<String> = transform.target.key.iter().map(|name| dialect.quote(name)).collect();
        let key = key.join(", ");
        let select = format!("SELECT {key} FROM {} ORDER BY {key}", transform.target.table.quoted(dialect));
        let types = vec![None; transform.target.key.len()];
        let page = self.page(&transform.target, (select, Vec::new()), types, 1);
        // An empty table has no order either way.
        let Some(row) = database.read_page(&page).await? else { return Ok(None) };
        for (name, column) in transform.target.key.iter().zip(&row.columns) {
            let written = chunk.columns.iter().find(|(it, _)| it == name).map(|(_, column_type)| *column_type);
            let stored = column.values.column_type();
            if let Some(written) = written.filter(|written| !same_order(database.facts(), *written, stored)) {
                let table = &transform.target.table;
                return Ok(Some(format!("`{table}` stores the {written} of its key `{name}` as {stored}")));
            }
        }
        Ok(None)
    }
}

/// The expression by which a column of the key is compared: texts by their bytes, whatever the collation.
fn comparable(facts: &Facts, name: &str, column_type: Option<ColumnType>) -> String {
    let name = facts.dialect.quote(name);
    if column_type == Some(ColumnType::Text) { facts.sql.columns.by_bytes(&name) } else { name }
}

/// Whether a database orders what it stores as one type in the order of the type that was written.
fn same_order(facts: &Facts, written: ColumnType, stored: ColumnType) -> bool {
    use ColumnType::{Boolean, Bytes, Decimal, Int64, Text, Uuid};
    facts.sql.columns.keeps_order(written, stored).unwrap_or(match (written, stored) {
        (Int64, Decimal | Boolean) | (Boolean, Int64) | (Uuid, Text | Bytes) => true,
        _ => written == stored,
    })
}

/// Why no range was recorded.
fn no_range(transform: &TransformRecord, chunk: &ChunkRecord) -> String {
    let table = &transform.target.table;
    for name in &transform.target.key {
        match chunk.columns.iter().find(|(it, _)| it == name) {
            None => {
                return format!(
                    "without its source, rows of `{table}` are unknown: it did not write their key `{name}`"
                );
            }
            Some((_, column_type)) if !order::is_ordered(*column_type) => {
                return format!("rows cannot be found by the {column_type} `{name}`");
            }
            Some(_) => {}
        }
    }
    format!("without its source it is unknown which rows of `{table}` it wrote")
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_database::Dialect;
    use runner_drivers::facts;

    #[test]
    fn a_key_of_another_type_may_have_another_order() {
        use ColumnType::{Bytes, Date, Decimal, Int64, Text, Uuid};
        for (dialect, written, stored, is_same) in [
            (Dialect::Sqlite, Int64, Int64, true),
            (Dialect::Sqlite, Int64, Text, false),
            (Dialect::Sqlite, Date, Text, true),
            (Dialect::Mariadb, Date, Text, false),
            (Dialect::Mariadb, Int64, Decimal, true),
            (Dialect::Mariadb, Uuid, Uuid, false),
            (Dialect::Mariadb, Uuid, Bytes, true),
            (Dialect::Postgres, Uuid, Uuid, true),
            (Dialect::Postgres, Text, Int64, true),
            (Dialect::Sqlite, Text, Int64, false),
        ] {
            assert_eq!(same_order(&facts(dialect), written, stored), is_same, "{dialect:?} {written} {stored}");
        }
    }
}
