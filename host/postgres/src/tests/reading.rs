//! Reading on a second connection: only where the writing connection's changes do not matter, and without ever
//! waiting.

use super::*;
use runner_contract::source;
use runner_data::{ColumnValues, Value};
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, ReadingAhead, TableIdentity, TableSource, WriteMode};

async fn ahead(database: &mut dyn Database, source: &TableSource, mode: WriteMode, to: &str) -> ReadingAhead {
    let (source, key) = (TableSource { key: vec!["id".to_owned()], ..source.clone() }, vec!["id".to_owned()]);
    let target = TableTarget { table: TableName::new(to), mode, key };
    database.reading_ahead(&source, &target).await.expect("an answer")
}

/// Whether others see what an update of `to` from `from` reads.
async fn others_see(database: &mut dyn Database, from: &str, to: &str) -> Option<TableIdentity> {
    ahead(database, &source(from), WriteMode::Update, to).await.elsewhere
}

#[tokio::test]
async fn others_see_only_tables_this_transaction_has_not_changed() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for table in ["a", "b", "watched", "ruled", "secured", "parent"] {
        run(database, &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int)")).await;
        run(database, &format!("INSERT INTO {table} SELECT n, n FROM generate_series(1, 9) AS n")).await;
    }
    run(database, "CREATE TABLE referring (id int PRIMARY KEY, n int REFERENCES a (id) ON UPDATE CASCADE)").await;
    run(database, "CREATE TABLE child () INHERITS (parent)").await;
    run(database, "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)").await;
    run(database, "CREATE VIEW seen AS SELECT * FROM a").await;
    run(database, "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'").await;
    run(database, "CREATE TRIGGER t BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION nothing()").await;
    run(database, "CREATE RULE r AS ON INSERT TO ruled DO ALSO UPDATE b SET n = 0").await;
    run(database, "ALTER TABLE secured ENABLE ROW LEVEL SECURITY").await;
    assert_eq!(others_see(database, "b", "b").await, None, "no transaction is open");
    database.begin(TransactionOptions::default()).await.expect("begun");
    for (from, to) in [("b", "b"), ("b", "referring"), ("watched", "b"), ("ruled", "b")] {
        assert!(others_see(database, from, to).await.is_some(), "{from} to {to}");
    }
    // A foreign key refers to `a` with a cascade.
    for (from, to) in [("b", "a"), ("b", "watched"), ("b", "ruled"), ("secured", "b"), ("parent", "b"), ("b", "parent")]
    {
        assert_eq!(others_see(database, from, to).await, None, "{from} to {to}");
    }
    for (from, to) in [("parted", "b"), ("b", "parted"), ("seen", "b"), ("b", "seen"), ("none", "b"), ("b", "none")] {
        assert_eq!(others_see(database, from, to).await, None, "{from} to {to}");
    }
    let filtered = TableSource { filter: Some("n > 3".to_owned()), ..source("b") };
    assert_eq!(ahead(database, &filtered, WriteMode::Update, "b").await.elsewhere, None);
    for change in ["UPDATE b SET n = 1 WHERE id = 1", "CREATE INDEX ON b (n)", "ALTER TABLE b ADD COLUMN m int"] {
        assert!(others_see(database, "b", "watched").await.is_none() && others_see(database, "b", "b").await.is_some());
        run(database, change).await;
        assert_eq!(others_see(database, "b", "b").await, None, "{change}");
        database.rollback().await.expect("rolled back");
        database.begin(TransactionOptions::default()).await.expect("begun");
    }
    run(database, "CREATE TABLE fresh (id int PRIMARY KEY)").await;
    run(database, "CREATE TEMPORARY TABLE passing (id int PRIMARY KEY)").await;
    assert_eq!(others_see(database, "fresh", "b").await, None);
    assert_eq!(others_see(database, "passing", "b").await, None);
    assert!(others_see(database, "b", "fresh").await.is_some());
}

