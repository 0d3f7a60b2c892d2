//! Writers and unusual tables.

use super::*;
use runner_contract::{batch, column, integers, read, texts, write};
use runner_data::{Batch, Column, ColumnValues, NativeValues};
use runner_database::DatabaseErrorKind;
use runner_database::{BatchLimits, TableName, TableTarget, WriteMode};

fn natives(name: &str, type_name: &str, entries: &[&str]) -> Column {
    let texts = texts(name, entries);
    match texts.values {
        ColumnValues::Text(texts) => {
            column(name, ColumnValues::Native(NativeValues { type_name: type_name.to_owned(), texts }))
        }
        _ => texts,
    }
}

async fn refused(
    database: &mut dyn Database,
    table: &str,
    mode: WriteMode,
    key: &[&str],
    rows: &Batch,
) -> DatabaseError {
    write(database, table, mode, key, rows).await.expect_err("refused")
}

#[tokio::test]
async fn names_are_quoted_and_keys_may_be_composite() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE \"a \"\"b\"\".c\" (\"Id\" int PRIMARY KEY, \"id\" text, \"select\" text); \
         CREATE TABLE pairs (week int, name text COLLATE \"C\", v int, PRIMARY KEY (name, week)); \
         CREATE TABLE uuids (id uuid PRIMARY KEY, v int); \
         CREATE TABLE nets (id inet PRIMARY KEY, v int); \
         CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE moods (id mood PRIMARY KEY, v int); \
         CREATE TABLE chars (id char(5) PRIMARY KEY, v int); \
         CREATE TABLE bytes (id bytea PRIMARY KEY, v int)",
    );
    let odd = batch(1, vec![integers("Id", &[1]), texts("id", &["x"]), texts("select", &["y"])]);
    for mode in [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert] {
        assert_eq!(write(database, "a \"b\".c", mode, &[], &odd).await, Ok(1), "{mode}");
    }
    assert_eq!(fresh.sql("SELECT * FROM \"a \"\"b\"\".c\""), ["1|x|y"]);
    let uuid = column("id", ColumnValues::Uuid(vec![1, 2, 3, 4]));
    let bytes = {
        let texts = texts("id", &["a", "b"]);
        match texts.values {
            ColumnValues::Text(values) => column("id", ColumnValues::Bytes(values)),
            _ => texts,
        }
    };
    for (table, key) in [
        ("uuids", uuid),
        ("nets", natives("id", "inet", &["::1", "10.0.0.0/8"])),
        ("nets", texts("id", &["::2", "11.0.0.0/8"])),
        ("moods", texts("id", &["sad", "happy"])),
        ("chars", texts("id", &["ab", "abc  "])),
        ("bytes", bytes),
    ] {
        let rows = |numbers: &[i64]| batch(2, vec![key.clone(), integers("v", numbers)]);
        assert_eq!(write(database, table, WriteMode::Insert, &[], &rows(&[1, 2])).await, Ok(2), "{table}");
        assert_eq!(write(database, table, WriteMode::Update, &[], &rows(&[3, 4])).await, Ok(2), "{table}");
        assert_eq!(write(database, table, WriteMode::Upsert, &["id"], &rows(&[5, 6])).await, Ok(2), "{table}");
        assert_eq!(fresh.value(&format!("SELECT string_agg(v::text, ',' ORDER BY v) FROM {table}")), "5,6", "{table}");
        let keys = batch(2, vec![key.clone()]);
        assert_eq!(write(database, table, WriteMode::Delete, &[], &keys).await, Ok(2), "{table}");
        let error = refused(database, table, WriteMode::Delete, &[], &keys).await;
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{table}: {error}");
        assert!(error.detail.as_deref().is_some_and(|detail| detail.starts_with("row id = ")), "{table}: {error:?}");
    }
    let pairs =
        |v: &[i64]| batch(3, vec![integers("week", &[1, 1, 2]), integers("v", v), texts("name", &["a", "b", "a"])]);
    assert_eq!(write(database, "pairs", WriteMode::Insert, &[], &pairs(&[1, 2, 3])).await, Ok(3));
    assert_eq!(write(database, "pairs", WriteMode::Update, &[], &pairs(&[4, 5, 6])).await, Ok(3));
    assert_eq!(fresh.sql("SELECT * FROM pairs ORDER BY v"), ["1|a|4", "1|b|5", "2|a|6"]);
    let names = batch(2, vec![texts("name", &["b", "a"]), integers("v", &[7, 8])]);
    let error = refused(database, "pairs", WriteMode::Update, &["name"], &names).await;
    assert_eq!(error.detail.as_deref(), Some("row name = \"a\""), "{error:?}");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
}

