//! Scripts in JavaScript: what every language must do, the same in every run, and what can go wrong in a script.

use std::path::{Path, PathBuf};

use super::*;

fn language() -> PathBuf {
    guests::repository().join("tests/languages/javascript")
}

/// Copies the files below a directory.
fn copy(project: &TestProject, from: &Path, to: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = format!("{to}/{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            copy(project, &path, &to);
        } else {
            project.write(&to, std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn javascript_does_what_every_language_must_do() {
    let project = project!();
    project.settings(&std::fs::read_to_string(language().join("../settings.toml")).unwrap());
    copy(&project, &language().join("migrations"), "migrations");
    project.runner("build").succeeds();
    assert!(project.read("runner.lock").contains("summary = \"conformance in Zürich\""));
    project.runner("apply").succeeds().says(&["info 20260101000001: and another"]);
    let language: String =
        project.database().query_row("SELECT language FROM conformance", [], |row| row.get(0)).unwrap();
    assert_eq!(language, "javascript");
    project.runner("rollback").succeeds();
    let left = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'runner%' AND name NOT LIKE 'sqlite%'";
    let tables: i64 = project.database().query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
}

/// Everything that differs from run to run in an ordinary interpreter is the same in a replay.
#[test]
fn javascript_is_the_same_in_every_run() {
    let project = project!();
    project.write(
        "migrations/0001_chance.js",
        r#"import { db, log, random } from "runner-guest";
           export const description = "what chance, the clock and order decide";
           export function upgrade() {
             db.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)");
             const things = [Math.random(), Date.now(), new Date().toString(), performance.now(), new Error("x").stack];
             things.push(Object.keys({ b: 1, a: 2 }), [...new Set([Math.random(), {}, Symbol.iterator.toString()])]);
             things.sort(() => Math.random() - 0.5);
             things.forEach((thing, i) => db.execute("INSERT INTO chance VALUES (?, ?)", [i, JSON.stringify(thing)]));
             const begun = db.read("SELECT id, x FROM chance ORDER BY id");
             log.info(begun.rows().next().value.x);
             begun.close();
             const table = db.readTable("chance");
             while (table.next()) {}
             db.execute("CREATE TABLE stirred (id INTEGER PRIMARY KEY, x TEXT)");
             db.transform(stirred, "chance", { table: "stirred", mode: "insert" });
           }
           export function downgrade() { db.executeAll(["DROP TABLE chance", "DROP TABLE stirred"]); }
           export const stirred = (batch) => batch.mapRows((row) => { row.x += random(row.id); });"#,
    );
    project.runner("build").succeeds();
    project.runner("apply").succeeds();
    project.runner("verify").succeeds().prints(&["replay     proven", "recompute  proven"]);
}

/// Each file in `failures` says in its first lines what the message contains, and what `apply` is given.
#[test]
fn failures_in_javascript_say_what_and_where() {
    let (mut files, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(language().join("failures")).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let lines = |key: &str| source.lines().filter_map(|line| line.strip_prefix(key)).collect::<Vec<_>>();
        let project = project!();
        project.write("migrations/0001_failing.js", &source);
        if source.contains("inner.js") {
            project.write("migrations/0001_failing/inner.js", "export function inner(x) {\n  return x.y.z;\n}\n");
        }
        let built = project.runner("build");
        let failed = match built.exit_code() {
            Some(0) => project.runner(&format!("apply {}", lines("// with: ").concat())),
            _ => built,
        };
        let is_said = |text: &&str| failed.stderr.contains(text);
        if failed.exit_code() == Some(0) || lines("// says: ").is_empty() || !lines("// says: ").iter().all(is_said) {
            wrong.push(format!("{}\n{failed}", path.display()));
        }
        files += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files > 25, "{files} files");
}
