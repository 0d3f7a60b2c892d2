//! Scripts that the lockfile does not list yet: commands that look take them as they are, and write nothing.

use super::*;

const SCRIPT: &str = "import { db } from 'runner-guest';\n\
    export const description = { summary: 'make a table' };\n\
    export function upgrade() { db.execute('CREATE TABLE t (id INTEGER)'); }\n\
    export function downgrade() { db.execute('DROP TABLE t'); }\n";

#[test]
fn a_new_script_is_pending() {
    let project = project!();
    project.sql("0001_first", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    project.runner("apply").succeeds();
    project.write("migrations/0002_new.js", SCRIPT);
    let before = std::fs::read(project.file("runner.lock")).ok();
    project.runner("status").succeeds().prints(&["pending  0002      new"]).does_not_say(&["is not in `runner.lock`"]);
    project.runner("status --exit-code").exits(3);
    project.runner("show new").succeeds().prints(&["0002_new", "make a table"]);
    project.runner("validate").succeeds().says(&["the project is valid: 2 migrations"]);
    project.runner("validate --locked").exits(4);
    project.runner("stamp --target 0002 --why test --dry-run").succeeds();
    assert_eq!(std::fs::read(project.file("runner.lock")).ok(), before, "nothing is pinned");
    project.runner("apply --locked").exits(4).says(&["`0002_new.js` is not in `runner.lock`"]);
    project.runner("apply").succeeds().says(&["added `0002_new` to `runner.lock`"]);
    project.runner("status --exit-code").succeeds();
}

#[test]
fn a_new_script_that_cannot_be_loaded_is_a_problem_and_hides_no_other() {
    let project = project!();
    project.write("migrations/0001_broken.js", "let let = 1;").write("migrations/0002_new.js", SCRIPT);
    let told = "`0001_broken.js` is not in `runner.lock`, and cannot be loaded: SyntaxError";
    project.runner("status").succeeds().prints(&["pending  0002      new"]).says(&[told]);
    project.runner("status --exit-code").exits(4);
    project.runner("validate").exits(1).says(&["SyntaxError", "0001_broken"]);
    assert!(!project.file("runner.lock").exists());
}

#[test]
fn a_package_that_fails_pins_nothing() {
    let project = project!();
    project.write("migrations/0001_tidy.js", SCRIPT);
    project
        .runner("package tidy --name acme/tidy --version 1.0.0 --description tidies")
        .exits(2)
        .says(&["a package cannot contain scripts"]);
    assert!(!project.file("runner.lock").exists());
}

for_each_server! {
    /// What `runner apply` hints at works before anything is applied.
    fn a_new_script_is_known_to_grants(engine) {
        let project = project!(engine);
        project.write("migrations/0001_new.js", SCRIPT);
        project.settings("[grants.0001_new]\nallow = []\n");
        let listed = project.runner("grants list");
        listed.does_not_say(&["is for no migration"]);
        match listed.exit_code() {
            Some(0) => drop(listed.prints(&["0001_new"])),
            _ => drop(listed.says(&["logins are made on PostgreSQL and MariaDB only"])),
        }
        assert!(!project.file("runner.lock").exists());
    }
}

/// Each database has its own migrations and lockfile, of which the numbers may be equal.
#[test]
fn a_script_that_failed_is_not_pinned_because_that_of_another_database_took_effect() {
    let project = project!();
    project.settings(
        "[databases.alpha]\nurl = 'sqlite:alpha.db'\nmigrations = 'alpha'\n\
         [databases.beta]\nurl = 'sqlite:beta.db'\nmigrations = 'beta'\n",
    );
    let broken = SCRIPT.replace("db.execute('CREATE TABLE t (id INTEGER)');", "throw new Error('not yet');");
    project.write("alpha/0001_x.js", SCRIPT).write("beta/0001_x.js", broken);
    let output = project.runner("apply -n alpha -n beta");
    output.exits(1).says(&["added `0001_x` to `runner.alpha.lock`", "not yet"]);
    output.does_not_say(&["runner.beta.lock"]);
    assert!(!project.file("runner.beta.lock").exists());
    project.write("beta/0001_x.js", SCRIPT);
    project.runner("apply -n beta").succeeds().says(&["added `0001_x` to `runner.beta.lock`"]);
}

/// Programs read standard error line by line.
#[test]
fn a_lockfile_that_cannot_be_written_is_an_event_in_json() {
    let project = project!();
    // The lockfile can have this name; the temporary file, of which the name is longer, cannot.
    let name = "n".repeat(255 - "runner..lock".len());
    project.settings(&format!("[databases.{name}]\nurl = 'sqlite:a.db'\nmigrations = 'migrations'"));
    project.write("migrations/0001_new.js", SCRIPT);
    let output = project.runner(&format!("apply -n {name} --format json"));
    output.succeeds();
    let lines = output.stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
    let warnings: Vec<_> = lines.filter(|line| line["level"] == "warning").collect();
    assert_eq!(warnings.len(), 1, "{output}");
    assert_eq!((&warnings[0]["event"], &warnings[0]["revision"]), (&"log".into(), &"0001".into()));
    assert!(warnings[0]["message"].as_str().unwrap().starts_with("cannot write `runner.nnn"), "{output}");
    assert!(!warnings[0]["run_id"].is_null());
}
