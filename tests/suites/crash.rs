//! Killed, interrupted and run twice at once: the database stands at one version or another and never between, and the
//! next run goes on unaided.
//!
//! `RUNNER_TEST_LONG=1` tries many more moments. Seeds are fixed; a failure names its own.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use runner_tests::dump::Dump;
use runner_tests::random::Random;
use runner_tests::{Running, TestProject, dump, guests, project};

/// How many moments a test tries.
fn rounds(short: u64) -> u64 {
    if std::env::var_os("RUNNER_TEST_LONG").is_some_and(|value| value == "1") { short * 40 } else { short }
}

/// Each journal mode of SQLite's that a user may have, by the seed.
fn url(seed: u64) -> &'static str {
    ["sqlite://runner.db", "sqlite://runner.db?journal_mode=delete", "sqlite://runner.db?journal_mode=persist"]
        [(seed % 3) as usize]
}

/// Three migrations: SQL, a component of many steps, SQL. Each way down leads to exactly where it came from.
fn shop() -> TestProject {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let project = project!();
    project
        .sql(
            "0001_items",
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO items SELECT i, 'item ' || i, i / 8.0 FROM n;
             CREATE TABLE runs (id INTEGER PRIMARY KEY);
             INSERT INTO runs DEFAULT VALUES;",
            "DROP TABLE runs; DROP TABLE items;",
        )
        .component("0002_steps", COMPONENT.get_or_init(|| guests::component("steps")))
        .sql(
            "0003_totals",
            "CREATE TABLE totals (id INTEGER PRIMARY KEY, price REAL, text TEXT);
             INSERT INTO totals SELECT id / 10, sum(price), group_concat(name) FROM items GROUP BY id / 10;
             CREATE INDEX totals_text ON totals (text);
             UPDATE items SET price = price + 1;",
            "UPDATE items SET price = price - 1; DROP TABLE totals;",
        );
    project
}

/// What the database holds at each version, and how long the way up takes.
struct Reference {
    versions: Vec<Dump>,
    up: Duration,
    down: Duration,
}

/// The reference of a journal mode, which the dump includes.
fn reference(seed: u64) -> &'static Reference {
    static REFERENCES: [OnceLock<Reference>; 3] = [const { OnceLock::new() }; 3];
    REFERENCES[(seed % 3) as usize].get_or_init(|| {
        let project = shop();
        let run = |line: &str| {
            let start = Instant::now();
            project.finish(project.command(line.split(' ')).args(["-D", url(seed)])).succeeds();
            start.elapsed()
        };
        let mut versions = Vec::new();
        for target in ["0001", "0002", "0003"] {
            run(&format!("apply --target {target}"));
            versions.push(project.dump_user());
        }
        let down = run("rollback --all");
        versions.insert(0, project.dump_user());
        Reference { versions, up: run("apply"), down }
    })
}

