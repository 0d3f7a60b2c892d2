//! A killed dry run changes nothing either, and does not obstruct the next one.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use runner_tests::{Engine, EngineProject, Running, for_each_engine};

use super::{changes_nothing, dry, scratches, shop};

/// Runs until the step is reported, then acts on the process. Returns its output.
fn until(project: &EngineProject, line: &str, step: u32, fault: &str) -> (String, Option<i32>) {
    let directory = project.file("temporary");
    std::fs::create_dir_all(&directory).unwrap();
    let mut command = project.command(line.split_whitespace());
    let mut run = Running::start(command.env("TMPDIR", directory).stderr(Stdio::piped()));
    let mut said = String::new();
    let mut reached = false;
    for text in BufReader::new(run.stderr.take().unwrap()).lines() {
        let text = text.unwrap();
        said.push_str(&format!("{text}\n"));
        if !reached && text.contains(&format!("step {step} done")) {
            reached = true;
            run.signal(fault);
        }
    }
    let code = run.wait().unwrap().code();
    assert!(reached, "it never came to step {step}\n{said}");
    (said, code)
}

/// Acts on a process at a step until one has ended by it: a signal that arrives too late proves nothing.
fn in_time(project: &EngineProject, line: &str, step: u32, fault: &str) -> (String, Option<i32>) {
    let struck = |_| Some(until(project, line, step, fault)).filter(|(_, ended)| *ended != Some(0));
    (0..20).find_map(struck).expect("a run that hears the signal")
}

fn left_of_copies(project: &EngineProject) -> usize {
    std::fs::read_dir(project.file("temporary")).map_or(0, Iterator::count)
}

fn killed(engine: Engine, flags: &str) {
    let project = shop(engine, "steps");
    let before = project.everything();
    for step in [1, 8, 14] {
        in_time(&project, &format!("apply {flags}"), step, "KILL");
        assert_eq!(project.everything(), before, "killed at step {step}");
    }
    match (engine, flags.contains("--on-copy")) {
        (Engine::Sqlite, true) => assert_ne!(left_of_copies(&project), 0, "a kill leaves its copy"),
        (Engine::Mariadb, true) => assert_eq!(scratches(&project).len(), 1, "a kill leaves its scratch database"),
        _ => {}
    }
    let output = changes_nothing(&project, &format!("apply {flags}"));
    output.succeeds();
    // A real run finds it too.
    if engine == Engine::Mariadb {
        in_time(&project, &format!("apply {flags}"), 3, "KILL");
        project.runner("apply").succeeds().says(&["removed `runner_scratch_"]);
        assert_eq!(scratches(&project), Vec::<String>::new());
    }
}

for_each_engine! {
    fn a_killed_dry_run_changes_nothing(engine) {
        killed(engine, dry(engine));
    }

    fn a_stopped_dry_run_cleans_up(engine) {
        let project = shop(engine, "steps");
        let before = project.everything();
        for (signal, code) in [("INT", 130), ("TERM", 143)] {
            let line = format!("apply {}", dry(engine));
            let (said, ended) = in_time(&project, &line, 2, signal);
            assert_eq!(ended, Some(code), "{said}");
            assert_eq!(project.everything(), before);
            assert_eq!(scratches(&project), Vec::<String>::new());
            assert_eq!(left_of_copies(&project), 0);
        }
    }
}

#[test]
fn a_killed_dry_run_on_a_copy_of_a_file() {
    killed(Engine::Sqlite, "--dry-run --on-copy");
}
