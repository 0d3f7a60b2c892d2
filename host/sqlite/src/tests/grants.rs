//! Grants, as SQLite's authorizer enforces them.

use std::time::Duration;

use super::*;
use runner_database::stop::StopReason;
use runner_database::{DatabaseErrorKind, SchemaChange, StopSignal};

/// A database with two tables of customers, a view, triggers and the tool's history.
async fn database() -> Box<dyn Database> {
    let mut database = in_memory().await;
    for statement in [
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, secret TEXT)",
        "INSERT INTO customers VALUES (1, 'A', 's'), (2, 'B', 't')",
        "CREATE TABLE audit (what TEXT)",
        "CREATE TABLE plain (a TEXT, b TEXT)",
        "CREATE TABLE replacing (id INTEGER PRIMARY KEY, a TEXT /* on */ UNIQUE ON CONFLICT -- as\n REPLACE, b TEXT)",
        "CREATE TABLE not_replacing (a TEXT DEFAULT (replace('', '', '')))",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT)",
        "CREATE VIEW secrets AS SELECT id, secret FROM customers",
        "CREATE VIEW emails AS SELECT id, email FROM customers",
        "CREATE TABLE watched (a TEXT)",
        "CREATE TRIGGER watch AFTER INSERT ON watched BEGIN INSERT INTO audit VALUES (new.a); END",
        "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents ON DELETE CASCADE)",
        "CREATE INDEX by_email ON customers (email)",
        "CREATE TABLE runner_history (revision TEXT PRIMARY KEY)",
        "INSERT INTO runner_history VALUES ('kept')",
    ] {
        run(database.as_mut(), statement).await;
    }
    database.begin(TransactionOptions::default()).await.expect("begun");
    database
}

async fn granted(lines: &[&str]) -> Box<dyn Database> {
    let mut database = database().await;
    grant(database.as_mut(), lines);
    database.set_role(Role::Component);
    database
}

fn grant(database: &mut dyn Database, lines: &[&str]) {
    let tables = lines.iter().map(|line| line.parse().expect(line)).collect();
    database.set_grants(Some(Arc::new(Grants { tables, ..Grants::default() }))).expect("grants");
}

/// Runs a statement in a way that reads rows, too.
async fn attempt(database: &mut dyn Database, statement: &str) -> Result<(), DatabaseError> {
    database.query(statement, &[], QueryLimits::NONE).await.map(drop)
}

/// The grant that is missing, as the error states it.
fn missing_in(error: &DatabaseError) -> Option<&str> {
    error.detail.as_deref()?.strip_prefix("missing grant: ")
}

