//! Every type in both directions, compared with the server's own representation.

use super::*;
use runner_contract::{read, source, write};
use runner_data::ColumnType;
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, WriteMode};

/// A type, the column type in which it is read, and values of it as SQL.
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

/// Types that cannot be sent as parameters directly: one has no binary form on the server, the other is unknown to
/// sqlx.
const NO_PARAMETERS: [&str; 2] = ["aclitem", "nummultirange"];

/// The number of rows that differ between two tables, compared by the server.
async fn differences(database: &mut dyn Database, left: &str, right: &str) -> Value {
    let ask = format!(
        "SELECT count(*) FROM {left} l FULL JOIN {right} r USING (id) WHERE l.v::text IS DISTINCT FROM r.v::text \
         OR l.id IS NULL OR r.id IS NULL"
    );
    rows(database, &ask).await.remove(0).remove(0)
}

/// The expected result of [`differences`].
const NONE: Value = Value::Int64(0);

#[tokio::test]
async fn every_type_round_trips() {
    let fresh = fresh();
    fresh.sql(MADE);
    // These ship with the server, but in a separate package on some systems.
    let extensions = ["citext", "hstore"]
        .map(|name| (name, fresh.client().try_sql(&format!("CREATE EXTENSION {name}")).is_err()))
        .map(|(name, is_missing)| if is_missing { name } else { "" });
    let multiranges = if since(&fresh, 14) { "" } else { "nummultirange" };
    let missing = [extensions[0], extensions[1], multiranges];
    let mut made = String::new();
    for (number, (name, _, values)) in TYPES.iter().enumerate().filter(|(_, (name, ..))| !missing.contains(name)) {
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
        if missing.contains(name) {
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
        // Every type can be transferred as text and in the database's own form.
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
async fn random_values_round_trip() {
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

/// A cast to text would add the mask of a single address. What is read is what the server prints, by every way to read.
#[tokio::test]
async fn addresses_are_as_the_server_prints_them() {
    let fresh = fresh();
    fresh.sql("CREATE DOMAIN address AS inet");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (number, (declared, type_name, values)) in [
        ("inet", "inet", &["10.0.0.1", "10.0.0.1/8", "10.0.0.0/8", "::1", "fe80::1/64", "::ffff:1.2.3.4"][..]),
        ("address", "inet", &["10.0.0.1", "10.0.0.1/8"]),
        ("cidr", "cidr", &["10.0.0.0/8", "10.0.0.1/32", "::1/128"]),
        ("inet[]", "inet[]", &["{::1,NULL,10.0.0.1/8}"]),
    ]
    .into_iter()
    .enumerate()
    {
        let rows: Vec<String> = values.iter().enumerate().map(|(id, value)| format!("({id}, '{value}')")).collect();
        for table in [format!("f{number}"), format!("t{number}")] {
            fresh.sql(&format!("CREATE TABLE {table} (id int PRIMARY KEY, v {declared} UNIQUE)"));
        }
        fresh.sql(&format!("INSERT INTO f{number} VALUES {}, (100, NULL)", rows.join(", ")));
        assert_eq!(
            fresh.value(&format!("SELECT format('%s', v) FROM f{number} WHERE id = 0")),
            values[0],
            "{declared}"
        );
        let native = |text: &str| Value::Native { type_name: type_name.to_owned(), text: text.to_owned() };
        let with_null = |values: Vec<Value>| [values, vec![Value::Null]].concat();
        let natives = with_null(values.iter().map(|text| native(text)).collect());
        let texts = with_null(values.iter().map(|text| Value::from(*text)).collect());

        let select = format!("SELECT id, v FROM f{number} ORDER BY id");
        let small = database.query(&select, &[], QueryLimits::NONE).await.expect(declared).rows;
        assert_eq!(small.iter().map(|row| row[1].clone()).collect::<Vec<_>>(), natives, "{declared}");
        for (requested, expected) in
            [(None, &natives), (Some(ColumnType::Native), &natives), (Some(ColumnType::Text), &texts)]
        {
            let by_cursor = read(database, &select, &[None, requested], BatchLimits::default()).await.expect(declared);
            let mut paged = source(&format!("f{number}"));
            paged.columns = vec![("v".to_owned(), requested)];
            let mut reader =
                TableReader::open(&mut *database.host(), paged, BatchLimits::default()).await.expect(declared);
            let page = reader.next(&mut *database.host()).await.expect(declared).expect("a page");
            for batch in [&by_cursor[0], &page] {
                let column = batch.column("v").expect("the column");
                let found: Vec<Value> = (0..batch.row_count).map(|row| Value::of_cell(column, row)).collect();
                assert_eq!(&found, expected, "{declared} as {requested:?}");
            }
            run(database, &format!("DELETE FROM t{number}")).await;
            write(database, &format!("t{number}"), WriteMode::Insert, &[], &by_cursor[0]).await.expect(declared);
            assert_eq!(differences(database, &format!("f{number}"), &format!("t{number}")).await, NONE, "{declared}");
        }
        // The text finds the row again, also as the key of a page.
        let again = format!("SELECT id FROM f{number} WHERE v = $1");
        for (id, value) in values.iter().enumerate() {
            let found = database.query(&again, &[native(value)], QueryLimits::NONE).await.expect(declared).rows;
            assert_eq!(found, [[Value::Int64(id as i64)]], "{declared} {value}");
        }
    }
    fresh.sql("CREATE TABLE hosts (v inet PRIMARY KEY); INSERT INTO hosts SELECT '10.0.0.0'::inet + n FROM generate_series(1, 50) n");
    let limits = BatchLimits { rows: 7, ..BatchLimits::default() };
    let mut reader = TableReader::open(&mut *database.host(), source("hosts"), limits).await.expect("a reader");
    let mut count = 0;
    while let Some(page) = reader.next(&mut *database.host()).await.expect("a page") {
        count += page.row_count;
    }
    assert_eq!(count, 50);
}
