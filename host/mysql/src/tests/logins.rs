//! Components with logins of their own. Attacks are judged by what the server holds before and after, read by another session.

use std::sync::Arc;
use std::time::Duration;

use runner_tests::servers::{Kind, Server};

use super::hostile::{Arena, corpus, take_lock, variants};
use super::*;
use runner_data::ColumnType;
use runner_database::logins::{LoginTask, Removal};
use runner_database::{DesiredLogin, Grants, LoginReport, LoginRequest, ToolChange, UnitOfWork, order};

fn grants(lines: &[&str]) -> Arc<Grants> {
    let tables = lines.iter().map(|line| line.parse().expect("a grant")).collect();
    Arc::new(Grants { tables, raw_sql: true, component: "0002".to_owned(), ..Grants::default() })
}

/// Makes the login, and restricts the component to its grants.
async fn confine(database: &mut dyn Database, lines: &[&str]) {
    let grants = grants(lines);
    let wanted = vec![DesiredLogin { id: "0002_guest".to_owned(), grants: grants.clone(), is_early: false }];
    let request = LoginRequest { task: LoginTask::Sync, wanted, remove: Removal::Nothing };
    database.host().logins(&request).await.expect("in line");
    database.set_grants(Some(grants)).expect("grants");
    // The password of the run is set.
    database.begin(NONE).await.expect("begun");
    database.rollback().await.expect("rolled back");
}

const FIELD: [&str; 4] = ["read t", "insert t", "update t", "insert copies"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_corpus_gets_nowhere_under_grants() {
    let mut arena = Arena::new().await;
    run(arena.witness.as_mut(), "CREATE TABLE app.copies (id INT PRIMARY KEY, name TEXT)").await;
    let mut database = open_url(&arena.url).await.expect("a connection");
    take_lock(database.as_mut()).await;
    confine(database.as_mut(), &FIELD).await;
    let (before, held) = (arena.state().await, arena.holders().await);
    assert!(held.iter().all(|who| who != "nobody"), "{held:?}");
    let mut tried = 0;
    for case in corpus().attacks.iter().copied().flatten().chain(corpus().of_components) {
        for variant in variants(case.statements) {
            tried += 1;
            let statements: Vec<String> = variant.iter().map(|text| arena.fill(text, &held)).collect();
            let answer = Arena::attack(database.as_mut(), Role::Component, true, &statements).await;
            let what = format!("{statements:?}: {answer:?}");
            assert_eq!(arena.state().await, before, "{what}");
            assert_eq!(arena.holders().await, held, "{what}");
        }
    }
    assert!(tried > 300, "{tried}");
}

/// Whatever ends the transaction of a component, and however it continues: nothing of it is recorded as applied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_transaction_is_not_recorded() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT)");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE copies (id INT PRIMARY KEY, name TEXT)");
    let recorded = || fresh.value("SELECT COUNT(*) FROM runner_history");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &FIELD).await;
    let record = [ToolChange::of_one_row("INSERT INTO @.runner_history (name) VALUES (?1)", ["applied".into()])];
    let of_server: &[&str] = match is_mysql() {
        true => &["SET PASSWORD = 'x'", "START TRANSACTION", "TRUNCATE TABLE copies"],
        false => &[
            "SET PASSWORD = PASSWORD('x')",
            "BEGIN NOT ATOMIC COMMIT; START TRANSACTION; SAVEPOINT runner_1; END",
            "BEGIN NOT ATOMIC COMMIT; SET SESSION TRANSACTION READ WRITE; SET autocommit = 0; INSERT INTO copies VALUES (77, 'x'); END",
        ],
    };
    let of_both = ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "DROP TABLE runner_history", "LOCK TABLES copies WRITE"];
    for (at, escape) in of_both.iter().chain(of_server).copied().enumerate() {
        database.begin(NONE).await.expect("begun");
        database.set_role(Role::Component);
        run(database, &format!("INSERT INTO copies VALUES ({at}, 'x')")).await;
        // What no component can say is said in its session by the host, which is not asked what it runs there.
        database.set_role(Role::Host);
        let _ = database.execute(escape, &[]).await;
        database.set_role(Role::Component);
        let _ = database.execute("INSERT INTO copies VALUES (99, 'after')", &[]).await;
        database.set_role(Role::Host);
        let ended = database.commit(UnitOfWork::Migration(&record)).await.result();
        assert_eq!(ended.expect_err(escape).kind, DatabaseErrorKind::Denied, "{escape}");
        let _ = database.rollback().await;
        if escape.contains("PASSWORD") {
            continue; // The next run sets another one.
        }
        assert_eq!(recorded(), "0", "{escape}");
        // The next component of the run has a session as it should be.
        let again = grants(&FIELD);
        database.set_grants(None).expect("none");
        database.set_grants(Some(again)).expect("grants");
    }
    // Without any of it, it is recorded.
    database.begin(NONE).await.expect("begun");
    let ended = database.commit(UnitOfWork::Migration(&record)).await.result();
    ended.expect("recorded");
    assert_eq!(recorded(), "1");
    drop_logins(database).await;
}

