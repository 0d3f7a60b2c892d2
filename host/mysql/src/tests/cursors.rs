//! Cursors and pages.

use super::*;
use runner_contract::{batch, integers, read, source, texts, write};
use runner_data::{ColumnType, ColumnValues};
use runner_database::keyset::TableReader;
use runner_database::{Part, TableSource, WriteMode};

/// Reads a whole table; returns the sizes of the batches as well.
async fn pages(database: &mut dyn Database, source: TableSource, limits: BatchLimits) -> (Vec<i64>, Vec<usize>) {
    let mut reader = TableReader::open(&mut *database.host(), source, limits).await.expect("a reader");
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = reader.next(&mut *database.host()).await.expect("a page");
        let Some(batch) = page else { break };
        batch.validate().expect("a valid batch");
        let Some(ColumnValues::Int64(page)) = batch.column("id").map(|column| &column.values) else {
            panic!("no `id` in {batch:?}")
        };
        ids.extend(page);
        sizes.push(batch.row_count);
    }
    (ids, sizes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_usable_while_a_cursor_is_open() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let uuid = if is_mysql() { "CHAR(36)" } else { "UUID" };
    make(database, "t", &format!("(id INT PRIMARY KEY, j JSON, u {uuid}, z DATE, n INT)")).await;
    run(database, "SET sql_mode = ''").await;
    run(database, &format!("INSERT INTO t SELECT seq, '{{\"a\":1}}', UUID(), '0000-00-00', 0 FROM {}", seq(5000)))
        .await;
    run(database, "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'").await;
    database.begin(NONE).await.expect("begun");
    let request = CursorRequest {
        statement: "SELECT id, j, u, z, n / 0 AS nothing FROM t WHERE id > ? ORDER BY id DESC -- all".to_owned(),
        parameters: vec![Value::Int64(0)],
        types: vec![None, None, Some(ColumnType::Uuid), Some(ColumnType::Text)],
    };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    let mut seen: Vec<i64> = Vec::new();
    while let Some(batch) =
        database.fetch(cursor, BatchLimits { rows: 700, ..BatchLimits::default() }).await.expect("rows")
    {
        let ColumnValues::Int64(ids) = &batch.columns[0].values else { panic!("{batch:?}") };
        seen.extend(ids);
        assert_eq!(batch.columns[1].values.column_type(), ColumnType::Json);
        assert_eq!(batch.columns[2].values.column_type(), ColumnType::Uuid);
        assert_eq!(batch.columns[3].values.var_values().expect("texts").get(0), b"0000-00-00");
        assert!(batch.columns[4].is_null(0));
        assert_eq!(run(database, "UPDATE t SET n = n + 1").await, 5000);
    }
    assert_eq!(seen, (1..=5000).rev().collect::<Vec<i64>>());
    let left = rows(database, "SHOW TABLES").await;
    assert_eq!(left, [[Value::from("t")]], "no cursor's table remains");
    assert!(text_of(database, "SELECT @@sql_mode").await.contains("STRICT_ALL_TABLES"));
    database.commit_or_roll_back().await.expect("committed");
}

/// A cluster sets the increment to the number of its nodes. Paging by the number of rows would deliver some of them
/// again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_is_read_once_however_far_apart_its_numbers_are() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(2000))").await;
    run(database, &format!("INSERT INTO t SELECT seq, REPEAT('x', seq % 2000) FROM {}", seq(20000))).await;
    for (increment, offset) in [(1, 1), (2, 1), (2, 2), (7, 5), (65_535, 65_535)] {
        run(database, &format!("SET auto_increment_increment = {increment}, auto_increment_offset = {offset}")).await;
        for limits in [
            BatchLimits { rows: 700, ..BatchLimits::default() },
            // Ends batches in the middle of what was requested.
            BatchLimits { bytes: 100_000, ..BatchLimits::default() },
        ] {
            let batches = read(database, "SELECT id, b FROM t ORDER BY id DESC", &[], limits).await.expect("batches");
            let mut ids: Vec<i64> = Vec::new();
            for batch in batches {
                assert_eq!(batch.columns.len(), 2, "the numbers are not delivered");
                let ColumnValues::Int64(page) = &batch.columns[0].values else { panic!("{batch:?}") };
                ids.extend(page);
            }
            assert!(ids.iter().copied().eq((1..=20_000).rev()), "{increment}: {} rows", ids.len());
        }
    }
}

