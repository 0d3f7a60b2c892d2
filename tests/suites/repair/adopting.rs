//! `stamp`, `baseline` and `repair --accept-checksum`: history that is written without running anything.

use runner_tests::{Engine, EngineProject, for_each_engine, guests, project};

use super::{shop, told, tool};

/// Three migrations, of which nothing is applied.
fn three(engine: Engine) -> EngineProject {
    let project = project!(engine);
    for (id, table) in [("0001_users", "users"), ("0002_orders", "orders"), ("0003_items", "items")] {
        project.sql(
            id,
            &format!("CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY);"),
            &format!("DROP TABLE {table};"),
        );
    }
    project
}

/// The schema of a tool that was used before.
fn with_tables(project: &EngineProject, tables: &[&str]) {
    for table in tables {
        project.execute(&format!("CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY)"));
    }
}

for_each_engine! {
    fn a_database_with_a_schema_is_adopted(engine) {
        let project = three(engine);
        with_tables(&project, &["users", "orders"]);
        let before = project.state();
        project.run(["baseline", "2", "--why", "Flyway did it"]).succeeds().says(&[
            "applied     0001_users", "applied     0002_orders", "recorded 2 migrations without running anything",
            "now at 0002_orders",
        ]);
        assert_eq!(project.state(), before, "only the history was written");
        assert_eq!(project.history(), ["0001", "0002"]);
        project.runner("status").succeeds().prints(&["pending"]);
        let history = project.runner("history");
        history.succeeds().prints(&["baseline: applied", "why: Flyway did it"]);
        assert_eq!(history.stdout.matches("0001_users").count(), 1, "{history}");
        project.runner("show 1").prints(&["Flyway did it"]);
        project.runner("apply").succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
        // What was not applied by this tool can be rolled back by it, also without its files.
        std::fs::remove_file(project.file("migrations/0002_orders.up.sql")).unwrap();
        std::fs::remove_file(project.file("migrations/0002_orders.down.sql")).unwrap();
        project.runner("rollback -n 2").succeeds();
        assert_eq!(project.history(), ["0001"]);
        project.runner("baseline 3").exits(2).says(&["already has a history", "runner stamp"]);
    }

    fn a_database_that_another_tool_has_migrated_is_refused(engine) {
        let project = three(engine);
        with_tables(&project, &["users", "orders"]);
        let runner = |line: &str| {
            let mut command = project.command(line.split_whitespace());
            project.finish(command.env_remove("RUNNER_ON_EXISTING"))
        };
        runner("apply").exits(4).says(&["it has 2 tables", "runner baseline REVISION", "--on-existing apply"]);
        runner("apply --dry-run").exits(4);
        runner("plan").exits(4).says(&["it has 2 tables"]);
        project.execute(
            "CREATE TABLE goose_db_version (id INTEGER NOT NULL PRIMARY KEY, version_id BIGINT, is_applied BOOLEAN NOT NULL)",
        );
        project.execute("INSERT INTO goose_db_version VALUES (1, 0, TRUE), (2, 1, TRUE), (3, 2, TRUE), (4, 3, FALSE)");
        let before = project.state();
        let refused = runner("apply");
        refused.exits(4).says(&["it has 2 tables, and `goose_db_version` of goose at `2`", "`runner baseline 0002 --why"]);
        assert_eq!(project.state(), before);
        project.run(["baseline", "0002", "--why", "migrated with goose until now"]).succeeds();
        runner("apply").succeeds();
        assert_eq!(project.history(), ["0001", "0002", "0003"]);
    }

    /// Its version is of no use before it is mended there.
    fn a_migration_that_failed_in_another_tool_is_named(engine) {
        let project = three(engine);
        let refused = |table: &str, rows: &str| {
            project.execute(table);
            project.execute(rows);
            let mut command = project.command(["apply"]);
            project.finish(command.env_remove("RUNNER_ON_EXISTING"))
        };
        let golang = refused(
            "CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL)",
            "INSERT INTO schema_migrations VALUES (2, TRUE)",
        );
        let told = "`schema_migrations` of golang-migrate, dbmate or Ecto at `2`, with a migration that failed";
        golang.exits(4).says(&[told, "fix the migration that failed"]).does_not_say(&["baseline"]);
        project.execute("DROP TABLE schema_migrations");
        let dbmate = refused(
            "CREATE TABLE schema_migrations (version VARCHAR(128) PRIMARY KEY)",
            "INSERT INTO schema_migrations VALUES ('0001')",
        );
        dbmate.exits(4).says(&["at `0001`", "runner baseline 0001", "counts all migrations up to that one as applied"]);
        project.execute("DROP TABLE schema_migrations");
        let prisma = refused(
            "CREATE TABLE _prisma_migrations (migration_name VARCHAR(255), finished_at TIMESTAMP NULL, rolled_back_at TIMESTAMP NULL)",
            "INSERT INTO _prisma_migrations VALUES ('0001', '2024-01-01 00:00:00', NULL), ('0002', NULL, '2024-01-01 00:00:00')",
        );
        prisma.exits(4).says(&["`_prisma_migrations` of Prisma at `0001`", "runner baseline 0001"]);
    }

    fn a_database_with_tables_is_migrated_if_that_is_meant(engine) {
        let project = three(engine);
        with_tables(&project, &["theirs"]);
        project.runner("apply --on-existing always").exits(2).says(&["must be `refuse` or `apply`"]);
        project.runner("apply --on-existing apply").succeeds();
        // A database with a history is ours, even with nothing applied.
        project.runner("rollback --all").succeeds();
        project.runner("apply --on-existing refuse").succeeds();
    }

    fn stamp_goes_up_and_down_and_is_kept(engine) {
        let project = three(engine);
        project.runner("apply --target 1").succeeds();
        project.runner("stamp --dry-run").succeeds().says(&["2 migrations would be recorded, nothing was written"]);
        assert_eq!(project.history(), ["0001"]);
        project.runner("stamp --target +1").succeeds().says(&["applied     0002_orders"]);
        assert_eq!(project.history(), ["0001", "0002"]);
        project.runner("stamp").succeeds().says(&["applied     0003_items", "now at 0003_items"]);
        project.runner("stamp").succeeds().says(&["nothing to record"]);
        let document = told(&project.run(["stamp", "--target", "base", "--why", "restored", "--format", "json"]));
        let recorded: Vec<_> = document["recorded"].as_array().unwrap().iter().map(|it| it["revision"].as_str().unwrap()).collect();
        assert_eq!(recorded, ["0003", "0002", "0001"], "{document}");
        assert_eq!((&document["recorded"][0]["state"], &document["current"]), (&"rolled-back".into(), &serde_json::Value::Null));
        assert!(project.history().is_empty());
        project.runner("history").prints(&["applied", "stamp: applied", "stamp: not applied", "why: restored"]);
        let repairs = project.value(&format!("SELECT count(*) FROM {} WHERE why = 'restored'", tool(&project, "repair")));
        assert_eq!(repairs, "3");
        let without_reason = project.runner("history").stdout;
        assert!(!without_reason.lines().any(|line| line.trim() == "why:"), "{without_reason}");
        project.execute("DROP TABLE users");
        project.runner("apply").succeeds();
    }

    fn targets_that_are_not_there_are_refused(engine) {
        let project = three(engine);
        project.runner("db create").succeeds();
        project.runner("stamp --target +4").exits(2).says(&["`+4` is too far"]);
        project.runner("stamp --target -1").exits(2).says(&["`-1` is too far"]);
        project.runner("stamp --target nope").exits(2).says(&["no revision or name begins with `nope`"]);
        project.runner("baseline").exits(2);
        assert!(!project.has_history());
    }

    fn a_partial_revision_must_be_resolved_first(engine) {
        let project = shop(engine, "stumble = 61");
        if project.runner("apply").exit_code() != Some(6) {
            // Where the revision is atomic, nothing of it stays.
            return;
        }
        project.runner("stamp").exits(6).says(&["partially applied", "runner repair 0002"]);
    }

    fn an_edited_migration_is_accepted_as_it_is(engine) {
        let project = three(engine);
        project.runner("apply").succeeds();
        project.sql("0002_orders", "CREATE TABLE orders (id INTEGER NOT NULL PRIMARY KEY); -- why", "DROP TABLE orders;");
        project.runner("apply").exits(4).says(&["changed after it was applied", "--accept-checksum"]);
        project.runner("plan").exits(4).says(&["changed after it was applied", "  database: "]);
        project.runner("repair 2 --accept-checksum").exits(2).says(&["requires a reason"]);
        project.run(["repair", "--accept-checksum", "--why", "x"]).exits(2).says(&["requires a revision"]);
        project.run(["repair", "1", "--accept-checksum", "--why", "x"]).exits(2).says(&["unchanged"]);
        let output = project.run(["repair", "2", "--accept-checksum", "--why", "a comment"]);
        output.succeeds().says(&["accepted `0002_orders` as it is now"]);
        project.runner("apply").succeeds().says(&["nothing to do"]);
        project.runner("history").prints(&["repaired: accept-checksum", "why: a comment"]);
        // The database keeps the accepted text, so it rolls back without the files.
        std::fs::remove_dir_all(project.file("migrations")).unwrap();
        std::fs::create_dir(project.file("migrations")).unwrap();
        project.runner("rollback --all").succeeds();
        assert!(project.history().is_empty());
    }

    fn a_stamped_component_is_not_claimed_to_be_verified(engine) {
        let project = project!(engine);
        project.sql("0001_none", "SELECT 1;", "SELECT 1;").component("0002_reference", &guests::component("reference"));
        project.runner("db create").succeeds();
        project.runner("stamp").succeeds();
        let output = project.runner("verify");
        output.succeeds().prints(&["not proven"]);
        project.runner("verify --strict").exits(1);
    }

    fn an_accepted_component_is_not_held_against_the_run_of_another(engine) {
        let project = project!(engine);
        project.items(10).component("0002_notes", &guests::component("steps"));

        project.runner("apply").succeeds();
        project.runner("verify").succeeds().does_not_say(&["accepted artifact"]);
        project.write("migrations/0002_notes.wasm", guests::component("halfway"));
        project.runner("build --all").succeeds();
        project.run(["repair", "2", "--accept-checksum", "--why", "rebuilt"]).succeeds();
        project.runner("verify").succeeds().prints(&["not proven", "the accepted artifact is not the one that ran"]);
    }
}

#[test]
fn a_database_that_does_not_exist_is_at_no_revision() {
    let project = three(Engine::Sqlite);
    project.runner("stamp").exits(2).says(&["does not exist", "runner apply"]);
    assert!(!project.file("runner.db").exists());
}

/// A partial revision has to be resolved first, whatever else there is.
#[test]
fn a_partial_revision_is_no_baseline() {
    let project = project!(Engine::Sqlite);
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    project.sql(
        "2_b",
        "-- runner:no-transaction\nCREATE TABLE b (id INTEGER);\nINSERT INTO nowhere VALUES (1);",
        "DROP TABLE b;",
    );
    project.runner("apply").exits(6);
    for line in ["baseline 2", "stamp --target 2"] {
        project
            .runner(line)
            .exits(6)
            .says(&["`2_b` is partially applied", "hint: resolve it first: `runner repair 2`"]);
    }
}
