//! Changes of the schema by components under grants on MariaDB. Each commits, so it is a step of its own, and the host's session makes
//! it.

use runner_tests::{guests, servers};

use super::logins_mariadb::{Field, PROJECT};

/// A component whose login can create nothing by itself.
fn field(lines: &str) -> Field {
    let field = Field::new();
    field.project().component("0003_changes", &guests::component("changes"));
    std::fs::remove_file(field.project().file("migrations/0002_granted.wasm")).unwrap();
    field.run("build", &[]);
    field.project().write("runner.toml", format!("{PROJECT}[grants.0003_changes]\nallow = [{lines}]\n"));
    field.sync();
    field
}

/// What is granted on the tables of the component.
const MINE: &str = "'create mine*', 'drop mine*', 'alter mine*', 'insert mine(label, more)', 'read mine(id, label)'";

/// What it does with them.
const CHANGES: &str = "changes=create|mine\ninsert|mine|label\nadd|mine|more\n?read|mine|more\nread|mine|label\n\
                       insert|mine|more\nindex|mine|mine_label|label\ncreate|mine_2|mine\n?read|mine_2|id";

fn is_done(field: &Field) {
    assert_eq!(field.value("SELECT CONCAT(COUNT(*), COUNT(label), COUNT(more)) FROM mine"), "211");
    let indexes = "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = 'mine_label'";
    assert_eq!(field.value(indexes), "1");
    assert_eq!(field.value("SELECT COUNT(*) FROM mine_2"), "0");
    assert_eq!(
        field.value("SELECT GROUP_CONCAT(revision, state ORDER BY id) FROM runner_history"),
        "0001applied,0003applied"
    );
    // The rights are those that a later look at the catalogue expects.
    field.run("grants list", &[]).succeeds().prints(&["0003_changes  in line"]);
}

#[test]
fn under_grants_each_change_is_a_step_of_the_host() {
    let field = field(MINE);
    field.run("apply -v", &[CHANGES]).succeeds().says(&[
        "read 1 rows of mine",
        "refused: read|mine|more",
        "refused: read|mine_2|id",
    ]);
    is_done(&field);
    let login = field.login();
    let rights = |table: &str| {
        field.database().sql(&format!(
            "SELECT CONCAT(Column_name, ' ', Column_priv) FROM mysql.columns_priv WHERE User = '{login}' \
             AND Db = DATABASE() AND Table_name = '{table}' ORDER BY 1"
        ))
    };
    assert_eq!(rights("mine"), ["id Select", "label Select,Insert", "more Insert"]);
    assert_eq!(rights("mine_2"), [""; 0]);
    field.run("verify", &[]).succeeds();
}

/// Scripts do the same: `tests/languages/*/granted.*`.
#[test]
fn under_grants_each_change_of_a_script_is_a_step_of_the_host() {
    for (language, end) in [("python", "py"), ("javascript", "js")] {
        let field = Field::new();
        let script = guests::repository().join(format!("tests/languages/{language}/granted.{end}"));
        field.project().write(&format!("migrations/0003_changes.{end}"), std::fs::read(script).unwrap());
        std::fs::remove_file(field.project().file("migrations/0002_granted.wasm")).unwrap();
        field.run("build", &[]).succeeds();
        let grants = format!("{PROJECT}[grants.0003_changes]\nallow = ['create mine', 'alter mine']\n");
        field.project().write("runner.toml", grants);
        field.sync();
        let changes = "changes=create|mine\nadd|mine|more\nindex|mine|mine_label|label\n?drop|people\n?add|others|more";
        field
            .run("apply -v", &[changes])
            .succeeds()
            .says(&["refused: ?drop|people: denied", "refused: ?add|others|more: denied"]);
        let columns = "SELECT GROUP_CONCAT(COLUMN_NAME ORDER BY ORDINAL_POSITION) FROM information_schema.COLUMNS \
                       WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'mine'";
        assert_eq!(field.value(columns), "id,label,more");
        field.run("grants list", &[]).succeeds().prints(&["0003_changes  in line"]);
        field.run("verify", &[]).succeeds();
    }
}

