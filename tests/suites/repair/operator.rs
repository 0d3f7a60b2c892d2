//! How an operator resolves a step with an unknown outcome, and a revision that cannot continue.

use std::process::Stdio;

use runner_tests::{Engine, EngineProject, Running, for_each_engine, for_each_server, until};

use super::{component, dies_at, shop, state, told, tool, until_free};

/// A component that died in a call whose effect the database does not show. `took_effect` selects the crash point.
fn unknown(engine: Engine, took_effect: bool) -> EngineProject {
    for moment in 1..20 {
        let project = shop(engine, "odd = 'CALL bump()'");
        project.execute("CREATE TABLE counter (n INTEGER)");
        project.execute("INSERT INTO counter VALUES (0)");
        let body = "UPDATE counter SET n = n + 1";
        project.execute(&match engine {
            Engine::Postgres => format!("CREATE PROCEDURE bump() LANGUAGE sql AS $$ {body} $$"),
            _ => format!("CREATE PROCEDURE bump() {body}"),
        });
        assert!(dies_at(&project, "apply", moment), "there is no such moment");
        if state(&project) != "partial" {
            continue;
        }
        let shown = told(&project.runner("repair --format json"));
        let has_run = project.value("SELECT n FROM counter") == "1";
        if shown["unknown"]["waits"] == true && has_run == took_effect {
            // A repair does not wait for it.
            until_free(&project);
            return project;
        }
    }
    panic!("there is no such moment");
}

fn note(project: &EngineProject) -> String {
    project.value("SELECT entry FROM notes WHERE id = 1")
}

for_each_server! {
    fn a_step_without_effect_is_retried(engine) {
        let project = unknown(engine, false);
        project.runner("apply").exits(6).says(&["it is unknown whether step 2 of `0002_halfway` took effect", "runner repair 0002"]);
        let shown = project.runner("repair 2");
        shown.succeeds().prints(&["CALL bump()", "step 2", "--retry", "--mark-done", "--skip", "--as-applied", "last run:", "bump", "does not show whether it took effect"]);
        assert_eq!(project.runner("repair").stdout, shown.stdout);
        assert_eq!(state(&project), "partial");
        let output = project.runner("repair 2 --retry --why looked");
        output.succeeds().says(&["recorded", "retry of step 2", "runner apply"]);
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT n FROM counter"), "1");
    }

    fn a_completed_step_is_recorded_with_its_rows(engine) {
        let project = unknown(engine, true);
        let document = told(&project.run(["repair", "2", "2", "--mark-done", "--rows-affected", "5", "--why", "n is 1", "--format", "json"]));
        assert_eq!(document["recorded"]["rows_affected"], 5, "{document}");
        project.runner("apply").succeeds();
        assert_eq!((project.value("SELECT n FROM counter").as_str(), note(&project).as_str()), ("1", "odd: 5 rows"));
        // The reason is recorded.
        project.runner("history").prints(&["repaired: mark-done of step 2", "why: n is 1"]);
        project.runner("show 2").prints(&["mark-done of step 2, rows affected: 5", "n is 1"]);
        let shown: serde_json::Value = serde_json::from_str(&project.runner("show 2 --format json").stdout).unwrap();
        assert_eq!(shown["runs"][0]["repairs"][0]["why"], "n is 1", "{shown}");
        // The rollback finds nothing unusual.
        project.runner("rollback").succeeds();
    }

    fn an_unwanted_step_is_skipped(engine) {
        let project = unknown(engine, false);
        project.runner("repair 2 --skip --why unwanted").succeeds();
        project.runner("apply").succeeds();
        assert_eq!((project.value("SELECT n FROM counter").as_str(), note(&project).as_str()), ("0", "odd: 0 rows"));
    }

    fn an_unknown_outcome_can_be_rolled_back(engine) {
        let project = unknown(engine, true);
        project.runner("plan --target -1").prints(&["its upgrade is incomplete: 1 step, and perhaps step 2"]);
        project.runner("rollback").succeeds().says(&["perhaps step 2"]);
        assert_eq!(state(&project), "rolled-back");
    }
}

