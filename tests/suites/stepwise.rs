//! Components whose steps each commit by themselves: after a kill anywhere, the next run resumes them where they
//! stopped, and each step takes effect once.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::OnceLock;

use runner_tests::dump::Dump;
use runner_tests::{
    Engine, EngineProject, Output, Running, TestProject, dump, for_each_server, guests, is_long, project,
};

mod accept;
mod corrected;

/// Pages and chunks of a few rows, so that there are several.
const LIMITS: &str = "[limits]\nbatch_rows = 20\n";

fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("journal"))
}

/// A table, and a component that processes it.
fn shop() -> TestProject {
    static TEMPLATE: OnceLock<TestProject> = OnceLock::new();
    let template = TEMPLATE.get_or_init(new_shop);
    let project = project!();
    project.copy_of(template.root());
    std::fs::copy(template.file("runner.db"), project.file("runner.db")).unwrap();
    project
}

fn new_shop() -> TestProject {
    let project = project!();
    project
        .sql("0001_items", &Engine::Sqlite.items(70), "DROP TABLE items;")
        .component("0002_journal", component())
        .settings(LIMITS);
    project.runner("apply --target 1").succeeds();
    project
}

/// The content of the database without the component's work, and with it.
fn reference() -> &'static [Dump; 2] {
    static REFERENCE: OnceLock<[Dump; 2]> = OnceLock::new();
    REFERENCE.get_or_init(|| {
        let project = shop();
        let before = project.dump_user();
        project.runner("apply").succeeds();
        let after = project.dump_user();
        project.runner("rollback").succeeds();
        assert_eq!(project.dump_user(), before, "the way back leads where it came from");
        [before, after]
    })
}

fn runs(project: &TestProject, line: &str) -> Output {
    project.finish(&mut project.command(line.split(' ')))
}

#[test]
fn an_undisturbed_run_does_everything_once() {
    let [_, after] = reference();
    assert_eq!(after.tables(), ["items", "ledger"]);
    let project = shop();
    let output = project.runner("apply");
    output.succeeds().says(&["applied 0002_journal"]);
    let entry = |id: u32| project.value(&format!("SELECT entry FROM ledger WHERE id = {id}"));
    assert_eq!([entry(1), entry(2), entry(3), entry(4)], ["once", "70 items", "ErrorKind::Constraint", "70 70 4"]);
    assert_eq!([entry(100), entry(103)], ["page of 20 from Some(1)", "page of 10 from Some(61)"]);
    assert_eq!([entry(200), entry(203)], ["rows from Some(1)", "rows from Some(61)"]);
    assert_eq!(entry(600), "60 written");
    assert_eq!(
        project.value("SELECT count(*) FROM items WHERE price = id / 4.0 AND name = 'item ' || id || '!'"),
        "70"
    );
    assert_eq!(project.value("SELECT mode || ' ' || state FROM runner_history WHERE id = 2"), "stepwise applied");
    // The answers are removed, the list of steps is kept.
    assert_eq!(project.value("SELECT count(*) FROM runner_journal WHERE answer IS NOT NULL"), "0");
    assert_eq!(project.value("SELECT count(*) FROM runner_checkpoint"), "0");
    assert_ne!(project.value("SELECT count(*) FROM runner_journal WHERE history_id = 2"), "0");
}

/// The crash points of a run, split over several tests.
fn killed_at_every_crash_point(line: &str, share: usize, of: usize) {
    let [before, after] = reference();
    let (from, to) = if line == "apply" { (before, after) } else { (after, before) };
    let mut partial = 0;
    for moment in (1 + share..).step_by(of) {
        let project = shop();
        if line != "apply" {
            project.runner("apply").succeeds();
        }
        assert_eq!(project.dump_user(), *from);
        if !project.dies_at(line, moment) {
            assert!(moment > 30, "there are more moments than {moment}");
            break;
        }
        dump::check(&project.database());
        if runs(&project, "status --exit-code").exit_code() == Some(6) {
            partial += 1;
        }
        let output = runs(&project, line);
        assert_eq!(output.exit_code(), Some(0), "killed at moment {moment}\n{output}");
        assert_eq!(project.dump_user(), *to, "killed at moment {moment}");
        assert_eq!(project.value("SELECT count(*) FROM runner_checkpoint"), "0");
    }
    assert!(partial > 5, "only {partial} kills left a part");
}