#[tokio::test]
async fn a_duplicate_or_null_key_is_named() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 10) n");
    let twice = batch(3, vec![integers("id", &[3, 4, 3]), integers("v", &[1, 2, 3])]);
    for mode in [WriteMode::Update, WriteMode::Upsert, WriteMode::Delete] {
        let error = refused(database, "t", mode, &[], &twice).await;
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{mode}: {error}");
        assert!(error.message.contains("twice"), "{mode}: {error}");
        assert_eq!(error.detail.as_deref(), Some("row id = 3"), "{mode}: {error}");
    }
    let mut null = batch(2, vec![integers("id", &[3, 0]), integers("v", &[1, 2])]);
    null.columns[0].nulls = vec![0, 1];
    for mode in [WriteMode::Update, WriteMode::Delete] {
        let error = refused(database, "t", mode, &[], &null).await;
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{mode}: {error}");
        assert_eq!(error.detail.as_deref(), Some("row id = NULL"), "{mode}: {error}");
    }
    for mode in [WriteMode::Insert, WriteMode::Upsert] {
        let error = refused(database, "t", mode, &[], &null).await;
        assert_eq!(error.kind, DatabaseErrorKind::Constraint, "{mode}: {error}");
    }
    assert_eq!(fresh.value("SELECT count(*) FROM t WHERE id = v"), "10", "nothing of it is left");
    let error = refused(database, "t", WriteMode::Upsert, &["v"], &twice).await;
    assert!(error.hint.is_some_and(|hint| hint.contains("unique")), "no unique constraint");
}

#[tokio::test]
async fn a_batch_that_covers_its_key_range_changes_only_its_own_rows() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 100) n");
    for hint in [WriteHint { covers_key_range: true }, WriteHint::default()] {
        database.begin(TransactionOptions::default()).await.expect("begun");
        let target = TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() };
        let writer = database.open_writer(&target).await.expect("a writer");
        let rows = batch(3, vec![integers("id", &[10, 20, 30]), integers("v", &[-1, -2, -3])]);
        assert_eq!(database.write(writer, &rows, hint).await, Ok(3));
        let wild = batch(3, vec![integers("id", &[90, 5, 50]), integers("v", &[-4, -5, -6])]);
        assert_eq!(database.write(writer, &wild, WriteHint::default()).await, Ok(3));
        assert_eq!(database.finish_writer(writer).await, Ok(6));
        assert_eq!(rows_of(database, "SELECT count(*) FROM t WHERE id <> v").await, Value::Int64(6));
        let settings = "SELECT current_setting('enable_nestloop') || current_setting('jit')";
        let within = rows_of(database, settings).await;
        database.rollback().await.expect("rolled back");
        assert_eq!(rows_of(database, settings).await, within, "the planner settings are restored");
    }
}

async fn rows_of(database: &mut dyn Database, query: &str) -> Value {
    rows(database, query).await.remove(0).remove(0)
}

