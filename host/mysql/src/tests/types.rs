//! Every type in both directions, with random and extreme values, compared with what the server itself returns.

use runner_tests::random::Random;

use super::*;
use runner_contract::{batch, column, integers, read, texts, write};
use runner_data::decimal::{float_text, same_number};
use runner_data::{Column, ColumnType, ColumnValues, VarValues, temporal};
use runner_database::WriteMode;

const ROWS: usize = 300;

/// How a cell is queried, and how the answer is compared.
#[derive(Clone, Copy)]
enum Ask {
    /// Its text equals the value's.
    Text,
    /// Its text is the same number.
    Number,
    /// Its bytes equal the value's.
    Hex,
}

fn random_text(random: &mut Random, most: u64) -> String {
    const LETTERS: [char; 16] =
        ['a', 'Z', '0', ' ', '\'', '\\', '"', '%', '\0', '\n', 'é', 'ß', '€', '日', '\u{1F600}', '\u{7f}'];
    (0..random.below(most + 1)).map(|_| LETTERS[random.below(16) as usize]).collect()
}

fn var(random: &mut Random, mut entry: impl FnMut(&mut Random) -> Vec<u8>) -> VarValues {
    let mut values = VarValues::default();
    for _ in 0..ROWS {
        values.data.extend(entry(random));
        values.offsets.push(values.data.len() as u32);
    }
    values
}

fn numbers(random: &mut Random, extremes: &[i64], least: i64, width: u64) -> Vec<i64> {
    let mut all = extremes.to_vec();
    while all.len() < ROWS {
        all.push(least.wrapping_add(random.below(width) as i64));
    }
    all
}

fn decimal_text(random: &mut Random, digits: u64, scale: u64) -> Vec<u8> {
    let mut text = if random.below(2) == 0 { "-".to_owned() } else { String::new() };
    let whole = random.below(digits - scale + 1).max(1);
    (0..whole).for_each(|at| text.push((b'0' + (random.below(9) + u64::from(at == 0)) as u8) as char));
    if scale > 0 {
        text.push('.');
        (0..scale).for_each(|_| text.push((b'0' + random.below(10) as u8) as char));
    }
    text.into_bytes()
}

