//! Updates and deletes that pull their cells from the batch.

use super::*;
use runner_database::DatabaseErrorKind;

const COVERS: WriteHint = WriteHint { covers_key_range: true };

async fn table(definition: &str, count: i64) -> Box<dyn Database> {
    let mut database = in_memory().await;
    for statement in definition.split(";;") {
        run(database.as_mut(), statement).await;
    }
    let fill = format!(
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count}) \
         INSERT INTO t (id, a, b) SELECT x, 'a' || x, x * 1.5 FROM n"
    );
    run(database.as_mut(), &fill).await;
    database
}

fn change(ids: &[i64]) -> Batch {
    let a: Vec<String> = ids.iter().map(|id| format!("changed {id}")).collect();
    let a: Vec<&str> = a.iter().map(String::as_str).collect();
    let b = ids.iter().map(|id| *id as f64 + 0.25).collect();
    batch(ids.len(), vec![texts("a", &a), integers("id", ids), column("b", ColumnValues::Float64(b))])
}

async fn update(database: &mut dyn Database, rows: &Batch, hint: WriteHint) -> Result<u64, DatabaseError> {
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() };
    let writer = database.open_writer(&target).await?;
    database.write(writer, rows, hint).await?;
    database.finish_writer(writer).await
}

async fn changed(database: &mut dyn Database) -> Vec<i64> {
    let found = rows(database, "SELECT id FROM t WHERE a = 'changed ' || id AND b = id + 0.25 ORDER BY id").await;
    found.iter().filter_map(|row| row[0].as_int64()).collect()
}

/// Tables for which SQLite may choose other query plans.
const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL);;CREATE INDEX i ON t (a);;CREATE INDEX j ON t (b, a)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b REAL CHECK (b < 100000))",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL) WITHOUT ROWID",
    "CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b REAL)",
    "CREATE TABLE t (id INT NOT NULL UNIQUE, a TEXT, b REAL, PRIMARY KEY (id)) STRICT",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, g TEXT AS (a || b) STORED);;CREATE INDEX i ON t (g)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL);;CREATE TABLE log (id INTEGER, old TEXT);;\
     CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (old.id, old.a); END",
    // A trigger on the same table.
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, touched INTEGER DEFAULT 0);;\
     CREATE TRIGGER tr AFTER UPDATE OF a ON t BEGIN UPDATE t SET touched = touched + 1 WHERE id = old.id; END",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL);;\
     CREATE TABLE child (t INTEGER REFERENCES t ON UPDATE CASCADE);;INSERT INTO child SELECT NULL",
];

#[tokio::test]
async fn only_the_rows_of_the_batch_are_updated() {
    let dense: Vec<i64> = (1..=1000).collect();
    let gaps: Vec<i64> = (1..=1000).filter(|id| id % 3 != 0).collect();
    let sparse: Vec<i64> = (1..=1000).step_by(100).collect();
    let backwards: Vec<i64> = dense.iter().rev().copied().collect();
    let shuffled: Vec<i64> = (0..1000).map(|at| (at * 387) % 1000 + 1).collect();
    for definition in TABLES {
        for (ids, hint) in [
            (&dense, WriteHint::default()),
            (&dense, COVERS),
            (&gaps, WriteHint::default()),
            (&sparse, WriteHint::default()),
            (&backwards, WriteHint::default()),
            (&shuffled, WriteHint::default()),
        ] {
            let mut database = table(definition, 1000).await;
            let written = update(database.as_mut(), &change(ids), hint).await;
            assert_eq!(written, Ok(ids.len() as u64), "{definition}");
            let mut expected = ids.clone();
            expected.sort_unstable();
            assert_eq!(changed(database.as_mut()).await, expected, "{definition}");
            assert_eq!(text_of(database.as_mut(), "PRAGMA integrity_check").await, "ok", "{definition}");
            for (table, column) in [("log", "count(*)"), ("t", "sum(touched)")] {
                if definition.contains(if table == "log" { "log" } else { "touched" }) {
                    let found = rows(database.as_mut(), &format!("SELECT {column} FROM {table}")).await;
                    assert_eq!(found, [[Value::Int64(ids.len() as i64)]], "{definition}");
                }
            }
        }
    }
}