/// MySQL refuses `CREATE TABLE … SELECT … FOR UPDATE`, and a user may lack the privilege for a temporary table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_locks_its_rows_is_one_select() {
    let fresh = fresh();
    let name = fresh.name();
    let user = format!("p_{}", &name[name.len() - 12..]);
    fresh.sql(&format!("CREATE USER {user}@'%' IDENTIFIED BY 'x'"));
    fresh.sql(&format!("GRANT SELECT, UPDATE ON {name}.* TO {user}@'%'"));
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)");
    fresh.sql(&format!("INSERT INTO t SELECT seq, REPEAT('x', 20000 + 200 * (seq % 13)) FROM {}", seq(2000)));
    let mut database = open_url(&fresh.url_as(&user, "x")).await.expect("a connection");
    let database = database.as_mut();
    let mut other = open_with(
        &fresh.url(),
        &ConnectOptions { lock_timeout: Some(std::time::Duration::from_secs(1)), ..ConnectOptions::default() },
    )
    .await
    .expect("a connection");
    let plain = pages(database, source("t"), BatchLimits { bytes: 1 << 20, ..BatchLimits::default() }).await;
    let before = sent(database).await;
    database.begin(NONE).await.expect("begun");
    let limits = BatchLimits { rows: 900, bytes: 1 << 20, ..BatchLimits::default() };
    let (mut sizes, mut last) = (Vec::new(), 0);
    loop {
        let request = runner_database::PageRequest {
            table: TableName { schema: None, name: "t".to_owned() },
            key: vec!["id".to_owned()],
            select: format!("SELECT id, b FROM t WHERE id > {last} ORDER BY id"),
            parameters: Vec::new(),
            types: Vec::new(),
            locks_rows: true,
            limits,
        };
        let Some(page) = database.read_page(&request).await.expect("a page") else { break };
        let ColumnValues::Int64(ids) = &page.columns[0].values else { panic!("{page:?}") };
        assert!(ids.iter().copied().eq(last + 1..=last + ids.len() as i64), "{ids:?}");
        last += ids.len() as i64;
        sizes.push(page.row_count);
    }
    assert_eq!(last, 2000);
    assert_eq!(sizes, plain.1, "a page ends where its bytes end");
    let sent = sent(database).await - before;
    assert!(sent < 42_400_000 * 5 / 4, "{sent} bytes for 42 MB of cells");
    let busy = error_of(other.as_mut(), "UPDATE t SET b = '' WHERE id = 1000").await;
    assert_eq!(busy.kind, DatabaseErrorKind::Busy, "{busy}");
    database.rollback().await.expect("rolled back");
    fresh.sql(&format!("DROP USER {user}@'%'"));
}

/// In a chunk's transaction each statement sees what was committed before it, so what is left out by its number in a second one would be
/// another row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_chunk_is_of_one_moment() {
    let fresh = fresh();
    let (mut database, mut other) = (open(&fresh).await, open(&fresh).await);
    run(database.as_mut(), "CREATE TABLE t (id INT PRIMARY KEY)").await;
    run(database.as_mut(), &format!("INSERT INTO t SELECT seq FROM {}", seq(2000))).await;
    let gate = format!("'{}'", fresh.name());
    run(other.as_mut(), &format!("DO GET_LOCK({gate}, 0)")).await;
    database.begin_part(Part::Chunk).await.expect("begun");
    let request = runner_database::PageRequest {
        table: TableName { schema: None, name: "t".to_owned() },
        key: vec!["id".to_owned()],
        // The first statement of the page waits at its first row.
        select: format!(
            "SELECT id, IF(id = 1 AND GET_LOCK({gate}, 60) = 1, RELEASE_LOCK({gate}), 0) AS passed FROM t WHERE id > 0 ORDER BY id"
        ),
        parameters: Vec::new(),
        types: Vec::new(),
        locks_rows: false,
        limits: BatchLimits { rows: 1000, ..BatchLimits::default() },
    };
    let others = async {
        let waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND db = DATABASE()";
        while fresh.value(waits) == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        run(other.as_mut(), "DELETE FROM t WHERE id = 2").await;
        run(other.as_mut(), &format!("DO RELEASE_LOCK({gate})")).await;
    };
    let (page, ()) = tokio::join!(database.read_page(&request), others);
    let page = page.expect("a page").expect("rows");
    let ColumnValues::Int64(ids) = &page.columns[0].values else { panic!("{page:?}") };
    let expected: Vec<i64> = (1..=1001).filter(|id| *id != 2).collect();
    assert_eq!(*ids, expected, "what nobody touched is there");
    database.rollback().await.expect("rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide_rows_are_not_read_twice() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB)").await;
    run(database, &format!("INSERT INTO t SELECT seq, REPEAT('x', 20000) FROM {}", seq(2000))).await;
    // All parts of a page see the same.
    database.begin(NONE).await.expect("begun");
    let before = sent(database).await;
    let limits = BatchLimits { bytes: 1 << 20, ..BatchLimits::default() };
    let (ids, sizes) = pages(database, source("t"), limits).await;
    assert_eq!(ids, (1..=2000).collect::<Vec<i64>>());
    assert!(sizes.iter().all(|rows| *rows <= 53), "{sizes:?}");
    let sent = sent(database).await - before;
    assert!(sent < 40_000_000 + 12_000_000, "{sent} bytes for 40 MB of cells");
}

