//! Rolling back partial upgrades.

use runner_tests::{Engine, for_each_engine, project};

use super::{dies_at, shop, shouted, state, until_free};

for_each_engine! {
    fn a_partial_upgrade_is_rolled_back(engine) {
        let project = shop(engine, "stumble = 41");
        let before = project.state();
        let output = project.runner("apply --jobs 1");
        output.exits(6).says(&["stumbled", "0002_halfway` is partial: ", "2 chunks of a transform (40 rows) took effect"]);
        output.says(&["hint: what took effect stays: 1 step and 2 chunks of a transform (40 rows); fix the cause"]);
        assert_eq!(shouted(&project), "40");
        project.runner("repair").prints(&["done:         1 step and 2 chunks of a transform (40 rows)\n"]);
        project.runner("status --exit-code").exits(6);
        project.runner("show 2").prints(&["2 chunks of a transform (40 rows) took effect"]);
        project.runner("plan --target -1").prints(&["downgrade", "its upgrade is incomplete: 1 step and 2 chunks of a transform"]);
        let output = project.runner("rollback");
        output.succeeds().says(&["its upgrade was interrupted: 1 step and 2 chunks", "rolled back 1 migration"]);
        assert_eq!(project.state(), before);
        project.runner("history").prints(&["partially applied", "rolled back"]);
        project.runner("show 2").prints(&["not completed", "rolled back:"]);
        project.runner("status --exit-code").exits(3);
        // Applying again with other parameters works.
        project.runner("apply -p stumble=0").succeeds();
        assert_eq!((shouted(&project).as_str(), state(&project).as_str()), ("70", "applied"));
    }

    fn statements_that_took_effect_are_named(engine) {
        let project = project!(engine);
        let text = "-- runner:no-transaction\nCREATE TABLE a (id INTEGER);\nINSERT INTO nowhere VALUES (1);";
        project.sql("0001_a", text, "DROP TABLE a;");
        project.runner("apply").exits(6).says(&["hint: what took effect stays: 1 of 2 statements; fix the cause"]);
        project.runner("show 1").prints(&["partial: 1 statement took effect\n"]);
        project.runner("repair").prints(&["took effect:  statement 1: CREATE TABLE a (id INTEGER)\n"]);
        let text = "its upgrade was interrupted: 1 statement took effect, and the downgrade starts from there";
        project.runner("rollback").succeeds().says(&[text]);
    }

    fn json_reports_what_is_committed(engine) {
        let project = shop(engine, "stumble = 41");
        let output = project.runner("apply --jobs 1 --format json");
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let failed = &document["failed"];
        assert_eq!((&failed["steps_done"], &failed["chunks_done"]), (&1.into(), &2.into()), "{failed}");
        assert_eq!(failed["chunk_rows"], 40);
        let plan = project.runner("plan --target -1 --format json");
        let document: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        assert_eq!(document["migrations"][0]["upgrade_steps_done"], 1, "{document}");
    }

    fn an_interrupted_rollback_continues(engine) {
        let project = shop(engine, "fail = true\nfail_down = true");
        let before = project.state();
        project.runner("apply --jobs 1").exits(6).says(&["nowhere", "took effect"]);
        project.runner("rollback").exits(6).says(&["nowhere", "runner rollback"]);
        assert_eq!(state(&project), "partly-rolled-back");
        project.runner("show 2").prints(&["partly-rolled-back", "not completed"]);
        project.runner("apply --jobs 1").exits(6).says(&["only partly done", "runner rollback"]);
        project.runner("plan --target -1").prints(&["downgrade from step 3", "its upgrade is incomplete: 3 steps took effect"]);
        project.execute("CREATE TABLE nowhere (a INTEGER)");
        project.runner("rollback").succeeds();
        project.execute("DROP TABLE nowhere");
        assert_eq!(project.state(), before);
        assert_eq!(state(&project), "rolled-back");
    }

    fn killed_during_rollback(engine) {
        let step = if engine == Engine::Sqlite { 1 } else { 3 };
        let mut killed = 0;
        for moment in (1..).step_by(step) {
            let project = shop(engine, "fail = true");
            let before = project.state();
            project.runner("apply --jobs 1").exits(6);
            let part = project.state();
            if !dies_at(&project, "rollback", moment) {
                assert!(moment > 8, "there are more moments than {moment}");
                break;
            }
            killed += 1;
            let line = match state(&project).as_str() {
                // Nothing has happened yet: both directions are possible.
                "partial" => {
                    assert_eq!(project.state(), part, "moment {moment}");
                    "plan"
                }
                "partly-rolled-back" => {
                    // Otherwise it says that a run is active.
                    until_free(&project);
                    "status --exit-code"
                }
                "rolled-back" => {
                    assert_eq!(project.state(), before, "moment {moment}");
                    continue;
                }
                other => panic!("moment {moment}: {other}"),
            };
            let output = project.runner(line);
            assert_eq!(output.exit_code(), Some(if line == "plan" { 0 } else { 6 }), "moment {moment}\n{output}");
            let output = project.runner("rollback");
            assert_eq!(output.exit_code(), Some(0), "moment {moment}\n{output}");
            assert_eq!((project.state(), state(&project).as_str()), (before, "rolled-back"), "moment {moment}");
        }
        assert!(killed > 2, "{killed}");
    }

    fn partial_sql_is_rolled_back(engine) {
        let project = shop(engine, "");
        let before = project.state();
        let up = "-- runner:no-transaction\n\
                  CREATE TABLE a (x INTEGER);\nINSERT INTO nowhere VALUES (1);\nCREATE TABLE b (x INTEGER);";
        std::fs::remove_file(project.file("migrations/0002_halfway.wasm")).unwrap();
        project.runner("build");
        project.sql("0003_tables", up, "-- runner:no-transaction\nDROP TABLE b;\nDROP TABLE a;");
        project.runner("apply --jobs 1").exits(6).says(&["1 of 3 statements took effect"]);
        let output = project.runner("rollback");
        output.exits(6).says(&["IF EXISTS", "0003_tables.down.sql", "`0003_tables` failed and stays partial"]);
        assert_eq!(state(&project), "partial");
        project.sql("0003_tables", up, "-- runner:no-transaction\nDROP TABLE IF EXISTS b;\nDROP TABLE a;");
        project.runner("rollback").succeeds();
        assert_eq!(project.state(), before);
    }
}

/// The upgrade is atomic, its downgrade is not: it is resumed as it began.
#[test]
fn a_partial_downgrade_of_an_atomic_upgrade_is_resumed() {
    let up = "CREATE TABLE a (i integer);";
    let down = "DROP TABLE a;\nVACUUM;\nDROP TABLE nope;";
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for in_one_file in [false, true] {
            let project = project!(engine);
            match in_one_file {
                false => project.sql("1_a", up, &format!("-- runner:no-transaction\n{down}")),
                true => project.write(
                    "migrations/1_a.sql",
                    format!("-- migrate:up\n{up}\n-- migrate:down transaction:false\n{down}\n"),
                ),
            };
            project.runner("apply").succeeds().says(&["applied 1_a"]);
            let output = project.runner("rollback");
            output.exits(6).says(&["2 of 3 statements took effect", "`runner rollback`"]);
            project.runner("repair").succeeds().prints(&["its downgrade is partial", "2 statements"]);
            project.execute("CREATE TABLE nope (i integer)");
            project.runner("rollback").succeeds().says(&["rolled back 1_a"]);
            project.runner("status --exit-code").exits(3);
        }
    }
}
