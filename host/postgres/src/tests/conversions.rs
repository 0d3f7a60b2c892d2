//! Values of one type as another: exact, or an error with a way out.

use super::*;
use runner_contract::{batch, column, integers, read, write};
use runner_data::{Batch, Column, ColumnType, ColumnValues};
use runner_database::DatabaseErrorKind;
use runner_database::{BatchLimits, TableName, TableTarget, WriteMode};

/// The error of reading one value.
async fn refused(database: &mut dyn Database, select: &str, as_what: Option<ColumnType>) -> DatabaseError {
    match read(database, select, &[as_what], BatchLimits::default()).await {
        Err(error) => error,
        Ok(found) => panic!("{select} as {as_what:?}: {found:?}"),
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_its_column_is_an_error_with_a_hint() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (select, part) in [
        ("SELECT 'NaN'::numeric", "NaN"),
        ("SELECT '-Infinity'::numeric", "-Infinity"),
        ("SELECT 'infinity'::date", "infinity"),
        ("SELECT '-infinity'::timestamp", "-infinity"),
        ("SELECT 'infinity'::timestamptz", "infinity"),
        ("SELECT '294276-12-31'::timestamp", "294246"),
    ] {
        if select == "SELECT '-Infinity'::numeric" && !since(&fresh, 14) {
            continue;
        }
        let error = refused(database, select, None).await;
        assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{select}: {error}");
        assert!(error.message.contains(part) && error.hint.is_some(), "{select}: {error:?}");
        let error = database.query(select, &[], QueryLimits::NONE).await.expect_err(select);
        assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{select}: {error}");
        let found = read(database, select, &[Some(ColumnType::Text)], BatchLimits::default()).await.expect(select);
        let said = database.query(&format!("SELECT ({select})::text"), &[], QueryLimits::NONE).await.expect(select);
        assert_eq!(vec![vec![Value::of_cell(&found[0].columns[0], 0)]], said.rows, "{select}");
    }
}

#[tokio::test]
async fn requested_types_convert_exactly_or_fail() {
    use ColumnType as Type;
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let noon = 1_767_268_800_000_000;
    for (value, as_what, expected) in [
        ("true", Type::Int64, Value::Int64(1)),
        ("1::smallint", Type::Boolean, Value::Boolean(true)),
        ("7", Type::Float64, Value::Float64(7.0)),
        ("7", Type::Decimal, Value::Decimal("7".to_owned())),
        ("7", Type::Text, Value::from("7")),
        ("7::float8", Type::Int64, Value::Int64(7)),
        ("0.1::float8", Type::Decimal, Value::Decimal("0.1".to_owned())),
        ("7.00::numeric", Type::Int64, Value::Int64(7)),
        ("0.1::numeric", Type::Float64, Value::Float64(0.1)),
        ("true", Type::Text, Value::from("true")),
        ("'7'", Type::Int64, Value::Int64(7)),
        ("'-1.50'", Type::Decimal, Value::Decimal("-1.50".to_owned())),
        ("'2026-01-01'", Type::Date, Value::Date(20_454)),
        ("'12:00'", Type::Time, Value::Time(43_200_000_000)),
        ("'2026-01-01T12:00'", Type::Timestamp, Value::Timestamp(noon)),
        ("'2026-01-01 14:00+02:00'", Type::Timestamptz, Value::Timestamptz(noon)),
        ("'2026-01-01 12:00'::timestamp", Type::Timestamptz, Value::Timestamptz(noon)),
        ("'2026-01-01 12:00+00'::timestamptz", Type::Timestamp, Value::Timestamp(noon)),
        ("'2026-01-01'::timestamp", Type::Date, Value::Date(20_454)),
        ("'2026-01-01'::date", Type::Timestamp, Value::Timestamp(noon - 43_200_000_000)),
        ("'2026-01-01 12:00+00'::timestamptz", Type::Text, Value::from("2026-01-01 12:00:00+00")),
        ("'00000000-0000-0001-0000-000000000002'", Type::Uuid, Value::Uuid(1, 2)),
        ("'\\x00000000000000010000000000000002'::bytea", Type::Uuid, Value::Uuid(1, 2)),
        ("'ä'", Type::Bytes, Value::Bytes("ä".as_bytes().to_vec())),
        ("'{}'", Type::Json, Value::Json("{}".to_owned())),
        ("1.5::numeric", Type::Json, Value::Json("1.5".to_owned())),
        ("'{\"a\": 1}'::jsonb", Type::Text, Value::from("{\"a\": 1}")),
        ("'1 day'::interval", Type::Text, Value::from("1 day")),
        ("'{1,2}'::int[]", Type::Text, Value::from("{1,2}")),
        ("7", Type::Native, Value::Native { type_name: "integer".to_owned(), text: "7".to_owned() }),
    ] {
        let select = format!("SELECT {value} AS v");
        let found = read(database, &select, &[Some(as_what)], BatchLimits::default()).await.expect(value);
        assert_eq!(Value::of_cell(&found[0].columns[0], 0), expected, "{value} as {as_what}");
    }
    for (value, as_what) in [
        ("2", Type::Boolean),
        ("1.5::float8", Type::Int64),
        ("1.5::numeric", Type::Int64),
        ("9007199254740993", Type::Float64),
        ("0.1000000000000000055511151231257827::numeric", Type::Float64),
        ("'NaN'::float8", Type::Decimal),
        ("'x'", Type::Decimal),
        ("'2026-02-30'", Type::Date),
        ("'2026-01-01 12:00'::timestamp", Type::Date),
        ("'2026-01-01 12:00+02'", Type::Timestamp),
        ("'x'", Type::Uuid),
        ("'\\x00'::bytea", Type::Json),
        ("'1 day'::interval", Type::Time),
        ("true", Type::Decimal),
    ] {
        let error = refused(database, &format!("SELECT {value} AS v"), Some(as_what)).await;
        assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{value} as {as_what}: {error}");
        assert!(error.message.starts_with("column `v` holds "), "{error}");
    }
}

fn decimals(name: &str, entries: &[&str]) -> Column {
    let texts = runner_contract::texts(name, entries);
    match texts.values {
        ColumnValues::Text(values) => Column { values: ColumnValues::Decimal(values), ..texts },
        _ => texts,
    }
}

/// One value in the server's own text form.
fn natives(type_name: &str, entry: &str) -> Column {
    let texts = runner_contract::texts("v", &[entry]);
    match texts.values {
        ColumnValues::Text(values) => {
            let natives = runner_data::NativeValues { type_name: type_name.to_owned(), texts: values };
            Column { values: ColumnValues::Native(natives), ..texts }
        }
        _ => texts,
    }
}

#[tokio::test]
async fn values_of_another_type_are_written_exactly_or_refused() {
    use runner_contract::texts;
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE DOMAIN precise AS numeric(3,1); CREATE DOMAIN plain AS numeric; CREATE DOMAIN short AS varchar(3); \
         CREATE DOMAIN shorter AS short",
    );
    let floats = |entries: &[f64]| column("v", ColumnValues::Float64(entries.to_vec()));
    let numbers = |entries: &[i64]| integers("v", entries);
    let cases: Vec<(&str, Column, Option<&str>)> = vec![
        ("integer", numbers(&[2_147_483_648]), None),
        ("smallint", numbers(&[-32_769]), None),
        ("smallint", numbers(&[-32_768]), Some("-32768")),
        ("oid", numbers(&[-1]), None),
        ("integer", floats(&[7.0]), Some("7")),
        ("integer", floats(&[7.5]), None),
        ("integer", texts("v", &["7"]), Some("7")),
        ("integer", texts("v", &["007"]), None),
        ("integer", decimals("v", &["7.0"]), Some("7")),
        ("double precision", numbers(&[9_007_199_254_740_993]), None),
        ("double precision", decimals("v", &["0.1"]), Some("0.1")),
        ("real", floats(&[0.1]), None),
        ("real", floats(&[f64::from(0.1_f32)]), Some("0.1")),
        ("real", floats(&[1e300]), None),
        ("real", decimals("v", &["0.1"]), Some("0.1")),
        ("real", texts("v", &["-1.5e-7"]), Some("-1.5e-07")),
        ("real", decimals("v", &["0.10000000149011612"]), Some("0.1")),
        ("real", decimals("v", &["0.10000000149"]), None),
        ("real", decimals("v", &["16777217"]), None),
        ("real", texts("v", &["1e39"]), None),
        ("numeric", floats(&[0.1]), Some("0.1")),
        ("numeric", floats(&[f64::NAN]), None),
        ("numeric(5,2)", decimals("v", &["1.50"]), Some("1.50")),
        ("numeric(5,2)", decimals("v", &["1.500"]), Some("1.50")),
        ("numeric(5,2)", decimals("v", &["1.505"]), None),
        ("numeric(5,-2)", decimals("v", &["1500"]), Some("1500")),
        ("numeric(5,-2)", decimals("v", &["1550"]), None),
        ("numeric(5,2)", decimals("v", &["1000"]), None),
        ("text", numbers(&[7]), Some("7")),
        ("text", decimals("v", &["1.50"]), Some("1.50")),
        ("text", texts("v", &["a\0b"]), None),
        ("varchar(2)", texts("v", &["äö"]), Some("äö")),
        ("varchar(2)", texts("v", &["äöü"]), None),
        ("varchar(2)", texts("v", &["ä   "]), None),
        ("boolean", numbers(&[1]), Some("true")),
        ("boolean", numbers(&[2]), None),
        ("date", column("v", ColumnValues::Date(vec![i32::MAX])), None),
        ("date", column("v", ColumnValues::Timestamp(vec![0])), Some("1970-01-01")),
        ("timestamp", column("v", ColumnValues::Timestamp(vec![i64::MAX])), Some("294247-01-10 04:00:54.775807")),
        ("timestamp", column("v", ColumnValues::Timestamp(vec![i64::MIN])), None),
        ("timestamp(3)", column("v", ColumnValues::Timestamp(vec![1_500])), None),
        ("timestamp(3)", column("v", ColumnValues::Timestamp(vec![1_000])), Some("1970-01-01 00:00:00.001")),
        ("time", column("v", ColumnValues::Time(vec![-1])), None),
        ("timestamptz", texts("v", &["2026-01-01T12:00:00Z"]), Some("2026-01-01 12:00:00+00")),
        ("uuid", texts("v", &["00000000-0000-0000-0000-00000000000A"]), Some("00000000-0000-0000-0000-00000000000a")),
        ("uuid", texts("v", &["x"]), None),
        ("jsonb", texts("v", &["{\"a\":1}"]), Some("{\"a\": 1}")),
        ("jsonb", texts("v", &["{"]), None),
        ("bytea", texts("v", &["ä"]), Some("\\xc3a4")),
        ("interval", texts("v", &["1 day"]), Some("1 day")),
        ("interval", texts("v", &["x"]), None),
        ("interval(0)", texts("v", &["2 seconds"]), Some("00:00:02")),
        ("interval(0)", texts("v", &["1.5 seconds"]), None),
        ("interval(3)", texts("v", &["0.0625 seconds"]), None),
        ("interval day", texts("v", &["1 day"]), Some("1 day")),
        ("interval day", texts("v", &["1 day 3 hours"]), None),
        ("interval day to second(2)", texts("v", &["1 day 00:00:00.25"]), Some("1 day 00:00:00.25")),
        ("interval day to second(2)", texts("v", &["1 day 00:00:00.125"]), None),
        ("numeric(5,2)", natives("numeric", "1.50"), Some("1.50")),
        ("numeric(5,2)", natives("numeric", "1.505"), None),
        ("numeric(5,2)", natives("numeric", "NaN"), Some("NaN")),
        ("numeric(5,-2)", natives("numeric", "1550"), None),
        ("timestamp(3)", natives("timestamp", "2026-01-01 12:00:00.125"), Some("2026-01-01 12:00:00.125")),
        ("timestamp(3)", natives("timestamp", "2026-01-01 12:00:00.0625"), None),
        ("timestamptz(0)", natives("timestamptz", "2026-01-01 12:00:00.5Z"), None),
        ("time(0)", natives("time", "12:00:00.5"), None),
        ("timetz(0)", natives("timetz", "12:00:00.5+01"), None),
        ("precise", natives("numeric", "0.25"), None),
        ("precise", natives("numeric", "0.5"), Some("0.5")),
        ("inet", texts("v", &["::1"]), Some("::1/128")),
        ("integer[]", texts("v", &["{1,2}"]), Some("{1,2}")),
        ("numeric(6,2)[]", texts("v", &["{1.50,NULL}"]), Some("{1.50,NULL}")),
        ("numeric(6,2)[]", texts("v", &["{1.5,1.239}"]), None),
        ("numeric(6,2)[]", natives("numeric[]", "{{1.239}}"), None),
        ("time(0)[]", texts("v", &["{12:00:00.5}"]), None),
        ("timetz(0)[]", texts("v", &["{12:00:00.5+01}"]), None),
        ("timestamp(0)[]", texts("v", &["{2026-01-01 12:00:01}"]), Some("{\"2026-01-01 12:00:01\"}")),
        ("timestamp(0)[]", texts("v", &["{2026-01-01 12:00:00.5}"]), None),
        ("timestamptz(0)[]", texts("v", &["{2026-01-01 12:00:00.5Z}"]), None),
        ("interval(0)[]", texts("v", &["{2 seconds}"]), Some("{00:00:02}")),
        ("interval(0)[]", texts("v", &["{1.5 seconds}"]), None),
        ("precise[]", texts("v", &["{0.5,NULL}"]), Some("{0.5,NULL}")),
        ("precise[]", texts("v", &["{0.5,0.25}"]), None),
        ("precise[]", natives("precise[]", "{{0.25}}"), None),
        ("plain[]", natives("numeric[]", "{0.25}"), Some("{0.25}")),
        ("shorter[]", texts("v", &["{\"a  \"}"]), Some("{\"a  \"}")),
        ("shorter[]", texts("v", &["{\"ab   \"}"]), None),
        ("varchar(3)[]", texts("v", &["{abc,\"a  \"}"]), Some("{abc,\"a  \"}")),
        ("varchar(3)[]", texts("v", &["{abcd}"]), None),
        ("varchar(3)[]", texts("v", &["{\"ab   \"}"]), None),
        ("\"char\"", texts("v", &["a"]), Some("a")),
        ("\"char\"", texts("v", &["ab"]), None),
        ("\"char\"", texts("v", &["é"]), None),
    ];
    for (number, (declared, value, expected)) in cases.into_iter().enumerate() {
        // No version before 15 has a negative scale.
        if declared == "numeric(5,-2)" && !since(&fresh, 15) {
            continue;
        }
        let name = format!("t{number}");
        fresh.sql(&format!("CREATE TABLE {name} (id int PRIMARY KEY, v {declared})"));
        let rows = Batch { row_count: 1, columns: vec![integers("id", &[7]), value] };
        for mode in [WriteMode::Insert, WriteMode::Upsert, WriteMode::Update] {
            if mode == WriteMode::Update && expected.is_none() {
                fresh.sql(&format!("INSERT INTO {name} VALUES (7, NULL)"));
            }
            match (write(database, &name, mode, &[], &rows).await, expected) {
                (Ok(1), Some(expected)) => {
                    assert_eq!(fresh.value(&format!("SELECT v::text FROM {name}")), expected, "{declared} {rows:?}");
                }
                (Err(error), None) => {
                    assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{declared} {mode}: {error} {rows:?}");
                    assert_eq!(error.detail.as_deref(), Some("row id = 7"), "{declared} {mode}: {error:?}");
                }
                (result, _) => panic!("{declared} {mode}: {result:?} for {rows:?}"),
            }
        }
    }
    let target = TableTarget { table: TableName::new("t0"), mode: WriteMode::Insert, key: Vec::new() };
    let writer = database.open_writer(&target).await.expect("a writer");
    let nothing = batch(0, vec![]);
    assert_eq!(database.write(writer, &nothing, Default::default()).await, Ok(0));
    assert_eq!(database.finish_writer(writer).await, Ok(0));
}

#[tokio::test]
async fn a_text_for_one_byte_is_refused_if_it_is_longer() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let ask = "SELECT $1::\"char\"::text";
    for text in ["", "a", "\\"] {
        let found = database.query(ask, &[Value::from(text)], QueryLimits::NONE).await.expect(text).rows;
        assert_eq!(found, [[Value::from(text)]], "{text}");
    }
    for text in ["ab", "é", "\\400"] {
        let error = database.query(ask, &[Value::from(text)], QueryLimits::NONE).await.expect_err(text);
        assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{text}: {error}");
        assert!(error.message.starts_with("parameter 1: it is longer than the one byte"), "{error}");
    }
}
