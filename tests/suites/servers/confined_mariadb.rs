//! Dry runs of components under grants on MariaDB: one alone in a transaction of its login, and all of them on a scratch copy, where
//! each has a login for the copy.

use std::process::Stdio;

use runner_tests::{Running, guests, until};
use sha2::{Digest as _, Sha256};

use super::logins_mariadb::{Field, PROJECT};

const COPY: &str = "allow = ['read people(id, name)', 'insert copies']\nraw_sql = true";

const ADD: &str = "allow = ['read numbers(id, n)', 'update numbers(n)', 'read counted', 'insert counted']";

/// With a second component, after a table that is made for it.
fn chain() -> Field {
    let field = Field::new();
    field
        .project()
        .sql("0003_counted", "CREATE TABLE counted (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);", "DROP TABLE counted;")
        .component("0004_scale", &guests::component("scale"));
    let text = format!("{PROJECT}[grants.0002_granted]\n{COPY}\n[grants.0004_scale]\n{ADD}\n");
    field.project().write("runner.toml", text);
    field.sync();
    field
}

/// The scratch database.
fn scratch(field: &Field) -> String {
    format!("runner_scratch_{}", &hex::encode(Sha256::digest(field.database().name()))[..16])
}

/// The users that components have there.
fn users(field: &Field) -> Vec<String> {
    field.database().client().sql(&Field::users_of(&scratch(field)))
}

/// Lets the host make the copy.
pub fn may_copy(field: &Field, option: &str) {
    let (scratch, host) = (scratch(field), field.host());
    field.database().client().sql(&format!("GRANT ALL ON `{scratch}`.* TO '{host}'@'%'{option}"));
}

#[test]
fn one_alone_runs_in_a_transaction_of_its_login() {
    let field = chain();
    let before = field.state();
    let output = field.run("apply --dry-run --target 0002", &["transform=true"]);
    output.succeeds().prints(&["person 1", "has a new password"]);
    assert_eq!(field.state(), before, "{output}");
    for statements in [
        "UPDATE people SET name = 'x'",
        "DELETE FROM others",
        "INSERT INTO copies SELECT id, card FROM people",
        "INSERT INTO copies SELECT 1, card FROM cards",
        "SELECT * FROM runner_history",
        "CALL runner_gate('x', 'DELETE FROM others')",
        "CREATE TABLE mine (id INT)",
        "INSERT INTO copies VALUES (1, 'a')\nCOMMIT",
        "HANDLER people OPEN",
        "SET ROLE none",
    ] {
        let output = field.run("apply --dry-run --target 0002", &[&format!("statements={statements}")]);
        assert!([Some(2), Some(7)].contains(&output.exit_code()), "{statements}\n{output}");
        output.says(&["0002_granted"]);
        assert_eq!(field.state(), before, "{statements}\n{output}");
    }
    // Nothing is brought in line by a dry run.
    let login = field.value("SELECT login FROM runner_gate_login WHERE revision = '0002'");
    field.database().client().sql(&format!("GRANT DELETE ON {}.copies TO '{login}'@'%'", field.database().name()));
    let before = field.state();
    field
        .run("apply --dry-run --target 0002", &["transform=true"])
        .exits(7)
        .says(&["it has DELETE", "`runner grants sync`"]);
    assert_eq!(field.state(), before);
}

#[test]
fn beside_others_it_is_refused_with_the_ways_out() {
    let field = chain();
    let before = field.state();
    // SQL that changes the schema is refused for itself.
    field.project().sql("0003_counted", "UPDATE numbers SET n = n WHERE id = 1;", "SELECT 1;");
    field.run("build 0003", &[]).succeeds();
    let output = field.run("apply --dry-run", &["transform=true"]);
    output.exits(7).says(&["`0002_granted` together with other", "`--on-copy`", "`--target 0002` runs it alone"]);
    assert_eq!(field.state(), before);
}

#[test]
fn on_a_copy_each_has_a_login_of_its_own() {
    let field = chain();
    let parameters = ["transform=true", "table=numbers", "log=counted"];
    let output = field.run("apply --dry-run --on-copy", &parameters);
    output.exits(7).says(&["hint: an administrator can allow it: GRANT"]);
    may_copy(&field, "");
    let before = field.state();
    let output = field.run("apply --dry-run --on-copy", &parameters);
    output.exits(7).says(&["WITH GRANT OPTION"]);
    assert_eq!((field.state(), users(&field)), (before, Vec::new()), "{output}");
    may_copy(&field, " WITH GRANT OPTION");
    let before = field.state();
    let output = field.run("apply --dry-run --on-copy --copy-rows all", &parameters);
    output.succeeds().prints(&[
        "0002_granted upgrade",
        "0004_scale upgrade",
        "update numbers, 3 of 4,000 rows:",
        "CREATE TABLE counted",
    ]);
    assert_eq!((field.state(), users(&field)), (before.clone(), Vec::new()), "{output}");
    // The password of the operator is that of the login of the database.
    let text =
        field.project().read("runner.toml").replace("raw_sql = true", "raw_sql = true\npassword_env = 'GUEST_SECRET'");
    field.project().write("runner.toml", text);
    let mut command = field
        .project()
        .command("apply --dry-run --on-copy --parameter transform=true --parameter table=numbers".split(' '));
    field.project().finish(command.env("GUEST_SECRET", "s3cret")).succeeds();
    assert_eq!((field.state(), users(&field)), (before, Vec::new()));
}

#[test]
fn what_is_not_granted_is_refused_on_a_copy() {
    let field = chain();
    may_copy(&field, " WITH GRANT OPTION");
    let (before, name) = (field.state(), field.database().name().to_owned());
    for statements in [
        "UPDATE people SET name = 'x'".to_owned(),
        "DELETE FROM others".to_owned(),
        "INSERT INTO copies SELECT id, card FROM people".to_owned(),
        format!("UPDATE {name}.people SET name = 'x'"),
        format!("INSERT INTO copies SELECT id, name FROM {name}.people"),
        "UPDATE runner_history SET state = 'forged'".to_owned(),
        "SELECT * FROM runner_gate_login".to_owned(),
        "CREATE TABLE mine (id INT)".to_owned(),
        "INSERT INTO copies VALUES (1, 'a')\nCOMMIT".to_owned(),
    ] {
        let output = field.run("apply --dry-run --on-copy", &[&format!("statements={statements}"), "table=numbers"]);
        assert!([Some(2), Some(7)].contains(&output.exit_code()), "{statements}\n{output}");
        output.says(&["0002_granted"]);
        assert_eq!((field.state(), users(&field)), (before.clone(), Vec::new()), "{statements}\n{output}");
    }
}

#[test]
fn the_logins_of_a_killed_dry_run_are_removed_by_the_next_run() {
    let field = chain();
    may_copy(&field, " WITH GRANT OPTION");
    let before = field.state();
    field.project().settings("[parameters]\nslow = 20000000000");
    let line = "apply --dry-run --on-copy --parameter transform=true --parameter table=numbers";
    let mut running = Running::start(field.project().command(line.split(' ')).stderr(Stdio::null()));
    until("the second component runs", || {
        let sessions = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{}'", scratch(&field));
        users(&field).len() == 2 && field.database().client().value(&sessions) != "0"
    });
    running.signal("KILL");
    running.wait().unwrap();
    assert_eq!(users(&field).len(), 2, "a kill leaves them");
    field.run("apply --target 0002", &["transform=true"]).succeeds().says(&["removed `runner_scratch_"]);
    assert_eq!(users(&field), Vec::<String>::new());
    assert_ne!(field.state(), before);
}
