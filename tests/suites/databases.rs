//! Databases that are missing, of the wrong kind, or not writable.

use runner_tests::{Output, SmallDisk, TestProject, dump, project};

const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
                      INSERT INTO people (name) VALUES ('one');";

fn one(up: &str) -> TestProject {
    let project = project!();
    project.sql("1_one", up, "SELECT 1;");
    project
}

/// The run fails with this exit code, and nothing changes.
#[track_caller]
fn refused(project: &TestProject, line: &str, code: i32, says: &[&str]) -> Output {
    let before = project.dump();
    let output = project.runner(line);
    output.exits(code).says(says).says(&["error:"]);
    assert_eq!(project.dump(), before, "{line}\n{output}");
    output
}

#[test]
fn in_a_missing_directory() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.runner("apply -D sqlite:nowhere/x.db").exits(2).says(&["nowhere/x.db", "directory", "hint:"]);
    assert!(!project.file("nowhere").exists());
}

#[test]
fn that_is_a_directory() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.runner("apply -D sqlite:migrations").exits(2).says(&["is a directory"]);
}

#[test]
fn that_is_not_a_database() {
    let project = one("CREATE TABLE a (id INTEGER);");
    let bytes = "this is a text file and no database, although it is long enough to be one\n".repeat(100);
    project.write("runner.db", &bytes);
    for verb in ["apply", "status", "history"] {
        project.runner(verb).exits(1).says(&["runner.db", "not a SQLite database", "hint:"]);
    }
    assert_eq!(project.read("runner.db"), bytes);
}

#[test]
fn that_is_damaged() {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;");
    project.runner("apply").succeeds();
    project.database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE").unwrap();
    let mut bytes = std::fs::read(project.file("runner.db")).unwrap();
    bytes[108..4096].fill(0xa5);
    project.write("runner.db", bytes);
    let output = project.runner("apply");
    output.exits(1).says(&["runner.db", "hint:"]);
}

#[test]
fn that_does_not_exist_is_created_only_by_apply() {
    let project = one("CREATE TABLE a (id INTEGER);");
    for line in ["status", "history", "current", "plan", "validate"] {
        project.runner(line).succeeds();
        assert!(!project.file("runner.db").exists(), "`{line}` made the database");
    }
    project.runner("apply -D sqlite:runner.db?mode=rw").exits(2).says(&["does not exist"]);
    project.runner("apply").succeeds();
}

/// A dry run on a database that does not exist is one on what `apply` would make.
#[test]
fn that_does_not_exist_is_tried_with_the_settings_of_connections() {
    let project = one(
        "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a); INSERT INTO b VALUES (1);",
    );
    project.runner("apply --dry-run").exits(1).says(&["FOREIGN KEY"]);
    project.settings("[database]\nforeign_keys = false");
    project.runner("apply --dry-run").succeeds();
    let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;";
    project.sql("2_endless", endless, "SELECT 1;");
    project.runner("apply --dry-run --statement-timeout 200ms").exits(7).says(&["`statement_timeout`"]);
    assert!(!project.file("runner.db").exists());
}

#[test]
fn that_is_an_empty_file_is_treated_as_new() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.write("runner.db", "");
    project.runner("status").succeeds().prints(&["pending"]);
    project.runner("rollback").exits(2).says(&["empty file"]);
    assert_eq!(project.read("runner.db"), "");
    project.runner("apply").succeeds();
    assert_eq!(project.value("PRAGMA journal_mode"), "wal");
    project.write("other.db", "");
    project.runner("apply -D sqlite:other.db?mode=rw").succeeds();
}

#[test]
fn that_is_opened_read_only() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.runner("apply").succeeds();
    project.sql("2_two", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
    project.runner("status -D sqlite:runner.db?mode=ro").succeeds().prints(&["pending"]);
    refused(&project, "apply -D sqlite:runner.db?mode=ro", 1, &["read-only", "hint:"]);
}