fn history(project: &TestProject) -> Vec<String> {
    let connection = project.database();
    let exists = dump::value(&connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'runner_history'");
    if exists == "0" {
        return Vec::new();
    }
    dump::rows(&connection, "SELECT revision FROM runner_history WHERE state = 'applied' ORDER BY id")
}

/// The version that the database is at; fails if it stands between two of them, or if the history says otherwise.
fn version(project: &TestProject, seed: u64, moment: &str) -> usize {
    dump::check(&project.database());
    let history = history(project);
    let expected = ["0001", "0002", "0003"];
    assert_eq!(history, expected[..history.len()], "seed {seed}, {moment}");
    let found = project.dump_user();
    // A file that was made and nothing more has no journal mode of ours yet.
    if history.is_empty() && found.tables().is_empty() {
        return 0;
    }
    let wanted = &reference(seed).versions[history.len()];
    assert!(
        found == *wanted,
        "seed {seed}, {moment}: history says {history:?}, the database holds {found:?}\nnot {wanted:?}"
    );
    history.len()
}

fn start(project: &TestProject, line: &str, seed: u64) -> Running {
    Running::start(project.command(line.split(' ')).args(["-D", url(seed)]).stderr(Stdio::null()))
}

/// The next run needs no help, whatever the one before left.
fn heals(project: &TestProject, seed: u64, moment: &str) {
    let output = project.finish(project.command(["status"]).args(["-D", url(seed)]));
    assert!(output.exit_code() == Some(0), "seed {seed}, {moment}\n{output}");
    let output = project.finish(project.command(["apply"]).args(["-D", url(seed)]));
    assert!(output.exit_code() == Some(0), "seed {seed}, {moment}\n{output}");
    assert_eq!(version(project, seed, moment), 3);
}

fn kill_at_random(direction: &str, seeds: std::ops::Range<u64>) {
    let mut landed: BTreeMap<usize, u32> = BTreeMap::new();
    for seed in seeds {
        let project = shop();
        let reference = reference(seed);
        let mut random = Random::new(seed);
        let longest = if direction == "up" { reference.up } else { reference.down };
        let wait = Duration::from_micros(random.below(longest.as_micros() as u64 * 11 / 10));
        let line = if direction == "up" {
            "apply"
        } else {
            project.finish(project.command(["apply"]).args(["-D", url(seed)])).succeeds();
            "rollback --all"
        };
        let mut child = start(&project, line, seed);
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let moment = format!("killed after {wait:?} on the way {direction}");
        if project.file("runner.db").exists() {
            *landed.entry(version(&project, seed, &moment)).or_default() += 1;
        }
        heals(&project, seed, &moment);
    }
    println!("killed at versions {landed:?}");
}

#[test]
fn killed_at_random_on_the_way_up() {
    kill_at_random("up", 0..rounds(9));
}

#[test]
fn killed_at_random_on_the_way_up_with_other_seeds() {
    kill_at_random("up", 1_000_000..1_000_000 + rounds(9));
}

#[test]
fn killed_at_random_on_the_way_down() {
    kill_at_random("down", 2_000_000..2_000_000 + rounds(9));
}

/// Runs until the component has told of that many steps, then ends it by the signal. Answers whether it got so far.
fn end_at_step(project: &TestProject, line: &str, seed: u64, step: usize, name: &str) -> (bool, Option<i32>) {
    let mut child = Running::start(project.command(line.split(' ')).args(["-D", url(seed)]).stderr(Stdio::piped()));
    let wanted = format!("step {step} done");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = lines.any(|line| line.unwrap().contains(&wanted));
    if reached {
        child.signal(name);
    }
    // What it still has to say must find a reader.
    lines.for_each(drop);
    (reached, child.wait().unwrap().code())
}

/// Not at random moments alone: at every step of the component, until a run gets through.
#[test]
fn killed_at_every_step_on_the_way_up() {
    for step in 1.. {
        let seed = step as u64;
        let project = shop();
        let (reached, _) = end_at_step(&project, "apply", seed, step, "KILL");
        let moment = format!("killed at step {step}");
        if !reached {
            assert!(step > 10, "the component has more steps than {step}");
            break;
        }
        let version = version(&project, seed, &moment);
        assert!(version >= 1, "{moment}: the first migration was committed before");
        heals(&project, seed, &moment);
    }
}

#[test]
fn killed_at_every_step_on_the_way_down() {
    for step in 1.. {
        let seed = step as u64;
        let project = shop();
        project.finish(project.command(["apply"]).args(["-D", url(seed)])).succeeds();
        let (reached, _) = end_at_step(&project, "rollback --all", seed, step, "KILL");
        if !reached {
            assert!(step > 3, "the component has more steps down than {step}");
            break;
        }
        let moment = format!("killed at step {step} down");
        assert!(version(&project, seed, &moment) <= 2);
        heals(&project, seed, &moment);
    }
}

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
        // Before the binary has its handlers the signal itself ends it.
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status).is_some();
        assert!(
            by_signal || status.code() == Some(code) || (status.code() == Some(0) && reached == 3),
            "{moment}: {status}"
        );
        heals(&project, seed, &moment);
    }
}

/// Work that never ends by itself: a statement, and a guest that computes.
#[test]
fn what_never_ends_is_stopped_by_a_signal() {
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
        std::thread::sleep(Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "{behaviour} ended by itself");
        child.signal("TERM");
        assert_eq!(child.wait().unwrap().code(), Some(143), "{behaviour}");
        assert_eq!(project.dump(), before, "{behaviour}");
    }
}