#[tokio::test]
async fn several_batches_in_a_row() {
    let mut database = table(TABLES[0], 5_000).await;
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() };
    let writer = database.open_writer(&target).await.expect("a writer");
    // Runs of consecutive keys, then gaps, then one distant row: each code path in turn, with the same writer.
    for ids in
        [(1..=1000).collect::<Vec<_>>(), (1001..=3000).step_by(2).collect(), vec![4000, 5000], (3001..=3100).collect()]
    {
        let rows = change(&ids);
        assert_eq!(database.write(writer, &rows, WriteHint::default()).await, Ok(ids.len() as u64));
    }
    assert_eq!(database.finish_writer(writer).await, Ok(2102));
    assert_eq!(changed(database.as_mut()).await.len(), 2102);
}

#[tokio::test]
async fn a_batch_that_takes_several_statements_is_written_whole_and_names_its_rows() {
    let all: Vec<i64> = (1..=10_000).collect();
    let backwards: Vec<i64> = all.iter().rev().copied().collect();
    for definition in [TABLES[0], TABLES[3], TABLES[4]] {
        for (ids, hint) in [(&all, COVERS), (&all, WriteHint::default()), (&backwards, WriteHint::default())] {
            let mut database = table(definition, 10_000).await;
            let database = database.as_mut();
            let rows_of = change(ids);
            assert_eq!(update(database, &rows_of, hint).await, Ok(10_000), "{definition}");
            assert_eq!(changed(database).await, all, "{definition}");
            run(database, "DELETE FROM t WHERE id = 7777").await;
            let error = update(database, &rows_of, hint).await.expect_err("7777 is gone");
            assert_eq!(error.detail.as_deref(), Some("row id = 7777"), "{definition}: {error}");
            let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Delete, key: Vec::new() };
            let writer = database.open_writer(&target).await.expect("a writer");
            let keys = batch(ids.len(), vec![integers("id", ids)]);
            let error = database.write(writer, &keys, hint).await.expect_err("7777 is gone");
            assert_eq!(error.detail.as_deref(), Some("row id = 7777"), "{definition}: {error}");
        }
    }
}

#[tokio::test]
async fn the_last_row_of_a_duplicate_key_wins() {
    let mut database = table(TABLES[0], 3).await;
    let rows = batch(3, vec![integers("id", &[2, 2, 1]), texts("a", &["first", "second", "other"])]);
    assert_eq!(update(database.as_mut(), &rows, WriteHint::default()).await, Ok(3));
    assert_eq!(
        text_of(database.as_mut(), "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY id)").await,
        "other,second,a3"
    );
}

#[tokio::test]
async fn a_wrong_hint_is_detected() {
    let mut database = table(TABLES[0], 10).await;
    let error = update(database.as_mut(), &change(&[2, 3, 9]), COVERS).await.expect_err("4 to 8 are there too");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument);
    assert_eq!(error.detail.as_deref(), Some("the row with the key 4"));
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Delete, key: Vec::new() };
    let writer = database.open_writer(&target).await.expect("a writer");
    let keys = batch(2, vec![integers("id", &[2, 9])]);
    assert_eq!(database.write(writer, &keys, COVERS).await, Ok(2), "a delete removes only the rows it is given");
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM t").await, [[Value::Int64(8)]]);
}

#[tokio::test]
async fn a_constraint_error_names_its_row() {
    for definition in &TABLES[2..3] {
        let mut database = table(definition, 100).await;
        let mut rows = change(&(1..=100).collect::<Vec<_>>());
        if let ColumnValues::Float64(entries) = &mut rows.columns[2].values {
            entries[41] = 1e9;
        }
        let error = update(database.as_mut(), &rows, WriteHint::default()).await.expect_err("a check");
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Constraint, "SQLITE_CONSTRAINT_CHECK (275)"));
        assert_eq!(error.detail.as_deref(), Some("row id = 42"));
    }
}

