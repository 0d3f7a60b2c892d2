//! The transform of the demo's flights in other languages: `examples/languages/flights`.

use std::path::Path;
use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, for_each_engine, guests, oracle};

use super::languages::copy_sdk;

const MIGRATION: &str = "20260112090000_utc_instants";
const LANGUAGES: [&str; 4] = ["c", "go", "python", "typescript"];

/// A copy of the example in a language, without what a run of it leaves.
fn example(language: &str, engine: Engine) -> EngineProject {
    let from = guests::repository().join("examples/languages/flights").join(language);
    let project = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, &from);
    if matches!(language, "python" | "typescript") {
        let _ = std::fs::remove_file(project.file("runner.lock"));
        let _ = std::fs::remove_dir_all(project.file("migrations/runtimes"));
    }
    project
}

/// A copy of the demo.
fn demo() -> EngineProject {
    EngineProject::copy(env!("CARGO_BIN_EXE_runner"), Engine::Sqlite, guests::repository())
}

/// Removes the migration from a project.
fn remove(project: &EngineProject) {
    let migrations = project.file("migrations");
    for entry in std::fs::read_dir(migrations).unwrap() {
        let path = entry.unwrap().path();
        match path.file_name().unwrap().to_string_lossy().starts_with(MIGRATION) {
            true if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
            true => std::fs::remove_file(path).unwrap(),
            false => {}
        }
    }
}

/// The rows that the demo's migration, in Rust, makes of the example's flights.
fn rows_of_rust() -> &'static [String] {
    static ROWS: OnceLock<Vec<String>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let project = example("c", Engine::Sqlite);
        remove(&project);
        let artifact = format!("migrations/{MIGRATION}.wasm");
        project.write(&artifact, std::fs::read(guests::repository().join(&artifact)).unwrap());
        project.runner("build").succeeds();
        project.runner("apply").succeeds();
        // What the flights are there for: clocks that skip a time or show it twice, in several years and parts of the world.
        let zones = project.value(
            "SELECT count(DISTINCT a.tzone) FROM flights f JOIN airports a ON a.faa = f.origin WHERE f.departed_at IS NOT NULL",
        );
        assert_eq!(zones, "17");
        let skipped = "SELECT departed_at FROM flights WHERE origin = 'ADL' AND year = 2013 AND month = 10 \
                       AND sched_dep_time = 230 AND dep_delay = 0 LIMIT 1";
        assert_eq!(project.value(skipped), "2013-10-05T17:00:00Z");
        oracle::digest(&project.url())
    })
}

/// The same rows in this language, on the way up, again after the way down, and with the calls recorded.
fn gives_the_rows_of_rust(language: &str, engine: Engine) {
    let project = example(language, engine);
    let url = project.url();
    project.runner("apply --target 20260105100000").succeeds();
    let before = oracle::digest(&url);
    project.runner("apply").succeeds().says(&["2539 flights turned, 189 issues"]);
    assert!(oracle::digest(&url) == rows_of_rust(), "{language}: the rows are not those of Rust");
    project.runner("rollback").succeeds();
    assert!(oracle::digest(&url) == before, "{language}: a way back led elsewhere");
    project.runner("apply").succeeds();
    assert!(oracle::digest(&url) == rows_of_rust(), "{language}: a second way up led elsewhere");
    project.runner("verify").succeeds().prints(&["artifact   proven", "replay     proven", "target     proven"]);
    // A flight that no clock shows is named, as it is in Rust.
    project.runner("rollback").succeeds();
    project.execute("UPDATE flights SET sched_dep_time = 2575 WHERE id = 1000");
    // Where every schema change commits, a part of the migration remains, which a rollback removes.
    let code = if engine == Engine::Mariadb { 6 } else { 1 };
    project.runner("apply").exits(code).says(&["flight 1000: 2575 is no time of day"]);
    if engine == Engine::Mariadb {
        project.runner("rollback").succeeds();
    }
    assert_eq!(project.runner("status --exit-code").exit_code(), Some(3));
}

for_each_engine! {
    fn in_c(engine) { gives_the_rows_of_rust("c", engine); }
    fn in_go(engine) { gives_the_rows_of_rust("go", engine); }
    fn in_python(engine) { gives_the_rows_of_rust("python", engine); }
    fn in_typescript(engine) { gives_the_rows_of_rust("typescript", engine); }
}

/// In the place of the migration in Rust, each does to the whole demo what that one does, and the next migration works on it.
#[test]
fn the_demo_works_in_every_language() {
    let rust = demo();
    rust.runner("apply").succeeds();
    let rows = oracle::digest(&rust.url());
    for language in LANGUAGES {
        let (project, from) = (demo(), example(language, Engine::Sqlite));
        remove(&project);
        copy(&from.file("migrations"), &project.file("migrations"));
        project.runner("build").succeeds();
        project.runner("apply --jobs 2").succeeds().says(&["27004 flights turned, 680 issues"]);
        oracle::flights(&project.url());
        assert!(oracle::digest(&project.url()) == rows, "{language}: the rows are not those of Rust");
    }
}

/// Copies the migration without its manifest: what it is built with is not there.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_inside = from.components().any(|part| part.as_os_str() == MIGRATION);
        if path.is_dir() && (is_inside || name == MIGRATION) {
            std::fs::create_dir_all(to.join(&name)).unwrap();
            copy(&path, &to.join(&name));
        } else if path.is_file() && (is_inside || name.starts_with(MIGRATION)) && name != "migration.toml" {
            std::fs::copy(&path, to.join(&name)).unwrap();
        }
    }
}

/// The compiler gives the committed artifact again, in another directory.
fn is_built_again(language: &str, project: &EngineProject) {
    let artifact = format!("migrations/{MIGRATION}.wasm");
    std::fs::remove_file(project.file(&artifact)).unwrap();
    project.runner("build utc_instants").succeeds();
    let committed = guests::repository().join("examples/languages/flights").join(language).join(&artifact);
    let same = std::fs::read(project.file(&artifact)).unwrap() == std::fs::read(committed).unwrap();
    assert!(same, "{language}: the build gives another artifact");
}

#[test]
fn c_is_built_again() {
    let project = example("c", Engine::Sqlite);
    let manifest = format!("migrations/{MIGRATION}/migration.toml");
    let sdk = guests::repository().join("guest-sdk/c");
    project.write(&manifest, project.read(&manifest).replace("../../../../../../guest-sdk/c", sdk.to_str().unwrap()));
    is_built_again("c", &project);
}

#[test]
fn go_is_built_again() {
    let project = example("go", Engine::Sqlite);
    copy_sdk(&project);
    is_built_again("go", &project);
}

/// What the examples have in common is the same in all of them.
#[test]
fn the_examples_have_the_same_flights() {
    let root = guests::repository();
    let read = |path: &Path| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let flights = |language: &str| root.join("examples/languages/flights").join(language).join("migrations");
    for language in LANGUAGES {
        for end in ["up", "down"] {
            let tables = format!("20260105090000_create_flight_tables.{end}.sql");
            assert!(
                read(&flights(language).join(&tables)) == read(&root.join("migrations").join(&tables)),
                "{language}"
            );
            let load = format!("20260105100000_load_flights.{end}.sql");
            assert!(read(&flights(language).join(&load)) == read(&flights("c").join(&load)), "{language}");
        }
    }
    let table = |language: &str, path: &str| read(&flights(language).join(MIGRATION).join(path));
    assert!(table("c", "assets/zones.txt") == table("typescript", "zones.txt"));
}
