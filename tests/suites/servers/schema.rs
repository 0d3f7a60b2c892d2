//! Changes of the schema by the calls of `schema`: the same component on every engine, and under grants where they are enforced.

use runner_tests::{Engine, EngineProject, for_each_engine, guests, project, servers};

use super::logins::{Field, PROJECT};

fn changes(engine: Engine) -> EngineProject {
    let project = project!(engine);
    project.component("0001_changes", &guests::component("changes"));
    project
}

for_each_engine! {
    /// Every type, default, constraint and change. The component reads the defaults back.
    fn one_component_changes_every_database(engine) {
        let project = changes(engine);
        if engine != Engine::Mariadb {
            project.runner("apply --dry-run").succeeds().prints(&["CREATE TABLE"]);
            assert!(!project.has_history());
        }
        project.runner("apply").succeeds();
        project.execute("INSERT INTO parents (id) VALUES (7)");
        project.execute("INSERT INTO children (a, b, parent) VALUES (1, 2, 7)");
        project.runner("verify").succeeds();
        project.runner("rollback").succeeds();
        project.runner("apply").succeeds();
        project.run(["test", "--crash", "-D", &project.url()]).succeeds();
    }
}

for_each_engine! {
    /// Names are data: none of them becomes a part of a statement, and each refusal changes nothing.
    fn names_are_quoted_or_refused(engine) {
        let project = changes(engine);
        let lines = [
            "create|a\"b`c'd; DROP TABLE x --",
            "add|a\"b`c'd; DROP TABLE x --|say \"hi\" `there`",
            "index|a\"b`c'd; DROP TABLE x --|i\"`'|say \"hi\" `there`",
            "unindex|a\"b`c'd; DROP TABLE x --|i\"`'",
            "remove|a\"b`c'd; DROP TABLE x --|say \"hi\" `there`",
            "drop|a\"b`c'd; DROP TABLE x --",
            "create|select",
            "create|other",
            "add|select|order",
            "?create|",
            "?create|a\\0b",
            "?create|sqlite_x",
            "?create|runner_history",
            "?drop|runner_history",
            "?create|runner/x",
            "?drop|nothing",
            "?remove|select|nothing",
            "?index|select|i|nothing",
            "?unindex|other|i",
            "?create|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ];
        // MariaDB cannot index text; the columns here are.
        let lines = lines.into_iter().filter(|line| engine != Engine::Mariadb || !line.contains("i\"`'"));
        let lines: Vec<&str> = lines.collect();
        project.settings(&format!("[parameters]\nchanges = '''\n{}'''", lines.join("\n")));
        let output = project.runner("apply -v");
        output.succeeds().says(&[
            "a table has an empty name",
            "the control character U+0000",
            "`sqlite_x` is reserved",
            "`runner_history` belongs to runner",
            "no migration may change the schema `runner`",
            "the name of a table has 64 bytes, more than 63",
        ]);
        assert!(!output.stderr.contains("accepted"), "{output}");
        assert_eq!(project.history(), ["0001"]);
        assert_eq!(project.value("SELECT count(*) FROM other"), "0");
    }
}

/// Scratch databases have no logins. The host holds the component to its grants there too, where it changes the schema itself.
#[test]
fn a_test_refuses_changes_of_the_schema_without_a_grant() {
    for engine in [Engine::Postgres, Engine::Mariadb] {
        for (change, why) in [
            ("create|other", "missing grant: create other"),
            ("create|mine\nrename|mine|other", "may not rename a table"),
        ] {
            let project = changes(engine);
            project.settings(&format!(
                "[grants.0001_changes]\nallow = ['create mine']\n[parameters]\nchanges = '''\n{change}'''"
            ));
            project.run(["test", "-D", &project.url()]).exits(1).prints(&[why]);
        }
    }
}

/// An index is dropped as one of its table only, where the database would drop it by its name.
#[test]
fn an_index_belongs_to_its_table() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let project = changes(engine);
        let lines = "create|a\ncreate|b\nindex|a|a_label|label\n?unindex|b|a_label\nunindex|a|a_label";
        project.settings(&format!("[parameters]\nchanges = '''\n{lines}'''"));
        project.runner("apply -v").succeeds().says(&["`b` has no index `a_label`"]);
    }
}

/// A component on PostgreSQL, whose login can create nothing by itself.
fn field() -> Field {
    let field = Field::new();
    field.project().component("0003_changes", &guests::component("changes"));
    std::fs::remove_file(field.project().file("migrations/0002_granted.wasm")).unwrap();
    field.run("build", &[]);
    field
}

