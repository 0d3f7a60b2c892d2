//! Malformed lockfiles, names and directories.

use super::*;

fn lock_conflict(lines: &str) -> Output {
    let project = with_component();
    let text = project.read("runner.lock");
    project.write("runner.lock", text.replacen("[artifacts]\n", &format!("[artifacts]\n{lines}"), 1));
    refused(&project, "apply", 4, &["runner.lock"])
}

#[test]
fn a_lockfile_with_a_conflict() {
    lock_conflict("<<<<<<< HEAD\n=======\n>>>>>>> branch\n").says(&[
        "unresolved merge conflict",
        "both sides",
        "build",
    ]);
}

#[test]
fn an_edited_lockfile() {
    let project = with_component();
    project.write("runner.lock", project.read("runner.lock").replace("misbehave", "behave"));
    refused(&project, "apply", 4, &["runner.lock", "changed by something other"]);
    project.write("runner.lock", "not a lockfile");
    refused(&project, "apply", 4, &["runner.lock"]);
}

#[test]
fn a_lockfile_with_a_duplicate_line() {
    let project = with_component();
    let text = project.read("runner.lock");
    let line = text.lines().find(|line| line.starts_with("2_guest")).unwrap();
    project.write("runner.lock", format!("{text}{line}\n"));
    refused(&project, "apply", 4, &["same revision"]);
}

/// After a merge, it is enough to keep both sides and build again.
#[test]
fn a_build_fixes_a_merged_lockfile() {
    let project = with_component();
    let text = project.read("runner.lock");
    project.write("runner.lock", text.replace("digest = \"sha256:", "digest = \"sha256:00"));
    refused(&project, "apply", 4, &["runner build"]);
    project.runner("build").succeeds();
    assert_eq!(project.read("runner.lock"), text);
    project.runner("apply").succeeds();
}

#[test]
fn a_duplicate_revision() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.write("migrations/1_other.down.sql", "DROP TABLE b;");
    refused(&project, "apply", 2, &["1_one.up.sql", "1_other.down.sql", "another revision"]);
    let project = one("CREATE TABLE a (id INTEGER);");
    project.sql("001_zeros", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
    refused(&project, "apply", 2, &["1_one.up.sql", "001_zeros.up.sql"]);
    let project = one("CREATE TABLE a (id INTEGER);");
    project.write("migrations/1_one.wasm", guests::component("hostile"));
    refused(&project, "apply", 2, &["both SQL and a component"]);
}

#[test]
fn names_that_do_not_parse() {
    for name in ["notes.txt", "two.up.sql", "2_two*.up.sql", "2_two.up.sql~", "2_two.UP.SQL", "R__two.sql", "2_two.go"]
    {
        let project = one("CREATE TABLE a (id INTEGER);");
        project.write(&format!("migrations/{name}"), "SELECT 1;");
        refused(&project, "apply", 2, &[name, "hint:"]);
        refused(&project, "validate", 2, &[name]);
    }
}

/// Each output is checked for terminal control characters; these are the places they could come from.
#[test]
fn escapes_in_names_statements_and_urls() {
    const EVIL: &str = "\u{1b}[2J\u{9b}31m\u{202e}x\u{7}";
    let project = one("CREATE TABLE a (id INTEGER);");
    project.write(&format!("migrations/2_{EVIL}.up.sql"), "SELECT 1;");
    refused(&project, "apply", 2, &["2_", "hint:"]);
    for sql in [
        format!("SELECT '{EVIL}' FROM nowhere;"),
        format!("SELECT * FROM \"{EVIL}\";"),
        format!("-- runner:summary {EVIL}\nSELECT * FROM nowhere;"),
        format!("-- runner:{EVIL}\nSELECT 1;"),
        format!("-- runner:depends-on {EVIL}\nSELECT 1;"),
        format!("SELECT '{EVIL}"),
    ] {
        let project = one(&sql);
        for line in ["plan", "apply --verbose", "status", "validate", "apply --format json", "plan --format json"] {
            let output = project.runner(line);
            assert!(output.exit_code().is_some_and(|code| code <= 7), "{output}");
        }
    }
    let project = one(&format!("CREATE TABLE \"{EVIL}\" (id INTEGER); INSERT INTO \"{EVIL}\" VALUES (1);"));
    project.run(["apply", "--verbose", "-D", &format!("sqlite:{EVIL}.db")]).succeeds();
    project.run(["apply", "--target", EVIL]).exits(2);
    project.run(["apply", "--limit", EVIL]).exits(2);
    project.run(["show", EVIL]).exits(2);
    project.settings("[project.\"\\u001b[2J\"]");
    project.run(["apply"]).exits(2);
}

