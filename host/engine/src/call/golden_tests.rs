//! Digests of answers, which histories record as parts of transcripts. They must never change, so they are compared with
//! fixed values.

use std::collections::BTreeMap;

use super::Answer;
use super::answer::{Page, Position, Resolved, Spooled, Transformed};
use runner_data::{Batch, Column, ColumnType, ColumnValues, Digest, NativeValues, RowSet, Value, VarValues, digest};

/// A value of every type.
pub(crate) fn values() -> Vec<Value> {
    vec![
        Value::Null,
        Value::Boolean(false),
        Value::Boolean(true),
        Value::Int64(i64::MIN),
        Value::Float64(-0.0),
        Value::Float64(f64::from_bits(0x7ff8_0000_0000_0001)),
        Value::Text("a\0ü".to_owned()),
        Value::Bytes(vec![0, 255]),
        Value::Decimal("-12.50".to_owned()),
        Value::Date(-1),
        Value::Time(86_400_000_000),
        Value::Timestamp(-1),
        Value::Timestamptz(1),
        Value::Uuid(u64::MAX, 1),
        Value::Json("{}".to_owned()),
        Value::Native { type_name: "inet".to_owned(), text: "::1".to_owned() },
    ]
}

/// A batch with a column of every type.
pub(crate) fn batch() -> Batch {
    let var = || VarValues { offsets: vec![0, 1, 3], data: b"abc".to_vec() };
    let all = [
        ColumnValues::Boolean(vec![0, 1]),
        ColumnValues::Int64(vec![1, -1]),
        ColumnValues::Float64(vec![0.5, -0.0]),
        ColumnValues::Text(var()),
        ColumnValues::Bytes(var()),
        ColumnValues::Decimal(var()),
        ColumnValues::Date(vec![1, -1]),
        ColumnValues::Time(vec![1, 2]),
        ColumnValues::Timestamp(vec![1, -2]),
        ColumnValues::Timestamptz(vec![1, -2]),
        ColumnValues::Uuid(vec![1, 2, 3, u64::MAX]),
        ColumnValues::Json(var()),
        ColumnValues::Native(NativeValues { type_name: "inet".to_owned(), texts: var() }),
    ];
    let columns = all.into_iter().enumerate().map(|(at, values)| Column {
        name: format!("c{at}"),
        nulls: if at % 2 == 0 { vec![] } else { vec![0, 1] },
        values,
    });
    Batch { row_count: 2, columns: columns.collect() }
}

/// A result with a value of every type.
pub(crate) fn row_set() -> RowSet {
    RowSet { columns: vec!["a".to_owned(), "ü".to_owned()], rows: values().chunks(2).map(<[Value]>::to_vec).collect() }
}

fn check(found: BTreeMap<&str, String>, golden: &[(&str, &str)]) {
    let golden: BTreeMap<&str, String> = golden.iter().map(|(name, hex)| (*name, (*hex).to_owned())).collect();
    assert_eq!(found, golden);
}

const GOLDEN: [(&str, &str); 10] = [
    ("nothing", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ("number", "36fb4020ed2e7862610ad6fa3bb63301080cbd00a3a651635b75d425a50f8d43"),
    ("no rows", "e572dff82304700b856a555ac3a4558d0df3646a3727816500270a93c66aac1e"),
    ("rows", "f9a311b8b88a4b76d84f0578f4253ca3c6f1dfd14c4d7fa0e217c6b8a000ea31"),
    ("batch", "3c5bf0c569c27d06172a6dd7d6c8589e0a6c31da942ead5c83e292a81b7c18cd"),
    ("spooled", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ("resolved", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ("page", "3c5bf0c569c27d06172a6dd7d6c8589e0a6c31da942ead5c83e292a81b7c18cd"),
    ("last page", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
    ("transformed", "99fb4b85e928f3690486f8ca6ce476a5e0e52ab496d759bb57edcce2ee13c995"),
];

#[test]
fn the_digests_of_answers_are_fixed() {
    let position = Position { bound: None, last: Some(values()), types: vec![None, Some(ColumnType::Text)] };
    let resolved = Resolved { columns: vec![("a".to_owned(), Some(ColumnType::Json))], key: vec!["a".to_owned()] };
    let content = Digest([7; 32]);
    let found = BTreeMap::from([
        ("nothing", ().digest()),
        ("number", 0x0102_0304_0506_0708_u64.digest()),
        ("no rows", RowSet::default().digest()),
        ("rows", row_set().digest()),
        ("batch", digest::of_batch(&batch())),
        ("spooled", Spooled { parts: 1, rows: 2 }.digest()),
        ("resolved", resolved.digest()),
        ("page", Page { batch: Some(batch()), position: position.clone() }.digest()),
        ("last page", Page { batch: None, position }.digest()),
        ("transformed", Transformed { rows_read: 1, rows_written: 2, chunks: 3, content }.digest()),
    ]);
    check(found.into_iter().map(|(name, digest)| (name, digest.hex())).collect(), &GOLDEN);
}
