//! The modes of a server (`sql_mode`): whose statements run in which, and what keeps one of its own.

use runner_tests::servers::{Kind, Server};

use super::*;
use runner_contract::{batch, column, integers, write};
use runner_data::{ColumnValues, VarValues};
use runner_database::WriteMode;
use runner_database::scratch::{ScratchCopy, ScratchPlace, ScratchRequest};

/// Makes a scratch copy of a database.
async fn copied(of: &TestDatabase, original: &mut dyn Database) -> Result<ScratchCopy, DatabaseError> {
    let (connect, stop) = (ConnectOptions::default(), StopSignal::never());
    let url = DatabaseUrl::parse(&of.url(), Path::new("/")).expect("a URL");
    let request = ScratchRequest { url: &url, rows: None, connect: &connect, stop: &stop, progress: &|_, _, _| {} };
    crate::scratch::make(original, &request).await
}

pub(super) async fn discard(original: &mut dyn Database, copy: ScratchCopy) {
    drop(copy.database);
    let ScratchPlace::Schema(name) = copy.place else { panic!("a directory") };
    crate::scratch::discard(original, &name).await.expect("discarded");
}

/// The modes of routines and triggers.
async fn kept(database: &mut dyn Database) -> Vec<Vec<Value>> {
    let ask = "SELECT ROUTINE_NAME AS name, SQL_MODE AS mode FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() \
               UNION ALL SELECT TRIGGER_NAME, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1";
    rows(database, ask).await
}

