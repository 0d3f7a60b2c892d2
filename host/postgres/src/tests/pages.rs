//! Pages of tables, read by a cursor or by `COPY`.

use super::*;
use runner_contract::source;
use runner_data::{ColumnType, ColumnValues, Value};
use runner_database::DatabaseErrorKind;
use runner_database::keyset::TableReader;
use runner_database::{BatchLimits, TableName, TableSource};

/// Reads a whole table in pages and returns its column `n`.
async fn numbers(database: &mut dyn Database, source: TableSource, limits: BatchLimits) -> Vec<i64> {
    let mut reader = TableReader::open(&mut *database.host(), source, limits).await.expect("a reader");
    let mut found = Vec::new();
    while let Some(page) = reader.next(&mut *database.host()).await.expect("a page") {
        page.validate().expect("a valid batch");
        let Some(ColumnValues::Int64(entries)) = page.column("n").map(|column| &column.values) else {
            panic!("no `n` in {page:?}")
        };
        found.extend(entries);
    }
    found
}

#[tokio::test]
async fn each_row_is_read_once_for_any_type_of_key() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let limits = BatchLimits { rows: 64, ..BatchLimits::default() };
    for (at, (columns, key)) in [
        ("id int PRIMARY KEY", "n"),
        ("id bigint PRIMARY KEY", "n * 3000000000"),
        ("id text COLLATE \"C\" PRIMARY KEY", "'it''s \"$1\" \\ ' || lpad(n::text, 5, '0')"),
        ("id char(9) PRIMARY KEY", "lpad(n::text, 5, '0') || 'x'"),
        ("id uuid PRIMARY KEY", "lpad(to_hex(n * 977), 32, '0')::uuid"),
        ("id numeric PRIMARY KEY", "n / 8.0"),
        ("id timestamptz PRIMARY KEY", "'2026-01-01Z'::timestamptz + n * interval '1 s'"),
        ("id date, day text, PRIMARY KEY (id, day)", "'2026-01-01'::date + n / 100, lpad(n::text, 5, '0')"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{at}");
        run(database, &format!("CREATE TABLE {table} (n int, note text, {columns})")).await;
        let rows = format!("SELECT n, repeat('x', n % 50), {key} FROM generate_series(1, 1000) AS n");
        run(database, &format!("INSERT INTO {table} {rows}")).await;
        for in_transaction in [true, false] {
            if in_transaction {
                database.begin(TransactionOptions::default()).await.expect("begun");
            }
            let all: Vec<i64> = (1..=1000).collect();
            assert_eq!(numbers(database, source(&table), limits).await, all, "{columns}");
            let filtered = TableSource {
                filter: Some("n % $1 = 0 AND note <> '$2; --' -- all".to_owned()),
                parameters: vec![Value::Int64(7)],
                descending: true,
                ..source(&table)
            };
            let some: Vec<i64> = all.iter().copied().filter(|n| n % 7 == 0).rev().collect();
            assert_eq!(numbers(database, filtered, limits).await, some, "{columns}");
            database.rollback().await.expect("rolled back");
        }
    }
}

/// A copied page takes no parameters, but finds the rows that the cursor of the first page would.
#[tokio::test]
async fn a_filter_means_the_same_on_every_page() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let owner = Value::Uuid(0x67e5_5044_10b1_426f, 0x9247_bb68_0e5f_e0c8);
    let limits = BatchLimits { rows: 64, ..BatchLimits::default() };
    fresh.sql("CREATE EXTENSION citext");
    for (at, (declared, stored, filter, value)) in [
        ("text", "'67e55044-10b1-426f-9247-bb680e5fe0c8'", "owner = $1", owner.clone()),
        ("varchar(36)", "'67e55044-10b1-426f-9247-bb680e5fe0c8'", "owner = $1", owner.clone()),
        ("char(36)", "'67e55044-10b1-426f-9247-bb680e5fe0c8'", "owner = $1", owner.clone()),
        ("citext", "'67E55044-10B1-426F-9247-BB680E5FE0C8'", "owner = $1", owner.clone()),
        ("uuid", "'67e55044-10b1-426f-9247-bb680e5fe0c8'", "owner = $1", owner.clone()),
        ("bytea", "'\\x67e5504410b1426f9247bb680e5fe0c8'", "owner = $1", owner),
        ("citext", "'Me'", "owner = $1", Value::from("mE")),
        ("text", "'7'", "owner = $1", Value::Int64(7)),
        // The placeholder has the type of its first place, to which the number 40,000 fits.
        ("smallint", "7", "n < $1 AND owner + $1 = 40007", Value::Int64(40_000)),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{at}");
        fresh.sql(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, n int, owner {declared}); \
             INSERT INTO {table} SELECT n, n, {stored} FROM generate_series(1, 1000) AS n"
        ));
        let source =
            || TableSource { filter: Some(filter.to_owned()), parameters: vec![value.clone()], ..source(&table) };
        for _ in 0..2 {
            assert_eq!(numbers(database, source(), limits).await, (1..=1000).collect::<Vec<i64>>(), "{declared}");
        }
    }
}

