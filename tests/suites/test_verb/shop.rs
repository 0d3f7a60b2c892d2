//! A project with correct migrations, fixtures and checks.

use runner_tests::{Engine, EngineProject, ITEMS, Output, guests};

/// The directory of the migrations' tests.
pub const TESTS: &str = "migrations/tests";

/// Three migrations in SQL that work on any engine.
pub fn shop(engine: Engine) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    let drop_index = match engine {
        Engine::Mariadb => "DROP INDEX users_shout ON users;",
        Engine::Sqlite | Engine::Postgres => "DROP INDEX users_shout;",
    };
    project
        .sql(
            "1_users",
            "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50) NOT NULL, email VARCHAR(50), \
             is_active BOOLEAN NOT NULL DEFAULT '1', born DATE, score DECIMAL(8, 2));",
            "DROP TABLE users;",
        )
        .sql(
            "2_shout",
            "ALTER TABLE users ADD COLUMN shout VARCHAR(60);\nUPDATE users SET shout = upper(name);\n\
             CREATE INDEX users_shout ON users (shout);",
            &format!("{drop_index}\nALTER TABLE users DROP COLUMN shout;"),
        )
        .sql(
            "3_orders",
            "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY, user_id INTEGER NOT NULL);",
            "DROP TABLE orders;",
        );
    project
        .write(
            &format!("{TESTS}/1_users/fixtures/1_users.csv"),
            "id,name,email,is_active,born,score\n1,Ada,ada@example.com,true,1815-12-10,1.50\n2,Bob,,false,,\n\
             3,\"O'Hara, \\\"\"Max\"\"\",\"\",true,1999-01-01,-2\n",
        )
        .write(
            &format!("{TESTS}/1_users/fixtures/2_more.sql"),
            "INSERT INTO users (id, name) VALUES (4, 'Zoe; -- still');\nINSERT INTO users (id, name) VALUES (5, 'Eve');\n",
        )
        .write(&format!("{TESTS}/2_shout/up/everyone.sql"), "SELECT id, shout FROM users WHERE id <> 3 ORDER BY id;\n")
        .write(&format!("{TESTS}/2_shout/up/everyone.csv"), "id,shout\n1,ADA\n2,BOB\n4,ZOE; -- STILL\n5,EVE\n")
        .write(&format!("{TESTS}/2_shout/up/no_whisper.sql"), "SELECT id FROM users WHERE shout <> upper(name)")
        .write(
            &format!("{TESTS}/2_shout/down/names.sql"),
            "SELECT name, email, is_active, born, score FROM users WHERE id IN (1, 2, 3) ORDER BY id",
        )
        .write(
            &format!("{TESTS}/2_shout/down/names.csv"),
            "name,email,is_active,born,score\nAda,ada@example.com,1,1815-12-10,1.5\nBob,,0,,\n\
             \"O'Hara, \\\"\"Max\"\"\",\"\",1,1999-01-01,-2\n",
        );
    project
}

/// The same, and a component that processes three rows.
pub fn shop_with_component(engine: Engine) -> EngineProject {
    let project = shop(engine);
    project
        .sql("4_items", ITEMS, "DROP TABLE items;")
        .component("5_reference", &guests::component("reference"))
        .write(&format!("{TESTS}/4_items/fixtures/items.csv"), "id,name,price\n1,one,1.5\n2,two,2.25\n3,three,3\n");
    project
}

/// Tests on the server of the project's own database, or in a file.
pub fn test(project: &EngineProject, line: &str) -> Output {
    let mut command = project.command(["test", "-D", &project.url()]);
    command.args(line.split_whitespace());
    project.finish(&mut command)
}
