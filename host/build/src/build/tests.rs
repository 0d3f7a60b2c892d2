mod shared;

use std::sync::LazyLock;

use super::*;
use crate::test_description::description_of;
use crate::test_project::{TestProject, component, shown, shown_error};
use runner_base::error::ErrorKind;

/// The section `component-type` for `package a:b; world w { export run: func() -> u32; }`.
const WIT: &str = concat!(
    "0061736d0d0001000019167769742d636f6d706f6e656e742d656e636f64696e670400071d0141020141020140000079",
    "04000372756e0100040005613a622f7704000b0701000177030000002f0970726f647563657273010c70726f63657373",
    "65642d6279010d7769742d636f6d706f6e656e7407302e3236332e30",
);

/// The runtime of the program: there is one of JavaScript.
fn runtime(name: &str) -> Option<&'static [u8]> {
    static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| zstd::bulk::compress(b"one", 3).expect("compressed"));
    (name == "javascript").then(|| FILE.as_slice())
}

fn build_in(project: &TestProject, revisions: &[&str], all: bool) -> Result<BuildReport> {
    build_with(project, revisions, all, &|_| Ok(false))
}

/// Without a database, or with one that no run has been to.
fn build_without_history(project: &TestProject, revisions: &[&str]) -> Result<BuildReport> {
    request(revisions, false, &|_| Ok(false), |request| {
        build(&project.settings(), &BuildRequest { has_history: &|| Ok(false), ..request.clone() })
    })
}

fn build_with(
    project: &TestProject,
    revisions: &[&str],
    all: bool,
    is_applied: &dyn Fn(&str) -> Result<bool>,
) -> Result<BuildReport> {
    request(revisions, all, is_applied, |request| build(&project.settings(), request))
}

fn request<T>(
    revisions: &[&str],
    all: bool,
    is_applied: &dyn Fn(&str) -> Result<bool>,
    then: impl FnOnce(&BuildRequest<'_>) -> T,
) -> T {
    let revisions: Vec<String> = revisions.iter().map(|revision| (*revision).to_owned()).collect();
    then(&BuildRequest {
        revisions: &revisions,
        all,
        is_applied,
        has_history: &|| Ok(true),
        env: &std::env::vars().collect(),
        program: None,
        describe: &description_of,
        runtime: &runtime,
        compiling: &|_| (),
        stop: None,
        stage: None,
    })
}

/// How the line of each artifact changed.
fn changes(report: &BuildReport) -> Vec<(String, &'static str, bool)> {
    report.artifacts.iter().map(|it| (format!("{}_{}", it.revision, it.name), it.change.name(), it.compiled)).collect()
}

#[test]
fn the_lockfile_follows_the_files() {
    let project = TestProject::new(&[
        ("migrations/1_create.up.sql", "CREATE TABLE a (b);\r\n"),
        ("migrations/1_create.down.sql", "DROP TABLE a;"),
        ("migrations/2_fill/assets/data.csv", "1,2"),
    ]);
    project.write("migrations/2_fill.wasm", component("one"));
    let report = build_in(&project, &[], false).expect("built");
    assert_eq!(changes(&report), [("1_create".to_owned(), "added", false), ("2_fill".to_owned(), "added", false)]);
    assert_eq!((report.lockfile.as_str(), report.lockfile_written), ("runner.lock", true));
    let lockfile = project.read("runner.lock");
    assert!(
        lockfile.contains("2_fill = { kind = \"component\", sha256 = ") && lockfile.contains("assets = { \"data.csv\"")
    );
    runner_project::Catalog::load(&project.settings(), Default::default()).expect("a catalog");

    let report = build_in(&project, &[], false).expect("built");
    assert!(!report.lockfile_written && report.artifacts.iter().all(|it| it.change == Change::Unchanged));
    assert_eq!(project.read("runner.lock"), lockfile);

    project.write("migrations/1_create.up.sql", "CREATE TABLE a (c);\n");
    project.write("migrations/2_fill/assets/data.csv", "1,3");
    project.write("migrations/3_more.up.sql", "SELECT 1");
    let report = build_in(&project, &["2"], false).expect("built");
    assert_eq!(changes(&report), [("2_fill".to_owned(), "changed", false)]);
    let report = build_in(&project, &[], false).expect("built");
    let expected = [("1_create", "changed"), ("2_fill", "unchanged"), ("3_more", "added")];
    assert_eq!(changes(&report), expected.map(|(id, change)| (id.to_owned(), change, false)));

    project.remove("migrations/3_more.up.sql");
    let report = build_in(&project, &[], false).expect("built");
    assert_eq!(changes(&report).last(), Some(&("3_more".to_owned(), "removed", false)));
    assert!(!project.read("runner.lock").contains("3_more"));
}

#[test]
fn a_merged_lockfile_is_rewritten() {
    let project = TestProject::new(&[]);
    project.write("migrations/1_a.wasm", component("one"));
    build_in(&project, &[], false).expect("built");
    let lockfile = project.read("runner.lock");
    project.write("runner.lock", lockfile.replace("summary = \"one\"", "summary = \"forged\""));
    assert_eq!(changes(&build_in(&project, &[], false).expect("built")), [("1_a".to_owned(), "changed", false)]);
    assert_eq!(project.read("runner.lock"), lockfile);
}

#[test]
fn build_errors() {
    let project = TestProject::new(&[("migrations/1_py/app.py", ""), ("migrations/1_py/Readme", "")]);
    let error = build_in(&project, &[], false).expect_err("Python");
    assert_eq!(error.message, "`1_py` is written in Python, and nothing says how it is built");
    project.write("migrations/1_py.wasm", component("ready"));
    assert_eq!(
        changes(&build_in(&project, &["1"], true).expect("the component exists already")),
        [("1_py".to_owned(), "added", false)]
    );

    for (bytes, message) in [
        (&b"no wasm"[..], "`1_py.wasm` is not WebAssembly"),
        (
            b"\0asm\x01\0\0\0",
            "`1_py.wasm` is a core module without embedded WIT, so it cannot be converted to a component",
        ),
    ] {
        project.write("migrations/1_py.wasm", bytes);
        let error = build_in(&project, &[], false).expect_err(message);
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Failed, message));
    }
    project.write("migrations/1_py.wasm", component("broken"));
    assert_eq!(
        shown_error(build_in(&project, &[], false)),
        "it cannot be described\n  migration: 1_py",
        "the callback's own error"
    );
    project.write("migrations/1_py/migration.toml", "[build]\nartifact = 'app.wasm'");
    project.write("migrations/1_py/app.wasm", component("ready"));
    build_in(&project, &[], false).expect("built");
    let lockfile = project.read("runner.lock");
    let [ready, broken] = ["ready", "broken"].map(|it| runner_project::digest::sha256(&component(it)));
    project.write("runner.lock", lockfile.replace(&ready, &broken));
    project.write("migrations/1_py.wasm", component("broken"));
    let error = build_in(&project, &[], false).expect_err("it may be that of an earlier version");
    assert_eq!(error.hints, ["`runner build 1` builds it again from its source"]);
    let project = TestProject::new(&[("migrations/1_a/assets/x", "")]);
    let error = build_in(&project, &[], false).expect_err("nothing to build");
    assert_eq!(error.message, "`1_a` has neither source code to build nor a `1_a.wasm`");
}