#[tokio::test]
async fn fractional_keys_of_the_table_are_skipped() {
    for definition in
        ["CREATE TABLE t (id INT PRIMARY KEY, a TEXT)", "CREATE TABLE t (id INT PRIMARY KEY, a TEXT) WITHOUT ROWID"]
    {
        let mut database = in_memory().await;
        run(database.as_mut(), definition).await;
        run(database.as_mut(), "INSERT INTO t VALUES (1, 'x'), (1.5, 'x'), (2, 'x'), ('two', 'x'), (3, 'x')").await;
        let rows_of = batch(3, vec![integers("id", &[1, 2, 3]), texts("a", &["y", "y", "y"])]);
        assert_eq!(update(database.as_mut(), &rows_of, WriteHint::default()).await, Ok(3));
        let found = text_of(database.as_mut(), "SELECT group_concat(a, '') FROM (SELECT a FROM t ORDER BY id)").await;
        assert_eq!(found, "yxyyx");
        let error = update(database.as_mut(), &rows_of, COVERS).await.expect_err("1.5 is there too");
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument);
    }
}

/// A whole number in a REAL column, or in one without a type, equals the integer of a batch.
#[tokio::test]
async fn whole_reals_of_the_table_are_found_by_integers() {
    for declared in ["REAL PRIMARY KEY", "PRIMARY KEY", "DOUBLE PRIMARY KEY NOT NULL"] {
        for hint in [COVERS, WriteHint::default()] {
            let mut database = in_memory().await;
            let database = database.as_mut();
            run(database, &format!("CREATE TABLE t (id {declared}, a TEXT)")).await;
            run(database, "INSERT INTO t VALUES (-1.0, 'x'), (0.0, 'x'), (1.0, 'x'), (7.0, 'x')").await;
            assert_eq!(text_of(database, "SELECT group_concat(DISTINCT typeof(id)) FROM t").await, "real");
            let ids = [-1, 0, 1, 7];
            let rows_of = batch(4, vec![integers("id", &ids), texts("a", &["y"; 4])]);
            assert_eq!(update(database, &rows_of, hint).await, Ok(4), "{declared}");
            assert_eq!(text_of(database, "SELECT group_concat(a, '') FROM t").await, "yyyy");
            run(database, "INSERT INTO t VALUES (0.5, 'x')").await;
            if !hint.covers_key_range {
                assert_eq!(update(database, &rows_of, hint).await, Ok(4), "{declared}");
            }
            let keys = batch(4, vec![integers("id", &ids)]);
            let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Delete, key: Vec::new() };
            let writer = database.open_writer(&target).await.expect("a writer");
            assert_eq!(database.write(writer, &keys, hint).await, Ok(4), "{declared}");
            assert_eq!(rows(database, "SELECT id FROM t").await, [[Value::Float64(0.5)]], "{declared}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_cell_is_written() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY, v)").await;
    run(database.as_mut(), "INSERT INTO t (id) VALUES (1), (2), (3)").await;
    let bytes = VarValues { offsets: vec![0, 2, 2, 3], data: vec![0, 255, 7] };
    for (values, quoted) in [
        (ColumnValues::Bytes(bytes.clone()), ["X'00FF'", "X''", "NULL"]),
        (ColumnValues::Boolean(vec![1, 0, 1]), ["1", "0", "NULL"]),
        (ColumnValues::Int64(vec![i64::MIN, i64::MAX, 0]), ["-9223372036854775808", "9223372036854775807", "NULL"]),
        (ColumnValues::Float64(vec![f64::INFINITY, 5e-324, 0.0]), ["9.0e+999", "4.94065645841247e-324", "NULL"]),
        (ColumnValues::Date(vec![0, -719_162, 9]), ["'1970-01-01'", "'0001-01-01'", "NULL"]),
        (
            ColumnValues::Uuid(vec![0, 1, u64::MAX, 2, 3, 4]),
            ["'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-0000-000000000002'", "NULL"],
        ),
    ] {
        let cells = Column { name: "v".to_owned(), nulls: vec![0, 0, 1], values };
        let rows_of = batch(3, vec![integers("id", &[1, 2, 3]), cells]);
        assert_eq!(update(database.as_mut(), &rows_of, WriteHint::default()).await, Ok(3));
        let found = rows(database.as_mut(), "SELECT quote(v) FROM t ORDER BY id").await;
        let expected: Vec<Vec<Value>> = quoted.iter().map(|text| vec![Value::from(*text)]).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_guests_writer_has_the_guests_rights() {
    let mut database = table(TABLES[0], 10).await;
    database.set_role(Role::Component);
    assert_eq!(update(database.as_mut(), &change(&[1, 2, 3]), WriteHint::default()).await, Ok(3));
    let error = database.execute("UPDATE t SET a = runner_pull_0(id)", &[]).await.expect_err("ours");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    // A trigger may not call them either while one of our statements runs.
    run(
        database.as_mut(),
        "CREATE TRIGGER tr AFTER UPDATE ON t BEGIN UPDATE t SET a = runner_pull_0(1) WHERE id = 9; END",
    )
    .await;
    assert!(update(database.as_mut(), &change(&[1, 2, 3]), WriteHint::default()).await.is_err());
}

#[tokio::test]
async fn texts_and_blobs_can_be_keys() {
    let texts_of = |ids: &[i64]| ids.iter().map(|id| format!("Key {:04}", id * 7 % 1000)).collect::<Vec<_>>();
    for definition in [
        "CREATE TABLE t (k TEXT PRIMARY KEY, a TEXT)",
        "CREATE TABLE t (k TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID",
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, a TEXT)",
        "CREATE TABLE t (k BLOB PRIMARY KEY, a TEXT)",
        // Unique, but without an index in key order: SQLite asks in the order of the row ids.
        "CREATE TABLE t (k TEXT, a TEXT)",
    ] {
        let mut database = in_memory().await;
        let database = database.as_mut();
        run(database, definition).await;
        let ids: Vec<i64> = (0..1000).collect();
        let blobs = definition.contains("BLOB");
        let keys = |texts_of: Vec<String>| {
            let mut column = texts("k", &texts_of.iter().map(String::as_str).collect::<Vec<_>>());
            if let (true, ColumnValues::Text(values)) = (blobs, &column.values) {
                column.values = ColumnValues::Bytes(values.clone());
            }
            column
        };
        let all = batch(1000, vec![keys(texts_of(&ids)), texts("a", &vec!["old"; 1000])]);
        write(database, "t", WriteMode::Insert, &[], &all).await.expect("inserted");
        let mut sorted = texts_of(&ids);
        sorted.sort();
        let part = &sorted[100..900];
        let new: Vec<String> = part.iter().map(|key| format!("new {key}")).collect();
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let rows_of = batch(800, vec![texts("a", &new), keys(part.to_vec())]);
        let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: vec!["k".to_owned()] };
        let writer = database.open_writer(&target).await.expect("a writer");
        assert_eq!(database.write(writer, &rows_of, COVERS).await, Ok(800), "{definition}");
        let changed = rows(database, "SELECT count(*) FROM t WHERE a = 'new ' || CAST(k AS TEXT)").await;
        assert_eq!(changed, [[Value::Int64(800)]], "{definition}");
        // One key is missing from the batch: the hint is wrong.
        let short: Vec<String> = sorted[100..103].iter().chain(&sorted[104..110]).cloned().collect();
        let wrong = batch(9, vec![texts("a", &["x"; 9]), keys(short)]);
        let error = database.write(writer, &wrong, COVERS).await.expect_err("a row too many");
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{definition}: {error}");
        let deleted = batch(800, vec![keys(part.to_vec())]);
        let target = TableTarget { mode: WriteMode::Delete, ..target };
        let writer = database.open_writer(&target).await.expect("a writer");
        assert_eq!(database.write(writer, &deleted, COVERS).await, Ok(800), "{definition}");
        let error = database.write(writer, &batch(1, vec![keys(part[..1].to_vec())]), COVERS).await.expect_err("gone");
        assert!(error.message.contains("no row"), "{definition}: {error}");
    }
}

#[tokio::test]
async fn a_table_with_another_key_can_be_written_by_row_id() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)").await;
    run(database, "INSERT INTO t VALUES ('z', 1), ('y', 2), ('x', 3)").await;
    let by_rowid = batch(2, vec![integers("rowid", &[2, 3]), integers("n", &[20, 30])]);
    assert_eq!(write(database, "t", WriteMode::Update, &["rowid"], &by_rowid).await, Ok(2));
    let new = batch(1, vec![integers("rowid", &[9]), texts("id", &["w"])]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &new).await, Ok(1));
    let gone = batch(1, vec![integers("rowid", &[1])]);
    assert_eq!(write(database, "t", WriteMode::Delete, &["oid"], &gone).await.map_err(|error| error.kind), Ok(1));
    let left =
        text_of(database, "SELECT group_concat(id || coalesce(n, '')) FROM (SELECT * FROM t ORDER BY rowid)").await;
    assert_eq!(left, "y20,x30,w");
}