/// Whenever it is killed, a build leaves the old lockfile or the new one.
#[test]
fn a_killed_build_leaves_a_complete_lockfile() {
    let project = project!();
    for revision in 1..=200 {
        project.sql(&format!("{revision}_one"), "SELECT 1;", "SELECT 1;");
    }
    project.runner("build").succeeds();
    let old = project.read("runner.lock");
    let start = std::time::Instant::now();
    project.sql("500_new", "SELECT 1;", "SELECT 1;").runner("build").succeeds();
    let longest = start.elapsed();
    let new = project.read("runner.lock");
    assert_ne!(old, new);
    for part in 0..12 {
        project.write("runner.lock", &old);
        let mut child = project.command(["build"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(longest * part / 10);
        child.kill().unwrap();
        child.wait().unwrap();
        let found = project.read("runner.lock");
        assert!(found == old || found == new, "the lockfile is neither the old one nor the new one");
    }
    project.runner("build").succeeds();
    project.runner("validate --locked").succeeds();
}

#[test]
fn a_downgrade_alone() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.write("migrations/2_two.down.sql", "SELECT 1;");
    refused(&project, "apply", 2, &["2_two.down.sql", "2_two.up.sql"]);
}

#[test]
fn a_missing_directory() {
    let project = project!();
    std::fs::remove_dir(project.file("migrations")).unwrap();
    let output = project.runner("apply");
    assert!(matches!(output.exit_code(), Some(0 | 2)), "{output}");
    if output.exit_code() == Some(2) {
        output.says(&["migrations", "hint:"]);
    }
}

#[cfg(unix)]
#[test]
fn links_that_leave_the_project() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("x.sql"), "CREATE TABLE x (id INTEGER);").unwrap();
    let project = one("CREATE TABLE a (id INTEGER);");
    let link = project.file("migrations/2_link.up.sql");
    std::os::unix::fs::symlink(elsewhere.path().join("x.sql"), &link).unwrap();
    refused(&project, "apply", 2, &["2_link.up.sql"]);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("../../../../../../../etc/passwd", &link).unwrap();
    refused(&project, "apply", 2, &["2_link.up.sql"]);
}

/// Git on Windows checks out files with CRLF: the artifact is the same.
#[test]
fn line_ends_are_ignored() {
    let up = "CREATE TABLE a (id INTEGER);\nINSERT INTO a VALUES (1);\n";
    let project = one(up);
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    let lockfile = project.read("runner.lock");
    for other in [up.replace('\n', "\r\n"), format!("\u{feff}{up}")] {
        project.sql("1_one", &other, "SELECT 1;");
        project.runner("apply").succeeds();
        project.runner("validate").succeeds();
        project.runner("status --exit-code").succeeds();
        project.runner("build").succeeds();
        assert_eq!(project.read("runner.lock"), lockfile);
    }
    project.write("runner.lock", lockfile.replace('\n', "\r\n"));
    project.runner("validate").succeeds();
}

#[test]
fn sql_that_is_not_text() {
    for (bytes, says) in [(&b"SELECT '\xff';"[..], "UTF-8"), (b"SELECT '\0';", "NUL")] {
        let project = project!();
        project.write("migrations/1_one.up.sql", bytes);
        refused(&project, "apply", 2, &["1_one.up.sql", says]);
    }
}

#[test]
fn unknown_directives() {
    let project = one("-- runner:no-transactoin\nCREATE TABLE a (id INTEGER);");
    refused(&project, "apply", 2, &["1_one.up.sql", "no-transactoin", "did you mean `-- runner:no-transaction`?"]);
}
