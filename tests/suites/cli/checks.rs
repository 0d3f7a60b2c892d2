//! `runner build --check`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use runner_tests::{Running, until};
use sha2::{Digest, Sha256};

use super::commands::{MIGRATION, made_by};
use super::*;

const COPY: &str = "cp core.bin build/module.wasm\n";
const ARTIFACT: &str = "migrations/1_made.wasm";

/// A built migration.
fn built() -> TestProject {
    let project = made_by(COPY);
    project.runner("build").succeeds();
    project
}

/// Every file below a directory, with its bytes and the time of its last change; links with what they lead to.
fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let bytes = if metadata.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let state = format!("{:?} {}", metadata.modified().unwrap(), hex::encode(Sha256::digest(bytes)));
        found.insert(path.display().to_string(), state);
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found
}

/// Edits the lockfile and makes its digest fit again.
fn edit_lockfile(project: &TestProject, from: &str, to: &str) {
    let text = project.read("runner.lock");
    assert!(text.contains(from), "{from}\n{text}");
    let text = text.replace(from, to);
    let (head, lines) = text.split_once("[artifacts]\n").unwrap();
    let start = head.find("sha256:").unwrap() + 7;
    let digest = hex::encode(Sha256::digest(lines.as_bytes()));
    project.write("runner.lock", format!("{}{digest}{}[artifacts]\n{lines}", &head[..start], &head[start + 64..]));
}

#[test]
fn what_comes_from_its_source_is_the_same_and_nothing_is_written() {
    let project = built();
    project.component("2_bundle", &guests::component("hostile"));
    project.sql("3_plain", "SELECT 1;", "SELECT 1;");
    let temporary = tempfile::tempdir().unwrap();
    let before = tree(project.root());
    let check = |line: &str| {
        let mut command = project.command(line.split_whitespace());
        project.finish(command.env("TMPDIR", temporary.path()))
    };
    let output = check("build --check");
    output
        .succeeds()
        .prints(&["same 1_made\n", "no source 2_bundle\n"])
        .says(&["1 artifact comes from its source; 1 has no source code and could not be checked"])
        .does_not_say(&["3_plain"]);
    let report = json(&check("build --check --format json"));
    assert_eq!(report["checked"], 1, "{report}");
    let verdicts: Vec<_> = report["artifacts"].as_array().unwrap().iter().map(|it| &it["verdict"]).collect();
    assert_eq!(verdicts, ["same", "no-source"]);
    assert_eq!(report["artifacts"][0]["built"], report["artifacts"][0]["committed"]);
    check("build --check 2").succeeds().says(&["no artifact has source code, so nothing was checked"]);
    check("build --check 3").exits(2).says(&["`3_plain` is not built", "hint: `runner validate --locked`"]);
    assert_eq!(tree(project.root()), before);
    assert_eq!(tree(temporary.path()), BTreeMap::new(), "the copy of the project is removed");
}

/// The copy has what the command reads by a relative path, in the project and beside it, and nothing that an earlier build left.
#[test]
fn a_check_builds_as_the_project_does() {
    let project =
        made_by("test ! -e build/left && cat ../../shared/part1 ../../../part2-$(cat name) > build/module.wasm\n");
    let module = guests::core_module("hostile");
    let (first, second) = module.split_at(1000);
    let unique = project.root().file_name().unwrap().to_string_lossy().into_owned();
    let beside = project.root().parent().unwrap().join(format!("part2-{unique}"));
    std::fs::write(&beside, second).unwrap();
    project.write("shared/part1", first).write(&format!("{MIGRATION}/name"), unique);
    project.runner("build").succeeds();
    project.write(&format!("{MIGRATION}/build/left"), "");
    let output = project.runner("build --check");
    std::fs::remove_file(beside).unwrap();
    output.succeeds().prints(&["same 1_made"]);
    assert_eq!(project.read(&format!("{MIGRATION}/build/left")), "");
}

