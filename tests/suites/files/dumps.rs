//! Dumps of another database as the first migration.

use runner_tests::{for_each_engine, for_each_server};

use super::*;

const SHOP: &str = "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL);
INSERT INTO users VALUES (1, 'Ada; \'\'quoted\'\''), (2, 'Grace');
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL, FOREIGN KEY (user_id) REFERENCES users (id));
INSERT INTO orders VALUES (1, 1);
CREATE VIEW names AS SELECT name FROM users;";

/// A database with rows, a view, and a trigger.
fn source(engine: Engine) -> TestDatabase {
    let source = engine.server().unwrap().database();
    source.sql(SHOP);
    source.sql(match engine {
        Engine::Postgres => {
            "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name = upper(new.name); RETURN new; END $$;
             CREATE TRIGGER loud BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION loud();
             CREATE TYPE mood AS ENUM ('happy'); COMMENT ON TABLE users IS 'people';"
        }
        _ => "CREATE TRIGGER loud BEFORE INSERT ON users FOR EACH ROW SET new.name = upper(new.name);",
    });
    source
}

for_each_server! {
    fn a_dump_is_a_first_migration(engine) {
        let source = source(engine);
        let project = project!(engine);
        let options: &[&str] = match engine {
            Engine::Postgres => &[],
            _ => &["--skip-add-locks", "--routines"],
        };
        project.write("migrations/1_dump.up.sql", source.client().dump_text(options));
        // What it sets for itself does not reach the next one.
        let after = "CREATE TABLE later (id INT PRIMARY KEY, user_id INT, FOREIGN KEY (user_id) REFERENCES users (id));\n\
                     INSERT INTO users VALUES (3, 'Edsger');";
        project.sql("2_after", after, "DROP TABLE later;");
        project.runner("validate").succeeds();
        project.runner("apply").succeeds();
        assert_eq!(project.rows("SELECT name FROM names ORDER BY name"), ["Ada; 'quoted'", "EDSGER", "Grace"]);
        assert_eq!(project.value("SELECT count(*) FROM orders"), "1");
        project.runner("status --exit-code").succeeds();
    }

    fn another_database_is_left_alone(engine) {
        if engine != Engine::Mariadb {
            return;
        }
        let project = project!(engine);
        let name = project.server_database().name().to_owned();
        project.execute("CREATE TABLE kept (a INT); INSERT INTO kept VALUES (1)");
        // As `mariadb-dump --databases` writes it.
        let dump = |name: &str| {
            format!("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `{name}`;\nUSE `{name}`;\nDROP TABLE IF EXISTS `kept`;\nCREATE TABLE `kept` (a INT);\n")
        };
        project.sql("1_dump", &dump("information_schema"), "SELECT 1;");
        for verb in ["validate", "plan", "apply"] {
            project.runner(verb).exits(7).says(&["`USE information_schema`", "another database", "without `--databases`"]);
        }
        // Its own, but not that of a test.
        project.sql("1_dump", &dump(&name), "SELECT 1;");
        project.runner("validate").succeeds();
        project.run(["test", "--database-url", &project.url()]).exits(1).prints(&["another database"]);
        assert_eq!(project.value("SELECT count(*) FROM kept"), "1");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM kept"), "0");
    }

    fn a_text_that_equals_a_new_value_of_an_enum_is_accepted(engine) {
        if engine != Engine::Postgres {
            return;
        }
        let project = project!(engine);
        project.sql("1_enum", "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE p (m mood, note text);", "SELECT 1;");
        let text = "ALTER TYPE mood ADD VALUE 'ok';\nINSERT INTO p VALUES ('sad', 'ok');\nSELECT 'ok'::text;";
        project.sql("2_value", text, "SELECT 1;");
        project.runner("validate").succeeds();
        project.runner("apply").succeeds();
        // A cast shows at once that the value is meant; the server says the rest.
        project.sql("3_cast", "ALTER TYPE mood ADD VALUE 'new';\nINSERT INTO p VALUES ('new'::mood);", "SELECT 1;");
        project.runner("plan").exits(2).says(&["3_cast.up.sql", "was added to an enum in the same transaction"]);
        project.sql("3_cast", "ALTER TYPE mood ADD VALUE 'new';\nINSERT INTO p VALUES ('new');", "SELECT 1;");
        project.runner("plan").succeeds();
        project.runner("apply").exits(1).says(&["3_cast", "unsafe use of new value", "in a migration of its own"]);
        assert_eq!(project.value("SELECT count(*) FROM p"), "1");
    }
}

for_each_engine! {
    fn a_text_of_a_hundred_megabytes(engine) {
        let project = project!(engine);
        project.settings("[limits]\nartifact_bytes = \"200MiB\"\n");
        let text = "it''s ".repeat(100_000_000 / 5);
        let up = format!("CREATE TABLE t (a INT PRIMARY KEY, b {});\nINSERT INTO t VALUES (1, '{text}')", match engine {
            Engine::Mariadb => "LONGTEXT",
            _ => "TEXT",
        });
        project.sql("1_t", &up, "DROP TABLE t;");
        if engine == Engine::Mariadb {
            project.runner("apply").exits(7).says(&["the statement has 120000028 bytes", "`max_allowed_packet`"]);
            return;
        }
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT length(b) FROM t"), "100000000");
        project.runner("status --exit-code").succeeds();
    }
}

