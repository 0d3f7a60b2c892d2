//! Scripts, in a runtime of the tests that starts at once: what the host does for every language.

use std::sync::LazyLock;

use runner_base::error::Result;
use runner_build::build::{BuildReport, BuildRequest, build};
use runner_engine::script::Assets;
use runner_project::built::Described;
use runner_project::lockfile::ComponentDescription;
use runner_project::{LoadRequest, Settings, sha256};
use runner_tests::components;

use super::*;

type Runtime = LazyLock<Vec<u8>>;

static TOY: Runtime = LazyLock::new(|| compressed(&guests::component("toy")));
/// Another build of the same: a component with a custom section of no meaning.
static NEWER: Runtime = LazyLock::new(|| compressed(&[&guests::component("toy")[..], b"\0\x06\x05newer"].concat()));
static OTHER_CONTRACT: Runtime = LazyLock::new(|| compressed(&components::importing(&["runner:migration/sql@0.2.0"])));

const TIDY: &str = "summary tidy the names\n\
    up CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT)\n\
    include rows.txt\n\
    transform names\n\
    down DROP TABLE names\n";
const ROWS: &str = "INSERT INTO names VALUES (1, 'ada')\nINSERT INTO names VALUES (2, 'grace')\n";

fn compressed(component: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(component, 19).unwrap()
}

/// The file of a runtime, below the migrations.
fn file_of(runtime: &Runtime) -> String {
    let bytes = zstd::bulk::decompress(runtime, 64 << 20).unwrap();
    format!("migrations/runtimes/javascript-{}.wasm.zst", &sha256(&bytes)[..12])
}

/// What `runner build` does in a build that has this runtime of JavaScript.
fn build_with(project: &TestProject, runtime: &'static Runtime, revisions: &[&str]) -> Result<BuildReport> {
    let load = LoadRequest { start_dir: project.root().to_owned(), ..LoadRequest::default() };
    let settings = Settings::load(&load)?;
    let sandbox = Sandbox::new(SandboxOptions { jobs: 1, ..SandboxOptions::default() });
    let describe = |of: Described<'_>| {
        let Described::Script(script) = of else { panic!("there are scripts only") };
        let assets = Assets::of_script(&std::sync::Arc::new(script.clone()));
        let described = sandbox.describe(script.runtime.component()?, Some(assets))?;
        let world = "runner:migration/data-migration@0.1.0".to_owned();
        Ok(ComponentDescription { description: described.description, transformer: described.transformer, world })
    };
    let request = BuildRequest {
        revisions: &revisions.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(),
        all: false,
        is_applied: &|_| Ok(false),
        has_history: &|| Ok(true),
        env: &std::env::vars().collect(),
        program: None,
        describe: &describe,
        runtime: &|name| (name == "javascript").then(|| runtime.as_slice()),
        compiling: &|_| (),
        stop: None,
        stage: None,
    };
    build(&settings, &request)
}

/// A project with one script, and its line in the lockfile.
fn tidy() -> TestProject {
    let project = project!();
    project.write("migrations/0001_tidy.js", TIDY).write("migrations/0001_tidy/rows.txt", ROWS);
    build_with(&project, &TOY, &[]).unwrap();
    project
}