/// Apart from transactions of the run, a component changes nothing; and it is not kept from what concerns its session alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_user_may_do_within_its_session() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE copies (id INT PRIMARY KEY, name TEXT)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["insert copies", "read copies"]).await;
    let lock = format!("of a component of {}", fresh.name());
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    assert_eq!(text_of(database, &format!("SELECT CAST(GET_LOCK('{lock}', 0) AS CHAR)")).await, "1");
    assert_eq!(text_of(database, "SELECT CAST(@mine := 7 AS CHAR)").await, "7");
    run(database, "INSERT INTO copies VALUES (1, 'x')").await;
    database.set_role(Role::Host);
    database.commit_or_roll_back().await.expect("committed");
    database.set_role(Role::Component);
    let error = error_of(database, "INSERT INTO copies VALUES (2, 'x')").await;
    assert_eq!(error.kind, DatabaseErrorKind::ReadOnly, "{error}");
    assert_eq!(text_of(database, "SELECT CAST(COUNT(*) AS CHAR) FROM copies").await, "1");
    database.set_role(Role::Host);
    database.set_grants(None).expect("none");
    // Its session ends, and the lock with it.
    let free = format!("SELECT CAST(IS_FREE_LOCK('{lock}') AS CHAR)");
    while fresh.value(&free) != "1" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop_logins(database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_select_of_a_component_is_held_up_to_a_limit() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY, z DATE)");
    fresh.sql(&format!("SET sql_mode = ''; INSERT INTO t SELECT seq, '0000-00-00' FROM {}", seq(3000)));
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t"]).await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    let ask = |statement: &str| CursorRequest {
        statement: statement.to_owned(),
        types: vec![None, Some(ColumnType::Text)],
        ..CursorRequest::default()
    };
    let limits = BatchLimits { rows: 1000, ..BatchLimits::default() };
    let cursor = database.open_cursor(&ask("SELECT id, z FROM t ORDER BY id")).await.expect("a cursor");
    // Meanwhile the connection is free.
    assert_eq!(text_of(database, "SELECT CAST(COUNT(*) AS CHAR) FROM t").await, "3000");
    let mut sizes = Vec::new();
    while let Some(batch) = database.fetch(cursor, limits).await.expect("a batch") {
        batch.validate().expect("a valid batch");
        sizes.push(batch.row_count);
    }
    assert_eq!(sizes, [1000; 3]);
    let error = database.open_cursor(&ask("SELECT id, REPEAT('x', 65536) AS x FROM t")).await.expect_err("too much");
    assert_eq!(error.kind, DatabaseErrorKind::Limit, "{error}");
    assert_eq!(text_of(database, "SELECT CAST(COUNT(*) AS CHAR) FROM t").await, "3000");
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
    drop_logins(database).await;
}

/// The users of this database outlive it.
async fn drop_logins(database: &mut dyn Database) {
    database.set_grants(None).expect("none");
    let request = LoginRequest { task: LoginTask::Sync, wanted: Vec::new(), remove: Removal::Others };
    database.host().logins(&request).await.expect("removed");
}