/// The grant that a statement lacks; empty if it was refused for another reason.
async fn missing(database: &mut dyn Database, statement: &str) -> String {
    let error = attempt(database, statement).await.expect_err(statement);
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
    assert!(error.hint.is_some(), "{statement}: {error}");
    missing_in(&error).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn nothing_is_allowed_by_default() {
    let mut database = granted(&[]).await;
    for (statement, lacks) in [
        ("SELECT email FROM customers", "read customers(email)"),
        ("SELECT count(*) FROM customers", "read customers"),
        ("INSERT INTO audit VALUES ('x')", "insert audit"),
        ("REPLACE INTO customers VALUES (1, 'x', 'y')", "insert customers"),
        ("UPDATE customers SET email = 'x'", "update customers(email)"),
        ("DELETE FROM customers", "delete customers"),
        ("ALTER TABLE customers ADD COLUMN x", "alter customers"),
        ("ALTER TABLE customers DROP COLUMN secret", "alter customers"),
        ("CREATE INDEX i ON customers (email)", "alter customers"),
        ("DROP INDEX by_email", "alter customers"),
        ("CREATE TABLE x (a)", "create x"),
        ("CREATE TABLE customers2 AS SELECT * FROM customers", "create customers2"),
        ("CREATE VIEW v AS SELECT 1", "create v"),
        ("DROP TABLE customers", "drop customers"),
        ("DROP VIEW secrets", "drop secrets"),
        ("SELECT random()", "function random"),
        ("SELECT last_insert_rowid()", "function last_insert_rowid"),
        ("SELECT sqlite_version()", "function sqlite_version"),
        // For other reasons than a missing grant.
        ("SELECT sql FROM sqlite_master", ""),
        ("SELECT * FROM sqlite_schema", ""),
        ("SELECT * FROM sqlite_sequence", ""),
        ("DELETE FROM sqlite_sequence", ""),
        ("UPDATE sqlite_sequence SET seq = 1", ""),
        ("CREATE TEMP TABLE customers (a)", ""),
        ("CREATE TEMP VIEW customers AS SELECT 1", ""),
        ("CREATE TRIGGER z AFTER INSERT ON customers BEGIN SELECT 1; END", ""),
        ("CREATE TEMP TRIGGER z AFTER INSERT ON customers BEGIN SELECT 1; END", ""),
        ("DROP TRIGGER watch", ""),
        ("CREATE VIRTUAL TABLE x USING fts5(a)", ""),
        ("REINDEX by_email", ""),
        ("ANALYZE customers", ""),
        ("ANALYZE", ""),
        ("PRAGMA table_info(customers)", ""),
        ("PRAGMA table_list", ""),
        ("PRAGMA integrity_check", ""),
        ("PRAGMA foreign_key_check", ""),
        ("PRAGMA writable_schema = 1", ""),
        ("ATTACH ':memory:' AS y", ""),
        ("COMMIT", ""),
        ("SAVEPOINT s", ""),
        ("SELECT load_extension('x')", ""),
    ] {
        assert_eq!(missing(database.as_mut(), statement).await, lacks, "{statement}");
    }
    // What computes with nothing but itself needs no grant.
    for statement in [
        "SELECT 1",
        "SELECT upper('a') || printf('%d', 1), json_extract('{\"a\": 1}', '$.a'), date('2026-01-01')",
        "SELECT value FROM json_each('[1, 2]')",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i), group_concat(i) FROM n",
        "PRAGMA defer_foreign_keys = ON",
    ] {
        let done = attempt(database.as_mut(), statement).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    // Without grants nothing changes.
    database.set_role(Role::Host);
    database.set_grants(None).expect("none");
    database.set_role(Role::Component);
    assert_eq!(rows(database.as_mut(), "SELECT count(*) FROM customers").await, [[Value::Int64(2)]]);
    run(database.as_mut(), "CREATE TEMP TABLE t AS SELECT random() AS a").await;
}

#[tokio::test]
async fn each_verb_allows_its_statements_and_no_others() {
    let statements = [
        ("read", "SELECT * FROM plain"),
        ("insert", "INSERT INTO plain VALUES ('a', 'b')"),
        ("update", "UPDATE plain SET a = 'x'"),
        ("delete", "DELETE FROM plain"),
        ("alter", "ALTER TABLE plain ADD COLUMN c TEXT NOT NULL DEFAULT 'd'"),
        ("alter", "ALTER TABLE plain RENAME COLUMN b TO d"),
        ("alter", "CREATE UNIQUE INDEX plain_a ON plain (lower(a))"),
        ("alter", "ALTER TABLE plain DROP COLUMN b"),
        ("drop", "DROP TABLE plain"),
    ];
    for verb in ["read", "insert", "update", "delete", "alter", "drop", "create"] {
        for (needed, statement) in statements {
            let mut database = granted(&[&format!("{verb} plain")]).await;
            let done = attempt(database.as_mut(), statement).await;
            assert_eq!(done.is_ok(), needed == verb, "{verb}: {statement}: {done:?}");
            let other = statement.replace("plain", "audit").replace("'a', 'b'", "'a'");
            assert!(attempt(database.as_mut(), &other).await.is_err(), "{verb}: {other}");
        }
    }
    for statement in [
        "CREATE TABLE made (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE, b TEXT CHECK (b > ''), PRIMARY_ TEXT)",
        "CREATE TABLE made (a TEXT PRIMARY KEY, b) WITHOUT ROWID, STRICT",
        "CREATE TABLE IF NOT EXISTS made (a)",
        "CREATE TABLE made AS SELECT 1 AS a",
        "CREATE VIEW made AS SELECT a FROM plain",
    ] {
        let mut database = granted(&["create mad*"]).await;
        let done = attempt(database.as_mut(), statement).await;
        let is_valid = !statement.contains("STRICT");
        assert_eq!(done.is_ok(), is_valid, "{statement}: {done:?}");
        assert_eq!(
            missing(database.as_mut(), &statement.replace("made", "other")).await,
            "create other",
            "{statement}"
        );
    }
}

#[tokio::test]
async fn columns_are_enforced_wherever_they_are_read() {
    let mut database = granted(&["read customers(id, email)", "update customers(email)"]).await;
    for statement in [
        "SELECT id, email FROM customers",
        "SELECT count(*) FROM customers",
        "SELECT rowid FROM customers",
        "UPDATE customers SET email = lower(email)",
        "UPDATE customers SET email = 'x' WHERE id = 1 RETURNING email",
        "PRAGMA table_info(customers)",
    ] {
        let done = attempt(database.as_mut(), statement).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    for (statement, lacks) in [
        ("SELECT secret FROM customers", "read customers(secret)"),
        ("SELECT * FROM customers", "read customers(secret)"),
        ("SELECT \"SeCrEt\" FROM main.[customers]", "read customers(secret)"),
        ("SELECT id FROM customers WHERE secret = 's'", "read customers(secret)"),
        ("SELECT id FROM customers ORDER BY secret", "read customers(secret)"),
        ("SELECT count(secret) FROM customers", "read customers(secret)"),
        ("SELECT (SELECT max(secret) FROM customers)", "read customers(secret)"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM customers WHERE secret > 'a')", "read customers(secret)"),
        // SQLite does not ask for what these compare.
        ("SELECT a.id FROM customers a JOIN customers b USING (secret)", ""),
        ("SELECT 1 FROM customers JOIN (SELECT 's' AS secret) UsInG/**/(secret)", ""),
        ("SELECT a.id FROM customers a NATURAL JOIN customers b", ""),
        ("SELECT 1 FROM (SELECT 's' AS secret) natural\tleft join customers", ""),
        // A byte order mark is white space to it, if no name goes on there.
        ("SELECT a.id FROM customers a \u{feff}NATURAL JOIN customers b", ""),
        ("SELECT 1 FROM customers JOIN (SELECT 's' AS secret) \u{feff}USING(secret)", ""),
        ("UPDATE customers SET email = 'x' FROM (SELECT 's' AS secret) JOIN customers c USING (secret)", ""),
        ("UPDATE OR REPLACE customers SET email = 'x'", "delete customers"),
        ("UPDATE customers SET secret = 'x'", "update customers(secret)"),
        ("UPDATE customers SET email = secret", "read customers(secret)"),
        ("UPDATE customers SET email = 'x' RETURNING secret", "read customers(secret)"),
        ("UPDATE customers SET id = 3", "update customers(id)"),
        ("INSERT INTO customers (email) VALUES ('x') ON CONFLICT DO UPDATE SET email = 'x'", "insert customers"),
        ("DELETE FROM customers WHERE id = 1", "delete customers"),
        ("WITH c AS MATERIALIZED (SELECT * FROM customers) SELECT id FROM c", "read customers(secret)"),
        ("EXPLAIN SELECT secret FROM customers", "read customers(secret)"),
    ] {
        assert_eq!(missing(database.as_mut(), statement).await, lacks, "{statement}");
    }
    // The row id of a table whose key is another column is a column of its own.
    let mut database = granted(&["read plain(a)"]).await;
    assert_eq!(missing(database.as_mut(), "SELECT rowid FROM plain").await, "read plain(rowid)");
    let mut database = granted(&["read plain(a, rowid)"]).await;
    assert!(attempt(database.as_mut(), "SELECT _rowid_, a FROM plain").await.is_ok());
}

#[tokio::test]
async fn views_and_triggers_do_not_reach_past_a_grant() {
    let mut database = granted(&["read secrets", "read emails", "read customers(id, email)", "insert watched"]).await;
    assert!(attempt(database.as_mut(), "SELECT email FROM emails").await.is_ok());
    let error = attempt(database.as_mut(), "SELECT secret FROM secrets").await.expect_err("a view");
    assert_eq!(missing_in(&error), Some("read customers(secret)"), "{error}");
    assert!(error.message.contains("through `secrets`"), "{error}");
    let error = attempt(database.as_mut(), "INSERT INTO watched VALUES ('x')").await.expect_err("a trigger");
    assert_eq!(missing_in(&error), Some("insert audit"), "{error}");
    assert!(error.message.contains("through `watch`"), "{error}");
    // The same when the host writes for the component.
    let one = batch(1, vec![texts("a", &["x"])]);
    let error = write(database.as_mut(), "watched", WriteMode::Insert, &[], &one).await.expect_err("a trigger");
    assert_eq!(missing_in(&error), Some("insert audit"), "{error}");
    database.set_role(Role::Host);
    grant(database.as_mut(), &["insert watched", "insert audit", "read watched(a)"]);
    database.set_role(Role::Component);
    let done = attempt(database.as_mut(), "INSERT INTO watched VALUES ('x')").await;
    assert!(done.is_ok(), "{done:?}");
    // A view that the component makes reads with its grants as well, and so does a cascade.
    database.set_role(Role::Host);
    grant(database.as_mut(), &["create mine", "read mine", "delete parents", "read parents"]);
    database.set_role(Role::Component);
    assert!(attempt(database.as_mut(), "CREATE VIEW mine AS SELECT secret FROM customers").await.is_ok());
    assert_eq!(missing(database.as_mut(), "SELECT * FROM mine").await, "read customers(secret)");
    assert!(missing(database.as_mut(), "DELETE FROM parents").await.contains("children"));
}

#[tokio::test]
async fn batches_need_the_same_grants() {
    let rows = |columns: &[&str]| {
        let columns = columns.iter().map(|name| match *name {
            "id" => integers("id", &[1, 2]),
            name => texts(name, &["x", "y"]),
        });
        batch(2, columns.collect())
    };
    for (lines, mode, columns, lacks) in [
        (&["insert customers"][..], WriteMode::Insert, &["email", "secret"][..], None),
        (&["insert customers(email)"], WriteMode::Insert, &["email"], None),
        (&["insert customers(email)"], WriteMode::Insert, &["email", "secret"], Some("insert customers(secret)")),
        (&["update customers"], WriteMode::Insert, &["email"], Some("insert customers(email)")),
        (&["update customers(email)", "read customers(id)"], WriteMode::Update, &["id", "email"], None),
        (
            &["update customers(email)", "read customers(email)"],
            WriteMode::Update,
            &["id", "email"],
            Some("read customers(id)"),
        ),
        (
            &["update customers(secret)", "read customers"],
            WriteMode::Update,
            &["id", "email"],
            Some("update customers(email)"),
        ),
        (&["delete customers", "read customers(id)"], WriteMode::Delete, &["id"], None),
        (&["delete audit", "read customers(id)"], WriteMode::Delete, &["id"], Some("delete customers")),
        (
            &["insert customers", "read customers(id)"],
            WriteMode::Upsert,
            &["id", "email"],
            Some("update customers(email)"),
        ),
        (
            &["insert customers", "read customers(id)", "update customers(email)"],
            WriteMode::Upsert,
            &["id", "email"],
            None,
        ),
    ] {
        let mut database = granted(lines).await;
        let key: &[&str] = if mode == WriteMode::Insert { &[] } else { &["id"] };
        let done = write(database.as_mut(), "customers", mode, key, &rows(columns)).await;
        let found = done.as_ref().err().and_then(missing_in).map(str::to_owned);
        assert_eq!(found.as_deref(), lacks, "{lines:?}, {mode}: {done:?}");
        assert_eq!(done.is_err(), lacks.is_some(), "{lines:?}, {mode}: {done:?}");
    }
    // What replaces a row deletes it, which SQLite does not ask about; a function of that name does not.
    let mut database = granted(&["insert plain", "update plain", "read plain"]).await;
    for statement in [
        "REPLACE INTO plain VALUES ('x', 'y')",
        "INSERT OR replace/* ( */INTO plain VALUES ('x', 'y')",
        "INSERT OR \u{feff}REPLACE INTO plain VALUES ('x', 'y')",
    ] {
        assert_eq!(missing(database.as_mut(), statement).await, "delete plain", "{statement}");
    }
    for statement in
        ["UPDATE plain SET a = replace (a, 'x', 'y')", "INSERT OR IGNORE INTO plain VALUES (Replace('', '', ''), 1)"]
    {
        let done = attempt(database.as_mut(), statement).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    // Nor about those that the table itself replaces.
    let mut database = granted(&[
        "insert replacing(id, a)",
        "update replacing(b)",
        "read replacing(id)",
        "insert not_replacing",
        "create own",
    ])
    .await;
    let rows = rows(&["id", "a"]);
    let done = write(database.as_mut(), "replacing", WriteMode::Insert, &[], &rows).await;
    assert_eq!(done.as_ref().err().and_then(missing_in), Some("delete replacing"), "{done:?}");
    assert_eq!(missing(database.as_mut(), "UPDATE OR ABORT replacing SET b = 'x'").await, "delete replacing");
    attempt(database.as_mut(), "INSERT INTO not_replacing VALUES ('x')").await.expect("granted");
    let own = "CREATE TABLE own (a TEXT UNIQUE ON CONFLICT REPLACE)";
    assert_eq!(missing(database.as_mut(), own).await, "delete own");
    let mut database = granted(&["insert replacing(id, a)", "delete replacing"]).await;
    write(database.as_mut(), "replacing", WriteMode::Insert, &[], &rows).await.expect("granted");
    let mut database = granted(&["create *", "read plain"]).await;
    assert_eq!(missing(database.as_mut(), "CREATE VIEW v AS SELECT 1 FROM plain NATURAL JOIN customers").await, "");
    // The columns of a statement of the component's own are not known.
    let mut database = granted(&["insert customers(email)"]).await;
    assert_eq!(missing(database.as_mut(), "INSERT INTO customers (email) VALUES ('x')").await, "insert customers");
}

#[tokio::test]
async fn reading_and_describing_need_grants_too() {
    let mut database = granted(&["read customers(id, email)"]).await;
    let error = database.table(&TableName::new("audit")).await.expect_err("no grant");
    assert_eq!(missing_in(&error), Some("read audit"), "{error}");
    let main = TableName { schema: Some("main".to_owned()), name: "customers".to_owned() };
    assert!(database.table(&main).await.is_ok());
    for (statement, allowed) in [("SELECT id, email FROM customers", true), ("SELECT secret FROM customers", false)] {
        let request = CursorRequest { statement: statement.to_owned(), ..CursorRequest::default() };
        assert_eq!(database.open_cursor(&request).await.is_ok(), allowed, "{statement}");
    }
    // A cursor ends with the grants under which it was opened, and so do prepared statements.
    let request = CursorRequest { statement: "SELECT id FROM customers".to_owned(), ..CursorRequest::default() };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    attempt(database.as_mut(), "SELECT email FROM customers").await.expect("prepared");
    database.set_role(Role::Host);
    grant(database.as_mut(), &[]);
    database.set_role(Role::Component);
    assert!(database.fetch(cursor, BatchLimits::default()).await.is_err());
    assert_eq!(missing(database.as_mut(), "SELECT email FROM customers").await, "read customers(email)");
}

#[tokio::test]
async fn no_grant_covers_the_tool_or_a_new_name() {
    let everything = ["read *", "insert *", "update *", "delete *", "alter *", "create *", "drop *"];
    let mut database = granted(&everything).await;
    for statement in [
        "SELECT * FROM runner_history",
        "INSERT INTO runner_history VALUES ('x')",
        "DELETE FROM runner_history",
        "DROP TABLE runner_history",
        "CREATE TABLE runner_meta (x)",
        "SELECT * FROM sqlite_master",
        "ALTER TABLE plain RENAME TO renamed",
        "CREATE TEMP TABLE t (a)",
        "CREATE TABLE temp.t (a)",
        "CREATE VIEW temp.t AS SELECT 1",
        "CREATE TRIGGER z AFTER INSERT ON plain BEGIN SELECT 1; END",
        "DELETE FROM sqlite_sequence",
    ] {
        missing(database.as_mut(), statement).await;
    }
    for statement in [
        "INSERT INTO counted (a) VALUES ('x')",
        "DELETE FROM parents",
        "DROP TABLE children",
        "DROP TABLE watched",
        "DROP TABLE counted",
        "DROP VIEW secrets",
        "CREATE TABLE new (id INTEGER PRIMARY KEY, a TEXT UNIQUE REFERENCES plain)",
        "ALTER TABLE new RENAME COLUMN a TO b",
        "DROP INDEX by_email",
    ] {
        let done = attempt(database.as_mut(), statement).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    // One statement's definition allows the next one nothing.
    run(database.as_mut(), "CREATE TABLE newer (a)").await;
    missing(database.as_mut(), "SELECT sql FROM sqlite_master").await;
}

#[tokio::test]
async fn a_foreign_key_needs_grants_for_the_table_that_it_restricts() {
    for (lines, statement, lacks) in [
        (&["create out_*"][..], "CREATE TABLE out_p (x REFERENCES customers (email))", "alter customers"),
        (
            &["create out_*"],
            "CREATE TABLE out_p (x, FOREIGN KEY (x) references\t/* c */\"Customers\")",
            "alter Customers",
        ),
        (&["create out_*", "alter customers"], "CREATE TABLE out_p (x REFERENCES customers)", "read customers"),
        (&["alter plain"], "ALTER TABLE plain ADD COLUMN c REFERENCES [customers]", "alter customers"),
        (&["alter plain"], "ALTER TABLE plain ADD COLUMN c \u{feff}REFERENCES \u{feff}customers", "alter customers"),
    ] {
        let mut database = granted(lines).await;
        assert_eq!(missing(database.as_mut(), statement).await, lacks, "{statement}");
    }
    for (lines, statement) in [
        (&["create out_*"][..], "CREATE TABLE out_p (id INTEGER PRIMARY KEY, x REFERENCES out_p, y REFERENCES out_q)"),
        (&["create out_*"], "CREATE TABLE out_p (x DEFAULT 'REFERENCES customers')"),
        (&["create out_*", "alter customers", "read customers(id)"], "CREATE TABLE out_p (x REFERENCES customers)"),
    ] {
        let mut database = granted(lines).await;
        attempt(database.as_mut(), statement).await.expect(statement);
    }
}

#[tokio::test]
async fn views_stay_readable() {
    let mut database = granted(&["create out_*", "drop out_*", "alter out_*"]).await;
    for statement in ["CREATE TABLE out_t (a, b)", "CREATE VIEW out_v AS SELECT a FROM out_t"] {
        attempt(database.as_mut(), statement).await.expect(statement);
    }
    for statement in [
        "CREATE VIEW out_w AS SELECT nosuch FROM customers",
        "CREATE VIEW out_w AS SELECT 1 FROM nowhere",
        "CREATE VIEW out_w (a, b) AS SELECT 1",
        "DROP TABLE out_t",
    ] {
        let error = attempt(database.as_mut(), statement).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert!(error.message.contains("could not be read after this"), "{statement}: {error}");
    }
    database.set_role(Role::Host);
    // It would read all views.
    run(database.as_mut(), "ALTER TABLE plain RENAME TO simple").await;
    assert!(rows(database.as_mut(), "SELECT * FROM out_v").await.is_empty());
    database.set_role(Role::Component);
    for statement in ["DROP VIEW out_v", "DROP TABLE out_t"] {
        attempt(database.as_mut(), statement).await.expect(statement);
    }
}

#[tokio::test]
async fn a_definition_that_is_stopped_says_so() {
    let mut database = granted(&["create out_*"]).await;
    let stop = StopSignal::default();
    database.set_stop_signal(stop.clone());
    // The statement keeps the thread of the runtime.
    let raised = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stop.raise(StopReason::Interrupt);
    });
    let endless =
        "CREATE TABLE out_t AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let error = database.execute(endless, &[]).await.expect_err("stopped");
    raised.join().expect("raised");
    assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{error}");
}

/// SQLite reads the catalogue itself while it defines something, and asks as if the statement did.
#[tokio::test]
async fn a_definition_does_not_read_the_catalogue() {
    let mut database = database().await;
    let database = database.as_mut();
    run(database, "CREATE INDEX by_secret ON customers (secret)").await;
    run(database, "ANALYZE").await;
    run(database, "CREATE VIEW out_view AS SELECT sql FROM sqlite_schema").await;
    grant(database, &["create out_*", "read out_*", "alter out_*"]);
    database.set_role(Role::Component);
    for statement in [
        "CREATE VIEW out_a AS SELECT sql FROM sqlite_schema",
        "CREATE TABLE out_a AS SELECT sql FROM sqlite_schema",
        "CREATE TABLE out_a AS SELECT sql FROM \"SQLite_Master\"",
        "CREATE TABLE out_a AS SELECT sample FROM sqlite_stat4",
        "CREATE TABLE out_a AS SELECT stat FROM main.[sqlite_stat1]",
        "CREATE TABLE out_a AS SELECT * FROM out_view",
    ] {
        let error = attempt(database, statement).await.expect_err(statement);
        assert!(error.message.contains("which describes all tables"), "{statement}: {error}");
    }
    let error = attempt(database, "ANALYZE out_view").await.expect_err("statistics");
    assert!(error.message.contains("may not update the statistics"), "{error}");
    for statement in [
        "CREATE TABLE out_b (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE)",
        "CREATE TABLE out_c AS SELECT a FROM out_b",
        "ALTER TABLE out_b RENAME COLUMN a TO b",
        "ALTER TABLE out_b ADD COLUMN c TEXT NOT NULL DEFAULT 'd' CHECK (c > '')",
    ] {
        run(database, statement).await;
    }
}

#[tokio::test]
async fn the_first_table_that_counts_needs_no_grant_for_sqlites_own() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    database.begin(TransactionOptions::default()).await.expect("begun");
    grant(database, &["create first"]);
    database.set_role(Role::Component);
    run(database, "CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT)").await;
}

/// A grant for columns is one for their values, under whichever name.
#[tokio::test]
async fn a_change_of_a_table_does_not_open_its_other_columns() {
    let mut database = granted(&["read customers(id, email, lower)", "alter customers"]).await;
    let database = database.as_mut();
    for statement in [
        "ALTER TABLE customers ADD COLUMN lower TEXT AS (secret)",
        "ALTER TABLE customers ADD COLUMN lower TEXT GENERATED ALWAYS AS (secret) VIRTUAL",
        "ALTER TABLE customers ADD COLUMN c CHECK (secret < 'm')",
        "ALTER TABLE customers ADD COLUMN c \u{feff}CHECK (secret < 'm')",
    ] {
        assert_eq!(missing(database, statement).await, "read customers", "{statement}");
    }
    let error = attempt(database, "ALTER TABLE customers RENAME COLUMN secret TO other").await.expect_err("renamed");
    assert!(error.message.contains("may not rename one by a statement"), "{error}");
    run(database, "ALTER TABLE customers ADD COLUMN lower TEXT NOT NULL DEFAULT ''").await;
    // The `schema` interface has compared the names with the grants.
    let table = TableName::new("customers");
    let change = SchemaChange::RenameColumn { table, column: "secret".to_owned(), to: "other".to_owned() };
    database.component(&StopSignal::never()).change_schema(&change).await.expect("renamed");
}
