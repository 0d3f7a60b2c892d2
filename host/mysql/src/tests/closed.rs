//! The tool's objects are a closed set, and what a session was set to does not reach what the host writes.

use super::*;
use runner_database::{Meaning, ToolChange, UnitOfWork};

/// The tables of a lease, as a run makes them.
const LEASE: &str = "CREATE TABLE runner_lease (scope VARCHAR(64) NOT NULL PRIMARY KEY, token BIGINT NOT NULL, \
     holder LONGTEXT NOT NULL, length_ms BIGINT NOT NULL, proofs BIGINT NOT NULL";

/// The error of taking the lock, by user locks or by a lease.
async fn refused(fresh: &TestDatabase, lock: &str) -> Option<DatabaseError> {
    let mut database = open_url(&format!("{}{lock}", fresh.url())).await.expect("a connection");
    let request =
        LockRequest { wait: std::time::Duration::from_secs(30), run_id: "r".to_owned(), owner: "closed".to_owned() };
    let locked = database.lock(&request, &StopSignal::default(), &|_| {}).await;
    let _ = database.unlock().await;
    locked.err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_made_of_the_tools_tables_is_refused_by_name() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT) ENGINE = InnoDB");
    fresh.sql("CREATE TABLE u (id BIGINT PRIMARY KEY) ENGINE = InnoDB");
    fresh.sql("CREATE TABLE fired (id BIGINT)");
    let function = "CREATE FUNCTION fires() RETURNS INT BEGIN INSERT INTO fired VALUES (1); RETURN 1; END";
    run(open(&fresh).await.as_mut(), function).await;
    let lease = |more: &str| format!("{LEASE}{more}");
    let view =
        "CREATE VIEW runner_lease AS SELECT 'x' AS scope, fires() AS token, '' AS holder, 1 AS length_ms, 1 AS proofs";
    let drop = "DROP TABLE runner_lease";
    let mut cases = vec![
        (view.to_owned(), "DROP VIEW runner_lease", "`runner_lease`, which is not a plain table"),
        (lease(", more INT)"), drop, "the column `more` of `runner_lease`"),
        (lease(", double_ms BIGINT AS (length_ms * 2))"), drop, "the column `double_ms` of `runner_lease`"),
        (lease(") ENGINE = MyISAM"), drop, "`runner_lease`, which is not a plain table"),
        (lease(") PARTITION BY KEY (scope) PARTITIONS 2"), drop, "`runner_lease`, which is not a plain table"),
        (lease(", UNIQUE KEY one (token))"), drop, "the constraint `one` of `runner_lease`"),
        (lease(", CONSTRAINT c CHECK (token < 9))"), drop, "the constraint `c` of `runner_lease`"),
        (LEASE.replace("token BIGINT", "token INT") + ")", drop, "the column `token` of `runner_lease`"),
        (LEASE.replace("token BIGINT NOT NULL", "token BIGINT NOT NULL DEFAULT 7") + ")", drop, "the column `token`"),
        (
            "CREATE TRIGGER springs BEFORE INSERT ON runner_history FOR EACH ROW SET NEW.name = 'x'".to_owned(),
            "DROP TRIGGER springs",
            "the trigger `springs` on `runner_history`",
        ),
        (
            "CREATE TABLE kid (h BIGINT, CONSTRAINT k FOREIGN KEY (h) REFERENCES runner_history (id)) ENGINE = InnoDB"
                .to_owned(),
            "DROP TABLE kid",
            "the foreign key `k` of `kid` to `runner_history`",
        ),
        (
            "ALTER TABLE runner_history ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES u (id) ON DELETE CASCADE"
                .to_owned(),
            "ALTER TABLE runner_history DROP FOREIGN KEY c",
            "the constraint `c` of `runner_history`",
        ),
        (
            "CREATE VIEW runner_gate_ticket AS SELECT 1".to_owned(),
            "DROP VIEW runner_gate_ticket",
            "`runner_gate_ticket`, which is not a plain table",
        ),
    ];
    if !is_mysql() {
        let versioned = lease(") WITH SYSTEM VERSIONING");
        cases.push((versioned, drop, "`runner_lease`, which is not a plain table"));
        cases.push(("CREATE SEQUENCE runner_lease".to_owned(), "DROP SEQUENCE runner_lease", "`runner_lease`, which"));
    }
    for (make, unmake, named) in cases {
        fresh.sql(&make);
        for lock in ["", "?lock=lease"] {
            let error = refused(&fresh, lock).await.unwrap_or_else(|| panic!("{make}"));
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{make}: {error}");
            assert!(error.message.contains(named) && error.hint.is_some(), "{make}: {error}");
        }
        fresh.sql(unmake);
        assert_eq!(refused(&fresh, "").await, None, "{unmake}");
    }
    assert_eq!(fresh.value("SELECT COUNT(*) FROM fired"), "0", "nothing of it has run");
    // As a run makes them, they are used.
    assert_eq!(refused(&fresh, "?lock=lease").await, None);
    assert_eq!(refused(&fresh, "?lock=lease").await, None);
}

