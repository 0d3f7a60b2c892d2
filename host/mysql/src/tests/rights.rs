//! Statements whose text does not show what they do.

use super::*;

async fn denied(database: &mut dyn Database, statement: &str) {
    let error = error_of(database, statement).await;
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
    assert!(error.hint.is_some(), "{statement}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forbidden_statements_are_refused_before_they_run() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE runner_history (id INT PRIMARY KEY)").await;
    run(opened, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    for rights in [Role::SqlScript, Role::Component] {
        opened.set_role(rights);
        for statement in [
            "XA START 'x'",
            "SET autocommit = 0",
            "SET @@session.autocommit = 0",
            "SET @a = 1, autocommit = 0",
            "SET completion_type = 'CHAIN'",
            "LOCK TABLES t WRITE",
            "UNLOCK TABLES",
            "/*!50000 COMMIT */",
            "/*M! commit */",
            "/*!50000 START */ TRANSACTION",
            // The server skips these comments.
            "/*!99999 SELECT 1 */ COMMIT",
            "/*!99999 SELECT 1 */ SET autocommit = 0",
            "/*!99999 SELECT 1 */ START TRANSACTION",
            "INSERT INTO /*! runner_history */ VALUES (1)",
            "INSERT INTO /*!99999 ' */ runner_history VALUES (1) -- '",
            "UPDATE --\x7f'\n runner_history SET id = 9 --\x7f'",
            "SELECT RELEASE_ALL_LOCKS()",
            "DO RELEASE_LOCK('runner:x')",
            "CREATE TEMPORARY TABLE runner_history (id INT)",
            "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW DELETE FROM runner_history",
        ] {
            denied(opened, statement).await;
        }
    }
    for statement in ["SET @a = 1", "USE mysql", "KILL 1", "SELECT 1 /*! + 1 */"] {
        denied(opened, statement).await;
    }
    opened.set_role(Role::SqlScript);
    run(opened, "/*!40101 SET NAMES utf8mb4 */").await;
    run(opened, "INSERT INTO t VALUES (1 /*! + 1 */)").await;
    opened.set_role(Role::Host);
    assert_eq!(text_of(opened, "SELECT COUNT(*) FROM runner_history").await, "0");
}

/// Statements that commit in a transaction, as the check of the text sees them.
const COMMITTING: [&str; 6] = [
    "CREATE TABLE u (id INT)",
    "ALTER TABLE t ADD COLUMN n INT",
    "TRUNCATE TABLE t",
    "ANALYZE TABLE t",
    "RENAME TABLE t TO u",
    "GRANT SELECT ON t TO nobody",
];

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_commit_are_refused_in_a_transaction() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    for rights in [Role::SqlScript, Role::Component] {
        opened.begin(NONE).await.expect("begun");
        opened.set_role(rights);
        run(opened, "INSERT INTO t VALUES (1)").await;
        for statement in COMMITTING {
            let error = error_of(opened, statement).await;
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
            // No mode lets a component change privileges.
            let is_privilege = statement.starts_with("GRANT") && rights == Role::Component;
            let advice = if is_privilege { "a migration in SQL" } else { "stepwise" };
            assert!(error.hint.is_some_and(|hint| hint.contains(advice)), "{statement}");
        }
        run(opened, "CREATE TEMPORARY TABLE scratch (id INT)").await;
        run(opened, "INSERT INTO scratch SELECT id FROM t").await;
        opened.set_role(Role::Host);
        assert_eq!(opened.in_transaction().await, Ok(true));
        opened.drop_temporary().await.expect("dropped");
        assert_eq!(error_of(opened, "SELECT * FROM scratch").await.kind, DatabaseErrorKind::Syntax);
        opened.rollback().await.expect("rolled back");
        assert_eq!(text_of(opened, "SELECT COUNT(*) FROM t").await, "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_commit_is_detected() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT)").await;
    run(opened, "CREATE PROCEDURE commits() BEGIN COMMIT; END").await;
    run(opened, "CREATE PROCEDURE chains() BEGIN COMMIT AND CHAIN; END").await;
    run(opened, "CREATE PROCEDURE begins() BEGIN ROLLBACK; START TRANSACTION; INSERT INTO t VALUES (2); END").await;
    run(opened, "CREATE PROCEDURE alters() BEGIN CREATE TABLE IF NOT EXISTS u (id INT); END").await;
    run(opened, "CREATE PROCEDURE fails() BEGIN COMMIT; SELECT * FROM nowhere; END").await;
    for rights in [Role::SqlScript, Role::Component] {
        for statement in [
            "CALL commits()",
            "CALL chains()",
            "CALL begins()",
            "CALL alters()",
            "CALL fails()",
            "EXECUTE IMMEDIATE CONCAT('COM', 'MIT')",
            "EXECUTE IMMEDIATE CONCAT('ROLLBACK AND', ' CHAIN')",
            "BEGIN NOT ATOMIC COMMIT; END",
        ] {
            if is_mysql() && !statement.starts_with("CALL") {
                continue;
            }
            opened.begin(NONE).await.expect("begun");
            opened.set_role(rights);
            run(opened, "INSERT INTO t VALUES (1)").await;
            let error = error_of(opened, statement).await;
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
            opened.set_role(Role::Host);
            if !statement.starts_with("CALL") && rights == Role::Component {
                assert!(error.message.contains("from a component"), "{statement}: {error}");
                opened.rollback().await.expect("rolled back");
                continue;
            }
            assert!(error.message.contains("ended"), "{statement}: {error}");
            assert_eq!(opened.in_transaction().await, Ok(false), "{statement}");
            assert!(opened.commit_or_roll_back().await.is_err(), "{statement}");
            opened.rollback().await.expect("harmless");
        }
    }
    opened.begin(NONE).await.expect("begun");
    opened.set_role(Role::SqlScript);
    if !is_mysql() {
        run(opened, "EXECUTE IMMEDIATE 'INSERT INTO t VALUES (3)'").await;
    }
    run(opened, "DO SLEEP(0)").await;
    opened.commit_or_roll_back().await.expect("a statement that ends no transaction is allowed");
}

/// Statements that leave a transaction open, or autocommit off, when the host has opened none.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_outside_a_transaction_leaves_none_open() {
    let database = fresh();
    let mut opened = open(&database).await;
    let mut other = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT)").await;
    run(opened, "CREATE PROCEDURE begins() BEGIN START TRANSACTION; INSERT INTO t VALUES (1); END").await;
    let statements = ["CALL begins()", "EXECUTE IMMEDIATE CONCAT('SET auto', 'commit = 0')"];
    let statements = if is_mysql() { &statements[..1] } else { &statements };
    for (at, statement) in statements.iter().enumerate() {
        opened.set_role(Role::SqlScript);
        run(opened, statement).await;
        opened.set_role(Role::Host);
        run(opened, "INSERT INTO t VALUES (2)").await;
        assert_eq!(text_of(other.as_mut(), "SELECT COUNT(*) FROM t").await, (at + 2).to_string(), "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_xa_transaction_ends_with_its_session() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE t (id INT)").await;
    let before = session_of(opened).await;
    opened.set_role(Role::SqlScript);
    denied(opened, "EXECUTE IMMEDIATE CONCAT('X', 'A START ''x''')").await;
    opened.set_role(Role::Host);
    run(opened, "INSERT INTO t VALUES (1)").await;
    assert_ne!(session_of(opened).await, before);
    opened.begin(NONE).await.expect("begun");
    opened.set_role(Role::SqlScript);
    let error = error_of(opened, "EXECUTE IMMEDIATE CONCAT('X', 'A START ''x''')").await;
    assert_eq!(error.code, "1400", "not inside our transaction: {error}");
    opened.rollback().await.expect("rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_to_tool_tables_are_detected() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE runner_history (id INT PRIMARY KEY AUTO_INCREMENT, name TEXT, data LONGBLOB)").await;
    run(opened, "INSERT INTO runner_history (id, name) VALUES (1, 'a'), (2, NULL)").await;
    run(opened, "CREATE TABLE t (id INT)").await;
    run(opened, "CREATE TRIGGER bomb AFTER INSERT ON t FOR EACH ROW DELETE FROM runner_history WHERE id = NEW.id")
        .await;
    for statement in [
        "INSERT INTO t VALUES (1)",
        "EXECUTE IMMEDIATE CONCAT('UPDATE runner', '_history SET name = 1 WHERE id = 2')",
        "EXECUTE IMMEDIATE CONCAT('INSERT INTO runner', '_history (id) VALUES (9)')",
        "EXECUTE IMMEDIATE CONCAT('CREATE TEMPORARY TABLE runner', '_history SELECT * FROM runner', '_history')",
    ] {
        if is_mysql() && statement.starts_with("EXECUTE") {
            continue;
        }
        opened.begin(NONE).await.expect("begun");
        opened.set_role(Role::SqlScript);
        run(opened, "SELECT 1").await;
        opened.check(runner_database::Check::ToolTables).await.expect("nothing was changed");
        run(opened, statement).await;
        opened.set_role(Role::Host);
        let error = opened.check(runner_database::Check::ToolTables).await.expect_err(statement);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
        assert!(error.message.contains("runner_history"), "{statement}: {error}");
        let error = error_of(opened, "INSERT INTO runner_history (name) VALUES ('b')").await;
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "the host does not overwrite it either: {error}");
        opened.rollback().await.expect("rolled back");
        opened.drop_temporary().await.expect("dropped");
    }
    opened.begin(NONE).await.expect("begun");
    opened.set_role(Role::Component);
    run(opened, "INSERT INTO t VALUES (77)").await;
    opened.set_role(Role::Host);
    run(opened, "INSERT INTO runner_history (name) VALUES ('host')").await;
    opened.set_role(Role::Component);
    run(opened, "INSERT INTO t VALUES (78)").await;
    opened.set_role(Role::Host);
    opened.check(runner_database::Check::ToolTables).await.expect("the host's own changes are allowed");
    opened.commit_or_roll_back().await.expect("committed");
}