fn grant(field: &Field, lines: &str) {
    field.project().write("runner.toml", format!("{PROJECT}[grants.0003_changes]\nallow = [{lines}]\n"));
}

#[test]
fn under_grants_the_host_changes_the_schema() {
    let field = field();
    grant(&field, "'create mine*', 'drop mine*', 'alter mine*', 'insert mine(label, more)', 'read mine(id, label)'");
    field.sync();
    let changes = "changes=create|mine\ninsert|mine|label\nadd|mine|more\n?read|mine|more\nread|mine|label\ninsert|mine|more\n\
                   index|mine|mine_label|label\ncreate|mine_2|mine\n?read|mine_2|id";
    field.run("apply -v", &[changes]).succeeds().says(&[
        "read 1 rows of mine",
        "refused: read|mine|more",
        "refused: read|mine_2|id",
    ]);
    let database = field.database();
    let owner = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE tablename LIKE 'mine%'";
    assert_eq!(database.value(owner), field.host(), "what is created belongs to the host");
    assert_eq!(database.value("SELECT count(*) FROM mine"), "2");
    assert_eq!(database.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine_label'"), "1");
    let login = field.login();
    let may = |table: &str, right: &str| {
        database.value(&format!("SELECT has_any_column_privilege('{login}', '{table}', '{right}')"))
    };
    assert_eq!(
        (may("mine", "INSERT"), may("mine", "UPDATE"), may("mine_2", "SELECT")),
        ("t".into(), "f".into(), "f".into())
    );
    // The rights are those that a later look at the catalogue expects.
    field.run("grants list", &[]).succeeds().prints(&["0003_changes  in line"]);
    field.run("verify", &[]).succeeds();
}

#[test]
fn under_grants_a_change_without_one_is_refused() {
    let field = field();
    let tables = "SELECT string_agg(concat(schemaname, '.', tablename), ',' ORDER BY 1) FROM pg_tables \
                  WHERE schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg\\_%'";
    grant(&field, "'create mine', 'alter copies', 'read people(id)', 'alter people'");
    field.sync();
    let before = field.database().value(tables);
    for (change, why) in [
        ("create|other", "missing grant: create other"),
        ("create|public/other", "missing grant: create public.other"),
        ("create|runner_gate/mine", "no migration may change the schema `runner_gate`"),
        ("create|mine|others", "missing grant: alter others"),
        ("drop|people", "missing grant: drop people"),
        ("drop|mine", "missing grant: drop mine"),
        ("add|others|more", "missing grant: alter others"),
        ("index|others|i|secret", "missing grant: alter others"),
        ("unindex|copies|others_pkey", "`public.copies` has no index `others_pkey`"),
        ("call|people|card|id", "may not rename the column `card`"),
        ("rename|copies|mine", "may not rename a table"),
        // A second statement behind the first would be a part of the name.
        ("create|mine\"; DROP TABLE others --", "missing grant: create"),
        ("create|mine\nadd|copies|id", "already exists"),
    ] {
        let output = field.run("apply", &[&format!("changes={change}")]);
        assert!(matches!(output.exit_code(), Some(1 | 7)), "{change}: {output}");
        output.says(&["0003_changes", why]);
        assert_eq!(field.database().value(tables), before, "{change}");
    }
    // What was refused can be handled, and the rest is committed with the history.
    field.run("apply", &["changes=?drop|people\ncreate|mine"]).succeeds();
    assert_eq!(field.database().value("SELECT count(*) FROM mine"), "0");
}

/// Scripts do the same: `tests/languages/*/granted.*`.
#[test]
fn under_grants_the_host_changes_the_schema_for_scripts() {
    for (language, end) in [("python", "py"), ("javascript", "js")] {
        let field = Field::new();
        let script = guests::repository().join(format!("tests/languages/{language}/granted.{end}"));
        field.project().write(&format!("migrations/0003_changes.{end}"), std::fs::read(script).unwrap());
        std::fs::remove_file(field.project().file("migrations/0002_granted.wasm")).unwrap();
        field.run("build", &[]).succeeds();
        grant(&field, "'create mine', 'alter mine'");
        field.sync();
        let changes = "changes=create|mine\nadd|mine|more\nindex|mine|mine_more|more\n?drop|people\n?add|others|more";
        field
            .run("apply -v", &[changes])
            .succeeds()
            .says(&["refused: ?drop|people: denied", "refused: ?add|others|more: denied"]);
        let database = field.database();
        assert_eq!(database.value("SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"), field.host());
        assert_eq!(database.value("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine_more'"), "1");
        field.run("grants list", &[]).succeeds().prints(&["0003_changes  in line"]);
        field.run("verify", &[]).succeeds();
    }
}

/// Servers quote the rows that are in the way of a unique index, which may be of columns that the component may not read.
#[test]
fn under_grants_an_error_quotes_no_rows() {
    let field = field();
    grant(&field, "'alter people', 'read people(id)'");
    field.sync();
    field.database().sql("UPDATE people SET card = 'secret-7' WHERE id IN (1, 2)");
    let output = field.run("apply -v", &["changes=?unique|people|one_card|card"]);
    output.succeeds().says(&["refused: unique|people|one_card|card: the rows of the table do not allow this change"]);
    assert!(!output.to_string().contains("secret-7"), "{output}");
}

/// Each change commits with its entry in the journal.
#[test]
fn under_grants_stepwise() {
    let field = field();
    field.project().write("migrations/0003_changes/assets/stepwise", "");
    field.run("build", &[]);
    grant(&field, "'create mine', 'insert mine', 'alter mine'");
    field.sync();
    let lines = "create|mine\ninsert|mine|label\nadd|mine|more\nindex|mine|i|nothing";
    let output = field.run("apply -v", &[&format!("changes={lines}")]);
    output.exits(6).says(&["column \"nothing\" does not exist", "4 steps took effect"]);
    assert!(!output.stderr.contains("runner_gate"), "how the host does it is of no interest: {output}");
    assert_eq!(field.database().value("SELECT count(*) FROM mine"), "1", "the steps before the error remain");
}

/// Two packages of others, which the shop trusts with what it grants them, each migration with a login of its own.
#[test]
fn a_shop_with_packages_runs_under_grants() {
    let field = Field::bare(servers::postgres());
    let project = field.project();
    project.copy_of(&guests::repository().join("examples/packages/shop"));
    project.runner("validate --locked").succeeds();
    project.runner("apply --target 0001").succeeds();
    project.runner("apply").exits(7).says(&["run `runner grants sync`"]);
    field.sync();
    project.runner("apply --target 0003").succeeds();
    let database = field.database();
    database.sql("INSERT INTO orders (customer_id, item) VALUES (1, 'tea'), (2, 'rum')");
    assert_eq!(database.value("SELECT topic || ' ' || payload FROM outbox WHERE id = 1"), "orders 1: tea");
    project.runner("apply --target 0005").succeeds();
    database.sql("UPDATE outbox SET attempts = 12 WHERE id = 2");
    project.runner("apply").succeeds();
    assert_eq!(database.value("SELECT payload || attempts FROM outbox_dead"), "2: rum12");
    assert_eq!(database.value("SELECT count(*) FROM outbox"), "1");
    assert_eq!(
        database.value("SELECT string_agg(email, ' ' ORDER BY id) FROM customers"),
        "customer-1@example.invalid customer-2@example.invalid"
    );
    let owner = "SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables WHERE tablename LIKE 'outbox%'";
    assert_eq!(database.value(owner), field.host());
    project.runner("verify").succeeds();
    project.runner("rollback --target 0005").succeeds();
    assert_eq!(database.value("SELECT max(attempts) || ' ' || count(*) FROM outbox"), "12 2");
}

/// Default privileges open a table as it is created.
#[test]
fn default_privileges_do_not_open_the_tools_tables() {
    let field = Field::bare(servers::postgres());
    let database = field.database();
    let other = database.name().replace("runner_test_", "other_");
    database.sql(&format!(
        "CREATE ROLE {other}; ALTER DEFAULT PRIVILEGES FOR ROLE {0} GRANT ALL ON TABLES TO {other} WITH GRANT OPTION; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {0} GRANT INSERT ON TABLES TO PUBLIC",
        field.host()
    ));
    field.project().write("migrations/0001_made.sql", "CREATE TABLE made (id int)");
    let url = format!("{}?lock=lease", database.url_as(field.host(), "host"));
    field.run(&format!("apply --database-url {url}"), &[]).succeeds();
    let open = |schema: &str| {
        database.value(&format!(
            "SELECT coalesce(string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type), '') \
             FROM pg_class c, aclexplode(c.relacl) WHERE relnamespace = '{schema}'::regnamespace AND grantee <> c.relowner"
        ))
    };
    assert!(open("public").contains("INSERT REFERENCES"), "the attempt is real: {}", open("public"));
    assert_eq!(open("runner"), "SELECT");
}
