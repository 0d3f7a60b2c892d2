//! Schemas that mean the same, and warnings.

use runner_tests::{Engine, for_each_engine};

use super::shop::{TESTS, shop, shop_with_component, test};

for_each_engine! {
    fn tests_on_empty_tables_say_so(engine) {
        let project = shop(engine);
        // Every row of the shop comes from fixtures of the first migration.
        std::fs::remove_dir_all(project.file(TESTS)).unwrap();
        let output = test(&project, "--junit report.xml");
        output.succeeds().prints(&[
            "passed 2_shout on",
            "warning: `users` was empty, so what the migration does to rows is untested",
            "hint: add rows as a fixture of an earlier migration, such as `tests/1_users/fixtures/users.csv`",
        ]);
        output.says(&["3 tests on 1 database: 3 passed, 1 warning"]);
        let report = project.read("report.xml");
        assert!(report.contains("<system-out>warning: `users` was empty"), "{report}");
        assert!(report.contains("failures=\"0\""), "{report}");
        let output = test(&project, "--format json");
        let json: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
        let migrations = &json["databases"][0]["migrations"];
        assert_eq!(migrations[0]["warnings"], serde_json::json!([]));
        assert_eq!(migrations[1]["warnings"][0]["kind"], "empty-tables");
        assert_eq!(migrations[1]["warnings"][0]["tables"], serde_json::json!(["users"]));
        assert_eq!(migrations[2]["warnings"], serde_json::json!([]));
        // The hint is right.
        project.write(&format!("{TESTS}/1_users/fixtures/users.csv"), "id,name\n1,Ada\n");
        let output = test(&project, "");
        output.succeeds().does_not_say(&["warning"]);
        assert!(!output.stdout.contains("warning"), "{}", output.stdout);
    }

    fn a_component_on_an_empty_table_says_so(engine) {
        let project = shop_with_component(engine);
        let told = "`items` was empty";
        assert!(!test(&project, "5").succeeds().stdout.contains(told));
        std::fs::remove_file(project.file(&format!("{TESTS}/4_items/fixtures/items.csv"))).unwrap();
        test(&project, "5").succeeds().prints(&[told, "`tests/4_items/fixtures/items.csv`"]);
    }

    fn columns_in_another_order_are_told(engine) {
        let project = shop(engine);
        project.sql("4_forget", "ALTER TABLE users DROP COLUMN email;", "ALTER TABLE users ADD COLUMN email VARCHAR(50);");
        let toml = format!("{TESTS}/4_forget/test.toml");
        project.write(&toml, "ignore_rows = ['users.email']\n");
        let output = test(&project, "4");
        output.succeeds().prints(&[
            "passed 4_forget on",
            "warning: the columns of `users` come back in another order",
            "id, name, email, is_active, born, score, shout expected, id, name, is_active, born, score, shout, email found",
            "`column order users` under `ignore_schema`",
        ]);
        assert_eq!(output.stdout.matches("warning").count(), 1, "{}", output.stdout);
        project.write(&toml, "ignore_rows = ['users.email']\nignore_schema = ['column order users']\n");
        assert!(!test(&project, "4").succeeds().stdout.contains("warning"));
    }
}

/// What SQLite and rebuilds write back is another text with the same meaning.
#[test]
fn the_texts_of_a_schema_may_differ() {
    let project = shop(Engine::Sqlite);
    project
        .sql(
            "4_more",
            "CREATE UNIQUE INDEX users_email ON users (email) WHERE email <> '';\n\
             CREATE VIEW active AS SELECT id, name FROM users WHERE is_active;\n\
             CREATE TRIGGER kept BEFORE DELETE ON users FOR EACH ROW BEGIN SELECT raise(ABORT, 'kept'); END;",
            "DROP VIEW active;\nDROP INDEX users_email;\nDROP TRIGGER kept;",
        )
        .sql("5_people", "ALTER TABLE users RENAME TO people;", "ALTER TABLE people RENAME TO users;")
        .sql(
            "6_title",
            "ALTER TABLE people RENAME COLUMN name TO \"full name\";",
            "ALTER TABLE people RENAME COLUMN \"full name\" TO name;",
        )
        .sql("7_drop", "ALTER TABLE people DROP COLUMN born;", "ALTER TABLE people ADD COLUMN born DATE;")
        .sql(
            "8_strict",
            "CREATE TABLE _orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES people (id)) STRICT;\n\
             INSERT INTO _orders SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE _orders RENAME TO orders;",
            "CREATE TABLE _orders (\"id\" integer, \"user_id\" integer not null, primary key (id));\n\
             INSERT INTO _orders SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE _orders RENAME TO orders;",
        );
    project.write(&format!("{TESTS}/7_drop/test.toml"), "ignore_rows = ['people.born']\n");
    project.write(&format!("{TESTS}/3_orders/fixtures/orders.csv"), "id,user_id\n1,1\n2,5\n");
    let output = test(&project, "");
    output.succeeds().prints(&["passed 5_people", "passed 6_title", "passed 7_drop", "passed 8_strict"]);
    // What the way back forgets is still found, and only that is shown.
    project.sql(
        "8_strict",
        &project.read("migrations/8_strict.up.sql"),
        "CREATE TABLE _orders (id INTEGER PRIMARY KEY, user_id INTEGER);\n\
         INSERT INTO _orders SELECT * FROM orders;\nDROP TABLE orders;\nALTER TABLE _orders RENAME TO orders;",
    );
    let output = test(&project, "8");
    output.exits(1).prints(&["after the downgrade: `column orders.user_id` differs\n    expected: not null\n"]);
    assert!(!output.stdout.contains("primary key"), "{}", output.stdout);
}
