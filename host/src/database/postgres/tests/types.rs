//! Every type there and back, by what the server itself says of its values.

use super::*;
use crate::data::{Batch, Column, ColumnType, ColumnValues};
use crate::database::DatabaseErrorKind;
use crate::database::contract::{batch, column, integers, read, write};
use crate::database::{BatchLimits, TableName, TableTarget, WriteMode};

/// A type, how it is delivered, and values of it as SQL.
const TYPES: &[(&str, ColumnType, &[&str])] = &[
    ("boolean", ColumnType::Boolean, &["true", "false"]),
    ("smallint", ColumnType::Int64, &["-32768", "32767", "0"]),
    ("integer", ColumnType::Int64, &["-2147483648", "2147483647"]),
    ("bigint", ColumnType::Int64, &["-9223372036854775808", "9223372036854775807"]),
    ("oid", ColumnType::Int64, &["0", "4294967295"]),
    ("real", ColumnType::Float64, &["1e-45", "3.4028235e38", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1"]),
    (
        "double precision",
        ColumnType::Float64,
        &["5e-324", "1.7976931348623157e308", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0.1", "1e22"],
    ),
    (
        "numeric",
        ColumnType::Decimal,
        &[
            "0",
            "0.000",
            "-1.50",
            "10000",
            "1e100",
            "1e-100",
            "123456789.987654321",
            "repeat('9876543210', 100)::numeric",
            "('0.' || repeat('0123456789', 100))::numeric",
            "(repeat('7', 1000) || '.' || repeat('3', 1000))::numeric",
            "0.00010000",
            "9999.9999",
        ],
    ),
    ("numeric(20,4)", ColumnType::Decimal, &["0", "-1.5", "1234567890123456.7891"]),
    ("text", ColumnType::Text, &["''", "'ä€😀 \u{1} \\ \" '''", "repeat('x', 100000)", "'  blanks '"]),
    ("varchar(5)", ColumnType::Text, &["''", "'ä€😀ab'"]),
    ("char(5)", ColumnType::Text, &["''", "'ab'", "'ä€😀ab'"]),
    ("name", ColumnType::Text, &["'pg_class'", "''"]),
    ("\"char\"", ColumnType::Text, &["'a'", "''"]),
    ("bytea", ColumnType::Bytes, &["''", "'\\x00ff'", "decode(repeat('00ff', 10000), 'hex')"]),
    ("date", ColumnType::Date, &["'0001-01-01'", "'5874897-12-31'", "'4713-01-01 BC'", "'2000-02-29'", "'1969-12-31'"]),
    ("time", ColumnType::Time, &["'00:00'", "'24:00'", "'23:59:59.999999'"]),
    (
        "timestamp",
        ColumnType::Timestamp,
        &[
            "'0001-01-01'",
            "'4713-01-01 BC'",
            "'294246-12-31 23:59:59.999999'",
            "'1970-01-01'",
            "'1969-12-31 23:59:59.5'",
        ],
    ),
    ("timestamptz", ColumnType::Timestamptz, &["'0001-01-01 00:00:00+12'", "'294246-12-31'", "'2026-03-29 02:30+01'"]),
    ("timestamp(0)", ColumnType::Timestamp, &["'2026-01-01 12:00:01'"]),
    ("timetz", ColumnType::Native, &["'12:00:00.5+05:30'", "'24:00-15:59'"]),
    ("interval", ColumnType::Native, &["'1 year -2 months 3 days 04:05:06.789'", "'-178000000 years'", "'0'"]),
    (
        "uuid",
        ColumnType::Uuid,
        &["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "gen_random_uuid()"],
    ),
    ("json", ColumnType::Json, &["'{\"a\" : 1, \"a\": [ ]}'", "'null'", "'\"\\u0000\"'"]),
    ("jsonb", ColumnType::Json, &["'{\"b\": 1.00, \"a\": [null, \"ä\"]}'", "'null'", "'1e400'"]),
    ("mood", ColumnType::Text, &["'sad'", "'very ''happy'"]),
    ("mood[]", ColumnType::Native, &["'{sad,\"very ''happy\",NULL}'"]),
    ("citext", ColumnType::Text, &["'Ä'", "''"]),
    ("hstore", ColumnType::Native, &["'a=>1, \"b c\"=>NULL'"]),
    ("percent", ColumnType::Int64, &["0", "100"]),
    ("quantity", ColumnType::Decimal, &["1.50"]),
    ("pair", ColumnType::Native, &["'(1,\"a \"\"b\"\"\")'", "'(,)'", "ROW(NULL, '')::pair"]),
    (
        "integer[]",
        ColumnType::Native,
        &["'{}'", "'{1,NULL,3}'", "'{{1,2},{NULL,4}}'", "'[-1:1]={1,2,3}'", "array_fill(7, ARRAY[20000])"],
    ),
    ("text[]", ColumnType::Native, &["ARRAY['', 'NULL', NULL, 'a\"b\\c', '{}']", "'{}'"]),
    ("timestamptz[]", ColumnType::Native, &["ARRAY['infinity'::timestamptz, '0044-03-15 BC']"]),
    ("int4range", ColumnType::Native, &["'empty'", "'[1,10)'", "'(,)'"]),
    ("nummultirange", ColumnType::Native, &["'{}'", "'{[1.5,2],(3,)}'"]),
    ("tstzrange", ColumnType::Native, &["'[2026-01-01,infinity]'"]),
    ("inet", ColumnType::Native, &["'192.168.0.1/24'", "'::1'"]),
    ("cidr", ColumnType::Native, &["'10.0.0.0/8'"]),
    ("macaddr", ColumnType::Native, &["'08:00:2b:01:02:03'"]),
    ("bit(5)", ColumnType::Native, &["B'10101'"]),
    ("varbit", ColumnType::Native, &["B''", "B'1010101'"]),
    ("money", ColumnType::Native, &["'-92233720368547758.08'", "'1.5'"]),
    ("xml", ColumnType::Native, &["'<a b=\"c\">ä</a>'", "'text'"]),
    ("tsvector", ColumnType::Native, &["to_tsvector('english', 'a fat cat')", "''"]),
    ("tsquery", ColumnType::Native, &["to_tsquery('fat & (cat | !dog)')"]),
    ("point", ColumnType::Native, &["'(1.5,-0.1)'"]),
    ("polygon", ColumnType::Native, &["'((0,0),(1,1),(1e300,0))'"]),
    ("pg_lsn", ColumnType::Native, &["'16/B374D848'"]),
    ("regclass", ColumnType::Native, &["'pg_class'"]),
    ("jsonpath", ColumnType::Native, &["'$.a[*] ? (@ > 1)'"]),
    ("aclitem", ColumnType::Native, &["'postgres=arwd/postgres'"]),
];

const MADE: &str = "CREATE TYPE mood AS ENUM ('sad', 'very ''happy'); CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100); \
    CREATE DOMAIN quantity AS numeric(10,2); CREATE TYPE pair AS (a int, b text)";

/// Types that cannot be a parameter as they are: one has no binary form on the server, the other is unknown to sqlx.
const NO_PARAMETERS: [&str; 2] = ["aclitem", "nummultirange"];

/// How many rows are different between two tables, as the server sees it.
async fn differences(database: &mut dyn Database, left: &str, right: &str) -> Value {
    let ask = format!(
        "SELECT count(*) FROM {left} l FULL JOIN {right} r USING (id) WHERE l.v::text IS DISTINCT FROM r.v::text \
         OR l.id IS NULL OR r.id IS NULL"
    );
    rows(database, &ask).await.remove(0).remove(0)
}

/// What [`differences`] should be.
const NONE: Value = Value::Int64(0);

#[tokio::test]
async fn every_type_returns_as_it_was() {
    let fresh = fresh();
    fresh.sql(MADE);
    // They come with the server, but in a package of their own on some systems.
    let extensions = ["citext", "hstore"]
        .map(|name| (name, fresh.client().try_sql(&format!("CREATE EXTENSION {name}")).is_err()))
        .map(|(name, is_missing)| if is_missing { name } else { "" });
    let mut made = String::new();
    for (number, (name, _, values)) in TYPES.iter().enumerate().filter(|(_, (name, ..))| !extensions.contains(name)) {
        let rows: Vec<String> =
            values.iter().enumerate().map(|(id, value)| format!("({id}, ({value})::{name})")).collect();
        made.push_str(&format!(
            "CREATE TABLE f{number} (id int PRIMARY KEY, v {name}); CREATE TABLE t{number} (LIKE f{number} INCLUDING ALL); \
             INSERT INTO f{number} VALUES {}, (100, NULL);\n",
            rows.join(", ")
        ));
    }
    fresh.sql(&made);
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (number, (name, delivered, _)) in TYPES.iter().enumerate() {
        if extensions.contains(name) {
            continue;
        }
        let (from, to) = (format!("f{number}"), format!("t{number}"));
        let select = format!("SELECT id, v FROM {from} ORDER BY id");
        for small in [false, true] {
            let limits = BatchLimits { bytes: if small { 1 } else { 1 << 20 }, ..BatchLimits::default() };
            for batch in read(database, &select, &[], limits).await.expect(name) {
                assert_eq!(batch.columns[1].values.column_type(), *delivered, "{name}");
                let mode = if small { WriteMode::Upsert } else { WriteMode::Insert };
                write(database, &to, mode, &[], &batch).await.expect(name);
            }
            assert_eq!(differences(database, &from, &to).await, NONE, "{name}");
            run(database, &format!("UPDATE {to} SET v = NULL")).await;
        }
        for batch in read(database, &select, &[], BatchLimits::default()).await.expect(name) {
            write(database, &to, WriteMode::Update, &[], &batch).await.expect(name);
        }
        assert_eq!(differences(database, &from, &to).await, NONE, "{name} by update");
        // As small results and parameters.
        run(database, &format!("DELETE FROM {to}")).await;
        let insert = format!("INSERT INTO {to} VALUES ($1, $2)");
        for row in database.query(&select, &[], QueryLimits::NONE).await.expect(name).rows {
            if NO_PARAMETERS.contains(name) && row[1] != Value::Null {
                let cast = format!("INSERT INTO {to} VALUES ($1, $2::text::{name})");
                assert_eq!(database.execute(&cast, &row).await, Ok(1), "{name}: {row:?}");
                continue;
            }
            if NO_PARAMETERS.contains(name) {
                assert_eq!(database.execute(&format!("INSERT INTO {to} VALUES ($1)"), &row[..1]).await, Ok(1));
                continue;
            }
            assert_eq!(database.execute(&insert, &row).await, Ok(1), "{name}: {row:?}");
        }
        assert_eq!(differences(database, &from, &to).await, NONE, "{name} by parameter");
        // As text, and in the database's own form, every type crosses.
        for as_what in [ColumnType::Text, ColumnType::Native] {
            run(database, &format!("DELETE FROM {to}")).await;
            for batch in read(database, &select, &[None, Some(as_what)], BatchLimits::default()).await.expect(name) {
                let native = as_what == ColumnType::Native || batch.columns[1].values.column_type() == *delivered;
                if native {
                    write(database, &to, WriteMode::Insert, &[], &batch).await.expect(name);
                }
            }
            if as_what == ColumnType::Native {
                assert_eq!(differences(database, &from, &to).await, NONE, "{name} as {as_what}");
            }
        }
    }
}

#[tokio::test]
async fn random_values_return_as_they_were() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("SELECT setseed(0.42)");
    for (number, (name, value)) in [
        ("bigint", "(random() * 1e19 - 5e18)::numeric::bigint"),
        ("double precision", "(random() - 0.5) * pow(10::float8, random() * 600 - 300)"),
        ("real", "((random() - 0.5) * pow(10::float8, random() * 60 - 30))::real"),
        ("numeric", "round(((random() - 0.5) * pow(10::float8, random() * 40 - 20))::numeric, (random() * 30)::int)"),
        ("date", "'2000-01-01'::date + (random() * 5000000 - 700000)::int"),
        ("timestamptz", "'2000-01-01'::timestamptz + (random() * 1e11 - 5e10) * '1 second'::interval"),
        ("time", "(random() * 86399.9)::int * '1 second'::interval + '00:00'::time"),
        ("bytea", "decode(repeat(md5(random()::text), (random() * 10)::int), 'hex')"),
        ("text", "repeat(chr(1 + (random() * 50000)::int), (random() * 10)::int)"),
        ("uuid", "gen_random_uuid()"),
        ("interval", "make_interval((random() * 100)::int, 3, 0, -(random() * 40)::int, 0, 0, random() * 1000)"),
    ]
    .into_iter()
    .enumerate()
    {
        let (from, to) = (format!("f{number}"), format!("t{number}"));
        fresh.sql(&format!(
            "CREATE TABLE {from} (id int PRIMARY KEY, v {name}); CREATE TABLE {to} (LIKE {from} INCLUDING ALL); \
             INSERT INTO {from} SELECT n, CASE WHEN random() < 0.9 THEN {value} END FROM generate_series(1, 2000) n"
        ));
        let select = format!("SELECT * FROM {from} ORDER BY id");
        for batch in
            read(database, &select, &[], BatchLimits { rows: 700, ..BatchLimits::default() }).await.expect(name)
        {
            write(database, &to, WriteMode::Insert, &[], &batch).await.expect(name);
        }
        assert_eq!(differences(database, &from, &to).await, NONE, "{name}");
    }
}

/// The error of reading one value.
async fn refused(database: &mut dyn Database, select: &str, as_what: Option<ColumnType>) -> DatabaseError {
    match read(database, select, &[as_what], BatchLimits::default()).await {
        Err(error) => error,
        Ok(found) => panic!("{select} as {as_what:?}: {found:?}"),
    }
}

#[tokio::test]
async fn what_has_no_place_in_a_typed_column_is_an_error_with_a_way_out() {
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
async fn a_type_that_was_asked_for_is_exact_or_an_error() {
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
    let texts = crate::database::contract::texts(name, entries);
    match texts.values {
        ColumnValues::Text(values) => Column { values: ColumnValues::Decimal(values), ..texts },
        _ => texts,
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_written_exactly_or_refused() {
    use crate::database::contract::texts;
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
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
        ("inet", texts("v", &["::1"]), Some("::1/128")),
        ("integer[]", texts("v", &["{1,2}"]), Some("{1,2}")),
    ];
    for (number, (declared, value, expected)) in cases.into_iter().enumerate() {
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
