//! `pause`, `resume` and `cancel`.

use runner_tests::servers::Kind;
use runner_tests::{for_each_engine, for_each_server, project};

use super::*;

/// Waits until the row of a run says who holds the lock.
fn until_named(project: &TestProject) {
    until("the holder is named", || {
        status(project)["lock_holder"].as_str().is_some_and(|it| it.starts_with("`runner "))
    });
}

/// Whether an open transaction could block anything. PostgreSQL's lock of a run is a transaction, but blocks nothing
/// else.
fn has_open_transaction(project: &EngineProject) -> bool {
    match project.engine() {
        Engine::Sqlite => {
            let database = project.open("runner.db");
            database.busy_timeout(Duration::ZERO).unwrap();
            database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
        }
        Engine::Postgres => {
            let ask = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND application_name LIKE 'runner:%' AND xact_start IS NOT NULL";
            project.value(ask) != "0"
        }
        Engine::Mariadb => !project.server_database().client().innodb_transactions().is_empty(),
    }
}

for_each_engine! {
    fn a_paused_run_waits_until_it_is_resumed(engine) {
        let project = shop(engine);
        let run = Apart::start(&project, "apply --batch-delay 300ms");
        until_run(&project, "rows are done and counted", |run| {
            run["rows_done"].as_u64() > Some(0) && run["rows_total"] == ROWS && run["state"] != "lost"
        });
        let paused = project.run(["pause", "--why", "month end"]);
        paused.succeeds().says(&["paused: `runner apply` of ", "waits before its next chunk", "hint: `runner resume`"]);
        until_run(&project, "it waits", |run| run["state"] == "waiting" && run["held"]["reason"] == "paused");
        // It writes that it waits, once a second.
        until("no transaction stays open", || !has_open_transaction(&project));
        let done = doubled(&project);
        assert!((1..ROWS).contains(&done), "{done}");
        project.runner("status").succeeds().prints(&[
            "partial", "waiting 0002_paced: `runner apply` of ", "raise: ", " of 600 rows (", "paused since ", "(month end)",
            "paused for ", "`runner resume` ends the pause",
        ]);
        let seen = status(&project);
        assert_eq!(seen["pauses"][0]["why"], "month end");
        assert_eq!(seen["runs"][0]["rows_done"], done, "what is told is what is done");
        assert!(seen["lock_holder"].as_str().unwrap().contains("`runner apply` of "), "{seen}");
        project.runner("pause").succeeds().says(&["already paused since ", "(month end)"]);
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(doubled(&project), done, "a paused run went on");
        project.runner("resume").succeeds().says(&["resumed (paused since ", "continues"]);
        let (code, said) = run.ends();
        assert_eq!(code, Some(0), "{said}");
        for text in ["waiting 0002: paused since ", "hint: `runner resume` ends the pause", "resumed 0002", "applied 0002_paced"] {
            assert!(said.contains(text), "`{text}` is missing:\n{said}");
        }
        is_whole(&project);
        assert_eq!(runs(&project).len(), 0);
        project.runner("resume").succeeds().says(&["nothing is paused"]);
    }

    fn a_cancelled_run_is_resumed_by_the_next(engine) {
        let project = shop(engine);
        let run = Apart::start(&project, "apply --batch-delay 2s");
        until_run(&project, "rows are done, and counted", |run| {
            run["rows_done"].as_u64() > Some(0) && run["rows_total"] == ROWS && run["state"] != "lost"
        });
        let cancelled = project.run(["cancel", "--why", "too slow", "0002"]);
        cancelled.succeeds().says(&["cancelled: `runner apply` of ", "stops at its next safe point"]);
        let (code, said) = run.ends();
        assert_eq!(code, Some(143), "{said}");
        for text in ["error: cancelled by `runner cancel`", "caused by: by ", ": too slow", "is partial"] {
            assert!(said.contains(text), "`{text}` is missing:\n{said}");
        }
        let done = doubled(&project);
        assert!((1..ROWS).contains(&done), "{done}");
        is_sound(&project);
        let ended = until_run(&project, "it ended", |run| run["state"] == "ended");
        assert_eq!((ended["rows_done"].as_u64(), ended["rows_total"].as_u64()), (Some(done), Some(ROWS)));
        project.runner("status").prints(&["stopped 0002_paced", "why: cancelled by", "too slow", "`runner apply` continues"]);
        // The request was for that run only.
        let resumed = project.runner("apply --format json");
        let resumed: serde_json::Value = serde_json::from_str(&resumed.succeeds().stdout).unwrap();
        let resumed = &resumed["applied"][0];
        assert_eq!(resumed["rows_written"], ROWS - done, "what this run itself wrote: {resumed}");
        is_whole(&project);
        project.runner("cancel").succeeds().says(&["nothing to cancel: no run is active"]);
        // A rollback is controlled like any other run.
        let run = Apart::start(&project, "rollback --batch-delay 2s");
        until_run(&project, "rows are done", |run| run["rows_done"].as_u64() > Some(0) && run["direction"] == "downgrade");
        project.runner("cancel").succeeds();
        assert_eq!(run.ends().0, Some(143));
        project.runner("rollback").succeeds();
        assert_eq!(doubled(&project), 0);
    }

    /// As far as it was seen alive: a run that is killed cannot tell how long it took.
    fn history_counts_the_time_of_a_killed_run(engine) {
        let project = shop(engine);
        let run = Apart::start(&project, "apply --batch-delay 2s");
        let schema = if engine == Engine::Postgres { "runner." } else { "" };
        let seen = &format!("SELECT coalesce(max(beat_at - began_at), 0) FROM {schema}runner_progress");
        let time = |ask: &str| project.value(ask).parse::<u64>().unwrap();
        until("it was seen for a while, with rows done", || time(seen) > 1500 && doubled(&project) > 0);
        run.ends_by("KILL");
        let lost = time(seen);
        let done = doubled(&project);
        assert!((1..ROWS).contains(&done), "{done}");
        // Not even a run that fails at once forgets it.
        let settings = project.read("runner.toml");
        project.write("runner.toml", settings.replace(CHUNKS, "[limits]\nbatch_rows = 10\nfuel = 1\n"));
        assert_ne!(project.runner("apply").exit_code(), Some(0));
        project.write("runner.toml", settings);
        project.runner("apply").succeeds();
        is_whole(&project);
        let counted = time(&format!("SELECT duration_ms FROM {schema}runner_history WHERE revision = '0002'"));
        assert!(counted > lost, "{counted} ms, of which the killed run had {lost}");
        assert!(counted < 2 * lost + 600_000, "{counted} ms");
    }

    fn a_command_that_is_kept_waiting_says_by_whom(engine) {
        let project = shop(engine);
        project.runner("pause").succeeds();
        let mut run = Apart::start(&project, "apply");
        run.says("waiting 0002: paused since ");
        until_named(&project);
        project.sql("0001_items", &format!("{} -- edited", items(engine)), "DROP TABLE items;");
        project.runner("build").succeeds();
        let mut command = project.command(["repair", "1", "--accept-checksum", "--why", "a comment"]);
        project.finish(command.env("RUNNER_LOCK_TIMEOUT", "300ms")).exits(5).says(&[
            "waiting for the lock, held by `runner apply` of ",
            "hint: wait until that run ends, or wait longer with `--lock-timeout` or `RUNNER_LOCK_TIMEOUT`",
        ]);
        // This one does not wait, so it cannot wait longer.
        project.runner("db drop --yes").exits(5).does_not_say(&["--lock-timeout"]);
        assert_eq!(run.ends_by("TERM").0, Some(143));
    }

    fn status_and_waiting_runs_show_the_pause(engine) {
        let project = shop(engine);
        let paused = project.runner("pause");
        paused.succeeds().says(&["paused: no run is active; the next one will wait"]);
        project.runner("status").prints(&["paused for ", "`runner resume` ends the pause"]);
        let mut run = Apart::start(&project, "apply");
        run.says("waiting 0002: paused since ");
        run.says("hint: `runner resume` ends the pause");
        // It holds the lock while it waits.
        until("the lock is held", || status(&project)["lock_holder"].is_string());
        let (code, said) = run.ends_by("TERM");
        assert_eq!(code, Some(143), "{said}");
        assert!(said.contains("stopped by a request to terminate"), "{said}");
        assert_eq!(doubled(&project), 0);
        // A pause of one migration does not affect others.
        project.runner("resume").succeeds();
        project.runner("pause 0001").succeeds();
        project.runner("apply").succeeds();
        project.runner("resume 0002").succeeds().says(&["`0002` is not paused on its own", "0001 is still paused"]);
        let seen = status(&project);
        assert_eq!(seen["pauses"][0]["revision"], "0001");
        project.runner("resume").succeeds();
        is_whole(&project);
    }

    fn a_signal_ends_a_waiting_run(engine) {
        let project = shop(engine);
        // At two rows per second, the next chunk is seconds away.
        let run = Apart::start(&project, "apply --max-rows-per-second 2");
        until("rows are done", || doubled(&project) > 0);
        until_run(&project, "it says why it waits", |run| run["held"]["reason"] == "max-rows-per-second");
        let (code, said) = run.ends_by("TERM");
        assert_eq!(code, Some(143), "{said}");
        let before = doubled(&project);
        let run = Apart::start(&project, "apply --batch-delay 1h");
        until("rows are done", || doubled(&project) > before);
        let (code, said) = run.ends_by("INT");
        assert_eq!(code, Some(130), "{said}");
        let run = Apart::start(&project, "apply --batch-delay 2s");
        until_run(&project, "it runs", |run| run["state"] == "running" || run["held"]["reason"] == "batch-delay");
        project.runner("pause").succeeds();
        until_run(&project, "it waits", |run| run["state"] == "waiting" && run["held"]["reason"] == "paused");
        let (code, said) = run.ends_by("TERM");
        assert_eq!(code, Some(143), "{said}");
        // Completed work is kept, and the lock is free.
        is_sound(&project);
        project.runner("resume").succeeds();
        project.runner("apply").succeeds();
        is_whole(&project);
    }

    fn no_run_to_control(engine) {
        let project = project!(engine);
        for verb in ["pause", "resume", "cancel"] {
            let output = project.runner(verb);
            output.exits(1).says(&[&format!("no run to {verb}: nothing has been applied to this database"), "hint:"]);
        }
        if engine == Engine::Sqlite {
            assert!(!project.file("runner.db").exists());
        }
        assert!(!project.has_history());
        let project = shop(engine);
        project.runner("cancel").succeeds().says(&["no run is active"]);
        project.runner("resume").succeeds().says(&["nothing is paused"]);
        project.runner("pause 0009").exits(2).says(&["no revision or name begins with `0009`"]);
        let json = project.runner("pause 0002 --why x --format json");
        let json: serde_json::Value = serde_json::from_str(&json.succeeds().stdout).unwrap();
        assert_eq!((json["command"].as_str(), json["changed"].as_bool()), (Some("pause"), Some(true)));
        assert_eq!((&json["revision"], &json["pauses"][0]["why"]), (&"0002".into(), &"x".into()));
    }
}