#[tokio::test]
async fn generated_values_are_kept_or_overridden() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int, net inet, \
         twice int GENERATED ALWAYS AS (v * 2) STORED)",
    );
    let rows = batch(2, vec![integers("id", &[7, 8]), integers("v", &[1, 2])]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &rows).await, Ok(2));
    let rows = batch(1, vec![integers("id", &[9]), natives("net", "inet", &["::1"])]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &rows).await, Ok(1), "not by COPY");
    let rows = batch(2, vec![integers("id", &[9, 10]), integers("v", &[3, 4])]);
    assert_eq!(write(database, "t", WriteMode::Upsert, &[], &rows).await, Ok(2));
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &batch(1, vec![integers("v", &[5])])).await, Ok(1));
    let found = fresh.sql("SELECT id, v, twice FROM t ORDER BY v");
    assert_eq!(found, ["7|1|2", "8|2|4", "9|3|6", "10|4|8", "1|5|10"]);
    let rows = batch(1, vec![integers("id", &[7]), integers("twice", &[1])]);
    for mode in [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert] {
        let error = refused(database, "t", mode, &[], &rows).await;
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{mode}: {error}");
        assert!(error.message.contains("generated"), "{mode}: {error}");
    }
}

#[tokio::test]
async fn partitions_views_and_secured_tables_are_written_through() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100); \
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200); \
         CREATE VIEW v AS SELECT id, v FROM p; \
         CREATE VIEW w AS SELECT id AS number FROM p; \
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN INSERT INTO p VALUES (NEW.number, 'by trigger'); RETURN NEW; END $$; \
         CREATE TRIGGER i INSTEAD OF INSERT ON w FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let ids: Vec<i64> = (0..200).collect();
    let names: Vec<String> = ids.iter().map(|id| format!("row {id}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = batch(200, vec![integers("id", &ids), texts("v", &names)]);
    assert_eq!(write(database, "p", WriteMode::Insert, &[], &all).await, Ok(200));
    assert_eq!(write(database, "p", WriteMode::Update, &[], &all).await, Ok(200));
    assert_eq!(write(database, "p", WriteMode::Upsert, &[], &all).await, Ok(200));
    let some = batch(2, vec![integers("id", &[7, 150]), texts("v", &["a", "b"])]);
    assert_eq!(write(database, "v", WriteMode::Update, &["id"], &some).await, Ok(2));
    assert_eq!(write(database, "v", WriteMode::Delete, &["id"], &some).await, Ok(2));
    assert_eq!(write(database, "v", WriteMode::Insert, &[], &some).await, Ok(2));
    assert_eq!(write(database, "v", WriteMode::Delete, &["id"], &some).await, Ok(2));
    assert_eq!(write(database, "w", WriteMode::Insert, &[], &batch(1, vec![integers("number", &[7])])).await, Ok(1));
    assert_eq!(fresh.value("SELECT v FROM p WHERE id = 7"), "by trigger");
    let outside = batch(2, vec![integers("id", &[150, 200]), texts("v", &["a", "b"])]);
    let error = refused(database, "p", WriteMode::Insert, &[], &outside).await;
    assert_eq!((error.kind, error.detail.as_deref()), (DatabaseErrorKind::Constraint, Some("row id = 200")), "{error}");
}

#[tokio::test]
async fn triggers_may_change_rows_but_not_drop_them_silently() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int, w text); \
         INSERT INTO t SELECT n, n FROM generate_series(1, 100) n; \
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN IF OLD.id = 42 THEN RETURN NULL; END IF; NEW.w := 'seen'; RETURN NEW; END $$; \
         CREATE TRIGGER u BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    );
    let rows = |ids: &[i64]| batch(ids.len(), vec![integers("id", ids), integers("v", ids)]);
    assert_eq!(write(database, "t", WriteMode::Update, &[], &rows(&[1, 2, 3])).await, Ok(3));
    assert_eq!(fresh.value("SELECT count(*) FROM t WHERE w = 'seen'"), "3");
    let error = refused(database, "t", WriteMode::Update, &[], &rows(&[41, 42, 43])).await;
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
    assert!(error.message.contains("trigger"), "{error}");
    assert_eq!(error.detail.as_deref(), Some("row id = 42"), "{error}");
}

