//! Runs whose lock is a lease: killed, frozen, and cut off from the server. Whatever they do after another run has taken over, none
//! of it is kept.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use runner_tests::servers::Proxy;
use runner_tests::{Engine, EngineProject, Running, for_each_server, until};

use super::orphans::{applied_once, faster, orphan, slow};

/// The same project, with a lock that these parameters of the URL choose.
pub fn leased(mut project: EngineProject, lock: &str) -> EngineProject {
    let url = project.server_database().url();
    project.by(&with(&url, lock));
    project
}

/// A URL with more parameters.
pub fn with(url: &str, parameters: &str) -> String {
    format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' })
}

const SHORT: &str = "lock=lease&lock-lease=2s";

/// Starts a run, and returns when its statement lasts.
pub fn working(project: &EngineProject) -> Running {
    let run = Running::start(project.command(["apply"]).stderr(Stdio::piped()));
    until("its statement lasts", || project.sleeps());
    run
}

/// The exit code of a run, and what it said.
pub fn end(mut run: Running) -> (Option<i32>, String) {
    let mut said = String::new();
    run.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (run.wait().unwrap().code(), said)
}

/// It has failed as the documentation says: 6 where its own revision looked partial to it.
fn has_lost(run: Running) {
    let (code, said) = end(run);
    assert!(matches!(code, Some(1 | 6)), "{code:?}\n{said}");
    assert!(said.contains("this run has lost the lock") && said.contains("hint:"), "{said}");
}

for_each_server! {
    fn a_frozen_run_commits_nothing(engine) {
        let project = leased(slow(engine, 3600), SHORT);
        let run = working(&project);
        run.signal("STOP");
        let project = faster(project);
        project.runner("apply").succeeds();
        applied_once(&project);
        run.signal("CONT");
        has_lost(run);
        applied_once(&project);
    }

    /// The network fails, and neither side sees the other's end.
    fn a_run_that_is_cut_off_commits_nothing(engine) {
        let mut project = slow(engine, 3600);
        let proxy = Proxy::start(engine.server().unwrap().port());
        let cut_off = project.server_database().url_at(proxy.port());
        project.by(&with(&cut_off, SHORT));
        let run = working(&project);
        proxy.stall(true);
        let project = faster(leased(project, SHORT));
        project.runner("apply").succeeds();
        applied_once(&project);
        proxy.stall(false);
        has_lost(run);
        applied_once(&project);
    }

    fn the_lease_of_a_killed_run_ends_by_itself(engine) {
        let project = leased(slow(engine, 3600), "lock=lease&lock-lease=1h");
        orphan(&project);
        let project = faster(project);
        let ends_in = |seconds: u32| {
            let (table, now) = match engine {
                Engine::Postgres => {
                    ("runner.runner_heartbeat", "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
                }
                _ => ("runner_heartbeat", "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"),
            };
            project.execute(&format!("UPDATE {table} SET until_us = {now} + {seconds}000000"));
        };
        // As it is after the better part of an hour; and once the next run has met it, at the end of that hour.
        ends_in(600);
        let said = project.file("said");
        let mut command = project.command(["apply", "--lock-timeout", "10m"]);
        let mut next = Running::start(command.stderr(File::create(&said).unwrap()));
        let said = || std::fs::read_to_string(&said).unwrap();
        until("the next run tells of the lease", || said().contains("which has not renewed its lease for"));
        ends_in(1);
        assert!(next.wait().unwrap().success(), "{}", said());
        applied_once(&project);
    }

    /// A run that ends, or is told to, releases its lease at once; until then another one is told who holds it.
    fn a_lease_is_released_at_once(engine) {
        let project = leased(slow(engine, 3600), "lock=lease&lock-lease=1h");
        let run = working(&project);
        project.runner("apply --lock-timeout 200ms").exits(5).says(&["the lock is held by", "`runner apply`", "hint:"]);
        run.signal("TERM");
        let (code, said) = end(run);
        assert!(matches!(code, Some(143 | 6)), "{code:?}\n{said}");
        let project = faster(project);
        project.runner("apply --lock-timeout 1m").succeeds();
        applied_once(&project);
    }
}
