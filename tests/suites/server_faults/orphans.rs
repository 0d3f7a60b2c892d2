//! The run is gone without the server noticing: its statement continues.

use std::process::Stdio;

use runner_tests::servers::Bouncer;
use runner_tests::{Engine, EngineProject, Running, for_each_server, project, until};

/// A project whose second migration has a long statement whose repetition can be detected.
pub fn slow(engine: Engine, seconds: u32) -> EngineProject {
    let project = project!(engine);
    let statement = match engine {
        Engine::Postgres => format!("UPDATE counters SET n = n + 1 WHERE pg_sleep({seconds}) IS NOT NULL;"),
        _ => format!("UPDATE counters SET n = n + 1 WHERE SLEEP({seconds}) = 0;"),
    };
    project
        .sql(
            "0001_counters",
            "CREATE TABLE counters (n INTEGER NOT NULL);\nINSERT INTO counters VALUES (0);",
            "DROP TABLE counters;",
        )
        .sql("0002_count", &statement, "UPDATE counters SET n = n - 1;");
    project.runner("apply --target 1").succeeds();
    project
}

/// Starts a run and kills it during its statement.
pub fn orphan(project: &EngineProject) {
    let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
    until("its statement lasts", || project.sleeps());
    run.kill().unwrap();
    run.wait().unwrap();
}

pub fn applied_once(project: &EngineProject) {
    assert_eq!(project.value("SELECT n FROM counters"), "1");
    assert_eq!(project.history(), ["0001", "0002"]);
    assert!(!project.sleeps(), "the orphan goes on");
}

for_each_server! {
    /// Its statement ends while the next run waits for it, or is killed by that, whichever comes first.
    fn the_next_run_waits_for_an_orphan_or_kills_it(engine) {
        let project = slow(engine, 3600);
        orphan(&project);
        let project = faster(project);
        let mut next = Running::start(project.command(["apply"]).stderr(Stdio::null()));
        let client = project.server_database().client();
        let sleeping = match engine {
            Engine::Postgres => {
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
            }
            _ => "SELECT concat('KILL QUERY ', id) FROM information_schema.processlist WHERE state = 'User sleep' AND db = database()",
        };
        for end in client.try_sql(sleeping).unwrap().iter().filter(|it| it.starts_with("KILL")) {
            let _ = client.try_sql(end);
        }
        assert!(next.wait().unwrap().success());
        applied_once(&project);
    }

    /// An orphan that would run for longer than any timeout.
    fn a_long_orphan_is_killed(engine) {
        let mut project = slow(engine, 3600);
        orphan(&project);
        project = faster(project);
        project.runner("apply").succeeds();
        applied_once(&project);
    }

    /// A run that is stopped leaves no orphan in the first place.
    fn a_signal_ends_the_statement_too(engine) {
        let project = slow(engine, 3600);
        let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
        until("its statement lasts", || project.sleeps());
        run.signal("TERM");
        let code = run.wait().unwrap().code();
        assert!(matches!(code, Some(143 | 6)), "{code:?}");
        assert!(!project.sleeps(), "the statement goes on");
        assert_eq!(project.value("SELECT n FROM counters"), "0");
        let project = faster(project);
        project.runner("apply").succeeds();
        applied_once(&project);
    }
}

/// The same project, with a fast statement.
pub fn faster(project: EngineProject) -> EngineProject {
    project.sql("0002_count", "UPDATE counters SET n = n + 1;", "UPDATE counters SET n = n - 1;");
    project
}

#[test]
fn behind_pgbouncer() {
    let mut project = slow(Engine::Postgres, 3600);
    let bouncer = Bouncer::start(runner_tests::servers::postgres(), 5);
    let url = project.server_database().url_at(bouncer.port());
    project.by(&url);
    orphan(&project);
    let project = faster(project);
    project.runner("apply").succeeds();
    applied_once(&project);
}
