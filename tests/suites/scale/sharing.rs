//! Several processes working on one transform.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use runner_tests::servers::Session;
use runner_tests::{Engine, EngineProject, Running, for_each_server, until};

use super::shop::{chunks, component, gate, is_done_once, items, number};

pub(super) const ROWS: u64 = 6_000;

/// Chunks that take about 20 ms, so that there is time to share them.
pub(super) const SLOW: &str = "[transform]\nchunk_rows = 100\n[parameters]\nlog = \"log\"\nslow = 4000000";

/// A run with its messages.
pub(super) struct Said(Running);

impl Said {
    fn start(project: &EngineProject, line: &str) -> Self {
        Self::run(&mut project.command(line.split(' ')))
    }

    fn run(command: &mut Command) -> Self {
        Self(Running::start(command.stderr(Stdio::piped())))
    }

    pub(super) fn kill(&self) {
        self.0.signal("KILL");
    }

    /// Its exit code, if any, and its messages.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.0.wait().unwrap().code(), said)
    }
}

/// How many chunks were processed in a role, `leader` or `helper`.
fn chunks_of(project: &EngineProject, role: &str) -> u64 {
    number(project, &format!("SELECT count(*) FROM {} WHERE role = '{role}'", chunks(project)))
}

/// Two runs that share a transform, a leader and a helper, which has done a chunk. Neither comes past the gate before the test
/// has acted and dropped it.
pub(super) fn led_and_helped(project: &EngineProject, commands: &mut [Command; 2]) -> ([Said; 2], Session) {
    for command in commands.iter_mut() {
        // A helper that waits at the gate waits for the lock, too.
        command.args(["--table-lock-timeout", "none", "--lock-timeout", "10m"]);
    }
    let [leader, helper] = commands;
    // The leader waits at the first one until the helper has a chunk.
    let (first, second) = (gate(project, 50_000..60_000), gate(project, 60_000..90_000));
    let leader = Said::run(leader);
    until("the leader begins", || chunks_of(project, "leader") > 1);
    let helper = Said::run(helper);
    until("the helper begins", || chunks_of(project, "helper") > 0);
    drop(first);
    let done = format!("SELECT count(*) FROM {} WHERE role = 'helper' AND state = 'done'", chunks(project));
    until("the helper has done a chunk", || number(project, &done) > 0);
    ([leader, helper], second)
}

/// Like [`led_and_helped`], with this many workers each.
fn both(project: &EngineProject, leader: u32, helper: u32) -> ([Said; 2], Session) {
    let command = |line: &str, jobs: u32| project.command(format!("{line} --jobs {jobs}").split(' '));
    led_and_helped(project, &mut [command("apply", leader), command("apply --share", helper)])
}

/// The runs that `status` reports.
fn runs(project: &EngineProject) -> Vec<serde_json::Value> {
    let output = project.runner("status --format json");
    let document: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    document["runs"].as_array().unwrap().clone()
}

