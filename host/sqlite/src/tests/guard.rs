//! What SQLite's authorizer denies to scripts and guests.

use super::*;
use runner_database::DatabaseErrorKind;

async fn kind(database: &mut dyn Database, statement: &str) -> Option<DatabaseErrorKind> {
    database.execute(statement, &[]).await.err().map(|error| error.kind)
}

async fn prepared() -> Box<dyn Database> {
    let mut database = in_memory().await;
    for statement in [
        "CREATE TABLE runner_history (revision TEXT PRIMARY KEY, note TEXT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO runner_history (revision) VALUES ('kept')",
    ] {
        run(database.as_mut(), statement).await;
    }
    database.begin(TransactionOptions::default()).await.expect("begun");
    database
}

#[tokio::test]
async fn every_access_to_the_tool_tables_is_refused() {
    for rights in [Role::SqlScript, Role::Component] {
        let mut database = prepared().await;
        database.set_role(rights);
        for statement in [
            // Shadowing: an unqualified name would find these first.
            "CREATE TEMP TABLE runner_history (revision TEXT)",
            "CREATE TEMP VIEW \"Runner_History\" AS SELECT 1 AS revision",
            "CREATE TABLE IF NOT EXISTS [runner_checkpoint] (x)",
            "CREATE TABLE `runner_meta` AS SELECT 1",
            "CREATE VIRTUAL TABLE runner_artifact USING fts5(x)",
            // Delayed triggers: they would fire when the application writes.
            "CREATE TRIGGER bomb AFTER INSERT ON t BEGIN DELETE FROM runner_history; END",
            "CREATE TEMP TRIGGER bomb AFTER INSERT ON t BEGIN DELETE FROM main.\"RUNNER_history\"; END",
            "CREATE TRIGGER runner_journal AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TEMP TRIGGER swallow BEFORE INSERT ON runner_history BEGIN SELECT RAISE(IGNORE); END",
            "CREATE TABLE child (x REFERENCES runner_history ON DELETE RESTRICT)",
            // Renames.
            "ALTER TABLE t RENAME TO runner_checkpoint",
            "ALTER TABLE t RENAME TO \"runner_CHECKPOINT\"",
            "ALTER TABLE runner_history RENAME COLUMN revision TO r",
            "ALTER TABLE runner_history DROP COLUMN note",
            "CREATE UNIQUE INDEX runner_journal ON t (n)",
            // Indirectly.
            "WITH a AS (SELECT 1) INSERT INTO main.runner_history SELECT 'x', 'y' FROM a",
            "REPLACE INTO runner_history (revision) VALUES ('kept')",
            "EXPLAIN DELETE FROM runner_history",
            "DROP TABLE IF EXISTS main.runner_history",
        ] {
            assert_eq!(
                kind(database.as_mut(), statement).await,
                Some(DatabaseErrorKind::Denied),
                "{rights:?}: {statement}"
            );
        }
        // The catalogue itself cannot be written: SQLite refuses it in any case.
        for statement in [
            "DELETE FROM sqlite_schema",
            "UPDATE sqlite_schema SET sql = ''",
            "INSERT INTO sqlite_master VALUES (1,2,3,4,5)",
        ] {
            assert!(kind(database.as_mut(), statement).await.is_some(), "{statement}");
        }
        // Statements that only look similar are allowed.
        for statement in [
            "CREATE TABLE runner_results (runner_history_note TEXT)",
            "CREATE TRIGGER fine AFTER INSERT ON t BEGIN UPDATE t SET n = 1 WHERE id = new.id; END",
            "INSERT INTO t (id) VALUES (1)",
            "ALTER TABLE t RENAME COLUMN n TO m",
            "CREATE VIEW v AS SELECT count(*) AS applied FROM runner_history",
        ] {
            assert_eq!(kind(database.as_mut(), statement).await, None, "{statement}");
        }
        assert_eq!(rows(database.as_mut(), "SELECT m FROM t").await, [[Value::Int64(1)]]);
        assert_eq!(text_of(database.as_mut(), "SELECT revision FROM main.runner_history").await, "kept");
    }
}

