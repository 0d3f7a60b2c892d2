//! Components that may do what `[grants]` of the settings says, and nothing else.

use super::*;

/// Settings before the grants.
const PROJECT: &str = "[project]\nname = \"test\"\n";

/// A project in which a component is to copy people.
fn people() -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, card TEXT NOT NULL);
             CREATE TABLE copies (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE others (id INTEGER PRIMARY KEY, secret TEXT);
             CREATE VIEW cards AS SELECT card FROM people;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO people SELECT i, 'person ' || i, 'card ' || i FROM n;
             INSERT INTO others VALUES (1, 'secret');",
            "SELECT 1;",
        )
        .component("0002_granted", &guests::component("granted"));
    project.runner("apply --target 0001").succeeds();
    project
}

/// Runs the component with these grants.
fn with(project: &TestProject, grants: &str, line: &str, parameters: &[&str]) -> Output {
    project.write("runner.toml", format!("{PROJECT}[grants.0002_granted]\n{grants}\n"));
    let mut command = project.command(line.split(' '));
    for parameter in parameters {
        command.args(["--parameter", parameter]);
    }
    project.finish(&mut command)
}

const COPY: &str = "allow = ['read people(id, name)', 'insert copies']";

#[test]
fn what_is_granted_works() {
    let project = people();
    with(&project, COPY, "plan", &[])
        .succeeds()
        .prints(&["needs: read people(id, name), insert copies", "granted: read people(id, name), insert copies"]);
    with(&project, COPY, "apply --dry-run", &["transform=true", "read=id\nname"]).succeeds();
    with(&project, COPY, "apply -v", &["transform=true", "read=id\nname"]).succeeds().says(&["read 100 rows"]);
    assert_eq!(project.value("SELECT count(*) || max(name) FROM copies"), "100person 99");
    // The downgrade is confined as well.
    with(&project, COPY, "rollback", &[]).exits(7).says(&["no grant to run statements of its own"]);
    with(&project, &format!("{COPY}\nraw_sql = true"), "rollback", &[])
        .exits(7)
        .says(&["no grant to delete from `copies`", "missing grant: delete copies"]);
    let more = "allow = ['read people', 'insert copies', 'delete copies']\nraw_sql = true";
    with(&project, more, "rollback", &[]).succeeds();
    assert_eq!(project.value("SELECT count(*) FROM copies"), "0");
}

/// The database decides, whatever the component declares.
#[test]
fn what_is_not_granted_is_refused() {
    let project = people();
    let before = project.dump();
    let raw = format!("{COPY}\nraw_sql = true");
    for (grants, parameter, missing) in [
        (COPY, "read=id\ncard", "read people(card)"),
        ("allow = ['read people', 'update copies']", "transform=true", "insert copies"),
        (&raw, "statements=UPDATE people SET name = 'x'", "update people(name)"),
        (&raw, "statements=DELETE FROM others", "delete others"),
        (&raw, "statements=INSERT INTO copies SELECT id, secret FROM others", "read others"),
        (&raw, "statements=INSERT INTO copies (name) SELECT card FROM cards", "read"),
        (&raw, "statements=CREATE TABLE mine (id INTEGER)", "create mine"),
        (&raw, "statements=ALTER TABLE copies ADD COLUMN more TEXT", "alter copies"),
        (&raw, "statements=DROP TABLE others", "drop others"),
        (&raw, "statements=CREATE TRIGGER t AFTER INSERT ON copies BEGIN DELETE FROM others; END", ""),
    ] {
        // Tried or not, in a transaction or on a copy.
        for line in ["apply --dry-run", "apply --dry-run --on-copy", "apply"] {
            let output = with(&project, grants, line, &[parameter]);
            output.exits(7).says(&["0002_granted", missing]);
            assert_eq!(project.dump(), before, "{line}: {parameter}");
        }
    }
    with(&project, COPY, "apply --dry-run --on-copy", &["transform=true"]).succeeds().prints(&["person 1"]);
    assert_eq!(project.dump(), before);
}

