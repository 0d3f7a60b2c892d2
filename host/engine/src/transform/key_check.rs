//! Compares the keys that went into a batch function with those that came back: it may leave rows out of an update or a
//! delete, but not address rows that it was not given.

use std::collections::HashMap;

use super::notes::ChunkNotes;
use runner_data::{Batch, Column, ColumnValues};
use runner_database::WriteMode;
use runner_database::message::cells_text;

/// The comparison for one transform.
pub struct KeyCheck {
    /// The target's key, if only rows of the chunk may be addressed.
    key: Option<Vec<String>>,
    /// The source's key, by which messages name a row.
    row_key: Vec<String>,
    /// Whether a chunk holds all rows of the target between its first and its last key.
    whole: bool,
    /// What is recorded of each batch.
    notes: ChunkNotes,
}

/// The key columns of a chunk.
pub struct BatchKeys {
    columns: Vec<Column>,
    rows: usize,
}

impl KeyCheck {
    /// The check for a target of that mode and key. `whole`: a chunk holds all rows that the target has between the
    /// chunk's first and last key. `row_key`: the source's.
    pub fn new(mode: WriteMode, key: Vec<String>, row_key: Vec<String>, whole: bool, notes: ChunkNotes) -> Self {
        let by_key = matches!(mode, WriteMode::Update | WriteMode::Delete);
        Self { key: by_key.then_some(key), row_key, whole, notes }
    }

    /// No check at all.
    pub fn none() -> Self {
        Self { key: None, row_key: Vec::new(), whole: false, notes: ChunkNotes::default() }
    }

    /// The key by which messages name a row.
    pub fn row_key(&self) -> &[String] {
        &self.row_key
    }

    /// What is recorded of each batch.
    pub fn notes(&self) -> &ChunkNotes {
        &self.notes
    }

    /// The keys of a chunk, if they are to be compared. A source that does not deliver the target's key leaves it to
    /// the database to refuse rows that do not exist.
    pub fn keys_of(&self, rows: &Batch) -> Option<BatchKeys> {
        let columns = self.key.as_ref()?.iter().map(|name| rows.column(name).cloned()).collect::<Option<Vec<_>>>()?;
        Some(BatchKeys { columns, rows: rows.row_count })
    }

    /// Whether exactly the chunk's keys came back and the target has no others between them; an error for a key that is not
    /// one of the chunk's.
    pub fn compare(&self, keys: &BatchKeys, answer: &Batch) -> Result<bool, String> {
        if answer.row_count == 0 {
            return Ok(false);
        }
        let mut answered = Vec::with_capacity(keys.columns.len());
        for column in &keys.columns {
            match answer.column(&column.name) {
                Some(found) if found.values.column_type() == column.values.column_type() => answered.push(found),
                Some(found) => {
                    return Err(format!(
                        "the key column `{}` was passed in as {} and returned as {}",
                        column.name,
                        column.values.column_type(),
                        found.values.column_type()
                    ));
                }
                None => return Err(format!("the key column `{}` is missing", column.name)),
            }
        }
        let same = |(column, found): (&Column, &&Column)| column.values == found.values && column.nulls == found.nulls;
        if answer.row_count == keys.rows && keys.columns.iter().zip(&answered).all(same) {
            return Ok(self.whole && keys.columns.len() == 1);
        }
        let mut given: HashMap<Vec<u8>, bool> =
            (0..keys.rows).map(|row| (encode(keys.columns.iter(), row), false)).collect();
        for row in 0..answer.row_count {
            let shown = || cells_text(answered.iter().copied(), row);
            match given.get_mut(&encode(answered.iter().copied(), row)) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(format!("the key {} occurs twice in the batch", shown())),
                None => {
                    return Err(format!(
                        "a row has the key {}, which was not in the chunk: keys must not be changed",
                        shown()
                    ));
                }
            }
        }
        Ok(false)
    }
}

impl BatchKeys {
    /// Whether the rows have these keys, in this order.
    pub fn are_those_of(&self, rows: &Batch) -> bool {
        let same = |column: &Column| {
            rows.column(&column.name).is_some_and(|it| it.values == column.values && it.nulls == column.nulls)
        };
        rows.row_count == self.rows && self.columns.iter().all(same)
    }

    /// The first and the last key, for messages.
    pub fn span(&self) -> Option<String> {
        let last = self.rows.checked_sub(1)?;
        Some(format!("rows {} to {}", cells_text(self.columns.iter(), 0), cells_text(self.columns.iter(), last)))
    }
}

/// A row's key as bytes that are equal exactly if the keys are.
fn encode<'a>(columns: impl Iterator<Item = &'a Column>, row: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    for column in columns {
        if column.is_null(row) {
            bytes.push(0);
            continue;
        }
        bytes.push(1);
        match &column.values {
            ColumnValues::Boolean(entries) => bytes.push(entries[row]),
            ColumnValues::Int64(entries)
            | ColumnValues::Time(entries)
            | ColumnValues::Timestamp(entries)
            | ColumnValues::Timestamptz(entries) => bytes.extend(entries[row].to_le_bytes()),
            ColumnValues::Float64(entries) => bytes.extend(entries[row].to_bits().to_le_bytes()),
            ColumnValues::Date(entries) => bytes.extend(entries[row].to_le_bytes()),
            ColumnValues::Uuid(entries) => {
                bytes.extend(entries[2 * row].to_be_bytes());
                bytes.extend(entries[2 * row + 1].to_be_bytes());
            }
            other => {
                let entry = other.var_values().map_or(&[][..], |values| values.get(row));
                bytes.extend((entry.len() as u64).to_le_bytes());
                bytes.extend(entry);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: WriteMode) -> KeyCheck {
        KeyCheck::new(mode, vec!["id".to_owned()], Vec::new(), true, ChunkNotes::default())
    }

    fn batch(ids: &[i64]) -> Batch {
        let column = Column { name: "id".to_owned(), nulls: vec![], values: ColumnValues::Int64(ids.to_vec()) };
        Batch { row_count: ids.len(), columns: vec![column] }
    }

    #[test]
    fn the_same_keys_cover_their_range() {
        let check = check(WriteMode::Update);
        let keys = check.keys_of(&batch(&[1, 5, 9])).expect("keys");
        assert_eq!(check.compare(&keys, &batch(&[1, 5, 9])), Ok(true));
        assert_eq!(check.compare(&keys, &batch(&[1, 9])), Ok(false));
        assert_eq!(check.compare(&keys, &batch(&[])), Ok(false));
    }

    #[test]
    fn a_changed_key_is_named() {
        let check = check(WriteMode::Update);
        let keys = check.keys_of(&batch(&[1, 5, 9])).expect("keys");
        let error = check.compare(&keys, &batch(&[1, 6, 9])).expect_err("a changed key");
        assert!(error.contains("a row has the key id = 6"), "{error}");
    }

    #[test]
    fn a_repeated_key_is_named() {
        let check = check(WriteMode::Update);
        let keys = check.keys_of(&batch(&[1, 5, 9])).expect("keys");
        let error = check.compare(&keys, &batch(&[1, 5, 5])).expect_err("a repeated key");
        assert!(error.contains("the key id = 5 occurs twice"), "{error}");
    }

    #[test]
    fn an_insert_is_not_compared() {
        assert!(check(WriteMode::Insert).keys_of(&batch(&[1])).is_none());
    }
}
