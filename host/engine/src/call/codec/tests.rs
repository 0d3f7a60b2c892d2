use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::*;
use crate::call::answer::{self, Page, Position, Resolved, Spooled, Transformed};
use crate::call::golden_tests::{batch, row_set, values};
use crate::call::transform::{KeyOrEnd, TransformSpec};
use crate::call::{Answer, Inputs};
use runner_data::{Batch, ColumnType, Digest, RowSet, Value};
use runner_database::{DatabaseError, DatabaseErrorKind, TableName, TableSource, TableTarget, WriteMode};

/// Checks that an encoded value reads back, that every prefix of it and an additional byte are refused, and that a changed
/// byte is refused or yields another valid value.
pub(crate) fn assert_no_panic<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let value: T = decode(bytes).expect("a value");
    assert_eq!(encode(&value), bytes);
    for length in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..length]).is_none(), "cut at {length}");
    }
    assert!(decode::<T>(&[bytes, &[0]].concat()).is_none(), "one byte too many");
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len() {
        for flipped in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
            changed[at] ^= flipped;
            if let Some(other) = decode::<T>(&changed) {
                encode(&other);
            }
            changed[at] ^= flipped;
        }
    }
}

/// Checks the same of a packed value.
fn assert_packed<T: Serialize + DeserializeOwned + Debug>(packed: &[u8]) {
    assert_eq!(pack(&unpack::<T>(packed).expect("a value")), packed);
    for length in 0..packed.len() {
        assert!(unpack::<T>(&packed[..length]).is_none(), "cut at {length}");
    }
    assert!(unpack::<T>(&[packed, &[0]].concat()).is_none(), "one byte too many");
    // A second frame, even an empty one, was not written by `pack`.
    let empty = zstd::bulk::compress(&[], LEVEL).expect("compressed");
    assert!(packed[0] == RAW || unpack::<T>(&[packed, &empty].concat()).is_none(), "two frames");
    let mut changed = packed.to_vec();
    for at in 0..packed.len() {
        for flipped in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
            changed[at] ^= flipped;
            unpack::<T>(&changed);
            changed[at] ^= flipped;
        }
    }
}

fn answered<T: Answer + Debug>(answer: T) -> Vec<u8> {
    let bytes = encode(&Ok::<_, DatabaseError>(answer));
    assert_no_panic::<Result<T, DatabaseError>>(&bytes);
    bytes
}

fn stored<T: Serialize + DeserializeOwned>(value: T) -> Vec<u8> {
    let bytes = encode(&value);
    assert_no_panic::<T>(&bytes);
    bytes
}

fn errors() -> Vec<DatabaseError> {
    let kinds = [
        DatabaseErrorKind::Denied,
        DatabaseErrorKind::Syntax,
        DatabaseErrorKind::Constraint,
        DatabaseErrorKind::Conversion,
        DatabaseErrorKind::InvalidArgument,
        DatabaseErrorKind::Timeout,
        DatabaseErrorKind::Busy,
        DatabaseErrorKind::Limit,
        DatabaseErrorKind::Connection,
        DatabaseErrorKind::NotFound,
        DatabaseErrorKind::Configuration,
        DatabaseErrorKind::ReadOnly,
        DatabaseErrorKind::Full,
        DatabaseErrorKind::Corrupt,
        DatabaseErrorKind::Interrupted,
        DatabaseErrorKind::Other,
    ];
    let full = |kind| DatabaseError {
        statement: Some("SELECT 1".into()),
        ..DatabaseError::new(kind, "no").code("1").detail("d").hint("h")
    };
    kinds.into_iter().flat_map(|kind| [DatabaseError::new(kind, "no"), full(kind)]).collect()
}

