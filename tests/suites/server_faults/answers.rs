//! The connection is cut at a COMMIT: before the server receives it, or with its answer lost. The database shows what
//! happened.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use runner_tests::servers::{Proxy, Trap};
use runner_tests::{Engine, EngineProject, Running, for_each_server};

use super::moments;
use super::shop::{heals, is_sound, shop};

/// Runs, and sets the trap when the run reports its start: before that, nothing but time can be lost.
fn with_trap(project: &EngineProject, line: &str, proxy: &Proxy, trap: Trap) -> (Option<i32>, String) {
    let mut run = Running::start(project.command(line.split(' ')).stderr(Stdio::piped()));
    let mut said = String::new();
    let mut trap = Some(trap);
    for text in BufReader::new(run.stderr.take().unwrap()).lines() {
        let text = text.unwrap();
        if (text.starts_with("applying ") || text.starts_with("rolling back "))
            && let Some(trap) = trap.take()
        {
            proxy.set(trap);
        }
        said.push_str(&text);
        said.push('\n');
    }
    let status = run.wait().unwrap();
    assert!(!said.contains("panicked"), "{said}");
    (status.code(), format!("{said}{status}"))
}

fn cut_at_every_commit(engine: Engine, line: &str, trap: fn(&'static str, usize) -> Trap) {
    let server = engine.server().unwrap();
    let mut outcomes = BTreeMap::new();
    for count in moments() {
        let mut project = shop(server);
        if line != "apply" {
            project.runner("apply").succeeds();
        }
        let proxy = Proxy::start(server.port());
        let direct = project.server_database().url();
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        let trap = trap("COMMIT", count);
        let moment = format!("{engine:?}: `{line}` with {trap:?}");
        let (code, said) = with_trap(&project, line, &proxy, trap);
        println!("{moment}: exit code {code:?}");
        project.by(&direct);
        let version = is_sound(&project, &moment, &said);
        // If a whole migration is one transaction, the run finds out whether it was committed, and continues.
        let known = engine == Engine::Postgres && moment.contains("Answer");
        assert!(code == Some(0) || !known, "{moment}\n{said}");
        if code == Some(0) {
            // Work reported as done is done.
            assert_eq!(version, if line == "apply" { 3 } else { 0 }, "{moment}\n{said}");
        } else {
            assert!(said.contains("error:"), "{moment}\n{said}");
        }
        if proxy.sprung() == 0 {
            assert_eq!(code, Some(0), "{moment}\n{said}");
            assert!(count > 1, "{moment}: there is no commit");
            break;
        }
        *outcomes.entry(code).or_insert(0) += 1;
        heals(&project, &moment);
    }
    println!("{engine:?} `{line}`: exit codes {outcomes:?}");
}

for_each_server! {
    fn a_lost_answer_to_commit_during_apply(engine) {
        cut_at_every_commit(engine, "apply", Trap::Answer);
    }

    fn a_lost_answer_to_commit_during_rollback(engine) {
        cut_at_every_commit(engine, "rollback --all", Trap::Answer);
    }

    fn a_commit_never_arrives(engine) {
        cut_at_every_commit(engine, "apply", Trap::Before);
    }
}