#[tokio::test]
async fn a_trigger_of_the_host_does_not_pass_on_its_rights() {
    let mut database = prepared().await;
    run(
        database.as_mut(),
        "CREATE TRIGGER log AFTER INSERT ON t BEGIN INSERT INTO runner_history (revision) VALUES (new.id); END",
    )
    .await;
    database.set_role(Role::Component);
    let error = database.execute("INSERT INTO t (id) VALUES (1)", &[]).await.expect_err("through a trigger");
    assert_eq!(error.kind, DatabaseErrorKind::Denied);
    assert!(error.message.contains("through `log`"), "{error}");
    let rows = batch(1, vec![integers("id", &[1])]);
    let error = write(database.as_mut(), "t", WriteMode::Insert, &[], &rows).await.expect_err("through a trigger");
    assert_eq!(error.kind, DatabaseErrorKind::Denied);
}

#[tokio::test]
async fn a_guest_cannot_reach_files_code_or_settings() {
    let directory = directory();
    let file = directory.path().join("other.db");
    let mut database = prepared().await;
    database.commit_or_roll_back().await.expect("committed");
    for in_transaction in [false, true] {
        if in_transaction {
            database.set_role(Role::Host);
            database.begin(TransactionOptions::default()).await.expect("begun");
        }
        database.set_role(Role::Component);
        for statement in [
            format!("ATTACH '{}' AS other", file.display()),
            "ATTACH ':memory:' AS other".to_owned(),
            "DETACH main".to_owned(),
            "SELECT load_extension('x')".to_owned(),
            "SELECT runner_pull_0(1)".to_owned(),
            "SELECT RUNNER_PULL_HAS(1)".to_owned(),
            "PRAGMA foreign_keys = OFF".to_owned(),
            "PRAGMA user_version = 3".to_owned(),
            "PRAGMA writable_schema = ON".to_owned(),
            "PRAGMA main.journal_mode = OFF".to_owned(),
            "PRAGMA synchronous = 0".to_owned(),
            "PRAGMA trusted_schema = ON".to_owned(),
            "PRAGMA temp_store_directory = '/'".to_owned(),
            "PRAGMA wal_checkpoint".to_owned(),
        ] {
            // A function that does not exist cannot be refused either.
            let refused = kind(database.as_mut(), &statement).await;
            let expected = [Some(DatabaseErrorKind::Denied), Some(DatabaseErrorKind::Syntax)];
            assert!(expected.contains(&refused), "{statement}: {refused:?}");
        }
        for statement in [format!("VACUUM INTO '{}'", file.display()), "VACUUM".to_owned()] {
            assert!(kind(database.as_mut(), &statement).await.is_some(), "{statement}");
        }
        for statement in [
            "PRAGMA table_xinfo(t)",
            "SELECT name FROM pragma_table_info('t')",
            "PRAGMA foreign_key_check",
            "PRAGMA integrity_check",
            "PRAGMA foreign_keys",
            "PRAGMA user_version",
            "PRAGMA defer_foreign_keys = ON",
        ] {
            assert_eq!(kind(database.as_mut(), statement).await, None, "{statement}");
        }
    }
    assert!(!file.exists());
}

#[tokio::test]
async fn pragmas_without_effect_are_refused() {
    let mut database = prepared().await;
    database.set_role(Role::SqlScript);
    for (statement, part) in [
        ("PRAGMA foreign_keys = OFF", "table-rebuild"),
        ("PRAGMA main.foreign_keys(0)", "table-rebuild"),
        ("PRAGMA journal_mode = WAL", "no-transaction"),
        ("PRAGMA synchronous = OFF", "URL"),
        ("PRAGMA writable_schema = 1", "table-rebuild"),
        ("PRAGMA encoding = 'UTF-16'", "leave"),
    ] {
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(part)), "{statement}: {error:?}");
    }
    for statement in ["PRAGMA foreign_keys", "PRAGMA user_version = 7", "PRAGMA journal_mode"] {
        assert_eq!(kind(database.as_mut(), statement).await, None, "{statement}");
    }
    database.rollback().await.expect("rolled back");
    for statement in ["/* a */ vacuum", "ATTACH ':memory:' AS other"] {
        assert_eq!(kind(database.as_mut(), statement).await, None, "outside of a transaction: {statement}");
    }
}

