//! `runner test --crash`, and the hidden command that it uses.

use runner_tests::{Engine, for_each_engine};

use super::shop::{TESTS, shop, shop_with_component, test};

for_each_engine! {
    fn a_run_recovers_from_a_crash_at_every_step(engine) {
        let project = shop_with_component(engine);
        project.settings("[limits]\nbatch_rows = 2");
        let output = test(&project, "2 5 --crash --format json");
        let json: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
        let crashes = |at: usize| {
            let crashes = &json["databases"][0]["migrations"][at]["crashes"];
            [crashes["killed_up"].as_u64().unwrap(), crashes["killed_down"].as_u64().unwrap()]
        };
        let [up, down] = crashes(1);
        // Three statements up and two down: before each of them, and before and after the commit.
        assert!(up >= 5 && down >= 4, "{up} up, {down} down");
        let [up, down] = crashes(4);
        assert!(up > 40 && down > 25, "{up} up, {down} down");
        assert!(json["databases"][0]["migrations"][0]["crashes"].is_null());
    }
}

/// An irreversible migration gets a fresh database with fixtures for each step.
#[test]
fn irreversible_migrations_are_killed_too() {
    let project = shop(Engine::Sqlite);
    project
        .write("migrations/4_forget.up.sql", "UPDATE users SET score = score * 2;\nDELETE FROM users WHERE id = 5;")
        .write(
            &format!("{TESTS}/4_forget/up/scores.sql"),
            "SELECT score FROM users WHERE score IS NOT NULL ORDER BY id",
        )
        .write(&format!("{TESTS}/4_forget/up/scores.csv"), "score\n3\n-4\n");
    test(&project, "4 --crash").succeeds().prints(&["up, irreversible, 1 check, killed 4 times"]);
}

/// A statement that commits by itself and whose effect cannot be probed has an unknown outcome, which only an
/// operator can resolve.
#[test]
fn a_migration_that_does_not_recover_is_found() {
    let project = shop(Engine::Mariadb);
    project.sql("4_empty", "TRUNCATE TABLE orders;", "TRUNCATE TABLE orders;");
    let output = test(&project, "4 --crash");
    output.exits(1).prints(&[
        "after a crash: a run was killed at step",
        "and the next one failed",
        "it is unknown whether",
    ]);
}

/// The variable names the database that other commands work on, and a tenant has no settings of its own.
#[test]
fn a_variable_that_names_a_tenant_is_not_that_of_the_killed_runs() {
    let project = shop(Engine::Sqlite);
    project.settings("[tenants]\nurl = 'sqlite:{tenant}.db?mode=rwc'\nnames = ['acme']");
    let mut command = project.command(["test", "2", "--crash"]);
    let output = project.finish(command.env("RUNNER_DATABASE", "acme"));
    output.succeeds().prints(&["passed 2_shout on", "killed"]);
    assert!(!project.file("acme.db").exists(), "{output}");
}

/// Runs are only killed on scratch databases.
#[test]
fn only_scratch_databases_are_crashed() {
    let project = shop(Engine::Sqlite);
    let before = project.state();
    let output = project.runner("crash-at 1 --timestamp 0 --seed 0 --target 1");
    output.exits(2).says(&["only runs on scratch databases", "hint:", "runner test --crash"]);
    assert_eq!(project.state(), before);
    assert!(!project.has_history());
    project.runner("--help").succeeds().does_not_say(&["crash-at"]);
}

/// MariaDB and MySQL keep a dropped column in the table until it is rebuilt: after a few rounds, these would exceed the
/// size of a row.
#[test]
fn wide_columns_are_added_again_and_again() {
    let project = shop(Engine::Mariadb);
    let all = |change: &str| (1..=6).map(|at| change.replace('*', &at.to_string())).collect::<Vec<_>>().join(", ");
    project.sql(
        "4_wide",
        &format!(
            "ALTER TABLE users {};\nUPDATE users SET wide_1 = name;",
            all("ADD COLUMN wide_* CHAR(250) CHARACTER SET latin1")
        ),
        &format!("ALTER TABLE users {};", all("DROP COLUMN wide_*")),
    );
    test(&project, "4 --crash").succeeds();
}
