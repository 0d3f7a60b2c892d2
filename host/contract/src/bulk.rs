//! Cursors and writers.

use super::*;

async fn table(database: &mut dyn Database, rows: i64) {
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(100), n INTEGER)").await;
    let ids: Vec<i64> = (1..=rows).collect();
    let names: Vec<String> = ids.iter().map(|id| format!("name {id}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = batch(ids.len(), vec![integers("id", &ids), texts("name", &names), integers("n", &ids)]);
    if rows > 0 {
        assert_eq!(write(database, "t", WriteMode::Insert, &[], &all).await, Ok(rows as u64));
    }
}

pub async fn reads_in_batches(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    table(database, 10).await;
    let all = "SELECT id, name FROM t ORDER BY id";
    let limits = BatchLimits { rows: 4, ..BatchLimits::default() };
    let batches = read(database, all, &[], limits).await.expect("batches");
    assert_eq!(batches.iter().map(|batch| batch.row_count).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(batches[2], batch(2, vec![integers("id", &[9, 10]), texts("name", &["name 9", "name 10"])]));
    let limits = BatchLimits { bytes: 1, ..BatchLimits::default() };
    let batches = read(database, all, &[], limits).await.expect("batches");
    assert_eq!(batches.len(), 10, "the row that crosses the limit is included");
    assert!(read(database, "SELECT id FROM t WHERE id > 99", &[], limits).await.expect("nothing").is_empty());
    let error = read(database, "DELETE FROM t", &[], limits).await.expect_err("no SELECT");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    run(database, "UPDATE t SET name = NULL WHERE id <> 5").await;
    let batches = read(database, all, &[], BatchLimits::default()).await.expect("batches");
    assert_eq!(batches[0].columns[1].nulls, [1, 1, 1, 1, 0, 1, 1, 1, 1, 1]);
    let request = CursorRequest { statement: all.to_owned(), ..CursorRequest::default() };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    assert!(database.fetch(cursor, BatchLimits::default()).await.expect("rows").is_some());
    for _ in 0..2 {
        assert_eq!(database.fetch(cursor, BatchLimits::default()).await, Ok(None));
    }
    database.close_cursor(cursor).await.expect("closed");
}

pub async fn reads_pages(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    table(database, 1200).await;
    for locks_rows in [false, true] {
        database.begin(TransactionOptions::default()).await.expect("begun");
        // The first page shows how wide rows are; the second may be read differently.
        for (rows, expected) in [(600, 600), (700, 700), (5000, 1200)] {
            let limits = BatchLimits { rows, ..BatchLimits::default() };
            let page = PageRequest { locks_rows, limits, ..page("SELECT id, name FROM t ORDER BY id", &["id"]) };
            let found = database.read_page(&page).await.expect("a page").expect("rows");
            assert_eq!(found.row_count, expected);
            assert_eq!(Value::of_cell(&found.columns[0], expected - 1), Value::Int64(expected as i64));
        }
        let limits = BatchLimits { bytes: 100, ..BatchLimits::default() };
        let page = PageRequest { locks_rows, limits, ..page("SELECT id, name FROM t ORDER BY id", &["id"]) };
        let found = database.read_page(&page).await.expect("a page").expect("rows");
        assert!((2..10).contains(&found.row_count), "the page ends early by its bytes: {}", found.row_count);
        let none = PageRequest { select: "SELECT id FROM t WHERE id > 9999 ORDER BY id".to_owned(), ..page };
        assert_eq!(database.read_page(&none).await, Ok(None));
        database.rollback().await.expect("rolled back");
    }
    let limits = BatchLimits { cell_bytes: 5, ..BatchLimits::default() };
    let page = PageRequest { limits, ..page("SELECT id, name FROM t ORDER BY id", &["id"]) };
    let error = database.read_page(&page).await.expect_err("6 bytes");
    assert_eq!(error.message, "column `t.name` holds 6 bytes, but a cell may have 5 at most");
    assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Limit, Some("row id = 1")));
}