#[test]
fn killed_at_every_crash_point_during_apply() {
    killed_at_every_crash_point("apply", 0, 2);
}

#[test]
fn killed_at_every_other_crash_point_during_apply() {
    killed_at_every_crash_point("apply", 1, 2);
}

#[test]
fn killed_at_every_crash_point_during_rollback() {
    killed_at_every_crash_point("rollback", 0, 1);
}

#[test]
fn killed_again_and_again() {
    let [before, after] = reference();
    let project = shop();
    let mut kills = 0;
    while project.dies_at("apply", 7) {
        kills += 1;
        assert!(kills < 200, "it does not come to its end");
    }
    assert_eq!(project.dump_user(), *after);
    assert!(kills > 5, "{kills}");
    // Each attempt counts its own work once.
    let counts = "SELECT steps || ' ' || rows_read || ' ' || rows_written FROM runner_history WHERE id = 2";
    let undisturbed = shop();
    undisturbed.runner("apply").succeeds();
    assert_eq!(project.value(counts), undisturbed.value(counts));
    while project.dies_at("rollback", 5) {
        kills += 1;
        assert!(kills < 400, "it does not come to its end");
    }
    assert_eq!(project.dump_user(), *before);
}

/// A project whose component was killed halfway.
fn broken_off() -> TestProject {
    let project = shop();
    assert!(project.dies_at("apply", 40));
    project.runner("status").prints(&["partial"]);
    project
}

#[test]
fn the_first_run_determines_the_inputs() {
    let [_, after] = reference();
    let project = shop();
    project.settings("[parameters]\nfail = true");
    let output = runs(&project, "apply");
    output.exits(6).says(&["no such table: nowhere", "took effect", "CREATE INDEX items_price", "runner apply"]);
    // The component sees the parameters of the first run.
    let settings = project.read("runner.toml").replace("fail = true", "fail = false");
    project.write("runner.toml", settings);
    runs(&project, "apply").exits(6).says(&["other parameters", "no such table: nowhere"]);
    // A failed call that was not handled is retried.
    project.database().execute_batch("CREATE TABLE nowhere (a)").unwrap();
    runs(&project, "apply").succeeds();
    project.database().execute_batch("DROP TABLE nowhere").unwrap();
    assert_eq!(project.dump_user(), *after);
}

#[test]
fn another_build_that_repeats_everything_goes_on() {
    let [before, after] = reference();
    let project = broken_off();
    let mut other = component().to_vec();
    // A custom section called `x`, which changes nothing but the bytes.
    other.extend([0, 2, 1, b'x']);
    project.component("0002_journal", &other);
    runs(&project, "apply").succeeds().says(&["the corrected build, sha256"]);
    assert_eq!(project.dump_user(), *after);
    // A downgrade runs with the build that was applied, whatever the project has.
    assert!(project.dies_at("rollback", 40));
    project.component("0002_journal", component());
    runs(&project, "rollback").succeeds();
    assert_eq!(project.dump_user(), *before);
}

#[test]
fn a_tampered_journal_is_refused() {
    for (change, says) in [
        ("UPDATE runner_journal SET digest = 'x' WHERE step = 4", "the component did not repeat its recorded steps"),
        ("UPDATE runner_journal SET seal = 'x' WHERE step = 4", "step 4 was changed"),
        ("DELETE FROM runner_journal WHERE step = 4", "step 4 is missing"),
    ] {
        let project = broken_off();
        let before = project.dump_user();
        project.database().execute_batch(change).unwrap();
        runs(&project, "apply").exits(4).says(&[says, "0002_journal"]);
        assert_eq!(project.dump_user(), before, "{change}");
        project.runner("status").prints(&["partial"]);
    }
}

#[test]
fn a_failed_chunk_keeps_those_before_it() {
    let [_, after] = reference();
    let project = shop();
    project.settings("[parameters]\nstumble = true");
    runs(&project, "apply").exits(6).says(&["no way past 41", "rows id = 41 to id = 60"]);
    let done = || project.value("SELECT count(*) FROM items WHERE price = id / 4.0");
    assert_eq!(done(), "40");
    runs(&project, "apply").exits(6).says(&["no way past 41"]);
    assert_eq!(done(), "40");
    assert_ne!(project.dump_user(), *after);
    // The downgrade cannot handle a partial upgrade, and so changes nothing.
    let part = project.dump_user();
    let rollback = runs(&project, "rollback");
    rollback.exits(6).says(&["items_price", "does not handle that", "`0002_journal` failed and stays partial"]);
    assert_eq!(project.dump_user(), part);
    project.runner("status").prints(&["partial"]);
}