#[tokio::test]
async fn the_row_that_violates_a_constraint_is_found_in_a_large_batch() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents SELECT generate_series(0, 9); \
         CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES parents, u int UNIQUE); \
         INSERT INTO t VALUES (-1, 1, 5000)",
    );
    let ids: Vec<i64> = (0..10_000).collect();
    let mut parents: Vec<i64> = ids.iter().map(|id| id % 10).collect();
    let rows = batch(10_000, vec![integers("id", &ids), integers("parent", &parents), integers("u", &ids)]);
    let error = refused(database, "t", WriteMode::Insert, &[], &rows).await;
    assert_eq!((error.code.as_str(), error.detail.as_deref()), ("23505", Some("row id = 5000")), "{error}");
    // The server has already failed when a later value turns out not to fit.
    let mut numbers = ids.clone();
    numbers[9_999] = i64::MAX;
    let both = batch(10_000, vec![integers("id", &ids), integers("parent", &parents), integers("u", &numbers)]);
    let error = refused(database, "t", WriteMode::Insert, &[], &both).await;
    assert_eq!(error.detail.as_deref(), Some("row id = 9999"), "{error}");
    assert_eq!(rows_of(database, "SELECT count(*) FROM t").await, Value::Int64(1), "the connection is in step");
    fresh.sql("DELETE FROM t");
    parents[7_777] = 10;
    let rows = batch(10_000, vec![integers("id", &ids), integers("parent", &parents), integers("u", &ids)]);
    for mode in [WriteMode::Insert, WriteMode::Upsert] {
        let error = refused(database, "t", mode, &[], &rows).await;
        assert_eq!((error.code.as_str(), error.detail.as_deref()), ("23503", Some("row id = 7777")), "{error}");
    }
    assert_eq!(fresh.value("SELECT count(*) FROM t"), "0");
}

#[tokio::test]
async fn cursors_stay_open_while_rows_are_written() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); \
         INSERT INTO t SELECT n, repeat('x', (n * 7919) % 5000) FROM generate_series(1, 3000) n",
    );
    for rights in [Role::Host, Role::Component] {
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.set_role(rights);
        let request = CursorRequest {
            statement: "SELECT id, v FROM t WHERE id > $1 ORDER BY id".to_owned(),
            parameters: vec![Value::Int64(0)],
            ..CursorRequest::default()
        };
        let cursor = database.open_cursor(&request).await.expect("a cursor");
        let limits = BatchLimits { bytes: 100_000, ..BatchLimits::default() };
        let (mut seen, mut batches) = (0, 0);
        while let Some(rows) = database.fetch(cursor, limits).await.expect("rows") {
            rows.validate().expect("a batch");
            assert!(rows.byte_len() < 200_000, "{} bytes", rows.byte_len());
            assert_eq!(Value::of_cell(&rows.columns[0], 0), Value::Int64(seen + 1), "{rights:?}");
            seen += rows.row_count as i64;
            batches += 1;
            let ids = Batch { row_count: rows.row_count, columns: vec![rows.columns[0].clone()] };
            let mut change = ids.clone();
            change.columns.push(Column { name: "v".to_owned(), ..rows.columns[0].clone() });
            assert_eq!(write(database, "t", WriteMode::Update, &[], &change).await, Ok(rows.row_count as u64));
        }
        assert_eq!(seen, 3000);
        assert!((50..200).contains(&batches), "{batches} batches");
        assert_eq!(database.fetch(cursor, limits).await, Ok(None));
        database.close_cursor(cursor).await.expect("closed");
        database.rollback().await.expect("rolled back");
        database.set_role(Role::Host);
    }
    let error = read(database, "SELECT 1 AS a, 2 AS a", &[], BatchLimits::default()).await.expect_err("two names");
    assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument, "{error}");
}

