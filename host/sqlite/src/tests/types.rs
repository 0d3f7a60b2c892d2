//! Every type in both directions.

use super::*;
use runner_data::ColumnType as T;
use runner_database::DatabaseErrorKind;

/// The first cell of a SELECT, in the requested type.
async fn cell(database: &mut dyn Database, select: &str, wanted: Option<T>) -> Result<(T, Value), DatabaseError> {
    let batches = read(database, select, &[wanted], BatchLimits::default()).await?;
    let column = &batches[0].columns[0];
    Ok((column.values.column_type(), Value::of_cell(column, 0)))
}

#[tokio::test]
async fn declared_types_decide() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    for (declared, literal, expected) in [
        ("INTEGER", "7", Ok((T::Int64, Value::Int64(7)))),
        ("BIGINT UNSIGNED", "'7'", Ok((T::Int64, Value::Int64(7)))),
        ("INT", "-9223372036854775808", Ok((T::Int64, Value::Int64(i64::MIN)))),
        ("INT", "'abc'", Err("`t.v` holds the text \"abc\", which is no int64")),
        ("INT", "1.5", Err("the real number 1.5, which is no int64")),
        ("INT", "x'00'", Err("a blob of 1 bytes")),
        ("BOOLEAN", "1", Ok((T::Boolean, Value::Boolean(true)))),
        ("BOOL", "2", Err("the integer 2, which is no boolean")),
        ("BOOLEAN", "'true'", Err("which is no boolean")),
        ("VARCHAR(9)", "7", Ok((T::Text, Value::from("7")))),
        ("TEXT", "''", Ok((T::Text, Value::from("")))),
        ("TEXT", "x'ff'", Err("which is no text")),
        ("BLOB", "x'00ff'", Ok((T::Bytes, Value::Bytes(vec![0, 255])))),
        ("BLOB", "'abc'", Err("which is no bytes")),
        ("REAL", "7", Ok((T::Float64, Value::Float64(7.0)))),
        ("DOUBLE PRECISION", "9e999", Ok((T::Float64, Value::Float64(f64::INFINITY)))),
        ("FLOAT", "'abc'", Err("which is no float64")),
        ("DECIMAL(10,2)", "1.50", Ok((T::Decimal, Value::Decimal("1.5".to_owned())))),
        ("NUMERIC", "9007199254740993", Ok((T::Decimal, Value::Decimal("9007199254740993".to_owned())))),
        ("NUMERIC", "0.1", Ok((T::Decimal, Value::Decimal("0.1".to_owned())))),
        ("NUMERIC", "'abc'", Err("which is no decimal")),
        ("NUMERIC", "9e999", Err("which is no decimal")),
        ("JSON", "'{\"a\": 1}'", Ok((T::Json, Value::Json("{\"a\": 1}".to_owned())))),
        ("JSON", "'5'", Ok((T::Json, Value::Json("5".to_owned())))),
        ("DATETIME", "'2026-01-02 03:04:05'", Ok((T::Text, Value::from("2026-01-02 03:04:05")))),
        ("TIMESTAMP", "1700000000", Ok((T::Int64, Value::Int64(1_700_000_000)))),
        ("UUID", "x'00'", Ok((T::Bytes, Value::Bytes(vec![0])))),
        ("POINT", "'1 2'", Ok((T::Text, Value::from("1 2")))),
        ("", "1.5", Ok((T::Float64, Value::Float64(1.5)))),
    ] {
        run(database, "DROP TABLE IF EXISTS t").await;
        run(database, &format!("CREATE TABLE t (v {declared})")).await;
        run(database, &format!("INSERT INTO t VALUES ({literal})")).await;
        let found = database.read_page(&page("SELECT v FROM t", &["v"])).await;
        match (found, expected) {
            (Ok(Some(batch)), Ok(expected)) => {
                let column = &batch.columns[0];
                assert_eq!((column.values.column_type(), Value::of_cell(column, 0)), expected, "{declared} {literal}");
            }
            (Err(error), Err(part)) => {
                assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{declared} {literal}: {error}");
                assert!(error.message.contains(part), "{declared} {literal}: {error}");
                assert!(error.hint.is_some(), "{declared} {literal}: {error:?}");
            }
            (found, expected) => panic!("{declared} {literal}: {found:?} for {expected:?}"),
        }
    }
}

