//! Migrations whose steps commit by themselves in a real run.

use runner_tests::{Engine, for_each_engine, project};

use super::{changes_nothing, dry, json, shop, steps};

for_each_engine! {
    fn a_stepwise_component(engine) {
        let project = shop(engine, "journal");
        let output = changes_nothing(&project, &format!("apply {}", dry(engine)));
        output.succeeds().prints(&[
            "transform `raise`: items -> update items",
            "CREATE INDEX items_price ON items (price)",
            // An error that it handles.
            "(failed: ",
        ]);
        project.runner("apply").succeeds();
        changes_nothing(&project, &format!("rollback {}", dry(engine))).succeeds().prints(&["transform `lower`"]);
    }

    /// A SQL migration continues at the statement that failed.
    fn a_partial_sql_migration(engine) {
        let project = project!(engine);
        let text = |third: &str| {
            format!("-- runner:no-transaction\nCREATE TABLE a (x INT);\nINSERT INTO a VALUES (1);\n{third};\nDELETE FROM a;")
        };
        project.sql("0001_steps", &text("INSERT INTO nowhere VALUES (1)"), "DROP TABLE a;");
        project.runner("apply").exits(6);
        changes_nothing(&project, &format!("apply {}", dry(engine))).exits(1).says(&["3 of 4"]);
        project.sql("0001_steps", &text("INSERT INTO a VALUES (2)"), "DROP TABLE a;");
        let output = changes_nothing(&project, &format!("apply {} --format json", dry(engine)));
        let report = json(output.succeeds());
        assert!(steps(&report, "0001", "CREATE").is_empty(), "{report:#}");
        assert_eq!(steps(&report, "0001", "DELETE")[0]["rows"], 2, "{report:#}");
        project.runner("apply").succeeds();
    }
}

/// A partial component has a journal to resume from, which only a copy can use.
#[test]
fn a_partial_component() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Mariadb] {
        let project = shop(engine, "journal");
        project.settings("[parameters]\nstumble = true");
        project.runner("apply").exits(6);
        match engine {
            Engine::Sqlite | Engine::Mariadb => {
                changes_nothing(&project, "apply --dry-run").exits(2).says(&["journal", "`--on-copy`"]);
                // It continues with its first input and fails again.
                let output = changes_nothing(&project, "apply --dry-run --on-copy");
                output.exits(1).says(&["no way past 41", "a real run would stop here"]);
            }
            Engine::Postgres => drop(changes_nothing(&project, "apply --dry-run").exits(2).says(&["journal"])),
        }
    }
}

#[test]
fn statements_that_cannot_run_in_a_transaction_are_shown_and_not_run() {
    for (engine, statement) in [
        (Engine::Sqlite, "VACUUM"),
        (Engine::Postgres, "CREATE INDEX CONCURRENTLY items_name ON items (name)"),
        (Engine::Postgres, "DO $$ BEGIN DELETE FROM items; COMMIT; END $$"),
    ] {
        let project = shop(engine, "steps");
        let text = format!("-- runner:no-transaction\nUPDATE items SET price = 7;\n{statement};\nDELETE FROM items;");
        project.sql("0003_outside", &text, "SELECT 1;");
        let output = changes_nothing(&project, "apply --dry-run");
        output.succeeds().prints(&[
            &format!("{statement} (not run: cannot run in a transaction)"),
            "DELETE FROM items",
            "1 statement was skipped",
        ]);
        let report = json(changes_nothing(&project, "apply --dry-run --format json").succeeds());
        assert_eq!(steps(&report, "0003", statement)[0]["result"], "not-run");
        // The failure of a statement that depends on it mentions it.
        project.sql(
            "0003_outside",
            &format!("-- runner:no-transaction\n{statement};\nDROP INDEX items_nam;"),
            "SELECT 1;",
        );
        changes_nothing(&project, "apply --dry-run").exits(1).says(&["were skipped; this one may depend on them"]);
    }
    // On a copy it runs.
    let project = shop(Engine::Sqlite, "steps");
    project.sql("0003_outside", "-- runner:no-transaction\nVACUUM;", "SELECT 1;");
    changes_nothing(&project, "apply --dry-run --on-copy").succeeds().does_not_say(&["not run"]);
}

/// Pragmas end a dry run just as they end the run.
#[test]
fn pragmas_outside_a_transaction() {
    for (statements, code, not_run, says) in [
        ("PRAGMA journal_mode = DELETE;\nVACUUM;", 0, 2, ""),
        ("PRAGMA main.journal_mode('truncate');", 0, 1, ""),
        ("PRAGMA wal_checkpoint(TRUNCATE);", 0, 1, ""),
        ("PRAGMA journal_mode;\nPRAGMA user_version = 3;", 0, 0, ""),
        ("PRAGMA journal_mode = OFF;", 7, 0, "nothing could be rolled back after it"),
        (
            "PRAGMA foreign_keys = OFF;\nPRAGMA foreign_keys = ON;\nSELECT 1;",
            2,
            0,
            "rebuilds a table, and commits each statement",
        ),
    ] {
        let project = shop(Engine::Sqlite, "steps");
        project.runner("apply").succeeds();
        project.sql("0003_outside", &format!("-- runner:no-transaction\n{statements}"), "SELECT 1;");
        let output = changes_nothing(&project, "apply --dry-run");
        output.exits(code).says(&[says]);
        assert_eq!(output.stdout.matches("(not run: cannot run in a transaction)").count(), not_run, "{output}");
        let output = changes_nothing(&project, "apply --dry-run --on-copy");
        output.exits(code).says(&[says]).does_not_say(&["not run"]);
        project.runner("apply").exits(code).says(&[says]);
    }
}

#[test]
fn a_copy_cannot_write_to_other_files() {
    let project = shop(Engine::Sqlite, "steps");
    let other = project.file("other.db");
    std::fs::write(&other, "").unwrap();
    for statement in [
        format!("ATTACH '{}' AS other", other.display()),
        format!("VACUUM INTO '{}'", project.file("new.db").display()),
    ] {
        project.sql("0003_outside", &format!("-- runner:no-transaction\n{statement};"), "SELECT 1;");
        changes_nothing(&project, "apply --dry-run --on-copy").exits(2).says(&["another file", "hint:"]);
        assert_eq!(std::fs::metadata(&other).unwrap().len(), 0);
        assert!(!project.file("new.db").exists());
    }
}
