//! MariaDB, which commits every schema change: a transaction for rows, a scratch database for the rest, and refusals.

use runner_tests::servers::{Kind, Server};
use runner_tests::{Engine, EngineProject, Running, until};

use super::{changes_nothing, scratches, shop};

fn mariadb() -> EngineProject {
    shop(Engine::Mariadb, "turn")
}

#[test]
fn statements_that_need_a_copy_are_refused_with_a_hint() {
    let project = shop(Engine::Mariadb, "steps");
    // A component is refused when it makes the statement.
    let output = changes_nothing(&project, "apply --dry-run");
    output.exits(2).says(&["may commit the statement immediately", "CREATE TABLE ledger", "hint: `--on-copy`"]);
    // SQL is refused beforehand.
    project.sql("0003_schema", "CREATE TABLE new (a INT);", "DROP TABLE new;");
    for file in ["migrations/0002_work.wasm", "runner.lock"] {
        std::fs::remove_file(project.file(file)).unwrap();
    }
    let output = changes_nothing(&project, "apply --dry-run");
    output.exits(2).says(&["may commit the statement immediately", "0003_schema", "hint: `--on-copy`"]);
    changes_nothing(&project, "apply --dry-run --on-copy").succeeds().prints(&["CREATE TABLE new"]);
    project.execute("CREATE TABLE lasting (a INT) ENGINE = MyISAM");
    project.sql("0003_schema", "UPDATE items SET price = 1;", "SELECT 1;");
    let output = changes_nothing(&project, "apply --dry-run");
    output.exits(2).says(&["`lasting` of the engine MyISAM", "hint: `--on-copy`"]);
    changes_nothing(&project, "apply --dry-run --on-copy").succeeds();
}

#[test]
fn a_statement_that_writes_a_file_is_refused_on_every_ground() {
    let project = mariadb();
    project.runner("apply --parameter source=items").succeeds();
    project.sql(
        "0003_file",
        "UPDATE items SET price = 1; SELECT id FROM items INTO OUTFILE '/tmp/users.csv';",
        "SELECT 1;",
    );
    let says = ["writes a file of the server, which a dry run cannot undo", "0003_file", "`--target` stops"];
    changes_nothing(&project, "apply --dry-run").exits(2).says(&says).does_not_say(&["--on-copy"]);
    changes_nothing(&project, "apply --dry-run --on-copy").exits(2).says(&says);
}

#[test]
fn what_a_rollback_does_not_take_back_is_told() {
    let project = mariadb();
    project.runner("apply --parameter source=items").succeeds();
    if !Kind::Mariadb.is_mysql() {
        project.execute("CREATE TABLE audit (a INT) ENGINE = Aria WITH SYSTEM VERSIONING");
        project.sql("0003_lasting", "INSERT INTO audit VALUES (1);", "SELECT 1;");
        let output = changes_nothing(&project, "apply --dry-run");
        output.exits(2).says(&["`audit` of the engine Aria", "hint: `--on-copy`"]);
        project.execute("DROP TABLE audit");
    }
    let other = format!("{}_other", project.server_database().name());
    project.execute(&format!("CREATE DATABASE {other}; CREATE TABLE {other}.audit (a INT) ENGINE = MyISAM"));
    let text = |table: &str| format!("INSERT INTO {table} VALUES (1);\nINSERT INTO nowhere VALUES (1);");
    let audit = format!("{other}.audit");
    project.sql("0003_lasting", &text(&audit), "SELECT 1;");
    let output = changes_nothing(&project, "apply --dry-run");
    output
        .exits(2)
        .says(&[&format!("`{audit}` of the engine MyISAM"), "hint: `--target`"])
        .does_not_say(&["may remain"]);
    assert_eq!(project.value(&format!("SELECT count(*) FROM {audit}")), "0");
    // What a view writes to is not in the text.
    project.execute(&format!("CREATE VIEW seen AS SELECT a FROM {audit}"));
    project.sql("0003_lasting", &text("seen"), "SELECT 1;");
    let output = changes_nothing(&project, "apply --dry-run");
    output.exits(6).says(&[
        "nowhere",
        "some tables keep what was written to them",
        "what it changed may remain",
        "hint:",
    ]);
    output.does_not_say(&["unchanged"]);
    assert_eq!(project.value(&format!("SELECT count(*) FROM {other}.audit")), "1");
    project.execute(&format!("DROP DATABASE {other}"));
}

