//! Two nodes of a Galera cluster. Starting one takes half a minute, so these tests run when they are asked for: with
//! `scripts/test --engines`, or `--ignored`.

use std::sync::atomic::{AtomicBool, Ordering};

use runner_tests::servers::Cluster;
use runner_tests::{EngineProject, Output};

use super::leases::{with, working};
use super::shop::{is_sound, shop};

/// A URL that names a node leads to no other, as a balancer might.
#[test]
#[ignore = "starts a Galera cluster, which takes half a minute"]
fn a_url_can_name_the_node_of_all_runs() {
    let cluster = Cluster::start();
    let mut project = shop(&cluster.first);
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
#[ignore = "starts a Galera cluster, which takes half a minute"]
fn runs_on_two_nodes_are_kept_apart() {
    let cluster = Cluster::start();
    let project = shop(&cluster.first);
    let there = project.server_database().url_at(cluster.second.port());
    for (line, word, left) in
        [("apply", "applied 000", 3), ("rollback --all", "rolled back 000", 0), ("apply", "applied 000", 3)]
    {
        let outputs: Vec<Output> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..12)
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
        assert_eq!(is_sound(&project, line, ""), left);
    }
}

/// A run on one node is frozen. One on the other, which cannot end its session, takes over; and the fence keeps out what the first
/// sends when it goes on.
#[test]
#[ignore = "starts a Galera cluster, which takes half a minute"]
fn a_run_that_was_frozen_on_another_node_commits_nothing() {
    let cluster = Cluster::start();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), cluster.first.database());
    project.sql(
        "0001_counters",
        "CREATE TABLE counters (n INTEGER NOT NULL);\nINSERT INTO counters VALUES (0);",
        "SELECT 1;",
    );
    let here = with(&project.url(), "lock-lease=2s");
    project.by(&here).runner("apply").succeeds();
    project.sql("0002_count", "UPDATE counters SET n = n + 1 WHERE SLEEP(4) = 0;", "SELECT 1;");
    let mut run = working(&project);
    run.signal("STOP");
    let there = with(&project.server_database().url_at(cluster.second.port()), "lock-lease=2s");
    // It does not wait for the row: conflicts are found when they are committed.
    let mut command = project.command(["apply", "--lock-timeout", "1m"]);
    project.finish(command.env("DATABASE_URL", there)).succeeds().says(&["which has not renewed its lease for"]);
    assert_eq!(project.value("SELECT n FROM counters"), "1");
    run.signal("CONT");
    assert!(!run.wait().unwrap().success());
    assert_eq!(project.value("SELECT n FROM counters"), "1");
    assert_eq!(project.history(), ["0001", "0002"]);
}

/// What another node has committed ends a transaction here, at a statement or at the commit. It is retried like a
/// deadlock, and nothing is lost.
#[test]
#[ignore = "starts a Galera cluster, which takes half a minute"]
fn conflicts_are_retried() {
    const ROWS: u64 = 2000;
    let cluster = Cluster::start();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), cluster.first.database());
    let there = cluster.second.client().of(project.server_database().name());
    let url = format!("{}?lock=node:node-0", project.url());
    project.by(&url);
    project.items(ROWS);
    project.runner("apply").succeeds();
    project.execute("ALTER TABLE items ADD COLUMN touched INTEGER NOT NULL DEFAULT 0");
    let up: String = (0..40).map(|_| "UPDATE items SET price = price + 1;\n").collect();
    project.sql("0002_prices", &up, "SELECT 1;");
    let before: f64 = project.value("SELECT sum(price) FROM items").parse().unwrap();
    let over = AtomicBool::new(false);
    let (output, touched) = std::thread::scope(|scope| {
        let over = &over;
        let writer = scope.spawn(move || {
            let mut touched = 0_u64;
            while !over.load(Ordering::Relaxed) {
                let row = touched * 7919 % ROWS + 1;
                // Its own conflicts are not of interest.
                touched += u64::from(
                    there.try_sql(&format!("UPDATE items SET touched = touched + 1 WHERE id = {row}")).is_ok(),
                );
            }
            touched
        });
        let mut command = project.command(["apply", "--retries", "200"]);
        let output = project.finish(&mut command);
        over.store(true, Ordering::Relaxed);
        (output, writer.join().unwrap())
    });
    output.succeeds();
    assert!(touched > 0, "{output}");
    let after: f64 = project.value("SELECT sum(price) FROM items").parse().unwrap();
    assert!((after - before - (40 * ROWS) as f64).abs() < 0.5, "{before} {after}\n{output}");
    assert_eq!(project.value("SELECT sum(touched) FROM items"), touched.to_string());
}