#[tokio::test]
async fn a_script_does_not_change_the_connection() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY)").await;
    for in_transaction in [false, true] {
        if in_transaction {
            database.set_role(Role::Host);
            database.begin(TransactionOptions::default()).await.expect("begun");
        }
        database.set_role(Role::SqlScript);
        for setting in [
            "ignore_check_constraints = ON",
            "trusted_schema = ON",
            "recursive_triggers = ON",
            "case_sensitive_like = ON",
            "busy_timeout = 1",
            "max_page_count = 10",
            "query_only = ON",
            "cache_spill(0)",
            "main.cache_size = 1",
            "synchronous = OFF",
            "locking_mode = EXCLUSIVE",
            "foreign_keys = OFF",
            "Legacy_Alter_Table = ON",
            "temp_store = 1",
            "secure_delete = OFF",
            "schema_version = 9",
            "journal_mode = OFF",
            "journal_mode = m",
            "something_new = 1",
        ] {
            let statement = format!("PRAGMA {setting}");
            let error = database.execute(&statement, &[]).await.expect_err(setting);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
            assert!(error.hint.is_some(), "{statement}: {error:?}");
        }
        let error = database.execute("PRAGMA query_only = 1", &[]).await.expect_err("a setting");
        assert!(error.message.contains("outlive the migration"), "{error}");
        for pragma in [
            "query_only",
            "cache_size",
            "busy_timeout",
            "user_version = 3",
            "application_id = 4",
            "auto_vacuum = INCREMENTAL",
            "page_size = 8192",
            "incremental_vacuum(1)",
            "optimize",
            "table_info(t)",
            "main.index_list(t)",
            "foreign_key_check(t)",
            "integrity_check(3)",
            "database_list",
            "defer_foreign_keys = ON",
        ] {
            assert_eq!(kind(database.as_mut(), &format!("PRAGMA {pragma}")).await, None, "{pragma}");
        }
    }
    database.commit_or_roll_back().await.expect("committed");
    for (pragma, value) in [("user_version", 3), ("application_id", 4), ("defer_foreign_keys", 0), ("query_only", 0)] {
        let found = rows(database.as_mut(), &format!("PRAGMA {pragma}")).await;
        assert_eq!(found, [[Value::Int64(value)]], "{pragma}");
    }
    for pragma in ["wal_checkpoint(TRUNCATE)", "journal_mode = Delete", "journal_mode('wal')"] {
        assert_eq!(kind(database.as_mut(), &format!("PRAGMA {pragma}")).await, None, "{pragma}");
    }
}

#[tokio::test]
async fn a_guest_cannot_make_huge_values() {
    let mut database = prepared().await;
    database.set_role(Role::Component);
    let huge = "SELECT length(zeroblob(900000000))";
    let error = database.query(huge, &[], QueryLimits::NONE).await.expect_err("too big");
    assert_eq!(error.kind, DatabaseErrorKind::Limit, "{error}");
    // By the limit on lengths: without it, this would be the text.
    assert_eq!(rows(database.as_mut(), "SELECT printf('%.*c', 900000000, 'x')").await, [[Value::Null]]);
    database.set_role(Role::Host);
    run(database.as_mut(), "SELECT length(zeroblob(900000000))").await;
}

#[tokio::test]
async fn a_cursor_keeps_the_rights_it_was_opened_with() {
    let mut database = prepared().await;
    run(database.as_mut(), "INSERT INTO t (id) VALUES (1), (2), (3)").await;
    let request = CursorRequest { statement: "SELECT id FROM t ORDER BY id".to_owned(), ..CursorRequest::default() };
    let cursor = database.open_cursor(&request).await.expect("a cursor");
    database.set_role(Role::Component);
    run(database.as_mut(), "CREATE TABLE u (x)").await;
    let found = database.fetch(cursor, BatchLimits::default()).await.expect("rows").expect("rows");
    assert_eq!(found.row_count, 3);
    assert_eq!(kind(database.as_mut(), "DELETE FROM runner_history").await, Some(DatabaseErrorKind::Denied));
}

