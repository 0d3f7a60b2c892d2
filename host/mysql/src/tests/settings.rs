//! Settings of a migration do not change what the host is answered.

use std::collections::BTreeSet;

use runner_tests::servers::Server;

use super::closed::hidden;
use super::*;
use runner_contract::{batch, integers, write};
use runner_database::{Meaning, WriteMode};

/// The value that most variables take, and some that few take: another collation, and patterns that mean something else.
const HOSTILE: [&str; 4] = ["0", "'gbk'", "'utf8mb4=utf8mb4_bin'", "'EXTENDED'"];

/// An event that runs dynamic SQL through two programs.
const EVENT: &str = "CREATE EVENT zz ON SCHEDULE EVERY 1 DAY DO CALL CALLS()";

/// A server of its own, since events of all its databases count, with a database whose first table and event are not those that matter.
async fn field() -> (Server, TestDatabase, Box<dyn Database>) {
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    for table in ["runner_chunk", "runner_history", "runner_meta"] {
        fresh.sql(&format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, name VARCHAR(9)) ENGINE = InnoDB"));
    }
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    fresh.sql("CREATE EVENT aa ON SCHEDULE EVERY 1 DAY DO DELETE FROM t");
    fresh.sql("CREATE PROCEDURE calls() CALL DYNAMIC_SQL()");
    // A user with few privileges may be set whatever the host pins.
    fresh.sql("CREATE USER plain@'%' IDENTIFIED BY 'x'");
    fresh.sql(&format!("GRANT ALL ON {}.* TO plain@'%'", fresh.name()));
    let mut database = open_url(&fresh.url_as("plain", "x")).await.expect("a connection");
    let dynamic = "BEGIN SET @x = 'SELECT 1'; PREPARE S FROM @x; EXECUTE S; END";
    run(database.as_mut(), &format!("CREATE PROCEDURE dynamic_sql() {dynamic}")).await;
    database.set_role(Role::SqlScript);
    (server, fresh, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_limit_on_rows_hides_anything_from_the_host() {
    for limit in [0, 1] {
        let (_server, fresh, mut database) = field().await;
        let database = database.as_mut();
        run(database, &format!("SET SESSION sql_select_limit = {limit}")).await;
        let index = hidden(database, "ALTER TABLE runner_history ADD INDEX other (name)").await.expect_err("an index");
        assert_eq!((index.kind, index.meaning), (DatabaseErrorKind::Denied, Meaning::Ran), "{limit}: {index}");
        assert!(index.message.contains("`runner_history`"), "{limit}: {index}");
        let event = error_of(database, EVENT).await;
        assert_eq!((event.kind, event.meaning), (DatabaseErrorKind::Denied, Meaning::Ran), "{limit}: {event}");
        assert!(event.message.contains(&format!("the event `{}.zz`", fresh.name())), "{limit}: {event}");
        // What a script sets is in force for its own statements.
        let found = rows(database, "SELECT id FROM runner_history UNION ALL SELECT 1 UNION ALL SELECT 2").await;
        assert_eq!(found.len(), limit, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_setting_hides_an_event_from_the_host() {
    let (_server, fresh, mut database) = field().await;
    let mut witness = open(&fresh).await;
    let mut tried = BTreeSet::new();
    let (mut made, mut hides) = (0, Vec::new());
    let found = rows(witness.as_mut(), "SHOW SESSION VARIABLES").await;
    for name in found.iter().filter_map(|row| row[0].as_text()).filter(|name| !name.starts_with("debug")) {
        for value in HOSTILE {
            let script = database.as_mut();
            let set = format!("SET SESSION {name} = {value}");
            if script.execute(&set, &[]).await.is_err() {
                continue;
            }
            tried.insert(name);
            let answer = script.execute(EVENT, &[]).await;
            let there = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.EVENTS WHERE EVENT_NAME = 'zz'";
            if text_of(witness.as_mut(), there).await == "1" {
                made += 1;
                let named = format!("`{}.zz`", fresh.name());
                let is_named = answer.as_ref().is_err_and(|error| error.message.contains(&named));
                hides.extend((!is_named).then(|| format!("{set}: {answer:?}")));
            }
            run(witness.as_mut(), "DROP EVENT IF EXISTS zz").await;
            if script.execute(&format!("SET SESSION {name} = DEFAULT"), &[]).await.is_err() {
                database = open_url(&fresh.url_as("plain", "x")).await.expect("a connection");
                database.set_role(Role::SqlScript);
            }
        }
    }
    assert!(hides.is_empty(), "{hides:#?}");
    assert!(tried.len() > 100 && made > 100, "{}, {made}", tried.len());
}

/// A writer asks about its table before it writes, which proves nothing about what a trigger sets then.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_trigger_sets_while_rows_are_written_is_undone() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    run(database, "CREATE TRIGGER sets BEFORE INSERT ON t FOR EACH ROW SET time_zone = '+05:00'").await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    let rows = batch(1, vec![integers("id", &[1])]);
    assert_eq!(write(database, "t", WriteMode::Insert, &[], &rows).await, Ok(1));
    database.set_role(Role::Host);
    assert_eq!(text_of(database, "SELECT @@time_zone").await, "+00:00");
}