for_each_server! {
    /// A helper takes over as the leader.
    fn the_leader_is_killed(engine) {
        let project = items(engine, 3 * ROWS, SLOW);
        let ([leader, helper], gate) = both(&project, 2, 2);
        leader.kill();
        assert_eq!(leader.end().0, None);
        drop(gate);
        let (ended, said) = helper.end();
        assert_eq!(ended, Some(0), "{said}");
        is_done_once(&project, 3 * ROWS, &said);
        project.runner("status --exit-code").succeeds();
    }

    /// A worker that is frozen in the middle of a chunk, but not dead, finds its chunk taken when it resumes, or
    /// continues with it.
    fn the_leader_is_frozen(engine) {
        let project = items(engine, 3 * ROWS, SLOW);
        let ([leader, helper], gate) = both(&project, 2, 1);
        leader.0.signal("STOP");
        let done = || number(&project, &format!("SELECT count(*) FROM {} WHERE state = 'done'", chunks(&project)));
        let before = done();
        drop(gate);
        if engine == Engine::Postgres {
            until("the helper goes on", || done() > before + 3);
        } else {
            // It may block others from claiming a chunk, and the server does not end its session for that.
            std::thread::sleep(Duration::from_secs(8));
        }
        leader.0.signal("CONT");
        let (ended, said) = leader.end();
        assert_eq!(ended, Some(0), "{said}");
        assert_eq!(helper.end().0, Some(0));
        is_done_once(&project, 3 * ROWS, &said);
    }

    /// `status` shows a helper's own work only, and shows it as dead as soon as its session is over.
    fn a_killed_helper_is_distinguished_from_an_active_one(engine) {
        let project = items(engine, 5 * ROWS, SLOW);
        let ([leader, helper], gate) = both(&project, 1, 1);
        // Each ends its chunk. From there on no work is done, and both keep their state.
        project.runner("pause").succeeds();
        drop(gate);
        let progress = chunks(&project).replace("runner_chunk", "runner_progress");
        until("both wait", || {
            number(&project, &format!("SELECT count(*) FROM {progress} WHERE held = 'paused'")) == 2
        });
        until("the helper is watched", || number(&project, &format!("SELECT max(shares) FROM {progress}")) > 1);
        let seen = runs(&project);
        for (shares, roles) in [(false, "%"), (true, "helper")] {
            let run = seen.iter().find(|run| run["shares"] == shares).unwrap();
            assert_eq!(run["state"], "waiting", "{run}");
            let done = format!("FROM {} WHERE state = 'done' AND role LIKE '{roles}'", chunks(&project));
            assert_eq!(run["chunks"], number(&project, &format!("SELECT count(*) {done}")), "{run}");
            assert_eq!(run["rows_done"], number(&project, &format!("SELECT sum(rows_read) {done}")), "{run}");
        }
        project.runner("status").prints(&[", sharing a transform", ", done by this process"]);
        helper.0.signal("KILL");
        let said = helper.end();
        assert_eq!(said.0, None, "{}", said.1);
        // Its session tells, not its silence: it seems to have reported just now.
        project.execute(&format!("UPDATE {progress} SET beat_at = beat_at + 3600000 WHERE shares > 1"));
        let mut dead = serde_json::Value::Null;
        until("the helper is lost", || {
            let found = runs(&project);
            dead = found.iter().find(|run| run["shares"] == true).unwrap().clone();
            dead["state"] == "lost"
        });
        assert!(dead["held"].is_null(), "nothing holds the dead: {dead}");
        let before = seen.iter().find(|run| run["shares"] == true).unwrap();
        assert_eq!((&dead["chunks"], &dead["rows_done"]), (&before["chunks"], &before["rows_done"]));
        let told = project.runner("status");
        told.prints(&["lost 0002_scale: ", "last seen ", "; its unfinished chunk is processed by the run"]);
        assert!(!told.stdout.contains("its lock is free") && told.stdout.contains("\nwaiting 0002_scale"), "{told}");
        project.runner("resume").succeeds();
        let (ended, said) = leader.end();
        assert_eq!(ended, Some(0), "{said}");
        is_done_once(&project, 5 * ROWS, &said);
        assert_eq!(runs(&project).len(), 0);
    }

    /// A pause applies to all runs that share the transform.
    fn a_pause_applies_to_all(engine) {
        let project = items(engine, 5 * ROWS, SLOW);
        let ([leader, helper], gate) = both(&project, 1, 1);
        project.runner("pause").succeeds();
        drop(gate);
        let done = || number(&project, &format!("SELECT count(*) FROM {} WHERE state = 'done'", chunks(&project)));
        until("nobody works", || {
            let before = done();
            std::thread::sleep(Duration::from_secs(1));
            done() == before
        });
        // Of two transforms.
        assert!(done() < 2 * 5 * ROWS / 100, "it was over before it was paused");
        project.runner("resume").succeeds();
        let (ended, said) = leader.end();
        assert_eq!(ended, Some(0), "{said}");
        let (ended, said) = helper.end();
        assert_eq!(ended, Some(0), "{said}");
        is_done_once(&project, 5 * ROWS, &said);
    }

    fn a_late_run_has_nothing_to_do(engine) {
        let project = items(engine, 100, "[parameters]\nlog = \"log\"");
        project.runner("apply --share").succeeds();
        is_done_once(&project, 100, "");
        project.runner("apply --share").succeeds().says(&["nothing to do"]);
    }

    /// A run with another build of the component does not take part.
    fn another_build_does_not_help(engine) {
        let project = items(engine, 2_000, "[transform]\nchunk_rows = 50\n[parameters]\nlog = \"log\"\nslow = 2000000");
        let other = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, project.root());
        let mut bytes = component().to_vec();
        // A custom section called `x`, which changes nothing but the bytes.
        bytes.extend([0, 2, 1, b'x']);
        other.component("0002_scale", &bytes);
        let leader = Said::start(&project, "apply --jobs 1");
        until("the leader begins", || chunks_of(&project, "leader") > 1);
        let mut waiting = other.command(["apply", "--share", "--database-url", &project.url()]);
        let output = other.finish(&mut waiting);
        assert_eq!(output.exit_code(), Some(4), "{output}");
        assert_eq!(leader.end().0, Some(0));
        assert_eq!(chunks_of(&project, "helper"), 0);
        is_done_once(&project, 2_000, "");
    }
}