/// Sessions that share a transform write such rows while it runs, but not those of migrations that are done.
#[tokio::test(flavor = "multi_thread")]
async fn changes_to_the_evidence_of_what_is_done_are_detected() {
    let database = fresh();
    let mut opened = open(&database).await;
    let opened = opened.as_mut();
    run(opened, "CREATE TABLE runner_history (id INT PRIMARY KEY, state TEXT)").await;
    run(opened, "INSERT INTO runner_history VALUES (1, 'applied'), (2, 'partial')").await;
    run(opened, "CREATE TABLE runner_evidence (history_id INT, content LONGBLOB)").await;
    run(opened, "INSERT INTO runner_evidence VALUES (1, 'a'), (2, 'a')").await;
    run(opened, "CREATE TABLE t (id INT)").await;
    let bomb = "UPDATE runner_evidence SET content = 'b' WHERE history_id = NEW.id";
    run(opened, &format!("CREATE TRIGGER bomb AFTER INSERT ON t FOR EACH ROW {bomb}")).await;
    for (id, is_found) in [(2, false), (1, true)] {
        opened.begin(NONE).await.expect("begun");
        opened.set_role(Role::SqlScript);
        run(opened, &format!("INSERT INTO t VALUES ({id})")).await;
        opened.set_role(Role::Host);
        let found = opened.check(runner_database::Check::ToolTables).await;
        assert_eq!(found.is_err(), is_found, "{found:?}");
        assert!(found.err().is_none_or(|error| error.message.contains("runner_evidence")));
        opened.rollback().await.expect("rolled back");
    }
}

