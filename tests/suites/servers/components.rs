//! What a component may not do on servers, through the program: what it tries leaves no trace and nothing to repair.

use runner_tests::hostile::Behaviour;
use runner_tests::{Engine, EngineProject, Output, for_each_engine, guests, project};

/// A project with the table `people`, and the hostile component as the next migration.
fn hostile(engine: Engine) -> EngineProject {
    let project = project!(engine);
    project
        .sql(
            "0001_people",
            "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, score DOUBLE PRECISION);\n\
             INSERT INTO people (id, name) VALUES (1, 'Ada');",
            "DROP TABLE people;",
        )
        .component("0002_hostile", &guests::component("hostile"));
    project.runner("apply --target 0001").succeeds();
    project
}

fn apply(project: &EngineProject, behaviour: Behaviour) -> Output {
    project.runner(&format!("apply --parameter behaviour={}", behaviour.name()))
}

for_each_engine! {
    /// Also where each batch commits with a writer of its own.
    fn a_finished_writer_is_closed(engine) {
        let project = hostile(engine);
        let output = apply(&project, Behaviour::WriteAfterFinish);
        assert_ne!(output.exit_code(), Some(0), "{output}");
        output.says(&["this writer is closed", "0002_hostile"]);
        assert_eq!(project.value("SELECT count(*) FROM people"), "1");
    }
}

/// Each is refused before it runs, or by the server before it begins, so that its outcome is known.
const REFUSED: &[&str] = &[
    "EXECUTE IMMEDIATE CONCAT('UPDATE runner', '_history SET name = 1')",
    "BEGIN NOT ATOMIC EXECUTE IMMEDIATE CONCAT('UPDATE runner', '_history SET name = 1'); COMMIT; END",
    "IF 1 THEN DELETE FROM people; END IF",
    "CALL sys.execute_prepared_stmt(CONCAT('UPDATE runner', '_history SET name = 1'))",
    "CALL nothing(",
    "UPDATE runner_history SET name = 'x'",
    "SET foreign_key_checks = 0",
    "SET GLOBAL max_connections = 5",
    "XA START 'x'",
    "KILL 1",
    "DO RELEASE_ALL_LOCKS()",
    "CREATE USER evil",
    "SELECT * FROM mysql.global_priv",
    "SELECT 1 INTO OUTFILE '/tmp/runner-evil'",
    "/*!50000 COMMIT */",
    "COMMIT",
];

#[test]
fn a_refused_statement_leaves_nothing_to_repair_on_mariadb() {
    let project = hostile(Engine::Mariadb);
    let list = REFUSED.join("\n");
    project.settings(&format!("[parameters]\nstatements = '''\n{list}'''"));
    let before = project.value("SELECT name FROM runner_history WHERE revision = '0001'");
    let output = apply(&project, Behaviour::Statements);
    output.succeeds();
    let accepted: Vec<&str> = output.stderr.lines().filter(|line| line.contains("accepted: ")).collect();
    assert!(accepted.is_empty(), "a component may not run these:\n{}", accepted.join("\n"));
    assert_eq!(project.history(), ["0001", "0002"]);
    assert_eq!(project.value("SELECT name FROM runner_history WHERE revision = '0001'"), before);
    assert_eq!(project.value("SELECT count(*) FROM people"), "1");
    project.runner("rollback").succeeds();
}