for_each_server! {
    /// A transform that fails, and whose component goes on without it, is closed for all: nobody works on it afterwards, and what
    /// was done by anybody counts as a change.
    fn a_failure_that_is_handled(engine) {
        let rows = 5 * ROWS;
        let project = items(engine, rows, &SLOW.replace("log = \"log\"", "survive = true"));
        project.execute("ALTER TABLE items ADD CONSTRAINT never CHECK (n <> 0)");
        let ([leader, helper], gate) = both(&project, 1, 1);
        // Beyond the gate. Somebody meets this row, and then the leader does.
        project.execute(&format!("UPDATE items SET n = -1 WHERE id = {}", rows * 9));
        drop(gate);
        let (ended, said) = leader.end();
        assert_eq!(ended, Some(0), "{said}");
        assert!(said.contains("refused: true"), "{said}");
        let sum = || project.value("SELECT sum(n) FROM items");
        let at_the_end = sum();
        helper.end();
        assert_eq!(sum(), at_the_end, "a helper went on");
        let of = |table: &str| number(&project, &format!("SELECT count(*) FROM {}", chunks(&project).replace("runner_chunk", table)));
        assert_eq!([of("runner_chunk"), of("runner_checkpoint")], [0, 0]);
        assert_eq!(of("runner_journal WHERE ended_at IS NULL"), 0, "a step that never ended");
        assert_eq!(of("runner_journal WHERE kind = 'transform' AND effect = 1"), 1, "its chunks changed something");
        project.runner("status --exit-code").succeeds();
    }

    /// A helper with the build before leaves once another build has taken over.
    fn a_helper_of_the_build_before_leaves(engine) {
        let project = items(engine, 3 * ROWS, SLOW);
        let other = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, project.root());
        let mut bytes = component().to_vec();
        bytes.extend([0, 2, 1, b'x']);
        other.component("0002_scale", &bytes);
        let ([leader, helper], gate) = both(&project, 1, 1);
        helper.0.signal("STOP");
        let dead = format!("process {}", leader.0.id());
        leader.kill();
        assert_eq!(leader.end().0, None);
        drop(gate);
        let url = project.url();
        let line = ["apply", "--jobs", "1", "--accept-changed", "2", "--why", "x", "--database-url", &url];
        let taking = Said::run(&mut other.command(line));
        // Then it may have to wait for the chunk that the helper holds, or for the dead one's session, which does.
        until("it has the lock", || {
            let status = project.runner("status --format json");
            let status: serde_json::Value = serde_json::from_str(&status.succeeds().stdout).unwrap();
            status["lock_holder"].as_str().is_some_and(|holder| !holder.contains(&dead))
        });
        helper.0.signal("CONT");
        let (ended, said) = taking.end();
        assert_eq!(ended, Some(0), "{said}");
        assert!(said.contains("continues from there"), "{said}");
        // The project that it has is not what is applied now.
        assert_eq!(helper.end().0, Some(4));
        let (time, table) = match engine {
            Engine::Postgres => ("CAST(extract(epoch FROM repaired_at::timestamptz) * 1000000 AS bigint)", "runner.runner_repair"),
            _ => (
                "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', STR_TO_DATE(repaired_at, '%Y-%m-%dT%H:%i:%s.%fZ'))",
                "runner_repair",
            ),
        };
        // Recorded with the frontier locked, in milliseconds: what was claimed later, the build before should not have.
        let handed_over = format!("(SELECT {time} + 1000 FROM {table} WHERE action = 'accept-changed')");
        let late = |than: &str| {
            number(&project, &format!("SELECT count(*) FROM {} WHERE role = 'helper' AND began_at {than} {handed_over}", chunks(&project)))
        };
        assert!(late("<") > 0, "{said}");
        assert_eq!(late(">"), 0, "claimed by the build before after it was replaced\n{said}");
        is_done_once(&project, 3 * ROWS, &said);
    }
}

#[test]
fn sqlite_has_one_writer() {
    let project = items(Engine::Sqlite, 100, "");
    project.runner("apply --share").exits(2).says(&["one writer at a time", "hint:", "--jobs"]);
    project.runner("apply --jobs 3").succeeds();
}
