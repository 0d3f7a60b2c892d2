//! SQL that fails, or that could be split in the wrong place.

use super::*;

#[test]
fn a_failing_statement_rolls_back_the_migration() {
    let project = project!();
    project.sql("1_one", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").sql(
        "2_two",
        "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\n\nINSERT INTO nowhere VALUES (3);\nINSERT INTO a VALUES (4);",
        "DELETE FROM a;",
    );
    project.sql("3_three", "CREATE TABLE c (id INTEGER);", "DROP TABLE c;");
    let output = project.runner("apply");
    output.exits(1).says(&["2_two", "no such table: nowhere", "INSERT INTO nowhere VALUES (3)", "3 of 4", "line 4"]);
    // Earlier statements are kept, and the statements that did not run are named.
    assert_eq!(project.value("SELECT count(*) FROM a"), "0");
    assert_eq!(project.value("SELECT group_concat(revision) FROM runner_history"), "1");
    output.says(&["1 not run"]);
    project.sql("2_two", "INSERT INTO a VALUES (1);", "DELETE FROM a;");
    project.runner("apply").succeeds();
}

#[test]
fn invalid_sql() {
    for (sql, says) in [
        ("CREATE TABLE a (id INTEGER);\nSELEC 1;", "SELEC"),
        ("CREATE TABLE a (id INTEGER", "1_one"),
        ("SELECT 'open;", "1_one"),
        ("/* open", "1_one"),
        ("SELECT ?1;", "1_one"),
    ] {
        let project = one(sql);
        let output = project.runner("apply");
        assert!(matches!(output.exit_code(), Some(1 | 2)), "{sql}\n{output}");
        output.says(&[says, "error:"]);
        assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty(), "{sql}");
    }
}

#[test]
fn a_foreign_key_violation() {
    let project = project!();
    project.sql(
        "1_shop",
        "CREATE TABLE users (id INTEGER PRIMARY KEY);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
         INSERT INTO users VALUES (1); INSERT INTO orders VALUES (1, 1);",
        "DROP TABLE orders; DROP TABLE users;",
    );
    project.runner("apply").succeeds();
    project.sql("2_gone", "DELETE FROM users;", "SELECT 1;");
    refused(&project, "apply", 1, &["2_gone", "FOREIGN KEY"]);
    // If they are off for a rebuild, they are all checked before the commit, naming the rows.
    project.sql("2_gone", "-- runner:table-rebuild\nDELETE FROM users;", "SELECT 1;");
    refused(&project, "apply", 1, &["2_gone", "orders", "users"]);
    project.sql(
        "2_gone",
        "-- runner:table-rebuild\nDELETE FROM users; INSERT INTO users VALUES (1), (2);",
        "SELECT 1;",
    );
    project.runner("apply").succeeds();
    dump::check(&project.database());
}

/// Semicolons that do not end a statement.
#[test]
fn scripts_are_split_between_statements() {
    let project = one("CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT DEFAULT ';'); -- ; comment\n/* ; */\n\
         CREATE TRIGGER g AFTER INSERT ON a BEGIN\n  UPDATE a SET t = CASE WHEN t = ';' THEN 'semi;colon' ELSE t END WHERE id = new.id;\n\
         \n  INSERT INTO log VALUES ('it''s;');\nEND;\nCREATE TABLE log (line TEXT);\n\
         CREATE VIEW \"v;\" AS SELECT ';' AS [x;y];\nINSERT INTO a (id) VALUES (1)");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT t FROM a"), "semi;colon");
    assert_eq!(project.value("SELECT line FROM log"), "it's;");
    assert_eq!(project.value("SELECT \"x;y\" FROM \"v;\""), ";");
}
