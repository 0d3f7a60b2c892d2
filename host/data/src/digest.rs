//! Digests of batches: equal batches have the same digest on every machine. Computed a column at a time.
//!
//! The encoding is the contract of transcripts and has a number, [`VERSION`]. All integers are little-endian, floats their
//! bits. A cell under NULL counts as zero or empty, whatever is stored, and a mask without a NULL as no mask. The entries of a
//! column are included by their own digest, which is fastest over one long piece of memory.

use serde::{Deserialize, Serialize};

use super::{Batch, Column, ColumnType, ColumnValues, VarValues};

/// The version of the encoding, part of every digest.
pub const VERSION: &str = "runner batch 1";

/// A digest of 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// In hexadecimal.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl From<blake3::Hash> for Digest {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

/// The digest of a validated batch.
pub fn of_batch(batch: &Batch) -> Digest {
    let mut hasher = blake3::Hasher::new();
    bytes(&mut hasher, VERSION.as_bytes());
    number(&mut hasher, batch.row_count);
    number(&mut hasher, batch.columns.len());
    for column in &batch.columns {
        put_column(&mut hasher, column);
    }
    hasher.finalize().into()
}

fn number(hasher: &mut blake3::Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}

fn bytes(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    number(hasher, bytes.len());
    hasher.update(bytes);
}

fn put_column(hasher: &mut blake3::Hasher, column: &Column) {
    bytes(hasher, column.name.as_bytes());
    hasher.update(&[tag(column.values.column_type())]);
    let nulls: &[u8] = if column.nulls.contains(&1) { &column.nulls } else { &[] };
    bytes(hasher, nulls);
    match &column.values {
        ColumnValues::Boolean(entries) => fixed(hasher, entries, nulls, 1),
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => fixed(hasher, entries, nulls, 1),
        ColumnValues::Float64(entries) => fixed(hasher, entries, nulls, 1),
        ColumnValues::Date(entries) => fixed(hasher, entries, nulls, 1),
        ColumnValues::Uuid(entries) => fixed(hasher, entries, nulls, 2),
        ColumnValues::Text(values)
        | ColumnValues::Bytes(values)
        | ColumnValues::Decimal(values)
        | ColumnValues::Json(values) => varying(hasher, values, nulls),
        ColumnValues::Native(values) => {
            bytes(hasher, values.type_name.as_bytes());
            varying(hasher, &values.texts, nulls);
        }
    }
}

/// Entries of one size, `each` of them for a row.
fn fixed<T: Plain>(hasher: &mut blake3::Hasher, entries: &[T], nulls: &[u8], each: usize) {
    let digest = if nulls.is_empty() {
        of_plain(entries)
    } else {
        let mut masked = entries.to_vec();
        for (cells, null) in masked.chunks_exact_mut(each).zip(nulls) {
            if *null != 0 {
                cells.fill(T::default());
            }
        }
        of_plain(&masked)
    };
    hasher.update(digest.as_bytes());
}

fn varying(hasher: &mut blake3::Hasher, values: &VarValues, nulls: &[u8]) {
    let hides = |(row, null): (usize, &u8)| *null != 0 && values.offsets[row] != values.offsets[row + 1];
    if nulls.iter().enumerate().any(hides) {
        return varying(hasher, &bared(values, nulls), nulls);
    }
    fixed(hasher, &values.offsets, &[], 1);
    hasher.update(blake3::hash(&values.data).as_bytes());
}

