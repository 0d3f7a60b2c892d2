//! Runs in a single transaction, and long statements.

use runner_tests::{for_each_server, project};

use super::*;

fn turn() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("turn"))
}

/// A transform in one transaction.
fn turning(engine: Engine) -> EngineProject {
    let project = project!(engine);
    let table = format!(
        "CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL);\n\
         INSERT INTO things (id, name) SELECT i, 'thing' FROM ({}) AS n;",
        engine.numbers(50)
    );
    project
        .sql("0001_things", &table, "DROP TABLE things;")
        .component("0002_turn", turn())
        .settings(&format!("{CHUNKS}[parameters]\nsource = \"things\"\n"));
    project.runner("apply --target 1").succeeds();
    project
}

fn throttles_are_refused_or_ignored(engine: Engine) {
    let project = turning(engine);
    let refused = project.runner("apply --batch-delay 10ms");
    refused.exits(2).says(&["`--batch-delay` cannot be applied", "one transaction", "transform: shout", "stepwise"]);
    assert_eq!(project.value("SELECT count(*) FROM things WHERE name = 'THING'"), "0");
    project.settings("[transform]\nbatch_delay = \"10ms\"");
    project.runner("apply").succeeds().says(&["warning", "`[transform]` are ignored"]);
    assert_eq!(project.value("SELECT count(*) FROM things WHERE name = 'THING'"), "50");
}

#[test]
fn throttles_are_refused_or_ignored_on_sqlite() {
    throttles_are_refused_or_ignored(Engine::Sqlite);
}

#[test]
fn throttles_are_refused_or_ignored_on_postgres() {
    throttles_are_refused_or_ignored(Engine::Postgres);
}

/// A migration in SQL with one long statement.
fn lasting(engine: Engine) -> EngineProject {
    let project = project!(engine);
    let last = match engine {
        Engine::Sqlite => {
            "CREATE TABLE long AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) \
             SELECT count(*) AS n FROM n"
        }
        Engine::Postgres => "CREATE TABLE long AS SELECT pg_sleep(600)::text AS slept",
        Engine::Mariadb => "UPDATE first SET id = id + SLEEP(600)",
    };
    project.sql("0001_a", "CREATE TABLE first (id INTEGER NOT NULL PRIMARY KEY);\nINSERT INTO first VALUES (1);", "");
    project.runner("apply").succeeds();
    project.sql("0002_long", &format!("INSERT INTO first VALUES (2);\n{last};"), "");
    project
}

for_each_server! {
    fn a_long_statement_is_cancelled(engine) {
        let project = lasting(engine);
        let run = Apart::start(&project, "apply");
        let seen = until_run(&project, "it runs", |run| run["state"] == "running" && run["statement"] == 2);
        assert_eq!((&seen["revision"], &seen["statements"]), (&"0002".into(), &2.into()));
        project.runner("status").prints(&["  upgrade", ", statement 2 of 2"]);
        if engine == Engine::Postgres {
            assert_eq!(seen["mode"], "atomic");
            project.runner("pause").exits(1).says(&["keep its transaction open", "hint: `runner cancel` stops it", "stepwise"]);
            assert_eq!(status(&project)["pauses"].as_array().map(Vec::len), Some(0));
        }
        project.run(["cancel", "--why", "it blocks the shop"]).succeeds();
        let (code, said) = run.ends();
        assert_eq!(code, Some(143), "{said}");
        assert!(said.contains("cancelled by `runner cancel`") && said.contains(": it blocks the shop"), "{said}");
        let rows = if engine == Engine::Postgres { "1" } else { "2" };
        assert_eq!(project.value("SELECT count(*) FROM first"), rows);
        if engine == Engine::Postgres {
            assert_eq!(runs(&project).len(), 0, "nothing of it is left");
        }
    }
}

/// Where nothing is drawn, such as in CI, a long statement must not look like a run that hangs.
#[test]
fn a_long_statement_shows_that_it_runs() {
    let projects = [lasting(Engine::Sqlite), lasting(Engine::Sqlite)];
    let [mut text, mut json] = [(&projects[0], "apply"), (&projects[1], "apply --format json")]
        .map(|(project, line)| Apart::start(project, line));
    text.says("running 0002_long (");
    text.says(", statement 2 of 2)");
    json.says(r#""event":"running","revision":"0002","name":"long","duration_ms":"#);
    json.says(r#","statement":2,"statements":2}"#);
    assert_eq!(text.ends_by("TERM").0, Some(143));
    assert_eq!(json.ends_by("TERM").0, Some(143));
}

/// The transaction locks the file, so only the process itself can be reached.
#[test]
fn a_transaction_on_sqlite_cannot_be_controlled() {
    let project = lasting(Engine::Sqlite);
    let run = Apart::start(&project, "apply");
    until("it runs", || status(&project)["lock_holder_at"]["statement"] == 2);
    assert_eq!(status(&project)["lock_holder_at"]["revision"], "0002");
    project.runner("status").prints(&[
        "running `runner apply` of ",
        "0002_long: upgrade in a single transaction, statement 2 of 2; nothing is committed yet",
    ]);
    let url = format!("sqlite://{}?busy_timeout=100", project.file("runner.db").display());
    until("its transaction has begun", || project.run(["cancel", "-D", &url]).exit_code() == Some(5));
    for verb in ["cancel", "pause"] {
        let output = project.run([verb, "-D", &url]);
        let hint = format!("hint: `kill -TERM {}` on its host stops it", run.child.id());
        output.exits(5).says(&["its transaction locks the database file", "run: `runner apply` of ", &hint]);
    }
    let (code, said) = run.ends_by("TERM");
    assert_eq!(code, Some(143), "{said}");
    assert_eq!(project.value("SELECT count(*) FROM first"), "1");
}