/// A row that is too wide is so on every database, and all limits that it exceeds are named at once.
pub async fn refuses_wide_rows(factory: &dyn Factory) {
    let mut database = factory.open().await;
    table(database.as_mut(), 1).await;
    let limits = BatchLimits { cell_bytes: 40, bytes: 20, call_bytes: 90, ..BatchLimits::default() };
    let select = |cells: &[usize]| {
        let texts = cells.iter().enumerate().map(|(at, cell)| format!("'{}' AS c{at}", "x".repeat(*cell)));
        format!("SELECT {} FROM t", texts.collect::<Vec<_>>().join(", "))
    };
    assert_eq!(read(database.as_mut(), &select(&[40, 20]), &[], limits).await.expect("60 bytes").len(), 1);
    let wide = "a row has 80 bytes, but `cell_bytes` and `batch_bytes` together let it have 60";
    let large = "column `c0` holds 50 bytes, but a cell may have 40 at most";
    for (cells, message, hint) in [
        (&[40, 40][..], wide, "raise the limit `cell_bytes` to 60 or more, or read fewer of its columns"),
        (&[50], large, "raise the limit `cell_bytes` to 50 or more, or leave the column out"),
        (
            &[50, 45],
            large,
            "raise the limit `cell_bytes` to 75 or more, and `host_call_bytes` above 95 if the row is written back, or leave the \
             column out",
        ),
    ] {
        let error = read(database.as_mut(), &select(cells), &[], limits).await.expect_err(message);
        assert_eq!((error.kind, error.message.as_str()), (DatabaseErrorKind::Limit, message));
        assert_eq!(error.hint.as_deref(), Some(hint));
    }
}

pub async fn refuses_large_cells(factory: &dyn Factory) {
    let mut database = factory.open().await;
    table(database.as_mut(), 3).await;
    let limits = BatchLimits { cell_bytes: 5, ..BatchLimits::default() };
    let error = read(database.as_mut(), "SELECT name FROM t", &[], limits).await.expect_err("6 bytes");
    assert_eq!(error.kind, DatabaseErrorKind::Limit, "{error}");
}

pub async fn writes_in_all_modes(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    // More rows than fit into one multi-row statement.
    table(database, 150).await;
    let change = batch(2, vec![integers("id", &[7, 3]), texts("name", &["seven", "three"])]);
    assert_eq!(write(database, "t", WriteMode::Update, &[], &change).await, Ok(2));
    let change = batch(2, vec![texts("name", &["three!", "new"]), integers("id", &[3, 999])]);
    write(database, "t", WriteMode::Upsert, &[], &change).await.expect("upserted");
    let ids: Vec<i64> = (10..=150).collect();
    assert_eq!(write(database, "t", WriteMode::Delete, &[], &batch(141, vec![integers("id", &ids)])).await, Ok(141));
    let by_name = batch(1, vec![texts("name", &["seven"]), integers("n", &[70])]);
    assert_eq!(write(database, "t", WriteMode::Update, &["name"], &by_name).await, Ok(1));
    let found = rows(database, "SELECT id, name, n FROM t WHERE id > 2 AND id <> 5 ORDER BY id").await;
    let row = |id: i64, name: &str, n: Option<i64>| vec![Value::Int64(id), Value::from(name), Value::from(n)];
    let expected = [
        row(3, "three!", Some(3)),
        row(4, "name 4", Some(4)),
        row(6, "name 6", Some(6)),
        row(7, "seven", Some(70)),
        row(8, "name 8", Some(8)),
        row(9, "name 9", Some(9)),
        row(999, "new", None),
    ];
    assert_eq!(found, expected);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &batch(0, vec![])).await, Ok(0), "an empty batch");
}