fn names(project: &TestProject) -> Vec<String> {
    let database = project.database();
    let mut statement = database.prepare("SELECT name FROM names ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<std::result::Result<_, _>>().unwrap()
}

fn stored(project: &TestProject, kind: &str) -> i64 {
    let text = "SELECT count(*) FROM runner_artifact WHERE kind = ?1";
    project.database().query_row(text, [kind], |row| row.get(0)).unwrap()
}

#[test]
fn a_script_is_a_migration() {
    let project = tidy();
    let lockfile = project.read("runner.lock");
    for part in [
        "0001_tidy = { kind = \"script\", language = \"javascript\", sha256 = ",
        ", runtime = ",
        ", summary = \"tidy the names\", ",
        "files = { \"rows.txt\" = ",
    ] {
        assert!(lockfile.contains(part), "{part} is not in\n{lockfile}");
    }
    assert!(project.file(&file_of(&TOY)).is_file());
    project.runner("validate --locked").succeeds();
    project.runner("plan").succeeds().prints(&["0001_tidy", "tidy the names"]);
    project.runner("apply --dry-run").succeeds();
    project.runner("test").succeeds();
    project.runner("apply --locked").succeeds();
    assert_eq!(names(&project), ["ADA", "GRACE"]);
    project.runner("status --exit-code").succeeds().prints(&["applied  0001      tidy"]);
    project.runner("verify").succeeds().prints(&["0001_tidy"]);
    let file = file_of(&TOY);
    let digest = file.split(['-', '.']).nth(1).unwrap();
    project.runner("show 1").succeeds().prints(&[
        "script",
        "migrations/0001_tidy.js",
        &format!("javascript (sha256 {digest}"),
        "rows.txt (sha256 ",
    ]);
    let shown: serde_json::Value =
        serde_json::from_str(&project.runner("show 1 --format json").succeeds().stdout).unwrap();
    assert_eq!(shown["project"]["runtime"]["name"], "javascript", "{shown}");
    let package = project.runner("package 1 --name acme/tidy --version 1.0.0");
    package.exits(2).says(&["a package cannot contain scripts", "hint:"]);
    project.runner("redo").succeeds();
    project.runner("rollback").succeeds();
    assert!(project.database().prepare("SELECT 1 FROM names").is_err());
}

#[test]
fn tests_in_a_scripts_own_directory_are_told_of() {
    let project = tidy();
    project.write("migrations/0001_tidy/tests/test_rules.py", "").runner("validate").succeeds();
    project.write("migrations/0001_tidy/tests/up/rows.sql", "SELECT 1");
    project.runner("test").exits(2).says(&[
        "`migrations/0001_tidy/tests/up` is not where `runner test` looks for the tests of a migration",
        "hint: move them to `migrations/tests/0001_tidy`",
    ]);
}

#[test]
fn an_edited_script_is_a_changed_migration() {
    let project = tidy();
    project.runner("apply").succeeds();
    // Version control may change the line ends, and some editors write a mark.
    project.write("migrations/0001_tidy.js", format!("\u{feff}{}", TIDY.replace('\n', "\r\n")));
    project.runner("status --exit-code").succeeds();
    for (path, text, message) in [
        ("migrations/0001_tidy.js", TIDY.replace("tidy the", "tidy all"), "`0001_tidy.js` does not match the digest"),
        ("migrations/0001_tidy/rows.txt", ROWS.replace("ada", "eva"), "`0001_tidy/rows.txt` does not match the digest"),
        ("migrations/0001_tidy/more.txt", String::new(), "`0001_tidy/more.txt` was added"),
    ] {
        let before = project.file(path).is_file().then(|| project.read(path));
        project.write(path, text);
        project.runner("apply").exits(4).says(&[message, "hint:", "runner build 0001"]);
        project.runner("status --exit-code").exits(4).prints(&["changed"]);
        match before {
            Some(before) => drop(project.write(path, before)),
            None => std::fs::remove_file(project.file(path)).unwrap(),
        }
    }
    project.write("migrations/0001_tidy.js", TIDY.replace("tidy the", "tidy all"));
    build_with(&project, &TOY, &["1"]).unwrap();
    project.runner("apply").exits(4).says(&["0001_tidy"]);
    // Its own version is in the database, so it can be rolled back.
    project.runner("rollback").succeeds();
    project.runner("apply").succeeds();
}

#[test]
fn the_database_alone_rolls_back() {
    let project = tidy();
    project.write("migrations/0002_more.js", "up CREATE TABLE more (a)\ndown DROP TABLE more\n");
    build_with(&project, &TOY, &[]).unwrap();
    project.runner("apply").succeeds();
    assert_eq!((stored(&project, "script"), stored(&project, "runtime")), (2, 1));
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    std::fs::remove_file(project.file("runner.lock")).unwrap();
    project.runner("rollback --all").succeeds();
    assert!(project.database().prepare("SELECT 1 FROM names").is_err());
}

#[test]
fn what_is_too_large_is_not_stored() {
    let project = tidy();
    // The script would fit, and is of no use without the runtime.
    project.runner("apply --limit stored_artifact_bytes=4KiB").succeeds();
    assert_eq!((stored(&project, "script"), stored(&project, "runtime")), (0, 0));
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    project.runner("rollback").exits(4).says(&["0001_tidy", "hint:"]);
}

#[test]
fn a_newer_runtime_is_for_new_scripts() {
    let project = tidy();
    project.runner("apply").succeeds();
    let before = project.read("runner.lock");
    project.write("migrations/0002_more.js", "up CREATE TABLE more (a)\ndown DROP TABLE more\n");
    build_with(&project, &NEWER, &[]).unwrap();
    let after = project.read("runner.lock");
    let line = |lockfile: &str| lockfile.lines().find(|line| line.starts_with("0001_tidy")).map(str::to_owned);
    assert_eq!(line(&before), line(&after));
    assert!(project.file(&file_of(&TOY)).is_file() && project.file(&file_of(&NEWER)).is_file());
    project.runner("apply").succeeds();
    assert_eq!(stored(&project, "runtime"), 2);
    // Also after the old script was edited.
    project.runner("rollback --all").succeeds();
    project.write("migrations/0001_tidy.js", TIDY.replace("tidy the", "tidy all"));
    build_with(&project, &NEWER, &["1"]).unwrap();
    let digest = |line: Option<String>| line.unwrap().split("runtime = ").nth(1).unwrap()[..66].to_owned();
    assert_eq!(digest(line(&before)), digest(line(&project.read("runner.lock"))));
}

#[test]
fn a_runtime_that_is_lost_or_damaged_is_named() {
    let project = tidy();
    let path = project.file(&file_of(&TOY));
    let file = path.file_name().unwrap().to_str().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    project.runner("apply").exits(4).says(&[
        "the runtime javascript (sha256 ",
        "`0001_tidy` runs in it",
        file,
        "hint: restore",
    ]);
    // A build that has another one names both, and one that has the same brings it back.
    let error = build_with(&project, &NEWER, &["1"]).unwrap_err();
    let both = [file_of(&TOY), file_of(&NEWER)].map(|file| file.split(['-', '.']).nth(1).unwrap().to_owned());
    let told = format!("{error:#}");
    assert!(both.iter().all(|digest| told.contains(digest)), "{told}");
    build_with(&project, &TOY, &["1"]).unwrap();
    project.runner("plan").succeeds();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    project.runner("apply").exits(4).says(&[file, "it is damaged", "0001_tidy", "hint: restore"]);
    std::fs::write(&path, NEWER.as_slice()).unwrap();
    project.runner("apply").exits(4).says(&[file, "it contains one with sha256", &both[1]]);
    std::fs::write(&path, bytes).unwrap();
    project.runner("apply").succeeds();
}

#[test]
fn a_runtime_of_another_contract_is_named() {
    let project = project!();
    project.write("migrations/0001_tidy.js", "up SELECT 1");
    let error = build_with(&project, &OTHER_CONTRACT, &[]).unwrap_err();
    let told = format!("{error:#}");
    assert!(told.contains("runner:migration/sql@0.2.0") && told.contains("this runner offers 0.1.0"), "{told}");
    assert!(!project.file("runner.lock").exists() && !project.file("migrations/runtimes").exists());
}

#[test]
fn a_failure_is_told_as_the_language_tells_it() {
    let project = project!();
    project.write("migrations/0001_fails.js", "up CREATE TABLE t (a)\nfail no such name\n");
    build_with(&project, &TOY, &[]).unwrap();
    let output = project.runner("apply");
    output.exits(1).says(&[
        "error: ToyError: no such name\n    at migrations/0001_fails.js:2\n        fail no such name\n",
        "migration: 0001_fails",
        "call: upgrade",
    ]);
    assert!(project.database().prepare("SELECT 1 FROM t").is_err());
    // The same of a script that cannot even be described.
    project.write("migrations/0001_fails.js", "up SELECT 1\nnonsense x\n");
    let error = build_with(&project, &TOY, &["1"]).unwrap_err();
    assert_eq!(
        error.message,
        "ToyError: unknown word nonsense\nat migrations/0001_fails.js:2\n    fail unknown word nonsense"
    );
}

#[test]
fn endless_scripts_meet_the_limits() {
    for (word, limit, message) in
        [("loop", "fuel=1000000", "limit `fuel`"), ("fill", "guest_memory=32MiB", "limit `guest_memory`")]
    {
        let project = project!();
        project.write("migrations/0001_endless.js", format!("up CREATE TABLE t (a)\n{word}\n"));
        build_with(&project, &TOY, &[]).unwrap();
        project.run(["apply", "--limit", limit]).exits(7).says(&[message, "0001_endless", "upgrade"]);
        assert!(project.database().prepare("SELECT 1 FROM t").is_err());
    }
}

#[test]
fn files_that_are_no_scripts_are_told() {
    let project = project!();
    project
        .write("migrations/0001_a.js", "up SELECT 1")
        .write("migrations/0001_a.ts", "up SELECT 1")
        .write("migrations/0002_b.js", "up SELECT 1")
        .write("migrations/0002_b.up.sql", "SELECT 1")
        .write("migrations/0003_c.js", "up SELECT 1")
        .write("migrations/0003_c.wasm", "")
        .write("migrations/0004_d.js", "up SELECT 1")
        .write("migrations/0004_e.js", "up SELECT 1")
        .write("migrations/0005_f.JS", "")
        .write("migrations/0006_g.mjs", "")
        .write("migrations/helper.js", "");
    project.runner("apply").exits(2).says(&[
        "revision 0001 exists more than once: `0001_a.js` and `0001_a.ts`",
        "revision 0002 is both SQL and a script: `0002_b.up.sql` and `0002_b.js`",
        "revision 0003 is both a component and a script: `0003_c.wasm` and `0003_c.js`",
        "revision 0004 exists more than once: `0004_d.js` and `0004_e.js`",
        "`0005_f.JS` has an upper-case extension",
        "`0006_g.mjs` is not a migration",
        "`helper.js` is not a migration",
        "a module that a script imports belongs in the directory with the script's name",
    ]);
    let project = project!();
    project.write("migrations/0001_a.js", b"up SELECT 1\nup SELECT '\xff'");
    project.runner("apply").exits(2).says(&["`0001_a.js` is not UTF-8", "0001_a.js:2", "hint: save the file as UTF-8"]);
}

#[test]
fn a_language_without_a_runtime_is_refused() {
    let project = project!();
    project.write("migrations/0001_a.ts", "up SELECT 1");
    let error = build_with(&project, &TOY, &[]).unwrap_err();
    let told = format!("{error:#}");
    assert!(told.contains("this build has no TypeScript runtime") && told.contains("0001_a"), "{told}");
    assert!(!project.file("runner.lock").exists() && !project.file("migrations/runtimes").exists());
    project.runner("apply --locked").exits(4).says(&["`0001_a.ts` is not in `runner.lock`"]);
}

#[test]
fn another_build_goes_on_where_one_broke() {
    let project = project!();
    let broken = TIDY.replace("transform names", "stepwise\ntransform names\nbreak");
    project.write("migrations/0001_tidy.js", &broken).write("migrations/0001_tidy/rows.txt", ROWS);
    build_with(&project, &TOY, &[]).unwrap();
    project.runner("apply").exits(6).says(&["ToyError: broken", "0001_tidy"]);
    project.write("migrations/0001_tidy.js", broken.replace("break\n", ""));
    build_with(&project, &TOY, &["1"]).unwrap();
    // No chunk of its transform is done.
    project.runner("apply").succeeds().says(&["the corrected build, sha256 ", "continues from there"]);
    assert_eq!(names(&project), ["ADA", "GRACE"]);
    project.runner("rollback").succeeds();
}

for_each_server! {
    fn a_script_runs_on_a_server(engine) {
        let project = project!(engine);
        let table = "CREATE TABLE names (id INTEGER PRIMARY KEY, name VARCHAR(20))";
        project
            .write("migrations/0001_tidy.js", TIDY.replace("CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT)", table))
            .write("migrations/0001_tidy/rows.txt", ROWS);
        build_with(&project, &TOY, &[]).unwrap();
        project.runner("apply").succeeds();
        project.runner("verify").succeeds();
        std::fs::remove_dir_all(project.file("migrations")).unwrap();
        project.runner("rollback").succeeds();
    }
}

/// A project with a script in JavaScript, which the lockfile does not list.
fn javascript(script: &str) -> TestProject {
    let project = project!();
    project.write("migrations/0001_script.js", script);
    project
}

#[test]
fn javascript_works_from_nothing() {
    let project = project!();
    project.runner("new tidy --lang javascript").succeeds();
    let made = std::fs::read_dir(project.file("migrations/runtimes")).unwrap().count();
    assert_eq!(made, 1);
    assert!(!project.file("runner.lock").exists());
    project.runner("apply --locked").exits(4).says(&["_tidy.js` is not in `runner.lock`", "hint: run `runner build"]);
    project.runner("apply").succeeds().says(&["added `", "_tidy` to `runner.lock`", "2 rows are tidy"]);
    let items: String =
        project.database().query_row("SELECT group_concat(name) FROM tidy_items", [], |row| row.get(0)).unwrap();
    assert_eq!(items, "first,second");
    project.runner("apply --locked").succeeds().says(&["nothing to do"]);
    project.runner("verify").succeeds();
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    project.runner("rollback").succeeds();
    assert!(project.database().prepare("SELECT 1 FROM tidy_items").is_err());
}

#[test]
fn a_script_is_pinned_when_it_takes_effect() {
    let script = |body: &str| {
        let description = "import { db } from 'runner-guest';\nexport const description = { summary: 'try' };\n";
        format!(
            "{description}export function upgrade() {{ {body} }}\nexport function downgrade() {{ db.execute('DROP TABLE t'); }}\n"
        )
    };
    let project = javascript(&script("db.execute('CREATE TABEL t (id INTEGER)');"));
    let is_pinned = || project.file("runner.lock").exists() && project.read("runner.lock").contains("0001_script");
    project.runner("apply").exits(1).says(&["near \"TABEL\": syntax error"]).does_not_say(&["to `runner.lock`"]);
    project.runner("test").exits(1);
    assert!(!project.file("runner.lock").exists());

    project.write("migrations/0001_script.js", script("db.execute('CREATE TABLE t (id INTEGER)');"));
    project.runner("plan").succeeds();
    project.runner("test --crash").succeeds();
    project.runner("apply --dry-run").succeeds();
    assert!(!is_pinned());

    project.write("migrations/0001_script.js", script("db.execute('CREATE TABLE t (id INTEGER, name TEXT)');"));
    project.runner("apply").succeeds().says(&["added `0001_script` to `runner.lock`"]);
    assert!(is_pinned());
    let pinned = project.read("runner.lock");
    project.write("migrations/0002_later.js", script("throw new Error('not yet');"));
    project.runner("apply").exits(1).says(&["not yet"]);
    assert_eq!(project.read("runner.lock"), pinned, "the lines of others stay as they are");

    project.write("migrations/0001_script.js", script("db.execute('CREATE TABLE t (id INTEGER)');"));
    project.runner("apply").exits(4).says(&["does not match the digest in `runner.lock`"]);
}

#[test]
fn a_script_that_took_effect_in_part_is_pinned() {
    let project = javascript(
        "import { db } from 'runner-guest';\n\
         export const description = { summary: 'try', mode: 'stepwise' };\n\
         export function upgrade() { db.execute('CREATE TABLE t (id INTEGER)'); throw new Error('half-way'); }\n",
    );
    project.runner("apply").exits(6).says(&["half-way", "added `0001_script` to `runner.lock`"]);
}

#[test]
fn what_javascript_throws_is_told() {
    for (script, headline) in [
        ("let let = 1;", "error: SyntaxError: "),
        ("export const x = 1;", "error: TypeError: the script exports no description"),
        ("throw new RangeError('of no use');", "error: RangeError: of no use"),
        ("import x from './lost.js';", "there is no file `lost.js` in the directory of the script"),
    ] {
        let project = javascript(script);
        project.runner("apply").exits(1).says(&[headline, "migration: 0001_script", "call: describe"]);
        assert!(!project.file("runner.lock").exists() && !project.file("migrations/runtimes").exists(), "{script}");
    }
    let project = javascript(
        "import { fails } from './rules.js';\n\
         export const description = { summary: 'fails' };\n\
         export function upgrade({ db }) {\n  db.execute('CREATE TABLE t (a)');\n  fails(null);\n}\n",
    );
    project.write("migrations/0001_script/rules.js", "export function fails(x) {\n  return x.y;\n}\n");
    project.runner("apply").exits(1).says(&[
        "error: TypeError: cannot read property 'y' of null\n    at fails, ",
        "migrations/0001_script/rules.js:2:",
        "`return x.y;`",
        "migrations/0001_script.js:5:",
    ]);
    assert!(project.database().prepare("SELECT 1 FROM t").is_err());
}

#[test]
fn endless_javascript_meets_the_limits() {
    for (body, limit, message) in [
        ("for (;;);", "fuel=100000000", "limit `fuel`"),
        ("const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));", "guest_memory=32MiB", "0001_script"),
    ] {
        let project =
            javascript(&format!("export const description = 'endless'; export function upgrade() {{ {body} }}"));
        let output = project.run(["apply", "--limit", limit]);
        output.says(&[message, "call: upgrade"]);
        assert!(matches!(output.exit_code(), Some(1 | 7)), "{output}");
        // Also where it describes itself.
        let project = javascript(&format!("{body} export const description = 'endless';"));
        project.run(["apply", "--limit", limit]).says(&["0001_script", "call: describe"]);
        assert!(!project.file("runner.lock").exists());
    }
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_used_is_bypassed() {
    use std::os::unix::fs::PermissionsExt;
    let project = tidy();
    let cache = project.file("cache/runner");
    let apply = |expected: Option<&str>| {
        let output = project.finish(project.command(["redo"]).env("XDG_CACHE_HOME", project.file("cache")));
        output.succeeds();
        match expected {
            Some(text) => drop(output.says(&["warning: the cache of compiled components, ", text])),
            None => drop(output.does_not_say(&["the cache of compiled"])),
        }
    };
    project.runner("apply").succeeds();
    apply(None);
    let compiled = || std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    std::fs::write(compiled(), "not code").unwrap();
    apply(Some("has a damaged file, which is compiled again"));
    apply(None);
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    apply(Some("is accessible to other users"));
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o700)).unwrap();
    if std::os::unix::fs::chown(&cache, Some(1), None).is_ok() {
        apply(Some("belongs to another user"));
    }
    std::fs::remove_dir_all(&cache).unwrap();
    std::fs::write(&cache, "a file").unwrap();
    apply(Some("is not a directory"));
}
