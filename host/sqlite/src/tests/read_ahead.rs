//! Reading on a second connection while the first one writes: only where that one's uncommitted changes do not matter.

use super::*;
use runner_contract::source;
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, DatabaseErrorKind, ReadingAhead, TableIdentity, TableSource};

async fn ahead(database: &mut dyn Database, source: &TableSource, mode: WriteMode, to: &str) -> ReadingAhead {
    let (source, key) = (TableSource { key: vec!["id".to_owned()], ..source.clone() }, vec!["id".to_owned()]);
    let target = TableTarget { table: TableName::new(to), mode, key };
    database.reading_ahead(&source, &target).await.expect("an answer")
}

/// Whether others see what an update of `to` from `from` reads.
async fn others_see(database: &mut dyn Database, from: &str, to: &str) -> Option<TableIdentity> {
    ahead(database, &source(from), WriteMode::Update, to).await.elsewhere
}

async fn tables(database: &mut dyn Database) {
    for table in ["a", "b", "c"] {
        run(database, &format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, n INTEGER)")).await;
        run(database, &format!("INSERT INTO {table} VALUES (1, 1), (2, 2), (3, 3)")).await;
    }
}

async fn begin(database: &mut dyn Database) {
    database.rollback().await.expect("rolled back");
    database.begin(TransactionOptions::default()).await.expect("begun");
}

#[tokio::test]
async fn only_ordinary_tables_of_a_file_in_wal_mode_are_seen_by_others() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    tables(database).await;
    for statement in [
        "CREATE VIEW seen AS SELECT * FROM a",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "ATTACH ':memory:' AS elsewhere",
        "CREATE TABLE elsewhere.far (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TEMP TABLE passing (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TEMP TABLE c (id INTEGER PRIMARY KEY, n INTEGER)",
    ] {
        run(database, statement).await;
    }
    assert_eq!(others_see(database, "a", "b").await, None, "nothing is open");
    begin(database).await;
    for (from, to) in [("a", "b"), ("b", "b"), ("A", "a")] {
        assert!(others_see(database, from, to).await.is_some(), "{from} to {to}");
    }
    for other in ["seen", "words", "words_content", "far", "passing", "c", "sqlite_schema", "none"] {
        assert_eq!(others_see(database, other, "b").await, None, "from {other}");
        assert_eq!(others_see(database, "b", other).await, None, "to {other}");
    }
    let named = |schema: &str| TableSource {
        table: TableName { schema: Some(schema.to_owned()), name: "c".to_owned() },
        ..source("c")
    };
    for (schema, seen) in [("main", true), ("temp", false)] {
        let found = ahead(database, &named(schema), WriteMode::Update, "b").await;
        assert_eq!(found.elsewhere.is_some(), seen, "{schema}");
    }
    let filtered = TableSource { filter: Some("n > 3".to_owned()), ..source("a") };
    assert_eq!(ahead(database, &filtered, WriteMode::Update, "b").await, ReadingAhead { here: true, elsewhere: None });

    for url in ["sqlite::memory:", "sqlite://other.db?journal_mode=delete"] {
        let mut database = open_url(directory.path(), url).await;
        tables(database.as_mut()).await;
        begin(database.as_mut()).await;
        assert_eq!(others_see(database.as_mut(), "a", "b").await, None, "{url}");
    }
}

#[tokio::test]
async fn what_the_transaction_has_changed_is_not() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    tables(database).await;
    for change in ["UPDATE a SET n = 7 WHERE id = 1", "INSERT INTO c VALUES (4, 4)", "DELETE FROM a"] {
        begin(database).await;
        run(database, "UPDATE a SET n = 7 WHERE id = 99").await;
        assert!(others_see(database, "a", "b").await.is_some(), "nothing has changed yet");
        run(database, change).await;
        assert_eq!(others_see(database, "a", "b").await, None, "{change}");
    }
    // No row of `a` changes, but the other connection has not got the column: it finds out itself.
    let mut reading = open_at(directory.path()).await;
    for change in ["ALTER TABLE a ADD COLUMN m INTEGER", "CREATE TABLE d (id INTEGER)"] {
        begin(database).await;
        run(database, change).await;
        let is = others_see(database, "a", "b").await.expect("no row has changed");
        let error = reading.begin_reading(&TableName::new("a"), &is).await.expect_err("another schema");
        assert!(error.to_string().contains("another table"), "{change}: {error}");
    }
}

