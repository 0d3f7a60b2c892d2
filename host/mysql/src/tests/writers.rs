//! Writers and unusual tables.

use super::*;
use runner_contract::{batch, column, integers, texts, write};
use runner_data::{Column, ColumnValues, VarValues};
use runner_database::WriteMode;

fn decimals(name: &str, entries: &[&str]) -> Column {
    match texts(name, entries).values {
        ColumnValues::Text(values) => column(name, ColumnValues::Decimal(values)),
        other => column(name, other),
    }
}

fn bytes(name: &str, entries: &[&[u8]]) -> Column {
    let mut values = VarValues::default();
    for entry in entries {
        values.data.extend_from_slice(entry);
        values.offsets.push(values.data.len() as u32);
    }
    column(name, ColumnValues::Bytes(values))
}

/// The same column with NULLs in some rows.
pub(super) fn with_nulls(mut column: Column, rows: &[usize], count: usize) -> Column {
    column.nulls = (0..count).map(|row| u8::from(rows.contains(&row))).collect();
    column
}

async fn text(database: &mut dyn Database, statement: &str) -> String {
    match rows(database, statement).await.remove(0).remove(0) {
        Value::Text(text) => text,
        other => panic!("{statement}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_quoted_and_keys_may_be_composite() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(
        database,
        "CREATE TABLE `select ``?` (`key` INT, `it's ?` VARCHAR(20) COLLATE utf8mb4_unicode_ci, `order` TEXT, \
         `twice` INT AS (`key` * 2) STORED, PRIMARY KEY (`it's ?`, `key`))",
    )
    .await;
    let rows_of = |values: &[&str]| {
        batch(
            3,
            vec![integers("order", &[7, 8, 9]), texts("it's ?", &["a", "ä", "a"]), integers("key", &[1, 1, 2])]
                .into_iter()
                .map(|column| if column.name == "order" { texts("order", values) } else { column })
                .collect(),
        )
    };
    let name = "select `?";
    assert_eq!(
        write(database, name, WriteMode::Insert, &[], &rows_of(&["x", "y", "z"])).await,
        Err(DatabaseError::new(
            DatabaseErrorKind::Constraint,
            format!("Duplicate entry 'ä-1' for key '{}PRIMARY'", if is_mysql() { "select `?." } else { "" })
        )
        .code("1062")
        .detail("row it's ? = \"ä\", key = 1"))
    );
    run(database, "ALTER TABLE `select ``?` MODIFY `it's ?` VARCHAR(20) COLLATE utf8mb4_bin").await;
    run(database, "DELETE FROM `select ``?`").await;
    assert_eq!(write(database, name, WriteMode::Insert, &[], &rows_of(&["x", "y", "z"])).await, Ok(3));
    assert_eq!(write(database, name, WriteMode::Update, &[], &rows_of(&["", "'\\", "?"])).await, Ok(3));
    let all = "SELECT GROUP_CONCAT(`key`, `it's ?`, `order`, twice ORDER BY 1 SEPARATOR '|') FROM `select ``?`";
    let mut found: Vec<String> = text(database, all).await.split('|').map(str::to_owned).collect();
    found.sort();
    assert_eq!(found, ["1a2", "1ä'\\2", "2a?4"]);
    let keys = batch(2, vec![integers("key", &[1, 2]), texts("it's ?", &["ä", "a"])]);
    assert_eq!(write(database, name, WriteMode::Delete, &[], &keys).await, Ok(2));
    let computed = batch(1, vec![integers("key", &[1]), texts("it's ?", &["a"]), integers("twice", &[1])]);
    let error = write(database, name, WriteMode::Insert, &[], &computed).await.expect_err("computed");
    assert!(error.message.contains("`select `?.twice` is generated"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_compared_by_the_tables_collation() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (k VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY, n INT)").await;
    run(database, "INSERT INTO t VALUES ('é', 1), ('B', 1), ('?', 1)").await;
    let some = |keys: &[&str]| batch(keys.len(), vec![texts("k", keys), integers("n", &vec![5; keys.len()])]);
    assert_eq!(
        write(database, "t", WriteMode::Update, &[], &some(&["É", "b"])).await,
        Ok(2),
        "a collation without case"
    );
    // A character that latin1 lacks does not become a question mark.
    let error = write(database, "t", WriteMode::Update, &[], &some(&["b", "😀"])).await.expect_err("no such key");
    assert_eq!(error.detail.as_deref(), Some("row k = \"😀\""), "{error}");
    for mode in [WriteMode::Update, WriteMode::Delete] {
        let mut rows = some(&["é", "b", "B"]);
        if mode == WriteMode::Delete {
            rows.columns.truncate(1);
        }
        let error = write(database, "t", mode, &[], &rows).await.expect_err("the same key twice");
        assert!(error.message.contains("the same key twice"), "{error}");
        assert_eq!(error.detail.as_deref(), Some("row k = \"B\""), "{error}");
    }
    for keys in [["É", "é"], ["c", "c"], ["c", "C"]] {
        let upsert = batch(3, vec![texts("k", &["b", keys[0], keys[1]]), integers("n", &[7, 8, 9])]);
        let error = write(database, "t", WriteMode::Upsert, &[], &upsert).await.expect_err("the same key twice");
        assert!(error.message.contains("a batch to upsert in `t` has the same key twice"), "{error}");
        assert_eq!(error.detail, Some(format!("row k = \"{}\"", keys[1])), "{error}");
        assert_eq!(text(database, "SELECT GROUP_CONCAT(k ORDER BY k) FROM t").await, "?,B,é");
    }
    let upsert = some(&["É", "c"]);
    assert_eq!(write(database, "t", WriteMode::Upsert, &[], &upsert).await, Ok(2));
    assert_eq!(text(database, "SELECT GROUP_CONCAT(k ORDER BY k) FROM t").await, "?,B,c,é");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_every_type_find_their_rows() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let uuid = ColumnValues::Uuid(vec![u64::MAX, 1, 2, 3]);
    for (number, (declared, key)) in [
        ("BIGINT UNSIGNED", decimals("k", &["18446744073709551615", "18446744073709551613"])),
        ("BIGINT", integers("k", &[i64::MIN, i64::MAX])),
        ("BIGINT", integers("k", &[-3, 4])),
        (
            "DECIMAL(40, 10)",
            decimals("k", &["123456789012345678901234567890.0123456789", "123456789012345678901234567890.0123456788"]),
        ),
        ("BINARY(4)", bytes("k", &[&[0, 0, 0, 0], &[0xff, 0, 0x27, 0x20]])),
        ("VARBINARY(40)", bytes("k", &[&[], &[0; 30]])),
        ("UUID", column("k", uuid.clone())),
        ("BINARY(16)", column("k", uuid.clone())),
        ("CHAR(36)", column("k", uuid)),
        ("DATE", column("k", ColumnValues::Date(vec![-719_162, 2_932_896]))),
        ("DATETIME(6)", column("k", ColumnValues::Timestamp(vec![-1, 1_700_000_000_123_456]))),
        ("TIMESTAMP(6)", column("k", ColumnValues::Timestamptz(vec![1_000_000, 1_700_000_000_123_456]))),
        ("TIME(6)", column("k", ColumnValues::Time(vec![0, 86_399_999_999]))),
        ("DOUBLE", column("k", ColumnValues::Float64(vec![0.1, 1e300]))),
        ("FLOAT", column("k", ColumnValues::Float64(vec![f64::from(0.1_f32), -2.0]))),
        ("VARCHAR(50)", texts("k", &["", "a b\u{1F600}"])),
        ("ENUM('1', '2', '0')", texts("k", &["0", "1"])),
        ("BIT(64)", decimals("k", &["18446744073709551615", "7"])),
        ("INET6", texts("k", &["::1", "2001:db8::ff00:42:8329"])),
        ("YEAR", integers("k", &[1901, 2155])),
        ("BOOLEAN", column("k", ColumnValues::Boolean(vec![0, 1]))),
    ]
    .into_iter()
    .enumerate()
    {
        if is_mysql() && ["UUID", "INET6"].contains(&declared) {
            continue;
        }
        let table = format!("t{number}");
        run(database, &format!("CREATE TABLE {table} (k {declared} PRIMARY KEY, n INT NOT NULL)")).await;
        let full = |n: i64| batch(2, vec![key.clone(), integers("n", &[n, n + 1])]);
        for (mode, n) in [(WriteMode::Insert, 1), (WriteMode::Update, 3), (WriteMode::Upsert, 5)] {
            assert_eq!(write(database, &table, mode, &[], &full(n)).await, Ok(2), "{declared} {mode}");
            let found = text(database, &format!("SELECT GROUP_CONCAT(n ORDER BY n) FROM {table}")).await;
            assert_eq!(found, format!("{n},{}", n + 1), "{declared} {mode}");
        }
        assert_eq!(
            write(database, &table, WriteMode::Delete, &[], &batch(2, vec![key.clone()])).await,
            Ok(2),
            "{declared}"
        );
        let error =
            write(database, &table, WriteMode::Delete, &[], &batch(2, vec![key.clone()])).await.expect_err("gone");
        assert!(error.message.starts_with("no row of"), "{declared}: {error}");
        assert_eq!(write(database, &table, WriteMode::Upsert, &[], &full(9)).await, Ok(2), "{declared}: all new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_between_the_keys_are_unchanged() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(200), n INT)").await;
    run(database, &format!("INSERT INTO t SELECT seq, 'old', seq FROM {}", seq(1000))).await;
    // Every third, out of order, some NULL and one much longer than the others.
    let mut ids: Vec<i64> = (1..=300).map(|number| number * 3).collect();
    ids.reverse();
    let long = "x".repeat(200);
    let words: Vec<String> =
        ids.iter().map(|id| if *id == 333 { long.clone() } else { format!("new {id} ") }).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let changed = batch(300, vec![integers("id", &ids), with_nulls(texts("s", &words), &[0, 7], 300)]);
    assert_eq!(write(database, "t", WriteMode::Update, &[], &changed).await, Ok(300));
    let check = "SELECT SUM(s = 'old' AND n = id), SUM(BINARY s = CONCAT('new ', id, ' ')), SUM(s IS NULL), SUM(LENGTH(s) = 200) FROM t";
    let found: Vec<String> =
        rows(database, check).await.remove(0).iter().map(|it| it.as_text().unwrap_or_default().to_owned()).collect();
    assert_eq!(found, ["700", "297", "2", "1"]);
    let keys = batch(300, vec![integers("id", &ids)]);
    assert_eq!(write(database, "t", WriteMode::Delete, &[], &keys).await, Ok(300));
    assert_eq!(rows(database, "SELECT COUNT(*) FROM t WHERE s = 'old'").await, [[Value::Int64(700)]]);
    let twice = batch(3, vec![integers("id", &[1, 2, 1]), integers("n", &[0, 0, 0])]);
    let error = write(database, "t", WriteMode::Update, &[], &twice).await.expect_err("twice");
    assert_eq!(error.detail.as_deref(), Some("row id = 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upsert_leaves_other_rows_unchanged() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, mail VARCHAR(50) UNIQUE, n INT)").await;
    run(database, "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)").await;
    let clash = batch(2, vec![integers("id", &[1, 3]), texts("mail", &["a", "b"]), integers("n", &[7, 7])]);
    let error = write(database, "t", WriteMode::Upsert, &[], &clash).await.expect_err("b is another row's");
    assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Constraint, Some("row id = 3")), "{error}");
    assert_eq!(text(database, "SELECT GROUP_CONCAT(id, mail, n ORDER BY id) FROM t WHERE id > 1").await, "2b2");
    // A range of integer keys is not needed to find those that are equal, and another unique key is not the batch's.
    let twice = batch(2, vec![integers("id", &[5, 5]), texts("mail", &["x", "y"]), integers("n", &[7, 7])]);
    let error = write(database, "t", WriteMode::Upsert, &[], &twice).await.expect_err("5 twice");
    assert!(error.message.contains("the same key twice") && error.detail.as_deref() == Some("row id = 5"), "{error}");
    let mails = batch(2, vec![integers("id", &[5, 6]), texts("mail", &["x", "x"]), integers("n", &[7, 7])]);
    let error = write(database, "t", WriteMode::Upsert, &[], &mails).await.expect_err("x twice");
    assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Constraint, Some("row id = 6")), "{error}");
    run(database, "DELETE FROM t WHERE id = 5").await;
    let by_mail = batch(2, vec![integers("id", &[1, 3]), texts("mail", &["a", "c"]), integers("n", &[8, 8])]);
    let error = write(database, "t", WriteMode::Upsert, &["mail"], &by_mail).await.expect_err("mail may be NULL");
    assert!(error.message.contains("must be unique and without NULLs"), "{error}");
    run(database, "ALTER TABLE t MODIFY mail VARCHAR(50) NOT NULL").await;
    assert_eq!(write(database, "t", WriteMode::Upsert, &["mail"], &by_mail).await, Ok(2));
    assert_eq!(text(database, "SELECT GROUP_CONCAT(id, mail, n ORDER BY id) FROM t").await, "1a8,2b2,3c8");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_run_and_their_errors_are_reported() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, n INT, d DECIMAL(5, 1))").await;
    run(database, "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(50))").await;
    run(
        database,
        "CREATE TRIGGER tu BEFORE UPDATE ON t FOR EACH ROW BEGIN IF NEW.n = 77 THEN SIGNAL SQLSTATE '45000' SET \
         MESSAGE_TEXT = 'not 77'; END IF; SET NEW.d = NEW.n / 3; INSERT INTO log (what) VALUES (CONCAT(OLD.n, '>', NEW.n)); END",
    )
    .await;
    run(database, &format!("INSERT INTO t SELECT seq, seq, 0 FROM {}", seq(100))).await;
    let ids: Vec<i64> = (1..=100).collect();
    let good =
        batch(100, vec![integers("id", &ids), integers("n", &ids.iter().map(|id| id + 1000).collect::<Vec<_>>())]);
    assert_eq!(write(database, "t", WriteMode::Update, &[], &good).await, Ok(100));
    assert_eq!(rows(database, "SELECT COUNT(*) FROM log").await, [[Value::Int64(100)]]);
    let bad = batch(100, vec![integers("id", &ids), integers("n", &ids)]);
    let error = write(database, "t", WriteMode::Update, &[], &bad).await.expect_err("the trigger says no");
    assert!(error.message.contains("not 77"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("row id = 77"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_the_server_would_alter_are_refused() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let uuid = if is_mysql() { "DATE" } else { "UUID" };
    make(
        database,
        "t",
        &format!(
            "(id INT PRIMARY KEY, ti TINYINT, u INT UNSIGNED, d DECIMAL(5, 2), dt DATETIME(3), da DATE, \
         c CHAR(5), v VARCHAR(3), tt TINYTEXT, e ENUM('1', 'b'), s SET('x', 'y'), b BINARY(3), f FLOAT, fd DOUBLE(10, 2), l VARCHAR(9) \
         CHARACTER SET latin1, y YEAR, j JSON, bt BIT(3), ui {uuid}, ti6 TIME(0))"
        ),
    )
    .await;
    let long = "é".repeat(128);
    let cells: Vec<Column> = vec![
        integers("ti", &[128]),
        integers("u", &[-1]),
        decimals("d", &["1.235"]),
        decimals("d", &["12345e-4"]),
        decimals("d", &["1000"]),
        column("dt", ColumnValues::Timestamp(vec![1_234])),
        column("da", ColumnValues::Timestamp(vec![1])),
        texts("c", &["a "]),
        texts("v", &["abc "]),
        texts("tt", &[&long]),
        texts("e", &["2"]),
        texts("e", &["B"]),
        texts("s", &["x,z"]),
        bytes("b", &[b"ab"]),
        column("f", ColumnValues::Float64(vec![0.1])),
        column("f", ColumnValues::Float64(vec![f64::NAN])),
        column("fd", ColumnValues::Float64(vec![0.125])),
        texts("l", &["\u{1F600}"]),
        integers("y", &[26]),
        texts("j", &["{"]),
        integers("bt", &[8]),
        texts("ui", &["123"]),
        column("ti6", ColumnValues::Time(vec![1])),
        texts("ti", &["1.5"]),
        column("v", ColumnValues::Float64(vec![1.0])),
    ];
    for cell in cells {
        let named = format!("{cell:?}");
        let full = batch(1, vec![integers("id", &[1]), cell]);
        let error = write(database, "t", WriteMode::Insert, &[], &full).await.expect_err(&named);
        assert!(
            matches!(error.kind, DatabaseErrorKind::Conversion | DatabaseErrorKind::Constraint),
            "{named}: {error}"
        );
        assert_eq!(error.detail.as_deref(), Some("row id = 1"), "{named}: {error}");
    }
    assert_eq!(rows(database, "SELECT COUNT(*) FROM t").await, [[Value::Int64(0)]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide_rows_fit_into_the_servers_packets() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)").await;
    let cell: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cells: Vec<&[u8]> = (0..9).map(|row| &cell[row * 10..]).collect();
    let ids: Vec<i64> = (1..=9).collect();
    let all = batch(9, vec![integers("id", &ids), bytes("b", &cells)]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &all).await, Ok(9));
    assert_eq!(write(database, "t", WriteMode::Update, &[], &all).await, Ok(9));
    let found = rows(database, "SELECT b FROM t ORDER BY id").await;
    for (row, cell) in found.iter().zip(&cells) {
        assert!(matches!(&row[0], Value::Bytes(bytes) if bytes == cell));
    }
    let most = rows(database, "SELECT @@max_allowed_packet").await.remove(0).remove(0).as_int64().expect("a size");
    let huge = vec![7_u8; most as usize];
    let error =
        write(database, "t", WriteMode::Insert, &[], &batch(1, vec![integers("id", &[10]), bytes("b", &[&huge])]))
            .await
            .expect_err("larger than a packet");
    assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Limit, Some("row id = 10")), "{error}");
    assert_eq!(rows(database, "SELECT COUNT(*) FROM t").await, [[Value::Int64(9)]], "the connection lives");
}

/// Statements that find rows by keys bind those more than once, and twice more where the column's character set may lack characters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide_keys_fit_into_the_servers_packets() {
    for charset in ["latin1", "utf8mb4"] {
        let fresh = fresh();
        let mut database = open(&fresh).await;
        let database = database.as_mut();
        run(database, &format!("CREATE TABLE t (k VARCHAR(700) CHARACTER SET {charset} PRIMARY KEY, v INT)")).await;
        let mut keys: Vec<String> = (0..16_000).map(|number| format!("{number:0>380}")).collect();
        keys[7] = format!("{:0>700}", 7);
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        for numbers in [0..16_000_i64, 5..16_005] {
            let numbers: Vec<i64> = numbers.collect();
            let all = batch(keys.len(), vec![texts("k", &keys), integers("v", &numbers)]);
            assert_eq!(write(database, "t", WriteMode::Upsert, &[], &all).await, Ok(16_000), "{charset}");
            assert_eq!(rows(database, "SELECT MIN(v) FROM t").await, [[Value::Int64(numbers[0])]], "{charset}");
        }
    }
}

