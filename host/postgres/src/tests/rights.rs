//! Hostile SQL: attempts of scripts and guests to change the transaction and the tool's own tables.

use super::*;
use runner_data::Value;
use runner_database::DatabaseErrorKind;

const NONE: TransactionOptions =
    TransactionOptions { foreign_keys_off: false, isolation: None, for_migration: false, is_tried: false };

/// Statements whose words give them away.
const REFUSED: &[&str] = &[
    "COMMIT AND CHAIN",
    "ROLLBACK AND CHAIN",
    "/* a /* b */ c */ cOmMiT",
    "-- a\rCOMMIT",
    "END",
    "ABORT",
    "START TRANSACTION",
    "PREPARE TRANSACTION 'x'",
    "COMMIT PREPARED 'x'",
    "ROLLBACK PREPARED 'x'",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "INSERT INTO runner . runner_history VALUES (2)",
    "INSERT INTO \"runner\".\"runner_history\" VALUES (2)",
    "WITH x AS (DELETE FROM runner.runner_history RETURNING id) SELECT * FROM x",
    "SELECT * INTO runner.runner_journal FROM runner.runner_history",
    "SELECT id FROM runner.runner_history FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM runner.runner_history",
    "TRUNCATE runner.runner_history",
    "LOCK TABLE runner.runner_history",
    "CREATE TEMP TABLE runner_history (id int)",
    "CREATE VIEW runner_history AS SELECT 1 AS id",
    "CREATE RULE r AS ON INSERT TO runner.runner_history DO INSTEAD NOTHING",
    "CREATE TRIGGER g BEFORE INSERT ON runner.runner_history EXECUTE FUNCTION f()",
    "GRANT ALL ON runner.runner_history TO PUBLIC",
    "COMMENT ON TABLE runner.runner_history IS 'x'",
    "COPY runner.runner_history FROM '/dev/null'",
    "DROP SCHEMA runner CASCADE",
    "ALTER SCHEMA \"runner\" RENAME TO gone",
    "CREATE SCHEMA runner",
    "CREATE SCHEMA AUTHORIZATION runner",
    "ALTER SCHEMA public RENAME TO runner",
    "DROP SCHEMA IF EXISTS mine, runner",
    "ALTER TABLE a SET SCHEMA runner",
    "GRANT ALL ON ALL TABLES IN SCHEMA runner TO PUBLIC",
    "DROP TABLE a, runner.runner_history",
    "DO $$ BEGIN DELETE FROM runner.runner_history; END $$",
    "DO $$ BEGIN DELETE FROM runner.runner_history; COMMIT; END $$",
    "CREATE FUNCTION bomb() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN DELETE FROM runner.runner_history; RETURN NULL; END $f$",
    "COPY a FROM STDIN",
    "COPY runner.runner_history FROM STDIN;\n1\n\\.",
    "COPY a TO STDOUT",
];

/// Statements that only the server can see through: the names are assembled at run time.
const DYNAMIC: &[&str] = &[
    "DO $$ BEGIN EXECUTE 'DELETE FROM runner.runner' || '_history'; END $$",
    "DO $$ BEGIN EXECUTE 'INSERT INTO runner.runner' || '_history VALUES (2)'; END $$",
    "DO $$ BEGIN EXECUTE 'UPDATE runner.runner' || '_history SET id = 1'; END $$",
    "DO $$ BEGIN EXECUTE 'TRUNCATE runner.runner' || '_history'; END $$",
    "DO $$ BEGIN EXECUTE 'LOCK TABLE runner.runner' || '_history'; END $$",
    "DO $$ BEGIN EXECUTE 'LOCK TABLE runner.runner' || '_history IN ROW SHARE MODE'; END $$",
    "DO $$ BEGIN EXECUTE 'DROP TABLE runner.runner' || '_meta'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_meta RENAME TO x'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history ADD COLUMN x int'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER SCHEMA run' || 'ner RENAME TO x'; END $$",
    "DO $$ BEGIN EXECUTE 'DROP SCHEMA run' || 'ner CASCADE'; END $$",
    "DO $$ BEGIN EXECUTE 'GRANT DELETE ON runner.runner' || '_history TO PUBLIC'; END $$",
    "DO $$ BEGIN EXECUTE 'GRANT CREATE ON SCHEMA run' || 'ner TO PUBLIC'; END $$",
    "DO $$ BEGIN EXECUTE 'CREATE RULE r AS ON INSERT TO runner.runner' || '_history DO INSTEAD NOTHING'; END $$",
    "DO $$ BEGIN EXECUTE 'CREATE TRIGGER g BEFORE INSERT ON runner.runner' || '_history EXECUTE FUNCTION nothing()'; END $$",
    "DO $$ BEGIN EXECUTE 'CREATE INDEX ON runner.runner' || '_history (state)'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER TABLE runner.runner' || '_history ENABLE ROW LEVEL SECURITY'; END $$",
    "DELETE FROM U&\"runner\".U&\"runner\\005fhistory\"",
    "INSERT INTO armed VALUES (1)",
];