#[tokio::test]
async fn attached_files_are_detached_after_their_migration() {
    let directory = directory();
    let file = directory.path().join("other.db");
    std::fs::File::create(&file).expect("a file");
    let attach = format!("ATTACH '{}' AS \"o\"\"ther\"", file.display());
    for in_transaction in [false, true] {
        for (touched, ends_well) in [(false, true), (true, true), (true, false)] {
            let mut database = open_at(directory.path()).await;
            if in_transaction {
                database.begin(TransactionOptions::default()).await.expect("begun");
            }
            database.set_role(Role::SqlScript);
            run(database.as_mut(), &attach).await;
            if touched {
                run(database.as_mut(), "CREATE TABLE IF NOT EXISTS \"o\"\"ther\".secret (x)").await;
                run(database.as_mut(), "INSERT INTO secret VALUES (1)").await;
            }
            database.set_role(Role::Host);
            database.drop_temporary().await.expect("dropped");
            match (in_transaction, ends_well) {
                (false, _) => {}
                (true, true) => database.commit_or_roll_back().await.expect("committed"),
                (true, false) => database.rollback().await.expect("rolled back"),
            }
            let left = rows(database.as_mut(), "SELECT name FROM pragma_database_list WHERE seq > 1").await;
            assert!(left.is_empty(), "{in_transaction} {touched} {ends_well}: {left:?}");
            assert_eq!(kind(database.as_mut(), "SELECT x FROM secret").await, Some(DatabaseErrorKind::Syntax));
        }
    }
    let other = rusqlite::Connection::open(&file).expect("a database");
    let count: i64 = other.query_row("SELECT count(*) FROM secret", [], |row| row.get(0)).expect("a count");
    assert_eq!(count, 3, "what was committed");
}

#[tokio::test]
async fn a_guest_cannot_access_an_attached_database() {
    let mut database = prepared().await;
    run(database.as_mut(), "ATTACH ':memory:' AS other").await;
    run(database.as_mut(), "CREATE TABLE other.secret (id INTEGER PRIMARY KEY, x UNIQUE)").await;
    database.set_role(Role::Component);
    for statement in [
        "SELECT x FROM other.secret",
        "SELECT x FROM secret",
        "SELECT count(*) FROM other.secret",
        "SELECT name FROM other.sqlite_schema",
        "INSERT INTO secret (x) VALUES (1)",
        "UPDATE secret SET x = 1",
        "DELETE FROM other.secret",
        "CREATE TABLE other.mine (x)",
        "CREATE INDEX other.i ON secret (x)",
        "DROP TABLE secret",
        "ALTER TABLE other.secret RENAME TO public",
        "ALTER TABLE secret ADD COLUMN y",
        "ANALYZE other",
        "REINDEX other.secret",
        "PRAGMA other.table_info(secret)",
        "SELECT name FROM pragma_table_info('secret', 'other')",
    ] {
        assert_eq!(kind(database.as_mut(), statement).await, Some(DatabaseErrorKind::Denied), "{statement}");
    }
    let other = TableName { schema: Some("OTHER".to_owned()), name: "secret".to_owned() };
    assert_eq!(database.table(&other).await.expect_err("attached").kind, DatabaseErrorKind::Denied);
    assert!(database.table(&TableName::new("secret")).await.is_err());
    assert_eq!(kind(database.as_mut(), "SELECT n FROM MAIN.t").await, None);
    assert_eq!(kind(database.as_mut(), "CREATE TEMP TABLE mine AS SELECT 1 AS x").await, None);
    assert_eq!(kind(database.as_mut(), "SELECT x FROM temp.mine").await, None);
    for statement in [
        "CREATE TABLE own (a, b)",
        "ALTER TABLE own ADD COLUMN c",
        "ALTER TABLE own DROP COLUMN b",
        "ALTER TABLE own RENAME COLUMN a TO d",
        "ALTER TABLE own RENAME TO owned",
    ] {
        assert_eq!(kind(database.as_mut(), statement).await, None, "{statement}");
    }
}