#[tokio::test]
async fn rows_that_grow_wider_are_not_lost() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (id int PRIMARY KEY, n int, note text)").await;
    run(
        database,
        "INSERT INTO t SELECT n, n, repeat('x', CASE WHEN n % 500 > 250 THEN 20000 ELSE n % 10 END) \
         FROM generate_series(1, 1500) AS n",
    )
    .await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    for bytes in [1_000, 30_000, 100_000, 2 << 20] {
        let limits = BatchLimits { rows: 200, bytes, ..BatchLimits::default() };
        assert_eq!(numbers(database, source("t"), limits).await, (1..=1500).collect::<Vec<i64>>(), "{bytes}");
    }
    let limits = BatchLimits { rows: 200, cell_bytes: 10_000, ..BatchLimits::default() };
    let mut reader = TableReader::open(&mut *database.host(), source("t"), limits).await.expect("a reader");
    let error = loop {
        match reader.next(&mut *database.host()).await {
            Ok(page) => assert!(page.is_some(), "a cell beyond the limit was accepted"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, DatabaseErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("id = 251"), "{error}");
    assert_eq!(rows(database, "SELECT count(*) FROM t").await, [[Value::Int64(1500)]], "the connection goes on");
}

/// A primary key does not bind the tables that inherit from its own.
#[tokio::test]
async fn keys_that_heirs_repeat_are_found() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE parent (id int PRIMARY KEY, n int); CREATE TABLE child () INHERITS (parent); \
         INSERT INTO parent VALUES (1, 1), (2, 2); INSERT INTO child VALUES (3, 3)",
    );
    let limits = BatchLimits { rows: 1, ..BatchLimits::default() };
    assert_eq!(numbers(database, source("parent"), limits).await, [1, 2, 3]);
    fresh.sql("INSERT INTO child VALUES (2, 4)");
    for rows in [1, 2, 100] {
        let limits = BatchLimits { rows, ..BatchLimits::default() };
        let mut reader = TableReader::open(&mut *database.host(), source("parent"), limits).await.expect("a reader");
        let error = loop {
            match reader.next(&mut *database.host()).await {
                Ok(page) => assert!(page.is_some(), "a row of {rows} was skipped"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("several rows of `parent` have the same key"), "{error}");
    }
    // The partitions of a table share its key.
    fresh.sql(
        "CREATE TABLE whole (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF whole DEFAULT; INSERT INTO whole VALUES (1, 1)",
    );
    let mut has_heirs = async |table| database.table(&TableName::new(table)).await.expect("a table").has_heirs;
    assert_eq!((has_heirs("whole").await, has_heirs("parent").await, has_heirs("child").await), (false, true, false));
}

/// A NULL sorts above all other keys, and as the greatest one it would bound a reading to no rows.
#[tokio::test]
async fn a_null_that_a_declaration_does_not_rule_out_is_found() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE heirs (id int, n int); CREATE TABLE heir () INHERITS (heirs); \
         ALTER TABLE ONLY heirs ALTER id SET NOT NULL; INSERT INTO heirs VALUES (1, 1); INSERT INTO heir VALUES (NULL, 2); \
         CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; \
         CREATE FOREIGN TABLE elsewhere (id int NOT NULL, n int) SERVER files \
            OPTIONS (program 'printf \"1,1\\n,2\\n\"', format 'csv')",
    );
    let mut tables = vec!["heirs", "elsewhere"];
    // Before 18, a NOT NULL is checked for all rows.
    if since(&fresh, 18) {
        fresh.sql(
            "CREATE TABLE unchecked (id int, n int); INSERT INTO unchecked VALUES (1, 1), (NULL, 2); \
             ALTER TABLE unchecked ADD CONSTRAINT c NOT NULL id NOT VALID",
        );
        tables.push("unchecked");
    }
    for table in tables {
        assert_eq!(fresh.value(&format!("SELECT count(id), count(*) FROM {table}")), "1|2", "{table}");
        let source = || TableSource { key: vec!["id".to_owned()], ..source(table) };
        let limits = BatchLimits::default();
        let bounded = TableReader::open_bounded(&mut *database.host(), source(), limits).await;
        let unbounded = TableReader::open(&mut *database.host(), source(), limits).await;
        // Since 17, the server itself does not look for a NULL where a foreign table is declared to have none.
        let is_hidden = table == "elsewhere" && since(&fresh, 17);
        for opened in [Some(bounded), Some(unbounded).filter(|_| !is_hidden)].into_iter().flatten() {
            let Err(error) = opened else { panic!("the NULL in {table} was not found") };
            assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{table}: {error}");
            assert!(error.message.contains(&format!("`{table}.id` is part of the key but NULL")), "{error}");
            assert!(error.hint.is_some(), "{error:?}");
        }
    }
}

