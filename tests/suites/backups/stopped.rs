//! Backup programs that are stopped, and their child processes.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use runner_tests::{Engine, EngineProject, Running, for_each_engine, until};

use super::{files, now, shop};

/// The process ends. It may become a zombie if no parent waits for it.
#[track_caller]
fn gone(id: &str) {
    let id = id.trim();
    let is_there = || Command::new("kill").args(["-0", id]).stderr(Stdio::null()).status().unwrap().success();
    let is_dead = || std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    until("the program is gone", || !is_there() || is_dead());
}

/// The program has written its process ID.
#[track_caller]
fn has_begun(project: &EngineProject) {
    let pid = project.file("pid");
    until("the program runs", || std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')));
}

for_each_engine! {
    fn a_stopped_program_leaves_nothing(engine) {
        let project = shop(engine);
        let before = now(&project);
        std::fs::create_dir(project.file("kept")).unwrap();
        let pid = "sh -c 'echo $$ > pid; exec sleep 600'";
        let commands = [
            "echo half > \"$0\"; echo $$ > pid; exec sleep 600".to_owned(),
            // It waits for its own child process, which keeps its output open.
            format!("{pid}; echo"),
            // The child ignores the signal.
            format!("trap '' TERM; {pid}; echo"),
            // Its children are still writing.
            format!("{pid} & echo half"),
        ];
        for (command, (signal, code)) in commands.iter().zip([("INT", 130), ("TERM", 143)].into_iter().cycle()) {
            let command = command.replace('\\', "\\\\").replace('"', "\\\"");
            project.write(
                "runner.toml",
                format!(
                    "[project]\nname = \"test\"\n[backup]\nto = \"kept/backup\"\n\
                     command = [\"sh\", \"-c\", \"{command}\", \"{{file}}\"]\n"
                ),
            );
            let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
            has_begun(&project);
            run.signal(signal);
            until("the run ends", || run.try_wait().unwrap().is_some());
            assert_eq!(run.wait().unwrap().code(), Some(code), "{command}");
            assert_eq!(files(&project, "kept"), Vec::<PathBuf>::new());
            assert_eq!(now(&project), before);
            gone(&project.read("pid"));
            std::fs::remove_file(project.file("pid")).unwrap();
        }
    }

    /// A daemon's inherited file descriptors do not keep the run waiting.
    fn a_daemon_may_continue(engine) {
        let project = shop(engine);
        project.settings(
            "[backup]\nto = \"kept\"\n\
             command = [\"sh\", \"-c\", \"setsid sh -c 'echo $$ > pid; exec sleep 600' & until test -s pid; do sleep 0.1; done; echo all\"]",
        );
        let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
        until("the run ends", || run.try_wait().unwrap().is_some());
        assert!(run.wait().unwrap().success());
        assert_eq!(project.read("kept"), "all\n");
        Command::new("kill").arg(project.read("pid").trim()).status().unwrap();
    }
}

/// A second signal exits at once and leaves no process behind.
#[test]
fn a_second_signal_ends_a_program_that_ignores_the_first() {
    let project = shop(Engine::Sqlite);
    project.settings(
        "[backup]\nto = \"kept\"\n\
         command = [\"sh\", \"-c\", \"trap '' TERM; echo $$ > pid; sleep 600; sleep 600\"]",
    );
    let mut run = Running::start(project.command(["apply"]).stderr(Stdio::null()));
    has_begun(&project);
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("INT");
    until("the run ends", || run.try_wait().unwrap().is_some());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    gone(&project.read("pid"));
    assert_eq!(project.history(), ["0001"]);
}

/// Also those of several databases at once.
#[test]
fn a_second_signal_ends_the_programs_of_all_databases() {
    let project = shop(Engine::Sqlite);
    project.settings(
        "[tenants]\nurl = \"sqlite:{tenant}.db?mode=rwc\"\nnames = [\"a\", \"b\", \"c\"]\n\
         [backup]\nto = \"auto\"\n\
         command = [\"sh\", \"-c\", \"trap '' TERM; echo $$ >> pids; sleep 600; sleep 600\"]",
    );
    project.runner("apply --all --backup none --target 1").succeeds();
    let apply = ["apply", "--all", "--parallel", "3", "--canary", "0"];
    let mut run = Running::start(project.command(apply).stderr(Stdio::null()));
    let pids = || std::fs::read_to_string(project.file("pids")).unwrap_or_default();
    until("the programs run", || pids().matches('\n').count() == 3);
    run.signal("INT");
    std::thread::sleep(Duration::from_millis(100));
    run.signal("INT");
    until("the run ends", || run.try_wait().unwrap().is_some());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    pids().lines().for_each(gone);
}
