//! The published JSON Schemas. Every JSON output of every test of all suites is held against them; here each of them meets one.

use super::*;

#[test]
fn every_command_fits_its_published_schema() {
    let project = with_component();
    let mut fitted = BTreeSet::new();
    let mut run = |line: &str, code: i32| {
        let output = project.runner(&format!("{line} --format json"));
        let schemas = output.exits(code).schemas();
        assert!(!schemas.is_empty(), "no JSON\n{output}");
        fitted.extend(schemas);
        output
    };
    for line in [
        "validate",
        "build",
        "build --check",
        "plan --sql",
        "apply --dry-run",
        "apply",
        "verify",
        "status",
        "current",
        "doctor",
        "history",
        "show 2",
        "rollback",
        "plan",
        "pause --why maintenance",
        "diff",
        "status",
        "resume",
        "cancel",
        "new later",
        "renumber later 30",
        "stamp --why tests --dry-run",
        "db wait",
        "test 1",
    ] {
        run(line, 0);
    }
    run("show nobody", 2);
    let failed = run("apply --parameter behaviour=return_database_error", 1);
    let event = failed.stderr.lines().find(|line| line.contains("migration-failed")).expect("an event");
    let event: Value = serde_json::from_str(event).unwrap();
    let report = json(&failed);
    for field in ["kind", "message", "places", "causes", "hints"] {
        let of_report = match field {
            // The report also says where the database's URL comes from.
            "places" => Value::from(report["error"][field].as_array().unwrap()[1..].to_vec()),
            _ => report["error"][field].clone(),
        };
        assert_eq!(event["error"][field], of_report, "{field}");
    }
    assert_eq!(event["run_id"], report["run_id"]);
    assert!(event["time"].as_str().unwrap().ends_with('Z'), "{event}");

    // What an interrupted run leaves.
    let partial = project!();
    partial.sql("1_a", "-- runner:no-transaction\nCREATE TABLE a (id INTEGER);\nSELECT nothing;", "DROP TABLE a;");
    partial.runner("apply --format json").exits(6);
    fitted.extend(partial.runner("repair 1 --format json").succeeds().schemas());
    partial.write("migrations/1_a.up.sql", "-- runner:no-transaction\nCREATE TABLE a (id INTEGER);");
    partial.runner("apply --format json").succeeds();
    partial.write("migrations/1_a.up.sql", "-- runner:no-transaction\nCREATE TABLE a (id INTEGER); -- as it is");
    let accept = ["repair", "1", "--accept-checksum", "--why", "a comment", "--format", "json"];
    fitted.extend(partial.run(accept).succeeds().schemas());

    let author = project!();
    author.component("1_a", &runner_tests::guests::component("hostile")).settings("[grants.1_a]\nallow = []");
    for line in
        ["package 1 --name acme/a --version 1.0.0", "add acme_a_1.0.0.wasm", "outdated", "update", "remove acme/a"]
    {
        fitted.extend(author.runner(&format!("{line} --format json")).succeeds().schemas());
    }

    // Logins of components exist on PostgreSQL.
    let server = EngineProject::new(env!("CARGO_BIN_EXE_runner"), Engine::Postgres);
    server.component("1_a", &runner_tests::guests::component("hostile")).settings("[grants.1_a]\nallow = []");
    fitted.extend(server.runner("grants list --format json").succeeds().schemas());

    let fleet = shop();
    fleet.settings("[tenants]\nurl = 'sqlite:{tenant}.db?mode=rwc'\nnames = ['a', 'b']");
    for line in ["plan --all", "apply --all", "status --all"] {
        fitted.extend(fleet.runner(&format!("{line} --format json")).succeeds().schemas());
    }

    let all: BTreeSet<&str> = runner_tests::schema::schemas().keys().map(String::as_str).collect();
    assert_eq!(fitted, all);
}
