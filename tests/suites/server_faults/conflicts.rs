//! Statements of the tool's own that lose against another session, as they do on a cluster whose other nodes write at the same time.

use std::sync::atomic::{AtomicBool, Ordering};

use runner_tests::servers::{Client, Kind, Server};
use runner_tests::until;

use super::leases::leased;
use super::shop::{is_sound, shop};

/// The tool's tables that one transaction writes to, in both orders.
const TABLES: [&str; 5] = ["runner_history", "runner_journal", "runner_head", "runner_artifact", "runner_lease"];

/// How many of the tool's transactions have to lose.
const LOSSES: u64 = 20;

/// Locks one table and then another, again and again. Where the tool holds a row of the second and waits for the first, one of the two
/// has to lose: the server chooses the one that has changed fewer rows, which is never this one.
fn rival(client: &Client, is_over: &AtomicBool) {
    for (first, second) in TABLES.into_iter().flat_map(|a| TABLES.map(|b| (a, b))).cycle() {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let lock = |table: &str| format!("SELECT COUNT(*) FROM {table} FOR UPDATE");
        // It may wait too long.
        let _ = client.try_sql(&format!(
            "BEGIN; UPDATE heavy SET n = n + 1; {}; DO SLEEP(0.02); {}; ROLLBACK",
            lock(first),
            lock(second)
        ));
    }
}

#[test]
fn what_the_tool_writes_is_tried_again() {
    let server = Server::private(Kind::Mariadb).start();
    let project = leased(shop(&server), "lock=lease");
    project.runner("apply").succeeds();
    project.execute("CREATE TABLE heavy (n INT PRIMARY KEY); INSERT INTO heavy SELECT seq * 10 FROM seq_1_to_5000");
    let lost = || -> u64 {
        let row = server.client().value("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
        row.rsplit(['\t', '|', ' ']).next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let before = lost();
    let (client, is_over) = (project.server_database().client(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| rival(client, &is_over));
        until("the tool's transactions have lost", || {
            let mut output = project.runner("rollback --target 1 --retries 50");
            // A rollback that has begun is not tried again by itself.
            for _ in 0..20 {
                if matches!(output.exit_code(), Some(5 | 6)) {
                    output = project.runner("rollback --target 1 --retries 50");
                }
            }
            output.succeeds();
            assert_eq!(project.history().len(), 1, "{output}");
            let output = project.runner("apply --retries 50");
            output.succeeds();
            assert_eq!(project.history().len(), 3, "{output}");
            lost() >= before + LOSSES
        });
        is_over.store(true, Ordering::Relaxed);
    });
    project.execute("DROP TABLE heavy");
    assert_eq!(is_sound(&project, "after what was lost", ""), 3);
}