#[test]
fn what_differs_is_named_with_its_reason() {
    let other = guests::core_module("reference");
    type Change<'a> = &'a dyn Fn(&TestProject);
    let edited = |project: &TestProject| {
        let mut bytes = std::fs::read(project.file(ARTIFACT)).unwrap();
        // A version, within a text of the same length.
        let at = bytes.windows(5).position(|window| window == b"rustc").unwrap();
        let digit = (at..at + 20).find(|at| bytes[*at].is_ascii_digit()).unwrap();
        bytes[digit] = if bytes[digit] == b'7' { b'8' } else { b'7' };
        project.write(ARTIFACT, bytes);
    };
    let cases: [(Change<'_>, &[&str], &[&str]); 7] = [
        (
            &|project| {
                project.write(&format!("{MIGRATION}/core.bin"), &other);
            },
            &[
                "differs 1_made",
                "a different artifact than `1_made.wasm`",
                "a different digest of the source",
                "built: sha256",
                "committed: sha256",
                "runner.lock: sha256",
            ],
            &["the source of `1_made` changed since it was built: run `runner build`"],
        ),
        (
            &|project| {
                project.write(&format!("{MIGRATION}/make.sh"), format!("# as before\n{COPY}"));
            },
            &["differs 1_made\n  `runner.lock` has a different digest of the source"],
            &["the source of `1_made` changed since it was built"],
        ),
        (
            &edited,
            &[
                "differs 1_made",
                "the build produces a different artifact",
                "`runner.lock` lists a different artifact than `1_made.wasm`",
            ],
            &["`1_made.wasm` was changed after it was built: restore it"],
        ),
        (
            &|project| {
                edited(project);
                let sha256 = hex::encode(Sha256::digest(std::fs::read(project.file(ARTIFACT)).unwrap()));
                let text = project.read("runner.lock");
                let at = text.find("component\", sha256 = \"").unwrap() + 22;
                edit_lockfile(project, &text[at..at + 64], &sha256);
            },
            &["the build produces a different artifact than `1_made.wasm`"],
            &["`1_made.wasm` names ", "as what made it", "build with the same versions"],
        ),
        (
            &|project| std::fs::remove_file(project.file(ARTIFACT)).unwrap(),
            &["`1_made.wasm` does not exist"],
            &["run `runner build`, and commit `1_made.wasm` and `runner.lock`"],
        ),
        (
            &|project| std::fs::remove_file(project.file("runner.lock")).unwrap(),
            &["`runner.lock` does not list it"],
            &["run `runner build`, and commit"],
        ),
        (
            &|project| edit_lockfile(project, "summary = \"", "summary = \"not "),
            &["differs 1_made\n  `runner.lock` has a different description"],
            &["`runner.lock` was changed"],
        ),
    ];
    for (change, prints, says) in cases {
        let project = built();
        change(&project);
        let before = tree(project.root());
        let output = project.runner("build --check");
        output.exits(4).prints(prints).says(&["1 of 1 artifact does not come from the source"]).says(says);
        let report = project.runner("build --check --format json");
        let document = json(report.exits(4));
        assert_eq!(document["artifacts"][0]["verdict"], "differs");
        assert!(!document["artifacts"][0]["hints"].as_array().unwrap().is_empty());
        assert_eq!(tree(project.root()), before);
    }
    // An edit that leaves the digest of the lockfile as it was is found before anything is built.
    let project = built();
    let text = project.read("runner.lock");
    project.write("runner.lock", text.replace("summary = \"", "summary = \"not "));
    project.runner("build --check").exits(4).says(&["`runner.lock` was changed by something other than runner"]);
}

#[test]
fn a_build_that_changes_its_source_or_the_time_is_told() {
    let project = made_by(&format!("date +%s%N > generated\n{COPY}"));
    project.runner("build").succeeds();
    project
        .runner("build --check")
        .exits(4)
        .says(&["the build changed the source of `1_made`", "have it write to `build`"]);
    // The same source gives other bytes, and nothing tells why.
    let project = made_by("test -e .twice && cp core.bin build/module.wasm || cp other.bin build/module.wasm\n");
    project.write(&format!("{MIGRATION}/other.bin"), guests::core_module("reference"));
    project.runner("build").succeeds();
    project.write(&format!("{MIGRATION}/.twice"), "");
    project.runner("build --check").exits(4).prints(&["differs 1_made"]).says(&["hint: "]);
}

#[test]
fn what_cannot_be_built_does_not_hide_the_others() {
    let project = built();
    let manifest =
        "[build]\ncommand = [\"true\"]\nartifact = \"a.wasm\"\n[build.tools]\n\"get it\" = [\"no-such-tool\"]\n";
    project.write("migrations/2_tool/migration.toml", manifest);
    let output = project.runner("build --check");
    output.exits(2).prints(&["same 1_made", "failed 2_tool"]).says(&[
        "a tool is missing: cannot run `no-such-tool`",
        "hint: install it: `get it`",
        "1 of 2 artifacts could not be built",
    ]);
    let document = json(project.runner("build --check --format json").exits(2));
    assert_eq!(document["artifacts"][1]["error"]["exit_code"], 2);
    // A difference takes precedence.
    project.write(&format!("{MIGRATION}/core.bin"), guests::core_module("reference"));
    project.runner("build --check").exits(4).says(&["get it"]);
    // What fails is told with the paths of the project.
    let project = built();
    project.write(&format!("{MIGRATION}/make.sh"), "exit 3\n");
    let directory = format!("directory: {}", project.file(MIGRATION).display());
    project.runner("build --check").exits(1).says(&["`sh make.sh` failed: exit status: 3", &directory]);
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let project = built();
    for line in ["build --check --watch", "build --check --all", "build --watch --all"] {
        project.runner(line).exits(2).says(&["cannot be used with"]);
    }
    let document = json(project.runner("build --watch --format json").exits(2));
    assert_eq!(document["error"]["message"], "`--watch` has no end, and so no JSON document");
}

/// Whether a process exists, by the file that has its id.
#[cfg(target_os = "linux")]
pub(super) fn is_running(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// A signal ends the compiler with all that it started, and removes the copy.
#[test]
#[cfg(target_os = "linux")]
fn a_stopped_check_leaves_nothing_behind() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let project = built();
        let (temporary, ids) = (tempfile::tempdir().unwrap(), project.file("ids"));
        let script = format!("sh -c 'echo $$ > {0}.tmp; mv {0}.tmp {0}; sleep 1000; true'; true\n", ids.display());
        project.write(&format!("{MIGRATION}/make.sh"), script);
        let mut command = project.command(["build", "--check"]);
        let mut child = Running::start(command.env("TMPDIR", temporary.path()).stderr(Stdio::null()));
        until("the command runs", || ids.exists());
        let id = std::fs::read_to_string(&ids).unwrap();
        assert!(is_running(&id));
        child.signal(name);
        assert_eq!(child.wait().unwrap().code(), Some(code), "SIG{name}");
        until("the command has ended", || !is_running(&id));
        assert_eq!(tree(temporary.path()), BTreeMap::new());
    }
}