#[tokio::test(flavor = "multi_thread")]
async fn routines_and_triggers_keep_their_modes_in_a_copy() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(20))").await;
    let body = "BEGIN DECLARE short VARCHAR(3); SET short = 'too long'; END";
    for (mode, name) in [("STRICT_ALL_TABLES", "strict"), ("", "lenient"), ("ANSI_QUOTES", "ansi")] {
        run(opened, &format!("SET SESSION sql_mode = '{mode}'")).await;
        run(opened, &format!("CREATE PROCEDURE p_{name}() {body}")).await;
        run(opened, &format!("CREATE FUNCTION f_{name}() RETURNS INT DETERMINISTIC RETURN 1")).await;
        run(opened, &format!("CREATE TABLE t_{name} (id INT PRIMARY KEY)")).await;
        run(opened, &format!("CREATE TRIGGER r_{name} BEFORE INSERT ON t_{name} FOR EACH ROW {body}")).await;
    }
    run(opened, r#"CREATE PROCEDURE p_named() SELECT "word" FROM "t""#).await;
    run(opened, "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'").await;
    let mut copy = copied(&database, opened).await.expect("a copy");
    let copied_to = copy.database.as_mut();
    assert_eq!(kept(copied_to).await, kept(opened).await);
    for database in [&mut *opened, copied_to] {
        run(database, "INSERT INTO t_lenient VALUES (1)").await;
        for statement in ["INSERT INTO t_strict VALUES (1)", "CALL p_strict()"] {
            assert_eq!(error_of(database, statement).await.code, "1406", "{statement}");
        }
        run(database, "CALL p_named()").await;
    }
    discard(opened, copy).await;
    // In its own mode, the text of a routine may say something else than in ours.
    let name = database.name();
    run(opened, "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'").await;
    run(opened, &format!(r"CREATE PROCEDURE hidden() SELECT '\', word FROM {name}.t -- '")).await;
    run(opened, "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'").await;
    let error = copied(&database, opened).await.err().expect("refused");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(
        error.message.contains("the procedure `hidden`") && error.message.contains("NO_BACKSLASH_ESCAPES"),
        "{error}"
    );
    run(opened, "DROP PROCEDURE hidden").await;
    run(opened, "SET SESSION sql_mode = 'ANSI_QUOTES'").await;
    run(opened, &format!(r#"CREATE PROCEDURE hidden() SELECT "word" FROM "{name}"."t""#)).await;
    run(opened, "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'").await;
    let error = copied(&database, opened).await.err().expect("refused");
    assert!(error.message.contains(&format!("the procedure `hidden` names the database `{name}`")), "{error}");
}

fn ansi() -> Server {
    Server::private(Kind::Mariadb).setting("sql-mode", "ANSI_QUOTES").start()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_double_quotes_are_for_callers() {
    let server = ansi();
    let database = server.database();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    let is_ansi = "SELECT IF(FIND_IN_SET('ANSI_QUOTES', @@sql_mode), 'ansi', 'plain')";
    run(opened, "CREATE TABLE t (id INT PRIMARY KEY, j JSON)").await;
    run(opened, r#"INSERT INTO t VALUES (1, '{"a": 1}')"#).await;
    for role in [Role::Component, Role::SqlScript] {
        for in_transaction in [false, true] {
            opened.set_role(Role::Host);
            assert_eq!(text_of(opened, is_ansi).await, "plain", "{role:?}");
            if in_transaction {
                opened.begin(NONE).await.expect("begun");
            }
            opened.set_role(role);
            assert_eq!(rows(opened, r#"SELECT "id" FROM "t""#).await, [[Value::Int64(1)]], "{role:?}");
            opened.set_role(Role::Host);
            assert_eq!(text_of(opened, r#"SELECT "id" FROM t"#).await, "id", "{role:?}");
            opened.set_role(role);
            assert_eq!(text_of(opened, is_ansi).await, "ansi", "{role:?}");
            let found = rows(opened, "SELECT j FROM t").await;
            assert!(matches!(found[0][0], Value::Json(_)), "{role:?}: {found:?}");
            opened.set_role(Role::Host);
            if in_transaction {
                opened.commit_or_roll_back().await.expect("committed");
            }
            opened.drop_temporary().await.expect("dropped");
        }
    }
    opened.set_role(Role::SqlScript);
    run(opened, "SET sql_mode = ''").await;
    opened.set_role(Role::Host);
    assert_eq!(text_of(opened, is_ansi).await, "plain");
    opened.set_role(Role::SqlScript);
    assert_eq!(text_of(opened, "SELECT CONCAT('<', @@sql_mode, '>')").await, "<>", "what a script has set stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_names_in_double_quotes_is_copied() {
    let server = ansi();
    let database = server.database();
    database.sql(
        r#"CREATE TABLE "odd ""name" (id INT PRIMARY KEY AUTO_INCREMENT, "select" JSON, word TEXT CHECK ("word" > 'a'));"#,
    );
    database
        .sql(r#"INSERT INTO "odd ""name" VALUES (1, '[1]', 'b'); CREATE VIEW v AS SELECT "select" FROM "odd ""name""#);
    database.sql(r#"CREATE TRIGGER r BEFORE INSERT ON "odd ""name" FOR EACH ROW SET NEW."select" = '[2]'"#);
    database.sql(r#"CREATE PROCEDURE p() SELECT "select" FROM "odd ""name""#);
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    let mut copy = copied(&database, opened).await.expect("a copy");
    let copied_to = copy.database.as_mut();
    assert_eq!(kept(copied_to).await, kept(opened).await);
    run(copied_to, "INSERT INTO `odd \"name` (id) VALUES (2)").await;
    let found = rows(copied_to, "SELECT `select` FROM `odd \"name` ORDER BY id").await;
    assert_eq!(found, [[Value::Json("[1]".to_owned())], [Value::Json("[2]".to_owned())]]);
    discard(opened, copy).await;
}

/// Writes of a component, whose statements run in the server's mode.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_writes_json_on_a_server_with_double_quotes() {
    let server = ansi();
    let database = server.database();
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, j JSON)");
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    opened.set_role(Role::Component);
    let text = br#"{"a": "x\"y"}"#;
    let values = VarValues { offsets: vec![0, text.len() as u32], data: text.to_vec() };
    let row = batch(1, vec![integers("id", &[1]), column("j", ColumnValues::Json(values))]);
    for mode in [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert] {
        assert_eq!(write(opened, "t", mode, &[], &row).await, Ok(1), "{mode}");
    }
    let stored = rows(opened, "SELECT j FROM t").await.remove(0).remove(0);
    assert!(matches!(&stored, Value::Json(stored) if stored.contains(r#"x\"y"#)), "{stored:?}");
}