for_each_engine! {
    fn meaningless_repairs_are_refused(engine) {
        let project = shop(engine, "fail = true");
        project.runner("repair").exits(2).says(&["no revision is partial", "hint:"]);
        project.runner("repair 1 --as-applied --why x").exits(2).says(&["`0001_items` is applied and not partial"]);
        project.runner("repair 2 --retry --why x").exits(2).says(&["`0002_halfway` is pending and not partial"]);
        project.runner("apply").exits(6);
        for (line, says) in [
            ("repair 2 --retry", "requires a reason"),
            ("repair 2 --retry --why x", "no step of `0002_halfway` is unknown"),
            ("repair 2 3 --skip --why x", "no step of `0002_halfway` is unknown"),
            ("repair 2 3", "a step requires an action"),
            ("repair 2 3 --as-applied --why x", "concerns all of `0002_halfway`"),
            ("repair --as-applied --why x", "requires a revision"),
            ("repair 2 --retry --skip --why x", "cannot be used with"),
            ("repair 2 --retry --rows-affected 3 --why x", "cannot be used with `--rows-affected <N>`"),
            ("repair 2 --rows-affected 3", "--mark-done"),
            ("repair 2 --why x", "required"),
            ("repair 1 --as-applied --why x", "is applied and not partial"),
            ("repair 7 --as-applied --why x", "begins with `7`"),
        ] {
            project.runner(line).exits(2).says(&[says, "hint:"]);
        }
        project.run(["repair", "2", "--as-applied", "--why", "  "]).exits(2).says(&["requires a reason"]);
        assert_eq!(project.value(&format!("SELECT count(*) FROM {}", tool(&project, "repair"))), "0");
        assert_eq!(state(&project), "partial");
    }

    fn a_revision_without_its_artifact_is_resolved_by_hand(engine) {
        let project = shop(engine, "fail = true");
        let before = project.state();
        project.runner("apply").exits(6);
        let mut other = component().to_vec();
        other.extend([0, 2, 1, b'x']);
        project.component("0002_halfway", &other);
        project.runner("apply").exits(6).says(&["the corrected build, sha256"]);
        project.execute("DROP TABLE notes");
        project.execute("UPDATE items SET name = lower(name)");
        let output = project.run(["repair", "2", "--as-not-applied", "--why", "its build is lost"]);
        output.succeeds().says(&["`0002_halfway` is not applied"]);
        assert_eq!(project.state(), before);
        project.runner("status --exit-code").exits(3);
        project.runner("show 2").prints(&["as-not-applied", "its build is lost", "not completed"]);
        project.runner("history").prints(&["partially applied", "repaired: as-not-applied", "why: its build is lost", "rolled back"]);
        project.runner("apply -p fail=false").succeeds();
        project.runner("rollback").succeeds();
        // The other action.
        project.runner("apply").exits(6);
        project.execute("INSERT INTO notes VALUES (3, 'the end')");
        project.component("0002_halfway", component());
        project.run(["repair", "halfway", "--as-applied", "--why", "done by hand"]).succeeds();
        project.runner("status --exit-code").succeeds();
        project.runner("apply").succeeds().says(&["nothing to do"]);
        project.runner("rollback").succeeds();
        assert_eq!(project.state(), before);
    }

    fn another_migration_is_not_recorded_as_applied(engine) {
        let project = shop(engine, "fail = true");
        project.runner("apply").exits(6);
        let row = || project.rows(&format!("SELECT name, sha256, state FROM {} ORDER BY id", tool(&project, "history")));
        let before = row();
        let repair = || project.run(["repair", "2", "--as-applied", "--why", "done by hand"]);
        // A merge has put another one in its place.
        std::fs::rename(project.file("migrations/0002_halfway.wasm"), project.file("migrations/0003_halfway.wasm")).unwrap();
        project.sql("0002_other", "CREATE TABLE other (a INTEGER);", "DROP TABLE other;");
        let hint = "`runner renumber 0002_other`";
        repair().exits(2).says(&["`0002_other` is a different migration from `0002_halfway`", hint, "the name `0002_halfway`"]);
        assert_eq!(row(), before);
        // The same name on something else.
        for file in ["0002_other.up.sql", "0002_other.down.sql", "0003_halfway.wasm"] {
            std::fs::remove_file(project.file(&format!("migrations/{file}"))).unwrap();
        }
        project.sql("0002_halfway", "CREATE TABLE other (a INTEGER);", "DROP TABLE other;");
        repair().exits(2).says(&["has the kind `component` in the history and `sql` in the project", "hint: restore"]);
        assert_eq!(row(), before);
        // Without it, what was begun is what counts.
        for file in ["0002_halfway.up.sql", "0002_halfway.down.sql"] {
            std::fs::remove_file(project.file(&format!("migrations/{file}"))).unwrap();
        }
        repair().succeeds();
        assert_eq!(row().last(), before.last().map(|row| row.replace("partial", "applied")).as_ref());
    }

    fn an_active_run_is_not_repaired(engine) {
        let odd = match engine {
            Engine::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            Engine::Postgres => "SELECT pg_sleep(60)",
            Engine::Mariadb => "SELECT sleep(60)",
        };
        let project = shop(engine, &format!("odd = '{odd}'"));
        let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
        let journal = engine.history_table().replace("runner_history", "runner_journal");
        let done = format!("SELECT count(*) FROM {journal} WHERE kind = 'execute' AND state = 'done' AND effect = 1");
        // A run that is stopped before its first effect leaves nothing to repair.
        until("the run begins", || state(&project) == "partial" && project.value(&done) != "0");
        if engine == Engine::Mariadb {
            // Until then its session is named.
            until("the run has a row", || project.value("SELECT count(*) FROM runner_progress") != "0");
        }
        let output = project.runner("repair 2 --as-not-applied --why impatient");
        output.exits(5).says(&["a repair does not wait", &run.id().to_string()]);
        assert_eq!(state(&project), "partial");
        run.signal("INT");
        run.wait().unwrap();
        project.runner("repair 2 --as-not-applied --why impatient").succeeds();
    }
}