/// A check neither deletes nor writes a file that a link in the source leads to.
#[cfg(unix)]
#[test]
fn a_link_does_not_lead_the_build_out_of_the_copy() {
    let project = built();
    let directory = project.root().join("migrations/1_made");
    std::fs::remove_dir_all(directory.join("build")).unwrap();
    std::fs::create_dir(project.root().join("out")).unwrap();
    std::fs::write(project.root().join("out/module.wasm"), "mine").unwrap();
    std::os::unix::fs::symlink("../../out", directory.join("build")).unwrap();
    project.runner("build --check");
    assert_eq!(project.read("out/module.wasm"), "mine");
}

#[test]
fn an_artifact_whose_source_is_gone_is_no_proof() {
    let project = built();
    project.runner("build --check").succeeds();
    std::fs::remove_dir_all(project.root().join("migrations/1_made")).unwrap();
    project.runner("build --check").exits(4).says(&["1_made", "built from source code that is not there", "hint:"]);
    // As the hint says: an artifact may stay without its source.
    project.runner("build").succeeds();
    project.runner("build --check").succeeds().prints(&["no source"]);
}

/// A lockfile that was lost knows nothing of the source: it is built again, and from then on as before.
#[test]
fn a_lockfile_that_was_lost_is_written_again_with_what_artifacts_come_from() {
    let project = built();
    let lockfile = project.read("runner.lock");
    let lose = || std::fs::remove_file(project.file("runner.lock")).unwrap();
    lose();
    project.runner("build").succeeds();
    assert_eq!(project.read("runner.lock"), lockfile);
    project.runner("build --check").succeeds();
    project.write(&format!("{MIGRATION}/make.sh"), format!("# edited\n{COPY}"));
    project.runner("status").says(&["the source code of `1_made` changed"]);
    assert_eq!(json(&project.runner("build --format json"))["artifacts"][0]["compiled"], true);
    // What is applied is left as it is.
    project.database().execute_batch("CREATE TABLE t (a)").unwrap();
    project.runner("stamp --why test").succeeds();
    lose();
    let left = json(&project.runner("build --format json"));
    assert_eq!((&left["artifacts"][0]["compiled"], &left["artifacts"][0]["kept"]), (&false.into(), &false.into()));
    let check = project.runner("build --check");
    check.exits(4).prints(&["`runner.lock` has a different digest of the source"]).says(&[
        "hint: `runner.lock` does not say what `1_made.wasm` was built from: run `runner build 1`, and commit `1_made.wasm` and `runner.lock`",
    ]);
    project.runner("build 1").succeeds();
    project.runner("build --check").succeeds();
}

