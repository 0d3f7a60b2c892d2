//! Artifacts, projects and statements that are not as they should be.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use runner_tests::{Output, TestProject, components, dump, guests, project};

const PEOPLE: &str = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, active BOOLEAN, note TEXT);
                      INSERT INTO people (name) VALUES ('one');";

/// A migration in SQL that is applied, and a component that is not.
fn with_component() -> TestProject {
    let project = project!();
    project.sql("1_people", PEOPLE, "DROP TABLE people;").component("2_guest", &guests::component("hostile"));
    project.settings("[parameters]\nbehaviour = \"behave\"");
    project.runner("apply --target 1").succeeds();
    project
}

fn one(up: &str) -> TestProject {
    let project = project!();
    project.sql("1_one", up, "SELECT 1;");
    project
}

/// Nothing changes and the exit code and message are these, in `apply`, `plan` and `validate` alike where they notice.
#[track_caller]
fn refused(project: &TestProject, line: &str, code: i32, says: &[&str]) -> Output {
    let before = project.file("runner.db").exists().then(|| project.dump());
    let output = project.runner(line);
    output.exits(code).says(says).says(&["error:"]);
    assert_eq!(project.file("runner.db").exists().then(|| project.dump()), before, "{line}\n{output}");
    output
}

mod artifacts {
    use super::*;

    #[test]
    fn changed_after_the_build() {
        let project = with_component();
        let mut bytes = guests::component("hostile");
        bytes.extend([0, 4, 3, b'a', b'b', b'c']);
        project.write("migrations/2_guest.wasm", bytes);
        for verb in ["apply", "validate", "plan"] {
            refused(&project, verb, 4, &["2_guest", "runner.lock", "hint:"]);
        }
    }

    #[test]
    fn missing_from_the_folder() {
        let project = with_component();
        std::fs::remove_file(project.file("migrations/2_guest.wasm")).unwrap();
        for verb in ["apply", "validate", "plan"] {
            refused(&project, verb, 4, &["2_guest", "runner.lock", "hint:"]);
        }
    }

    #[test]
    fn missing_from_the_lockfile() {
        let project = with_component();
        std::fs::remove_file(project.file("runner.lock")).unwrap();
        refused(&project, "apply", 4, &["2_guest", "runner build"]);
    }

    #[test]
    fn changed_asset() {
        let project = project!();
        project
            .sql("1_people", PEOPLE, "DROP TABLE people;")
            .write("migrations/2_guest/assets/note.txt", "a note")
            .component("2_guest", &guests::component("hostile"));
        project.write("migrations/2_guest/assets/note.txt", "another note");
        refused(&project, "apply", 4, &["2_guest", "note.txt"]);
        std::fs::remove_file(project.file("migrations/2_guest/assets/note.txt")).unwrap();
        refused(&project, "apply", 4, &["note.txt"]);
        project.write("migrations/2_guest/assets/note.txt", "a note").write("migrations/2_guest/assets/new.txt", "x");
        refused(&project, "apply", 4, &["new.txt"]);
    }

    #[test]
    fn changed_after_it_was_applied() {
        let project = with_component();
        project.sql("1_people", &PEOPLE.replace("'one'", "'two'"), "DROP TABLE people;");
        refused(&project, "apply", 4, &["1_people.up.sql", "runner.lock", "hint:"]);
        // With the lockfile's consent the history still objects.
        project.runner("build 1").succeeds();
        refused(&project, "apply", 4, &["was changed after it was applied", "1_people", "redo"]);
        project.runner("status").prints(&["changed"]);
    }

    /// What `build` says of bytes that are no migration.
    fn build(bytes: &[u8]) -> Output {
        let project = project!();
        project.write("migrations/1_bytes.wasm", bytes);
        let output = project.runner("build");
        output.says(&["1_bytes", if output.exit_code() == Some(7) { "more than" } else { "hint:" }]);
        output
    }

    #[test]
    fn empty() {
        build(b"").exits(1).says(&["no WebAssembly"]);
    }

    #[test]
    fn no_webassembly() {
        build(b"#!/bin/sh\necho hello\n").exits(1).says(&["no WebAssembly"]);
    }

    #[test]
    fn truncated() {
        let bytes = guests::component("hostile");
        for length in [8, 100, bytes.len() / 2, bytes.len() - 1] {
            build(&bytes[..length]).exits(1);
        }
    }

    #[test]
    fn damaged() {
        let mut bytes = guests::component("hostile");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        build(&bytes).exits(1);
    }

    #[test]
    fn no_component() {
        build(&components::core_module()).exits(1).says(&["core module without its WIT"]);
    }

    #[test]
    fn exporting_nothing() {
        build(&components::empty()).exits(1).says(&["`describe`, `upgrade`, `downgrade`"]);
    }

    #[test]
    fn of_another_world() {
        build(&components::other_world()).exits(1).says(&["not a migration", "`run`", "`upgrade`"]);
    }

