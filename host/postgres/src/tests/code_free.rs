//! Chunks of tables that run no code of a migration, and so need no guard.

use super::*;
use crate::session::code_free::version;
use runner_contract::{batch, integers, texts};
use runner_database::{Begin, DatabaseErrorKind, Part, TableName, TableSource, TableTarget, WriteHint, WriteMode};

fn source(table: &str) -> TableSource {
    let key = vec!["id".to_owned()];
    let (columns, parameters) = (Vec::new(), Vec::new());
    TableSource { table: TableName::new(table), columns, key, filter: None, parameters, descending: false }
}

fn target(table: &str, mode: WriteMode) -> TableTarget {
    TableTarget { table: TableName::new(table), mode, key: vec!["id".to_owned()] }
}

/// The version of the tables, or nothing if code can run.
fn asked(fresh: &TestDatabase, from: &str, to: &str, mode: WriteMode) -> String {
    fresh.value(&format!("SELECT coalesce({}, '')", version(&source(from), &target(to, mode)).expect("no filter")))
}

#[test]
fn every_way_to_run_code_is_found() {
    let fresh = fresh();
    fresh.sql(
        "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'; \
         CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE DOMAIN d AS int CHECK (f(VALUE) > 0); CREATE TYPE c AS (a d); CREATE TYPE mood AS ENUM ('sad'); \
         CREATE TYPE far AS RANGE (subtype = int4)",
    );
    let is_free = |name: &str, make: &str, mode: WriteMode| {
        fresh.sql(&format!("CREATE TABLE {name} (id int PRIMARY KEY, v text); {}", make.replace("{t}", name)));
        !asked(&fresh, name, name, mode).is_empty()
    };
    for (at, fine) in [
        "",
        "ALTER TABLE {t} ADD COLUMN m timestamptz, ADD COLUMN a numeric(9, 2), ADD COLUMN j jsonb",
        "CREATE UNIQUE INDEX ON {t} (v)",
        "ALTER TABLE {t} ADD COLUMN o int DEFAULT f(1)",
        "CREATE TABLE {t}_of (id int REFERENCES {t})",
        "ALTER TABLE {t} ADD COLUMN o int REFERENCES {t}",
        "CREATE VIEW {t}_v AS SELECT f(id) FROM {t}",
        "ALTER TABLE {t} ADD COLUMN gone d; ALTER TABLE {t} DROP COLUMN gone",
    ]
    .iter()
    .enumerate()
    {
        assert!(is_free(&format!("fine{at}"), fine, WriteMode::Update), "{fine}");
    }
    for (at, code) in [
        "CREATE TRIGGER t BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION g()",
        "CREATE TRIGGER t AFTER INSERT ON {t} EXECUTE FUNCTION g(); ALTER TABLE {t} DISABLE TRIGGER t",
        "CREATE RULE r AS ON UPDATE TO {t} DO ALSO SELECT f(1)",
        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {t} ADD CHECK (query_to_xml(v, true, true, '') IS NULL)",
        "ALTER TABLE {t} ADD COLUMN o int GENERATED ALWAYS AS (f(id)) STORED",
        "CREATE STATISTICS {t}_s ON (f(1) + id), v FROM {t}",
        "ALTER TABLE {t} ADD COLUMN o mood",
        "ALTER TABLE {t} ADD COLUMN o int[]",
        "CREATE TABLE {t}_p (id int PRIMARY KEY); CREATE INDEX ON {t}_p ((f(1) + id)); ALTER TABLE {t} ADD COLUMN o int REFERENCES {t}_p",
        "CREATE TABLE {t}_of (id int REFERENCES {t}); CREATE INDEX ON {t}_of ((f(1) + id))",
        "ALTER TABLE {t} ADD COLUMN o d",
        "ALTER TABLE {t} ADD COLUMN o d[]",
        "ALTER TABLE {t} ADD COLUMN o c",
        "ALTER TABLE {t} ADD COLUMN o far",
        "CREATE INDEX ON {t} (f(id))",
        "CREATE INDEX ON {t} (id) WHERE f(id) > 0",
        "CREATE TABLE {t}_heir () INHERITS ({t})",
        "CREATE TABLE {t}_of (id int REFERENCES {t} ON UPDATE CASCADE)",
        "CREATE TABLE {t}_of (id int REFERENCES {t} ON DELETE SET NULL)",
        "CREATE TABLE {t}_of (id int REFERENCES {t} DEFERRABLE)",
        "ALTER TABLE {t} ADD UNIQUE (v) DEFERRABLE INITIALLY DEFERRED",
    ]
    .iter()
    .enumerate()
    {
        assert!(!is_free(&format!("code{at}"), code, WriteMode::Update), "{code}");
    }
    assert!(!is_free("filled", "ALTER TABLE {t} ADD COLUMN o int DEFAULT f(1)", WriteMode::Insert), "a default");
    assert!(!is_free("filled2", "ALTER TABLE {t} ALTER v SET DEFAULT f(1)", WriteMode::Upsert), "a default");
    fresh.sql(
        "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9)",
    );
    for (from, to) in
        [("parts", "parts"), ("part", "part"), ("fine6_v", "fine0"), ("fine0", "code0"), ("none", "fine0")]
    {
        assert_eq!(asked(&fresh, from, to, WriteMode::Update), "", "{from} {to}");
    }
    fresh.sql("CREATE TABLE by_json (id jsonb PRIMARY KEY, v text)");
    assert_eq!(asked(&fresh, "by_json", "by_json", WriteMode::Update), "", "its operators are looked up on the path");
    assert!(!asked(&fresh, "fine0", "fine1", WriteMode::Update).is_empty());
    let filtered = TableSource { filter: Some("f(id) > 0".to_owned()), ..source("fine0") };
    assert_eq!(version(&filtered, &target("fine0", WriteMode::Update)), None);
}