#[tokio::test]
async fn requested_types_convert_exactly_or_fail() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    let day = 86_400_000_000_i64;
    for (literal, wanted, expected) in [
        ("'2026-03-01'", T::Date, Some(Value::Date(20_513))),
        ("'2026-03-01 00:00'", T::Date, None),
        ("20513", T::Date, None),
        ("'12:30'", T::Time, Some(Value::Time(day / 2 + 1_800_000_000))),
        ("'2026-03-01 12:00:00.5'", T::Timestamp, Some(Value::Timestamp(20_513 * day + day / 2 + 500_000))),
        ("'2026-03-01T12:00:00Z'", T::Timestamp, None),
        (
            "'2026-03-01T12:00:00+01:00'",
            T::Timestamptz,
            Some(Value::Timestamptz(20_513 * day + day / 2 - 3_600_000_000)),
        ),
        ("'2026-03-01'", T::Timestamptz, Some(Value::Timestamptz(20_513 * day))),
        (
            "'123E4567-E89B-12D3-A456-426614174000'",
            T::Uuid,
            Some(Value::Uuid(0x123e_4567_e89b_12d3, 0xa456_4266_1417_4000)),
        ),
        (
            "x'123e4567e89b12d3a456426614174000'",
            T::Uuid,
            Some(Value::Uuid(0x123e_4567_e89b_12d3, 0xa456_4266_1417_4000)),
        ),
        ("x'00'", T::Uuid, None),
        ("1", T::Boolean, Some(Value::Boolean(true))),
        ("1.0", T::Boolean, None),
        ("'-12.50'", T::Decimal, Some(Value::Decimal("-12.50".to_owned()))),
        ("1e300", T::Decimal, Some(Value::Decimal("1e300".to_owned()))),
        ("7", T::Text, Some(Value::from("7"))),
        ("0.1", T::Text, Some(Value::from("0.1"))),
        ("x'61'", T::Text, None),
        ("'{}'", T::Json, Some(Value::Json("{}".to_owned()))),
        ("9007199254740992", T::Float64, Some(Value::Float64(9_007_199_254_740_992.0))),
        ("9007199254740993", T::Float64, None),
        ("9223372036854775807", T::Float64, None),
        ("-9223372036854775808", T::Float64, Some(Value::Float64(-9_223_372_036_854_775_808.0))),
        ("2.0", T::Int64, Some(Value::Int64(2))),
        ("2.5", T::Int64, None),
        ("1e19", T::Int64, None),
        ("'abc'", T::Bytes, Some(Value::Bytes(b"abc".to_vec()))),
        ("NULL", T::Uuid, Some(Value::Null)),
    ] {
        let found = cell(database, &format!("SELECT {literal} AS v"), Some(wanted)).await;
        match (found, expected) {
            (Ok((column_type, value)), Some(expected)) => {
                assert_eq!((column_type, value), (wanted, expected), "{literal} as {wanted}");
            }
            (Err(error), None) => assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{literal}: {error}"),
            (found, expected) => panic!("{literal} as {wanted}: {found:?} for {expected:?}"),
        }
    }
}

#[tokio::test]
async fn otherwise_the_first_value_determines_the_type() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)").await;
    run(database, "INSERT INTO t (v) VALUES (NULL), (NULL), (7), (NULL), (8)").await;
    let all = "SELECT v FROM t ORDER BY id";
    let whole = read(database, all, &[], BatchLimits::default()).await.expect("rows");
    assert_eq!(whole[0].columns[0].nulls, [1, 1, 0, 1, 0]);
    assert_eq!(whole[0].columns[0].values, ColumnValues::Int64(vec![0, 0, 7, 0, 8]));
    let by_two = BatchLimits { rows: 2, ..BatchLimits::default() };
    let parts = read(database, all, &[], by_two).await.expect("rows");
    assert_eq!(parts[1].columns[0].values, ColumnValues::Int64(vec![7, 0]));
    run(database, "INSERT INTO t (v) VALUES (2.0)").await;
    let error = read(database, all, &[], by_two).await.expect_err("another storage class");
    assert_eq!(error.kind, DatabaseErrorKind::Conversion);
    let expression = "SELECT v FROM (SELECT 0.5 AS v UNION ALL SELECT 2)";
    let found = read(database, expression, &[], by_two).await.expect("exactly representable");
    assert_eq!(found[0].columns[0].values, ColumnValues::Float64(vec![0.5, 2.0]));
}