/// Numbers without padding.
trait Plain: Copy + Default {
    /// Appends the bytes, the least significant first.
    #[cfg_attr(target_endian = "little", expect(dead_code, reason = "there the memory is what is wanted"))]
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! plain {
    ($($number:ty)+) => {
        $(
            impl Plain for $number {
                fn put(self, bytes: &mut Vec<u8>) {
                    bytes.extend_from_slice(&self.to_le_bytes());
                }
            }
        )+
    };
}

plain!(u8 u32 u64 i32 i64 f64);

#[cfg(target_endian = "little")]
fn of_plain<T: Plain>(entries: &[T]) -> blake3::Hash {
    // SAFETY: `Plain` is private and implemented for primitive numbers alone, which have no padding and no byte that is not
    // initialised; bytes have no alignment; and the length is that of the same memory, which is borrowed for the call.
    let bytes = unsafe { std::slice::from_raw_parts(entries.as_ptr().cast::<u8>(), std::mem::size_of_val(entries)) };
    blake3::hash(bytes)
}

#[cfg(not(target_endian = "little"))]
fn of_plain<T: Plain>(entries: &[T]) -> blake3::Hash {
    let mut bytes = Vec::with_capacity(std::mem::size_of_val(entries));
    entries.iter().for_each(|entry| entry.put(&mut bytes));
    blake3::hash(&bytes)
}

/// The entries, with those under a NULL emptied.
fn bared(values: &VarValues, nulls: &[u8]) -> VarValues {
    let mut bare = VarValues::default();
    for (row, null) in nulls.iter().enumerate() {
        if *null == 0 {
            bare.data.extend_from_slice(values.get(row));
        }
        bare.offsets.push(u32::try_from(bare.data.len()).unwrap_or(u32::MAX));
    }
    bare
}

/// A number for each type, which never changes.
fn tag(column_type: ColumnType) -> u8 {
    match column_type {
        ColumnType::Boolean => 0,
        ColumnType::Int64 => 1,
        ColumnType::Float64 => 2,
        ColumnType::Text => 3,
        ColumnType::Bytes => 4,
        ColumnType::Decimal => 5,
        ColumnType::Date => 6,
        ColumnType::Time => 7,
        ColumnType::Timestamp => 8,
        ColumnType::Timestamptz => 9,
        ColumnType::Uuid => 10,
        ColumnType::Json => 11,
        ColumnType::Native => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::super::NativeValues;
    use super::*;

    fn batch(nulls: &[u8], values: ColumnValues, rows: usize) -> Batch {
        let column = Column { name: "a".to_owned(), nulls: nulls.to_vec(), values };
        Batch { row_count: rows, columns: vec![column] }
    }

    fn text(offsets: &[u32], data: &str) -> VarValues {
        VarValues { offsets: offsets.to_vec(), data: data.as_bytes().to_vec() }
    }

    /// Published digests must never change: this one was computed with the encoding's description in the design note.
    #[test]
    fn the_encoding_is_fixed() {
        let mut plain = Vec::new();
        let mut put = |bytes: &[u8]| plain.extend_from_slice(bytes);
        for piece in [&14_u64.to_le_bytes()[..], b"runner batch 1", &2_u64.to_le_bytes(), &1_u64.to_le_bytes()] {
            put(piece);
        }
        for piece in [&1_u64.to_le_bytes()[..], b"a", &[3], &2_u64.to_le_bytes(), &[0, 1]] {
            put(piece);
        }
        let offsets = [0_u32, 1, 1].map(u32::to_le_bytes).concat();
        for piece in [&offsets[..], b"x"] {
            put(blake3::hash(piece).as_bytes());
        }
        let batch = batch(&[0, 1], ColumnValues::Text(text(&[0, 1, 1], "x")), 2);
        assert_eq!(of_batch(&batch), Digest::of(&plain));
    }

    #[test]
    fn the_value_under_a_null_does_not_count() {
        let masked = |entries: &[i64]| of_batch(&batch(&[0, 1], ColumnValues::Int64(entries.to_vec()), entries.len()));
        assert_eq!(masked(&[7, 1]), masked(&[7, 2]));
        assert_ne!(masked(&[7, 1]), masked(&[8, 1]));
        let texts = |values| of_batch(&batch(&[0, 1, 0], ColumnValues::Text(values), 3));
        assert_eq!(texts(text(&[0, 1, 3, 4], "abcd")), texts(text(&[0, 1, 1, 2], "ad")));
        let uuids = |low| of_batch(&batch(&[1, 0], ColumnValues::Uuid(vec![low, low, 5, 6]), 2));
        assert_eq!(uuids(1), uuids(2));
        let plain = |nulls: &[u8]| of_batch(&batch(nulls, ColumnValues::Int64(vec![1, 2]), 2));
        assert_eq!(plain(&[]), plain(&[0, 0]));
        assert_ne!(plain(&[]), plain(&[0, 1]));
    }

    #[test]
    fn everything_else_counts() {
        let all = [
            batch(&[], ColumnValues::Int64(vec![1]), 1),
            batch(&[], ColumnValues::Time(vec![1]), 1),
            batch(&[], ColumnValues::Float64(vec![0.0]), 1),
            batch(&[], ColumnValues::Float64(vec![-0.0]), 1),
            batch(&[], ColumnValues::Text(text(&[0, 1], "a")), 1),
            batch(&[], ColumnValues::Bytes(text(&[0, 1], "a")), 1),
            batch(&[], ColumnValues::Text(text(&[0, 0, 1], "a")), 2),
            batch(&[], ColumnValues::Text(text(&[0, 1, 1], "a")), 2),
            batch(&[], ColumnValues::Native(NativeValues { type_name: "x".to_owned(), texts: text(&[0, 1], "a") }), 1),
            Batch::default(),
        ];
        let digests: Vec<Digest> = all.iter().map(of_batch).collect();
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
        }
    }

    #[test]
    fn only_the_masked_row_is_masked() {
        let entries: Vec<i64> = (0..10_000).collect();
        let mut nulls = vec![0; entries.len()];
        nulls[9_000] = 1;
        let digest = |entries: &[i64]| of_batch(&batch(&nulls, ColumnValues::Int64(entries.to_vec()), entries.len()));
        let mut other = entries.clone();
        other[9_000] = 5;
        assert_eq!(digest(&entries), digest(&other));
        other[9_001] = 5;
        assert_ne!(digest(&entries), digest(&other));
    }
}