#[tokio::test]
async fn nothing_is_read_ahead_of_a_write_that_may_change_it() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for table in ["a", "b", "watched", "parent"] {
        run(database, &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int)")).await;
    }
    run(database, "CREATE TABLE referring (id int PRIMARY KEY, n int REFERENCES a (id) ON DELETE CASCADE)").await;
    run(database, "CREATE TABLE child () INHERITS (parent)").await;
    run(database, "CREATE TABLE parted (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)").await;
    run(database, "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (100)").await;
    run(database, "CREATE VIEW seen AS SELECT * FROM a").await;
    run(database, "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'").await;
    run(database, "CREATE TRIGGER t AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION nothing()").await;
    run(database, "CREATE TRIGGER t AFTER DELETE ON part FOR EACH ROW EXECUTE FUNCTION nothing()").await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    use WriteMode::{Delete, Insert, Update, Upsert};
    for (from, mode, to, may) in [
        ("a", Update, "b", true),
        ("b", Update, "b", true),
        ("b", Insert, "b", false),
        ("b", Upsert, "b", false),
        // A cascade begins with a deletion.
        ("b", Update, "a", true),
        ("b", Delete, "a", false),
        ("b", Update, "watched", false),
        ("b", Upsert, "watched", false),
        ("b", Insert, "watched", true),
        ("parted", Update, "b", true),
        ("parted", Update, "parted", true),
        ("b", Update, "parted", true),
        ("b", Delete, "parted", false),
        ("parted", Update, "part", false),
        ("part", Update, "parted", false),
        ("child", Update, "parent", false),
        ("parent", Insert, "child", false),
        ("seen", Update, "a", false),
        ("a", Update, "seen", false),
    ] {
        assert_eq!(ahead(database, &source(from), mode, to).await.here, may, "{from} {mode:?} {to}");
    }
    for (filter, may) in [("n > 3", true), ("EXISTS (SELECT FROM b)", false), ("is_open(n)", false)] {
        let filtered = TableSource { filter: Some(filter.to_owned()), ..source("a") };
        assert_eq!(ahead(database, &filtered, Update, "b").await.here, may, "{filter}");
    }
    // What looks like a placeholder in a name is a name.
    assert!(!ahead(database, &source("$2"), Update, "b").await.here);
}

#[tokio::test]
async fn it_reads_committed_rows_without_waiting() {
    let fresh = fresh();
    let (mut writing, mut reading) = (open(&fresh).await, open(&fresh).await);
    let (writing, reading) = (writing.as_mut(), reading.as_mut());
    run(writing, "CREATE TABLE t (id int PRIMARY KEY, n int)").await;
    run(writing, "INSERT INTO t SELECT n, n FROM generate_series(1, 100) AS n").await;
    run(writing, "CREATE SCHEMA other CREATE TABLE t (id int PRIMARY KEY, n int)").await;
    writing.begin(TransactionOptions::default()).await.expect("begun");
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
    }
    assert_eq!(found, (1..=100).collect::<Vec<i64>>());
    let error = reading.execute("DELETE FROM t", &[]).await.expect_err("it may only read");
    assert_eq!(error.code, "25006", "{error}");
    reading.rollback().await.expect("rolled back");

    let elsewhere = TableName { schema: Some("other".to_owned()), name: "t".to_owned() };
    let error = reading.begin_reading(&elsewhere, &is).await.expect_err("another table");
    assert!(error.to_string().contains("another table"), "{error}");
    run(writing, "ALTER TABLE t ADD COLUMN m int").await;
    let error = reading.begin_reading(&TableName::new("t"), &is).await.expect_err("it is locked");
    assert_eq!(error.kind, runner_database::DatabaseErrorKind::Busy, "{error}");
    writing.rollback().await.expect("rolled back");
    reading.begin_reading(&TableName::new("t"), &is).await.expect("free again");
    assert_eq!(rows(reading, "SELECT count(*) FROM t").await, [[Value::Int64(100)]]);
}