#[tokio::test]
async fn an_error_names_table_column_row_and_value() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (a INTEGER, b TEXT, n INT, s TEXT, PRIMARY KEY (a, b))").await;
    run(
        database,
        "INSERT INTO t VALUES (1, 'x', 1, 'fine'), (2, 'ü', 'abc', 'fine'), (3, 'z', 1, CAST(x'61ff' AS TEXT))",
    )
    .await;
    let all = "SELECT n, s, a, b FROM t ORDER BY a";
    let error = database.read_page(&page(all, &["a", "b"])).await.expect_err("abc");
    assert_eq!(error.message, "column `t.n` holds the text \"abc\", which is no int64");
    assert_eq!(error.detail.as_deref(), Some("row a = 2, b = \"ü\""));
    let request = CursorRequest { statement: all.to_owned(), ..CursorRequest::default() };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    let error = database.fetch(cursor, BatchLimits::default()).await.expect_err("abc");
    assert_eq!(error.message, "column `n` holds the text \"abc\", which is no int64");
    assert_eq!(error.detail, None, "the row is unknown");
    assert!(database.fetch(cursor, BatchLimits::default()).await.is_err(), "a failed cursor is not reported as ended");
    let error =
        database.read_page(&page("SELECT s, a, b FROM t ORDER BY a", &["a", "b"])).await.expect_err("not UTF-8");
    assert!(error.message.contains("which is not UTF-8"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("row a = 3, b = \"z\""));
    let error = database.query("SELECT s FROM t WHERE a = 3", &[], QueryLimits::NONE).await.expect_err("not UTF-8");
    assert_eq!(error.kind, DatabaseErrorKind::Conversion);
}

#[tokio::test]
async fn a_character_split_over_two_cells_is_invalid() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE TABLE t (s TEXT)").await;
    run(database.as_mut(), "INSERT INTO t VALUES (CAST(x'c3' AS TEXT)), (CAST(x'a4' AS TEXT))").await;
    let error = read(database.as_mut(), "SELECT s FROM t", &[], BatchLimits::default()).await.expect_err("halves");
    assert_eq!(error.kind, DatabaseErrorKind::Conversion);
}

#[tokio::test]
async fn text_of_utf16_databases_is_read_as_utf8() {
    let directory = directory();
    let old = rusqlite::Connection::open(directory.path().join("app.db")).expect("a database");
    old.execute_batch("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)")
        .expect("a table");
    drop(old);
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    let written = batch(2, vec![integers("id", &[1, 2]), texts("s", &["grün 😀", ""])]);
    write(database, "t", WriteMode::Insert, &[], &written).await.expect("written");
    let found = read(database, "SELECT id, s FROM t ORDER BY id", &[], BatchLimits::default()).await.expect("rows");
    assert_eq!(found, [written]);
}

/// Writes one cell into a column of the declared type and returns how it is stored.
async fn stored(database: &mut dyn Database, declared: &str, values: ColumnValues) -> Result<String, DatabaseError> {
    run(database, "DROP TABLE IF EXISTS t").await;
    run(database, &format!("CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")).await;
    let row = batch(1, vec![integers("id", &[5]), column("v", values)]);
    write(database, "t", WriteMode::Insert, &[], &row).await?;
    let class = text_of(database, "SELECT typeof(v) FROM t").await;
    // SQLite's own quote() rounds to 15 digits.
    match rows(database, "SELECT v + 0.0 FROM t WHERE typeof(v) = 'real'").await.pop().and_then(|mut row| row.pop()) {
        Some(Value::Float64(number)) => Ok(format!("{class} {number:?}")),
        _ => Ok(format!("{class} {}", text_of(database, "SELECT quote(v) FROM t").await)),
    }
}