/// Bytes that the server has sent to this session.
async fn sent(database: &mut dyn Database) -> u64 {
    let row = rows(database, "SHOW SESSION STATUS LIKE 'Bytes_sent'").await.remove(0);
    row[1].as_text().and_then(|text| text.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_read_in_the_order_of_any_key_type() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (number, (key, values)) in [
        ("BIGINT UNSIGNED", "seq + 18446744073709550000"),
        ("DECIMAL(40, 10)", "seq * 1.0000000001 + 123456789012345678901234567890"),
        ("UUID", "CAST(LPAD(HEX(seq * 7919), 32, 'a') AS UUID)"),
        ("BINARY(16)", "UNHEX(LEFT(SHA2(seq, 256), 32))"),
        ("VARCHAR(60) COLLATE utf8mb4_unicode_ci", "CONCAT('Ä', LEFT(SHA2(seq, 256), 32))"),
        ("VARCHAR(60) CHARACTER SET latin1", "CONCAT('é', LEFT(SHA2(seq, 256), 32))"),
        ("DATETIME(6)", "TIMESTAMPADD(MICROSECOND, seq * 13, '2026-01-01')"),
        ("TIMESTAMP(3)", "TIMESTAMPADD(MICROSECOND, seq * 13000, '2026-01-01')"),
        ("DATE", "DATE_ADD('0001-01-01', INTERVAL seq DAY)"),
        ("TIME(6)", "SEC_TO_TIME(seq * 1.5)"),
        ("DOUBLE", "seq / 3"),
        ("FLOAT", "seq / 4"),
        ("YEAR", "1901 + seq % 200"),
    ]
    .into_iter()
    .enumerate()
    {
        if is_mysql() && key == "UUID" {
            continue;
        }
        let table = format!("t{number}");
        run(database, &format!("CREATE TABLE {table} (k {key} PRIMARY KEY, id INT)")).await;
        run(database, &format!("INSERT IGNORE INTO {table} SELECT {values}, seq FROM {}", seq(400))).await;
        let limits = BatchLimits { rows: 30, ..BatchLimits::default() };
        let (mut ids, _) = pages(database, source(&table), limits).await;
        ids.sort_unstable();
        let expected: Vec<i64> = rows(database, &format!("SELECT id FROM {table} ORDER BY id"))
            .await
            .iter()
            .filter_map(|row| row[0].as_int64())
            .collect();
        assert_eq!(ids, expected, "{key}");
        assert!(ids.len() >= 200, "{key}");
    }
    for declared in ["ENUM('z', 'a')", "BIT(20)"] {
        make(database, "e", &format!("(id INT, k {declared} PRIMARY KEY)")).await;
        let mut session = database.host();
        let error = match TableReader::open(&mut *session, source("e"), BatchLimits::default()).await {
            Ok(mut reader) => reader.next(&mut *session).await.expect_err("no order"),
            Err(error) => error,
        };
        assert_eq!(
            (error.kind, error.hint.as_deref()),
            (DatabaseErrorKind::InvalidArgument, Some("choose another key"))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_names_the_cell_that_does_not_fit() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, flag BOOLEAN, d TIME)").await;
    run(database, "INSERT INTO t VALUES (1, 1, '10:00'), (2, 7, '-10:00')").await;
    for (column, text) in [
        ("flag", "column `t.flag` holds `7`, which is no boolean"),
        ("d", "column `t.d` holds `-10:00:00`, which is no time"),
    ] {
        let mut table = source("t");
        table.columns = vec![(column.to_owned(), None)];
        let mut reader =
            TableReader::open(&mut *database.host(), table, BatchLimits::default()).await.expect("a reader");
        let error = reader.next(&mut *database.host()).await.expect_err("a cell");
        assert_eq!((error.kind, error.message.as_str()), (DatabaseErrorKind::Conversion, text), "{error}");
        assert_eq!(error.detail.as_deref(), Some("row id = 2"));
        assert!(error.hint.is_some());
    }
    let as_stored = read(
        database,
        "SELECT flag, d FROM t",
        &[Some(ColumnType::Int64), Some(ColumnType::Text)],
        BatchLimits::default(),
    );
    let found = as_stored.await.expect("rows");
    assert_eq!(found[0], batch(2, vec![integers("flag", &[1, 7]), texts("d", &["10:00:00", "-10:00:00"])]));
}

/// A page continues after a key that the type of its column has no place for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_read_as_the_caller_asks_and_continued_as_they_are_stored() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "SET sql_mode = ''").await;
    let tables = [
        ("kinds", "TINYINT(1)", ColumnType::Int64, ["-1", "0", "1", "7"]),
        ("times", "TIME(1)", ColumnType::Text, ["-100:00:00.5", "-00:00:00.5", "10:00:00.0", "30:00:00.5"]),
        ("dates", "DATE", ColumnType::Text, ["0000-00-00", "2026-00-00", "2026-01-01", "2026-01-02"]),
        (
            "instants",
            "DATETIME(3)",
            ColumnType::Text,
            ["0000-00-00 00:00:00", "2026-01-01 00:00:00", "2026-01-01 00:00:00.125", "2026-01-02 00:00:00"],
        ),
    ];
    for (table, declared, _, keys) in tables {
        make(database, table, &format!("(user_id INT, k {declared}, id INT, PRIMARY KEY (user_id, k))")).await;
        let values: Vec<String> = keys.iter().zip(1..).map(|(key, id)| format!("(3, '{key}', {id})")).collect();
        run(database, &format!("INSERT INTO {table} VALUES {}", values.join(", "))).await;
    }
    run(database, "SET sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'").await;
    for (table, _, read_as, _) in tables {
        let source =
            || TableSource { columns: vec![("id".to_owned(), None), ("k".to_owned(), Some(read_as))], ..source(table) };
        let limits = BatchLimits { rows: 1, ..BatchLimits::default() };
        assert_eq!(pages(database, source(), limits).await.0, [1, 2, 3, 4], "{table}");
        let backwards = TableSource { descending: true, ..source() };
        assert_eq!(pages(database, backwards, limits).await.0, [4, 3, 2, 1], "{table}");
        // The last row of a page is the end of a chunk that was cut at it.
        let mut reader = TableReader::open_bounded(&mut *database.host(), source(), limits).await.expect("a reader");
        let end = reader.cut(&mut *database.host(), reader.bound(), None, 2).await.expect("cut");
        for _ in 0..2 {
            assert!(reader.next(&mut *database.host()).await.expect("a page").is_some());
        }
        assert_eq!(reader.last_key(), end.as_deref(), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_can_be_updated_while_it_is_read_in_pages() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id INT PRIMARY KEY, n INT)").await;
    run(database, &format!("INSERT INTO t SELECT seq, seq FROM {}", seq(3000))).await;
    let mut reader =
        TableReader::open(&mut *database.host(), source("t"), BatchLimits::default()).await.expect("a reader");
    let mut all = 0;
    loop {
        let page = reader.next(&mut *database.host()).await.expect("a page");
        let Some(page) = page else { break };
        let ColumnValues::Int64(ids) = &page.columns[0].values else { panic!("{page:?}") };
        let changed =
            batch(ids.len(), vec![integers("id", ids), integers("n", &ids.iter().map(|id| -id).collect::<Vec<_>>())]);
        all += write(database, "t", WriteMode::Update, &[], &changed).await.expect("written");
    }
    assert_eq!(all, 3000);
    assert_eq!(rows(database, "SELECT COUNT(*) FROM t WHERE n = -id").await, [[Value::Int64(3000)]]);
}

/// The columns of a temporary table may have 65,535 bytes together, as declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_select_that_is_too_wide_for_a_table_is_read_as_a_whole() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for table in ["a", "b"] {
        run(database, &format!("CREATE TABLE {table} (id INT PRIMARY KEY, {table} VARCHAR(10000))")).await;
        run(database, &format!("INSERT INTO {table} SELECT seq, REPEAT('{table}', seq) FROM {}", seq(1000))).await;
    }
    database.begin(NONE).await.expect("begun");
    run(database, "INSERT INTO a VALUES (0, '')").await;
    let join = "SELECT a.id, a.a, b.b FROM a JOIN b USING (id) ORDER BY id DESC";
    let found = read(database, join, &[], BatchLimits { rows: 300, ..BatchLimits::default() }).await.expect("rows");
    assert_eq!(found.iter().map(|batch| batch.row_count).collect::<Vec<_>>(), [300, 300, 300, 100]);
    assert_eq!(found[0].columns[2].values.var_values().expect("texts").get(1), "b".repeat(999).as_bytes());
    assert_eq!(database.in_transaction().await, Ok(true));
    database.commit_or_roll_back().await.expect("committed");
    run(database, "UPDATE a SET a = REPEAT('x', 10000)").await;
    run(database, "UPDATE b SET b = REPEAT('x', 10000)").await;
    let twice = "SELECT a.id, a.a, b.b, a2.a AS c, b2.b AS d FROM a JOIN b USING (id) JOIN a a2 USING (id) JOIN b b2 USING (id)";
    let error = read(database, twice, &[], BatchLimits::default()).await.expect_err("40 MB");
    assert_eq!(error.kind, DatabaseErrorKind::Limit, "{error}");
    assert!(error.message.contains("too wide for a temporary table"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("by its key")));
}