fn cases(random: &mut Random) -> Vec<(&'static str, ColumnValues, Option<ColumnType>, Ask)> {
    use ColumnValues as V;
    let whole = |random: &mut Random, extremes: &[i64], least: i64, width: u64| {
        V::Int64(numbers(random, extremes, least, width))
    };
    let days = |random: &mut Random| -> Vec<i32> {
        (0..ROWS)
            .map(|row| match row {
                0 => -719_162,
                1 => 2_932_896,
                _ => random.below(3_652_059) as i32 - 719_162,
            })
            .collect()
    };
    let instants = |random: &mut Random, step: i64| -> Vec<i64> {
        (0..ROWS).map(|_| (random.below(2_000_000_000_000_000) as i64 + 1_000_000) / step * step).collect()
    };
    let wide = |random: &mut Random, step: i64| -> Vec<i64> {
        let mut all = vec![-62_135_596_800_000_000, 253_402_300_799_999_999 / step * step, 0, -step];
        while all.len() < ROWS {
            all.push((random.below(315_000_000_000_000_000) as i64 - 62_000_000_000_000_000) / step * step);
        }
        all
    };
    let floats = |random: &mut Random| -> Vec<f64> {
        let mut all = vec![0.0, 5e-324, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.1, 1e17, 123_456_789.125, -1e-7];
        while all.len() < ROWS {
            let number = f64::from_bits(random.draw());
            if number.is_finite() {
                all.push(number);
            }
        }
        all
    };
    let singles = |random: &mut Random| -> Vec<f64> {
        let mut all =
            vec![0.0, f64::from(0.1_f32), f64::from(f32::MAX), f64::from(f32::MIN_POSITIVE), 1e-45_f32.into()];
        while all.len() < ROWS {
            let number = f32::from_bits(random.draw() as u32);
            if number.is_finite() {
                all.push(number.into());
            }
        }
        all
    };
    // MariaDB accepts only UUIDs of a defined variant.
    let half = |at: usize, bits: u64| if at.is_multiple_of(2) { bits & !0xf000 | 0x4000 } else { bits >> 2 | 1 << 63 };
    let uuids = |random: &mut Random| (0..2 * ROWS).map(|at| half(at, random.draw())).collect::<Vec<u64>>();
    let text = |random: &mut Random, most: u64| var(random, |random| random_text(random, most).into_bytes());
    let blob = |random: &mut Random, least: u64, most: u64| {
        var(random, |random| (0..least + random.below(most - least + 1)).map(|_| random.draw() as u8).collect())
    };
    let some_decimals =
        |random: &mut Random, digits, scale| V::Decimal(var(random, |random| decimal_text(random, digits, scale)));
    vec![
        ("TINYINT", whole(random, &[-128, 127], -128, 256), None, Ask::Text),
        ("TINYINT UNSIGNED", whole(random, &[0, 255], 0, 256), None, Ask::Text),
        ("SMALLINT", whole(random, &[-32_768, 32_767], -32_768, 65_536), None, Ask::Text),
        ("MEDIUMINT UNSIGNED", whole(random, &[0, 16_777_215], 0, 1 << 24), None, Ask::Text),
        ("MEDIUMINT", whole(random, &[-8_388_608, 8_388_607], -8_388_608, 1 << 24), None, Ask::Text),
        ("INT", whole(random, &[i32::MIN.into(), i32::MAX.into()], i32::MIN.into(), 1 << 32), None, Ask::Text),
        ("INT UNSIGNED ZEROFILL", whole(random, &[0, u32::MAX.into()], 0, 1 << 32), None, Ask::Number),
        ("BIGINT", whole(random, &[i64::MIN, i64::MAX, 0, -1], i64::MIN, u64::MAX), None, Ask::Text),
        (
            "BIGINT UNSIGNED",
            V::Decimal(var(random, |random| (random.draw() | 1 << 63).to_string().into_bytes())),
            None,
            Ask::Text,
        ),
        ("BOOLEAN", V::Boolean((0..ROWS).map(|_| random.below(2) as u8).collect()), None, Ask::Text),
        (
            "BIT(1)",
            V::Boolean((0..ROWS).map(|_| random.below(2) as u8).collect()),
            Some(ColumnType::Boolean),
            Ask::Number,
        ),
        ("BIT(13)", whole(random, &[0, 8191], 0, 8192), Some(ColumnType::Int64), Ask::Number),
        ("BIT(64)", blob(random, 8, 8), None, Ask::Hex).into_bytes(),
        ("DECIMAL(65, 30)", some_decimals(random, 65, 30), None, Ask::Text),
        ("DECIMAL(9, 0)", some_decimals(random, 9, 0), None, Ask::Text),
        ("DECIMAL(12, 4)", some_decimals(random, 12, 4), None, Ask::Text),
        ("DOUBLE", V::Float64(floats(random)), None, Ask::Number),
        ("FLOAT", V::Float64(singles(random)), None, Ask::Number),
        ("DATE", V::Date(days(random)), None, Ask::Text),
        (
            "TIME",
            V::Time(numbers(random, &[0, 86_400], 0, 86_400).iter().map(|at| at * 1_000_000).collect()),
            None,
            Ask::Text,
        ),
        ("TIME(6)", V::Time(numbers(random, &[0, 86_399_999_999], 0, 86_400_000_000)), None, Ask::Text),
        ("DATETIME", V::Timestamp(wide(random, 1_000_000)), None, Ask::Text),
        ("DATETIME(3)", V::Timestamp(wide(random, 1_000)), None, Ask::Text),
        ("DATETIME(6)", V::Timestamptz(wide(random, 1)), Some(ColumnType::Timestamptz), Ask::Text),
        ("TIMESTAMP(6) NULL", V::Timestamptz(instants(random, 1)), None, Ask::Text),
        ("TIMESTAMP NULL", V::Timestamp(instants(random, 1_000_000)), Some(ColumnType::Timestamp), Ask::Text),
        ("YEAR", whole(random, &[0, 1901, 2155], 1901, 255), None, Ask::Number),
        ("VARCHAR(40)", V::Text(text(random, 40)), None, Ask::Hex),
        ("VARCHAR(40) COLLATE utf8mb4_bin", V::Text(text(random, 40)), None, Ask::Hex),
        (
            "CHAR(40)",
            V::Text(var(random, |random| format!("{}.", random_text(random, 39)).into_bytes())),
            None,
            Ask::Hex,
        ),
        ("LONGTEXT", V::Text(text(random, 3000)), None, Ask::Hex),
        (
            "VARCHAR(30) CHARACTER SET latin1",
            V::Text(var(random, |random| {
                random_text(random, 30)
                    .chars()
                    .filter(|letter| !matches!(letter, '日' | '\u{1F600}'))
                    .collect::<String>()
                    .into_bytes()
            })),
            None,
            Ask::Hex,
        ),
        ("VARCHAR(30) CHARACTER SET utf16", V::Text(text(random, 30)), None, Ask::Hex),
        ("BINARY(7)", V::Bytes(blob(random, 7, 7)), None, Ask::Hex),
        ("VARBINARY(40)", V::Bytes(blob(random, 0, 40)), None, Ask::Hex),
        ("MEDIUMBLOB", V::Bytes(blob(random, 0, 4000)), None, Ask::Hex),
        ("UUID", V::Uuid(uuids(random)), None, Ask::Text),
        ("BINARY(16)", V::Uuid(uuids(random)), Some(ColumnType::Uuid), Ask::Hex),
        ("CHAR(36)", V::Uuid(uuids(random)), Some(ColumnType::Uuid), Ask::Text),
        (
            "JSON",
            V::Json(var(random, |random| format!("{{\"n\": [{}, \"é\\u0000\"]}}", random.below(99)).into_bytes())),
            None,
            Ask::Text,
        ),
        (
            "ENUM('1', 'b''c', 'x,y', '0', 'd\\\\e\\nf')",
            V::Text(var(random, |random| ["1", "b'c", "x,y", "0", "d\\e\nf"][random.below(5) as usize].into())),
            None,
            Ask::Text,
        ),
        (
            "SET('1', 'b')",
            V::Text(var(random, |random| ["1", "b", "1,b", ""][random.below(4) as usize].into())),
            None,
            Ask::Text,
        ),
    ]
}