/// Runs a text that no check of it could read.
pub(super) async fn hidden(database: &mut dyn Database, text: &str) -> Result<u64, DatabaseError> {
    run(database, &format!("SET @x = UNHEX('{}')", hex::encode(text))).await;
    run(database, "PREPARE s FROM @x").await;
    database.execute("EXECUTE s", &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_into_being_during_a_run_is_found() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT) ENGINE = InnoDB");
    fresh.sql("CREATE TABLE u (id BIGINT PRIMARY KEY) ENGINE = InnoDB; INSERT INTO u VALUES (1)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    for (text, named, undo) in [
        (format!("{LEASE})"), "`runner_lease`", "DROP TABLE runner_lease"),
        (format!("{LEASE}, more INT)"), "`more`", "DROP TABLE runner_lease"),
        ("CREATE VIEW runner_lease AS SELECT 1".to_owned(), "`runner_lease`", "DROP VIEW runner_lease"),
        (
            "CREATE TABLE runner_gate_ticket (id INT)".to_owned(),
            "`runner_gate_ticket`",
            "DROP TABLE runner_gate_ticket",
        ),
        (
            "CREATE TABLE kid (h BIGINT, CONSTRAINT k FOREIGN KEY (h) REFERENCES runner_history (id)) ENGINE = InnoDB"
                .to_owned(),
            "the foreign key `k` of `kid`",
            "DROP TABLE kid",
        ),
        (
            "CREATE TRIGGER springs BEFORE INSERT ON runner_history FOR EACH ROW SET NEW.name = 'x'".to_owned(),
            "`springs`",
            "DROP TRIGGER springs",
        ),
        ("ALTER TABLE runner_history AUTO_INCREMENT = 1000000".to_owned(), "`runner_history`", ""),
    ] {
        // The server has no such statement, or does not prepare it.
        if is_mysql() && (text.contains("TRIGGER") || text.contains("FOREIGN KEY")) {
            continue;
        }
        database.set_role(Role::SqlScript);
        let answer = hidden(database, &text).await;
        if answer.as_ref().is_err_and(|error| error.code == error::NOT_PREPARABLE) {
            continue;
        }
        let error = answer.expect_err(&text);
        assert_eq!((error.kind, error.meaning), (DatabaseErrorKind::Denied, Meaning::Ran), "{text}: {error}");
        assert!(error.message.contains(named), "{text}: {error}");
        database.set_role(Role::Host);
        database.drop_temporary().await.expect("dropped");
        if !undo.is_empty() {
            fresh.sql(undo);
        }
    }
}