#[tokio::test]
async fn attach_makes_no_file() {
    let directory = directory();
    let file = directory.path().join("new.db");
    let mut database = open_at(directory.path()).await;
    database.set_role(Role::SqlScript);
    for statement in [
        format!("ATTACH '{}' AS other", file.display()),
        format!("ATTACH 'file:{}?mode=rwc' AS other", file.display()),
        format!("ATTACH 'file:{}?vfs=unix' AS other", file.display()),
    ] {
        let refused = kind(database.as_mut(), &statement).await;
        assert_eq!(refused, Some(DatabaseErrorKind::NotFound), "{statement}");
        assert!(!file.exists(), "{statement}");
    }
    // VACUUM attaches a file of its own.
    let copy = directory.path().join("copy.db");
    assert_eq!(kind(database.as_mut(), &format!("VACUUM INTO '{}'", copy.display())).await, None);
    assert!(copy.exists());
    assert_eq!(kind(database.as_mut(), "VACUUM").await, None);
}

#[tokio::test]
async fn the_file_name_of_vacuum_calls_no_refused_function() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    // So that the function exists.
    run(database.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)").await;
    let rows = batch(1, vec![integers("id", &[1]), integers("n", &[1])]);
    write(database.as_mut(), "t", WriteMode::Insert, &[], &rows).await.expect("inserted");
    write(database.as_mut(), "t", WriteMode::Update, &["id"], &rows).await.expect("updated");
    database.set_role(Role::SqlScript);
    for function in ["runner_pull_has(1)", "RUNNER_PULL_1(1)", "load_extension('x')", "fts3_tokenizer('simple')"] {
        let statement = format!("VACUUM INTO {function}");
        let error = database.execute(&statement, &[]).await.expect_err(&statement);
        // A function that does not exist cannot be refused either.
        let expected = [DatabaseErrorKind::Denied, DatabaseErrorKind::Syntax];
        assert!(expected.contains(&error.kind), "{statement}: {error:?}");
    }
    let error = database.execute("VACUUM INTO runner_pull_has(1)", &[]).await.expect_err("refused");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
}

#[tokio::test]
async fn virtual_tables_work_for_components() {
    let directory = directory();
    for in_memory in [true, false] {
        let mut database = if in_memory { super::in_memory().await } else { open_at(directory.path()).await };
        database.begin(TransactionOptions::default()).await.expect("begun");
        database.set_role(Role::Component);
        for statement in [
            "CREATE VIRTUAL TABLE texts USING fts5(title, body)",
            "INSERT INTO texts VALUES ('one', 'a body of text'), ('two', 'another')",
            "INSERT INTO texts(texts) VALUES ('optimize')",
            "UPDATE texts SET body = 'changed' WHERE title = 'two'",
            "DELETE FROM texts WHERE title = 'two'",
            "CREATE VIRTUAL TABLE words USING fts5vocab(texts, row)",
            "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label TEXT)",
            "INSERT INTO boxes VALUES (1, 0, 1, 0, 1, 'a'), (2, 5, 6, 5, 6, 'b')",
            "UPDATE boxes SET x1 = 2 WHERE id = 1",
            "CREATE VIRTUAL TABLE old USING fts4(body)",
            "INSERT INTO old VALUES ('a body of text')",
        ] {
            let done = database.execute(statement, &[]).await;
            assert!(done.is_ok(), "{statement}: {done:?}");
        }
        for (query, expected) in [
            ("SELECT title FROM texts WHERE texts MATCH 'body'", "one"),
            ("SELECT term FROM words WHERE term = 'body'", "body"),
            ("SELECT label FROM boxes WHERE x0 >= 4", "b"),
            ("SELECT body FROM old WHERE old MATCH 'text'", "a body of text"),
        ] {
            assert_eq!(text_of(database.as_mut(), query).await, expected, "{query}");
        }
        for statement in ["DROP TABLE words", "DROP TABLE texts", "DROP TABLE boxes", "DROP TABLE old"] {
            assert_eq!(kind(database.as_mut(), statement).await, None, "{statement}");
        }
        // Shadow tables stay out of reach.
        run(database.as_mut(), "CREATE VIRTUAL TABLE texts USING fts5(body)").await;
        for statement in ["DELETE FROM texts_data", "UPDATE texts_config SET v = 1", "DROP TABLE texts_data"] {
            assert!(kind(database.as_mut(), statement).await.is_some(), "{statement}");
        }
    }
}
