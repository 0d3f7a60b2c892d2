//! Concurrent runs: the lock, and runs that wait for it.

use super::*;

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
fn twenty_rollbacks_at_once_roll_each_revision_back_once() {
    let project = shop();
    project.runner("apply").succeeds();
    // Late runs find fewer migrations to roll back than requested, or none.
    for output in many_at_once(20, "rollback --all", &project) {
        output.succeeds();
    }
    assert_eq!(version(&project, 0, "rolled back at once"), 0);
}

/// The operating system holds the lock: it ends with its owner.
#[test]
fn the_lock_of_a_killed_run_is_free_at_once() {
    let project = shop();
    let mut child = start(&project, "apply", 0);
    std::thread::sleep(reference(0).up / 2);
    child.kill().unwrap();
    child.wait().unwrap();
    project.runner("apply --lock-timeout 0s").succeeds();
}

/// A waiting run shows the owner of the lock, and stops on a signal.
#[test]
fn a_waiting_run_times_out_or_stops_on_a_signal() {
    let project = project!();
    project
        .sql("1_people", "CREATE TABLE people (id INTEGER PRIMARY KEY, score REAL);", "DROP TABLE people;")
        .component("2_hostile", &guests::component("hostile"))
        .settings("[parameters]\nbehaviour = 'loop_forever'");
    let mut holder = Running::start(project.command(["apply"]).stderr(Stdio::piped()));
    // It holds the lock as soon as it prints anything.
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