#[tokio::test]
async fn statements_see_schema_changes() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    database.begin(TransactionOptions::default()).await.expect("begun");
    database.set_role(Role::SqlScript);
    run(database, "CREATE TABLE t (v int)").await;
    let insert = "INSERT INTO t VALUES ($1)";
    assert_eq!(database.execute(insert, &[Value::Int64(7)]).await, Ok(1));
    assert_eq!(rows_of(database, "SELECT * FROM t").await, Value::Int64(7));
    run(database, "ALTER TABLE t ALTER v TYPE bigint").await;
    assert_eq!(database.execute(insert, &[Value::Int64(i64::MAX)]).await, Ok(1));
    run(database, "ALTER TABLE t ALTER v TYPE text, ADD w inet DEFAULT '::1'").await;
    let found = rows(database, "SELECT * FROM t").await;
    let inet = Value::Native { type_name: "inet".to_owned(), text: "::1".to_owned() };
    assert_eq!(found[0], [Value::from("7"), inet.clone()]);
    let returned = rows(database, "INSERT INTO t VALUES ('x') RETURNING w").await;
    assert_eq!(returned, [[inet.clone()]]);
    let found = database.query("SELECT v FROM t WHERE w = $1", &[inet], QueryLimits::NONE).await.expect("rows");
    assert_eq!(found.rows.len(), 3);
    database.rollback().await.expect("rolled back");
}

/// Two rows with a key of the batch are two that it could not distinguish, and one that it lacks could hide the other.
#[tokio::test]
async fn a_key_that_an_heir_repeats_is_ambiguous() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child () INHERITS (parent); \
         INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1, 'c')",
    );
    for ids in [[1, 2], [1, 9]] {
        let change = batch(2, vec![integers("id", &ids), texts("v", &["x", "y"])]);
        let error = refused(database, "parent", WriteMode::Update, &[], &change).await;
        assert!(error.to_string().contains("several rows of `parent` have the key"), "{error}");
    }
    let change = batch(1, vec![integers("id", &[2]), texts("v", &["y"])]);
    assert_eq!(write(database, "parent", WriteMode::Update, &[], &change).await, Ok(1));
    assert_eq!(fresh.sql("SELECT id, v FROM parent ORDER BY id, v"), ["1|a", "1|c", "2|y"]);
}

/// `COPY` would insert past the rules.
#[tokio::test]
async fn rules_apply_to_batches() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    fresh.sql(
        "CREATE TABLE log (id int); \
         CREATE TABLE moved (id int PRIMARY KEY, v int); CREATE TABLE target (id int, v int); \
         CREATE RULE r AS ON INSERT TO moved DO INSTEAD INSERT INTO target VALUES (NEW.id, NEW.v * 10); \
         CREATE TABLE noted (id int PRIMARY KEY, v int); \
         CREATE RULE r AS ON INSERT TO noted DO ALSO INSERT INTO log VALUES (NEW.id); \
         CREATE TABLE dropped (id int PRIMARY KEY, v int); CREATE RULE r AS ON INSERT TO dropped DO INSTEAD NOTHING; \
         CREATE TABLE updated (id int PRIMARY KEY, v int); \
         CREATE RULE r AS ON UPDATE TO updated DO ALSO INSERT INTO log VALUES (-NEW.id)",
    );
    let rows = batch(2, vec![integers("id", &[1, 2]), integers("v", &[3, 4])]);
    for (table, written, left) in [("moved", 2, "0"), ("noted", 2, "2"), ("dropped", 0, "0"), ("updated", 2, "2")] {
        assert_eq!(write(database, table, WriteMode::Insert, &[], &rows).await, Ok(written), "{table}");
        assert_eq!(fresh.value(&format!("SELECT count(*) FROM {table}")), left, "{table}");
    }
    assert_eq!(fresh.sql("SELECT * FROM target ORDER BY id"), ["1|30", "2|40"]);
    assert_eq!(fresh.sql("SELECT id FROM log ORDER BY id"), ["1", "2"]);
}