/// Texts have another order than the numbers that they spell.
pub async fn finds_texts_by_numbers(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id VARCHAR(20) PRIMARY KEY, v VARCHAR(20))").await;
    run(database, "INSERT INTO t VALUES ('8', 'a'), ('9', 'b'), ('10', 'c'), ('11', 'd'), ('900', 'e')").await;
    for (ids, v) in [(&[8, 9, 10, 11][..], "one"), (&[9], "two"), (&[11, 8], "three"), (&[8, 900], "four")] {
        let change = batch(ids.len(), vec![integers("id", ids), texts("v", &vec![v; ids.len()])]);
        assert_eq!(write(database, "t", WriteMode::Update, &[], &change).await, Ok(ids.len() as u64), "{ids:?}");
    }
    let gone = batch(2, vec![integers("id", &[9, 10])]);
    assert_eq!(write(database, "t", WriteMode::Delete, &[], &gone).await, Ok(2));
    let expected =
        [("11", "three"), ("8", "four"), ("900", "four")].map(|(id, v)| vec![Value::from(id), Value::from(v)]);
    assert_eq!(rows(database, "SELECT id, v FROM t ORDER BY id").await, expected);
}

pub async fn refuses_malformed_batches(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    table(database, 3).await;
    let id = || integers("id", &[1]);
    for (mode, key, columns, part) in [
        (WriteMode::Insert, &[][..], vec![id(), integers("nam", &[1])], "`name`"),
        (WriteMode::Update, &[], vec![texts("name", &["a"])], "`id`"),
        (WriteMode::Update, &[], vec![id()], "nothing to update"),
        (WriteMode::Delete, &["name"], vec![id()], "`name`"),
        (WriteMode::Upsert, &["nothing"], vec![id()], "`nothing`"),
    ] {
        let error = write(database, "t", mode, key, &batch(1, columns)).await.expect_err(part);
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{mode}: {error}");
        let text = format!("{error} {:?}", error.hint);
        assert!(text.contains(part), "{mode}: {text}");
    }
    let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() };
    let writer = database.open_writer(&target).await.expect("a writer");
    let first = batch(1, vec![id(), texts("name", &["a"])]);
    let second = batch(1, vec![id(), integers("n", &[1])]);
    database.write(writer, &first, WriteHint::default()).await.expect("written");
    let error = database.write(writer, &second, WriteHint::default()).await.expect_err("other columns");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
}

pub async fn names_the_row_of_an_error(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 500))").await;
    let ids: Vec<i64> = (1..=200).collect();
    let mut numbers = ids.clone();
    numbers[149] = 500;
    let bad = batch(200, vec![integers("id", &ids), integers("n", &numbers)]);
    let good = batch(200, vec![integers("id", &ids), integers("n", &ids)]);
    for (mode, rows) in [(WriteMode::Insert, &bad), (WriteMode::Upsert, &bad), (WriteMode::Update, &bad)] {
        run(database, "DELETE FROM t").await;
        if mode == WriteMode::Update {
            write(database, "t", WriteMode::Insert, &[], &good).await.expect("inserted");
        }
        let error = write(database, "t", mode, &[], rows).await.expect_err("a constraint");
        assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{mode}: {error}");
        assert_eq!(error.detail.as_deref(), Some("row id = 150"), "{mode}: {error}");
    }
}

pub async fn refuses_what_matches_no_row(factory: &dyn Factory) {
    let mut database = factory.open().await;
    let database = database.as_mut();
    table(database, 5).await;
    for keys in [vec![4, 5, 6], vec![1, 2, 900], vec![6, 1], vec![-1]] {
        for mode in [WriteMode::Update, WriteMode::Delete] {
            database.begin(TransactionOptions::default()).await.expect("begun");
            let mut columns = vec![integers("id", &keys)];
            if mode == WriteMode::Update {
                columns.push(integers("n", &keys));
            }
            let error = write(database, "t", mode, &[], &batch(keys.len(), columns)).await.expect_err("no row");
            assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{mode} {keys:?}: {error}");
            let absent = keys.iter().find(|key| !(1..=5).contains(*key)).expect("one");
            assert_eq!(error.detail, Some(format!("row id = {absent}")), "{mode} {keys:?}: {error}");
            database.rollback().await.expect("rolled back");
        }
    }
    let several = batch(1, vec![integers("n", &[7]), texts("name", &["x"])]);
    run(database, "UPDATE t SET n = 7 WHERE id < 3").await;
    let error = write(database, "t", WriteMode::Update, &["n"], &several).await.expect_err("two rows");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
}