/// A newer release may have written things that this one does not know; guessing would be wrong.
#[test]
fn with_an_unknown_history() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.runner("apply").succeeds();
    let changed = project.database().execute("UPDATE runner_meta SET value = '999' WHERE key = 'format'", []);
    assert_eq!(changed.unwrap(), 1);
    for line in ["apply", "status", "rollback", "history"] {
        refused(&project, line, 4, &["newer", "hint:"]);
    }
    // A table of that name that belongs to another program is not a history.
    let project = one("CREATE TABLE a (id INTEGER);");
    project.database().execute_batch("CREATE TABLE runner_history (thing TEXT)").unwrap();
    let output = project.runner("apply");
    assert!(matches!(output.exit_code(), Some(1 | 4)), "{output}");
    output.says(&["runner_history"]);
}

#[test]
fn that_another_program_is_writing() {
    let project = one("CREATE TABLE a (id INTEGER);");
    project.runner("apply").succeeds();
    project.sql("2_two", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
    let other = project.database();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO a VALUES (1)").unwrap();
    project.runner("status").succeeds().prints(&["pending"]);
    let output = project.runner("apply -D sqlite:runner.db?busy_timeout=200 --retries 0");
    output.exits(5).says(&["locked", "hint:"]);
    other.execute_batch("ROLLBACK").unwrap();
    project.runner("apply").succeeds();
}

#[test]
fn on_a_disk_that_is_full() {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;").sql(
        "2_much",
        "CREATE TABLE much (id INTEGER PRIMARY KEY, bytes BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO much SELECT i, randomblob(1000) FROM n;",
        "DROP TABLE much;",
    );
    let disk = SmallDisk::new(&project, "disk", 1 << 20);
    for journal in ["wal", "delete"] {
        let url = format!("sqlite:disk/{journal}.db?journal_mode={journal}");
        disk.run(&format!("apply --target 1 -D {url}")).succeeds();
        let before = dump::everything(&project.open(&format!("disk/{journal}.db")));
        let output = disk.run(&format!("apply -D {url}"));
        output.exits(1).says(&["2_much", if disk.disk().is_some() { "full" } else { "disk I/O error" }]);
        let connection = project.open(&format!("disk/{journal}.db"));
        assert_eq!(dump::everything(&connection), before, "{journal}");
        dump::check(&connection);
        drop(connection);
        for name in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(project.file(&format!("disk/{journal}.db{name}")));
        }
    }
}

#[test]
fn on_a_disk_that_is_read_only() {
    let project = one("CREATE TABLE a (id INTEGER);");
    let disk = SmallDisk::new(&project, "disk", 4 << 20);
    disk.run("apply -D sqlite:disk/x.db?journal_mode=delete").succeeds();
    project.sql("2_two", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
    let read_only = |writable: bool| match disk.disk() {
        Some(disk) => disk.set_writable(writable),
        None => {
            for path in ["disk/x.db", "disk"] {
                let path = project.file(path);
                let mut permissions = std::fs::metadata(&path).unwrap().permissions();
                permissions.set_readonly(!writable);
                std::fs::set_permissions(&path, permissions).unwrap();
            }
        }
    };
    read_only(false);
    // Permissions do not bind root; then the URL has to request read-only access.
    let bound = std::fs::File::options().append(true).open(project.file("disk/x.db")).is_err();
    let url = if bound { "sqlite:disk/x.db" } else { "sqlite:disk/x.db?mode=ro" };
    let output = project.runner(&format!("apply -D {url}"));
    let status = project.runner(&format!("status -D {url}"));
    read_only(true);
    output.exits(1).says(&["hint:"]);
    assert!(output.stderr.to_lowercase().contains("read-only") || output.stderr.contains("denied"), "{output}");
    status.succeeds().prints(&["pending"]);
    project.runner("apply -D sqlite:disk/x.db").succeeds();
}
