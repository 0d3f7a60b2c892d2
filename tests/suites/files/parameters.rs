//! `${NAME}` in files that begin with `-- runner:parameters`.

use super::*;

const ASKS: &str = "-- runner:parameters\n";

for_each_engine! {
    fn parameters_have_their_values_in_names_strings_and_bodies(engine) {
        let project = project!(engine);
        project.settings("[parameters]\ntable = \"users\"\ncity = \"Zürich\"\nrows = 3\n[environments.test]\n\
            parameters = { city = \"Bern\" }\n");
        if engine != Engine::Sqlite {
            project.settings(&format!("url = \"{}\"", project.url()));
        }
        let up = "CREATE TABLE ${table} (id INTEGER PRIMARY KEY, city VARCHAR(80)); -- not ${here}\n\
            INSERT INTO ${table} VALUES (${rows}, 'of ${city} ${$}{city}');";
        project.sql("1_a", &format!("{ASKS}{up}"), "DROP TABLE ${table};");
        // Without the directive it is text.
        project.sql("2_b", "INSERT INTO users VALUES (9, '${city}');", "DELETE FROM users WHERE id = 9;");
        if engine == Engine::Postgres {
            let block = "DO $$ BEGIN EXECUTE 'UPDATE ${table} SET id = id + 1 WHERE id = ${rows}'; END $$;";
            project.sql("3_c", &format!("{ASKS}{block}"), "UPDATE ${table} SET id = ${rows} WHERE id = ${rows} + 1;");
            project.write("migrations/3_c.down.sql", format!("{ASKS}UPDATE ${{table}} SET id = 3 WHERE id = ${{rows}} + 1;"));
        }
        project.runner("validate").succeeds();
        project.runner("plan --sql").succeeds().prints(&["CREATE TABLE users (", "'of Zürich ${city}'", "'${city}'"]);
        project.runner("plan --sql -p table=people").succeeds().prints(&["CREATE TABLE people ("]);
        if engine != Engine::Mariadb {
            project.runner("apply --dry-run").succeeds().prints(&["'of Zürich ${city}'"]);
        }
        project.runner("apply").succeeds();
        let id = if engine == Engine::Postgres { 4 } else { 3 };
        assert_eq!(project.rows("SELECT id, city FROM users ORDER BY id"), [format!("{id}|of Zürich ${{city}}"), "9|${city}".to_owned()]);
        project.runner("rollback --all").succeeds();
        let mut command = project.command(["apply", "--environment", "test"]);
        project.finish(command.env("RUNNER_PARAMETER_ROWS", "5")).succeeds();
        assert_eq!(project.value("SELECT min(city) FROM users WHERE id > 3 AND id < 9"), "of Bern ${city}");
        // The digest is of the file, whatever the values.
        project.runner("status").succeeds();
        project.runner("verify").succeeds();
    }

    fn a_rollback_uses_what_was_used(engine) {
        let project = project!(engine);
        project.settings("[parameters]\ntable = \"old\"\n");
        project.sql("1_a", &format!("{ASKS}CREATE TABLE ${{table}} (id INTEGER);"), "DROP TABLE ${table};");
        project.runner("apply").succeeds();
        let rollback = project.runner("rollback -p table=other");
        rollback.succeeds().says(&["warning", "the parameter `table` has the value that `1_a` was applied with"]);
        project.runner("apply -p table=other").succeeds();
        project.runner("plan --target base --sql").succeeds().prints(&["DROP TABLE other"]);
        // Nor does it need the file, or the setting.
        for direction in ["up", "down"] {
            std::fs::remove_file(project.file(&format!("migrations/1_a.{direction}.sql"))).unwrap();
        }
        project.write("runner.toml", "[project]\nname = \"test\"\n");
        project.runner("rollback").succeeds();
        assert!(project.state().iter().all(|line| !line.contains("CREATE TABLE") || line.contains("runner")));
    }

    fn a_run_is_not_resumed_with_other_values(engine) {
        let project = project!(engine);
        let up = "-- runner:no-transaction\nCREATE TABLE ${table} (id INTEGER);\nINSERT INTO ${table} VALUES (${n});\n\
            INSERT INTO ${late} VALUES (1);";
        project.sql("1_a", &format!("{ASKS}{up}"), "DROP TABLE ${table};");
        let run = |line: &str| project.runner(&format!("{line} -p n=1 -p late=none"));
        run("apply -p table=a").exits(6);
        let refused = run("apply -p table=b");
        refused.exits(4).says(&["the parameter `table` had another value when the interrupted migration began", "runner rollback"]);
        assert_eq!(project.value("SELECT count(*) FROM a"), "1");
        // The downgrade gets the value of the upgrade.
        run("rollback -p table=b").succeeds();
        run("apply -p table=a").exits(6);
        // What is fixed may name another parameter.
        project.write("migrations/1_a.up.sql", format!("{ASKS}{up}").replace("${late}", "${right}"));
        run("apply -p table=a -p right=a").succeeds();
        assert_eq!(project.value("SELECT count(*) FROM a"), "2");
        run("rollback").succeeds();
    }
}