/// What `SHOW GRANTS` prints of names depends on the mode of the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_in_line_on_a_server_with_names_in_double_quotes() {
    let server = Server::private(Kind::Mariadb).setting("sql-mode", "ANSI_QUOTES").start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY, name TEXT); INSERT INTO t VALUES (7, 'x')");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let lines = ["read t(id)"];
    // It compares the rights of the login, as the server prints them for the host and for the login.
    confine(database, &lines).await;
    let wanted = vec![DesiredLogin { id: "0002_guest".to_owned(), grants: grants(&lines), is_early: false }];
    let request = LoginRequest { task: LoginTask::Script, wanted, remove: Removal::Nothing };
    let report = database.host().logins(&request).await.expect("a report");
    assert_eq!(report.statements, Vec::<String>::new(), "nothing is left to do");
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    assert_eq!(rows(database, r#"SELECT "id" FROM "t""#).await, [[Value::Int64(7)]]);
    error_of(database, r#"UPDATE "t" SET "id" = 1"#).await;
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
}

/// The report of the logins of a component with these grants.
async fn looked_at(database: &mut dyn Database, lines: &[&str]) -> LoginReport {
    let wanted = vec![DesiredLogin { id: "0002_guest".to_owned(), grants: grants(lines), is_early: false }];
    let request = LoginRequest { task: LoginTask::Look, wanted, remove: Removal::Nothing };
    database.host().logins(&request).await.expect("a report")
}

/// The error of running such a component.
async fn refused(database: &mut dyn Database, lines: &[&str]) -> [DatabaseError; 2] {
    let wanted = Arc::new(Grants { superuser: true, ..(*grants(lines)).clone() });
    let wanted = vec![DesiredLogin { id: "0002_guest".to_owned(), grants: wanted, is_early: false }];
    let checked = database.check_logins(&wanted).await.expect_err("refused");
    database.set_grants(Some(grants(lines))).expect("grants");
    let begun = database.begin(NONE).await.expect_err("refused");
    database.set_grants(None).expect("none");
    [checked, begun]
}

/// A user who may read one column of such a table may read when each row was written, and the rows that were deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_versioned_table_is_granted_as_a_whole_or_not_at_all() {
    if is_mysql() {
        return;
    }
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE ver (id INT PRIMARY KEY, secret TEXT) WITH SYSTEM VERSIONING");
    fresh.sql("INSERT INTO ver VALUES (1, 'x')");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let request = LoginRequest { task: LoginTask::Sync, wanted: Vec::new(), remove: Removal::Nothing };
    database.host().logins(&request).await.expect("nothing to do");
    confine(database, &["read ver"]).await;
    database.set_grants(None).expect("none");
    let report = looked_at(database, &["read ver(id)"]).await;
    assert!(report.logins[0].differences.iter().any(|it| it.contains("system-versioned")), "{report:?}");
    for error in refused(database, &["read ver(id)"]).await {
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        assert!(error.message.contains("system-versioned") && error.hint.is_some(), "{error}");
    }
}

/// What everybody may do is no login's own, so that only its `REVOKE` helps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_of_everybody_are_named_with_their_revoke() {
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE secret (id INT PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t"]).await;
    database.set_grants(None).expect("none");
    let name = fresh.name();
    let anonymous =
        format!("INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', '{}%', '', 'Y')", &name[..4]);
    let mut cases = vec![(anonymous + "; FLUSH PRIVILEGES", "DELETE FROM mysql.db WHERE User = ''".to_owned())];
    if !is_mysql() && fresh.value("SELECT VERSION() REGEXP '^10[.][0-9][.]|^10[.]10'") == "0" {
        let revoke = |object: &str| format!("REVOKE ALL PRIVILEGES ON {object} FROM PUBLIC");
        let on_table = format!("GRANT SELECT ON {name}.secret TO PUBLIC");
        cases.push((on_table, revoke(&format!("`{name}`.`secret`"))));
        cases.push(("GRANT SELECT ON `elsewhere\\_%`.* TO PUBLIC".to_owned(), revoke("`elsewhere\\_%`.*")));
    }
    for (grant, revoke) in cases {
        fresh.sql(&grant);
        database.set_grants(Some(grants(&["read t"]))).expect("grants");
        let error = database.begin(NONE).await.expect_err(&grant);
        database.set_grants(None).expect("none");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{grant}: {error}");
        assert!(error.message.contains("every user has rights on"), "{grant}: {error}");
        let hint = error.hint.expect("a hint");
        assert!(hint.contains(&revoke), "{grant}: {hint}");
        let run_it = hint.split('`').collect::<Vec<_>>();
        let statement = run_it[1..run_it.len() - 1].join("`");
        fresh.sql(&statement);
        database.set_grants(Some(grants(&["read t"]))).expect("grants");
        database.begin(NONE).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        database.rollback().await.expect("rolled back");
        database.set_grants(None).expect("none");
    }
}

/// An index is read in its own order, whatever of it may be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_shows_an_order_is_named() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(9), ssn VARCHAR(9), KEY ix_ssn (ssn, name), KEY n (name)); \
        CREATE TABLE parts (id INT, ssn INT) PARTITION BY LIST (ssn) (PARTITION a VALUES IN (1), PARTITION b VALUES IN (2))");
    let mut database = open(&fresh).await;
    let mut notes = async |lines: &[&str]| {
        let wanted = vec![DesiredLogin { id: "0002_guest".to_owned(), grants: grants(lines), is_early: false }];
        order::revealed(&mut database.host(), &wanted).await.expect("an answer")
    };
    let named = notes(&["read people(id, name)"]).await;
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].contains("`ix_ssn`") && named[0].contains("can reveal `ssn`"), "{named:?}");
    let named = notes(&["read parts(id)"]).await;
    assert_eq!(
        named,
        ["the order of the rows of `parts` can reveal an expression to `0002_guest`, through its partitions"]
    );
    for lines in [&["read people"][..], &["insert people(id)"], &["read parts"]] {
        assert_eq!(notes(lines).await, [""; 0], "{lines:?}");
    }
}

