//! Dry runs of components under grants on PostgreSQL: in one transaction, on the session of a login that gets the rights of one
//! component after the other.

use std::process::Stdio;

use runner_tests::{Running, guests, until};

use super::logins::{Field, PROJECT};

/// What the component `granted` needs, and statements of its own.
const COPY: &str = "allow = ['read people(id, name)', 'insert copies']\nraw_sql = true";

/// What the component `scale` needs.
const ADD: &str = "allow = ['read numbers(id, n)', 'update numbers(n)']";

/// After the component `granted`: a table, and a component that changes it.
fn chain() -> Field {
    let field = Field::new();
    field
        .project()
        .sql(
            "0003_numbers",
            "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
             SET search_path = public, pg_catalog;
             INSERT INTO numbers SELECT i, i FROM generate_series(1, 4000) AS n(i);
             INSERT INTO others SELECT 100, max(name) FROM copies;",
            "DROP TABLE numbers;",
        )
        .component("0004_scale", &guests::component("scale"))
        .sql(
            "0005_last",
            "ALTER TABLE numbers ADD COLUMN more TEXT; UPDATE numbers SET more = 'x';",
            "ALTER TABLE numbers DROP COLUMN more;",
        );
    grants(&field, COPY, ADD);
    field.sync();
    field
}

fn grants(field: &Field, first: &str, second: &str) {
    let text = format!("{PROJECT}[grants.0002_granted]\n{first}\n[grants.0004_scale]\n{second}\n");
    field.project().write("runner.toml", text);
}

#[test]
fn one_transaction_tries_components_and_the_tables_that_are_made_for_them() {
    let field = chain();
    let before = field.state();
    let output = field.run("apply --dry-run", &["transform=true", "table=numbers"]);
    output.succeeds().prints(&[
        "0002_granted upgrade",
        "person 1",
        "CREATE TABLE numbers",
        "0004_scale upgrade",
        "update numbers, 3 of 4,000 rows:",
        "ALTER TABLE numbers ADD COLUMN more TEXT",
        "has a new password",
    ]);
    assert_eq!(field.state(), before, "{output}");
    let report = field.run("apply --dry-run --format json", &["transform=true", "table=numbers"]);
    assert!(report.succeeds().stdout.contains("\"isolation\": \"separate-logins\""), "{report}");
    assert_eq!(field.state(), before, "{report}");
    // As a real run does.
    field.run("apply", &["transform=true", "table=numbers"]).succeeds();
    let after = field.state();
    for line in ["rollback --target 0003 --dry-run", "redo --dry-run"] {
        field.run(line, &["table=numbers"]).succeeds();
        assert_eq!(field.state(), after, "{line}");
    }
}

/// The isolation that the settings require is that of a dry run too.
#[test]
fn isolation_is_required_of_a_dry_run() {
    let field = chain();
    let text = field.project().read("runner.toml");
    field.project().write("runner.toml", format!("{text}[database]\nisolation = \"required\"\n"));
    field.run("apply --dry-run", &["transform=true", "table=numbers"]).succeeds();
    let (text, _) = text.split_once("[grants.0004_scale]").unwrap();
    field.project().write("runner.toml", format!("{text}[database]\nisolation = \"required\"\n"));
    field.run("apply --dry-run", &["table=numbers"]).exits(7).says(&["0004_scale", "isolation = \"required\""]);
}

#[test]
fn what_is_not_granted_is_refused_in_a_dry_run() {
    let field = chain();
    let before = field.state();
    for (statements, why) in [
        ("UPDATE people SET name = 'x'", "permission denied"),
        ("DELETE FROM others", "permission denied"),
        ("INSERT INTO copies SELECT id, secret FROM others", "permission denied"),
        ("INSERT INTO copies SELECT 1, card FROM people", "permission denied"),
        ("INSERT INTO copies SELECT 1, card FROM cards", "permission denied"),
        ("SELECT * FROM runner.runner_history", "permission denied"),
        ("SELECT * FROM runner_gate.ticket", "permission denied"),
        ("SELECT runner_gate.write('x', 'DELETE FROM others')", "runner: refused"),
        (
            "SELECT set_config('role', (SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()), false)",
            "permission denied",
        ),
        (
            "SELECT set_config('session_authorization', (SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database()), false)",
            "permission denied",
        ),
        ("SELECT query_to_xml('SELECT card FROM people', true, true, '')", "permission denied"),
        ("CREATE TABLE mine (id int)", "cannot run `CREATE TABLE"),
        ("INSERT INTO copies VALUES (1, 'a')\nCOMMIT", "cannot run `COMMIT`"),
        ("ROLLBACK", "cannot run `ROLLBACK`"),
        ("SELECT lo_create(0)", "has created something"),
    ] {
        let parameter = format!("statements={statements}");
        let output = field.run("apply --dry-run", &[&parameter, "table=numbers"]);
        output.exits(7).says(&["0002_granted", why]);
        assert_eq!(field.state(), before, "{statements}\n{output}");
    }
    // One that goes on after a refusal is not let through.
    let statements =
        "statements=?DELETE FROM others\n?UPDATE runner.runner_history SET name = 'x'\n?SELECT card FROM people";
    field.run("apply --dry-run -v", &[statements, "table=numbers"]).succeeds().says(&[
        "refused: DELETE FROM others",
        "refused: UPDATE runner.runner_history",
        "refused: SELECT card FROM people",
    ]);
    assert_eq!(field.state(), before);
}