    #[test]
    fn of_other_types() {
        build(&components::other_types()).exits(1).says(&["types", "runner:migration@0.1.0"]);
    }

    #[test]
    fn with_imports_that_nobody_offers() {
        let output = build(&components::importing(&["wasi:cli/environment@0.2.0", "wasi:filesystem/types@0.2.0"]));
        output.exits(1).says(&["`wasi:cli/environment@0.2.0`", "`wasi:filesystem/types@0.2.0`", "no WASI"]);
        build(&components::importing(&["acme:mail/send@1.0.0"])).exits(1).says(&["`acme:mail/send@1.0.0`"]);
        let output = build(&components::importing(&["runner:migration/sql@9.0.0"]));
        output.exits(1).says(&["`runner:migration/sql@9.0.0`", "another version"]);
    }

    #[test]
    fn too_large() {
        let project = project!();
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.resize(2 << 20, 0);
        project.write("migrations/1_large.wasm", bytes);
        project.runner("build --limit artifact_bytes=1MiB").exits(7).says(&["1_large", "artifact_bytes", "1MiB"]);
        let file = std::fs::File::options().write(true).open(project.file("migrations/1_large.wasm")).unwrap();
        file.set_len(65 << 20).unwrap();
        project.runner("build").exits(7).says(&["artifact_bytes", "64MiB"]);
    }

    /// Code that runs before any function of the contract is called.
    #[test]
    fn misbehaving_as_soon_as_they_start() {
        for (module, code, says) in [
            ("(func $start (loop (br 0)))", 7, "limit `fuel`"),
            ("(func $start (call $start))", 7, "limit `stack`"),
            ("(func $start unreachable)", 1, "unreachable"),
            ("(memory 1) (func $start (loop (drop (memory.grow (i32.const 100))) (br 0)))", 7, "limit `guest_memory`"),
            ("(memory 65536) (func $start)", 7, "limit `guest_memory`"),
            (
                "(table 1 funcref) (func $start (loop (drop (table.grow (ref.null func) (i32.const 9999))) (br 0)))",
                7,
                "limit `tables`",
            ),
            ("(table 10000000 funcref) (func $start)", 7, "limit `tables`"),
        ] {
            let project = project!();
            project.write("migrations/1_start.wasm", components::starting(module));
            project.runner("build --limit fuel=50_000_000").exits(code).says(&[says, "1_start"]);
        }
    }

    /// Small files that take a compiler long.
    #[test]
    fn bombs_for_the_compiler() {
        build(&components::deep(5_000)).exits(7).says(&["2000 blocks"]);
        build(&components::wide(200_001)).exits(7).says(&["200000 functions"]);
    }
}

mod projects {
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
    fn a_lockfile_that_was_edited() {
        let project = with_component();
        project.write("runner.lock", project.read("runner.lock").replace("misbehave", "behave"));
        refused(&project, "apply", 4, &["runner.lock", "changed by something else"]);
        project.write("runner.lock", "not a lockfile");
        refused(&project, "apply", 4, &["runner.lock"]);
    }

    #[test]
    fn a_lockfile_with_a_line_twice() {
        let project = with_component();
        let text = project.read("runner.lock");
        let line = text.lines().find(|line| line.starts_with("2_guest")).unwrap();
        project.write("runner.lock", format!("{text}{line}\n"));
        refused(&project, "apply", 4, &["same revision"]);
    }

    /// After a merge, keeping both sides and building again is all there is to do.
    #[test]
    fn a_merged_lockfile_is_mended_by_a_build() {
        let project = with_component();
        let text = project.read("runner.lock");
        project.write("runner.lock", text.replace("digest = \"sha256:", "digest = \"sha256:00"));
        refused(&project, "apply", 4, &["runner build"]);
        project.runner("build").succeeds();
        assert_eq!(project.read("runner.lock"), text);
        project.runner("apply").succeeds();
    }

