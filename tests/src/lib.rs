//! What the test suites share: temporary projects that the real binary works on, guests built once, dumps of
//! databases to compare, and snapshots of what a user sees.
//!
//! The suites are in `tests/suites/`. They are integration tests of the package `runner`, so that cargo builds the
//! binary for them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stdout, reason = "the test harness shows it with a failed test")]

pub mod architecture;
pub mod components;
mod disk;
pub mod dump;
#[cfg(unix)]
mod engine;
pub mod guests;
pub mod minisign;
pub mod mutate;
pub mod oracle;
mod output;
#[cfg(unix)]
mod peak;
mod project;
pub mod random;
pub mod report;
mod running;
pub mod schema;
#[cfg(unix)]
pub mod servers;
mod snapshot;
pub mod source;
#[cfg(unix)]
pub mod terminal;
pub mod text_guests;

#[path = "../guests/hostile/src/behaviour.rs"]
pub mod hostile;

pub use disk::{Disk, SmallDisk};
#[cfg(unix)]
pub use engine::{Engine, EngineProject, ITEMS};
pub use output::Output;
#[cfg(unix)]
pub use peak::peak;
pub use project::{TestProject, program};
pub use running::Running;
pub use snapshot::normalise;

/// How long anything may take to happen at all. It measures nothing: a machine may be busy.
const EVER: std::time::Duration = std::time::Duration::from_secs(300);

/// Waits until a condition holds.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < EVER, "it never came to this: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Runs a test in a process of its own, for what a process has but once: the memory that it takes, limits of a library. `test`: its name
/// in the suite.
pub fn alone(test: &str, body: impl FnOnce()) {
    const ROLE: &str = "RUNNER_TEST_ALONE";
    if std::env::var_os(ROLE).is_some() {
        return body();
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--nocapture"]).env(ROLE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "there is no test `{test}`: {said}");
    println!("{said}");
}

/// Whether tests should be exhaustive instead of sampling: `RUNNER_TEST_LONG=1`.
pub fn is_long() -> bool {
    std::env::var_os("RUNNER_TEST_LONG").is_some_and(|value| value == "1")
}

/// Creates a project for the binary that cargo built for the calling suite; `project!(engine)` uses one of the
/// engines.
#[macro_export]
macro_rules! project {
    () => {
        $crate::TestProject::new(env!("CARGO_BIN_EXE_runner"))
    };
    (empty) => {
        $crate::TestProject::empty(env!("CARGO_BIN_EXE_runner"))
    };
    ($engine:expr) => {
        $crate::EngineProject::new(env!("CARGO_BIN_EXE_runner"), $engine)
    };
}
