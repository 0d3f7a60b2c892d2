//! Statements that change much of a table at once.

use runner_tests::{Engine, EngineProject, for_each_engine, guests};

/// Rows, each with a unique text of [`WIDTH`] bytes: 12 MB with its index, more than is kept in memory to undo a statement.
const ROWS: u64 = 12_000;
const WIDTH: u64 = 500;

fn project(engine: Engine) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    let text = match engine {
        Engine::Sqlite => format!("replace(printf('%{WIDTH}s', i), ' ', 'x')"),
        _ => format!("lpad(concat(i, ''), {WIDTH}, 'x')"),
    };
    let numbers = engine.numbers(ROWS);
    let table = format!(
        "CREATE TABLE wide (id INTEGER PRIMARY KEY, name VARCHAR(600) NOT NULL UNIQUE);\n\
         INSERT INTO wide (id, name) SELECT i, {text} FROM ({numbers}) AS n;\n"
    );
    project.sql("1_wide", &table, "DROP TABLE wide;");
    project
}

fn longest(project: &EngineProject) -> String {
    project.value("SELECT concat(count(*), ' ', min(length(name)), ' ', max(length(name))) FROM wide")
}

for_each_engine! {
    fn a_statement_changes_every_row_and_index_of_a_table(engine) {
        let project = project(engine);
        project.sql("2_longer", "UPDATE wide SET name = concat(name, 'y');", "UPDATE wide SET name = substr(name, 1, 500);");
        project.runner("apply").succeeds();
        assert_eq!(longest(&project), "12000 501 501");
        project.runner("rollback --target 1").succeeds();
        assert_eq!(longest(&project), "12000 500 500");
    }

    fn a_statement_that_fails_late_leaves_nothing(engine) {
        let project = project(engine);
        project.sql("2_longer", "UPDATE wide SET name = CASE WHEN id = 12000 THEN NULL ELSE concat(name, 'y') END;", "SELECT 1;");
        project.runner("apply").exits(1).says(&["name"]);
        assert_eq!(longest(&project), "12000 500 500");
    }

    fn a_transform_changes_wide_rows_in_one_chunk(engine) {
        let project = project(engine);
        project.component("2_turn", &guests::component("turn"));
        project.settings("[parameters]\nsource = 'wide'\n[limits]\nbatch_rows = 12000\n");
        project.runner("apply").succeeds();
        let upper = match engine {
            Engine::Mariadb => "binary name LIKE binary 'XXXX%'",
            Engine::Sqlite => "name GLOB 'XXXX*'",
            Engine::Postgres => "name LIKE 'XXXX%'",
        };
        assert_eq!(project.value(&format!("SELECT count(*) FROM wide WHERE {upper}")), "12000");
    }
}
