//! What a component must not do: every behaviour of the hostile guest is stopped and explained, and leaves the
//! database unchanged.

mod behaviours;
mod bombs;
mod bounds;
mod by_hand;
mod doctor;
mod exact;
mod fetched;
mod grants;
mod javascript;
mod languages;
mod libraries;
mod lost;
mod needs;
mod packages;
mod prints;
mod pushed;
mod python;
mod scripts;
mod statements;
mod typescript;
mod unlisted;

use runner_database::facts::TOOL_TABLES;
use runner_project::limits::Limits;
use runner_sandbox::{Sandbox, SandboxOptions};
use runner_tests::hostile::Behaviour;
use runner_tests::{
    Engine, EngineProject, Output, TestProject, dump, for_each_behaviour, for_each_server, guests, project,
};

/// A project whose database has the table `people`, with the hostile component as the next migration.
fn hostile() -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, active BOOLEAN, note TEXT UNIQUE);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO people SELECT i, 'person ' || i, i / 4.0, i % 2, CASE WHEN i % 3 THEN 'note ' || i END FROM n;",
            "DROP TABLE people;",
        )
        .write("migrations/0002_hostile/assets/large.bin", vec![0; 10_000])
        .write("migrations/0002_hostile/assets/note.txt", "a note")
        .component("0002_hostile", &guests::component("hostile"));
    project.runner("apply --target 0001").succeeds();
    project
}

fn apply(project: &TestProject, behaviour: Behaviour, limits: &[&str]) -> Output {
    let mut command = project.command(["apply", "--parameter"]);
    command.arg(format!("behaviour={}", behaviour.name()));
    for limit in limits {
        command.args(["--limit", limit]);
    }
    project.finish(&mut command)
}

#[test]
fn a_hostile_downgrade_changes_nothing_either() {
    let project = hostile();
    apply(&project, Behaviour::Behave, &[]).succeeds();
    let before = project.dump();
    project.runner("rollback --limit fuel=10").exits(7).says(&["limit `fuel`", "downgrade", "0002_hostile"]);
    assert_eq!(project.dump(), before);
    project.runner("rollback").succeeds();
}

/// Hashing it takes the host much longer than the guest takes to ask for it.
#[test]
fn a_large_asset_that_is_opened_again_and_again_does_not_outlast_the_run() {
    let project = hostile();
    project.write("migrations/0002_hostile/assets/large.bin", vec![0; 64 << 20]);
    project.runner("build").succeeds();
    apply(&project, Behaviour::OpenAssetsForever, &["wall_time=1s"]).exits(7).says(&["limit `wall_time`"]);
}

#[test]
fn a_component_may_not_call_the_host_from_describe() {
    let project = project!();
    project.write("migrations/1_describer.wasm", guests::component("describer"));
    project.runner("build").exits(1).says(&["1_describer", "get-dialect", "describe"]);
    assert!(!project.file("runner.lock").exists() || !project.read("runner.lock").contains("describer"));
}

#[test]
fn a_panic_in_describe_says_what_and_where() {
    let project = project!();
    project.write("migrations/1_panicking.wasm", guests::component("panicking"));
    project.runner("build").exits(1).says(&[
        "1_panicking",
        "call: describe",
        "error: the migration panicked at ",
        "lib.rs:10:31: index out of bounds: the len is 0 but the index is 0",
    ]);
}

/// A truncated or foreign file in the cache is replaced by compiling again; a directory writable by others is not
/// used.
#[cfg(unix)]
#[test]
fn a_damaged_or_shared_cache_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let project = hostile();
    let run = || {
        let mut command = project.command(["apply", "--dry-run", "--parameter", "behaviour=behave"]);
        project.finish(command.env("XDG_CACHE_HOME", project.file("cache"))).succeeds();
    };
    run();
    let files = || {
        let mut directories = vec![project.file("cache")];
        let mut files = Vec::new();
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { directories.push(path) } else { files.push(path) }
            }
        }
        files
    };
    let [compiled] = <[_; 1]>::try_from(files()).expect("one compiled component");
    let directory = compiled.parent().unwrap();
    assert_eq!(std::fs::metadata(directory).unwrap().permissions().mode() & 0o777, 0o700);
    let whole = std::fs::read(&compiled).unwrap();
    for damaged in [&whole[..whole.len() / 2], &whole[..100], b"", b"something else", &vec![0; whole.len()]] {
        std::fs::write(&compiled, damaged).unwrap();
        run();
        assert_eq!(std::fs::read(&compiled).unwrap().len(), whole.len(), "it was not compiled anew");
    }
    std::fs::write(&compiled, "planted").unwrap();
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
    run();
    assert_eq!(std::fs::read(&compiled).unwrap(), b"planted", "a directory that others can write was used");
    // Programs hear of it too.
    let mut command = project.command(["apply", "--dry-run", "--parameter", "behaviour=behave", "--format", "json"]);
    let output = project.finish(command.env("XDG_CACHE_HOME", project.file("cache")));
    output.succeeds().says(&["\"level\":\"warning\"", "the cache of compiled components"]);
}

/// Code from the cache is checked like freshly compiled code.
#[test]
fn a_second_run_from_the_cache_is_stopped_as_well() {
    let project = hostile();
    for _ in 0..2 {
        apply(&project, Behaviour::LoopForever, &["fuel=50_000_000"]).exits(7).says(&["limit `fuel`"]);
    }
}

#[test]
fn limits_come_from_file_environment_and_flag() {
    let project = hostile();
    project.settings("[limits]\nfuel = 60_000_000\n\n[parameters]\nbehaviour = \"loop_forever\"");
    project.runner("apply").exits(7).says(&["limit `fuel` of 60000000"]);
    let mut command = project.command(["apply"]);
    project.finish(command.env("RUNNER_LIMIT_FUEL", "70_000_000")).exits(7).says(&["limit `fuel` of 70000000"]);
    let mut command = project.command(["apply", "--limit", "fuel=80_000_000"]);
    project.finish(command.env("RUNNER_LIMIT_FUEL", "70_000_000")).exits(7).says(&["limit `fuel` of 80000000"]);
}