trait IntoBytes {
    fn into_bytes(self) -> (&'static str, ColumnValues, Option<ColumnType>, Ask);
}

impl IntoBytes for (&'static str, VarValues, Option<ColumnType>, Ask) {
    fn into_bytes(self) -> (&'static str, ColumnValues, Option<ColumnType>, Ask) {
        (self.0, ColumnValues::Bytes(self.1), self.2, self.3)
    }
}

/// What the server should return for a cell.
fn expected(value: &Value, ask: Ask) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    match (ask, value) {
        (Ask::Hex, Value::Bytes(bytes)) => hex(bytes),
        (Ask::Hex, Value::Text(text)) => hex(text.as_bytes()),
        (Ask::Hex, Value::Uuid(high, low)) => format!("{high:016X}{low:016X}"),
        (_, Value::Boolean(value)) => u8::from(*value).to_string(),
        (_, Value::Int64(number)) => number.to_string(),
        (_, Value::Float64(number)) => float_text(*number).expect("finite"),
        (_, Value::Timestamptz(instant)) => temporal::value_text(&Value::Timestamp(*instant)).expect("a text"),
        (_, Value::Text(text) | Value::Json(text) | Value::Decimal(text)) => text.clone(),
        (_, value) => temporal::value_text(value).expect("a text"),
    }
}