#[tokio::test]
async fn what_a_transform_wrote_is_known_by_table() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    tables(database).await;
    let rows = batch(2, vec![integers("id", &[1, 2]), integers("n", &[10, 20])]);
    begin(database).await;
    assert!(others_see(database, "a", "b").await.is_some());
    write(database, "b", WriteMode::Update, &[], &rows).await.expect("written");
    assert!(others_see(database, "a", "c").await.is_some(), "only `b` has changed");
    assert_eq!(others_see(database, "b", "c").await, None);
    assert_eq!(others_see(database, "B", "c").await, None);
    // A statement between the question and the writer may have made the table one that changes others.
    assert!(others_see(database, "a", "c").await.is_some());
    run(database, "CREATE TEMP TRIGGER spreads AFTER UPDATE ON main.c BEGIN UPDATE a SET n = 0; END").await;
    write(database, "c", WriteMode::Update, &[], &rows).await.expect("written");
    assert_eq!(others_see(database, "a", "b").await, None);
    // A writer that was not asked about is unknown as well.
    begin(database).await;
    write(database, "b", WriteMode::Update, &[], &rows).await.expect("written");
    assert_eq!(others_see(database, "a", "b").await, None);
}

#[tokio::test]
async fn a_target_whose_changes_spread_is_not_read_beside() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    tables(database).await;
    for statement in [
        "CREATE TABLE watched (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TRIGGER spreads AFTER UPDATE ON watched BEGIN UPDATE a SET n = 0; END",
        "CREATE TABLE replaced (id INTEGER PRIMARY KEY, n INTEGER UNIQUE ON CONFLICT REPLACE)",
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)",
        "CREATE TABLE deleted (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES Parent ON DELETE CASCADE)",
        "CREATE TABLE strict (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES deleted ON UPDATE RESTRICT)",
        "CREATE TABLE changed (id INTEGER PRIMARY KEY, n INTEGER REFERENCES parent (n) ON UPDATE SET NULL)",
    ] {
        run(database, statement).await;
    }
    begin(database).await;
    for (to, mode, seen) in [
        ("watched", WriteMode::Update, false),
        ("replaced", WriteMode::Insert, false),
        ("parent", WriteMode::Insert, true),
        ("parent", WriteMode::Update, false),
        ("parent", WriteMode::Delete, false),
        ("deleted", WriteMode::Update, true),
        ("deleted", WriteMode::Delete, true),
        ("b", WriteMode::Upsert, true),
    ] {
        let found = ahead(database, &source("a"), mode, to).await;
        assert_eq!((found.here, found.elsewhere.is_some()), (seen, seen), "{mode} into {to}");
    }
    run(database, "CREATE TEMP TRIGGER spreads AFTER UPDATE ON main.b BEGIN UPDATE a SET n = 0; END").await;
    assert_eq!(others_see(database, "a", "b").await, None);
}

