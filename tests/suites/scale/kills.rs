//! After a kill anywhere, the next run does the remaining work, and nothing twice.

use std::process::Stdio;
use std::time::Instant;

use runner_tests::{EngineProject, Running, for_each_engine, for_each_server, is_long, until};

use super::shop::{chunks, gate, is_done_once, items, number};

/// The crash points from a number on: in a long test all, otherwise some of them.
fn moments(first: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), move |now| Some(now + if is_long() { 1 } else { 5 }))
}

const SETTINGS: &str = "[transform]\nchunk_rows = 20\n[parameters]\nlog = \"log\"";

fn killed(project: impl Fn() -> EngineProject, line: &str, first: usize) {
    let mut tried = 0;
    for moment in moments(first) {
        let project = project();
        if !project.dies_at(line, moment) {
            break;
        }
        tried += 1;
        // The next run does not wait for the lease of a dead process, however long it is.
        let longer =
            format!("UPDATE {} SET lease_until = lease_until + 1200000000 WHERE state = 'claimed'", chunks(&project));
        project.execute(&longer);
        let since = Instant::now();
        let output = project.runner(line);
        assert_eq!(output.exit_code(), Some(0), "killed at moment {moment}\n{output}");
        let took = since.elapsed();
        assert!(took.as_secs() < 900, "killed at moment {moment}: {took:?}\n{output}");
        is_done_once(&project, 70, &format!("killed at moment {moment}\n{output}"));
    }
    assert!(tried >= 4, "there were only {tried} moments");
}

for_each_engine! {
    fn at_every_crash_point_of_one_worker(engine) {
        killed(|| items(engine, 70, SETTINGS), "apply --jobs 1", 1);
    }
}

for_each_server! {
    fn at_every_crash_point_of_three_workers(engine) {
        killed(|| items(engine, 70, SETTINGS), "apply --jobs 3", 3);
    }

    /// A signal ends the run between two chunks, or rolls back the current one; claims are released.
    fn signals_stop_a_run(engine) {
        for (name, code) in [("INT", 130), ("TERM", 143)] {
            let project = items(engine, 18_000, "[transform]\nchunk_rows = 100\n[parameters]\nlog = \"log\"\nslow = 4000000");
            // It cannot end by itself, and the signal also meets workers that wait for a lock.
            let gate = gate(&project, 90_000..180_000);
            let line = "apply --jobs 3 --table-lock-timeout none";
            let mut run = Running::start(project.command(line.split(' ')).stderr(Stdio::null()));
            let done = format!("SELECT count(*) FROM {} WHERE state = 'done'", chunks(&project));
            until("it begins", || number(&project, &done) > 3);
            run.signal(name);
            assert_eq!(run.wait().unwrap().code(), Some(code));
            drop(gate);
            let kept = format!("SELECT count(*) FROM {} WHERE state = 'claimed' AND lease_until > 0", chunks(&project));
            assert_eq!(number(&project, &kept), 0);
            project.runner("apply --jobs 3").succeeds();
            is_done_once(&project, 18_000, name);
        }
    }

    fn again_and_again(engine) {
        let project = items(engine, 200, SETTINGS);
        let mut kills = 0;
        while project.dies_at("apply --jobs 2", 9) {
            kills += 1;
            assert!(kills < 100, "it does not come to its end");
        }
        assert!(kills > 3, "{kills}");
        is_done_once(&project, 200, "");
    }
}
