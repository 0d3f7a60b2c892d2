//! What a user sees: exit codes, both streams, text and JSON.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use insta::assert_snapshot;
use runner_tests::{Output, TestProject, guests, normalise, project};
use serde_json::Value;

const VERBS: [&str; 16] = [
    "init", "new", "build", "apply", "rollback", "redo", "plan", "status", "pause", "resume", "cancel", "current",
    "history", "show", "validate", "verify",
];

fn shop() -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_create_users",
            "-- runner:summary Users and their addresses\nCREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n\
             INSERT INTO users (name) VALUES ('Ada'), ('Grace');",
            "DROP TABLE users;",
        )
        .sql("0002_create_orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY);", "DROP TABLE orders;")
        .sql("0003_index_users", "CREATE INDEX users_name ON users (name);", "DROP INDEX users_name;");
    project
}

/// A component as the third migration.
fn with_component() -> TestProject {
    let project = project!();
    project
        .sql(
            "1_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, active BOOLEAN, note TEXT);\n\
             INSERT INTO people (name) VALUES ('Ada'), ('Grace');",
            "DROP TABLE people;",
        )
        .component("2_hostile", &guests::component("hostile"))
        .settings("[parameters]\nbehaviour = \"behave\"");
    project
}

fn json(output: &Output) -> Value {
    let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    assert_eq!(value["schema"], 1, "{output}");
    value
}

mod help {
    use super::*;

    #[test]
    fn of_the_program() {
        assert_snapshot!(project!(empty).runner("--help").succeeds().stdout);
    }

    #[test]
    fn of_every_verb() {
        let project = project!(empty);
        let top = project.runner("--help").succeeds().stdout.clone();
        for verb in VERBS {
            assert!(top.contains(&format!("\n  {verb} ")), "the help does not list `{verb}`");
            let long = project.run([verb, "--help"]);
            long.succeeds().prints(&["Usage: runner", verb]);
            assert_eq!(project.run([verb, "-h"]).exit_code(), Some(0));
            assert!(long.stdout.lines().all(|line| line.chars().count() <= 100), "lines are too long\n{long}");
        }
        // A verb without a test of its own above is noticed.
        let listed: BTreeSet<&str> = top
            .lines()
            .skip_while(|line| !line.starts_with("Commands:"))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(listed, VERBS.into_iter().collect());
    }

    #[test]
    fn instead_of_a_verb() {
        let output = project!(empty).run::<_, &str>([]);
        output.exits(2).says(&["Usage: runner"]);
        assert_eq!(output.stdout, "");
    }