    #[test]
    fn a_revision_twice() {
        let project = one("CREATE TABLE a (id INTEGER);");
        project.sql("1_other", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
        refused(&project, "apply", 2, &["1_one.up.sql", "1_other.up.sql", "another revision"]);
        let project = one("CREATE TABLE a (id INTEGER);");
        project.sql("001_zeros", "CREATE TABLE b (id INTEGER);", "DROP TABLE b;");
        refused(&project, "apply", 2, &["1_one.up.sql", "001_zeros.up.sql"]);
        let project = one("CREATE TABLE a (id INTEGER);");
        project.write("migrations/1_one.wasm", guests::component("hostile"));
        refused(&project, "apply", 2, &["both SQL and a component"]);
    }

    #[test]
    fn names_that_do_not_parse() {
        for name in
            ["1_two.sql", "notes.txt", "two.up.sql", "1-two.up.sql", "2_twö.up.sql", "2_two.up.sql~", "2_two.UP.SQL"]
        {
            let project = one("CREATE TABLE a (id INTEGER);");
            project.write(&format!("migrations/{name}"), "SELECT 1;");
            refused(&project, "apply", 2, &[name, "hint:"]);
            refused(&project, "validate", 2, &[name]);
        }
    }

    /// Each output is checked for characters that steer a terminal; here is where they could come from.
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

    /// Whatever moment it is killed at, a build leaves the old lockfile or the new one.
    #[test]
    fn a_killed_build_leaves_a_whole_lockfile() {
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
    fn a_folder_that_is_not_there() {
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

    /// Git on Windows checks files out with CRLF: the same artifact.
    #[test]
    fn line_ends_do_not_matter() {
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
    fn sql_that_is_no_text() {
        for (bytes, says) in [
            (&b"SELECT '\xff';"[..], "UTF-8"),
            (b"SELECT '\0';", "NUL"),
            (b"", "no statement"),
            (b"-- x\n;", "no statement"),
        ] {
            let project = project!();
            project.write("migrations/1_one.up.sql", bytes);
            refused(&project, "apply", 2, &["1_one.up.sql", says]);
        }
    }

    #[test]
    fn directives_that_nobody_knows() {
        let project = one("-- runner:no-transactoin\nCREATE TABLE a (id INTEGER);");
        refused(&project, "apply", 2, &["1_one.up.sql", "no-transactoin", "did you mean `-- runner:no-transaction`?"]);
    }
}

mod statements {
    use super::*;

    #[test]
    fn one_that_fails_takes_all_with_it() {
        let project = project!();
        project.sql("1_one", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").sql(
            "2_two",
            "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\n\nINSERT INTO nowhere VALUES (3);\nINSERT INTO a VALUES (4);",
            "DELETE FROM a;",
        );
        project.sql("3_three", "CREATE TABLE c (id INTEGER);", "DROP TABLE c;");
        let output = project.runner("apply");
        output.exits(1).says(&[
            "2_two",
            "no such table: nowhere",
            "INSERT INTO nowhere VALUES (3)",
            "3 of 4",
            "line 4",
        ]);
        // What went before stays, and what was not begun is said.
        assert_eq!(project.value("SELECT count(*) FROM a"), "0");
        assert_eq!(project.value("SELECT group_concat(revision) FROM runner_history"), "1");
        output.says(&["1 not begun"]);
        project.sql("2_two", "INSERT INTO a VALUES (1);", "DELETE FROM a;");
        project.runner("apply").succeeds();
    }

    #[test]
    fn one_that_is_no_sql() {
        for (sql, says) in [
            ("CREATE TABLE a (id INTEGER);\nSELEC 1;", "SELEC"),
            ("CREATE TABLE a (id INTEGER", "1_one"),
            ("SELECT 'open;", "1_one"),
            ("/* open", "1_one"),
            ("SELECT ?1;", "1_one"),
        ] {
            let project = one(sql);
            let output = project.runner("apply");
            assert!(matches!(output.exit_code(), Some(1 | 2)), "{sql}\n{output}");
            output.says(&[says, "error:"]);
            assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty(), "{sql}");
        }
    }

    #[test]
    fn one_that_violates_a_foreign_key() {
        let project = project!();
        project.sql(
            "1_shop",
            "CREATE TABLE users (id INTEGER PRIMARY KEY);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users);
             INSERT INTO users VALUES (1); INSERT INTO orders VALUES (1, 1);",
            "DROP TABLE orders; DROP TABLE users;",
        );
        project.runner("apply").succeeds();
        project.sql("2_gone", "DELETE FROM users;", "SELECT 1;");
        refused(&project, "apply", 1, &["2_gone", "FOREIGN KEY"]);
        // Where they are off for a rebuild, they are checked as a whole before the commit, naming the rows.
        project.sql("2_gone", "-- runner:table-rebuild\nDELETE FROM users;", "SELECT 1;");
        refused(&project, "apply", 1, &["2_gone", "orders", "users"]);
        project.sql(
            "2_gone",
            "-- runner:table-rebuild\nDELETE FROM users; INSERT INTO users VALUES (1), (2);",
            "SELECT 1;",
        );
        project.runner("apply").succeeds();
        dump::check(&project.database());
    }

    /// Semicolons that end no statement.
    #[test]
    fn scripts_are_cut_where_statements_end() {
        let project = one("CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT DEFAULT ';'); -- ; comment\n/* ; */\n\
             CREATE TRIGGER g AFTER INSERT ON a BEGIN\n  UPDATE a SET t = CASE WHEN t = ';' THEN 'semi;colon' ELSE t END WHERE id = new.id;\n\
             \n  INSERT INTO log VALUES ('it''s;');\nEND;\nCREATE TABLE log (line TEXT);\n\
             CREATE VIEW \"v;\" AS SELECT ';' AS [x;y];\nINSERT INTO a (id) VALUES (1)");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT t FROM a"), "semi;colon");
        assert_eq!(project.value("SELECT line FROM log"), "it's;");
        assert_eq!(project.value("SELECT \"x;y\" FROM \"v;\""), ";");
    }
}