/// The copy is complete: keys, references, views on views, triggers, routines, sequences, counters.
#[test]
fn the_copy_equals_the_original() {
    let project = mariadb();
    project.execute(
        "CREATE TABLE parents (id INT AUTO_INCREMENT PRIMARY KEY, n INT DEFAULT 4, doubled INT AS (n * 2) STORED, born DATE NOT NULL DEFAULT '0000-00-00') AUTO_INCREMENT = 40;
         SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; INSERT INTO parents (id) VALUES (0), (7);
         CREATE TABLE a_children (id INT PRIMARY KEY, parent INT NOT NULL, FOREIGN KEY (parent) REFERENCES parents (id));
         INSERT INTO a_children VALUES (1, 7);
         CREATE TABLE told (what VARCHAR(100));
         CREATE SEQUENCE counter START WITH 5; DO nextval(counter);
         CREATE FUNCTION twice (n INT) RETURNS INT DETERMINISTIC RETURN n * 2;
         CREATE VIEW b_view AS SELECT id, twice(id) AS twofold FROM parents;
         CREATE VIEW a_view AS SELECT twofold FROM b_view;
         CREATE TRIGGER tells AFTER INSERT ON parents FOR EACH ROW INSERT INTO told VALUES (concat('born ', NEW.id));",
    );
    let check = |name: &str, condition: &str| {
        // A wrong answer inserts a second row with the same key.
        format!("INSERT INTO a_children SELECT 1, 7 FROM (SELECT 1) AS one WHERE NOT ({condition}) -- {name}\n;\n")
    };
    let text = [
        check("zero stays zero", "EXISTS (SELECT 1 FROM parents WHERE id = 0 AND doubled = 8 AND born = '0000-00-00')"),
        check("views", "(SELECT max(twofold) FROM a_view) = 14"),
        "INSERT INTO parents () VALUES ();\n".to_owned(),
        // The servers of the tests count by seven.
        check("counter", "(SELECT max(id) FROM parents) BETWEEN 40 AND 46"),
        check("trigger", "(SELECT what FROM told) = (SELECT concat('born ', max(id)) FROM parents)"),
        check("sequence", "nextval(counter) > 5"),
        check("rows", "(SELECT count(*) FROM items) = 70"),
        "ALTER TABLE parents ADD COLUMN extra INT;\n".to_owned(),
    ]
    .concat();
    project.sql("0003_checks", &text, "SELECT 1;");
    let line = "apply --dry-run --on-copy --parameter source=items";
    changes_nothing(&project, line).succeeds();
    // References are enforced.
    project.sql("0003_checks", "INSERT INTO a_children VALUES (2, 8);", "SELECT 1;");
    changes_nothing(&project, line).exits(1).says(&["foreign key"]);
}

#[test]
fn nothing_outside_the_copy_is_changed() {
    let project = mariadb();
    let name = project.server_database().name().to_owned();
    for statement in [
        format!("UPDATE {name}.items SET price = 0"),
        format!("DROP TABLE `{name}` . items"),
        format!("EXECUTE IMMEDIATE concat('DELETE FROM {name}', '.items')"),
        format!("ALTER DATABASE {name} CHARACTER SET latin1"),
        format!("USE {name}"),
        "GRANT SELECT ON items TO PUBLIC".to_owned(),
    ] {
        project.sql("0003_past", &format!("{statement};"), "SELECT 1;");
        let output = changes_nothing(&project, "apply --dry-run --on-copy --parameter source=items");
        output.exits(2).says(&["outside the scratch copy", "0003_past", "hint:"]);
    }
    // Neither may objects that run implicitly.
    project.sql("0003_past", "ALTER TABLE items ADD COLUMN a INT;", "SELECT 1;");
    project.execute(&format!(
        "CREATE TRIGGER past BEFORE UPDATE ON items FOR EACH ROW DELETE FROM {name}.items WHERE id = 1"
    ));
    let output = changes_nothing(&project, "apply --dry-run --on-copy --parameter source=items");
    output.exits(7).says(&["the trigger `past` names the database", "hint:"]);
}

