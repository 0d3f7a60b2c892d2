//! Each language does the same in two runs with the same time and seed: its transcript has the same digest. The migrations in
//! `tests/languages/*/chance.*` and `tests/guests/chance` ask for all that differs from run to run in an ordinary program.

use runner_tests::{TestProject, guests, project};

use super::LIMITS;

/// What a run did: the digest of its transcript, and the rows that it left.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    transcript: String,
    rows: Vec<String>,
}

/// Applies the only migration to a fresh database, at that time and with that seed. Returns the database, and the digest of the
/// transcript.
fn apply(
    project: &TestProject,
    revision: &str,
    number: u32,
    timestamp: i64,
    seed: u64,
    jobs: u32,
) -> (rusqlite::Connection, String) {
    // The hidden command with which `runner test --crash` starts its runs is the one that takes both.
    let file = format!("runner-scratch-{number}/scratch.db");
    std::fs::create_dir(project.file(&file).parent().unwrap()).unwrap();
    let database = project.open(&file);
    let url = format!("sqlite://{}", project.file(&file).display());
    let (timestamp, seed, jobs) =
        (format!("--timestamp={timestamp}"), format!("--seed={seed}"), format!("--jobs={jobs}"));
    let arguments = ["crash-at", "1000000", &timestamp, &seed, &jobs, "--target", revision, "-D", &url];
    project.run(arguments).succeeds();
    let transcript = texts(&database, "SELECT transcript FROM runner_history").concat();
    let inputs = texts(&database, "SELECT run_timestamp || ' ' || seed FROM runner_history").concat();
    assert_eq!(inputs, format!("{} {}", &timestamp[12..], &seed[7..]));
    assert_eq!(transcript.len(), 64);
    (database, transcript)
}

fn texts(database: &rusqlite::Connection, query: &str) -> Vec<String> {
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What a run of a migration that asks for chance did.
fn run(project: &TestProject, revision: &str, number: u32, timestamp: i64, seed: u64, jobs: u32) -> Run {
    let (database, transcript) = apply(project, revision, number, timestamp, seed, jobs);
    let rows = texts(
        &database,
        "SELECT x FROM (SELECT 1 AS t, id, x FROM things UNION ALL SELECT 2, id, x FROM chance) ORDER BY t, id",
    );
    assert!(rows.len() >= 103, "{rows:?}");
    Run { transcript, rows }
}

/// Builds the project's only migration and runs it several times.
fn is_the_same_in_two_runs(project: &TestProject, revision: &str) {
    project.settings(LIMITS);
    project.runner("build").succeeds();
    let time = 1_600_000_000_000_000;
    let first = run(project, revision, 1, time, 7, 1);
    assert_eq!(run(project, revision, 2, time, 7, 1), first, "a second run did something else");
    assert_eq!(run(project, revision, 3, time, 7, 4), first, "four jobs did something else");
    // What is the same does follow the run: another seed, and another time, are another run.
    assert_ne!(run(project, revision, 4, time, 8, 1).transcript, first.transcript, "another seed");
    assert_ne!(run(project, revision, 5, time + 3_600_000_000, 7, 1).transcript, first.transcript, "another time");
}

fn source(path: &str) -> String {
    std::fs::read_to_string(guests::repository().join("tests/languages").join(path)).unwrap()
}

#[test]
fn python_has_the_same_transcript() {
    let project = project!();
    project.write("migrations/0001_chance.py", source("python/chance.py"));
    is_the_same_in_two_runs(&project, "0001");
}

#[test]
fn javascript_has_the_same_transcript() {
    let project = project!();
    project.write("migrations/0001_chance.js", source("javascript/chance.js"));
    is_the_same_in_two_runs(&project, "0001");
}

#[test]
fn typescript_has_the_same_transcript() {
    let project = project!();
    let typed = source("javascript/chance.js")
        .replace("import { db,", "import { type Batch, db,")
        .replace("upgrade()", "upgrade(): Promise<void>")
        .replace("stirred(batch)", "stirred(batch: Batch): Batch");
    assert!(
        typed.contains("type Batch,") && typed.contains("(batch: Batch): Batch") && typed.contains("Promise<void>")
    );
    project.write("migrations/0001_chance.ts", typed);
    is_the_same_in_two_runs(&project, "0001");
}

#[test]
fn rust_has_the_same_transcript() {
    let project = project!();
    project.component("0001_chance", &guests::component("chance"));
    is_the_same_in_two_runs(&project, "0001");
}

/// A migration in Rust with crates that ask a system for time and random numbers. `sdk`: what its line has besides; `more`: of the manifest.
fn with_crates(sdk: &str, more: &str) -> (TestProject, String) {
    let project = project!();
    project.runner("new chance --lang rust").succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let name = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with("_chance")).unwrap();
    let manifest = format!("migrations/{name}/Cargo.toml");
    let line = format!("{}runner-guest = {{ {sdk}", source("rust/chance.toml"));
    project.write(&manifest, format!("{more}{}", project.read(&manifest).replacen("runner-guest = { ", &line, 1)));
    project.write(&format!("migrations/{name}/Cargo.lock"), source("rust/chance.lock"));
    project.write(&format!("migrations/{name}/src/lib.rs"), source("rust/chance.rs"));
    (project, name.trim_end_matches("_chance").to_owned())
}