/// Another user may have put them there, to be used when the gate is next relied on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_attached_to_the_tables_of_the_gate_is_refused() {
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE own (h BINARY(32) PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t"]).await;
    database.set_grants(None).expect("none");
    for (make, unmake) in [
        ("CREATE TRIGGER x BEFORE INSERT ON runner_gate_ticket FOR EACH ROW SET NEW.login = 'x'", "DROP TRIGGER x"),
        (
            "ALTER TABLE runner_gate_ticket ADD CONSTRAINT k FOREIGN KEY (token_sha256) REFERENCES own (h) ON UPDATE CASCADE",
            "ALTER TABLE runner_gate_ticket DROP FOREIGN KEY k",
        ),
        (
            "ALTER TABLE runner_gate_ticket ADD COLUMN more INT AS (session + 1)",
            "ALTER TABLE runner_gate_ticket DROP COLUMN more",
        ),
    ] {
        fresh.sql("DELETE FROM runner_gate_ticket");
        fresh.sql(make);
        for error in refused(database, &["read t"]).await {
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{make}: {error}");
            assert!(error.message.contains("not as runner made them"), "{make}: {error}");
        }
        fresh.sql(unmake);
    }
    confine(database, &["read t"]).await;
}

/// A trigger runs with the rights of its owner, and what it does in a component's transaction is not compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_to_the_tools_tables_is_not_granted() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE runner_history (id BIGINT PRIMARY KEY AUTO_INCREMENT, name TEXT)");
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT PRIMARY KEY); CREATE TABLE runner (id INT PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    // What a view of another database leads to is not looked at.
    let beside = format!("{}_beside", fresh.name());
    fresh.sql(&format!(
        "CREATE DATABASE {beside}; CREATE VIEW {beside}.v AS SELECT * FROM {}.runner_history; CREATE TABLE w (id INT PRIMARY KEY); \
         CREATE TRIGGER leads BEFORE INSERT ON w FOR EACH ROW UPDATE {beside} . v SET name = 'x'; CREATE TABLE x (id INT PRIMARY KEY); \
         CREATE TRIGGER leads_too BEFORE INSERT ON x FOR EACH ROW UPDATE {beside} /* a */ . `v` SET name = 'x'",
        fresh.name()
    ));
    let forge = "CREATE FUNCTION forge() RETURNS INT BEGIN UPDATE runner_history SET name = 'x'; RETURN 1; END";
    run(database, forge).await;
    fresh.sql("CREATE TRIGGER springs AFTER INSERT ON t FOR EACH ROW SET @x = forge()");
    fresh.sql("CREATE VIEW v AS SELECT * FROM t; CREATE VIEW shown AS SELECT id FROM runner_history");
    confine(database, &["read t", "insert u", "insert runner", "read shown"]).await;
    database.set_grants(None).expect("none");
    for line in ["insert t", "insert v", "update shown", "insert w", "insert x"] {
        for error in refused(database, &[line]).await {
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{line}: {error}");
            assert!(error.message.contains("names a table of runner") && error.hint.is_some(), "{line}: {error}");
        }
    }
    let of_function = Grants { functions: ["forge".to_owned()].into(), ..(*grants(&["read t"])).clone() };
    database.set_grants(Some(Arc::new(of_function))).expect("grants");
    let error = database.begin(NONE).await.expect_err("refused");
    assert!(error.message.contains("names a table of runner"), "{error}");
    database.set_grants(None).expect("none");
    fresh.sql(&format!("DROP DATABASE {beside}"));
    drop_logins(database).await;
}

