//! The connection is cut at a COMMIT: before the server receives it, or with its answer lost. The database shows what
//! happened.

use std::collections::BTreeMap;

use runner_tests::servers::{Proxy, Trap};
use runner_tests::{Engine, EngineProject, for_each_server};

use super::moments;
use super::shop::{heals, is_sound, shop};

/// A trap for the nth time that a text is sent.
type Cut = fn(&'static str, usize) -> Trap;

/// The end of a transaction as a client sends it, and on PostgreSQL not the words `READ COMMITTED`.
fn commit(engine: Engine) -> &'static str {
    match engine {
        // Its text ends with a zero.
        Engine::Postgres => "COMMIT\0",
        // It is one of several statements of a text, or is inside a procedure.
        _ => "COMMIT",
    }
}

/// Runs with the trap. It is set before the start: one that is set during the run may miss what it is for.
fn with_trap(project: &EngineProject, line: &str, proxy: &Proxy, trap: Trap) -> (Option<i32>, String) {
    proxy.set(trap);
    let output = project.runner(line);
    let said = output.to_string();
    assert!(!said.contains("panicked"), "{said}");
    (output.exit_code(), said)
}

fn cut_at_every_commit(engine: Engine, line: &str, trap: Cut) {
    let server = engine.server().unwrap();
    let mut outcomes = BTreeMap::new();
    let mut cut_at_work = 0;
    // On PostgreSQL there are few enough to try each.
    let counts: Box<dyn Iterator<Item = usize>> =
        if engine == Engine::Postgres { Box::new(1..) } else { Box::new(moments()) };
    for count in counts {
        let mut project = shop(server);
        if line != "apply" {
            project.runner("apply").succeeds();
        }
        let proxy = Proxy::start(server.port());
        let direct = project.server_database().url();
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        let trap = trap(commit(engine), count);
        let moment = format!("{engine:?}: `{line}` with {trap:?}");
        let (code, said) = with_trap(&project, line, &proxy, trap);
        println!("{moment}: exit code {code:?}");
        project.by(&direct);
        let version = is_sound(&project, &moment, &said);
        // If a whole migration is one transaction, the run finds out whether it was committed, and continues. What is lost
        // before the first one costs nothing but time.
        let began = said.contains("applying ") || said.contains("rolling back ");
        let known = engine == Engine::Postgres && moment.contains("Answer") && began;
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
        cut_at_work += usize::from(began);
        *outcomes.entry(code).or_insert(0) += 1;
        heals(&project, &moment);
    }
    println!("{engine:?} `{line}`: exit codes {outcomes:?}");
    assert!(cut_at_work > 0, "{engine:?} `{line}`: every cut came before the first migration");
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

/// Applies a migration in SQL and cuts the connection at each COMMIT in turn. `heals` brings the project to its last version.
fn cut_within_a_file(engine: Engine, [before, up]: [&str; 2], trap: Cut, heals: impl Fn(&EngineProject, &str)) {
    let server = engine.server().unwrap();
    for count in 1.. {
        let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        project.sql("0001_before", before, "SELECT 1;");
        project.runner("apply").succeeds();
        project.sql("0002_cut", up, "SELECT 1;");
        let proxy = Proxy::start(server.port());
        let direct = project.server_database().url();
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        let trap = trap(commit(engine), count);
        let moment = format!("{engine:?}: {trap:?}");
        let (code, said) = with_trap(&project, "apply", &proxy, trap);
        println!("{moment}: exit code {code:?}");
        project.by(&direct);
        heals(&project, &format!("{moment}\n{said}"));
        if proxy.sprung() == 0 {
            assert!(count > 2, "{moment}: there is no commit");
            break;
        }
    }
}

/// An answer that waits for the next step is not taken for stored because the intent of its own step is.
#[test]
fn a_lost_answer_that_waited_is_found_in_the_schema() {
    let (before, up) =
        ("CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);", "ALTER TABLE t ADD b INT;\nUPDATE t SET b = 1;");
    for cut in [Trap::Before as Cut, Trap::Answer] {
        cut_within_a_file(Engine::Mariadb, [before, &format!("{up}\nSELECT nope();")], cut, |project, moment| {
            project.sql("0002_cut", up, "SELECT 1;");
            let output = project.runner("apply");
            assert_eq!(output.exit_code(), Some(0), "{moment}\n{output}");
            assert_eq!(project.value("SELECT b FROM t"), "1", "{moment}");
        });
    }
}

/// A run that goes on in a new session makes the settings of the file again.
#[test]
fn settings_outlive_a_lost_session() {
    let tables = "CREATE TABLE t (x integer);\nCREATE TABLE u (x integer);\nINSERT INTO t VALUES (0);\nINSERT INTO u VALUES (0);";
    let postgres = [
        &format!("{tables}\nCREATE SCHEMA app;\nSET search_path = app;\n{tables}"),
        "-- runner:no-transaction\nSET search_path = app;\nUPDATE t SET x = x + 1;\nCREATE INDEX CONCURRENTLY t_x ON t (x);\n\
         UPDATE u SET x = x + 1;\nUPDATE t SET x = x + 1;",
    ];
    let mariadb = [
        "CREATE TABLE t (id INT);\nINSERT INTO t VALUES (1), (7);",
        "SET @n = 5;\nINSERT INTO t VALUES (9);\nALTER TABLE t ADD x INT;\nINSERT INTO t (id) VALUES (3);\n\
         DELETE FROM t WHERE id > @n;",
    ];
    for (engine, files, look, expected) in [
        (
            Engine::Postgres,
            postgres,
            "SELECT concat_ws(' ', a.x, b.x, c.x, d.x, to_regclass('app.t_x') IS NOT NULL) \
                 FROM public.t a, public.u b, app.t c, app.u d",
            "0 0 2 1 t",
        ),
        (Engine::Mariadb, mariadb, "SELECT group_concat(id ORDER BY id) FROM t", "1,3"),
    ] {
        cut_within_a_file(engine, files, Trap::Answer, |project, moment| {
            let output = project.runner("apply");
            assert_eq!(output.exit_code(), Some(0), "{moment}\n{output}");
            assert_eq!(project.value(look), expected, "{moment}");
        });
    }
}

/// In a new session the key that the lost one generated is not taken for 0.
#[test]
fn a_key_of_a_lost_session_is_not_guessed() {
    let before = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, tag INT);\nCREATE TABLE u (t_id INT);";
    let up = "-- runner:no-transaction\nINSERT INTO t (tag) VALUES (7);\nINSERT INTO u VALUES (LAST_INSERT_ID());";
    let refused = std::cell::Cell::new(0);
    cut_within_a_file(Engine::Mariadb, [before, up], Trap::Answer, |project, moment| {
        let output = project.runner("apply");
        if output.exit_code() == Some(6) {
            output.says(&["`LAST_INSERT_ID()`"]);
            project.sql("0002_cut", &up.replace("LAST_INSERT_ID()", "(SELECT MAX(id) FROM t)"), "SELECT 1;");
            project.runner("apply").succeeds();
            refused.set(refused.get() + 1);
        } else {
            assert_eq!(output.exit_code(), Some(0), "{moment}\n{output}");
        }
        assert_eq!(project.value("SELECT u.t_id = t.id FROM u, t"), "1", "{moment}");
    });
    assert!(refused.get() > 0, "a session is lost between the two statements");
}