/// The source of a guest whose function returns an expression.
fn guest(answer: impl std::fmt::Display) -> String {
    let bytes = hex::decode(WIT).expect("hexadecimal");
    format!(
        "#[unsafe(link_section = \"component-type\")]\npub static WIT: [u8; {}] = {bytes:?};\n\
         #[unsafe(no_mangle)]\npub extern \"C\" fn run() -> u32 {{ {answer} }}\n",
        bytes.len()
    )
}

const MANIFEST: &str =
    "[package]\nname = \"guest\"\nedition = \"2024\"\n[workspace]\n[lib]\ncrate-type = [\"cdylib\"]\n";

#[test]
fn rust_is_compiled_to_a_component() {
    let manifest = MANIFEST;
    let project = TestProject::new(&[
        ("migrations/1_guest/Cargo.toml", manifest),
        ("migrations/1_guest/src/lib.rs", &guest(7)),
        ("migrations/2_plain.up.sql", "SELECT 1"),
    ]);
    let report = build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(changes(&report), [("1_guest".to_owned(), "added", true), ("2_plain".to_owned(), "added", false)]);
    let artifact = std::fs::read(project.path().join("migrations/1_guest.wasm")).expect("an artifact");
    assert!(wasmparser::Parser::is_component(&artifact));
    let names: Vec<_> = std::fs::read_dir(project.path().join("migrations")).expect("listed").flatten().collect();
    assert_eq!(names.len(), 3, "nothing else lands among the migrations: {names:?}");

    // A change of the source code is built, a change of line ends is none.
    project.write("migrations/1_guest/src/lib.rs", guest(7).replace('\n', "\r\n"));
    assert!(build_in(&project, &[], false).expect("looked at").artifacts.iter().all(|it| !it.compiled));
    let stale = |project: &TestProject| {
        runner_project::Catalog::load(&project.settings(), Default::default()).expect("a catalog").stale
    };
    assert!(stale(&project).is_empty());
    project.write("migrations/1_guest/src/lib.rs", guest(8));
    assert_eq!(stale(&project), ["1_guest"]);
    let report = build_in(&project, &[], false).expect("built");
    assert_eq!(changes(&report)[0], ("1_guest".to_owned(), "changed", true));
    assert!(stale(&project).is_empty());
    let report = build_in(&project, &["guest"], false).expect("built");
    assert_eq!(changes(&report), [("1_guest".to_owned(), "unchanged", true)]);
    assert_eq!(build_in(&project, &[], true).expect("built").artifacts[0].change, Change::Unchanged);

    project.write("migrations/1_guest/src/lib.rs", "compile_error!(\"this guest is broken on purpose\");");
    assert_eq!(build_in(&project, &["1"], false).expect_err("broken").message, "`cargo build` failed");
    project.write("migrations/1_guest/Cargo.toml", manifest.replace("cdylib", "rlib"));
    project.write("migrations/1_guest/src/lib.rs", "");
    assert_eq!(
        build_in(&project, &["1"], false).expect_err("no library").message,
        "`1_guest` does not build a WebAssembly library"
    );
    project.write("runner.toml", "[build]\ntoolchain = 'no-such-toolchain'\n");
    let error = build_in(&project, &["1"], false).expect_err("no toolchain");
    assert_eq!(error.message, "the toolchain `no-such-toolchain` cannot build for wasm32-unknown-unknown");
}