/// Two branches use one revision. The migration that gets another one afterwards was built from what its old line says.
#[test]
fn a_component_is_renumbered_after_a_merge_with_what_it_comes_from() {
    let project = built();
    let ours = project.read("runner.lock");
    let line = ours.lines().last().unwrap();
    let theirs = "1_theirs = { kind = \"sql\", sha256 = \"00\" }";
    project.sql("1_theirs", "SELECT 1;", "SELECT 1;");
    project
        .write("runner.lock", ours.replace(line, &format!("<<<<<<< theirs\n{theirs}\n=======\n{line}\n>>>>>>> ours")));
    let renumbered = project.runner("renumber 1_made --format json");
    assert_eq!(json(&renumbered)["locked"], false, "{renumbered}");
    assert_eq!(json(&project.runner("build --format json"))["artifacts"][1]["compiled"], false);
    assert!(project.read("runner.lock").contains(&line.replace("1_made", "2_made")), "{}", project.read("runner.lock"));
    project.runner("build --check").succeeds();
}

/// The directory of a migration may be spelled in another form, and its artifact has the name that it had.
#[test]
fn a_directory_of_another_form_is_checked_as_any_other() {
    let project = made_by(COPY);
    std::fs::rename(project.file(MIGRATION), project.file("migrations/1-made")).unwrap();
    project.runner("build").succeeds();
    std::fs::rename(project.file(ARTIFACT), project.file("migrations/1-made.wasm")).unwrap();
    project.write("migrations/1-made/make.sh", format!("# edited\n{COPY}"));
    project.runner("build").succeeds();
    assert!(!project.file(ARTIFACT).exists());
    project.runner("build --check").succeeds().prints(&["same 1_made"]);
}

/// What runs is what its author sees: a build that failed, or was forgotten, does not run the one before.
#[test]
fn an_artifact_whose_source_changed_since_does_not_run() {
    let project = built();
    project.write(&format!("{MIGRATION}/make.sh"), "exit 1\n");
    assert_ne!(project.runner("build").exit_code(), Some(0));
    project.runner("test").exits(1).prints(&["`1_made` is out of date", "hint: run `runner build 1`"]);
    for line in ["apply", "apply --dry-run", "plan"] {
        let output = project.runner(line);
        output.exits(4).says(&[
            "`1_made` is out of date",
            "hint: run `runner build 1`",
            "hint: `--locked` runs what the lockfile lists",
        ]);
    }
    project.runner("validate").says(&["the source code of `1_made` changed since it was built"]);
    project.runner("status").succeeds().prints(&["pending"]);
    project.runner("plan --locked").succeeds().does_not_say(&["changed since it was built", "out of date"]);
    // Where only the artifact is, nothing is out of date.
    std::fs::remove_dir_all(project.root().join(MIGRATION)).unwrap();
    project.runner("plan").succeeds();
    project.write(&format!("{MIGRATION}/make.sh"), "exit 1\n");
    project.database().execute_batch("CREATE TABLE t (a)").unwrap();
    project.runner("stamp --why test").succeeds();
    project.runner("apply").succeeds().says(&["nothing to do"]);
}