fn var(text: &str) -> VarValues {
    VarValues { offsets: vec![0, text.len() as u32], data: text.as_bytes().to_vec() }
}

#[tokio::test]
async fn values_are_stored_unchanged_or_refused() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    let text = |text: &str| ColumnValues::Text(var(text));
    let decimal = |text: &str| ColumnValues::Decimal(var(text));
    let json = |text: &str| ColumnValues::Json(var(text));
    let uuid = || ColumnValues::Uuid(vec![1, 2]);
    for (declared, values, expected) in [
        ("TEXT", text("007"), Some("text '007'")),
        ("INTEGER", text("7"), Some("integer 7")),
        ("INTEGER", text("007"), None),
        ("NUMERIC", text(" 7"), None),
        ("NUMERIC", text("1.5"), Some("real 1.5")),
        ("NUMERIC", text("1.50"), None),
        ("NUMERIC", text("9223372036854775808"), None),
        ("NUMERIC", text("1e400"), None),
        ("REAL", text("7"), None),
        ("REAL", text("7.0"), Some("real 7.0")),
        ("INTEGER", text("-0.0"), None),
        ("NUMERIC", text("-0.0"), None),
        ("REAL", text("-0.0"), None),
        ("REAL", text("0.0"), Some("real 0.0")),
        ("", text("-0.0"), Some("text '-0.0'")),
        ("NUMERIC", decimal("-0.0"), Some("integer 0")),
        ("INTEGER", text("abc"), Some("text 'abc'")),
        ("DATETIME", text("2026-01-01"), Some("text '2026-01-01'")),
        ("", text("007"), Some("text '007'")),
        ("DECIMAL(9,2)", decimal("1.50"), Some("real 1.5")),
        ("DECIMAL(9,2)", decimal("100"), Some("integer 100")),
        ("NUMERIC", decimal("9007199254740993"), Some("integer 9007199254740993")),
        ("NUMERIC", decimal("0.30000000000000004"), Some("real 0.30000000000000004")),
        ("NUMERIC", decimal("12345678901234567890.12"), None),
        ("REAL", decimal("9007199254740993"), None),
        ("REAL", decimal("0.5"), Some("real 0.5")),
        ("INTEGER", decimal("2.00"), Some("integer 2")),
        ("TEXT", decimal("1.50"), Some("text '1.50'")),
        ("", decimal("1.50"), Some("text '1.50'")),
        ("TEXT", decimal("abc"), None),
        ("JSON", json("5"), Some("integer 5")),
        ("JSON", json("1.50"), Some("real 1.5")),
        ("JSON", json("{}"), Some("text '{}'")),
        ("REAL", ColumnValues::Int64(vec![9_007_199_254_740_993]), None),
        ("REAL", ColumnValues::Int64(vec![3]), Some("real 3.0")),
        ("TEXT", ColumnValues::Int64(vec![3]), Some("text '3'")),
        ("TEXT", ColumnValues::Float64(vec![0.1]), None),
        ("REAL", ColumnValues::Float64(vec![f64::NAN]), None),
        ("REAL", ColumnValues::Float64(vec![f64::NEG_INFINITY]), Some("real -inf")),
        ("BOOLEAN", ColumnValues::Boolean(vec![1]), Some("integer 1")),
        ("DATE", ColumnValues::Date(vec![2_932_896]), Some("text '9999-12-31'")),
        ("DATE", ColumnValues::Date(vec![2_932_897]), None),
        ("TIME", ColumnValues::Time(vec![1]), Some("text '00:00:00.000001'")),
        ("TIME", ColumnValues::Time(vec![-1]), None),
        ("TIMESTAMP", ColumnValues::Timestamp(vec![-1]), Some("text '1969-12-31 23:59:59.999999'")),
        ("TIMESTAMP", ColumnValues::Timestamptz(vec![0]), Some("text '1970-01-01T00:00:00Z'")),
        ("TIMESTAMP", ColumnValues::Timestamp(vec![i64::MAX]), None),
        ("UUID", uuid(), Some("text '00000000-0000-0001-0000-000000000002'")),
        ("BLOB", uuid(), Some("blob X'00000000000000010000000000000002'")),
        ("INTEGER", ColumnValues::Bytes(var("7")), Some("blob X'37'")),
    ] {
        let shown = format!("{declared} {values:?}");
        match (stored(database, declared, values).await, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{shown}"),
            (Err(error), None) => {
                assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{shown}: {error}");
                assert!(error.message.starts_with("column `t.v` cannot hold "), "{shown}: {error}");
                assert_eq!(error.detail.as_deref(), Some("row id = 5"), "{shown}: {error}");
            }
            (found, expected) => panic!("{shown}: {found:?} for {expected:?}"),
        }
    }
}