#[test]
fn what_changes_a_table_changes_its_version() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
    let mut before = asked(&fresh, "t", "t", WriteMode::Update);
    fresh.sql("INSERT INTO t SELECT i, i FROM generate_series(1, 9) i");
    fresh.sql("VACUUM FREEZE t");
    fresh.sql("ANALYZE t");
    assert_eq!(asked(&fresh, "t", "t", WriteMode::Update), before, "rows are none of it");
    for change in [
        "ALTER TABLE t ALTER v TYPE bigint",
        "ALTER TABLE t ALTER v SET NOT NULL",
        "ALTER TABLE t RENAME v TO w",
        "ALTER TABLE t ADD COLUMN x int",
        "ALTER TABLE t DROP COLUMN x",
        "CREATE INDEX i ON t (w)",
        "DROP INDEX i",
        "ALTER TABLE t DROP CONSTRAINT t_pkey",
        "ALTER TABLE t ADD PRIMARY KEY (w)",
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v int)",
        "CREATE SCHEMA moved; ALTER TABLE t SET SCHEMA moved; SET search_path = moved; \
            ALTER TABLE t SET SCHEMA public; SET search_path = public",
    ] {
        fresh.sql(change);
        let now = asked(&fresh, "t", "t", WriteMode::Update);
        assert!(!now.is_empty() && now != before, "{change}: {now}");
        before = now;
    }
}

/// Only for the rows of the open transaction: what others wait for elsewhere is no reason to hurry.
#[tokio::test]
async fn only_waiting_for_its_own_rows_counts() {
    let fresh = fresh();
    let (mut database, mut holder, mut waiter) = (open(&fresh).await, open(&fresh).await, open(&fresh).await);
    fresh.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 1)");
    let change = |id: i64| format!("UPDATE t SET v = v + 1 WHERE id = {id}");
    for (database, id) in [(&mut database, 1), (&mut holder, 2)] {
        database.begin(TransactionOptions::default()).await.expect("begun");
        run(database.as_mut(), &change(id)).await;
    }
    let server = database.facts().sql.server;
    let looks = async {
        while !server.others_wait(&mut holder.host()).await.expect("an answer") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(server.others_wait(&mut database.host()).await, Ok(false));
        holder.commit_or_roll_back().await.expect("committed");
    };
    let waits = change(2);
    tokio::join!(looks, run(waiter.as_mut(), &waits));
}

/// Writes a row in a chunk of its own.
async fn chunk(database: &mut dyn Database, id: i64, value: &str) -> Result<(), DatabaseError> {
    let (from, to) = (source("t"), target("t", WriteMode::Update));
    database.begin_transaction(Begin::Part(Part::Chunk, Some((&from, &to)))).await?;
    database.set_role(Role::Component);
    let written = async {
        let writer = database.open_writer(&to).await?;
        let rows = batch(1, vec![integers("id", &[id]), texts("v", &[value])]);
        database.write(writer, &rows, WriteHint::default()).await?;
        database.finish_writer(writer).await
    };
    let written = written.await;
    database.set_role(Role::Host);
    match written {
        Ok(_) => database.commit_or_roll_back().await,
        Err(error) => database.rollback().await.and(Err(error)),
    }
}

/// What another session changes between two chunks counts from the next one on: the types of a table, and code that it runs.
#[tokio::test]
async fn a_table_that_is_altered_between_two_chunks_is_looked_at_again() {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    make_tool_tables(database).await;
    fresh.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i FROM generate_series(1, 9) i");
    for id in [1, 2] {
        chunk(database, id, "7").await.expect("written");
    }
    fresh.sql("ALTER TABLE t ALTER v TYPE int USING v::int");
    let refused = chunk(database, 3, "a word").await.expect_err("no number");
    assert_eq!(refused.kind, DatabaseErrorKind::Conversion, "{refused}");
    fresh.sql("ALTER TABLE t ALTER v TYPE varchar(3)");
    chunk(database, 3, "abc").await.expect("written");
    let refused = chunk(database, 4, "abcd").await.expect_err("too long");
    assert!(refused.to_string().contains("abcd"), "{refused}");
    fresh.sql(
        "CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN EXECUTE replace('DELETE FROM Xner.Xner_history', 'X', 'run'); RETURN NEW; END $$; \
         CREATE TRIGGER forge AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION forge()",
    );
    let denied = chunk(database, 4, "abc").await.expect_err("denied");
    assert_eq!(denied.kind, DatabaseErrorKind::Denied, "{denied}");
    assert_eq!(fresh.value("SELECT count(*) FROM runner.runner_history"), "1");
    fresh.sql("DROP TRIGGER forge ON t");
    // A session that has found code does not ask again.
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    chunk(database, 4, "abc").await.expect("written");
    fresh.sql("ALTER TABLE t DROP COLUMN v");
    let gone = chunk(database, 5, "abc").await.expect_err("no such column");
    assert!(gone.to_string().contains('v'), "{gone}");
    fresh.sql("ALTER TABLE t RENAME TO u");
    assert!(chunk(database, 5, "abc").await.expect_err("no such table").to_string().contains("`t`"));
}
