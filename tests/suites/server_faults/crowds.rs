//! Many concurrent runs: one applies, the others wait and find nothing to do.

use runner_tests::servers::{Bouncer, Kind, Server};
use runner_tests::{EngineProject, Output, is_long};

use super::leases::{leased, with};
use super::shop::{is_sound, shop};

const RUNS: usize = 50;

fn at_once(project: &EngineProject, line: &str) -> Vec<Output> {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..RUNS).map(|_| scope.spawn(|| project.runner(line))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

fn applied_once(project: &EngineProject) {
    let applied = |outputs: &[Output], word: &str| {
        for output in outputs {
            output.succeeds();
        }
        outputs.iter().map(|output| output.stderr.lines().filter(|line| line.starts_with(word)).count()).sum::<usize>()
    };
    let rounds = if is_long() { 5 } else { 1 };
    for round in 0..rounds {
        let moment = format!("{RUNS} at once, round {round}");
        let up = at_once(project, "apply --lock-timeout 10m");
        assert_eq!(applied(&up, "applied 000"), 3, "{moment}");
        assert_eq!(is_sound(project, &moment, ""), 3);
        let down = at_once(project, "rollback --all --lock-timeout 10m");
        assert_eq!(applied(&down, "rolled back 000"), 3, "{moment}");
        assert_eq!(is_sound(project, &moment, ""), 0);
    }
}

#[test]
fn on_postgres() {
    applied_once(&shop(runner_tests::servers::postgres()));
}

/// How long each of them waits for the server's answer: all of them connect at once.
const PATIENT: &str = "connect-timeout=300";

/// With as many connections as it allows by default, for these runs alone.
fn mariadb() -> Server {
    Server::private(Kind::Mariadb).setting("max-connections", 151).start()
}

#[test]
fn on_mariadb() {
    let server = mariadb();
    let mut project = shop(&server);
    let url = with(&project.url(), PATIENT);
    project.by(&url);
    applied_once(&project);
}

#[test]
fn on_postgres_with_a_lease() {
    // The runs of the other test need all connections of the server that the tests share.
    let server = Server::private(Kind::Postgres).start();
    applied_once(&leased(shop(&server), "lock=lease"));
}

#[test]
fn on_mariadb_with_a_lease() {
    let server = mariadb();
    applied_once(&leased(shop(&server), &format!("lock=lease&{PATIENT}")));
}

#[test]
fn on_postgres_behind_pgbouncer() {
    let server = Server::private(Kind::Postgres).start();
    // The run that works needs two, and whoever waits must keep none.
    let bouncer = Bouncer::start(&server, 5);
    let mut project = shop(&server);
    let url = project.server_database().url_at(bouncer.port());
    project.by(&url);
    applied_once(&project);
}