async fn check(database: &mut dyn Database, declared: &str, given: &Column, read_as: Option<ColumnType>, ask: Ask) {
    let found =
        read(database, "SELECT c FROM t ORDER BY id", &[read_as], BatchLimits::default()).await.expect(declared);
    let mut at = 0;
    for found in &found {
        for row in 0..found.row_count {
            assert_eq!(Value::of_cell(&found.columns[0], row), Value::of_cell(given, at), "{declared}, row {at}");
            at += 1;
        }
    }
    assert_eq!(at, ROWS, "{declared}");
    let cell = match ask {
        // The text as the connection would see it, not as the column stores it.
        Ask::Hex if declared.contains("CHAR") || declared.contains("TEXT") => "HEX(CONVERT(c USING utf8mb4))",
        Ask::Hex if declared.starts_with("BIT") => "LPAD(HEX(c), 16, '0')",
        Ask::Hex => "HEX(c)",
        Ask::Number if declared == "FLOAT" => "CAST(CAST(c AS DOUBLE) AS CHAR)",
        Ask::Number if declared.starts_with("BIT") => "CAST(c + 0 AS CHAR)",
        _ => "CAST(c AS CHAR)",
    };
    let said = rows(database, &format!("SELECT {cell} FROM t ORDER BY id")).await;
    for (row, said) in said.iter().enumerate() {
        let value = Value::of_cell(given, row);
        if value == Value::Null {
            assert_eq!(said[0], Value::Null, "{declared}, row {row}");
            continue;
        }
        let (said, expected) = (said[0].as_text().unwrap_or_default(), expected(&value, ask));
        match ask {
            // MySQL does not write all the digits of a float as a double.
            Ask::Number if declared == "FLOAT" && is_mysql() => {
                assert_eq!(said.parse::<f32>(), expected.parse::<f32>(), "{declared}: {said} {expected}");
            }
            Ask::Number if matches!(value, Value::Float64(_)) => {
                assert_eq!(said.parse::<f64>(), expected.parse::<f64>(), "{declared}: {said} {expected}");
            }
            Ask::Number => assert!(same_number(said.as_bytes(), expected.as_bytes()), "{declared}: {said} {expected}"),
            // The server writes trailing zeros of a fraction; we do not.
            Ask::Text if said.contains(':') && said.contains('.') => {
                let short = |text: &str| match text.split_once('.') {
                    Some((whole, fraction)) => format!("{whole}.{}", fraction.trim_end_matches('0')),
                    None => format!("{text}."),
                };
                assert_eq!(short(said), short(&expected), "{declared}, row {row}");
            }
            Ask::Text if matches!(value, Value::Decimal(_)) => {
                assert!(same_number(said.as_bytes(), expected.as_bytes()), "{declared}: {said} {expected}");
            }
            _ => assert_eq!(said, expected, "{declared}, row {row}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_round_trips() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let mut random = Random::new(20_260_301);
    let ids: Vec<i64> = (0..ROWS as i64).collect();
    let sparse: Vec<i64> = ids.iter().map(|id| id * 1_000_003).collect();
    for (declared, values, read_as, ask) in cases(&mut random) {
        if is_mysql() && ["UUID", "INET6"].contains(&declared) {
            continue;
        }
        let mut given = column("c", values);
        given.nulls = (0..ROWS).map(|row| u8::from(row > 20 && random.below(9) == 0)).collect();
        make(database, "t", &format!("(id BIGINT PRIMARY KEY, c {declared})")).await;
        let full = batch(ROWS, vec![integers("id", &ids), given.clone()]);
        assert_eq!(write(database, "t", WriteMode::Insert, &[], &full).await, Ok(ROWS as u64), "{declared}");
        check(database, declared, &given, read_as, ask).await;
        // By range, and by a join with the keys.
        for keys in [&ids, &sparse] {
            if keys == &sparse {
                run(database, "UPDATE t SET id = id * 1000003 ORDER BY id DESC").await;
            }
            run(database, "UPDATE t SET c = NULL").await;
            let full = batch(ROWS, vec![integers("id", keys), given.clone()]);
            assert_eq!(write(database, "t", WriteMode::Update, &[], &full).await, Ok(ROWS as u64), "{declared}");
            check(database, declared, &given, read_as, ask).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exact_conversions_are_made_on_request() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    use ColumnType as T;
    let decimal = |text: &str| Value::Decimal(text.to_owned());
    for (expression, wanted, expected) in [
        ("CAST('12.00' AS DECIMAL(9, 2))", T::Int64, Some(Value::Int64(12))),
        ("CAST('12.50' AS DECIMAL(9, 2))", T::Int64, None),
        ("CAST('12.50' AS DECIMAL(9, 2))", T::Float64, Some(Value::Float64(12.5))),
        ("CAST('12.50' AS DECIMAL(9, 2))", T::Text, Some(Value::from("12.50"))),
        ("CAST(18446744073709551615 AS UNSIGNED)", T::Int64, None),
        ("CAST(18446744073709551615 AS UNSIGNED)", T::Decimal, Some(decimal("18446744073709551615"))),
        ("CAST(7 AS UNSIGNED)", T::Int64, Some(Value::Int64(7))),
        ("1", T::Boolean, Some(Value::Boolean(true))),
        ("2", T::Boolean, None),
        ("9007199254740993", T::Float64, None),
        ("9007199254740992", T::Float64, Some(Value::Float64(9_007_199_254_740_992.0))),
        ("2.5e0", T::Int64, None),
        ("2e0", T::Int64, Some(Value::Int64(2))),
        ("1e-1", T::Decimal, Some(decimal("0.1"))),
        ("'2026-02-29'", T::Date, None),
        ("'2024-02-29'", T::Date, Some(Value::Date(19_782))),
        ("TIMESTAMP '2024-02-29 00:00:00'", T::Date, Some(Value::Date(19_782))),
        ("TIMESTAMP '2024-02-29 00:00:01'", T::Date, None),
        ("DATE '2024-02-29'", T::Timestamp, Some(Value::Timestamp(19_782 * temporal::DAY))),
        ("TIMESTAMP '2024-02-29 00:00:00'", T::Timestamptz, Some(Value::Timestamptz(19_782 * temporal::DAY))),
        ("'2024-02-29T02:00:00+02:00'", T::Timestamptz, Some(Value::Timestamptz(19_782 * temporal::DAY))),
        ("CAST('25:00:00' AS TIME)", T::Time, None),
        ("CAST('25:00:00' AS TIME)", T::Text, Some(Value::from("25:00:00"))),
        (
            "UNHEX('000102030405060708090a0b0c0d0e0f')",
            T::Uuid,
            Some(Value::Uuid(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f)),
        ),
        ("UNHEX('ff')", T::Text, None),
        ("'12.5'", T::Decimal, Some(decimal("12.5"))),
        ("'12,5'", T::Decimal, None),
        ("'{}'", T::Json, Some(Value::Json("{}".to_owned()))),
    ] {
        let found = read(database, &format!("SELECT {expression} AS c"), &[Some(wanted)], BatchLimits::default()).await;
        let found = found.ok().map(|found| Value::of_cell(&found[0].columns[0], 0));
        assert_eq!(found, expected, "{expression} as {wanted}");
    }
    let address = if is_mysql() { "POLYGON" } else { "INET6" };
    make(database, "n", &format!("(id INT PRIMARY KEY, g POINT, i {address}, f FLOAT, neg TIME)")).await;
    let value = if is_mysql() { "ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))')" } else { "'::1'" };
    run(database, &format!("INSERT INTO n VALUES (1, POINT(1, 2), {value}, 0.1, '-01:02:03')")).await;
    let found = read(database, "SELECT id, g, i, f FROM n", &[], BatchLimits::default()).await.expect("rows");
    let names: Vec<ColumnType> = found[0].columns.iter().map(|column| column.values.column_type()).collect();
    assert_eq!(names, [T::Int64, T::Native, T::Native, T::Float64]);
    let mut back = found[0].clone();
    back.columns[0] = integers("id", &[2]);
    assert_eq!(write(database, "n", WriteMode::Insert, &[], &back).await, Ok(1));
    let same =
        "SELECT COUNT(*) FROM n AS a JOIN n AS b ON a.g = b.g AND a.i = b.i AND a.f = b.f WHERE a.id = 1 AND b.id = 2";
    assert_eq!(rows(database, same).await, [[Value::Int64(1)]]);
    let durations = batch(1, vec![integers("id", &[1]), texts("neg", &["-838:59:59"])]);
    assert_eq!(write(database, "n", WriteMode::Update, &[], &durations).await, Ok(1));
    assert_eq!(text_of(database, "SELECT CAST(neg AS CHAR) FROM n WHERE id = 1").await, "-838:59:59");
}

#[tokio::test]
async fn a_day_beyond_all_years_is_refused() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (at, declared) in ["DATE", "DATETIME(6)", "TIMESTAMP(6) NULL"].into_iter().enumerate() {
        let table = format!("t{at}");
        run(database, &format!("CREATE TABLE {table} (d {declared})")).await;
        // The last one times the microseconds of a day is more than 64 bits hold, and the rest is a day of 2024.
        for day in [i32::MAX, i32::MIN, 213_523_982] {
            let rows = batch(1, vec![column("d", ColumnValues::Date(vec![day]))]);
            let error = write(database, &table, WriteMode::Insert, &[], &rows).await.expect_err(declared);
            assert!(error.to_string().contains("is outside the years 0001 to 9999"), "{declared}: {error}");
        }
    }
}

#[tokio::test]
async fn types_are_known_in_a_database_with_a_dot_in_its_name() {
    let fresh = fresh();
    let dotted = format!("{}.v2", fresh.name());
    fresh.sql(&format!("CREATE DATABASE `{dotted}`"));
    fresh.sql(&format!("CREATE TABLE `{dotted}`.t (id INT PRIMARY KEY, j JSON, e ENUM('a'))"));
    fresh.sql(&format!("INSERT INTO `{dotted}`.t VALUES (1, '{{}}', 'a')"));
    let mut database = open_url(&fresh.url().replace(fresh.name(), &dotted)).await.expect("a connection");
    let found = read(database.as_mut(), "SELECT id, j FROM t", &[], BatchLimits::default()).await.expect("rows");
    assert_eq!(found[0].columns[1].values.column_type(), ColumnType::Json);
    drop(database);
    fresh.sql(&format!("DROP DATABASE `{dotted}`"));
}
