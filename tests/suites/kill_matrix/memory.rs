//! Long journals and long transforms need no more memory than short ones.

use std::process::Stdio;

use runner_tests::{Engine, EngineProject, is_long};

use super::reference::{Way, project};

/// How much more memory, in KiB, a run with several times the work may need: allocators keep freed memory.
const SLACK: i64 = 16 << 10;

/// Runs a command of a project to completion, or until it crashes at a moment, and returns its peak memory, in KiB. SQLite's cache of
/// pages is kept small, because it would look like growth up to its bound.
fn peak(project: &EngineProject, line: &str, moment: Option<&str>) -> i64 {
    let mut command = project.command(line.split(' '));
    command.args(["-D", &format!("{}?cache_size=256", project.url())]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.envs(moment.map(|moment| ("RUNNER_TEST_CRASH_AT", moment)));
    let (status, peak) = runner_tests::peak(&mut command);
    assert_eq!(status.code().is_none(), moment.is_some(), "{line} ended with {status}");
    assert!(moment.is_some() || status.success(), "{line} ended with {status}");
    peak
}

/// Ten times as much in a long test.
fn long(short: u64) -> u64 {
    if is_long() { short * 10 } else { short }
}

fn steps(steps: u64) -> EngineProject {
    let project = project(Engine::Sqlite, 40);
    project.settings(&format!("[parameters]\nsteps = {steps}"));
    project
}

#[test]
fn a_long_journal_needs_no_more_memory() {
    let many = long(2_000);
    let few = peak(&steps(many / 10), Way::Up.line(), None);
    let all = peak(&steps(many), Way::Up.line(), None);
    assert!(all < few + SLACK, "{many} steps took {all} KiB, and a tenth of them {few} KiB");
    // Interrupted after all of them, and resumed from the journal.
    let project = steps(many);
    let broken = peak(&project, Way::Up.line(), Some(&(2 * many).to_string()));
    let again = peak(&project, Way::Up.line(), None);
    assert!(broken < few + SLACK && again < few + SLACK, "broken off {broken} KiB, again {again} KiB, few {few} KiB");
    assert_eq!(project.value("SELECT entry FROM ledger WHERE id = 1"), (many / 2).to_string());
}

#[test]
fn a_long_transform_needs_no_more_memory() {
    // Shorter runs need less: threads, caches and pools are still filling up.
    let many = long(40_000);
    let few = peak(&project(Engine::Sqlite, many / 4), Way::Up.line(), None);
    let all = peak(&project(Engine::Sqlite, many), Way::Up.line(), None);
    assert!(all < few + SLACK, "{many} rows took {all} KiB, and a quarter of them {few} KiB");
}