/// Statements that must be allowed.
const HARMLESS: &[&str] = &[
    "INSERT INTO a VALUES (1)",
    "SELECT 'COMMIT', 'runner'",
    "CREATE TABLE runner (id int)",
    "CREATE VIEW of_runner AS SELECT runner.id FROM runner",
    "COMMENT ON TABLE runner IS 'a runner'",
    "SELECT count(*) FROM runner.runner_history",
    "CREATE SCHEMA mine",
    "COMMENT ON SCHEMA mine IS 'runner'",
    "ALTER TABLE runner SET SCHEMA mine",
    "ALTER TABLE mine.runner SET SCHEMA public",
    "DO $$ BEGIN PERFORM 1; END $$",
    "LOCK TABLE a",
    "NOTIFY channel",
    "CREATE TEMP TABLE x (id int)",
    // The block undoes it, and the lock with it.
    "DO $$ BEGIN BEGIN EXECUTE 'INSERT INTO runner.runner' || '_history VALUES (9)'; RAISE 'x'; EXCEPTION WHEN raise_exception THEN NULL; END; END $$",
];

async fn prepared() -> (TestDatabase, Box<dyn Database>) {
    let fresh = fresh();
    let mut database = open(&fresh).await;
    make_tool_tables(database.as_mut()).await;
    fresh.sql(
        "CREATE TABLE a (id int); CREATE TABLE armed (id int); \
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE FUNCTION bomb() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN EXECUTE 'DELETE FROM runner.runner' || '_history'; RETURN NULL; END $$; \
         CREATE TRIGGER bomb AFTER INSERT ON armed FOR EACH ROW EXECUTE FUNCTION bomb()",
    );
    (fresh, database)
}

/// The complete contents of the tool's tables.
fn state(fresh: &TestDatabase) -> Vec<String> {
    fresh.sql(
        "SELECT n.nspname, c.relname, c.relkind, c.relacl, n.nspacl, c.relnatts, c.relhastriggers, c.relrowsecurity, \
            (SELECT count(*) FROM pg_rewrite WHERE ev_class = c.oid), (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname LIKE 'runner%' ORDER BY 1, 2; \
         SELECT id, state FROM runner.runner_history; SELECT count(*) FROM a",
    )
}

#[tokio::test]
async fn statements_recognised_by_their_words_are_refused() {
    let (fresh, mut database) = prepared().await;
    let before = state(&fresh);
    for in_transaction in [true, false] {
        for rights in [Role::SqlScript, Role::Component] {
            if in_transaction {
                database.begin(NONE).await.expect("begun");
            }
            database.set_role(rights);
            for statement in REFUSED {
                let error = database.execute(statement, &[]).await.expect_err(statement);
                assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
                assert!(error.hint.is_some(), "{statement}: {error}");
            }
            assert_eq!(database.in_transaction().await, Ok(in_transaction));
            database.set_role(Role::Host);
            if in_transaction {
                database.commit_or_roll_back().await.expect("committed");
            }
        }
    }
    assert_eq!(state(&fresh), before);
}