#[test]
fn what_of_a_dump_cannot_run_names_the_option() {
    let source = source(Engine::Mariadb);
    let project = project!(Engine::Mariadb);
    project.write("migrations/1_dump.up.sql", source.client().dump_text(&[]));
    for verb in ["validate", "apply"] {
        project.runner(verb).exits(7).says(&["1_dump.up.sql:", "mariadb-dump --skip-add-locks"]);
    }
    let tables =
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_name = 'users'";
    assert_eq!(project.rows(tables), [""; 0]);
}

/// Whatever a cell has in it, it is not SQL; and the dump of `psql` is the same as that of a plan.
#[test]
fn rows_that_a_file_copies_are_those_that_it_has() {
    let project = project!(Engine::Postgres);
    let table = "CREATE TABLE t (a INT PRIMARY KEY, b TEXT);\n";
    let rows = "1\tit's; \\\\ -- $$\n2\t\\N\n3\t\\tab\\\\.\n4\tCOMMIT;\n";
    let copies = format!("{table}COPY t (a, b) FROM stdin;\n{rows}\\.\n\nUPDATE t SET a = a + 10;\n");
    let csv = "COPY t FROM STDIN WITH (FORMAT csv, HEADER);\na,b\n5,\"two\nlines\"\n\\.\nCOPY t FROM stdin;\n\\.\n";
    project.sql("1_t", &copies, "DROP TABLE t;").sql("2_more", csv, "DELETE FROM t WHERE a = 5;");
    let plan = project.runner("plan --sql").succeeds().stdout.clone();
    assert!(plan.contains(&copies), "{plan}");
    project.runner("apply --dry-run").succeeds().prints(&["COPY t (a, b) FROM stdin (", "4 rows"]);
    project.runner("apply").succeeds().says(&["1_t (", "8 rows", "1 row"]);
    let shown = "replace(replace(coalesce(b, 'NULL'), E'\\n', '<line>'), E'\\t', '<tab>')";
    let found = project.rows(&format!("SELECT a || ' ' || {shown} FROM t ORDER BY a"));
    assert_eq!(found, ["5 two<line>lines", "11 it's; \\ -- $$", "12 NULL", "13 <tab>ab\\.", "14 COMMIT;"]);
    project.runner("rollback --all").succeeds();
}

#[test]
fn rows_that_cannot_be_copied_are_told_with_their_place() {
    let project = project!(Engine::Postgres);
    let write = |first: &str, rows: &str| {
        let text = format!("{first}CREATE TABLE t (a INT PRIMARY KEY);\nCOPY t FROM stdin;\n{rows}");
        project.sql("1_t", &text, "DROP TABLE IF EXISTS t;");
    };
    for (rows, code, says) in [
        ("1\n2", 2, ["1_t.up.sql", "line: 2", "the rows of `COPY` from the client have no end", "write a line `\\.`"]),
        ("1\nx\n\\.\n", 1, ["22P02", "COPY t, line 2, column a", "rows: from line 3 on", "text: COPY t FROM stdin\n"]),
        ("1\n1\n\\.\n", 1, ["23505", "COPY t, line 2", "statement: 2 of 2, line 2", "left no changes"]),
        ("1\t2\n\\.\n", 1, ["22P04", "extra data after last expected column", "COPY t, line 1", "line 3"]),
    ] {
        write("", rows);
        project.runner("apply").exits(code).says(&says);
        assert_eq!(project.value("SELECT to_regclass('t') IS NULL"), "t", "{rows}");
    }
    // Where each statement commits by itself, it goes on with the rows that failed.
    write("-- runner:no-transaction\n", "1\n1\n\\.\n");
    project.runner("apply").exits(6).says(&["1 of 2 statements took effect"]);
    write("-- runner:no-transaction\n", "1\n2\n\\.\nCOPY t FROM stdin;\nx\n\\.\n");
    project.runner("apply").exits(6).says(&["2 of 3 statements took effect"]);
    write("-- runner:no-transaction\n", "1\n3\n\\.\nCOPY t FROM stdin;\n3\n\\.\n");
    project.runner("apply").exits(4).says(&["the first 2 statements took effect and have been changed since"]);
    write("-- runner:no-transaction\n", "1\n2\n\\.\nCOPY t FROM stdin;\n3\n\\.\n");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT sum(a) FROM t"), "6");
}

#[test]
fn programs_of_mariadb_need_no_delimiter() {
    let project = project!(Engine::Mariadb);
    project.sql(
        "1_programs",
        "CREATE TABLE t (id INT PRIMARY KEY, start INT, `end` INT);\n\
         CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW IF NEW.start < 0 THEN SET NEW.start = 0; END IF;\n\
         CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW BEGIN SET NEW.end = NEW.start; SET NEW.start = 5; END;\n\
         CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC BEGIN RETURN CASE WHEN a > 1 THEN IF(a > 2, 1, 2) ELSE 3 END; END;\n\
         CREATE FUNCTION g(a INT) RETURNS INT DETERMINISTIC IF a > 1 THEN RETURN 10; ELSE RETURN 20; END IF;\n\
         INSERT INTO t VALUES (1, -7, NULL), (2, 3, NULL);\n\
         UPDATE t SET id = 12 WHERE id = 2;",
        "DROP FUNCTION g; DROP FUNCTION f; DROP TABLE t;",
    );
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT group_concat(concat_ws(':', id, start, `end`) ORDER BY id) FROM t"), "1:0,12:5:3");
    assert_eq!(project.value("SELECT concat_ws(',', f(1), f(2), f(3), g(1), g(2))"), "3,2,1,20,10");
    project.runner("rollback --all").succeeds();
}
