//! Values that a column or an encoding does not accept.

use runner_tests::{Engine, EngineProject, for_each_server, guests, project};

use super::{refused, shop};

fn bad_statement(engine: Engine, statement: &str) -> EngineProject {
    let project = shop(engine);
    project.runner("apply --target 2").succeeds();
    project.sql("0003_rename_users", statement, "SELECT 1;");
    project
}

for_each_server! {
    fn text_the_servers_encoding_lacks(engine) {
        let text = match engine {
            Engine::Postgres => r"convert_from('\xff'::bytea, 'UTF8')",
            _ => "X'ff'",
        };
        let project = bad_statement(engine, &format!("INSERT INTO users (id, name) VALUES (3, {text});"));
        refused(&project, "apply", 1, &["0003_rename_users"]);
        let project = bad_statement(engine, "INSERT INTO users (id, name) VALUES (3, 'a\0b');");
        let output = project.runner("apply");
        // PostgreSQL does not support this character; MariaDB does.
        match output.exit_code() {
            Some(0) => assert_eq!(project.value("SELECT length(name) FROM users WHERE id = 3"), "3"),
            _ => drop(output.says(&["error:", "0003_rename_users", "NUL", "hint:"])),
        }
    }

    fn numbers_and_texts_that_are_too_large(engine) {
        for (statement, says) in [
            ("INSERT INTO users (id, name) VALUES (3000000000, 'x');", "out of range"),
            ("INSERT INTO users (id, name) VALUES (3, repeat('x', 101));", "too long"),
            ("INSERT INTO users (id, name) VALUES (3, NULL);", "name"),
            ("INSERT INTO users (id, name) VALUES (1, 'x');", "users"),
        ] {
            let project = bad_statement(engine, statement);
            let output = refused(&project, "apply", 1, &["0003_rename_users"]);
            assert!(output.stderr.to_lowercase().contains(says), "{statement}\n{output}");
        }
    }

    /// The error names the one row of many, and once it is fixed, all rows are written.
    fn a_value_that_does_not_fit_names_table_column_and_key(engine) {
        for (how, target, says, mend) in [
            // A text of ten characters in one row, for a column of three.
            (
                "shout",
                "id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(3) NOT NULL",
                ["name", "777"],
                "UPDATE people SET name = 'x' WHERE id = 777",
            ),
            // A number that doubles beyond its type.
            (
                "double",
                "id SMALLINT NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL",
                ["id", "40000"],
                "UPDATE people SET id = 10000 WHERE id = 20000",
            ),
        ] {
            let project = project!(engine);
            project.sql(
                "0001_tables",
                &format!(
                    "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
                     INSERT INTO people (id, name) SELECT i, 'x' FROM ({}) AS n;\n\
                     UPDATE people SET name = 'much too long' WHERE id = 777;\n\
                     INSERT INTO people VALUES (20000, 'y');\nCREATE TABLE narrow ({target});",
                    engine.numbers(1000)
                ),
                "DROP TABLE narrow; DROP TABLE people;",
            );
            project.component("0002_turn", &guests::component("turn"));
            let settings = format!("source = 'people'\ntarget = 'narrow'\nmode = 'insert'\nhow = '{how}'");
            project.settings(&format!("[parameters]\n{settings}"));
            project.runner("apply --target 1").succeeds();
            let output = project.runner("apply");
            // All rows are in one chunk, which leaves nothing.
            output.exits(1).says(&["0002_turn", "narrow"]).says(&says);
            assert_eq!(project.history(), ["0001"], "{output}");
            assert_eq!(project.value("SELECT count(*) FROM narrow"), "0", "{output}");
            project.execute(mend);
            project.runner("apply").succeeds();
            let rows = if how == "double" { "2002" } else { "1001" };
            assert_eq!(project.value("SELECT count(*) FROM narrow"), rows);
        }
    }
}

/// A table without transactions would keep part of a failed chunk, which would obstruct every retry.
#[test]
fn a_transform_into_a_non_transactional_table() {
    let project = project!(Engine::Mariadb);
    project.sql(
        "0001_tables",
        "CREATE TABLE src (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);\n\
         INSERT INTO src VALUES (1, 'a'), (2, 'b'), (3, 'c');\n\
         CREATE TABLE dst (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL) ENGINE = MyISAM;\n\
         INSERT INTO dst VALUES (2, 'x');",
        "SELECT 1;",
    );
    project.component("0002_turn", &guests::component("turn"));
    project.settings("[parameters]\nsource = 'src'\ntarget = 'dst'\nmode = 'insert'\nhow = 'shout'");
    project.runner("apply --target 1").succeeds();
    project.runner("apply").exits(1).says(&[
        "takes nothing back, `dst` of the engine MyISAM",
        "ENGINE = InnoDB",
        "left no changes",
    ]);
    assert_eq!(project.value("SELECT count(*) FROM dst"), "1");
    project.execute("ALTER TABLE dst ENGINE = InnoDB");
    project.runner("apply").exits(1).says(&["Duplicate entry '2'", "row id = 2"]);
    project.execute("DELETE FROM dst");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM dst"), "3");
}