/// The server does what a foreign key or a trigger says with rights that the login does not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_past_a_grant_is_named() {
    let fresh = fresh();
    let beside = format!("{}_beside", fresh.name());
    fresh.sql(&format!(
        "CREATE TABLE customers (id INT PRIMARY KEY, email TEXT); CREATE TABLE audit (what TEXT); \
         CREATE TABLE orders (id INT PRIMARY KEY, customer INT, CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) \
         ON DELETE CASCADE ON UPDATE CASCADE); \
         CREATE TABLE items (id INT PRIMARY KEY, item INT, CONSTRAINT of_order FOREIGN KEY (item) REFERENCES orders (id) ON DELETE SET NULL); \
         CREATE TABLE kept (id INT PRIMARY KEY, customer INT, CONSTRAINT no_harm FOREIGN KEY (customer) REFERENCES customers (id)); \
         CREATE TRIGGER audited AFTER UPDATE ON customers FOR EACH ROW INSERT INTO audit VALUES (NEW.email); \
         CREATE DATABASE {beside}; CREATE TABLE {beside}.far (id INT PRIMARY KEY, item INT, CONSTRAINT from_far FOREIGN KEY (item) \
         REFERENCES {}.items (id) ON DELETE CASCADE)",
        fresh.name()
    ));
    fresh.sql(
        "INSERT INTO customers VALUES (1, 'a'); INSERT INTO orders VALUES (2, 1); INSERT INTO items VALUES (3, 2)",
    );
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    let cascade = format!(
        "the foreign key `of_customer` deletes rows of `{0}.orders` with those of `{0}.customers`",
        fresh.name()
    );
    let moved = format!(
        "the foreign key `of_customer` changes rows of `{0}.orders` with those of `{0}.customers`",
        fresh.name()
    );
    let further =
        format!("the foreign key `of_order` changes rows of `{0}.items` with those of `{0}.orders`", fresh.name());
    let trigger = format!("the trigger `audited` of `{}.customers` runs with the rights of its owner", fresh.name());
    let far =
        format!("the foreign key `from_far` deletes rows of `{beside}.far` with those of `{}.items`", fresh.name());
    // MariaDB would open every table of the server to find that.
    let far = if is_mysql() { vec![&far] } else { vec![] };
    for (lines, named) in [
        (&["delete customers"][..], vec![&cascade, &further]),
        (&["delete customers", "delete orders", "update items(item)"], vec![]),
        (&["update customers(email)"], vec![&trigger]),
        (&["update customers"], vec![&moved, &trigger]),
        (&["read customers", "insert customers"], vec![]),
        (&["delete items"], far),
    ] {
        let report = looked_at(database, lines).await;
        let named: Vec<String> = named.iter().map(|it| format!("{it}, and so does `0002_guest` through it")).collect();
        let notes: Vec<_> = report.notes.iter().filter(|note| note.contains("through it")).cloned().collect();
        assert_eq!(notes, named, "{lines:?}");
    }
    confine(database, &["read customers", "delete customers"]).await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    run(database, "DELETE FROM customers WHERE id = 1").await;
    database.set_role(Role::Host);
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(fresh.value("SELECT COUNT(*) FROM orders"), "0");
    database.set_grants(None).expect("none");
    fresh.sql(&format!("DROP DATABASE {beside}"));
    drop_logins(database).await;
}