#[test]
fn a_partial_copy_is_reported_as_such() {
    let project = mariadb();
    let line = "apply --dry-run --on-copy --parameter source=items";
    let output = changes_nothing(&project, &format!("{line} --copy-rows 25"));
    output.succeeds().prints(&["update items, 3 of 25 rows:", "`items` only the first 25 rows", "`--copy-rows all`"]);
    for rows in ["70", "all"] {
        let output = changes_nothing(&project, &format!("{line} --copy-rows {rows}"));
        output.succeeds().prints(&["update items, 3 of 70 rows:"]).does_not_say(&["only the first"]);
    }
}

#[test]
fn a_missing_privilege_is_reported() {
    let mut project = mariadb();
    let database = project.server_database();
    let (name, user) = (database.name().to_owned(), database.name().replace("runner_test_", "d"));
    database.sql(&format!("CREATE USER {user}@'%'; GRANT ALL PRIVILEGES ON {name}.* TO {user}@'%'"));
    let url = database.url_as(&user, "");
    project.by(&url);
    let line = "apply --dry-run --on-copy --parameter source=items";
    let output = changes_nothing(&project, line);
    output.exits(7).says(&["may not make the scratch database", "hint: an administrator can allow it: GRANT"]);
    // Following the hint works.
    let scratch = project.value(&format!("SELECT concat('runner_scratch_', left(sha2('{name}', 256), 16))"));
    assert!(output.stderr.contains(&scratch), "{output}");
    project.execute(&format!("GRANT ALL PRIVILEGES ON `{scratch}`.* TO {user}@'%'"));
    changes_nothing(&project, line).succeeds();
    assert_eq!(scratches(&project), Vec::<String>::new());
    project.execute(&format!("DROP USER {user}@'%'"));
}

#[test]
fn postgres_needs_no_copy() {
    let project = shop(Engine::Postgres, "steps");
    changes_nothing(&project, "apply --dry-run --on-copy").exits(2).says(&["needs no copy", "hint:"]);
}

/// `runner test` drops the scratch databases that nobody uses.
#[test]
fn a_test_on_the_same_server_leaves_the_copy_alone() {
    // It would drop what killed runs of other tests have left, too.
    let server = Server::private(Kind::Mariadb).start();
    let [project, other] = [(); 2].map(|()| EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database()));
    let held = format!("held_{}", project.server_database().name());
    project.sql(
        "0001_waits",
        &format!("CREATE TABLE a (i INT); SELECT GET_LOCK('{held}', 60); CREATE TABLE b (i INT);"),
        "DROP TABLE a; DROP TABLE b;",
    );
    other.sql("0001_quick", "CREATE TABLE a (i INT);", "DROP TABLE a;");
    let mut session = project.server_database().client().session();
    session.run(&format!("SELECT GET_LOCK('{held}', 0)"));
    let mut running = Running::start(&mut project.command(["apply", "--dry-run", "--on-copy"]));
    let waits = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock' AND INFO LIKE '%{held}%' AND ID <> CONNECTION_ID()"
    );
    until("the dry run waits", || project.value(&waits) == "1");
    other.run(["test", "-D", &other.url()]).succeeds();
    session.run(&format!("SELECT RELEASE_LOCK('{held}')"));
    assert!(running.wait().unwrap().success());
}