/// Runs it several times; the third is the one of several jobs.
fn draws_each_number_once(project: &TestProject, revision: &str) {
    is_the_same_in_two_runs(project, revision);
    let drawn = texts(&project.open("runner-scratch-3/scratch.db"), "SELECT x FROM chance");
    let all: std::collections::HashSet<_> = drawn.iter().map(|text| text.rsplit(' ').next().unwrap()).collect();
    assert_eq!((all.len(), drawn.len()), (100, 100), "{drawn:?}");
}

#[test]
fn crates_of_rust_have_the_same_transcript() {
    let (project, revision) = with_crates("features = [\"getrandom\"], ", "");
    draws_each_number_once(&project, &revision);
}

/// What a crate takes for granted is said with what to do.
#[test]
fn crates_of_rust_that_ask_for_what_is_not_there() {
    let (project, revision) = with_crates("", "");
    let system = "`target = \"wasm32-wasip1\"` under `[package.metadata.runner]` in `Cargo.toml`";
    project.runner("build").exits(1).says(&[
        "error: a crate asks `getrandom` for random numbers, and nothing answers",
        "hint: give `runner-guest` the feature `getrandom`, or write",
        system,
    ]);
    let lib = format!("migrations/{revision}_chance/src/lib.rs");
    let without = project.read(&lib).replace("Uuid::new_v4().to_string()", "unsafe { there() }.to_string()");
    let browser = "\n#[link(wasm_import_module = \"__wbindgen_placeholder__\")]\nunsafe extern \"C\" {\n    fn there() -> i32;\n}\n";
    let without =
        without.replace("Uuid::new_v4()", "0").replace("rand::random::<u64>()", "0").replace("use uuid::Uuid;\n", "");
    project.write(&lib, without + browser);
    project.runner("build").exits(1).says(&[
        "error: the migration imports the JavaScript of a browser, which is not there",
        "hint: leave the feature out, with `default-features = false`",
        system,
    ]);
}

/// What they ask is answered inside of the component. Not every machine has the target; then it is said what installs it.
#[test]
fn crates_of_rust_have_the_same_transcript_with_a_system() {
    let (project, revision) = with_crates("", "[package.metadata.runner]\ntarget = \"wasm32-wasip1\"\n");
    if guests::has_target("wasm32-wasip1") {
        return draws_each_number_once(&project, &revision);
    }
    let says = "no installed Rust toolchain can build for wasm32-wasip1";
    project.runner("build").exits(2).says(&[says, "rustup target add wasm32-wasip1"]);
}

/// A project with the migration in a language that a command compiles.
fn compiled(language: &str) {
    let project = project!();
    project.runner(&format!("new chance --lang {language}")).succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let name = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with("_chance")).unwrap();
    project.write(&format!("migrations/{name}/migration.{language}"), source(&format!("{language}/chance.{language}")));
    is_the_same_in_two_runs(&project, name.trim_end_matches("_chance"));
}

#[test]
fn go_has_the_same_transcript() {
    compiled("go");
}

#[test]
fn c_has_the_same_transcript() {
    compiled("c");
}

#[test]
fn cpp_has_the_same_transcript() {
    compiled("cpp");
}

#[test]
fn zig_has_the_same_transcript() {
    compiled("zig");
}

/// The same changes of the schema are the same calls, byte by byte: `tests/languages/*/granted.*` and `tests/guests/changes`.
#[test]
fn changes_of_the_schema_have_one_transcript_in_every_language() {
    let changes = [
        "create|mine",
        "create|other|mine",
        "rename|mine|say \"hi\"",
        "add|other|more",
        "call|other|more|most",
        "index|other|other_most|most",
        "unindex|other|other_most",
        "?drop|nothing",
        "?add|other|most",
        "remove|other|most",
        "drop|other",
    ];
    let settings = format!("[parameters]\nchanges = '''\n{}'''\n{LIMITS}", changes.join("\n"));
    let mut first = None;
    for (language, from, to) in
        [("rust", "", "wasm"), ("python", "py", "py"), ("javascript", "js", "js"), ("javascript", "js", "ts")]
    {
        let project = project!();
        project.settings(&settings);
        match language {
            "rust" => project.component("0001_changes", &guests::component("changes")),
            _ => project.write(&format!("migrations/0001_changes.{to}"), source(&format!("{language}/granted.{from}"))),
        };
        project.runner("build").succeeds();
        let (database, transcript) = apply(&project, "0001", 1, 1_600_000_000_000_000, 7, 1);
        let tables = texts(&database, "SELECT sql FROM sqlite_schema WHERE name = 'say \"hi\"'");
        assert_eq!(tables.len(), 1, "{to}");
        let first = first.get_or_insert_with(|| (transcript.clone(), tables.clone()));
        assert_eq!((&transcript, &tables), (&first.0, &first.1), "{to} did something else than Rust");
    }
}