for_each_server! {
    fn a_read_only_user_cannot_control_runs(engine) {
        let project = shop(engine);
        let database = project.server_database();
        let user = format!("reader_{}", &database.name()[12..24]);
        match database.kind() {
            Kind::Postgres => database.sql(&format!(
                "CREATE ROLE {user} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA runner, public TO {user}; \
                 GRANT SELECT ON ALL TABLES IN SCHEMA runner TO {user}"
            )),
            Kind::Mariadb => database.sql(&format!(
                "CREATE USER '{user}'@'%' IDENTIFIED BY 'x'; GRANT SELECT ON `{}`.* TO '{user}'@'%'",
                database.name()
            )),
        };
        let url = database.url_as(&user, "x");
        project.run(["status", "-D", &url]).succeeds();
        project.run(["pause", "-D", &url]).exits(7).says(&["runner_control", "hint: "]);
        assert_eq!(status(&project)["pauses"].as_array().map(Vec::len), Some(0));
        match database.kind() {
            Kind::Postgres => database.sql(&format!("DROP OWNED BY {user}; DROP ROLE {user}")),
            Kind::Mariadb => database.sql(&format!("DROP USER '{user}'@'%'")),
        };
    }
}

for_each_server! {
    /// While a run executes a statement, nobody knows whether it took effect; but the run is alive.
    fn a_statement_that_another_run_executes_is_waited_for(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        let (waits, call, hold) = match engine {
            Engine::Postgres => (
                "SELECT 1;",
                "-- runner:no-transaction\n\
                 DO $$ BEGIN PERFORM pg_advisory_lock(7); COMMIT; PERFORM pg_advisory_unlock(7); END $$;",
                "SELECT pg_advisory_lock(7)",
            ),
            _ => (
                "DELIMITER //\nCREATE PROCEDURE p() BEGIN DO GET_LOCK(concat(database(), '.p'), 600); END//",
                "CALL p();",
                "SELECT GET_LOCK(concat(database(), '.p'), 0)",
            ),
        };
        project.sql("1_p", waits, "SELECT 1;").sql("2_call", call, "SELECT 1;");
        // Its statement waits for as long as the rest takes.
        project.settings("[database]\ntable_lock_timeout = \"none\"");
        project.runner("apply --target 1").succeeds();
        let mut holder = project.server_database().client().session();
        holder.run(hold);
        let first = Apart::start(&project, "apply");
        until("the statement has begun", || project.runner("status").stdout.contains("partial"));
        until_named(&project);
        // Nothing that somebody has to deal with.
        project.runner("status --exit-code").exits(3);
        project.runner("plan").succeeds().prints(&["2_call"]).says(&["`runner apply` of ", " is under way"]);
        let mut second = Apart::start(&project, "apply");
        second.says("waiting for the lock, held by `runner apply` of ");
        drop(holder);
        for run in [first, second] {
            let (code, said) = run.ends();
            assert_eq!(code, Some(0), "{said}");
        }
        project.runner("status --exit-code").succeeds();
    }
}

/// A run that ends while the command waits for its transactions cannot be cancelled any more.
#[test]
fn a_run_that_ended_in_the_meantime_is_not_cancelled() {
    let project = shop(Engine::Sqlite);
    for (command, says) in
        [("cancel", "nothing to cancel: "), ("pause", "paused: no run is active; the next one will wait")]
    {
        let run = Apart::start(&project, "apply --batch-delay 2s");
        until_run(&project, "rows are done", |run| run["rows_done"].as_u64() > Some(0) && run["state"] != "lost");
        let database = project.open("runner.db");
        database.busy_timeout(EVER).unwrap();
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        let order = Apart::start(&project, &format!("{command} -D sqlite://runner.db?busy_timeout=600000"));
        // It sees the run, and waits. If it did not get so far, there is no run to see, which is said in the same words.
        std::thread::sleep(Duration::from_millis(1500));
        run.ends_by("KILL");
        database.execute_batch("COMMIT").unwrap();
        let (code, said) = order.ends();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(says), "`{says}` is missing:\n{said}");
    }
}