    #[test]
    fn version() {
        let project = project!(empty);
        let output = project.runner("--version");
        output.succeeds();
        assert_eq!(output.stdout, format!("runner {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(project.runner("-V").stdout, output.stdout);
    }
}

#[test]
fn usage_errors_are_told_on_stderr_with_code_2() {
    let project = shop();
    for (line, says) in [
        ("aply", "apply"),
        ("apply --targt 1", "--target"),
        ("apply extra", "extra"),
        ("rollback --all --target base", "--all"),
        ("rollback -n x", "x"),
        ("apply --jobs 0", "0"),
        ("new", "NAME"),
        ("show", "REVISION"),
        ("apply --database-url", "--database-url"),
        ("new table --lang cobol", "cobol"),
    ] {
        let output = project.runner(line);
        output.exits(2).says(&[says, "error"]);
        assert_eq!(output.stdout, "", "`{line}` printed to stdout");
    }
}

mod session {
    use super::*;

    #[test]
    fn a_new_project_applies_at_once() {
        let project = project!(empty);
        assert_snapshot!(project.runner("init shop").snapshot());
        assert!(project.file("shop/runner.toml").exists());
        assert!(project.file("shop/migrations").is_dir());
        let mut command = project.command(["apply"]);
        let applied = project.finish(command.current_dir(project.file("shop")));
        applied.succeeds();
        assert!(project.file("shop/shop.db").exists());
        // A second time would overwrite what somebody has written.
        project.runner("init shop").exits(2).says(&["runner.toml", "hint:"]);
    }

    #[test]
    fn init_in_the_folder_one_stands_in() {
        let project = project!(empty);
        project.runner("init").succeeds();
        project.runner("validate").succeeds();
        project.runner("apply").succeeds();
        project.runner("rollback --all").succeeds();
    }

    #[test]
    fn apply_and_again() {
        let project = shop();
        assert_snapshot!(project.runner("apply").snapshot());
        assert_snapshot!(project.runner("apply").snapshot());
    }

    #[test]
    fn apply_in_words() {
        let project = shop();
        assert_snapshot!(project.runner("apply --verbose").snapshot());
        let quiet = project.runner("redo --quiet");
        quiet.succeeds();
        assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    }

    #[test]
    fn plan() {
        let project = shop();
        project.runner("apply --target 1").succeeds();
        assert_snapshot!(project.runner("plan").snapshot());
        assert_snapshot!(project.runner("plan --sql").snapshot());
        assert_snapshot!(project.runner("plan --target base").snapshot());
        project.runner("apply").succeeds();
        assert_snapshot!(project.runner("plan").snapshot());
    }

    #[test]
    fn status() {
        let project = shop();
        assert_snapshot!(project.runner("status").snapshot());
        project.runner("apply --target 2").succeeds();
        project.sql("0001_create_users", "CREATE TABLE users (id INTEGER);", "DROP TABLE users;");
        std::fs::remove_file(project.file("migrations/0002_create_orders.up.sql")).unwrap();
        std::fs::remove_file(project.file("migrations/0002_create_orders.down.sql")).unwrap();
        assert_snapshot!(project.runner("status").snapshot());
        project.runner("status --exit-code").exits(4);
    }

    #[test]
    fn current() {
        let project = shop();
        assert_snapshot!(project.runner("current").snapshot());
        project.runner("apply --target 2").succeeds();
        assert_snapshot!(project.runner("current").snapshot());
    }

    #[test]
    fn history() {
        let project = shop();
        assert_snapshot!(project.runner("history").snapshot());
        project.runner("apply").succeeds();
        project.runner("rollback").succeeds();
        let history = project.runner("history");
        history.succeeds().prints(&["0001", "create_users", "0003", "rolled back"]);
        let took = history.stdout.lines().filter(|line| line.contains(" ms ")).count();
        assert_eq!(took, history.stdout.lines().count() - 1, "a rollback takes its time too: {}", history.stdout);
    }

    #[test]
    fn show_finds_what_only_history_remembers() {
        let project = shop();
        project.runner("apply").succeeds();
        project.runner("rollback").succeeds();
        for file in std::fs::read_dir(project.file("migrations")).expect("a folder") {
            let file = file.expect("a file").path();
            if file.to_string_lossy().contains("0003_") {
                std::fs::remove_file(file).expect("removed");
            }
        }
        project.runner("show 3").succeeds().prints(&["0003", "rolled-back", "does not have it", "in the database"]);
    }

    #[test]
    fn show() {
        let project = with_component();
        project.runner("show 2").succeeds().prints(&["2_hostile", "misbehave", "component"]);
        project.runner("apply").succeeds();
        project.runner("show hostile").succeeds().prints(&["2_hostile", "applied", "sha256"]);
        project.runner("show people").succeeds().prints(&["1_people", "sql"]);
        project.runner("show nobody").exits(2).says(&["nobody", "hint:"]);
    }

    #[test]
    fn validate() {
        let project = with_component();
        assert_snapshot!(project.runner("validate").snapshot());
        project.runner("validate --locked").succeeds();
        project.sql("3_new", "SELECT 1;", "SELECT 1;");
        project.runner("validate").succeeds();
        project.runner("validate --locked").exits(4).says(&["3_new", "runner build"]);
        project.runner("apply --locked").exits(4).says(&["3_new"]);
        project.runner("build").succeeds();
        project.runner("validate --locked").succeeds();
    }

    #[test]
    fn rollback_and_redo() {
        let project = shop();
        project.runner("apply").succeeds();
        assert_snapshot!(project.runner("rollback").snapshot());
        assert_snapshot!(project.runner("redo").snapshot());
        assert_snapshot!(project.runner("rollback --all").snapshot());
        assert_snapshot!(project.runner("rollback").snapshot());
    }

    #[test]
    fn a_component_speaks() {
        let project = with_component();
        let output = project.runner("apply --parameter behaviour=flood_log_lines --limit log_lines=3");
        assert_snapshot!(output.snapshot());
    }

    #[test]
    fn a_component_fails() {
        let project = with_component();
        assert_snapshot!(project.runner("apply --parameter behaviour=panic").snapshot());
        assert_snapshot!(project.runner("apply --parameter behaviour=return_database_error").snapshot());
        assert_snapshot!(project.runner("apply --parameter behaviour=changed_key").snapshot());
    }

    #[test]
    fn sql_fails() {
        let project = shop();
        project.sql(
            "0002_create_orders",
            "SELECT 1;\nCREATE TABLE x (id INTEGER);\nINSERT INTO y VALUES (1);",
            "SELECT 1;",
        );
        assert_snapshot!(project.runner("apply").snapshot());
    }
}

mod new {
    use super::*;

    fn only_migration(project: &TestProject, suffix: &str) -> String {
        let entries = std::fs::read_dir(project.file("migrations")).unwrap();
        let names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        let found: Vec<&String> = names.iter().filter(|name| name.ends_with(suffix)).collect();
        assert_eq!(found.len(), 1, "{names:?}");
        found[0].trim_end_matches(suffix).to_owned()
    }

    #[test]
    fn in_sql() {
        let project = project!();
        project.runner("new create_orders").succeeds();
        let id = only_migration(&project, ".up.sql");
        assert!(id.ends_with("_create_orders"), "{id}");
        assert_eq!(only_migration(&project, ".down.sql"), id);
        project.runner("apply").succeeds();
        project.runner("rollback").succeeds();
    }

    #[test]
    fn names_that_no_file_can_have() {
        let project = project!();
        for name in ["", "../up", "a/b", "naïve", "a\u{1b}[2J"] {
            project.run(["new", name]).exits(2).says(&["hint:"]);
        }
        assert_eq!(std::fs::read_dir(project.file("migrations")).unwrap().count(), 0);
        project.run(["new", "Add two words"]).succeeds();
        assert!(only_migration(&project, ".up.sql").to_lowercase().ends_with("_add_two_words"));
    }

    #[test]
    fn two_in_the_same_second_follow_each_other() {
        let project = project!();
        for name in ["first", "second", "third"] {
            project.runner(&format!("new {name}")).succeeds();
        }
        let output = project.runner("status");
        let at = |name: &str| output.stdout.find(name).unwrap_or_else(|| panic!("{output}"));
        assert!(at("first") < at("second") && at("second") < at("third"), "{output}");
    }

    /// From nothing to an applied component, as the first page of the guide has it; with the SDK that the binary carries.
    #[test]
    fn in_rust_built_and_applied() {
        let project = project!();
        let with_target = |arguments: &[&str]| {
            let mut command = project.command(arguments);
            // Dependencies are compiled once for all runs of the tests.
            project.finish(command.env("CARGO_TARGET_DIR", guests::target_folder().join("guests-new")))
        };
        with_target(&["new", "tidy_names", "--lang", "rust"]).succeeds();
        project.runner("apply").exits(2).says(&["is not built", "runner build"]);
        with_target(&["build"]).succeeds();
        let id = only_migration(&project, ".wasm");
        assert!(project.read("runner.lock").contains(&id));
        project.runner("validate --locked").succeeds();
        project.runner("apply").succeeds();
        let tables = project.dump_user().tables().len();
        assert_eq!(tables, 1);
        project.runner("rollback").succeeds();
        // The source is not asked for again.
        std::fs::remove_dir_all(project.file(&format!("migrations/{id}"))).unwrap();
        project.runner("apply").succeeds();
        // A source that does not compile is told with the compiler's words.
        project.write(&format!("migrations/{id}/Cargo.toml"), "[package]\nname = \"broken\"");
        let output = with_target(&["build", "--all"]);
        assert_ne!(output.exit_code(), Some(0));
        output.says(&[&id, "hint:"]);
        project.runner("validate").succeeds();
    }
}

mod build {
    use super::*;

    #[test]
    fn a_core_module_becomes_a_component() {
        let project = project!();
        project.write("migrations/1_hostile.wasm", guests::core_module("hostile"));
        project.runner("build").succeeds();
        let text = project.read("runner.lock");
        assert!(
            text.contains("1_hostile") && text.contains("misbehave") && text.contains("transformer = true"),
            "{text}"
        );
        project.runner("validate").succeeds();
        // Nothing to do is nothing done.
        project.runner("build").succeeds();
        assert_eq!(project.read("runner.lock"), text);
    }

    #[test]
    fn the_lockfile_lists_what_there_is() {
        let project = with_component();
        assert_snapshot!(normalise(&project.read("runner.lock"), project.root()));
    }

    #[test]
    fn nothing_to_build() {
        project!().runner("build").succeeds();
    }

    #[test]
    fn a_revision_that_is_not_there() {
        shop().runner("build 0777").exits(2).says(&["0777"]);
    }
}

mod formats {
    use super::*;

    #[test]
    fn every_verb_that_has_data_has_json() {
        let project = with_component();
        for line in [
            "validate", "verify", "plan", "status", "current", "history", "apply", "status", "current", "history",
            "show 2",
        ] {
            let output = project.runner(&format!("{line} --format json"));
            output.succeeds();
            json(&output);
        }
        for line in ["rollback", "redo", "plan --target base", "apply", "rollback --all"] {
            json(project.runner(&format!("{line} --format json")).succeeds());
        }
    }

    #[test]
    fn status() {
        let project = shop();
        project.runner("apply --target 2").succeeds();
        assert_snapshot!(project.runner("status --format json").snapshot());
    }

    #[test]
    fn apply() {
        assert_snapshot!(shop().runner("apply --format json").snapshot());
    }

    #[test]
    fn errors_are_json_too() {
        let project = with_component();
        let output = project.runner("apply --parameter behaviour=return_database_error --format json");
        output.exits(1);
        assert_snapshot!(output.snapshot());
        for (line, code) in [("apply --target nowhere", 2), ("apply --limit fuel=1", 7), ("show nobody", 2)] {
            let output = project.runner(&format!("{line} --format json"));
            output.exits(code);
            let text = json(&output).to_string();
            assert!(text.contains("\"hints\""), "{text}");
        }
    }

    fn coloured(project: &TestProject, line: &str, variables: &[(&str, &str)]) -> bool {
        let output = project.command(line.split(' ')).envs(variables.iter().copied()).output().unwrap();
        [output.stdout, output.stderr].concat().contains(&0x1b)
    }

    #[test]
    fn colours_are_for_those_who_ask() {
        let project = shop();
        project.runner("apply --target 2").succeeds();
        for line in ["status", "plan", "history", "apply --target nowhere"] {
            assert!(!coloured(&project, line, &[]), "`{line}` is coloured where there is no terminal");
            assert!(coloured(&project, &format!("{line} --color always"), &[]), "`{line}` is not coloured");
            assert!(coloured(&project, line, &[("CLICOLOR_FORCE", "1")]), "`{line}`: CLICOLOR_FORCE is passed over");
            assert!(
                !coloured(&project, line, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
                "`{line}`: NO_COLOR is passed over"
            );
            assert!(!coloured(&project, &format!("{line} --color never"), &[("CLICOLOR_FORCE", "1")]), "`{line}`");
        }
    }

    /// Data that somebody closes early, as `head` does, is no failure of ours.
    #[cfg(unix)]
    #[test]
    fn a_closed_pipe_is_no_panic() {
        let project = shop();
        for line in ["status", "plan --sql", "--help", "status --format json"] {
            let script = format!("{} {line} | true", env!("CARGO_BIN_EXE_runner"));
            let mut shell = std::process::Command::new("sh");
            project.prepare(&mut shell);
            project.finish(shell.args(["-c", &script])).keeps_silent_about(&["panicked"]);
        }
    }
}

/// Each code of the contract, by the shortest way.
#[test]
fn every_exit_code() {
    let project = shop();
    project.runner("status --exit-code").exits(3);
    project.runner("apply").exits(0);
    project.runner("status --exit-code").exits(0);
    project.runner("nonsense").exits(2);
    project.sql("0004_fails", "SELECT nothing;", "SELECT 1;");
    project.runner("apply").exits(1);
    project.sql("0004_fails", "COMMIT;", "SELECT 1;");
    project.runner("apply").exits(7);
    project.sql(
        "0004_fails",
        "-- runner:no-transaction\nCREATE TABLE half (id INTEGER);\nSELECT nothing;",
        "SELECT 1;",
    );
    project.runner("apply").exits(6).says(&["1 of 2 statements took effect"]);
    project.runner("show 4").succeeds().prints(&["partial: 1 statement took effect"]);
    project.runner("current").succeeds().prints(&["0003_"]);
    project.runner("status --exit-code").exits(6);
    project.runner("rollback").exits(6).says(&["0004_fails", "half done", "hint:"]);
    project.sql("0004_fails", "-- runner:no-transaction\nCREATE TABLE half (id INTEGER);\nSELECT 1;", "SELECT 1;");
    project.runner("apply").exits(0);
    project.sql("0001_create_users", "SELECT 1;", "SELECT 1;");
    project.runner("apply").exits(4);
    // 5, 130 and 143: the suite `crash`.
}

/// What was applied can be taken back without its file, as long as it is not larger than what the history keeps.
#[test]
fn a_component_is_rolled_back_without_its_file() {
    for (limit, code) in [("4MiB", 0), ("0", 4)] {
        let project = with_component();
        project.runner(&format!("apply --limit stored_artifact_bytes={limit}")).succeeds();
        std::fs::remove_file(project.file("migrations/2_hostile.wasm")).unwrap();
        std::fs::remove_file(project.file("runner.lock")).unwrap();
        let output = project.runner("rollback");
        output.exits(code);
        if code == 4 {
            output.says(&["2_hostile", "keeps no copy", "hint:"]);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_is_lost_is_a_failure() {
    let project = project!();
    project.sql("1_t", "CREATE TABLE t (id INTEGER);", "DROP TABLE t;");
    for arguments in [vec!["status"], vec!["status", "--format", "json"], vec!["--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = project.command(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("the output could not be written"));
    }
}

#[test]
fn a_missing_folder_does_not_bar_the_way_back() {
    let project = project!();
    project.sql("1_t", "CREATE TABLE t (id INTEGER);", "DROP TABLE t;");
    project.runner("apply").succeeds();
    std::fs::remove_dir_all(project.file("migrations")).unwrap();
    project.runner("status").succeeds().prints(&["missing", "1"]).says(&["warning:", "no folder `migrations`"]);
    project.runner("show 1").succeeds();
    project.runner("history").succeeds();
    for verb in ["apply", "plan", "validate"] {
        project.runner(verb).exits(2).says(&["no folder `migrations`"]);
    }
    project.runner("rollback").succeeds();
    project.runner("rollback -n 99").exits(2).says(&["nothing is applied"]);
}
