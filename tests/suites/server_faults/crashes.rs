//! The server crashes and restarts while the run is at each of its steps.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use runner_tests::servers::{Kind, Server};
use runner_tests::{EngineProject, Running, until};

use super::leases::end;
use super::moments;
use super::shop::{LEFT_BEHIND, REMOVE_IT, heals, is_sound, shop};

/// Runs until it has reported that many statements, then injects a fault and waits for the end. Returns whether it
/// got that far, and its output.
fn at_statement(project: &EngineProject, line: &str, count: usize, fault: impl FnOnce()) -> (bool, String) {
    let mut command = project.command(line.split(' '));
    let mut run = Running::start(command.arg("--verbose").stderr(Stdio::piped()));
    let mut said = String::new();
    let mut seen = 0;
    let mut fault = Some(fault);
    for text in BufReader::new(run.stderr.take().unwrap()).lines() {
        let text = text.unwrap();
        seen += usize::from(text.starts_with("  "));
        if seen == count
            && let Some(fault) = fault.take()
        {
            fault();
        }
        said.push_str(&text);
        said.push('\n');
    }
    let status = run.wait().unwrap();
    said.push_str(&status.to_string());
    assert!(status.code().is_some(), "statement {count}: {said}");
    assert!(!said.contains("panicked"), "statement {count}: {said}");
    (fault.is_none(), said)
}

fn crashes(kind: Kind, direction: &str) {
    let server = Server::private(kind).start();
    let mut tried = 0;
    for count in moments() {
        let project = shop(&server);
        let line = match direction {
            "up" => "apply",
            _ => {
                project.runner("apply").succeeds();
                "rollback --all"
            }
        };
        let moment = format!("{kind:?} crashed at statement {count} on the way {direction}");
        let (reached, said) = at_statement(&project, line, count, || {
            server.crash();
            server.restart();
        });
        is_sound(&project, &moment, &said);
        if !reached {
            assert!(tried >= 4, "there were only {tried} moments\n{said}");
            break;
        }
        heals(&project, &moment);
        tried += 1;
    }
    println!("{kind:?} {direction}: {tried} crashes");
}

#[test]
fn of_postgres_during_apply() {
    crashes(Kind::Postgres, "up");
}

#[test]
fn of_postgres_during_rollback() {
    crashes(Kind::Postgres, "down");
}

#[test]
fn of_mariadb_during_apply() {
    crashes(Kind::Mariadb, "up");
}

#[test]
fn of_mariadb_during_rollback() {
    crashes(Kind::Mariadb, "down");
}

/// A server that was killed within a `DROP TABLE` can leave the table's file, and then refuses the table.
#[test]
fn a_file_is_left_of_a_table() {
    if Kind::Mariadb.is_mysql() {
        return; // Its data dictionary is transactional: it removes such files when it starts.
    }
    let server = Server::private(Kind::Mariadb).start();
    let project = shop(&server);
    project.runner("apply").succeeds();
    let files = project.value("SELECT concat(@@datadir, database())");
    let (file, kept) = (format!("{files}/totals.ibd"), project.file("kept.ibd"));
    project.execute("FLUSH TABLES totals FOR EXPORT");
    std::fs::copy(&file, &kept).unwrap();
    project.runner("rollback").succeeds();
    std::fs::copy(&kept, &file).unwrap();
    let output = project.runner("apply");
    output.says(&[LEFT_BEHIND, REMOVE_IT]);
    heals(&project, "a file was left");
}

/// A server that stays away is reported as such, and nothing is lost.
#[test]
fn the_server_stays_away() {
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let server = Server::private(kind).start();
        let project = shop(&server);
        project.runner("apply --target 2").succeeds();
        // The run cannot end before the server does: it waits for this table.
        let mut holder = project.server_database().client().session();
        holder.run(match kind {
            Kind::Postgres => "BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE",
            Kind::Mariadb => "LOCK TABLES items WRITE",
        });
        let mut command = project.command(["apply", "--table-lock-timeout", "none"]);
        let run = Running::start(command.stderr(Stdio::piped()));
        let waiting = match kind {
            Kind::Postgres => {
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
            Kind::Mariadb => {
                "SELECT count(*) FROM information_schema.processlist \
                 WHERE db = database() AND state LIKE 'Waiting for table%'"
            }
        };
        until("the run waits for the table", || project.value(waiting) != "0");
        server.crash();
        let (code, said) = end(run);
        assert!(code.is_some_and(|code| code != 0) && !said.contains("panicked"), "{code:?}\n{said}");
        assert!(said.contains("error:") && said.contains("hint:"), "{said}");
        server.restart();
        let moment = format!("{kind:?} stayed away");
        assert_eq!(is_sound(&project, &moment, &said), 2, "{moment}\n{said}");
        heals(&project, &moment);
    }
}

/// Runner itself is killed at each step, and the server has to clean up after it.
fn kills(kind: Kind, line: &str) {
    let server = match kind {
        Kind::Postgres => runner_tests::servers::postgres(),
        Kind::Mariadb => runner_tests::servers::mariadb(),
    };
    for count in moments() {
        let project = shop(server);
        if line != "apply" {
            project.runner("apply").succeeds();
        }
        let mut run = Running::start(project.command(line.split(' ')).arg("--verbose").stderr(Stdio::piped()));
        let lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
        let reached = lines.filter(|text| text.starts_with("  ")).nth(count - 1).is_some();
        run.kill().unwrap();
        run.wait().unwrap();
        let moment = format!("{kind:?}: `{line}` killed at statement {count}");
        // Probing does not wait: the server may still finish its work for the killed run.
        heals(&project, &moment);
        if !reached {
            assert!(count >= 5, "there were only {count} statements");
            break;
        }
    }
}

#[test]
fn of_runner_during_apply_on_postgres() {
    kills(Kind::Postgres, "apply");
}

#[test]
fn of_runner_during_apply_on_mariadb() {
    kills(Kind::Mariadb, "apply");
}

#[test]
fn of_runner_during_rollback_on_postgres() {
    kills(Kind::Postgres, "rollback --all");
}

#[test]
fn of_runner_during_rollback_on_mariadb() {
    kills(Kind::Mariadb, "rollback --all");
}