#[test]
fn a_script_is_the_same_on_disk_and_in_a_program() {
    use runner_project::Project;
    use runner_project::catalog::{Artifact, Catalog, Checks};

    let project = TestProject::new(&[
        ("migrations/1_tidy.js", "\u{feff}one\r\ntwo"),
        ("migrations/1_tidy/lib/rules.js", "rules\r\n"),
        ("migrations/1_tidy/.hidden", "x"),
    ]);
    let report = build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(changes(&report), [("1_tidy".to_owned(), "added", false)]);
    let load = |settings: &Settings| {
        let catalog = Catalog::load(settings, Checks { locked: true, ..Checks::default() }).expect("a catalog");
        let Artifact::Script(files) = &catalog.migrations[0].artifact else { panic!("{:?}", catalog.migrations) };
        assert_eq!(catalog.migrations[0].sha256, files.sha256());
        files.load().unwrap_or_else(|error| panic!("{}", shown(&error)))
    };
    let on_disk = load(&project.settings());
    assert_eq!(
        (&on_disk.path[..], on_disk.runtime.component().expect("a component")),
        ("migrations/1_tidy.js", &b"one"[..])
    );
    let files: Vec<(&str, &[u8])> = on_disk.files.iter().map(|(path, bytes)| (&**path, &**bytes)).collect();
    assert_eq!(files, [(":script", &b"one\ntwo"[..]), ("lib/rules.js", b"rules\r\n")]);
    let mut all = vec![on_disk.runtime.pin.file_name()];
    all[0].insert_str(0, "migrations/runtimes/");
    all.extend(
        ["migrations/1_tidy.js", "migrations/1_tidy/lib/rules.js", "migrations/1_tidy/.hidden", "runner.lock"]
            .map(str::to_owned),
    );
    let bytes = |path: &String| &*std::fs::read(project.path().join(path)).expect("a file").leak();
    let embedded = |paths: &[String]| {
        let files = Project::embedded(paths.iter().map(|path| (&**path, bytes(path))));
        Settings::of_project(&project.request(&[]), &files).expect("settings")
    };
    assert_eq!(load(&embedded(&all)), on_disk);
    let error = Catalog::load(&embedded(&all[1..]), Checks::default()).expect_err("no runtime");
    assert!(error.message.contains("the runtime javascript (sha256 "), "{}", shown(&error));
}

/// Names of other forms are accepted: the files stay where they are.
#[test]
fn a_component_is_where_its_names_say() {
    use runner_project::catalog::{Artifact, Catalog, ComponentFiles};

    for name in ["1-fill", "V2__fill", "2026-01-05-093000_fill"] {
        let project = TestProject::new(&[]);
        project.write(&format!("migrations/{name}/assets/data.csv"), "1,2");
        project.write(&format!("migrations/{name}/migration.toml"), "[build]\nartifact = 'app.wasm'");
        project.write(&format!("migrations/{name}/app.wasm"), component("one"));
        project.write(&format!("migrations/{name}.wasm"), component("before"));
        build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
        let mut names: Vec<_> = std::fs::read_dir(project.path().join("migrations"))
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        assert_eq!(names, [name.to_owned(), format!("{name}.wasm")]);
        let catalog = Catalog::load(&project.settings(), Default::default()).expect("a catalog");
        let Artifact::Component { files: ComponentFiles::Disk { assets_directory, .. }, assets } =
            &catalog.migrations[0].artifact
        else {
            panic!("{:?}", catalog.migrations)
        };
        assert!(assets.contains_key("data.csv") && assets_directory.join("data.csv").is_file(), "{assets_directory:?}");
        assert_eq!(catalog.migrations[0].up_file(), format!("{name}.wasm"));
    }
}
