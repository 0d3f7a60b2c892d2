//! The connection is cut at a COMMIT: before the server hears of it, or with its answer lost. What happened is found out
//! from the database.

use runner_tests::servers::{Proxy, Trap};
use runner_tests::{Engine, for_each_server};

use super::moments;
use super::shop::{heals, is_sound, shop};

fn cut_at_every_commit(engine: Engine, line: &str, trap: fn(&'static str, usize) -> Trap) {
    let server = engine.server().unwrap();
    let mut outcomes = std::collections::BTreeMap::new();
    for count in moments() {
        let mut project = shop(server);
        if line != "apply" {
            project.runner("apply").succeeds();
        }
        let proxy = Proxy::start(server.port());
        let direct = project.server_database().url();
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        proxy.set(trap("COMMIT", count));
        let output = project.runner(line);
        let moment = format!("{engine:?}: `{line}` with {:?}", trap("COMMIT", count));
        *outcomes.entry(output.exit_code()).or_insert(0) += 1;
        project.by(&direct);
        let version = is_sound(&project, &moment, &output.to_string());
        if output.exit_code() == Some(0) {
            // What is told as done is done.
            assert_eq!(version, if line == "apply" { 3 } else { 0 }, "{moment}\n{output}");
        }
        if proxy.sprung() == 0 {
            assert!(count > 3, "{moment}: there are only {count} commits");
            output.succeeds();
            break;
        }
        heals(&project, &moment);
    }
    println!("{engine:?} `{line}`: exit codes {outcomes:?}");
}

for_each_server! {
    fn an_answer_to_commit_is_lost_on_the_way_up(engine) {
        cut_at_every_commit(engine, "apply", Trap::Answer);
    }

    fn an_answer_to_commit_is_lost_on_the_way_down(engine) {
        cut_at_every_commit(engine, "rollback --all", Trap::Answer);
    }

    fn a_commit_never_arrives(engine) {
        cut_at_every_commit(engine, "apply", Trap::Before);
    }
}
