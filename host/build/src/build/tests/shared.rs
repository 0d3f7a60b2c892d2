//! What components are built from, outside of the directories of their migrations.

use super::*;
use runner_project::Catalog;

/// The components that `status` and others warn of, each with the path that changed.
fn stale(project: &TestProject) -> Vec<(String, String)> {
    let catalog = Catalog::load(&project.settings(), Default::default()).expect("a catalog");
    assert!(catalog.stale.is_empty(), "{:?}", catalog.stale);
    catalog.stale_shared.into_iter().map(|stale| (stale.id, stale.path)).collect()
}

fn compiled(report: &BuildReport) -> Vec<&str> {
    report.artifacts.iter().filter(|it| it.compiled).map(|it| it.revision.as_str()).collect()
}

/// A project with a guest that has no source elsewhere, and one that has a crate by path, an included file, and a crate with a build
/// script that reads a file of its own.
fn in_rust() -> TestProject {
    let manifest = |more: &str| MANIFEST.replace("[workspace]", &format!("[dependencies]\n{more}[workspace]"));
    let library = |name: &str| format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
    let shared = guest("rules::answer() + made::answer() + include_str!(\"../../../data/one file.sql\").len() as u32");
    TestProject::new(&[
        ("migrations/1_alone/Cargo.toml", MANIFEST),
        ("migrations/1_alone/src/lib.rs", &guest(7)),
        (
            "migrations/2_shared/Cargo.toml",
            &manifest("rules = { path = \"../../crates/rules\" }\nmade = { path = \"../../crates/made\" }\n"),
        ),
        ("migrations/2_shared/src/lib.rs", &shared),
        ("data/one file.sql", "SELECT 1"),
        ("crates/rules/Cargo.toml", &library("rules")),
        ("crates/rules/src/lib.rs", "mod inner;\npub use inner::answer;\n"),
        ("crates/rules/src/inner.rs", "pub fn answer() -> u32 { 1 }\n"),
        ("crates/rules/README.md", "nothing that is compiled"),
        ("crates/made/Cargo.toml", &library("made")),
        ("crates/made/src/lib.rs", "pub fn answer() -> u32 { include!(concat!(env!(\"OUT_DIR\"), \"/answer\")) }\n"),
        (
            "crates/made/build.rs",
            "fn main() { std::fs::copy(\"answer\", std::env::var(\"OUT_DIR\").unwrap() + \"/answer\").unwrap(); }\n",
        ),
        ("crates/made/answer", "2"),
    ])
}