fn many_at_once(count: usize, line: &str, project: &TestProject) -> Vec<runner_tests::Output> {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..count).map(|_| scope.spawn(|| project.runner(line))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

fn applied_once(count: usize) {
    let project = shop();
    for output in many_at_once(count, "apply", &project) {
        output.succeeds();
    }
    assert_eq!(version(&project, 0, "at once"), 3);
    assert_eq!(project.value("SELECT count(*) FROM runs"), "1");
    assert_eq!(project.value("SELECT count(*) FROM runner_history"), "3");
}

#[test]
fn two_at_once() {
    applied_once(2);
}

#[test]
fn twenty_at_once() {
    applied_once(20);
}

#[test]
fn twenty_rollbacks_at_once_take_each_revision_back_once() {
    let project = shop();
    project.runner("apply").succeeds();
    // Those that come late find less to take back than they were asked for, or nothing.
    for output in many_at_once(20, "rollback --all", &project) {
        output.succeeds();
    }
    assert_eq!(version(&project, 0, "rolled back at once"), 0);
}

/// The lock is the operating system's: it dies with its owner.
#[test]
fn the_lock_of_a_killed_run_is_free_at_once() {
    let project = shop();
    let mut child = start(&project, "apply", 0);
    std::thread::sleep(reference(0).up / 2);
    child.kill().unwrap();
    child.wait().unwrap();
    project.runner("apply --lock-timeout 0s").succeeds();
}

/// A waiter says whom it waits for, and gives up when it is told to.
#[test]
fn a_waiter_gives_up_in_time_or_by_a_signal() {
    let project = project!();
    project
        .sql("1_people", "CREATE TABLE people (id INTEGER PRIMARY KEY, score REAL);", "DROP TABLE people;")
        .component("2_hostile", &guests::component("hostile"))
        .settings("[parameters]\nbehaviour = 'loop_forever'");
    let mut holder = Running::start(project.command(["apply"]).stderr(Stdio::piped()));
    // It holds the lock as soon as it says anything.
    let mut lines = BufReader::new(holder.stderr.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let pid = holder.id().to_string();
    let output = project.runner("apply --lock-timeout 300ms");
    output.exits(5).says(&["lock", &pid, "hint:"]);
    let mut waiter = Running::start(project.command(["apply"]).stderr(Stdio::piped()));
    let mut words = BufReader::new(waiter.stderr.take().unwrap()).lines();
    let said = words.next().unwrap().unwrap();
    assert!(said.contains(&pid), "a waiter should say who holds the lock, not `{said}`");
    waiter.signal("INT");
    words.for_each(drop);
    assert_eq!(waiter.wait().unwrap().code(), Some(130));
    holder.signal("TERM");
    lines.for_each(drop);
    assert_eq!(holder.wait().unwrap().code(), Some(143));
}

/// Statements that commit by themselves, each of which leaves a mark.
fn stepwise() -> TestProject {
    let project = project!();
    let up: String = (1..=12)
        .map(|step| {
            format!(
                "INSERT INTO marks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
                 SELECT {step}, i FROM n;\n"
            )
        })
        .collect();
    project
        .sql("1_marks", "CREATE TABLE marks (step INTEGER, i INTEGER, PRIMARY KEY (step, i));", "DROP TABLE marks;")
        .sql("2_steps", &format!("-- runner:no-transaction\n{up}"), "-- runner:irreversible");
    std::fs::remove_file(project.file("migrations/2_steps.down.sql")).unwrap();
    project.runner("apply --target 1").succeeds();
    project
}

/// Where each statement commits by itself, a kill leaves a beginning of them; what took effect is not run again.
#[test]
fn killed_between_statements_that_commit_by_themselves() {
    let undisturbed = stepwise();
    let start_time = Instant::now();
    undisturbed.runner("apply").succeeds();
    let longest = start_time.elapsed();
    let marks =
        |project: &TestProject| dump::rows(&project.database(), "SELECT step, count(*) FROM marks GROUP BY step");
    let all = marks(&undisturbed);
    assert_eq!(all.len(), 12);
    let mut partial = 0;
    for seed in 4_000_000..4_000_000 + rounds(12) {
        let project = stepwise();
        let mut child = start(&project, "apply", 0);
        std::thread::sleep(Duration::from_micros(Random::new(seed).below(longest.as_micros() as u64)));
        child.kill().unwrap();
        child.wait().unwrap();
        dump::check(&project.database());
        let done = marks(&project);
        assert_eq!(done, all[..done.len()], "seed {seed}: the statements that took effect are the first ones, whole");
        if !done.is_empty() && done.len() < 12 {
            partial += 1;
            project.runner("status").prints(&["partial"]);
        }
        project.runner("apply").succeeds();
        assert_eq!(marks(&project), all, "seed {seed}");
        project.runner("status --exit-code").succeeds();
    }
    println!("{partial} kills left a part");
}
