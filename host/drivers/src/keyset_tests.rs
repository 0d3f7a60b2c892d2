//! Pages against a real database.

use std::path::Path;

use crate::connect;
use runner_contract::{rows, run, source};
use runner_data::{Batch, ColumnType, Value};
use runner_database::keyset::TableReader;
use runner_database::{
    BatchLimits, ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl, TableSource,
};

async fn database(statements: &[&str]) -> Box<dyn Database> {
    let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
    let mut database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
    for statement in statements {
        run(database.as_mut(), statement).await;
    }
    database
}

const NUMBERS: &str = "CREATE TABLE t AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100) \
                       SELECT x AS id, x % 7 AS week, 'row ' || x AS name FROM n";

fn keyed(table: &str, key: &[&str]) -> TableSource {
    TableSource { key: key.iter().map(|name| (*name).to_owned()).collect(), ..source(table) }
}

fn pages_of(rows: usize) -> BatchLimits {
    BatchLimits { rows, ..BatchLimits::default() }
}

async fn read(
    database: &mut dyn Database,
    source: TableSource,
    limits: BatchLimits,
) -> Result<Vec<Batch>, DatabaseError> {
    let mut reader = TableReader::open(&mut *database.host(), source, limits).await?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next(&mut *database.host()).await? {
        batches.push(batch);
    }
    assert_eq!(reader.next(&mut *database.host()).await, Ok(None), "the end stays the end");
    Ok(batches)
}