/// A component that goes on after a refusal is not let through by it.
#[test]
fn a_refusal_that_is_handled_changes_nothing() {
    let project = people();
    let statements = "statements=?DELETE FROM others\n?DROP TABLE others\n?UPDATE runner_history SET name = 'x'";
    let raw = "allow = ['read people', 'insert copies', 'drop *', 'update *', 'read *']\nraw_sql = true";
    let output = with(&project, raw, "apply -v", &[statements, "transform=true"]);
    output.succeeds().says(&[
        "refused: DELETE FROM others",
        "accepted: DROP TABLE others",
        "refused: UPDATE runner_history",
    ]);
    assert_eq!(project.value("SELECT count(*) FROM copies"), "100");
    assert_eq!(project.value("SELECT name FROM runner_history ORDER BY revision DESC LIMIT 1"), "granted");
}

#[test]
fn all_gaps_are_told_before_anything_runs() {
    let project = people();
    project.component("0003_again", &guests::component("granted"));
    let settings = "allow = ['read people']\n[grants.0003_again]\nallow = ['read others', 'insert copies']";
    let before = project.dump();
    for line in ["apply", "apply --dry-run", "plan"] {
        with(&project, settings, line, &[]).exits(7).says(&[
            "2 components need more than they are granted",
            "`0002_granted` needs more than it is granted: insert copies",
            "`0003_again` needs more than it is granted: read people(id, name)",
            "`allow = [\"read people\", \"insert copies\"]`",
        ]);
        assert_eq!(project.dump(), before);
    }
    let output = with(&project, settings, "plan --format json", &[]);
    let document: serde_json::Value = serde_json::from_str(&output.exits(7).stdout).unwrap();
    let granted = &document["migrations"][1];
    assert_eq!(granted["granted"][1], "insert copies", "{document}");
    assert_eq!(granted["missing_grants"], serde_json::json!(["read people(id, name)"]), "{document}");
    let error = &document["error"];
    assert_eq!(error["exit_code"], 7, "{document}");
    assert_eq!(error["message"], "2 components need more than they are granted", "{document}");
}

#[test]
fn a_name_that_means_no_component_is_a_mistake() {
    let project = people();
    for (name, what) in [("0002_grnted", "no migration"), ("0001_people", "which is SQL"), ("granted", "no migration")]
    {
        project.write("runner.toml", format!("{PROJECT}[grants.{name}]\nallow = []\n"));
        project.runner("apply").exits(2).says(&[&format!("[grants.{name}]"), what, "hint:"]);
    }
    // A revision is enough.
    project.write("runner.toml", format!("{PROJECT}[grants.2]\n{COPY}\n"));
    project.runner("apply --parameter read=card").exits(7);
    project.runner("apply").succeeds();
}

/// Where the host may do everything, grants must not give a feeling of safety.
#[test]
fn grants_are_refused_to_a_host_that_may_write_everything() {
    let project = project!(Engine::Mariadb);
    project.sql("0001_a", "CREATE TABLE people (id INTEGER PRIMARY KEY)", "DROP TABLE people");
    project.component("0002_granted", &guests::component("granted"));
    project.settings(&format!("[grants.0002_granted]\n{COPY}"));
    project.runner("apply").exits(7).says(&["may write everything on the server", "hint:"]);
    assert!(project.history().is_empty());
}