/// A component has writers, and its session could be left in the middle of a `COPY`.
#[tokio::test]
async fn only_a_file_copies_rows() {
    let (_fresh, mut database) = prepared().await;
    let copy = "COPY a FROM stdin;\n1\n2\n\\.";
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    let error = database.execute(copy, &[]).await.expect_err("a component");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    database.set_role(Role::Host);
    assert_eq!(database.execute(copy, &[]).await, Ok(2), "rows of a fixture");
    database.set_role(Role::SqlScript);
    assert_eq!(database.execute(copy, &[]).await, Ok(2));
    let error = database.execute(&copy.replace('1', "x"), &[]).await.expect_err("not a number");
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Conversion, "22P02"), "{error}");
    database.set_role(Role::Host);
    database.rollback().await.expect("it is still there");
}

#[tokio::test]
async fn statements_with_hidden_names_are_detected_by_the_server() {
    let (fresh, mut database) = prepared().await;
    let database = database.as_mut();
    let before = state(&fresh);
    for host_writes_first in [false, true] {
        for statement in DYNAMIC {
            database.begin(NONE).await.expect("begun");
            if host_writes_first {
                // A lock that the host holds itself must not hide a change.
                run(database, "UPDATE runner.runner_history SET state = 'x'").await;
            }
            database.set_role(Role::Component);
            run(database, statement).await;
            run(database, "INSERT INTO a VALUES (1)").await;
            database.set_role(Role::Host);
            let checked = database.check(runner_database::Check::ToolTables).await;
            let error = checked.expect_err(statement);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
            let error = database.commit_or_roll_back().await.expect_err(statement);
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
            assert_eq!(state(&fresh), before, "{statement}");
        }
    }
    for statement in DYNAMIC {
        database.set_role(Role::SqlScript);
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
        assert_eq!(state(&fresh), before, "{statement}");
    }
}

#[tokio::test]
async fn a_change_deferred_to_the_commit_is_detected() {
    let (fresh, mut database) = prepared().await;
    let database = database.as_mut();
    let before = state(&fresh);
    fresh.sql(
        "CREATE TABLE later (id int); \
         CREATE CONSTRAINT TRIGGER bomb AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bomb()",
    );
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::SqlScript);
    run(database, "INSERT INTO later VALUES (1)").await;
    database.set_role(Role::Host);
    database.check(runner_database::Check::ToolTables).await.expect("nothing yet");
    run(database, "INSERT INTO runner.runner_history VALUES (2, 'applied')").await;
    let error = database.commit_or_roll_back().await.expect_err("a bomb");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert_eq!(state(&fresh), before);
}

#[tokio::test]
async fn harmless_statements_are_allowed() {
    let (fresh, mut database) = prepared().await;
    let database = database.as_mut();
    for rights in [Role::SqlScript, Role::Component] {
        for in_transaction in [true, false] {
            if in_transaction {
                database.begin(NONE).await.expect("begun");
            }
            database.set_role(rights);
            for statement in HARMLESS {
                run(database, statement).await;
            }
            database.set_role(Role::Host);
            database.check(runner_database::Check::ToolTables).await.expect("untouched");
            if in_transaction {
                run(database, "INSERT INTO runner.runner_history VALUES (2, 'applied')").await;
                database.drop_temporary().await.expect("dropped");
                database.commit_or_roll_back().await.expect("committed");
            } else {
                database.drop_temporary().await.expect("dropped");
            }
            fresh.sql("DROP TABLE runner CASCADE; DROP SCHEMA mine; DELETE FROM runner.runner_history WHERE id = 2");
        }
    }
}

#[tokio::test]
async fn procedures_and_blocks_cannot_end_the_transaction() {
    let (fresh, mut database) = prepared().await;
    let database = database.as_mut();
    fresh.sql("CREATE PROCEDURE ends() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a VALUES (1); COMMIT; END $$");
    for statement in ["DO $$ BEGIN COMMIT; END $$", "DO $$ BEGIN ROLLBACK; END $$", "CALL ends()"] {
        for rights in [Role::SqlScript, Role::Component] {
            database.begin(NONE).await.expect("begun");
            database.set_role(rights);
            run(database, "INSERT INTO a VALUES (7)").await;
            let error = database.execute(statement, &[]).await.expect_err(statement);
            let expected = match (statement, rights) {
                ("CALL ends()", _) => "2D000",
                (_, Role::SqlScript) => "25001",
                _ => "",
            };
            assert_eq!(error.code, expected, "{statement}: {error}");
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("runner:no-transaction")), "{error:?}");
            database.set_role(Role::Host);
            database.rollback().await.expect("rolled back");
            assert_eq!(fresh.value("SELECT count(*) FROM a"), "0", "{statement}");
        }
    }
}