/// The login has the rights of the component that runs, and not those of the one before it or of the one after it.
#[test]
fn a_component_has_the_rights_of_no_other() {
    let field = chain();
    // The second component asks for what only the first is granted, and the other way round.
    grants(&field, COPY, &format!("{ADD}\nraw_sql = true"));
    let before = field.state();
    let parameters = ["transform=true", "table=numbers", "filter=EXISTS (SELECT name FROM people)"];
    field.run("apply --dry-run", &parameters).exits(7).says(&["0004_scale", "permission denied"]);
    assert_eq!(field.state(), before);
    // `numbers` does not exist yet when the first one runs; a table that does belongs to the second one only.
    grants(&field, COPY, "allow = ['read numbers(id, n)', 'update numbers(n)', 'read others', 'delete others']");
    field.sync();
    let before = field.state();
    for statement in ["SELECT * FROM others", "DELETE FROM others"] {
        let output = field.run("apply --dry-run", &[&format!("statements={statement}"), "table=numbers"]);
        output.exits(7).says(&["0002_granted", "permission denied"]);
        assert_eq!(field.state(), before);
    }
}

/// How the server spells the type of an argument depends on the search path.
#[test]
fn a_function_of_a_type_of_the_user_is_granted() {
    let field = chain();
    field.database().sql(&format!(
        "SET ROLE {}; CREATE TYPE mood AS ENUM ('sad', 'happy'); \
         CREATE FUNCTION cheer(mood) RETURNS text LANGUAGE sql AS $$ SELECT $1::text $$",
        field.host()
    ));
    grants(&field, COPY, "allow = ['read numbers(id, n)', 'update numbers(n)', 'function cheer']");
    field.sync();
    let before = field.state();
    let parameters = ["table=numbers", "filter=cheer('sad') = 'sad'"];
    field.run("apply --dry-run", &parameters).succeeds().prints(&["0004_scale"]);
    assert_eq!(field.state(), before);
}

/// What a component sets does not reach the SQL after it, which has the rights of the host: neither as names nor as a text.
#[test]
fn the_sql_after_a_component_looks_names_up_where_the_host_does() {
    let field = chain();
    field.database().sql(&format!(
        "CREATE SEQUENCE leaks; ALTER SEQUENCE leaks OWNER TO {0}; CREATE SCHEMA theirs; CREATE TABLE theirs.copies (name TEXT); \
         INSERT INTO theirs.copies VALUES ('theirs'); GRANT USAGE ON SCHEMA theirs TO {0}; GRANT SELECT ON theirs.copies TO {0}",
        field.host()
    ));
    // Without its own names, that of the migration's first statement would do.
    field.project().sql(
        "0003_numbers",
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n BIGINT NOT NULL);
         INSERT INTO others SELECT 1000, 'x' WHERE 'theirs' IN (SELECT name FROM copies);
         SELECT 1 / (1 - count(*)) FROM others WHERE id = 1000;",
        "DROP TABLE numbers;",
    );
    field.project().runner("build").succeeds();
    let before = field.state();
    for path in ["public;SELECT/**/pg_catalog.setval(''public.leaks'',42)", "theirs, public"] {
        let statements = format!("statements=SELECT set_config('search_path', '{path}', false)");
        let output = field.run("apply --dry-run --target 0003", &[&statements]);
        assert_eq!(field.database().value("SELECT last_value FROM leaks"), "1", "{output}");
        output.succeeds().prints(&["CREATE TABLE numbers"]);
        assert_eq!(field.state(), before, "{output}");
    }
}

/// What a commit would reject is rejected, though the gate refuses every commit.
#[test]
fn deferred_constraints_are_checked() {
    let field = chain();
    field.database().sql(
        "ALTER TABLE copies ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED",
    );
    let before = field.state();
    let statements = "statements=INSERT INTO copies VALUES (4711, 'nobody')";
    field.run("apply --dry-run", &[statements, "table=numbers"]).exits(1).says(&["0002_granted", "foreign key"]);
    assert_eq!(field.state(), before);
    field.run("apply --dry-run", &["statements=INSERT INTO copies VALUES (7, 'a')", "table=numbers"]).succeeds();
    assert_eq!(field.state(), before);
}

/// A component without grants has the login of runner, and one transaction belongs to one login.
#[test]
fn logins_of_two_kinds_are_refused_with_the_way_out() {
    let field = chain();
    let before = field.state();
    let text = field.project().read("runner.toml");
    let (text, _) = text.split_once("[grants.0004_scale]").unwrap();
    field.project().write("runner.toml", text);
    field.run("apply --dry-run", &["transform=true"]).exits(7).says(&[
        "both `0002_granted`, which has a login of its own, and `0004_scale`",
        "`--target` stops the dry run before `0004_scale`",
    ]);
    assert_eq!(field.state(), before);
    field.run("apply --dry-run --target 0003", &["transform=true"]).succeeds();
    assert_eq!(field.state(), before);
}

#[test]
fn a_killed_dry_run_leaves_nothing() {
    let field = chain();
    let before = field.state();
    let mut session = field.database().client().session();
    // The dry run waits for a row that it updates.
    session.run("BEGIN; INSERT INTO copies VALUES (50, 'mine')");
    let line = "apply --dry-run --parameter transform=true --parameter table=numbers";
    let mut running = Running::start(field.project().command(line.split(' ')).stderr(Stdio::null()));
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE 'runner\\_%'";
    until("the dry run waits as the login", || {
        field.database().value(&format!("{sessions} AND wait_event_type = 'Lock'")) != "0"
    });
    running.signal("KILL");
    running.wait().unwrap();
    session.run("ROLLBACK");
    until("its session has ended", || field.database().value(sessions) == "0");
    assert_eq!(field.state(), before);
    field.run("apply --dry-run", &["transform=true", "table=numbers"]).succeeds();
    assert_eq!(field.state(), before);
}
