//! `runner check --base`: what a branch changes of the migrations that its base has.

use std::process::Command;

use super::*;

/// Runs `git` in a project.
fn git(project: &TestProject, line: &str) {
    let mut command = Command::new("git");
    command.current_dir(project.root()).args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]);
    let output = command.args(line.split_whitespace()).env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {line}: {output:?}");
}

fn commit(project: &TestProject) {
    git(project, "add --all");
    git(project, "commit --quiet --message change");
}

fn check(project: &TestProject, arguments: &str) -> Output {
    let mut command = project.command(format!("check {arguments}").split_whitespace());
    project.finish(command.env("PATH", std::env::var_os("PATH").unwrap()))
}

/// Three migrations in `main`, and the branch `topic`.
fn branched() -> TestProject {
    let project = shop();
    project.component("0004_act", &guests::component("hostile"));
    project.runner("build").succeeds();
    git(&project, "init --quiet --initial-branch=main");
    commit(&project);
    git(&project, "checkout --quiet -b topic");
    project
}

#[test]
fn a_branch_that_only_adds_migrations_and_edits_downgrades_passes() {
    let project = branched();
    check(&project, "--base main").succeeds().says(&["the project is valid"]);
    project.sql("0005_more", "CREATE TABLE more (id INTEGER PRIMARY KEY);", "DROP TABLE more;");
    let up = project.read("migrations/0002_create_orders.up.sql");
    project.sql("0002_create_orders", &up.replace('\n', "\r\n"), "DROP TABLE IF EXISTS orders;");
    project.runner("build").succeeds();
    check(&project, "--base main --locked").succeeds();
    commit(&project);
    let output = check(&project, "--base main --format json");
    output.succeeds();
    assert_eq!(json(&output)["base"], "main");
    assert_eq!(json(&check(&project, "--format json"))["base"], Value::Null);
    // Nothing was left behind in the repository.
    git(&project, "diff --quiet HEAD");
}

#[test]
fn what_a_branch_changes_is_named_at_once() {
    let project = branched();
    project.sql("0001_create_users", "CREATE TABLE users (id INTEGER PRIMARY KEY);", "DROP TABLE users;");
    for part in ["up", "down"] {
        std::fs::remove_file(project.file(&format!("migrations/0002_create_orders.{part}.sql"))).unwrap();
        let [from, to] =
            ["0003_index_users", "0007_index_users"].map(|it| project.file(&format!("migrations/{it}.{part}.sql")));
        std::fs::rename(from, to).unwrap();
    }
    project.sql("0002.1_early", "CREATE TABLE early (id INTEGER PRIMARY KEY);", "DROP TABLE early;");
    project.component("0004_act", &guests::component("turn"));
    std::fs::remove_file(project.file("runner.lock")).unwrap();
    project.runner("build").succeeds();
    let output = check(&project, "--base main");
    output.exits(4).says(&[
        "`0001_create_users`, which `main` has, was edited",
        "`0002_create_orders`, which `main` has, was deleted",
        "`0003_index_users`, which `main` has, was renamed to `0007_index_users`",
        "`0004_act`, which `main` has, was edited",
        "`0002.1_early` is new, but comes before `0004_act`, which `main` has",
        "`runner renumber 0002.1_early`",
    ]);
    let error = check(&project, "--base main --format json");
    error.exits(4);
    assert!(error.stdout.contains("was deleted") && error.stdout.contains("was edited"), "{error}");
}

#[test]
fn another_name_of_the_same_revision_is_a_new_name() {
    let project = branched();
    for part in ["up", "down"] {
        let [from, to] =
            ["0003_index_users", "0003_index"].map(|it| project.file(&format!("migrations/{it}.{part}.sql")));
        std::fs::rename(from, to).unwrap();
    }
    project.runner("build").succeeds();
    check(&project, "--base main")
        .exits(4)
        .says(&["`0003_index_users`, which `main` has, was renamed to `0003_index`"]);
}