/// A page continues after a key that no typed column of a batch can hold.
#[tokio::test]
async fn keys_without_a_typed_value_are_read_as_text() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("CREATE DOMAIN day AS date; CREATE DOMAIN precise AS numeric(9,2); CREATE DOMAIN amount AS precise");
    let limits = BatchLimits { rows: 1, ..BatchLimits::default() };
    for (table, declared, keys) in [
        ("dates", "date", ["-infinity", "2026-01-31", "2026-02-01", "infinity"]),
        ("times", "timestamp(3)", ["-infinity", "2026-01-31 12:00:00.125", "2026-02-01 00:00:00", "infinity"]),
        ("instants", "timestamptz", ["-infinity", "2026-01-31 12:00:00+00", "2026-02-01 00:00:00+00", "infinity"]),
        ("numbers", "numeric", ["-7.50", "10", "9007199254740993.0", "NaN"]),
        ("days", "day", ["-infinity", "2026-01-31", "2026-02-01", "infinity"]),
        ("amounts", "amount", ["-7.50", "10.00", "11.00", "NaN"]),
    ] {
        fresh.sql(&format!("CREATE TABLE {table} (sku int, until {declared}, n int, PRIMARY KEY (sku, until))"));
        for (n, key) in keys.iter().enumerate() {
            fresh.sql(&format!("INSERT INTO {table} VALUES (1, '{key}', {n})"));
        }
        for descending in [false, true] {
            let columns = vec![("until".to_owned(), Some(ColumnType::Text)), ("n".to_owned(), None)];
            let source = TableSource { columns, descending, ..source(table) };
            let mut reader = TableReader::open_bounded(&mut *database.host(), source, limits).await.expect("a reader");
            assert_eq!(reader.bound(), Some(&[Value::Int64(1), Value::from(keys[3])][..]));
            let mut found = Vec::new();
            while let Some(page) = reader.next(&mut *database.host()).await.expect("a page") {
                found.push(Value::of_cell(page.column("until").expect("a column"), 0));
            }
            let mut expected = keys.map(Value::from).to_vec();
            if descending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{table}");
        }
        let mut reader = TableReader::open_bounded(&mut *database.host(), source(table), BatchLimits::default())
            .await
            .expect("a reader");
        let error = reader.next(&mut *database.host()).await.expect_err("a cell without a value");
        assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{error}");
        assert!(error.message.contains("until") && error.hint.is_some_and(|hint| hint.contains("`as` another type")));
    }
}

/// A right that is missing is an error of the page, and the session goes on, whichever page it is.
#[tokio::test]
async fn a_page_that_is_denied_leaves_the_connection() {
    let fresh = fresh();
    let user = format!("reader_{}", fresh.name());
    fresh.sql(&format!(
        "CREATE TABLE t (n int PRIMARY KEY, secret text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 1000) AS n; \
         CREATE ROLE {user} LOGIN; GRANT SELECT (n) ON t TO {user}"
    ));
    let mut database = open_url(&fresh.url_as(&user, "")).await.expect("a connection");
    let database = database.as_mut();
    let limits = BatchLimits { rows: 64, ..BatchLimits::default() };
    let read = TableSource { columns: vec![("n".to_owned(), None)], ..source("t") };
    database.begin(TransactionOptions::default()).await.expect("begun");
    assert_eq!(numbers(database, read.clone(), limits).await.len(), 1000);
    for again in 0..2 {
        database.set_role(Role::Component);
        let columns = vec![("n".to_owned(), None), ("secret".to_owned(), None)];
        let denied = TableSource { columns, ..read.clone() };
        let never = StopSignal::never();
        let mut reader = TableReader::open(&mut *database.component(&never), denied, limits).await.expect("a reader");
        let error = reader.next(&mut *database.component(&never)).await.expect_err("no page");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{again}: {error}");
        database.set_role(Role::Host);
        assert_eq!(numbers(database, read.clone(), limits).await.len(), 1000, "the session goes on");
    }
    database.rollback().await.expect("rolled back");
    fresh.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}"));
}