/// A sequence is a table to the privileges of MariaDB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_needs_grants_of_its_own() {
    if is_mysql() {
        return;
    }
    let fresh = fresh();
    fresh.sql("CREATE SEQUENCE s; CREATE SEQUENCE theirs; CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(theirs))");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["insert t", "insert s"]).await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    for statement in [
        "SELECT SETVAL(theirs, 50)",
        "DO SETVAL(theirs, 50)",
        "SELECT NEXTVAL(theirs)",
        "SELECT NEXT VALUE FOR theirs",
        "SELECT LASTVAL(theirs)",
        "INSERT INTO theirs VALUES (50, 1, 99, 1, 1, 0, 0, 0)",
        "INSERT INTO t VALUES (DEFAULT)",
        "INSERT INTO t VALUES (SETVAL(theirs, 50))",
        "SELECT NEXTVAL(s)",
    ] {
        let error = error_of(database, statement).await;
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{statement}: {error}");
    }
    assert_eq!(text_of(database, "SELECT CAST(SETVAL(s, 50) AS CHAR)").await, "50");
    database.set_role(Role::Host);
    database.rollback().await.expect("rolled back");
    assert_eq!(fresh.value("SELECT NEXTVAL(s)"), "51");
    assert_eq!(fresh.value("SELECT NEXTVAL(theirs)"), "1");
    database.set_grants(None).expect("none");
    drop_logins(database).await;
}

/// The server gives such roles to every user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_every_user_has_is_named() {
    if !is_mysql() {
        return;
    }
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE secret (id INT PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t"]).await;
    database.set_grants(None).expect("none");
    fresh.sql("CREATE ROLE everyone; GRANT SELECT ON secret TO everyone; SET GLOBAL mandatory_roles = 'everyone'");
    for is_active in ["OFF", "ON"] {
        fresh.sql(&format!("SET GLOBAL activate_all_roles_on_login = {is_active}"));
        database.set_grants(Some(grants(&["read t"]))).expect("grants");
        let error = database.begin(NONE).await.expect_err("refused");
        database.set_grants(None).expect("none");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        assert!(error.message.contains("every user has the role `everyone`@`%`"), "{error}");
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("`SET PERSIST mandatory_roles = ''`"), "{hint}");
    }
    // A role that is its own is taken away.
    let login = looked_at(database, &["read t"]).await.logins[0].login.clone();
    fresh.sql(&format!("CREATE ROLE another; GRANT another TO '{login}'"));
    let report = looked_at(database, &["read t"]).await;
    assert!(report.statements.iter().any(|it| it.starts_with("REVOKE `another`@`%` FROM")), "{:?}", report.statements);
    database.set_grants(Some(grants(&["read t"]))).expect("grants");
    let error = database.begin(NONE).await.expect_err("refused");
    assert!(error.message.contains("every user has the role `everyone`@`%`"), "{error}");
    fresh.sql("SET PERSIST mandatory_roles = ''");
    let error = database.begin(NONE).await.expect_err("refused");
    assert!(error.hint.is_some_and(|hint| hint.contains("grants sync")), "{}", error.message);
    database.set_grants(None).expect("none");
    confine(database, &["read t"]).await;
}