/// What an event does happens after every proof, so it is named when it is made, whatever it runs.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_may_reach_the_tools_tables_is_named() {
    // Events of other databases with the same definer count, too.
    let server = servers::Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    let name = fresh.name();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT) ENGINE = InnoDB");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY, executed INT)");
    fresh.sql("CREATE TABLE trap (id INT PRIMARY KEY)");
    let dynamic = "BEGIN SET @x = 'SELECT 1'; PREPARE s FROM @x; EXECUTE s; END";
    fresh.sql("CREATE PROCEDURE calls() CALL dynamic()");
    fresh.sql("CREATE TRIGGER springs AFTER INSERT ON trap FOR EACH ROW UPDATE runner_history SET name = 'x'");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, &format!("CREATE PROCEDURE dynamic() {dynamic}")).await;
    // One that existed before was made by a user who may.
    run(database, "CREATE EVENT theirs ON SCHEDULE EVERY 1 DAY DO CALL dynamic()").await;
    database.set_role(Role::SqlScript);
    run(database, "CREATE EVENT plain ON SCHEDULE EVERY 1 DAY DO UPDATE t SET executed = 1").await;
    run(database, "CREATE PROCEDURE mine() BEGIN SET @x = 'SELECT 1'; PREPARE s FROM @x; EXECUTE s; END").await;
    for role in [Role::SqlScript, Role::Component] {
        if role == Role::Component && is_mysql() {
            continue; // It prepares no such statement.
        }
        database.set_role(role);
        let at_once = format!("CREATE EVENT ours ON SCHEDULE EVERY 1 DAY DO {dynamic}");
        let error = error_of(database, &at_once).await;
        assert!(error.message.contains("dynamic SQL") && error.code.is_empty(), "{error}");
        for body in ["CALL dynamic()", "CALL calls()", "CALL mine()", "INSERT INTO trap VALUES (1)"] {
            let error = error_of(database, &format!("CREATE EVENT ours ON SCHEDULE EVERY 1 DAY DO {body}")).await;
            assert_eq!((error.kind, error.meaning), (DatabaseErrorKind::Denied, Meaning::Ran), "{body}: {error}");
            assert!(error.message.contains(&format!("the event `{name}.ours`")), "{body}: {error}");
            assert!(error.hint.is_some_and(|hint| hint.contains("DROP EVENT")), "{body}");
            run(database, "DROP EVENT ours").await;
        }
        let error = error_of(database, "ALTER EVENT plain DO CALL calls()").await;
        assert!(error.message.contains(&format!("the event `{name}.plain`")), "{error}");
        run(database, "ALTER EVENT plain DO UPDATE t SET executed = 1").await;
    }
    database.set_role(Role::SqlScript);
    if !is_mysql() {
        let error = hidden(database, "CREATE EVENT ours ON SCHEDULE EVERY 1 DAY DO EXECUTE IMMEDIATE 'SELECT 1'").await;
        let error = error.expect_err("named");
        assert!(error.message.contains(&format!("the event `{name}.ours`")), "{error}");
    }
}

/// What it does happens when others write to the table, or use the view.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_names_a_tool_table_is_named_when_it_is_made() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT) ENGINE = InnoDB");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE VIEW theirs AS SELECT name FROM runner_history");
    let place = fresh.name();
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    database.set_role(Role::SqlScript);
    let makes = [
        ("VIEW", "CREATE VIEW late AS SELECT name FROM runner_history", "the view"),
        (
            "TRIGGER",
            "CREATE TRIGGER late BEFORE INSERT ON t FOR EACH ROW UPDATE runner_history SET name = 'x'",
            "the trigger on",
        ),
        ("PROCEDURE", "CREATE PROCEDURE late() DELETE FROM runner_history", "the procedure"),
    ];
    for (kind, make, named) in makes {
        if is_mysql() && kind != "VIEW" {
            continue; // It prepares no such statement.
        }
        let error = hidden(database, make).await.expect_err(make);
        assert_eq!((error.kind, error.meaning), (DatabaseErrorKind::Denied, Meaning::Ran), "{make}: {error}");
        let name = if kind == "TRIGGER" { "t" } else { "late" };
        let detail = error.detail.clone().unwrap_or_default();
        assert!(detail.contains(&format!("{named} `{place}.{name}`")), "{make}: {error:?}");
        run(database, &format!("DROP {kind} late")).await;
    }
    hidden(database, "CREATE VIEW other AS SELECT id FROM t").await.expect("it reaches nothing");
}

/// Values that change how a text is read, and some that fit many variables.
const HOSTILE: [&str; 12] = [
    "'gbk'",
    "'sjis'",
    "'big5'",
    "'gb18030'",
    "'gbk_chinese_ci'",
    "'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
    "'ORACLE'",
    "'+05:00'",
    "0",
    "1",
    "'2020-01-01 00:00:00'",
    "9223372036854775807",
];