/// Changes of the schema need their grants, and no statements of the component's own.
#[test]
fn the_schema_changes_as_it_is_granted() {
    let project = people();
    project.component("0003_changes", &guests::component("changes"));
    std::fs::remove_file(project.file("migrations/0002_granted.wasm")).unwrap();
    project.runner("build");
    let run = |allow: &str, changes: &str| {
        project.write("runner.toml", format!("{PROJECT}[grants.0003_changes]\nallow = [{allow}]\n"));
        let mut command = project.command(["apply", "--parameter", &format!("changes={changes}")]);
        project.finish(&mut command)
    };
    let before = project.dump();
    for (allow, change, why) in [
        ("", "create|mine", "missing grant: create mine"),
        ("'create mine'", "create|mine|others", "missing grant: alter others"),
        ("'alter mine', 'drop mine'", "create|mine", "missing grant: create mine"),
        ("'create mine'", "create|mine\ninsert|mine|label", "missing grant: insert mine"),
        ("'create mine'", "create|mine\nindex|mine|i|label", "missing grant: alter mine"),
        ("'create *'", "create|runner_journal", "`runner_journal` belongs to runner"),
        ("'create *'", "create|temp/mine", "missing grant: create temp.mine"),
        ("'create *', 'create temp.*'", "create|temp/mine", "temporary object"),
        ("'alter people'", "drop|people", "missing grant: drop people"),
        ("'alter people'", "add|others|more", "missing grant: alter others"),
        ("'alter *', 'read people(id)'", "call|people|card|id", "may not rename the column `card`"),
        ("'create *', 'drop *', 'alter *'", "rename|copies|mine", "may not rename a table"),
        ("'drop others'", "drop|others\"; DROP TABLE people --", "missing grant: drop"),
    ] {
        let output = run(allow, change);
        output.exits(7).says(&["0003_changes", why]);
        assert_eq!(project.dump(), before, "{change}");
    }
    let allow = "'create mine', 'alter mine', 'insert mine', 'read mine', 'alter people'";
    run(
        allow,
        "create|mine\nadd|mine|more\ninsert|mine|more\nindex|mine|i|more\nunindex|mine|i\ncall|people|card|number\n?drop|mine",
    )
    .succeeds();
    assert_eq!(project.value("SELECT more FROM mine"), "one");
    assert_eq!(project.value("SELECT number FROM people WHERE id = 1"), "card 1");
}

/// Scripts change the schema by the same calls: `tests/languages/*/granted.*`.
#[test]
fn scripts_change_the_schema_as_it_is_granted() {
    for (language, from, to) in [("python", "py", "py"), ("javascript", "js", "js"), ("javascript", "js", "ts")] {
        let project = people();
        let script = format!("tests/languages/{language}/granted.{from}");
        project
            .write(&format!("migrations/0003_changes.{to}"), std::fs::read(guests::repository().join(script)).unwrap());
        std::fs::remove_file(project.file("migrations/0002_granted.wasm")).unwrap();
        project.runner("build").succeeds();
        let run = |allow: &str, changes: &str| {
            project.write("runner.toml", format!("{PROJECT}[grants.0003_changes]\nallow = [{allow}]\n"));
            let mut command = project.command(["apply", "-v", "--parameter", &format!("changes={changes}")]);
            project.finish(&mut command)
        };
        let before = project.dump();
        let place = format!("migrations/0003_changes.{to}:");
        for (allow, change, why) in [
            ("", "create|mine", "missing grant: create mine"),
            ("'create mine'", "create|mine|others", "missing grant: alter others"),
            ("'create mine'", "create|mine\nindex|mine|i|label", "missing grant: alter mine"),
            ("'create *'", "create|runner_journal", "`runner_journal` belongs to runner"),
            ("'alter people'", "drop|people", "missing grant: drop people"),
            ("'alter people'", "add|others|more", "missing grant: alter others"),
            ("'alter people'", "remove|others|secret", "missing grant: alter others"),
            ("'alter *', 'read people(id)'", "call|people|card|id", "may not rename the column `card`"),
            ("'create *', 'drop *', 'alter *'", "rename|copies|mine", "may not rename a table"),
        ] {
            run(allow, change).exits(7).says(&["0003_changes", why, &place]);
            assert_eq!(project.dump(), before, "{to}: {change}");
        }
        // No statements of its own, and no more than is granted.
        let changes = "create|mine\nadd|mine|more\nindex|mine|i|more\nunindex|mine|i\ncall|mine|more|most\nremove|mine|label\n\
                       drop|copies\n?drop|people";
        let allow = "'create mine', 'alter mine', 'drop copies'";
        run(allow, changes).succeeds().says(&["refused: ?drop|people: denied"]);
        assert_eq!(project.value("SELECT group_concat(name) FROM pragma_table_info('mine')"), "id,most", "{to}");
        let tables = "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE name IN ('people', 'copies', 'mine') ORDER BY 1)";
        assert_eq!(project.value(tables), "mine,people", "{to}");
    }
}