#[test]
fn under_grants_a_change_without_one_is_refused() {
    let lines =
        "'create mine', 'alter copies', 'read people(id)', 'alter people', 'create run*', 'drop run*', 'alter run*'";
    let field = field(lines);
    let tables = |field: &Field| field.state().into_iter().filter(|line| !line.contains("runner_")).collect::<Vec<_>>();
    let before = tables(&field);
    for (change, why) in [
        ("create|other", "missing grant: create other"),
        ("create|mysql/mine", "no migration may change the schema `mysql`"),
        ("create|mine|others", "missing grant: alter others"),
        ("drop|people", "missing grant: drop people"),
        ("drop|mine", "missing grant: drop mine"),
        ("add|others|more", "missing grant: alter others"),
        ("index|others|i|secret", "missing grant: alter others"),
        ("call|people|card|id", "may not rename the column `card`"),
        // For the server, this is the column `id`.
        ("call|people|card|íd", "may not rename the column `card`"),
        ("rename|copies|mine", "may not rename a table"),
        ("drop|runner_history", "`runner_history` belongs to runner"),
        ("add|runner_gate_login|more", "`runner_gate_login` belongs to runner"),
        // A second statement behind the first would be a part of the name.
        ("create|mine`; DROP TABLE others; --", "missing grant: create"),
    ] {
        let output = field.run("apply", &[&format!("changes={change}")]);
        assert!(matches!(output.exit_code(), Some(1 | 6 | 7)), "{change}: {output}");
        output.says(&["0003_changes", why]);
        assert_eq!(tables(&field), before, "{change}");
        // A journal that has recorded refusals belongs to these parameters.
        field.run("rollback 0003", &[]);
    }
}

/// Servers quote the rows that are in the way of a unique index, which may be of columns that the component may not read.
#[test]
fn under_grants_an_error_quotes_no_rows() {
    let field = field("'alter people', 'read people(id)'");
    field.database().sql("UPDATE people SET card = 'secret-7' WHERE id IN (1, 2)");
    let output = field.run("apply -v", &["changes=?unique|people|one_card|card"]);
    output.succeeds().says(&["refused: unique|people|one_card|card: the rows of the table do not allow this change"]);
    assert!(!output.to_string().contains("secret-7"), "{output}");
}

/// Wherever the run is killed, the next one goes on, and nothing is done twice.
#[test]
fn a_killed_run_goes_on() {
    let mut killed = 0;
    for moment in (3..).step_by(5) {
        let field = field(MINE);
        let mut command = field.project().command(["apply", "--parameter", CHANGES]);
        let output = field.project().finish(command.env("RUNNER_TEST_CRASH_AT", moment.to_string()));
        if output.exit_code() == Some(0) {
            break;
        }
        killed += 1;
        field.run("apply", &[CHANGES]).succeeds();
        is_done(&field);
    }
    assert!(killed > 3, "{killed}");
}

/// Two packages of others, which the shop trusts with what it grants them, each migration with a login of its own.
#[test]
fn a_shop_with_packages_runs_under_grants() {
    let field = Field::bare(servers::mariadb());
    let project = field.project();
    project.copy_of(&guests::repository().join("examples/packages/shop"));
    project.runner("validate --locked").succeeds();
    project.runner("apply --target 0001").succeeds();
    project.runner("apply").exits(7).says(&["run `runner grants sync`"]);
    field.sync();
    project.runner("apply --target 0003").succeeds();
    let database = field.database();
    database.sql("INSERT INTO orders (customer_id, item) VALUES (1, 'tea'), (2, 'rum')");
    assert_eq!(database.value("SELECT CONCAT(topic, ' ', payload) FROM outbox ORDER BY id LIMIT 1"), "orders 1: tea");
    project.runner("apply --target 0005").succeeds();
    database.sql("UPDATE outbox SET attempts = 12 WHERE payload = '2: rum'");
    project.runner("apply").succeeds();
    assert_eq!(database.value("SELECT CONCAT(payload, attempts) FROM outbox_dead"), "2: rum12");
    assert_eq!(database.value("SELECT COUNT(*) FROM outbox"), "1");
    assert_eq!(
        database.value("SELECT GROUP_CONCAT(email ORDER BY id SEPARATOR ' ') FROM customers"),
        "customer-1@example.invalid customer-2@example.invalid"
    );
    project.runner("verify").succeeds();
    project.runner("rollback --target 0005").succeeds();
    assert_eq!(database.value("SELECT CONCAT(MAX(attempts), ' ', COUNT(*)) FROM outbox"), "12 2");
}