#[test]
fn all_parameters_without_a_value_are_named_at_once() {
    let project = project!();
    project.settings("[parameters]\ntable = \"users\"\n");
    project.sql("1_a", &format!("{ASKS}\nCREATE TABLE ${{tabel}} (id INTEGER);"), "DROP TABLE ${tabel};").sql(
        "2_b",
        "SELECT '${x}';",
        &format!("{ASKS}SELECT '${{x}}', '${{y}}';"),
    );
    assert_snapshot!(project.runner("validate").snapshot());
    for verb in ["plan", "apply", "apply --dry-run"] {
        project.runner(verb).exits(2).says(&[
            "parameters without a value, in 4 places",
            "1_a.up.sql:3",
            "2_b.down.sql:2",
        ]);
    }
    project.runner("apply -p tabel=t -p x=1").exits(2).says(&["`y`", "--parameter y=VALUE", "2_b.down.sql:2"]);
    assert!(!project.file("runner.db").exists() || project.dump_user().tables().is_empty());
    project.runner("apply -p tabel=t -p x=1 -p y=2").succeeds();
    // What is applied needs no value any more.
    project.runner("apply").succeeds();
    project.runner("status").succeeds();
}

#[test]
fn what_cannot_run_is_listed_beside_a_parameter_without_a_value() {
    let project = project!();
    project.sql("1_a", &format!("{ASKS}SELECT ${{x}};"), "SELECT 1;").sql("2_b", "SELECT 1;\nCOMMIT;", "SELECT 1;");
    for verb in ["validate", "plan", "apply", "apply --dry-run"] {
        project.runner(verb).says(&["1_a.up.sql:2", "`x`", "2_b.up.sql:2", "cannot begin or end transactions"]);
    }
    project.runner("plan").exits(2);
}

#[test]
fn what_is_no_parameter_is_refused() {
    let project = project!();
    project
        .sql("1_a", &format!("{ASKS}SELECT '${{a b}}';"), "SELECT 1;")
        .sql("2_b", &format!("{ASKS}SELECT 1,\n  '$${{a}}';"), "SELECT 1;")
        .sql("3_c", "-- runner:parameters please\nSELECT 1;", "SELECT 1;");
    assert_snapshot!(project.runner("validate").snapshot());
}

#[test]
fn a_section_of_a_file_has_the_directive_of_the_file() {
    let project = project!();
    let text = format!("{ASKS}-- migrate:up\nCREATE TABLE ${{t}} (id INTEGER);\n-- migrate:down\nDROP TABLE ${{t}};\n");
    project.write("migrations/1_a.sql", text);
    project.runner("apply -p t=things").succeeds();
    assert_eq!(project.dump_user().tables(), ["things"]);
    // A changed file that is accepted keeps the values.
    project.runner("build").succeeds();
    let text = project.read("migrations/1_a.sql").replace("INTEGER", "INTEGER NOT NULL");
    project.write("migrations/1_a.sql", text);
    project.runner("build").succeeds();
    project.run(["repair", "1", "--accept-checksum", "--why", "typo"]).succeeds();
    project.runner("rollback").succeeds();
    assert!(project.dump_user().tables().is_empty());
}