/// The first write of a migration may be stored although its answer is lost and the server stays away: nothing says that it had no
/// effect.
#[test]
fn a_first_write_without_an_answer_is_reported_as_partial() {
    let server = Engine::Mariadb.server().unwrap();
    let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    project.sql("0001_before", "CREATE TABLE t (a INT);", "DROP TABLE t;");
    project.runner("apply").succeeds();
    project.sql("0002_cut", "CREATE TABLE u (a INT);\nCREATE TABLE v (a INT);", "DROP TABLE u;\nDROP TABLE v;");
    let proxy = Proxy::start(server.port());
    let direct = project.server_database().url();
    let url = project.server_database().url_at(proxy.port());
    project.by(&url);
    let (code, said) = with_trap(&project, "apply", &proxy, Trap::AnswerAndServer("runner_history (", 1));
    assert_eq!((proxy.sprung(), code), (1, Some(6)), "{said}");
    project.by(&direct);
    project.runner("apply").succeeds();
    assert_eq!(project.value("SELECT count(*) FROM u, v"), "0");
    assert_eq!(project.runner("status --exit-code").exit_code(), Some(0));
}

/// A run that has applied its migrations says so, although it cannot record the protection of the database.
#[test]
fn what_was_applied_is_reported_although_the_protection_is_not_recorded() {
    for engine in [Engine::Postgres, Engine::Mariadb] {
        let server = engine.server().unwrap();
        let mut project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
        project.write("runner.toml", "[database]\nprotected = true\n");
        project.sql("0001_a", "CREATE TABLE a (a INT);", "DROP TABLE a;");
        let proxy = Proxy::start(server.port());
        let direct = project.server_database().url();
        let url = project.server_database().url_at(proxy.port());
        project.by(&url);
        proxy.set(Trap::Before("runner_meta VALUES ('protected'", 1));
        let output = project.runner("apply --format json");
        assert_eq!((proxy.sprung(), output.exit_code()), (1, Some(1)), "{engine:?}: {output}");
        let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(report["applied"].as_array().map(Vec::len), Some(1), "{engine:?}: {output}");
        project.by(&direct);
        project.runner("apply").succeeds();
        let recorded = project.server_database().client();
        let place = if engine == Engine::Postgres { "runner.runner_meta" } else { "runner_meta" };
        let recorded = recorded.sql(&format!("SELECT count(*) FROM {place} m WHERE m.key = 'protected'"));
        assert_eq!(recorded, ["1"], "{engine:?}");
    }
}
