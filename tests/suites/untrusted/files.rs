//! Files of a project that are links out of it, FIFOs, devices, sockets or directories: refused, without waiting for them and without
//! reading them. Links within the project are followed.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use runner_tests::{Output, TestProject, guests, project};

use super::*;

/// Every file that a project has, as a test replaces it.
const OWN: [&str; 3] = [".env", "runner.toml", "runner.lock"];
const MIGRATION: [&str; 3] = ["migrations/1_a.up.sql", "migrations/1_a.down.sql", "migrations/2_b.wasm"];
const ASSET: &str = "migrations/2_b/assets/zones.csv";
const FIXTURE: &str = "migrations/tests/1_a/up/check.sql";

/// A project in which all of them exist.
fn whole() -> TestProject {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    project.write(ASSET, "x").write(FIXTURE, "SELECT 1").write(".env", "RUNNER_QUIET=no\n");
    project.component("2_b", &guests::component("hostile"));
    project.runner("status").succeeds();
    project
}

/// Verbs that read the project, of which at least those that read this file must notice.
fn verbs(file: &str) -> Vec<&'static str> {
    let all = vec!["status", "plan", "apply", "validate", "build"];
    match file {
        FIXTURE => vec!["test"],
        _ => all,
    }
}

/// Refused by every verb, with what and where and a hint, whatever it leads to.
#[track_caller]
fn refused(project: &TestProject, file: &str, says: &[&str]) {
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    for verb in verbs(file) {
        let output = run(project, verb);
        assert!(matches!(output.exit_code(), Some(2 | 4)), "{file}\n{output}");
        output.says(&["error:", name]).says(says);
    }
}

/// A run that is ended if it waits for what nobody writes.
fn run(project: &TestProject, verb: &str) -> Output {
    let mut command = Command::new("timeout");
    project.prepare(&mut command);
    command.args(["--signal=KILL", "60"]).arg(project.binary()).arg(verb);
    project.finish(&mut command)
}

fn replace(project: &TestProject, file: &str) -> PathBuf {
    let path = project.file(file);
    std::fs::remove_file(&path).unwrap();
    path
}

/// What messages call something that is not a file.
fn what(file: &str) -> &'static str {
    if MIGRATION.contains(&file) { "is neither a file nor a directory" } else { "is not a regular file" }
}

fn every_file() -> impl Iterator<Item = &'static str> {
    OWN.into_iter().chain(MIGRATION).chain([ASSET, FIXTURE])
}

#[test]
fn a_fifo_is_not_waited_for() {
    for file in every_file() {
        let project = whole();
        let path = replace(&project, file);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused(&project, file, &[what(file), "hint:"]);
    }
}

#[test]
fn a_socket_is_not_read() {
    for file in every_file() {
        let project = whole();
        let path = replace(&project, file);
        let _listener = UnixListener::bind(&path).unwrap();
        refused(&project, file, &[what(file), "hint:"]);
    }
}

#[test]
fn a_link_out_of_the_project_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("secret");
    std::fs::write(&target, "DATABASE_URL=sqlite:stolen.db\nSELECT 'stolen'").unwrap();
    for target in [target.as_path(), Path::new("/dev/zero"), Path::new("/dev/tty"), Path::new("/proc/self/mem")] {
        for file in every_file() {
            let project = whole();
            symlink(target, replace(&project, file)).unwrap();
            let says: &[&str] = match file {
                ASSET => &["is not a regular file", "hint:"],
                _ if OWN.contains(&file) => &["is a link out of the project", "hint:"],
                _ => &["is outside the project", "hint:"],
            };
            refused(&project, file, says);
            assert!(!project.file("stolen.db").exists());
        }
    }
}

#[test]
fn a_link_within_the_project_is_followed() {
    for absolute in [false, true] {
        let project = whole();
        for file in OWN {
            let moved = format!("moved{file}");
            std::fs::rename(project.file(file), project.file(&moved)).unwrap();
            let target = if absolute && file != "runner.lock" { project.file(&moved) } else { PathBuf::from(&moved) };
            symlink(target, project.file(file)).unwrap();
        }
        std::fs::create_dir(project.file("shared")).unwrap();
        std::fs::rename(project.file("migrations/1_a.up.sql"), project.file("shared/a.sql")).unwrap();
        symlink("../shared/a.sql", project.file("migrations/1_a.up.sql")).unwrap();
        project.runner("validate --locked").succeeds();
        project.runner("apply --target 1").succeeds();
    }
}

#[test]
fn a_link_to_nothing_is_not_a_missing_file() {
    for file in OWN {
        let project = whole();
        symlink("nowhere", replace(&project, file)).unwrap();
        refused(&project, file, &["is a link to something that does not exist", "hint:"]);
    }
}

/// A project below another one must not work on that one because its own settings are something else.
#[test]
fn something_else_in_place_of_the_settings_does_not_lead_to_another_project() {
    let project = whole();
    std::fs::create_dir_all(project.file("inner/runner.toml")).unwrap();
    let mut command = project.command(["status"]);
    project
        .finish(command.current_dir(project.file("inner")))
        .exits(2)
        .says(&["`runner.toml` is a directory", "hint:"]);
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    for (file, size) in [(".env", 1 << 40), ("runner.toml", 1 << 40), ("runner.lock", 1_u64 << 40)] {
        let project = whole();
        // Sparse: as large as a disk, without needing one.
        let path = project.file(file);
        let opened = std::fs::File::options().write(true).open(path).unwrap();
        if opened.set_len(size).is_err() {
            continue;
        }
        project.runner("status").exits(7).says(&[file, "is larger than", "hint:"]);
    }
}

/// `init` adds to files that exist; whatever is in them stays.
#[test]
fn init_keeps_what_it_cannot_read() {
    let project = project!(empty);
    let theirs = b"NAME=caf\xe9".to_vec();
    project.write(".env", &theirs);
    project.run(["init", ".", "-D", "postgres://me:Hunter2Hunter2@h/d"]).succeeds();
    let kept = std::fs::read(project.file(".env")).unwrap();
    assert!(kept.starts_with(&theirs), "{kept:?}");
    assert!(String::from_utf8_lossy(&kept).contains("\nDB_PASSWORD='Hunter2Hunter2'\n"), "{kept:?}");
    let project = project!(empty);
    project.write(".gitignore", b"caf\xe9\n");
    project.run(["init", "."]).exits(2).says(&["`.gitignore` is not valid UTF-8", "hint:"]);
    assert_eq!(std::fs::read(project.file(".gitignore")).unwrap(), b"caf\xe9\n");
    assert!(!project.file("runner.toml").exists());
}