fn spec(mode: WriteMode) -> TransformSpec {
    TransformSpec {
        name: "raise".to_owned(),
        source: TableSource {
            table: TableName { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns: vec![("a".to_owned(), None), ("b".to_owned(), Some(ColumnType::Text))],
            key: vec!["a".to_owned()],
            filter: Some("a > ?".to_owned()),
            parameters: values(),
            descending: true,
        },
        target: TableTarget { table: TableName::new("u"), mode, key: vec!["k".to_owned()] },
        bound: Some(vec![Value::Int64(70)]),
    }
}

fn inputs() -> Inputs {
    Inputs {
        sha256: "ab".to_owned(),
        run_timestamp: -1,
        seed: u64::MAX,
        server_version: "3.51".to_owned(),
        parameters: Arc::new(BTreeMap::from([("a".to_owned(), Value::Int64(1)), ("b".to_owned(), Value::Null)])),
        assets: BTreeMap::from([("zones/a.txt".to_owned(), "cd".to_owned())]),
    }
}

fn position() -> Position {
    Position { bound: Some(values()), last: None, types: all_types().map(Some).into_iter().chain([None]).collect() }
}

fn all_types() -> [ColumnType; 13] {
    [
        ColumnType::Boolean,
        ColumnType::Int64,
        ColumnType::Float64,
        ColumnType::Text,
        ColumnType::Bytes,
        ColumnType::Decimal,
        ColumnType::Date,
        ColumnType::Time,
        ColumnType::Timestamp,
        ColumnType::Timestamptz,
        ColumnType::Uuid,
        ColumnType::Json,
        ColumnType::Native,
    ]
}

/// The digest covers the bytes of every case of every stored type. If it changes, this build cannot read what others have
/// written, and `schema::FORMAT` has to be raised.
#[test]
fn stored_bytes_are_fixed_and_damaged_ones_are_refused() {
    let mut all = vec![
        answered(u64::MAX),
        answered(()),
        answered(row_set()),
        answered(RowSet::default()),
        answered(Spooled { parts: 1, rows: 2 }),
        answered(Resolved { columns: vec![("a".to_owned(), None)], key: vec!["a".to_owned()] }),
        answered(Page { batch: Some(batch()), position: position() }),
        answered(Page::default()),
        answered(Transformed { rows_read: 1, rows_written: 2, chunks: 300, content: Digest([7; 32]) }),
        stored(batch()),
        stored(position()),
        stored(inputs()),
        stored(KeyOrEnd(Some(values()))),
        stored(KeyOrEnd(None)),
    ];
    let modes = [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert, WriteMode::Delete];
    all.extend(modes.map(|mode| stored(spec(mode))));
    all.extend(errors().into_iter().map(|error| stored(Err::<u64, _>(error))));
    assert_eq!(Digest::of(&encode(&all)).hex(), "f7ea25172d47163cb136f3597de66bc26f4b83a0fd194ec9ac7f5851a97a5f28");
}

#[test]
fn compressed_values_read_back_and_damaged_ones_are_refused() {
    let large = RowSet { columns: vec!["a".to_owned()], rows: vec![vec![Value::Text("x".repeat(10_000))]; 9] };
    let packed = answer::pack(Ok(&large));
    assert!(packed.len() < 1_000, "{}", packed.len());
    assert_eq!(answer::unpack(&packed), Some(Ok(large)));
    assert_packed::<Result<RowSet, DatabaseError>>(&packed);
    let random = (0..700_u32).map(|at| blake3::hash(&at.to_le_bytes()).as_bytes()[0]).collect();
    assert_packed::<KeyOrEnd>(&pack(&KeyOrEnd(Some(vec![Value::Bytes(random)]))));
    assert_packed::<u64>(&pack(&7_u64));
}

#[test]
fn a_value_larger_than_a_window_reads_back() {
    let data: Vec<u8> = (0..600_000_u32).flat_map(|at| *blake3::hash(&at.to_le_bytes()).as_bytes()).collect();
    let value = Value::Bytes(data);
    assert!(unpack::<Value>(&pack(&value)) == Some(value), "19 MB");
}

#[test]
fn another_kind_of_answer_is_refused() {
    let number = answer::pack(Ok(&7_u64));
    assert_eq!(answer::unpack(&number), Some(Ok(7_u64)));
    assert_eq!(answer::unpack::<()>(&number), None);
    assert_eq!(answer::unpack::<Transformed>(&number), None);
    assert_eq!(unpack::<u64>(b""), None);
    assert_eq!(unpack::<u64>(&[2, 7]), None, "neither raw nor compressed");
}

#[test]
fn claimed_sizes_are_not_believed() {
    // The largest number as the length of lists, texts and bytes, and as the rows of a batch.
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert!(decode::<u64>(&most).is_some_and(|number| number == u64::MAX));
    assert!(decode::<RowSet>(&most).is_none());
    assert!(decode::<String>(&most).is_none());
    assert!(decode::<Value>(&[&[5], &most[..]].concat()).is_none());
    assert!(decode::<BTreeMap<String, String>>(&most).is_none());
    for values in 0..13 {
        // One column without a name or a mask.
        let column = [1, 0, 0, values, 2, 0, 0, 0, 0];
        assert!(decode::<Batch>(&[&most, &column[..]].concat()).is_none(), "{values}");
        assert!(decode::<Batch>(&[&most, &[1, 0, 0, values, 0, 0, 0][..]].concat()).is_none(), "{values}");
    }
    // A frame that declares more than it contains, and one that declares more than the limit.
    let frame = |declared: u64| {
        let mut packed = vec![COMPRESSED, 0x28, 0xb5, 0x2f, 0xfd, 0b1100_0000, 0x48];
        packed.extend(declared.to_le_bytes());
        packed.extend([0b0000_1001, 0, 0, 7]);
        packed
    };
    assert_eq!(unpack::<u64>(&frame(1)), Some(7), "a frame of one raw byte");
    assert_eq!(unpack::<u64>(&frame(MAX_BYTES)), None);
    assert_eq!(unpack::<u64>(&frame(u64::MAX - 2)), None);
}

#[test]
fn a_frame_that_asks_for_a_large_window_is_refused() {
    let zeros = 3 * (128 << 10);
    let frame = |window: u8| {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1100_0000, window];
        frame.extend((zeros as u64).to_le_bytes());
        // Three blocks that repeat a zero 128 Ki times.
        for is_last in [0_u32, 0, 1] {
            frame.extend(&((128 << 10 << 3) | (1 << 1) | is_last).to_le_bytes()[..3]);
            frame.push(0);
        }
        frame
    };
    assert_eq!(decompress(&frame(0x48)), Some(vec![0; zeros]), "512 KiB");
    assert_eq!(decompress(&frame(0x68)), Some(vec![0; zeros]), "8 MiB");
    assert_eq!(decompress(&frame(0x88)), None, "128 MiB");
}