/// The base went on meanwhile.
#[test]
fn what_the_base_got_since_is_not_missing_but_new_migrations_come_after_it() {
    let project = branched();
    git(&project, "checkout --quiet main");
    project.sql("0006_later", "CREATE TABLE later (id INTEGER PRIMARY KEY);", "DROP TABLE later;");
    project.runner("build").succeeds();
    commit(&project);
    git(&project, "checkout --quiet topic");
    check(&project, "--base main").succeeds();
    project.sql("0005_mine", "CREATE TABLE mine (id INTEGER PRIMARY KEY);", "DROP TABLE mine;");
    project.runner("build").succeeds();
    check(&project, "--base main").exits(4).says(&["`0005_mine` is new, but comes before `0006_later`"]);
}

/// In a directory of the repository, whose base had the migrations elsewhere.
#[test]
fn migrations_that_moved_with_their_settings_are_the_same() {
    let project = project!();
    project.write("app/runner.toml", "[project]\nmigrations = \"old\"\n[database]\nurl = \"sqlite://app.db\"\n");
    project.write("app/old/1_a.up.sql", "CREATE TABLE a (x INTEGER);");
    project.write("app/old/1_a.down.sql", "DROP TABLE a;");
    git(&project, "init --quiet --initial-branch=main");
    commit(&project);
    std::fs::rename(project.file("app/old"), project.file("app/new")).unwrap();
    project.write("app/runner.toml", "[project]\nmigrations = \"new\"\n[database]\nurl = \"sqlite://app.db\"\n");
    let inside = |line: &str| {
        let mut command = project.command(line.split_whitespace());
        command.current_dir(project.file("app")).env("PATH", std::env::var_os("PATH").unwrap());
        project.finish(&mut command)
    };
    inside("check --base main").succeeds();
    project.write("app/new/1_a.up.sql", "CREATE TABLE a (y INTEGER);");
    inside("check --base main").exits(4).says(&["`1_a`, which `main` has, was edited"]);
}

#[test]
fn what_git_cannot_answer_is_an_error_with_a_way_out() {
    let project = shop();
    check(&project, "--base main")
        .exits(2)
        .says(&["is not in a git repository", "hint: `--base` compares with a commit"]);
    let mut command = project.command(["check", "--base", "main"]);
    project.finish(command.env("PATH", "/nonexistent")).exits(1).says(&["cannot run `git`", "hint: install git"]);
    let project = branched();
    for reference in ["origin/release", "--base=-x"] {
        let flag = if reference.starts_with("--") { reference.to_owned() } else { format!("--base {reference}") };
        check(&project, &flag).exits(2).says(&[
            "this repository has no commit",
            "`git fetch origin",
            "`fetch-depth: 0`",
        ]);
    }
}

/// As several services of one repository share a directory of migrations.
#[test]
fn migrations_may_be_beside_the_settings_in_one_repository() {
    let project = project!();
    let settings = "[project]\nname = 'shop'\nmigrations = '../../db'\n[database]\nurl = 'sqlite://shop.db?mode=rwc'\n";
    project.write("services/shop/runner.toml", settings);
    project.write("db/1_a.up.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY);");
    project.write("db/1_a.down.sql", "DROP TABLE a;");
    let run = |line: &str| {
        let mut command = project.command(line.split_whitespace().chain(["--config", "services/shop/runner.toml"]));
        let path = std::env::var_os("PATH").unwrap();
        project.finish(command.env("PATH", path).env_remove("DATABASE_URL"))
    };
    run("apply").exits(2).says(&["the migrations in `../db` are outside of the project", "one repository of git"]);
    git(&project, "init --quiet --initial-branch=main");
    std::fs::write(project.file("db/2_act.wasm"), guests::component("hostile")).unwrap();
    run("build").succeeds();
    assert!(project.file("services/shop/runner.lock").exists(), "beside the settings");
    run("validate --locked").succeeds();
    run("apply --target 1 --backup auto").succeeds();
    assert!(project.file("services/shop/shop.db").exists(), "paths in the settings are relative to them");
    run("rollback").succeeds();
    run("new later").succeeds();
    assert_eq!(std::fs::read_dir(project.file("db")).unwrap().count(), 5, "two more files");
    commit(&project);
    run("check --base main").succeeds();
    project.write("db/1_a.up.sql", "CREATE TABLE a (id INTEGER);");
    run("build").succeeds();
    run("check --base main").exits(4).says(&["`1_a`, which `main` has, was edited"]);
    run("new other --lang javascript").succeeds();
}
