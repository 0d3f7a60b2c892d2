//! Two nodes of a Galera cluster. Starting one takes half a minute, so these tests run when they are asked for: with
//! `scripts/test --engines`, or `--ignored`.

use std::sync::atomic::{AtomicBool, Ordering};

use runner_tests::EngineProject;
use runner_tests::servers::Cluster;

use super::shop::{is_sound, shop};

/// A lock holds on one node. The URL has to name it, and a connection to another node is refused: runs on two nodes with one
/// URL, as a balancer leads them, are kept apart.
#[test]
#[ignore = "starts a Galera cluster, which takes half a minute"]
fn a_run_needs_the_node_that_the_url_names() {
    let cluster = Cluster::start();
    let mut project = shop(&cluster.first);
    let url = project.url();
    let other = project.server_database().url_at(cluster.second.port());
    project.runner("apply").exits(2).says(&["the node `node-0` of a Galera cluster", "hint:", "`?lock=node:node-0`"]);
    project.by(&format!("{url}?lock=node")).runner("apply").exits(2).says(&["hint:", "`lock=node:NAME`"]);
    let other = format!("{other}{}lock=node:node-0", if other.contains('?') { '&' } else { '?' });
    for line in ["apply", "status"] {
        project.by(&other).runner(line).exits(2).says(&["the node `node-1`", "all runs use `node-0`", "hint:"]);
    }
    project.by(&format!("{url}?lock=node:node-0")).runner("apply").succeeds();
    assert_eq!(is_sound(&project, "a run on a node", ""), 3);
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
