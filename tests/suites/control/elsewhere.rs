//! Runs that are cancelled while no migration of theirs is under way: during a backup, and in a dry run.

use runner_tests::{for_each_engine, for_each_server, project};

use super::*;

/// A project whose second migration is pending.
fn pending(engine: Engine, second: &str) -> EngineProject {
    let project = project!(engine);
    project.sql("0001_a", "CREATE TABLE first (id INTEGER NOT NULL PRIMARY KEY);\nINSERT INTO first VALUES (1);", "");
    project.runner("apply").succeeds();
    project.sql("0002_b", second, "");
    project
}

#[track_caller]
fn is_cancelled(run: Apart, why: &str) {
    let (code, said) = run.ends();
    assert_eq!(code, Some(143), "{said}");
    assert!(said.contains("cancelled by `runner cancel`") && said.contains(&format!(": {why}")), "{said}");
}

for_each_engine! {
    fn a_backup_is_cancelled(engine) {
        let project = pending(engine, "INSERT INTO first VALUES (2);");
        project.settings("[backup]\nto = \"kept\"\ncommand = [\"sh\", \"-c\", \"echo $$ > pid; exec sleep 600\"]");
        for scope in [&[][..], &["0002"]] {
            let run = Apart::start(&project, "apply");
            until("the backup has begun", || project.file("pid").exists());
            let cancelled = project.run([&["cancel", "--why", "not now"], scope].concat());
            // MariaDB names the session until the run has a row of its own.
            let who = if engine == Engine::Mariadb { "cancelled: connection " } else { "cancelled: `runner apply` of " };
            cancelled.succeeds().says(&[who, "stops at its next safe point"]);
            is_cancelled(run, "not now");
            assert_eq!(project.history(), ["0001"]);
            assert!(!project.file("kept").exists());
            std::fs::remove_file(project.file("pid")).unwrap();
        }
        // The requests were for those runs only, and not for other migrations.
        project.runner("apply --backup none").succeeds();
        assert_eq!(project.history(), ["0001", "0002"]);
        project.sql("0003_c", "INSERT INTO first VALUES (3);", "");
        let run = Apart::start(&project, "apply");
        until("the backup has begun", || project.file("pid").exists());
        project.runner("cancel 0002").succeeds();
        // It looks once a second.
        std::thread::sleep(Duration::from_millis(2500));
        project.run(["cancel", "--why", "at last"]).succeeds();
        is_cancelled(run, "at last");
    }
}

/// Whether the statement of the dry run that is cancelled is at work, in any database of MariaDB.
const ON_COPY: &str = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep' \
                       AND info LIKE 'UPDATE first SET id = id + SLEEP(601)%'";

for_each_server! {
    /// On SQLite, the transaction of the dry run locks the file, so only the process itself can be reached.
    fn a_dry_run_is_cancelled(engine) {
        let endless = match engine {
            Engine::Postgres => "INSERT INTO first SELECT 2 FROM (SELECT pg_sleep(600)) AS slept;",
            _ => "UPDATE first SET id = id + SLEEP(601);",
        };
        let lines: &[&str] = match engine {
            Engine::Postgres => &["apply --dry-run"],
            _ => &["apply --dry-run", "apply --dry-run --on-copy"],
        };
        let project = pending(engine, endless);
        for line in lines {
            let run = Apart::start(&project, line);
            until("it runs", || match line.ends_with("-run") {
                true => project.sleeps(),
                // In another database, its copy.
                false => project.value(ON_COPY) != "0",
            });
            project.run(["cancel", "--why", "month end"]).succeeds();
            is_cancelled(run, "month end");
            assert_eq!(project.value("SELECT count(*) FROM first"), "1");
            assert_eq!(project.history(), ["0001"]);
        }
    }
}

/// What is said of a dry run must be true of it: it never waits.
#[test]
fn a_dry_run_refuses_flags_that_throttle() {
    let project = pending(Engine::Sqlite, "INSERT INTO first VALUES (2);");
    for flag in ["--batch-delay 10ms", "--max-rows-per-second 5"] {
        for ground in ["", " --on-copy"] {
            let refused = project.runner(&format!("apply --dry-run{ground} {flag}"));
            let name = flag.split(' ').next().unwrap();
            refused.exits(2).says(&[&format!("`{name}` does not apply to a dry run"), "hint: omit"]);
        }
    }
    project.settings("[transform]\nbatch_delay = \"1h\"");
    project.runner("apply --dry-run").succeeds();
    project.runner("apply --dry-run --batch-delay none").succeeds();
}

/// The server runs a statement as a whole: such a flag would do nothing.
#[test]
fn sql_refuses_flags_that_slow_rows_down() {
    let project = pending(Engine::Sqlite, "INSERT INTO first VALUES (2);");
    for flag in ["--batch-delay", "--max-rows-per-second"] {
        let refused = project.runner(&format!("apply {flag} {}", if flag == "--batch-delay" { "10ms" } else { "5" }));
        refused.exits(2).says(&[&format!("`{flag}` cannot be applied: what is to run is SQL"), "omit the flag"]);
        project.runner(&format!("apply {flag} none --target 0001")).succeeds();
    }
    assert_eq!(project.history(), ["0001"]);
    project.settings("[transform]\nbatch_delay = \"10ms\"");
    project.runner("apply").succeeds();
}
