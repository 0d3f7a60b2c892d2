//! Two nodes of a Galera cluster, which the tests share.

use std::sync::atomic::{AtomicBool, Ordering};

use runner_tests::servers::{Cluster, Server, galera};
use runner_tests::{EngineProject, Output, until};

use super::leases::{with, working};
use super::orphans::faster;
use super::shop::{is_sound, shop};

/// Waits until a node has applied what the other one has committed in this database: it does so a little later.
fn catches_up(node: &Server, project: &EngineProject) {
    let client = node.client().of(project.server_database().name());
    let wait = "SET SESSION wsrep_sync_wait = 1; SELECT 1";
    until("the node has what the other one has", || client.try_sql(wait).is_ok());
}

/// A URL that names a node leads to no other, as a balancer might.
#[test]
fn a_url_can_name_the_node_of_all_runs() {
    let cluster = galera();
    let mut project = shop(&cluster.first);
    catches_up(&cluster.second, &project);
    let url = project.url();
    let other = project.server_database().url_at(cluster.second.port());
    project.by(&format!("{url}?lock=node")).runner("apply").exits(2).says(&["hint:", "`lock=node:NAME`"]);
    let other = format!("{other}{}lock=node:node-0", if other.contains('?') { '&' } else { '?' });
    for line in ["apply", "status"] {
        project.by(&other).runner(line).exits(2).says(&["the node `node-1`", "all runs use `node-0`", "hint:"]);
    }
    project.by(&format!("{url}?lock=node:node-0")).runner("apply").succeeds();
    assert_eq!(is_sound(&project, "a run on a node", ""), 3);
}

/// Runs on both nodes, by URLs that say nothing of a lock: each migration is applied once, and every run succeeds.
#[test]
fn runs_on_two_nodes_are_kept_apart() {
    let cluster = galera();
    let project = shop(&cluster.first);
    catches_up(&cluster.second, &project);
    let there = project.server_database().url_at(cluster.second.port());
    for (line, word, left) in [("apply", "applied 000", 3), ("rollback --all", "rolled back 000", 0)] {
        let outputs: Vec<Output> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..6)
                .map(|number| {
                    let (project, there) = (&project, &there);
                    scope.spawn(move || {
                        let mut command = project.command(line.split(' ').chain(["--lock-timeout", "5m"]));
                        if number % 2 == 1 {
                            command.env("DATABASE_URL", there);
                        }
                        project.finish(&mut command)
                    })
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let done =
            outputs.iter().map(|output| output.succeeds().stderr.lines().filter(|line| line.starts_with(word)).count());
        assert_eq!(done.sum::<usize>(), 3, "{line}");
        catches_up(&cluster.first, &project);
        assert_eq!(is_sound(&project, line, ""), left);
    }
}

/// A run on one node is frozen. One on the other, which cannot end its session, takes over; and the fence keeps out what the first
/// sends when it goes on.
#[test]
fn a_run_that_was_frozen_on_another_node_commits_nothing() {
    let cluster = galera();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), cluster.first.database());
    project.sql(
        "0001_counters",
        "CREATE TABLE counters (n INTEGER NOT NULL);\nINSERT INTO counters VALUES (0);",
        "SELECT 1;",
    );
    let here = with(&project.url(), "lock-lease=2s");
    project.by(&here).runner("apply").succeeds();
    catches_up(&cluster.second, &project);
    project.sql("0002_count", "UPDATE counters SET n = n + 1 WHERE SLEEP(60) = 0;", "SELECT 1;");
    let mut run = working(&project);
    run.signal("STOP");
    let project = faster(project);
    let there = with(&project.server_database().url_at(cluster.second.port()), "lock-lease=2s");
    // It does not wait for the row: conflicts are found when they are committed.
    let mut command = project.command(["apply", "--lock-timeout", "1m"]);
    project.finish(command.env("DATABASE_URL", there)).succeeds();
    catches_up(&cluster.first, &project);
    assert_eq!(project.value("SELECT n FROM counters"), "1");
    run.signal("CONT");
    assert!(!run.wait().unwrap().success());
    assert_eq!(project.value("SELECT n FROM counters"), "1");
    assert_eq!(project.history(), ["0001", "0002"]);
}

