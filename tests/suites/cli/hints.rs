//! Small things that messages say.

use super::*;

#[test]
fn warnings_are_not_lost_to_an_error() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (i INTEGER);", "DROP TABLE a; VACUUM;");
    project.sql("2_b", "CREATE TABLE b (i INTEGER); VACUUM;", "DROP TABLE b;");
    let output = project.runner("validate --format json");
    output.exits(2).says(&[r#""level":"warning""#, "1_a.down.sql:1: the statement cannot run inside a transaction"]);
    project.runner("validate").exits(2).says(&["warning", "1_a.down.sql:1", "error"]);
}

#[test]
fn a_build_says_how_much_the_lockfile_lists() {
    let project = project!();
    project.sql("1_a", "SELECT 1;", "SELECT 1;").sql("2_b", "SELECT 1;", "SELECT 1;");
    project.runner("build 1").succeeds().says(&["`runner.lock` is written; it lists 1 artifact\n"]);
    project.runner("build 2").succeeds().says(&["`runner.lock` is written; it lists 2 artifacts\n"]);
    project.runner("build 1").succeeds().says(&["`runner.lock` is up to date; it lists 2 artifacts\n"]);
    std::fs::remove_file(project.file("migrations/2_b.up.sql")).unwrap();
    std::fs::remove_file(project.file("migrations/2_b.down.sql")).unwrap();
    project.runner("build").succeeds().says(&["removed 2_b", "`runner.lock` is written; it lists 1 artifact\n"]);
}

#[test]
fn reasons_are_shown_only_if_there_are_any_and_on_one_line() {
    let project = shop();
    project.database().execute_batch("CREATE TABLE users (id INTEGER)").unwrap();
    project.runner("baseline 1").succeeds();
    let shown = project.runner("show 1");
    shown.succeeds().prints(&["reason:       baseline\n", "baseline by "]);
    assert!(!shown.stdout.contains("transcript"), "{shown}");
    assert!(shown.stdout.lines().all(|line| line.is_empty() || !line.trim().is_empty()), "{shown}");
    project.run(["pause", "--why", "month end\n\task Ann"]).succeeds();
    let status = project.runner("status");
    status.succeeds().prints(&["(month end ask Ann)"]);
    assert!(!status.stdout.contains("\\n"), "{status}");
}

#[test]
fn hints_name_the_database_that_they_are_about() {
    let project = project!(empty);
    project.write(
        "runner.toml",
        "[databases.billing]\nurl = \"sqlite:billing.db\"\nmigrations = \"billing\"\n\
         [databases.other]\nurl = \"sqlite:other.db\"\nmigrations = \"other\"\n",
    );
    project.write("billing/1_a.up.sql", "CREATE TABLE a (i INTEGER);").write("other/1_a.up.sql", "SELECT 1;");
    project.runner("build --database billing").succeeds();
    project.write("billing/1_a.up.sql", "CREATE TABLE b (i INTEGER);");
    let command = "`runner build 1 --database billing`";
    for line in ["status --database billing", "status --all-databases", "validate --database billing"] {
        project.runner(line).says(&[command]);
    }
    for line in ["plan --database billing", "apply --database billing", "apply --all-databases"] {
        project.runner(line).exits(4).says(&[command]);
    }
    project.write("runner.toml", "[database]\nurl = \"sqlite:billing.db\"\n[project]\nmigrations = \"billing\"\n");
    project.runner("status").does_not_say(&["--database"]);
}

#[test]
fn init_writes_an_absolute_path_as_it_was_given() {
    let project = project!(empty);
    let file = project.file("elsewhere/app.db");
    let url = format!("sqlite://{}", file.display());
    project.run(["init", "a/deep/shop", "-D", &url]).succeeds();
    assert!(project.read("a/deep/shop/runner.toml").contains(&format!("url = \"{url}\"")));
    project.run(["init", "b", "-D", "sqlite:app.db"]).succeeds();
    assert!(project.read("b/runner.toml").contains("url = \"sqlite://../app.db\""));
}

#[test]
fn one_migration_is_called_one() {
    let project = shop();
    project.runner("apply").succeeds();
    project.runner("apply --target -1").exits(2).says(&["hint: `runner rollback` rolls back the last migration\n"]);
    project.runner("apply --target -2").exits(2).says(&["`runner rollback -n 2` rolls back the last 2 migrations\n"]);
}