#[tokio::test]
async fn a_table_is_its_own_source_only_where_each_row_is_read_before_it_is_written() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    tables(database).await;
    begin(database).await;
    let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (mode, order, key, seen) in [
        (WriteMode::Update, &["id"][..], &["id"][..], true),
        (WriteMode::Update, &["id"], &["id", "n"], true),
        (WriteMode::Delete, &["id"], &["id"], true),
        (WriteMode::Update, &["n", "id"], &["id"], false),
        (WriteMode::Update, &["id"], &["n"], false),
        (WriteMode::Upsert, &["id"], &["id"], false),
        (WriteMode::Insert, &["id"], &[], false),
    ] {
        let source = TableSource { key: by(order), ..source("a") };
        let target = TableTarget { table: TableName::new("a"), mode, key: by(key) };
        let found = database.reading_ahead(&source, &target).await.expect("an answer");
        assert_eq!(
            (found.here, found.elsewhere.is_some()),
            (seen, seen),
            "{mode} by {key:?} in the order of {order:?}"
        );
    }
    // The key is not among what the batch function gets.
    let source = TableSource { columns: vec![("n".to_owned(), None)], key: by(&["n"]), ..source("a") };
    let target = TableTarget { table: TableName::new("a"), mode: WriteMode::Update, key: by(&["id", "n"]) };
    assert_eq!(database.reading_ahead(&source, &target).await, Ok(ReadingAhead::default()));
}

#[tokio::test]
async fn the_reader_sees_the_state_before_the_transaction_and_changes_nothing() {
    let directory = directory();
    let (mut writing, mut reading) = (open_at(directory.path()).await, open_at(directory.path()).await);
    let (writing, reading) = (writing.as_mut(), reading.as_mut());
    run(writing, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)").await;
    run(
        writing,
        "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i LIMIT 100) INSERT INTO t SELECT n, n FROM i",
    )
    .await;
    begin(writing).await;
    let is = others_see(writing, "t", "t").await.expect("seen");
    run(writing, "UPDATE t SET n = 0").await;

    reading.begin_reading(&TableName::new("t"), &is).await.expect("begun");
    let limits = BatchLimits { rows: 30, ..BatchLimits::default() };
    let mut reader = TableReader::open(&mut *reading.host(), source("t"), limits).await.expect("a reader");
    let mut found: Vec<i64> = Vec::new();
    while let Some(page) = reader.next(&mut *reading.host()).await.expect("a page") {
        let Some(ColumnValues::Int64(entries)) = page.column("n").map(|column| &column.values) else {
            panic!("no `n` in {page:?}")
        };
        found.extend(entries);
        run(writing, "UPDATE t SET n = n + 1").await;
    }
    assert_eq!(found, (1..=100).collect::<Vec<i64>>());
    let error = reading.execute("DELETE FROM t", &[]).await.expect_err("it may only read");
    assert_eq!(error.kind, DatabaseErrorKind::ReadOnly, "{error}");
    reading.rollback().await.expect("rolled back");
    writing.commit_or_roll_back().await.expect("committed");
    assert_eq!(run(reading, "DELETE FROM t WHERE id > 50").await, 50, "it may write again");
}

#[tokio::test]
async fn another_file_of_the_same_name_is_not_read() {
    let directory = directory();
    let mut writing = open_at(directory.path()).await;
    tables(writing.as_mut()).await;
    begin(writing.as_mut()).await;
    let is = others_see(writing.as_mut(), "a", "b").await.expect("seen");
    let mut elsewhere = open_url(directory.path(), "sqlite://elsewhere.db").await;
    tables(elsewhere.as_mut()).await;
    let error = elsewhere.begin_reading(&TableName::new("a"), &is).await.expect_err("another file");
    assert!(error.to_string().contains("another table"), "{error}");
    assert_eq!(elsewhere.in_transaction().await, Ok(false));
    let error = elsewhere.begin_reading(&TableName::new("none"), &is).await.expect_err("no such table");
    assert!(error.to_string().contains("another table"), "{error}");
    // Moved away from under the run.
    std::fs::rename(directory.path().join("app.db"), directory.path().join("moved.db")).expect("moved");
    std::fs::copy(directory.path().join("elsewhere.db"), directory.path().join("app.db")).expect("another one");
    assert_eq!(others_see(writing.as_mut(), "a", "b").await, None);
}
