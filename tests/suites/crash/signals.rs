//! Runs ended by SIGINT, SIGTERM or SIGHUP.

use runner_tests::text_guests::TextGuest;

use super::*;

fn stop_by(name: &str, code: i32, steps: impl Iterator<Item = usize>) {
    for step in steps {
        let seed = step as u64;
        let project = shop();
        let (reached, exit_code) = end_at_step(&project, "apply", seed, step, name);
        assert!(reached, "step {step} was not reached");
        let moment = format!("SIG{name} at step {step}");
        let version = version(&project, seed, &moment);
        assert!(exit_code == Some(code) || (exit_code == Some(0) && version == 3), "{moment}: exit code {exit_code:?}");
        heals(&project, seed, &moment);
    }
}

/// One that not even a signal ends: a function compares 4 MB at each of 4 million places.
const ENDLESS_FUNCTION: &str = "SELECT instr(hex(zeroblob(4000000)), hex(zeroblob(2000000)) || '1')";

#[test]
fn interrupted() {
    stop_by("INT", 130, [1, 6, 8, 11, 14].into_iter());
}

#[test]
fn terminated() {
    stop_by("TERM", 143, [2, 7, 9, 13].into_iter());
}

#[test]
fn stopped_at_random() {
    for seed in 3_000_000..3_000_000 + rounds(6) {
        let project = shop();
        let mut random = Random::new(seed);
        let wait = Duration::from_micros(random.below(reference(seed).up.as_micros() as u64));
        let (name, code) = if seed % 2 == 0 { ("INT", 130) } else { ("TERM", 143) };
        let mut child = start(&project, "apply", seed);
        std::thread::sleep(wait);
        child.signal(name);
        let status = child.wait().unwrap();
        let moment = format!("SIG{name} after {wait:?}");
        let reached = if project.file("runner.db").exists() { version(&project, seed, &moment) } else { 0 };
        // Before the binary has installed its handlers, the signal itself ends it.
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status).is_some();
        assert!(
            by_signal || status.code() == Some(code) || (status.code() == Some(0) && reached == 3),
            "{moment}: {status}"
        );
        heals(&project, seed, &moment);
    }
}

fn has_table(project: &TestProject) -> bool {
    let table = project.database().query_row("SELECT 1 FROM sqlite_schema WHERE name = 'a'", [], |_| Ok(()));
    table.is_ok()
}

/// A statement that only a signal ends.
const ENDLESS: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n;";

/// The exit code names the signal, also if the migration stays partial; `status --exit-code` says the latter.
#[test]
fn a_stopped_migration_that_stays_partial_exits_as_stopped() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let project = project!();
        let partly = |last: &str| format!("-- runner:no-transaction\nCREATE TABLE a (id INTEGER);\n{last}");
        project.sql("1_a", &partly(ENDLESS), "DROP TABLE a;");
        let log = std::fs::File::create(project.file("log")).unwrap();
        let mut child = Running::start(project.command(["apply"]).stderr(Stdio::from(log)));
        // The first statement took effect, and the second one runs.
        while !project.file("runner.db").exists() || !has_table(&project) {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(200));
        child.signal(name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "SIG{name}");
        // There is nothing to fix.
        let hint = "hint: what took effect stays: 1 of 2 statements; `runner apply` resumes with statement 2\n";
        assert!(project.read("log").contains(hint), "{}", project.read("log"));
        project.runner("status --exit-code").exits(6).prints(&["partial"]);
        project.sql("1_a", &partly("SELECT 1;"), "DROP TABLE a;");
        project.runner("apply").succeeds();
    }
}