#[tokio::test]
async fn guests_cannot_change_settings_and_scripts_only_their_own() {
    let (_fresh, mut database) = prepared().await;
    let database = database.as_mut();
    database.begin(NONE).await.expect("begun");
    for statement in ["SET ROLE postgres", "RESET ROLE", "SET search_path = x", "LISTEN x", "DISCARD TEMP", "LOAD 'x'"]
    {
        database.set_role(Role::Component);
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
        assert!(error.hint.is_some(), "{statement}: {error}");
    }
    database.set_role(Role::Component);
    // A function rather than a keyword: its effect lasts until the end of the migration.
    run(database, "SELECT set_config('search_path', 'nowhere', false)").await;
    database.set_role(Role::Host);
    database.drop_temporary().await.expect("dropped");
    database.commit_or_roll_back().await.expect("committed");
    let path = rows(database, "SELECT current_setting('search_path')").await;
    assert_eq!(path, [[Value::from("\"$user\", public")]]);
}

#[tokio::test]
async fn a_missing_privilege_names_the_grant() {
    let fresh = fresh();
    let role = format!("role_{}", fresh.name());
    fresh.sql(&format!(
        "CREATE ROLE {role} LOGIN; CREATE TABLE secret (id int); CREATE SCHEMA closed; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE SCHEMA runner; CREATE TABLE runner.runner_meta (id int)"
    ));
    let mut database = open_url(&fresh.url_as(&role, "")).await.expect("a connection");
    for (statement, hint) in [
        ("SELECT * FROM secret", "GRANT SELECT, INSERT, UPDATE, DELETE ON secret TO"),
        ("CREATE TABLE public.t (id int)", "GRANT USAGE, CREATE ON SCHEMA public TO"),
        ("CREATE SCHEMA mine", "GRANT CREATE ON DATABASE"),
        ("SELECT * FROM runner.runner_meta", "GRANT USAGE, CREATE ON SCHEMA runner TO"),
        ("DROP TABLE secret", "only the owner of `secret`"),
    ] {
        let error = database.execute(statement, &[]).await.expect_err(statement);
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Denied, "42501"), "{error}");
        assert!(error.hint.as_deref().is_some_and(|text| text.contains(hint)), "{statement}: {error:?}");
    }
    fresh.sql(&format!("GRANT USAGE ON SCHEMA runner TO {role}"));
    let error = database.execute("SELECT * FROM runner.runner_meta", &[]).await.expect_err("denied");
    assert!(error.hint.as_deref().is_some_and(|text| text.contains("ON ALL TABLES IN SCHEMA runner TO")), "{error:?}");
    drop(database);
    fresh.sql(&format!("REVOKE USAGE ON SCHEMA runner FROM {role}; DROP ROLE {role}"));
}

/// Rows come partition by partition.
#[tokio::test]
async fn partitions_that_show_an_order_are_named() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE parts (id int, ssn text, name text) PARTITION BY LIST (ssn); CREATE TABLE halves (id int) PARTITION BY RANGE ((-id))");
    let mut database = open(&fresh).await;
    let lines = ["read parts(id)", "read halves(id)"].map(|line| line.parse().expect("a grant"));
    let grants = Arc::new(runner_database::grants::Grants { tables: lines.into(), ..Default::default() });
    let wanted = [runner_database::DesiredLogin { id: "2_g".to_owned(), grants, is_early: false }];
    let named = runner_database::order::revealed(&mut database.host(), &wanted).await.expect("notes");
    assert_eq!(
        named,
        ["an expression", "`ssn`"].map(|column| {
            let table = if column == "`ssn`" { "parts" } else { "halves" };
            format!("the order of the rows of `{table}` can reveal {column} to `2_g`, through its partitions")
        })
    );
}