/// The server counts the rows of the statement's own tables: in the 129th, it meets the first of the batch.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_told_with_its_row_and_its_range() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    make(database, "t", "(id INT PRIMARY KEY, at TIMESTAMP(6) NULL, n TINYINT)").await;
    let first = -315_619_200_000_000;
    for (ids, instants) in [(&[7][..], &[first][..]), (&[1, 7, 9], &[0, first, 1_000_000])] {
        let values: Vec<i64> =
            instants.iter().map(|instant| if *instant == 0 { 2_000_000 } else { *instant }).collect();
        let cells = batch(ids.len(), vec![integers("id", ids), column("at", ColumnValues::Timestamptz(values))]);
        let error = write(database, "t", WriteMode::Insert, &[], &cells).await.expect_err("before 1970");
        assert!(error.message.starts_with("Incorrect datetime value: '1960-01-01 00:00:00"), "{error}");
        assert!(!error.message.contains("at row"), "{error}");
        assert_eq!(error.detail.as_deref(), Some("row id = 7"), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("1970-01-01 00:00:01 to 2038-01-19 03:14:07")));
    }
    let statement = "INSERT INTO t (id, at) VALUES (20, NULL), (21, '1969-12-31 23:59:59')";
    let error = database.execute(statement, &[]).await.expect_err("before 1970");
    assert!(error.message.ends_with("at row 2"), "of a statement's own rows, the server's number is right: {error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("2106-02-07 06:28:15 on MariaDB 11.5")));
    let error = database.execute("INSERT INTO t (id, at) VALUES (22, '2024-02-30')", &[]).await.expect_err("no date");
    assert_eq!(error.hint, None, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_without_rollback_are_not_written() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let row = batch(1, vec![integers("id", &[1])]);
    for engine in ["MyISAM", "Aria", "MEMORY"] {
        if is_mysql() && engine == "Aria" {
            continue;
        }
        make(database, "lasting", &format!("(id INT PRIMARY KEY) ENGINE = {engine}")).await;
        let error = write(database, "lasting", WriteMode::Insert, &[], &row).await.expect_err(engine);
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument);
        assert!(error.message.contains(&format!("takes nothing back, `lasting` of the engine {engine}")), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("ENGINE = InnoDB")));
    }
    run(database, "ALTER TABLE lasting ENGINE = InnoDB").await;
    assert_eq!(write(database, "lasting", WriteMode::Insert, &[], &row).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_float_with_declared_digits_round_trips() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE prices (id INT PRIMARY KEY, f FLOAT(7, 2), d DOUBLE(10, 2))").await;
    run(database, "INSERT INTO prices VALUES (1, 9.99, 9.99), (2, -0.1, 12345.67), (3, 12345.67, 0)").await;
    let before = rows(database, "SELECT id, f, d FROM prices ORDER BY id").await;
    for row in &before {
        let [Value::Int64(id), Value::Float64(f), Value::Float64(d)] = row[..] else { panic!("{row:?}") };
        let numbers = |name: &str, number| column(name, ColumnValues::Float64(vec![number]));
        let again = batch(1, vec![integers("id", &[id]), numbers("f", f), numbers("d", d)]);
        assert_eq!(write(database, "prices", WriteMode::Update, &["id"], &again).await, Ok(1), "{row:?}");
    }
    let odd = batch(1, vec![integers("id", &[4]), column("f", ColumnValues::Float64(vec![f64::from(9.987_f32)]))]);
    let error = write(database, "prices", WriteMode::Insert, &[], &odd).await.expect_err("too many digits");
    assert!(error.message.contains("would round it to 9.99"), "{error}");
    assert_eq!(rows(database, "SELECT id, f, d FROM prices ORDER BY id").await, before);
}