#[test]
fn a_first_step_that_fails_leaves_no_trace() {
    let project = shop();
    project.database().execute_batch("CREATE TABLE ledger (x)").unwrap();
    let before = project.dump_user();
    runs(&project, "apply").exits(1).says(&["already exists", "left no changes"]);
    assert_eq!(project.dump_user(), before);
    assert_eq!(project.value("SELECT count(*) FROM runner_journal"), "0");
    assert_eq!(project.value("SELECT count(*) FROM runner_history"), "1");
    // The downgrade behaves in the same way.
    project.database().execute_batch("DROP TABLE ledger").unwrap();
    runs(&project, "apply").succeeds();
    project.database().execute_batch("DROP INDEX items_price").unwrap();
    runs(&project, "rollback").exits(1).says(&["stays applied"]);
    assert_eq!(project.value("SELECT state FROM runner_history WHERE id = 2"), "applied");
    project.database().execute_batch("CREATE INDEX items_price ON items (price)").unwrap();
    runs(&project, "rollback").succeeds();
    assert_eq!(project.dump_user(), reference()[0]);
}

#[test]
fn a_signal_stops_between_two_steps() {
    let [_, after] = reference();
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let project = shop();
        project.sql(
            "0003_wait",
            "-- runner:no-transaction\nCREATE TABLE w (x);\nWITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;",
            "DROP TABLE w;",
        );
        let mut child = Running::start(project.command(["apply", "-v"]).stderr(Stdio::piped()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("CREATE TABLE w")));
        child.signal(name);
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(project.value("SELECT state FROM runner_history WHERE id = 3"), "partial");
        project.database().execute_batch("DROP TABLE w").unwrap();
        assert_eq!(project.dump_user(), *after);
    }
}

#[test]
fn json_reports_the_progress() {
    let project = shop();
    project.settings("[parameters]\nfail = true");
    let output = runs(&project, "apply --format json");
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let failed = &document["failed"];
    assert_eq!(failed["statements_done"], serde_json::Value::Null);
    assert!(failed["steps_done"].as_u64().unwrap() > 20, "{failed}");
    assert_eq!(document["error"]["exit_code"], 6);
    let shown = project.runner("show 2");
    shown.succeeds().prints(&["partial", "steps took effect"]);
}

/// The same on a server that supports it.
fn server_shop(engine: Engine) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project.items(70).component("0002_journal", component()).settings(LIMITS);
    project.runner("apply --target 1").succeeds();
    project
}

/// Numbers from 1 on: in a long test all of them, otherwise fewer and fewer.
fn moments(first: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), move |now| Some(now + if is_long() { 1 } else { 9 }))
}

for_each_server! {
    fn killed_on_a_server_at_every_crash_point(engine) {
        let undisturbed = server_shop(engine);
        let before = undisturbed.state();
        undisturbed.runner("apply").succeeds();
        let after = undisturbed.state();
        undisturbed.runner("rollback").succeeds();
        assert_eq!(undisturbed.state(), before, "the way back leads where it came from");
        for (line, to) in [("apply", &after), ("rollback", &before)] {
            for moment in moments(1) {
                let project = server_shop(engine);
                if line == "rollback" {
                    project.runner("apply").succeeds();
                }
                if !project.dies_at(line, moment) {
                    assert!(moment > 20, "there are more moments than {moment}");
                    break;
                }
                let output = runs(&project, line);
                assert_eq!(output.exit_code(), Some(0), "{line} killed at moment {moment}\n{output}");
                assert_eq!(project.state(), *to, "{line} killed at moment {moment}\n{output}");
            }
        }
    }

    fn killed_on_a_server_again_and_again(engine) {
        let project = server_shop(engine);
        let mut kills = 0;
        while project.dies_at("apply", 7) {
            kills += 1;
            assert!(kills < 100, "it does not come to its end");
        }
        assert!(kills > 5, "{kills}");
        let undisturbed = server_shop(engine);
        undisturbed.runner("apply").succeeds();
        assert_eq!(project.state(), undisturbed.state());
    }
}