/// Whatever a script sets, the host's own record is what it was to be, or is not made.
#[tokio::test(flavor = "multi_thread")]
async fn no_setting_reaches_what_the_host_writes() {
    let fresh = fresh();
    let mut witness = open(&fresh).await;
    let witness = witness.as_mut();
    make(witness, "runner_history", "(id BIGINT PRIMARY KEY AUTO_INCREMENT, name LONGTEXT) DEFAULT CHARSET utf8mb4")
        .await;
    make(witness, "t", "(id INT)").await;
    let text = "啊\\'), (9, 0x464f52474544); -- \u{3000}\"";
    let record = [ToolChange::of_one_row("INSERT INTO @.runner_history (id, name) VALUES (1, ?1)", [text.into()])];
    let expected = format!("1:{}", hex::encode_upper(text));
    let (mut tried, mut made) = (0, 0);
    let (mut database, mut prober) = (open(&fresh).await, open(&fresh).await);
    let found = rows(witness, "SHOW SESSION VARIABLES").await;
    for name in found.iter().filter_map(|row| row[0].as_text()).filter(|name| !name.starts_with("debug")) {
        let mut values = Vec::new();
        for value in HOSTILE {
            if prober.execute(&format!("SET SESSION {name} = {value}"), &[]).await.is_ok() {
                let _ = prober.execute(&format!("SET SESSION {name} = DEFAULT"), &[]).await;
                values.extend([(value, true), (value, false)]);
            }
        }
        for (value, in_one) in values {
            let opened = database.as_mut();
            let set = format!("SET SESSION {name} = {value}");
            if in_one && opened.begin(NONE).await.is_err() {
                database = open(&fresh).await;
                continue;
            }
            opened.set_role(Role::SqlScript);
            let is_set = opened.execute(&set, &[]).await.is_ok();
            tried += u32::from(is_set);
            let _ = opened.execute("INSERT INTO t VALUES (1)", &[]).await;
            opened.set_role(Role::Host);
            let ended = match in_one {
                true => opened.commit(UnitOfWork::Step(&record)).await.result(),
                false => opened.commit(UnitOfWork::Apart(&record)).await.result(),
            };
            let _ = opened.rollback().await;
            let there = rows(witness, "SELECT CONCAT(id, ':', HEX(name)) FROM runner_history").await;
            let wanted: &[_] = if ended.is_ok() { &[[Value::Text(expected.clone())]] } else { &[] };
            assert_eq!(there, wanted, "{set}, in one transaction: {in_one}: {ended:?}");
            made += u32::from(is_set && ended.is_ok());
            run(witness, "DELETE FROM runner_history").await;
            opened.set_role(Role::SqlScript);
            let _ = opened.execute(&format!("SET SESSION {name} = DEFAULT"), &[]).await;
            opened.set_role(Role::Host);
            if ended.is_err() {
                database = open(&fresh).await;
            }
        }
    }
    assert!(tried > 300 && made > tried / 2, "{tried}, {made}");
}

/// The digest of a row shows where a value ends, and distinguishes NULL from a text.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_moves_to_another_column_is_found() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT, summary TEXT)");
    fresh.sql("INSERT INTO runner_history VALUES (1, 'x|y', 'z'), (2, NULL, 'a')");
    for set in ["name = 'x', summary = 'y|z' WHERE id = 1", "name = '~' WHERE id = 2"] {
        let mut database = open(&fresh).await;
        let database = database.as_mut();
        database.begin(NONE).await.expect("begun");
        database.set_role(Role::SqlScript);
        run(database, &format!("SET @s = CONCAT('UPDATE runner', \"_history SET {set}\")")).await;
        run(database, "PREPARE s FROM @s").await;
        run(database, "EXECUTE s").await;
        database.set_role(Role::Host);
        let error = database.commit(UnitOfWork::Migration(&[])).await.result().expect_err(set);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{set}: {error}");
        database.rollback().await.expect("rolled back");
    }
}