/// What another node has committed ends a transaction here, at a statement or at the commit. It is retried like a
/// deadlock, and nothing is lost.
#[test]
fn conflicts_are_retried() {
    const ROWS: u64 = 2000;
    const UPDATES: u64 = 8;
    let cluster = galera();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), cluster.first.database());
    let there = cluster.second.client().of(project.server_database().name());
    let url = format!("{}?lock=node:node-0", project.url());
    project.by(&url);
    project.items(ROWS);
    project.runner("apply").succeeds();
    project.execute("ALTER TABLE items ADD COLUMN touched INTEGER NOT NULL DEFAULT 0");
    catches_up(&cluster.second, &project);
    // The first statement holds its row long enough for the other node to write it; those that follow conflict by chance.
    let rest: String = (1..UPDATES).map(|_| "UPDATE items SET price = price + 1;\n").collect();
    let slow = "UPDATE items SET price = price + 1 WHERE id > 1 OR SLEEP(10) = 0;\n";
    project.sql("0002_prices", &format!("{slow}{rest}"), "SELECT 1;");
    let before: f64 = project.value("SELECT sum(price) FROM items").parse().unwrap();
    let touch = |row: u64| there.try_sql(&format!("UPDATE items SET touched = touched + 1 WHERE id = {row}")).is_ok();
    let over = AtomicBool::new(false);
    let (output, touched) = std::thread::scope(|scope| {
        let (over, project) = (&over, &project);
        let writer = scope.spawn(move || {
            until("the first statement lasts", || project.sleeps());
            // Not for ever: the run would lose every time, if its machine is slow.
            let touched = (0..100_u64).take_while(|_| !over.load(Ordering::Relaxed));
            // Its own conflicts are not of interest.
            touched.filter(|number| touch(number * 7919 % ROWS + 1)).count()
        });
        let mut command = project.command(["apply", "--retries", "200"]);
        let output = project.finish(&mut command);
        over.store(true, Ordering::Relaxed);
        (output, writer.join().unwrap())
    });
    output.succeeds().says(&["[1213]"]);
    assert!(touched > 0, "{output}");
    catches_up(&cluster.first, &project);
    let after: f64 = project.value("SELECT sum(price) FROM items").parse().unwrap();
    assert!((after - before - (UPDATES * ROWS) as f64).abs() < 0.5, "{before} {after}\n{output}");
    assert_eq!(project.value("SELECT sum(touched) FROM items"), touched.to_string());
}

/// A node that is behind the others, has lost them, or refuses statements. A balancer sends no one there, but a URL can.
#[test]
fn a_node_that_is_not_synced_is_refused() {
    let node = Cluster::of_one();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), node.database());
    project.sql("0001_counters", "CREATE TABLE counters (n INTEGER NOT NULL);", "DROP TABLE counters;");
    project.runner("apply").succeeds();
    project.sql("0002_more", "INSERT INTO counters VALUES (1);", "SELECT 1;");
    let state = || node.client().sql("SHOW STATUS LIKE 'wsrep_local_state_comment'").concat();
    for (away, back, message) in [
        ("wsrep_desync = ON", "wsrep_desync = OFF", "is not synced: its state is `Donor/Desynced`"),
        (
            "wsrep_cluster_address = 'gcomm://127.0.0.1:9'",
            "wsrep_cluster_address = 'gcomm://'",
            "takes no statements: its state is `Initialized`, and that of its part of the cluster `Disconnected`",
        ),
        ("wsrep_reject_queries = ALL", "wsrep_reject_queries = NONE", "WSREP has not yet prepared node"),
    ] {
        node.client().sql(&format!("SET GLOBAL {away}"));
        for line in ["apply", "status", "plan", "rollback"] {
            project.runner(line).exits(1).says(&[message, "hint:", "the URL of another node"]);
        }
        node.client().sql(&format!("SET GLOBAL {back}"));
        until("the node is back", || state().contains("Synced"));
    }
    project.runner("apply").succeeds();
    assert_eq!(project.history(), ["0001", "0002"]);
}
