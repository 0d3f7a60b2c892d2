use super::*;

fn values() -> Vec<Value> {
    vec![
        Value::Null,
        Value::Boolean(true),
        Value::Int64(i64::MIN),
        Value::Float64(-0.0),
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

#[test]
fn values_and_errors_come_back_as_they_were() {
    let rows = RowSet { columns: vec!["a".to_owned()], rows: values().into_iter().map(|it| vec![it]).collect() };
    let mut bytes = Vec::new();
    put_row_set(&mut bytes, &rows);
    assert_eq!(row_set(&mut Source::new(&bytes)), Some(rows));
    for length in 0..bytes.len() {
        assert_eq!(row_set(&mut Source::new(&bytes[..length])), None, "cut at {length}");
    }
    for kind in KINDS {
        let given = DatabaseError::new(kind, "no").code("1").detail("d").hint("h");
        let mut bytes = Vec::new();
        put_error(&mut bytes, &given);
        assert_eq!(error(&mut Source::new(&bytes)), Some(given));
    }
}

#[test]
fn batches_come_back_as_they_were() {
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
        ColumnValues::Uuid(vec![1, 2, 3, 4]),
        ColumnValues::Json(var()),
        ColumnValues::Native(NativeValues { type_name: "inet".to_owned(), texts: var() }),
    ];
    let columns = all.into_iter().enumerate().map(|(at, values)| Column {
        name: format!("c{at}"),
        nulls: if at % 2 == 0 { vec![] } else { vec![0, 1] },
        values,
    });
    let given = Batch { row_count: 2, columns: columns.collect() };
    let mut bytes = Vec::new();
    put_batch(&mut bytes, &given);
    assert_eq!(batch(&mut Source::new(&bytes)), Some(given));
    for length in 0..bytes.len() {
        assert_eq!(batch(&mut Source::new(&bytes[..length])), None, "cut at {length}");
    }
}