#[tokio::test]
async fn a_table_that_is_read_and_written_is_held() {
    let fresh = fresh();
    let (mut holding, mut other) = (open(&fresh).await, open(&fresh).await);
    let (holding, other) = (holding.as_mut(), other.as_mut());
    for table in ["t", "u"] {
        run(holding, &format!("CREATE TABLE {table} (id int PRIMARY KEY, n int)")).await;
        run(holding, &format!("INSERT INTO {table} SELECT n, n FROM generate_series(1, 9) AS n")).await;
    }
    run(holding, "CREATE VIEW v AS SELECT * FROM t").await;
    run(holding, "CREATE VIEW w AS SELECT v.id, u.n FROM v JOIN u USING (id)").await;
    run(holding, "CREATE TABLE p (id int, n int) PARTITION BY RANGE (n)").await;
    run(holding, "ALTER TABLE p ATTACH PARTITION t FOR VALUES FROM (0) TO (100)").await;
    let limited = format!("limited_{}", std::process::id());
    run(holding, &format!("CREATE ROLE {limited}")).await;
    run(holding, &format!("GRANT SELECT, UPDATE (n) ON t TO {limited}")).await;
    run(holding, &format!("GRANT SELECT, UPDATE ON v TO {limited}")).await;
    let (read, update, insert) = ("SELECT n FROM t", "UPDATE t SET n = 0 WHERE id = 1", "INSERT INTO t VALUES (10, 1)");
    let mode = |mode: WriteMode| TableTarget { table: TableName::new("t"), mode, key: Vec::new() };
    let into = |table: &str| TableTarget { table: TableName::new(table), ..mode(WriteMode::Update) };
    for (role, from, to, refused) in [
        ("none", "t", mode(WriteMode::Update), &[update, insert][..]),
        ("none", "public.t", mode(WriteMode::Delete), &[update, insert]),
        ("none", "t", mode(WriteMode::Upsert), &[update, insert]),
        (&limited, "t", mode(WriteMode::Update), &[update]),
        ("none", "t", mode(WriteMode::Insert), &[]),
        ("none", "u", mode(WriteMode::Update), &[]),
        // Other relations with the same rows.
        ("none", "v", into("v"), &[update, insert]),
        ("none", "v", into("t"), &[update, insert]),
        ("none", "t", into("v"), &[update, insert]),
        ("none", "w", into("t"), &[update, insert]),
        ("none", "p", into("t"), &[update, insert]),
        ("none", "t", into("p"), &[update, insert]),
        ("none", "u", into("v"), &[]),
        // The tables of the view are not the user's to lock.
        (&limited, "v", into("v"), &[]),
        ("none", "absent", into("absent"), &[]),
    ] {
        holding.begin(TransactionOptions::default()).await.expect("begun");
        run(holding, &format!("SET LOCAL ROLE {role}")).await;
        let from = match from.split_once('.') {
            Some((schema, name)) => {
                let table = TableName { schema: Some(schema.to_owned()), name: name.to_owned() };
                TableSource { table, ..source(name) }
            }
            None => source(from),
        };
        holding.hold(&from, &to).await.expect("held");
        for statement in [read, update, insert] {
            other.begin(TransactionOptions::default()).await.expect("begun");
            run(other, "SET LOCAL lock_timeout = '50ms'").await;
            let done = other.execute(statement, &[]).await;
            let code = done.err().map(|error| error.code);
            let expected = refused.contains(&statement).then(|| "55P03".to_owned());
            assert_eq!(code, expected, "{statement} while {from:?} is held for {to:?} by {role}");
            other.rollback().await.expect("rolled back");
        }
        holding.rollback().await.expect("rolled back");
    }
    run(holding, &format!("DROP OWNED BY {limited}")).await;
    run(holding, &format!("DROP ROLE {limited}")).await;
}