#[tokio::test]
async fn the_value_under_a_null_is_ignored() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE TABLE t (v NUMERIC, f REAL, d TEXT)").await;
    let null = |name: &str, values| Column { name: name.to_owned(), nulls: vec![1], values };
    let row = batch(
        1,
        vec![
            null("v", ColumnValues::Decimal(var("abc"))),
            null("f", ColumnValues::Float64(vec![f64::NAN])),
            null("d", ColumnValues::Date(vec![i32::MAX])),
        ],
    );
    assert_eq!(write(database.as_mut(), "t", WriteMode::Insert, &[], &row).await, Ok(1));
    assert_eq!(rows(database.as_mut(), "SELECT * FROM t").await, [[Value::Null, Value::Null, Value::Null]]);
}

#[tokio::test]
async fn copies_are_identical_to_the_last_bit() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    let columns = "i INTEGER, b BOOLEAN, r REAL, s TEXT, x BLOB, d DECIMAL(20,4), j JSON, t TIMESTAMP, n";
    run(database, &format!("CREATE TABLE source (id INTEGER PRIMARY KEY, {columns})")).await;
    run(database, &format!("CREATE TABLE target (id INTEGER PRIMARY KEY, {columns})")).await;
    for row in [
        "1, 1, 0.1, 'plain', x'', 1.5, '{\"a\": [1, null]}', '2026-01-01', 5",
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        "-9223372036854775808, 0, -9e999, '', x'00', -0.0001, '5', '0001-01-01 00:00:00', -5",
        "9223372036854775807, 1, 5e-324, 'ä€😀', x'ff00ff', 9007199254740993, '\"x\"', '9999-12-31T23:59:59.999999Z', 0",
        "0, 0, 1.7976931348623157e308, 'a' || char(0) || 'b', zeroblob(100), 123456789012.3456, 'null', 'not a time', 9",
        "7, 1, -0.0, ' 007 ', x'61', '99999999999999999999', '1.5', '12:00', 1",
    ] {
        run(database, &format!("INSERT INTO source (i, b, r, s, x, d, j, t, n) VALUES ({row})")).await;
    }
    let all = read(database, "SELECT * FROM source ORDER BY id", &[], BatchLimits::default()).await.expect("rows");
    for batch in &all {
        write(database, "target", WriteMode::Insert, &[], batch).await.expect("written");
    }
    let shown = |table: &str| {
        let cells: Vec<String> = "id i b r s x d j t n"
            .split(' ')
            .map(|column| format!("typeof({column}), quote({column}), hex({column}), printf('%!.20g', {column})"))
            .collect();
        format!("SELECT {} FROM {table} ORDER BY id", cells.join(", "))
    };
    let (source, target) = (rows(database, &shown("source")).await, rows(database, &shown("target")).await);
    assert_eq!(source.len(), 6);
    for (source, target) in source.iter().zip(&target) {
        assert_eq!(source, target);
    }
    // And once more through updates.
    run(database, "UPDATE target SET i = 3, b = 0, r = 1, s = 'x', x = x'', d = 0, j = '', t = '', n = 0").await;
    for batch in &all {
        write(database, "target", WriteMode::Update, &[], batch).await.expect("written");
    }
    assert_eq!(rows(database, &shown("source")).await, rows(database, &shown("target")).await);
}
