//! Stepwise migrations under grants on PostgreSQL: each step and each chunk commits together with what the journal records of it,
//! in a session that has no privilege on the journal.

use super::logins::{Field, PROJECT};
use runner_tests::guests;

const ADD: &str = "allow = ['read numbers(id, n)', 'update numbers(n)']";

/// A table of numbers, and a component that adds one to each.
fn numbers(rows: u32) -> Field {
    let field = Field::new();
    field
        .project()
        .sql(
            "0003_numbers",
            &format!(
                "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
                 INSERT INTO numbers SELECT i, i FROM generate_series(1, {rows}) AS n(i);"
            ),
            "DROP TABLE numbers;",
        )
        .component("0004_scale", &guests::component("scale"));
    std::fs::remove_file(field.project().file("migrations/0002_granted.wasm")).unwrap();
    field.run("build", &[]);
    field.run("apply --target 0003", &[]).succeeds();
    field.project().write("runner.toml", format!("{PROJECT}[grants.0004_scale]\n{ADD}\n"));
    field
}

/// The sum that each row's one step makes.
fn expected(rows: u64) -> String {
    (rows * (rows + 1) / 2 + rows).to_string()
}

#[test]
fn each_chunk_commits_with_its_record() {
    let field = numbers(40_000);
    field.sync();
    field.run("apply -v --chunk-rows 4000", &["table=numbers"]).succeeds().says(&["read 40000, wrote 40000"]);
    let database = field.database();
    assert_eq!(database.value("SELECT sum(n) FROM numbers"), expected(40_000));
    assert_eq!(
        database.value(
            "SELECT concat(state, ' ', mode, ' ', rows_written) FROM runner.runner_history WHERE revision = '0004'"
        ),
        "applied stepwise 40000"
    );
    assert_eq!(database.value("SELECT count(*) FROM runner_gate.underway"), "0");
    field.run("verify", &[]).succeeds();
}

#[test]
fn several_connections_have_the_same_login() {
    let field = numbers(40_000);
    field.sync();
    field.run("apply --jobs 3 --chunk-rows 1000", &["table=numbers"]).succeeds();
    assert_eq!(field.database().value("SELECT sum(n) FROM numbers"), expected(40_000));
}

/// Killed at many points, and resumed: nothing is done twice, and nothing is left out.
#[test]
fn a_killed_run_resumes() {
    let field = numbers(4_000);
    field.sync();
    let line = "apply --chunk-rows 500 --parameter table=numbers";
    for moment in [2, 4, 7, 9] {
        if !field.project().dies_at(line, moment) {
            break;
        }
    }
    field.run("apply --chunk-rows 500", &["table=numbers"]).succeeds();
    assert_eq!(field.database().value("SELECT sum(n) FROM numbers"), expected(4_000));
}

/// The login loses a right half-way: what is committed stays, the error says what is missing, and the next run resumes.
#[test]
fn a_login_that_lost_its_rights_half_way() {
    let field = numbers(4_000);
    field.sync();
    let login = field.login();
    field.database().sql("UPDATE numbers SET n = 90000 WHERE id = 3000");
    let settings = field.project().read("runner.toml");
    field.project().write("runner.toml", format!("{settings}[parameters]\nstumble = 90000\n"));
    field.run("apply --chunk-rows 500", &["table=numbers"]).exits(6).says(&["no way past 90000"]);
    field.project().write("runner.toml", settings);
    field.database().sql("UPDATE numbers SET n = 3000 WHERE id = 3000");
    // The host may no longer give the right, since somebody else owns the table.
    field.database().sql(&format!("REVOKE UPDATE (n) ON numbers FROM {login}; ALTER TABLE numbers OWNER TO postgres"));
    let output = field.run("apply --chunk-rows 500", &["table=numbers"]);
    output.exits(6).says(&["does not have the rights", "run `runner grants sync`"]);
    assert_ne!(field.database().value("SELECT sum(n) FROM numbers"), expected(4_000));
    field.database().sql(&format!("ALTER TABLE numbers OWNER TO {}", field.host()));
    field.run("grants sync", &[]).succeeds();
    field.run("apply --chunk-rows 500", &["table=numbers"]).succeeds();
    assert_eq!(field.database().value("SELECT sum(n) FROM numbers"), expected(4_000));
}

#[test]
fn a_column_that_is_not_granted_is_refused_in_a_transform() {
    let field = numbers(1_000);
    field.project().write("runner.toml", format!("{PROJECT}[grants.0004_scale]\nallow = ['read numbers(id, n)']\n"));
    field.sync();
    let output = field.run("apply", &["table=numbers"]);
    assert_ne!(output.exit_code(), Some(0), "{output}");
    output.says(&["permission denied"]);
    assert_eq!(field.database().value("SELECT sum(n) FROM numbers"), "500500");
    // A condition is the component's own text, and asked with its rights.
    field.project().write("runner.toml", format!("{PROJECT}[grants.0004_scale]\n{ADD}\nraw_sql = true\n"));
    let output = field.run("apply", &["table=numbers", "filter=EXISTS (SELECT FROM others)"]);
    assert_ne!(output.exit_code(), Some(0), "{output}");
    output.says(&["permission denied"]);
    assert_eq!(field.database().value("SELECT sum(n) FROM numbers"), "500500");
}
