//! Machines whose clocks are wrong.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use runner_tests::{Engine, EngineProject, for_each_server};

use super::sharing::{ROWS, SLOW, led_and_helped};
use super::shop::{is_done_once, items};

/// Replaces the system's function and returns a shifted time of day.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *time) {
    int answer = syscall(SYS_clock_gettime, id, time);
    const char *shift = getenv("RUNNER_TEST_CLOCK_SHIFT");
    if (answer == 0 && id == CLOCK_REALTIME && shift)
        time->tv_sec += atol(shift);
    return answer;
}
"#;

/// Builds it with the compiler that also links Rust.
fn library(project: &EngineProject) -> PathBuf {
    let library = project.file("clock.so");
    let mut compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-x", "c", "-", "-o"])
        .arg(&library)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    compiler.stdin.take().unwrap().write_all(SHIFT.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success());
    library
}

/// A command on a machine whose clock is wrong by this many hours.
fn shifted(project: &EngineProject, line: &str, hours: i64) -> Command {
    let mut command = project.command(line.split(' '));
    command.env("LD_PRELOAD", library(project)).env("RUNNER_TEST_CLOCK_SHIFT", (hours * 3600).to_string());
    command
}

for_each_server! {
    /// One process is a day ahead and dies; one is a day behind and takes over its chunks.
    fn off_by_a_day_and_killed(engine) {
        let project = items(engine, 3 * ROWS, SLOW);
        let mut commands = [shifted(&project, "apply --jobs 2", 24), shifted(&project, "apply --share --jobs 2", -24)];
        let ([leader, helper], gate) = led_and_helped(&project, &mut commands);
        leader.kill();
        assert_eq!(leader.end().0, None);
        drop(gate);
        let (ended, said) = helper.end();
        assert_eq!(ended, Some(0), "{said}");
        is_done_once(&project, 3 * ROWS, &said);
        project.runner("status --exit-code").succeeds();
        project.runner("verify").succeeds();
        // Their clocks really were wrong: the history contains their time.
        let (history, ago) = match engine {
            Engine::Postgres => ("runner.runner_history", "to_char(now() AT TIME ZONE 'UTC' - interval '12 hours', 'YYYY-MM-DD\"T\"HH24')"),
            _ => ("runner_history", "date_format(utc_timestamp() - INTERVAL 12 HOUR, '%Y-%m-%dT%H')"),
        };
        let late = format!("SELECT count(*) FROM {history} WHERE revision = '0002' AND left(finished_at, 13) < {ago}");
        assert_eq!(project.value(&late), "1");
    }
}