/// Endless work: a statement, and a guest that computes.
#[test]
fn endless_work_is_stopped_by_a_signal() {
    for behaviour in ["endless_statement", "loop_forever", "loop_in_transform", "endless_host_calls"] {
        let project = project!();
        project
            .sql(
                "1_people",
                "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN, note TEXT);
                 INSERT INTO people (name) VALUES ('one');",
                "DROP TABLE people;",
            )
            .component("2_hostile", &guests::component("hostile"))
            .settings(&format!("[parameters]\nbehaviour = '{behaviour}'"));
        project.runner("apply --target 1").succeeds();
        let before = project.dump();
        let mut child = Running::start(project.command(["apply"]).stderr(Stdio::null()));
        until("it runs", || {
            let status = project.runner("status --format json").stdout;
            let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
            status["lock_holder"].is_string()
        });
        std::thread::sleep(Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "{behaviour} ended by itself");
        child.signal("TERM");
        assert_eq!(child.wait().unwrap().code(), Some(143), "{behaviour}");
        assert_eq!(project.dump(), before, "{behaviour}");
    }
}

/// The guest leaves the host no turn but between two calls, each of which takes long.
#[test]
fn a_guest_that_only_calls_is_stopped_by_the_first_signal() {
    let types = "(import \"runner:migration/context@0.1.0\"";
    let calls = [
        (
            format!("{types} \"log\" (func $log (param i32 i32 i32)))"),
            "(call $log (i32.const 1) (i32.const 65536) (i32.const 30000000))",
        ),
        (
            format!("{types} \"progress\" (func $progress (param i64 i32 i64 i32 i32)))"),
            "(call $progress (i64.const 1) (i32.const 0) (i64.const 0) (i32.const 65536) (i32.const 30000000))",
        ),
    ];
    for (import, call) in calls {
        let project = project!();
        let guest = TextGuest::upgrading(&format!("(loop {call} (br 0))")).with(&import).mib(32);
        project.write("migrations/1_guest.wasm", guest.component());
        project.runner("build").succeeds();
        let mut command = project.command(["apply", "--limit", "fuel=1_000_000_000_000_000"]);
        let mut child = Running::start(command.stderr(Stdio::null()));
        until("it runs", || {
            let status = project.runner("status --format json").stdout;
            let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
            status["lock_holder"].is_string()
        });
        std::thread::sleep(Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        child.signal("INT");
        until("the first signal stops it", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{call}");
    }
}

/// SQLite itself looks at no signal within a function: the process ends, and nothing of the migration remains.
#[test]
fn a_call_that_sqlite_cannot_interrupt_ends_with_the_process() {
    let project = project!();
    project
        .sql("1_people", "CREATE TABLE people (id INTEGER); INSERT INTO people VALUES (1), (2)", "DROP TABLE people;")
        .component("2_granted", &guests::component("granted"))
        .settings(&format!("[parameters]\nstatements = \"INSERT INTO people VALUES (3)\\n{ENDLESS_FUNCTION}\""));
    project.runner("apply --target 1").succeeds();
    let before = project.dump();
    let output = project.runner("apply --limit wall_time=1s");
    output.exits(7).says(&["`wall_time`", "SQLite did not end a call of the migration"]);
    assert_eq!(project.dump(), before);
    project.sql("3_sql", &format!("INSERT INTO people VALUES (4); {ENDLESS_FUNCTION};"), "SELECT 1;");
    std::fs::remove_file(project.file("migrations/2_granted.wasm")).unwrap();
    project.runner("build").succeeds();
    project.runner("apply --limit wall_time=1s").exits(7).says(&["SQLite did not end a call of the migration"]);
    assert_eq!(project.dump(), before);
    project.runner("rollback").succeeds();
}

/// What `nohup` starts outlives the terminal, and is still stopped by the other signals.
#[test]
fn a_run_that_ignores_hang_ups_goes_on() {
    let project = project!();
    project.sql("1_a", &format!("-- runner:no-transaction\nCREATE TABLE a (id INTEGER);\n{ENDLESS}"), "DROP TABLE a;");
    let mut run = Running::start_without_hang_up(project.command(["apply"]).stderr(Stdio::null()));
    while !project.file("runner.db").exists() || !has_table(&project) {
        assert!(run.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    run.signal("HUP");
    std::thread::sleep(Duration::from_millis(700));
    assert!(run.try_wait().unwrap().is_none(), "it was stopped");
    run.signal("TERM");
    assert_eq!(run.wait().unwrap().code(), Some(143));
}
