//! Files with what other tools heed and runner does not: they are divided as in those tools, or refused by name.

use super::*;

#[test]
fn a_downgrade_never_runs_as_an_upgrade() {
    for (up, down) in [
        ("-- Up Migration", "-- Down Migration: drop it"),
        ("-- Up Migrations", "-- Down Migrations"),
        ("-- Up Migration: x", "-- Down Migration"),
    ] {
        let project = project!();
        project.write("migrations/1_a.sql", format!("{up}\nCREATE TABLE a (x int);\n{down}\nDROP TABLE a;\n"));
        project.runner("apply").succeeds();
        assert_eq!(project.dump_user().tables(), ["a"], "{down}");
        project.runner("rollback").succeeds();
        assert!(project.dump_user().tables().is_empty(), "{down}");
    }
    for (up, down) in [
        ("-- Up Migration", "-- Down Migration for the table"),
        ("-- Up Migration", "-- Down Migratoin"),
        ("-- migrate:up", "-- migrat:down"),
        ("-- migrate:up", "# migrate:down"),
        ("-- create it", "-- +goose Dwn"),
        ("-- create it", "-- Down"),
    ] {
        let project = project!();
        project.write("migrations/1_a.sql", format!("{up}\nCREATE TABLE a (x int);\n{down}\nDROP TABLE a;\n"));
        let refused = project.runner("validate");
        refused.exits(2).says(&[&format!("`{down}`"), "file: 1_a.sql:3", "hint: "]);
        project.runner("apply").exits(2);
    }
    let project = project!();
    // In a downgrade they are comments.
    project.sql(
        "1_a",
        "CREATE TABLE a (x int);\n-- down here we drop it\nDROP TABLE a;",
        "SELECT 1;\n-- Down\nSELECT 2;",
    );
    project.runner("apply").succeeds();
    project.runner("rollback").succeeds();
}

#[test]
fn changesets_of_liquibase_that_depend_on_something_are_refused() {
    let project = project!();
    project.write(
        "migrations/1_a.sql",
        "--liquibase formatted sql\n--changeset me:1 context:test dbms:oracle\nCREATE TABLE a (x int);\n--rollback DROP TABLE a;\n",
    );
    project.runner("validate").exits(2).says(&[
        "1_a.sql:2: Liquibase's `context:test` is not supported",
        "1_a.sql:2: Liquibase's `dbms:oracle` is not supported",
        "hint: write the database into the name of the file",
    ]);
    project.write(
        "migrations/1_a.sql",
        "--liquibase formatted sql\n--changeset me:1 runOnChange:false\nCREATE TABLE a (x int);\n--rollback DROP TABLE a;\n",
    );
    project.runner("apply").succeeds();
}

#[test]
fn directives_of_atlas_are_understood_or_refused() {
    let project = project!();
    project.write("migrations/1_a.sql", "-- atlas:txmode none\n\nCREATE TABLE a (x int);\n");
    project.write("migrations/2_b.sql", "-- atlas:delimiter \\n\\n\n\nCREATE TABLE b (x int);\n");
    project.runner("validate").exits(2).says(&["Atlas's `atlas:delimiter", "file: 2_b.sql:1", "end each statement"]);
    std::fs::remove_file(project.file("migrations/2_b.sql")).unwrap();
    let plan = json(&project.runner("plan --format json"));
    assert_eq!(plan["migrations"][0]["mode"], "stepwise", "{plan}");
}

#[test]
fn placeholders_and_callbacks_of_flyway_are_refused() {
    let project = project!();
    project.write("migrations/V1__a.sql", "CREATE TABLE a (x text);\nINSERT INTO a VALUES ('${env}');\n");
    let placeholder = "`${env}` is a placeholder of another tool, which is not filled in";
    project.runner("validate").exits(2).says(&[placeholder, "file: V1__a.sql:2", "hint: begin the file with"]);
    project.write(
        "migrations/V1__a.sql",
        "-- runner:parameters\nCREATE TABLE a (x text);\nINSERT INTO a VALUES ('${env}');\n",
    );
    project.runner("apply -p env=prod").succeeds();
    assert_eq!(project.value("SELECT x FROM a"), "prod");
    project.write("migrations/afterMigrate.sql", "INSERT INTO a VALUES ('again');");
    let callback = "is a callback of Flyway, which runner does not support";
    project.runner("validate").exits(2).says(&["afterMigrate.sql", callback, "before or after `runner apply`"]);
    // Others have no placeholders.
    let project = project!();
    project.write("migrations/1_a.sql", "CREATE TABLE a AS SELECT '${env}' AS x;");
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT x FROM a"), "${env}");
}

#[test]
fn a_transaction_around_nothing_does_nothing() {
    let project = project!();
    project.write("migrations/1_a.sql", "BEGIN;\n--\n-- Raw Python operation\n--\nCOMMIT;\n");
    project.runner("validate").succeeds().says(&["note: `1_a.sql` has no statement, so it does nothing"]);
}
