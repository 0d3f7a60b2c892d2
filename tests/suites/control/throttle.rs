//! Throttles of a transform.

use runner_tests::servers::Server;
use runner_tests::{for_each_engine, for_each_server};

use super::*;

for_each_engine! {
    fn rows_per_second_are_limited(engine) {
        let project = shop(engine);
        project.settings("[transform]\nmax_rows_per_second = 100");
        let begin = Instant::now();
        let output = project.runner("apply --format json --limit batch_rows=100");
        let took = begin.elapsed();
        output.succeeds();
        // 600 rows at 100 a second are six seconds; there is no wait after the last chunk. On a busy machine, a chunk has a second
        // before there is nothing to wait for.
        assert!(took >= Duration::from_millis(4400), "{took:?}");
        is_whole(&project);
        // A flag takes precedence over the file.
        project.runner("rollback --max-rows-per-second none").succeeds();
    }

    fn invalid_values_are_reported_before_anything_runs(engine) {
        let project = shop(engine);
        for (flags, says) in [
            ("--batch-delay 5", "invalid `batch_delay`: `5` is not a duration"),
            ("--batch-delay 0s", "invalid `batch_delay`: the duration must not be zero"),
            ("--max-rows-per-second 0", "invalid `max_rows_per_second`: it must be greater than 0"),
            ("--max-rows-per-second many", "`many` is not a non-negative integer"),
            ("--max-lag soon", "`soon` is not a duration"),
            ("--max-active-connections -1", ""),
        ] {
            let output = project.runner(&format!("apply {flags}"));
            output.exits(2).says(&["error: ", says, "hint: "]);
        }
        let variable = project.finish(project.command(["apply"]).env("RUNNER_MAX_LAG", "x"));
        variable.exits(2).says(&["from `RUNNER_MAX_LAG` in the environment"]);
        match engine {
            Engine::Sqlite => {
                for flag in ["--max-lag 5s", "--max-active-connections 5"] {
                    project.runner(&format!("apply {flag}")).exits(2).says(&["does not apply to SQLite"]);
                }
            }
            Engine::Mariadb => {
                project.runner("apply --max-lag 5s").exits(2).says(&["`replicas = [\"mysql://…\"]`"]);
                project.settings("[transform]\nmax_lag = \"5s\"\nreplicas = [\"postgres://x@127.0.0.1/y\"]");
                project.runner("apply").exits(2).says(&["is not a replica of a MariaDB server"]);
            }
            Engine::Postgres => {
                project.settings("[transform]\nmax_lag = \"5s\"\nreplicas = [\"postgres://x:secret@127.0.0.1:1/y\"]");
                let output = project.runner("apply");
                output.exits(1).says(&["replica: postgres://x:***@127.0.0.1:1/y"]).does_not_say(&["secret"]);
            }
        }
        assert_eq!(doubled(&project), 0);
        project.settings("").write("runner.toml", "[transform]\nmax_lag = 5\nbatch_delai = \"1s\"\n");
        project.runner("apply").exits(2).says(&[
            "`transform.max_lag` must be a string such as \"5s\"", "unknown key `batch_delai` in `[transform]`",
            "did you mean `batch_delay`?",
        ]);
    }
}

/// In a project for several databases, SQLite ignores limits that only apply to servers.
#[test]
fn limits_for_servers_in_the_file_are_ignored() {
    let project = shop(Engine::Sqlite);
    project.settings("[transform]\nmax_lag = \"5s\"\nmax_active_connections = 5\nreplicas = [\"mysql://a@b/c\"]");
    project.runner("apply").succeeds();
    is_whole(&project);
}

for_each_server! {
    /// A private server, because the activity of others counts.
    fn a_run_waits_for_a_busy_server(engine) {
        let server = Server::private(if engine == Engine::Postgres {
            runner_tests::servers::Kind::Postgres
        } else {
            runner_tests::servers::Kind::Mariadb
        })
        .start();
        let project = furnish(EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database()));
        let sleep = if engine == Engine::Postgres { "SELECT pg_sleep(600)" } else { "SELECT SLEEP(600)" };
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let mut session = project.server_database().client().session();
                session.send(sleep);
                session
            })
            .collect();
        let ask = match engine {
            Engine::Postgres => "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' \
                                 AND pid <> pg_backend_pid()",
            _ => "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)%' \
                  AND id <> connection_id()",
        };
        until("they are at work", || project.value(ask) == "4");
        let mut run = Apart::start(&project, "apply --max-active-connections 3");
        run.says("other sessions are active, and the limit is 3");
        let seen = until_run(&project, "it waits", |run| run["state"] == "waiting");
        assert_eq!(seen["held"]["reason"], "active-connections");
        assert_eq!(doubled(&project), 0);
        drop(busy);
        let end = match engine {
            Engine::Postgres => "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                                 WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
            _ => "SELECT 1",
        };
        project.server_database().sql(end);
        if engine == Engine::Mariadb {
            for id in project.rows("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)%'") {
                // The server may have noticed by itself that its client is gone.
                let _ = project.server_database().client().try_sql(&format!("KILL {id}"));
            }
        }
        let (code, said) = run.ends();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("resumed 0002"), "{said}");
        is_whole(&project);
    }
}

/// A run must not wait for itself. A private server, because the activity of others counts.
#[test]
fn the_workers_of_a_run_are_not_others() {
    let server = Server::private(runner_tests::servers::Kind::Postgres).start();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    // They keep the run's name whatever the URL calls its connections.
    let url = project.url();
    project.by(&format!("{url}?application_name=shop"));
    let project = furnish(project);
    // The first chunks are active until all workers are, and each for longer than the time between two looks.
    project.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_advisory_xact_lock_shared(7); PERFORM pg_sleep(1.2); RETURN NULL; END $$;
         CREATE TRIGGER slow AFTER UPDATE ON items FOR EACH STATEMENT EXECUTE FUNCTION slow()",
    );
    let mut gate = project.server_database().client().session();
    gate.run("SELECT pg_advisory_lock(7)");
    let run = Apart::start(
        &project,
        "apply --jobs 4 --limit batch_rows=50 --max-active-connections 2 --table-lock-timeout none",
    );
    until("several are at work", || {
        project.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted") == "4"
    });
    gate.run("SELECT pg_advisory_unlock(7)");
    let (code, said) = run.ends();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("waiting 0002"), "{said}");
    is_whole(&project);
}
