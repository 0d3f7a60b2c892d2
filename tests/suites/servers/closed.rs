//! The tool's own objects on PostgreSQL as users see them: what a migration plants there is refused by name, and what others have
//! done to them stops no run that is not told why.

use runner_tests::{Engine, TestProject, project};

use super::logins::Field;

const COPY: &str = "allow = ['read people(id, name)', 'insert copies']\nraw_sql = true";

/// A function that forges the history when it is called as its owner.
const FORGES: &str = "CREATE FUNCTION public.forges() RETURNS int LANGUAGE plpgsql AS $$ BEGIN \
    EXECUTE 'UPDATE run' || 'ner.run' || 'ner_history SET name = ''FORGED'''; RETURN 1; END $$;";

/// Removes a migration in SQL.
fn remove(project: &TestProject, id: &str) {
    for direction in ["up", "down"] {
        std::fs::remove_file(project.file(&format!("migrations/{id}.{direction}.sql"))).unwrap();
    }
}

/// A migration that runs this text, in which `~` hides the names of the tool's objects.
fn hidden(text: &str) -> String {
    format!("DO $do$ BEGIN EXECUTE replace($x${text}$x$, '~', ''); END $do$;")
}

#[test]
fn what_a_file_plants_on_the_gate_is_refused() {
    let field = Field::new();
    field.grants(COPY).sync();
    field.database().client().as_user(field.host(), "host").sql(FORGES);
    field.run("apply", &["transform=true"]).succeeds();
    let before = field.state();
    for planted in [
        "ALTER TABLE run~ner_gate.ticket ALTER opened_at SET DEFAULT now() + forges() * interval '1s'",
        "ALTER TABLE run~ner_gate.underway ADD CHECK (forges() = 1) NOT VALID",
        "CREATE INDEX planted ON run~ner_gate.ticket (pid) WHERE pid > 0",
        "CREATE TABLE public.heir () INHERITS (run~ner_gate.ticket)",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA run~ner GRANT ALL ON TABLES TO PUBLIC",
        "CREATE DOMAIN run~ner.runner~_lease AS int",
    ] {
        field.project().sql("0003_plants", &hidden(planted), "SELECT 1;");
        field.run("apply", &[]).exits(7).says(&["runner's own", "hint:"]);
        assert_eq!(field.state(), before, "{planted}");
        remove(field.project(), "0003_plants");
        // Planted by somebody else, it is named before it is relied on.
        let sql = |text: &str| field.database().client().as_user(field.host(), "host").sql(&text.replace('~', ""));
        sql(planted);
        for line in ["grants list", "plan", "apply"] {
            field.run(line, &[]).exits(7).says(&["are not as runner made them", "hint: find out who made it"]);
        }
        sql(match planted {
            planted if planted.contains("DEFAULT now") => {
                "ALTER TABLE run~ner_gate.ticket ALTER opened_at SET DEFAULT now()"
            }
            planted if planted.contains("CHECK") => "ALTER TABLE run~ner_gate.underway DROP CONSTRAINT underway_check",
            planted if planted.contains("INDEX") => "DROP INDEX run~ner_gate.planted",
            planted if planted.contains("INHERITS") => "DROP TABLE public.heir",
            planted if planted.contains("DOMAIN") => "DROP DOMAIN run~ner.runner~_lease",
            _ => "ALTER DEFAULT PRIVILEGES IN SCHEMA run~ner REVOKE ALL ON TABLES FROM PUBLIC",
        });
    }
    field.run("grants list", &[]).succeeds().prints(&["in line"]);
}

/// A trigger of the application runs as its owner, who is the host, in the transaction of a component; at once or in the commit.
#[test]
fn the_history_is_compared_in_the_transaction_of_a_component() {
    let field = Field::new();
    field.grants(COPY).sync();
    let as_host = |text: &str| drop(field.database().client().as_user(field.host(), "host").sql(text));
    as_host(
        "CREATE FUNCTION public.forges() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN \
         EXECUTE 'UPDATE run' || 'ner.run' || 'ner_history SET name = ''FORGED'''; RETURN NULL; END $$",
    );
    for trigger in [
        "CREATE TRIGGER forges AFTER INSERT ON copies FOR EACH ROW EXECUTE FUNCTION forges()",
        "CREATE CONSTRAINT TRIGGER forges AFTER INSERT ON copies DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION forges()",
    ] {
        as_host(trigger);
        let before = field.state();
        for parameter in ["transform=true", "statements=INSERT INTO copies VALUES (1, 'a')"] {
            field.run("apply", &[parameter]).exits(7).says(&["0002_granted", "one of runner's own tables"]);
            assert_eq!(field.state(), before, "{trigger} {parameter}");
        }
        as_host("DROP TRIGGER forges ON copies");
    }
    field.run("apply", &["transform=true"]).succeeds();
}

/// Rows of the history are numbered by what the tables hold. A sequence, which older builds have made, can be set by whoever owns it,
/// and no rollback takes that back.
#[test]
fn numbers_of_the_history_do_not_depend_on_a_sequence() {
    let project = project!(Engine::Postgres);
    project.sql("0001_a", "CREATE TABLE a (id int);", "DROP TABLE a;");
    project.runner("apply").succeeds();
    for table in ["history", "repair"] {
        project.execute(&format!(
            "ALTER TABLE runner.runner_{table} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 2)"
        ));
    }
    for (number, attack) in [
        "SELECT setval(('runner.runner_'||'history_id_seq')::regclass, 9223372036854775807)",
        "SELECT setval(('runner.runner_'||'history_id_seq')::regclass, 1, false)",
        "DO $$ BEGIN EXECUTE 'ALTER SEQUENCE runner.runner_'||'history_id_seq MAXVALUE 2'; END $$",
        "SELECT setval(('runner.runner_'||'repair_id_seq')::regclass, 9223372036854775807)",
    ]
    .into_iter()
    .enumerate()
    {
        project.sql("0099_attack", &format!("{attack};"), "SELECT 1;");
        project.runner("apply").exits(7).says(&["runner's own", "left no changes"]);
        project.sql("0099_attack", &format!("{attack}; SELECT 1/0;"), "SELECT 1;");
        project.runner("apply").exits(1).says(&["division by zero"]);
        remove(&project, "0099_attack");
        for mode in ["", "-- runner:no-transaction\n"] {
            let id = format!("{}", 10 + 2 * number + usize::from(!mode.is_empty()));
            project.sql(
                &format!("00{id}_fine"),
                &format!("{mode}CREATE TABLE t{id} (id int);"),
                &format!("DROP TABLE t{id};"),
            );
            project.runner("apply").succeeds();
        }
    }
    assert_eq!(project.rows("SELECT count(*) = max(id) AND count(*) = 9 FROM runner.runner_history"), ["t"]);
    project.runner("rollback").succeeds();
    project.runner("verify").succeeds();
}