/// A hint turns off what protects tables that are not granted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hint_turns_off_a_foreign_key() {
    if !is_mysql() {
        return;
    }
    let fresh = fresh();
    fresh.sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY REFERENCES t (id))");
    fresh.sql("INSERT INTO t VALUES (1); INSERT INTO child VALUES (1)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t", "delete t"]).await;
    database.begin(NONE).await.expect("begun");
    database.set_role(Role::Component);
    for statement in ["DELETE FROM t", "DELETE /*+ SET_VAR(foreign_key_checks = 0) */ FROM t"] {
        error_of(database, statement).await;
    }
    database.set_role(Role::Host);
    database.commit_or_roll_back().await.expect("committed");
    assert_eq!(fresh.value("SELECT COUNT(*) FROM t"), "1");
    drop_logins(database).await;
}

/// A host that may not read the rights of others does not see where these come from; the login says what it sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_of_everybody_are_found_without_reading_the_servers_tables() {
    let server = Server::private(Kind::Mariadb).start();
    let fresh = server.database();
    let name = fresh.name();
    fresh.sql(
        "CREATE TABLE t (id INT PRIMARY KEY); CREATE DATABASE beside; CREATE TABLE beside.other (id INT PRIMARY KEY)",
    );
    fresh.sql(&format!(
        "CREATE USER host@'%' IDENTIFIED BY 'host'; GRANT ALL ON `{name}`.* TO host@'%' WITH GRANT OPTION; GRANT CREATE USER ON *.* TO host@'%'"
    ));
    let mut database = open_url(&fresh.url_as("host", "host")).await.expect("a connection");
    let database = database.as_mut();
    confine(database, &["read t"]).await;
    database.set_grants(None).expect("none");
    for (pattern, privilege, reached) in [
        (format!("{}%", &name[..4]), "Select_priv", format!("`{name}`.`runner_gate_login`")),
        ("beside".to_owned(), "Select_priv", "`beside`.`other`".to_owned()),
        ("beside".to_owned(), "Create_priv", "`beside`.*".to_owned()),
    ] {
        fresh.sql(&format!(
            "DELETE FROM mysql.db WHERE User = ''; INSERT INTO mysql.db (Host, Db, User, {privilege}) VALUES ('%', '{pattern}', '', 'Y'); \
             FLUSH PRIVILEGES"
        ));
        database.set_grants(Some(grants(&["read t"]))).expect("grants");
        let error = database.begin(NONE).await.expect_err(&pattern);
        database.set_grants(None).expect("none");
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
        assert!(error.message.contains(&reached) && error.message.contains("its grants do not list"), "{error}");
        assert!(error.hint.is_some(), "{error}");
    }
    fresh.sql("DELETE FROM mysql.db WHERE User = ''; FLUSH PRIVILEGES");
    confine(database, &["read t"]).await;
}

/// What the privilege to read one column reveals of others: a value, not only an order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_tells_more_than_its_columns_is_granted_as_a_whole_or_not_at_all() {
    let fresh = fresh();
    fresh.sql("CREATE TABLE p (id INT, country VARCHAR(9)) PARTITION BY LIST COLUMNS(country) (PARTITION pa VALUES IN ('CH'))");
    fresh.sql("CREATE TABLE h (id INT PRIMARY KEY, ssn VARCHAR(9)); INSERT INTO h VALUES (1, '123'); CREATE TABLE t (id INT PRIMARY KEY)");
    let mut database = open(&fresh).await;
    let database = database.as_mut();
    confine(database, &["read t", "read p", "read h"]).await;
    database.set_grants(None).expect("none");
    let mut cases = vec![("read p(id)", "its partitions are made by `country`")];
    if is_mysql() {
        fresh.sql("ANALYZE TABLE h UPDATE HISTOGRAM ON ssn");
        cases.push(("read h(id)", "the histogram of `ssn`"));
    }
    for (line, told) in cases {
        for error in refused(database, &[line]).await {
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
            assert!(error.message.contains(told) && error.hint.is_some(), "{error}");
        }
    }
    confine(database, &["read p(id, country)", "read h"]).await;
    drop_logins(database).await;
}