fn column(batches: &[Batch], name: &str) -> Vec<Value> {
    let cells = |batch: &Batch| {
        let column = batch.column(name).expect(name);
        (0..batch.row_count).map(|row| Value::of_cell(column, row)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(cells).collect()
}

fn integers(numbers: impl IntoIterator<Item = i64>) -> Vec<Value> {
    numbers.into_iter().map(Value::Int64).collect()
}

#[tokio::test]
async fn every_row_comes_once_and_in_order() {
    let mut database = database(&[NUMBERS]).await;
    for size in [1, 7, 99, 100, 101] {
        let batches = read(database.as_mut(), source("t"), pages_of(size)).await.expect("pages");
        assert_eq!(batches.len(), 100_usize.div_ceil(size));
        assert_eq!(column(&batches, "rowid"), integers(1..=100), "pages of {size}");
        let backwards = TableSource { descending: true, ..keyed("t", &["id"]) };
        let batches = read(database.as_mut(), backwards, pages_of(size)).await.expect("pages");
        assert_eq!(column(&batches, "id"), integers((1..=100).rev()), "pages of {size}");
    }
    let small = BatchLimits { bytes: 100, ..BatchLimits::default() };
    let batches = read(database.as_mut(), source("t"), small).await.expect("pages");
    assert!(batches.len() > 20, "a page ends early by its bytes");
    assert_eq!(column(&batches, "id"), integers(1..=100));
}

#[tokio::test]
async fn keys_of_several_columns_and_of_text_page_too() {
    let mut database = database(&[
        NUMBERS,
        "CREATE TABLE p (week INTEGER, name TEXT COLLATE NOCASE, x, PRIMARY KEY (week, name)) WITHOUT ROWID",
        "INSERT INTO p SELECT week, name, id FROM t",
    ])
    .await;
    let expected = rows(database.as_mut(), "SELECT x FROM p ORDER BY week, name").await.concat();
    for size in [1, 3, 14, 15, 100] {
        let batches = read(database.as_mut(), source("p"), pages_of(size)).await.expect("pages");
        assert_eq!(column(&batches, "x"), expected, "pages of {size}");
        let named = TableSource { descending: true, ..keyed("p", &["NAME"]) };
        let batches = read(database.as_mut(), named, pages_of(size)).await.expect("pages");
        assert_eq!(column(&batches, "x").len(), 100);
    }
}

#[tokio::test]
async fn the_key_is_delivered_and_its_conversion_does_not_disturb() {
    let mut database = database(&[
        "CREATE TABLE u (id TEXT PRIMARY KEY NOT NULL, n INTEGER)",
        "INSERT INTO u VALUES ('B0000000-0000-0000-0000-000000000000', 1), ('a0000000-0000-0000-0000-000000000000', 2), \
         ('C0000000-0000-0000-0000-000000000000', 3)",
    ])
    .await;
    let only_n = TableSource { columns: vec![("n".to_owned(), Some(ColumnType::Text))], ..source("u") };
    let mut reader = TableReader::open(&mut *database.host(), only_n, pages_of(1)).await.expect("a reader");
    assert_eq!((reader.key(), reader.added_columns()), (&["id".to_owned()][..], &["id".to_owned()][..]));
    let first = reader.next(&mut *database.host()).await.expect("a page").expect("a page");
    assert_eq!(first.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["n", "id"]);
    assert_eq!(Value::of_cell(&first.columns[0], 0), Value::from("1"));
    // Upper and lower case sort otherwise than the UUIDs that they stand for.
    let as_uuid = vec![("id".to_owned(), Some(ColumnType::Uuid)), ("n".to_owned(), None)];
    let batches =
        read(database.as_mut(), TableSource { columns: as_uuid, ..source("u") }, pages_of(1)).await.expect("pages");
    assert_eq!(column(&batches, "n"), integers([1, 3, 2]));
    assert_eq!(column(&batches, "id")[0], Value::Uuid(0xb000_0000_0000_0000, 0));
    assert!(batches.iter().all(|batch| batch.columns.len() == 2));
}

/// A declared type is a preference: a page continues after what is stored.
#[tokio::test]
async fn keys_of_another_type_than_they_are_declared_page_too() {
    let mut database = database(&[
        "CREATE TABLE guids (id TEXT PRIMARY KEY, n INTEGER)",
        "INSERT INTO guids VALUES (x'00000000000000000000000000000003', 3), (x'00000000000000000000000000000001', 1), \
         (x'00000000000000000000000000000002', 2)",
        "CREATE TABLE words (id INT PRIMARY KEY, n INTEGER)",
        "INSERT INTO words VALUES ('a', 1), ('b', 2), ('c', 3)",
        "CREATE TABLE amounts (id DECIMAL(9,2) PRIMARY KEY, n INTEGER)",
        "INSERT INTO amounts VALUES (1, 1), (1.5, 2), (2, 3)",
        "CREATE TABLE mixed (id INT PRIMARY KEY, n INTEGER)",
        "INSERT INTO mixed VALUES (1, 1), ('a', 2)",
    ])
    .await;
    for (table, as_what, last) in [
        ("guids", ColumnType::Uuid, Value::Uuid(0, 3)),
        ("words", ColumnType::Text, Value::from("c")),
        ("amounts", ColumnType::Text, Value::from("2")),
    ] {
        let columns = vec![("n".to_owned(), None), ("id".to_owned(), Some(as_what))];
        for (size, descending) in [(1, false), (2, true), (3, false)] {
            let source = TableSource { columns: columns.clone(), descending, ..source(table) };
            let batches = read(database.as_mut(), source, pages_of(size)).await.expect("pages");
            let expected = if descending { integers([3, 2, 1]) } else { integers(1..=3) };
            assert_eq!(column(&batches, "n"), expected, "{table} in pages of {size}");
            assert!(column(&batches, "id").contains(&last), "{table}");
        }
    }
    for size in [1, 2] {
        let source = TableSource { columns: vec![("id".to_owned(), Some(ColumnType::Text))], ..source("mixed") };
        let error = read(database.as_mut(), source, pages_of(size)).await.expect_err("a number and a text");
        assert!(error.message.starts_with("column `mixed.id` "), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("choose another key")));
    }
}

#[tokio::test]
async fn filters_bring_their_own_parameters() {
    let mut database = database(&[NUMBERS]).await;
    for (filter, parameters) in [
        ("week = ? OR week = ?", integers([3, 4])),
        ("week IN (?1, ?2) -- a comment", integers([3, 4])),
        ("(week = ?) OR (week = ?)", integers([3, 4])),
    ] {
        let filtered = TableSource { filter: Some(filter.to_owned()), parameters, ..keyed("t", &["id"]) };
        let batches = read(database.as_mut(), filtered.clone(), pages_of(5)).await.expect(filter);
        assert_eq!(column(&batches, "id"), integers((1..=100).filter(|id| matches!(id % 7, 3 | 4))), "{filter}");
        let reader = TableReader::open_bounded(&mut *database.host(), filtered, pages_of(5)).await.expect(filter);
        assert_eq!(reader.count(&mut *database.host()).await, Ok(28));
        assert!(!reader.covers_key_range());
    }
    for filter in [
        "1) OR (1",
        "1 LIMIT 1 --",
        "1; DELETE FROM t",
        "week = ? AND id > ?",
        "week = ?9",
        "nothing = ?",
        "",
        "1 ORDER BY id",
    ] {
        let filtered = TableSource { filter: Some(filter.to_owned()), parameters: integers([3]), ..source("t") };
        assert!(read(database.as_mut(), filtered, pages_of(5)).await.is_err(), "{filter}");
    }
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM t").await, [integers([100])]);
}

#[tokio::test]
async fn a_bounded_reading_does_not_chase_its_own_rows() {
    let mut database = database(&[NUMBERS, "CREATE TABLE empty (id INTEGER PRIMARY KEY)"]).await;
    for descending in [false, true] {
        let source = TableSource { descending, ..source("t") };
        let mut reader =
            TableReader::open_bounded(&mut *database.host(), source, pages_of(30)).await.expect("a reader");
        assert_eq!(reader.count(&mut *database.host()).await, Ok(100));
        let mut read = 0;
        loop {
            let page = reader.next(&mut *database.host()).await.expect("a page");
            let Some(batch) = page else { break };
            read += batch.row_count;
            run(database.as_mut(), "INSERT INTO t VALUES (1000, 0, 'new')").await;
        }
        assert_eq!(read, 100);
        run(database.as_mut(), "DELETE FROM t WHERE id = 1000").await;
    }
    let mut reader = TableReader::open(&mut *database.host(), source("t"), pages_of(30)).await.expect("a reader");
    for _ in 0..4 {
        reader.next(&mut *database.host()).await.expect("a page");
    }
    run(database.as_mut(), "INSERT INTO t VALUES (1000, 0, 'new')").await;
    assert!(reader.next(&mut *database.host()).await.expect("a page").is_some(), "an unbounded reader continues");
    let mut reader =
        TableReader::open_bounded(&mut *database.host(), source("empty"), pages_of(1)).await.expect("a reader");
    assert_eq!(reader.next(&mut *database.host()).await, Ok(None));
    assert_eq!(reader.count(&mut *database.host()).await, Ok(0));
}

#[tokio::test]
async fn a_reading_resumes_after_a_key() {
    let mut database = database(&[NUMBERS]).await;
    let mut first = TableReader::open(&mut *database.host(), source("t"), pages_of(40)).await.expect("a reader");
    assert_eq!(first.last_key(), None);
    first.next(&mut *database.host()).await.expect("a page");
    let key = first.last_key().expect("a key").to_vec();
    assert_eq!(key, integers([40]));
    let mut second = TableReader::open(&mut *database.host(), source("t"), pages_of(100)).await.expect("a reader");
    second.resume_after(key);
    let batch = second.next(&mut *database.host()).await.expect("a page").expect("a page");
    assert_eq!(column(&[batch], "id"), integers(41..=100));
}

#[tokio::test]
async fn any_table_with_row_ids_can_be_read_by_them() {
    let mut database = database(&[
        "CREATE TABLE u (id TEXT PRIMARY KEY, n INTEGER)",
        "INSERT INTO u VALUES ('z', 1), (NULL, 2), ('a', 3)",
        "CREATE TABLE w (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE VIEW v AS SELECT id FROM u",
    ])
    .await;
    let mut reader =
        TableReader::open_bounded(&mut *database.host(), keyed("u", &["ROWID"]), pages_of(2)).await.expect("a reader");
    assert!(reader.covers_key_range());
    let mut batches = Vec::new();
    loop {
        let page = reader.next(&mut *database.host()).await.expect("a page");
        let Some(batch) = page else { break };
        batches.push(batch);
    }
    assert_eq!(column(&batches, "n"), integers([1, 2, 3]));
    assert_eq!(column(&batches, "rowid"), integers([1, 2, 3]));
    for table in ["w", "v"] {
        let error = read(database.as_mut(), keyed(table, &["rowid"]), pages_of(2)).await.expect_err(table);
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    }
}

#[tokio::test]
async fn what_would_lose_rows_is_an_error() {
    let mut database = database(&[
        NUMBERS,
        "CREATE VIEW v AS SELECT id, week FROM t",
        "CREATE TABLE n (id INT PRIMARY KEY, x)",
        "INSERT INTO n VALUES (1, 1), (NULL, 2)",
    ])
    .await;
    for (source, size, part) in [
        (source("v"), 10, "no primary key"),
        (keyed("v", &["week"]), 10, "the same key"),
        // Rows 14 and 15 of the order: the second of the two is on the next page.
        (keyed("t", &["week"]), 1, "the same key"),
        (source("n"), 10, "NULL"),
        (keyed("t", &["nothing"]), 10, "no column"),
        (TableSource { columns: vec![("nam".to_owned(), None)], ..self::source("t") }, 10, "no column"),
        (
            TableSource { columns: vec![("id".to_owned(), None), ("ID".to_owned(), None)], ..self::source("t") },
            10,
            "twice",
        ),
    ] {
        let error = read(database.as_mut(), source, pages_of(size)).await.expect_err(part);
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
    let whole = TableSource { filter: Some("id IS NOT NULL".to_owned()), ..source("n") };
    assert_eq!(read(database.as_mut(), whole, pages_of(1)).await.expect("pages").len(), 1);
    let unique = read(database.as_mut(), keyed("v", &["id"]), pages_of(7)).await.expect("pages");
    assert_eq!(column(&unique, "id"), integers(1..=100));
}

#[tokio::test]
async fn a_column_has_one_type_on_all_pages() {
    let mut database = database(&[
        "CREATE TABLE m (id INTEGER PRIMARY KEY, v)",
        "INSERT INTO m (v) VALUES (NULL), (1), (NULL), (NULL), (2), ('x')",
    ])
    .await;
    let mut reader = TableReader::open(&mut *database.host(), source("m"), pages_of(1)).await.expect("a reader");
    for expected in [ColumnType::Text, ColumnType::Int64, ColumnType::Int64, ColumnType::Int64, ColumnType::Int64] {
        let batch = reader.next(&mut *database.host()).await.expect("a page").expect("a page");
        assert_eq!(
            batch.columns[1].values.column_type(),
            expected,
            "NULLs are whatever the others are, once they are known"
        );
    }
    let error = reader.next(&mut *database.host()).await.expect_err("another type");
    assert_eq!(error.kind, DatabaseErrorKind::Conversion);
    assert!(error.message.contains("`m.v`"), "{error}");
    let as_text = vec![("v".to_owned(), Some(ColumnType::Text))];
    let batches =
        read(database.as_mut(), TableSource { columns: as_text, ..source("m") }, pages_of(4)).await.expect("pages");
    assert_eq!(column(&batches, "v")[5], Value::from("x"));
}