/// It would run with what the host writes, and change that. MySQL prepares no such statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_a_statement_puts_on_a_tool_table_is_detected() {
    if is_mysql() {
        return;
    }
    let database = fresh();
    database.sql("CREATE TABLE runner_history (id INT PRIMARY KEY, name TEXT)");
    let mut opened = open(&database).await;
    opened.set_role(Role::SqlScript);
    let trigger = "zz BEFORE UPDATE ON runner', '_history FOR EACH ROW SET NEW.name = 1";
    let error = error_of(opened.as_mut(), &format!("EXECUTE IMMEDIATE CONCAT('CREATE TRIGGER {trigger}')")).await;
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    assert!(error.message.contains("the trigger `zz` on `runner_history`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_name_the_grant() {
    let database = fresh();
    let name = database.name();
    let user = format!("u_{}", &name[name.len() - 12..]);
    database.sql(&format!("CREATE USER {user}@'%' IDENTIFIED BY 'x'"));
    database.sql(&format!("GRANT SELECT, INSERT ON {name}.* TO {user}@'%'"));
    database.sql("CREATE TABLE t (id INT)");
    let mut opened = open_url(&database.url_as(&user, "x")).await.expect("a connection");
    for (statement, code, part) in [
        ("CREATE TABLE u (id INT)", "1142", "GRANT CREATE ON"),
        ("DELETE FROM t", "1142", "GRANT DELETE"),
        ("CREATE PROCEDURE p() SELECT 1", "1044", "GRANT ALL PRIVILEGES"),
    ] {
        let error = error_of(opened.as_mut(), statement).await;
        assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Denied, code), "{statement}: {error}");
        let hint = error.hint.expect("a hint");
        assert!(hint.contains(part) && hint.contains(&user), "{statement}: {hint}");
    }
    database.sql(&format!("DROP USER {user}@'%'"));
}