#[test]
fn crates_by_path_and_included_files_are_part_of_the_source() {
    let project = in_rust();
    let build =
        |revisions: &[&str]| build_in(&project, revisions, false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(compiled(&build(&[])), ["1", "2"]);
    let lockfile = project.read("runner.lock");
    let line = |revision: &str| lockfile.lines().find(|line| line.starts_with(revision)).expect("a line").to_owned();
    assert!(!line("1_").contains("shared ="), "{lockfile}");
    let shared = [
        "crates/made/",
        "crates/made/Cargo.toml",
        "crates/made/build.rs",
        "crates/made/src/lib.rs",
        "crates/rules/Cargo.toml",
        "crates/rules/src/inner.rs",
        "crates/rules/src/lib.rs",
        "data/one file.sql",
    ];
    let list = line("2_").split_once(", shared = { ").expect("a list").1.split_once(" }").expect("an end").0.to_owned();
    let paths: Vec<&str> = list.split(", ").map(|entry| entry.split('"').nth(1).expect("a path")).collect();
    assert_eq!(paths, shared);
    assert!(compiled(&build(&[])).is_empty());
    assert_eq!(project.read("runner.lock"), lockfile);
    project.write("crates/rules/README.md", "still not");
    project.write("crates/rules/src/lib.rs", "mod inner;\r\npub use inner::answer;\r\n");
    assert!(stale(&project).is_empty() && compiled(&build(&[])).is_empty());

    for (path, text) in [
        ("data/one file.sql", "SELECT 12"),
        ("crates/rules/src/inner.rs", "pub fn answer() -> u32 { 10 }\n"),
        ("crates/made/answer", "20"),
    ] {
        let before = std::fs::read(project.path().join("migrations/2_shared.wasm")).expect("an artifact");
        project.write(path, text);
        let told = if path.ends_with("answer") { "crates/made/" } else { path };
        assert_eq!(stale(&project), [("2_shared".to_owned(), told.to_owned())]);
        // What is applied stays, without a message.
        let kept = build_with(&project, &[], false, &|_| Ok(true)).expect("built");
        assert!(compiled(&kept).is_empty() && kept.artifacts.iter().all(|it| !it.kept), "{kept:?}");
        assert_eq!(compiled(&build(&[])), ["2"], "{path}");
        assert!(stale(&project).is_empty());
        let after = std::fs::read(project.path().join("migrations/2_shared.wasm")).expect("an artifact");
        assert!(after != before, "{path}");
    }

    // A lockfile of an earlier version lists nothing of it, until the migration is built.
    let lockfile = project.read("runner.lock");
    let old = without_shared(&lockfile);
    project.write("runner.lock", &old);
    assert!(stale(&project).is_empty() && compiled(&build(&[])).is_empty());
    assert_eq!(compiled(&build(&["2"])), ["2"]);
    assert_eq!(project.read("runner.lock"), lockfile);
    // Where only the project itself was deployed, nothing is known to have changed.
    std::fs::remove_dir_all(project.path().join("crates")).expect("removed");
    assert!(stale(&project).is_empty());
    assert!(compiled(&build(&[])).is_empty());
    assert_eq!(project.read("runner.lock"), lockfile);
}

/// The lockfile without its lists of shared sources.
fn without_shared(lockfile: &str) -> String {
    let (head, lines) = lockfile.split_once("[artifacts]\n").expect("artifacts");
    let line = |line: &str| match line.split_once(", shared = {") {
        Some((before, rest)) => format!("{before}{}\n", rest.split_once(" }").expect("an end").1),
        None => format!("{line}\n"),
    };
    let lines: String = lines.lines().map(line).collect();
    let digest = runner_project::digest::sha256(lines.as_bytes());
    let start = head.split_once("digest = ").expect("a digest").0;
    format!("{start}digest = \"sha256:{digest}\"\n\n[artifacts]\n{lines}")
}

#[test]
fn a_manifest_names_what_its_command_reads_elsewhere() {
    let manifest = |sources: &str| {
        format!(
            "[build]\ncommand = [\"cp\", \"../../shared/app.wat\", \"app.out\"]\nartifact = \"app.out\"\nsources = [{sources}]\n"
        )
    };
    let project = TestProject::new(&[
        ("migrations/1_c/migration.toml", &manifest("\"../../shared\", \"../../one.h\", \"../.common/\"")),
        ("migrations/.common/three.h", "three"),
        ("one.h", "one"),
        ("shared/deep/two.h", "two"),
    ]);
    project.write("shared/app.wat", component("one"));
    let build = || build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(compiled(&build()), ["1"]);
    let lockfile = project.read("runner.lock");
    let listed = ["shared = { \"migrations/.common/\" = \"", "\"one.h\" = \"", "\"shared/\" = \""];
    assert!(listed.iter().all(|part| lockfile.contains(part)), "{lockfile}");
    assert!(compiled(&build()).is_empty() && stale(&project).is_empty());
    // That of the migrations is watched anyway.
    let watched = shared_directories(&project.settings());
    let root = project.settings().root;
    assert_eq!(watched.into_iter().collect::<Vec<_>>(), [(root.clone(), false), (root.join("shared/"), true)]);
    project.write("shared/deep/three.h", "three");
    assert_eq!(stale(&project), [("1_c".to_owned(), "shared/".to_owned())]);
    assert_eq!(compiled(&build()), ["1"]);
    assert!(stale(&project).is_empty());
    for (sources, says) in [
        ("\"../../nothing\"", "which does not exist"),
        ("\"../..\"", "which contains the migration itself"),
        ("\"migration.toml\"", "which is in the migration's directory"),
    ] {
        project.write("migrations/1_c/migration.toml", manifest(sources));
        let told = shown_error(build_in(&project, &[], false));
        assert!(told.contains(says) && told.contains("1_c/migration.toml"), "{told}");
    }
}

#[test]
fn an_artifact_that_may_be_applied_is_not_replaced() {
    let project = TestProject::new(&[("migrations/1_c/migration.toml", "[build]\nartifact = 'app.wasm'")]);
    project.write("migrations/1_c/app.wasm", component("one"));
    let unknown = |_: &str| Err(Error::failed("cannot connect").cause("connection refused").hint("start the server"));
    let build = |revisions: &[&str], all| build_with(&project, revisions, all, &unknown);
    build(&[], true).expect("there is no artifact that could be applied");
    let artifact = || std::fs::read(project.path().join("migrations/1_c.wasm")).expect("an artifact");
    let before = artifact();
    build(&[], false).expect("nothing to do");
    for (is_changed, all) in [(false, true), (true, false), (true, true)] {
        if is_changed {
            project.write("migrations/1_c/app.wasm", component("two"));
        }
        project.write("migrations/2_new.up.sql", "SELECT 1");
        let lockfile = project.read("runner.lock");
        let error = build(&[], all).expect_err("nobody knows");
        let told = shown(&error);
        for part in ["cannot tell whether `1_c` may be rebuilt", "cannot connect", "connection refused"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(
            error.hints[0].ends_with("name it: `runner build 1`") && error.hints[1] == "start the server",
            "{told}"
        );
        assert_eq!((artifact(), project.read("runner.lock")), (before.clone(), lockfile));
    }
    // Nothing is known to have changed in what another program has put there.
    project.write("migrations/1_c.wasm", component("three"));
    build(&[], false).expect("left alone");
    assert_eq!(artifact(), component("three"));
    assert_eq!(compiled(&build(&["1"], false).expect("it was named")), ["1"]);
    assert_eq!(artifact(), component("two"));
}

/// A project whose command copies a component from a directory that it shares with others, and counts how often it ran.
fn of_command(command: &str) -> TestProject {
    let manifest = format!(
        "[build]\ncommand = [\"sh\", \"-c\", \"{command}; echo x >> .count; cp ../../shared/app.wat app.out\"]\n\
         artifact = \"app.out\"\nsources = [\"../../shared\"]\n"
    );
    let project = TestProject::new(&[("migrations/1_c/migration.toml", &manifest), ("shared/deep/a.h", "a")]);
    project.write("shared/app.wat", component("one"));
    project
}

#[test]
fn a_database_without_a_history_does_not_tell_what_is_applied_elsewhere() {
    let project = of_command("true");
    build_without_history(&project, &[]).expect("there is no artifact that could be applied");
    project.write("shared/app.wat", component("two"));
    let lockfile = project.read("runner.lock");
    let unreachable = |project: &TestProject| build_with(project, &[], false, &|_| Err(Error::failed("no server")));
    for build in [&|project: &TestProject| build_without_history(project, &[]), &unreachable as &dyn Fn(&_) -> _] {
        let report = build(&project).unwrap_or_else(|error| panic!("{}", shown(&error)));
        let artifact = &report.artifacts[0];
        assert!(
            artifact.kept && !artifact.compiled && artifact.changed_path.as_deref() == Some("shared/"),
            "{report:?}"
        );
        assert_eq!(project.read("runner.lock"), lockfile);
    }
    let report = build_without_history(&project, &["1"]).expect("it was named");
    assert_eq!((compiled(&report), &report.artifacts[0].changed_path), (vec!["1"], &None));
    // A history that lacks it says that it may change.
    project.write("shared/app.wat", component("three"));
    let report = build_in(&project, &[], false).expect("built");
    assert_eq!(
        (compiled(&report), report.artifacts[0].changed_path.as_deref(), report.artifacts[0].kept),
        (vec!["1"], Some("shared/"), false)
    );
}

#[test]
fn an_edit_of_a_shared_directory_during_a_build_is_built() {
    let project = of_command("test -e .edited || { echo b > ../../shared/deep/a.h; touch .edited; }");
    assert_eq!(compiled(&build_in(&project, &[], false).expect("built")), ["1"]);
    assert_eq!(project.read("migrations/1_c/.count"), "x\nx\n");
    assert!(stale(&project).is_empty());
}

#[test]
fn what_is_too_much_to_compare_is_refused_and_told() {
    let project = of_command("true");
    build_in(&project, &[], false).expect("built");
    for number in 0..10_000 {
        project.write(&format!("shared/deep/{number}"), "");
    }
    let catalog = Catalog::load(&project.settings(), Default::default()).expect("a catalog");
    let [unknown] = &catalog.unknown_shared[..] else { panic!("{:?}", catalog.unknown_shared) };
    assert_eq!((&*unknown.id, &*unknown.path), ("1_c", "shared/"));
    assert_eq!(unknown.reason, "`shared/` has more than 10,000 files and directories");
    assert!(catalog.stale_shared.is_empty());
    for revisions in [&[][..], &["1"]] {
        let told = shown_error(build_in(&project, revisions, false));
        assert!(told.contains(&unknown.reason) && told.contains("hint: name less") && told.contains("1_c"), "{told}");
    }
    // It would stay in any case.
    build_with(&project, &[], false, &|_| Ok(true)).expect("nothing to do");
}

/// Commands run where the link leads.
#[cfg(unix)]
#[test]
fn sources_are_relative_to_what_a_linked_directory_leads_to() {
    let project = of_command("true");
    project.write("real/shared/app.wat", component("real"));
    let directory = project.path().join("migrations/1_c");
    std::fs::create_dir_all(project.path().join("real/deep")).expect("created");
    std::fs::rename(&directory, project.path().join("real/deep/1_c")).expect("moved");
    std::os::unix::fs::symlink("../real/deep/1_c", &directory).expect("a link");
    build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    let lockfile = project.read("runner.lock");
    assert!(lockfile.contains("shared = { \"real/shared/\" = \""), "{lockfile}");
    assert_eq!(std::fs::read(project.path().join("migrations/1_c.wasm")).expect("an artifact"), component("real"));
}

/// As in many workspaces: the license is a link to that of the workspace.
#[cfg(unix)]
#[test]
fn a_link_out_of_a_shared_directory_is_no_error() {
    let project = of_command("true");
    project.write("LICENSE", "free");
    std::os::unix::fs::symlink("../LICENSE", project.path().join("shared/LICENSE")).expect("a link");
    build_in(&project, &[], false).unwrap_or_else(|error| panic!("{}", shown(&error)));
    project.write("LICENSE", "still free");
    assert!(stale(&project).is_empty());
    project.write("shared/deep/a.h", "b");
    assert_eq!(stale(&project), [("1_c".to_owned(), "shared/".to_owned())]);
    assert_eq!(compiled(&build_in(&project, &[], false).expect("built")), ["1"]);
}
