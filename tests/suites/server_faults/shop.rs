//! The project used in this suite, and the possible states of its database.

use std::sync::OnceLock;

use runner_tests::servers::Server;
use runner_tests::{Engine, EngineProject, Output, guests};

/// Three migrations: SQL, a component, SQL. Running anything twice leaves a different result.
pub fn shop(server: &Server) -> EngineProject {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let project = EngineProject::on(env!("CARGO_BIN_EXE_runner"), server.database());
    let engine = project.engine();
    project
        .sql(
            "0001_items",
            &format!("{}CREATE TABLE runs (n INTEGER NOT NULL);\nINSERT INTO runs VALUES (1);", engine.items(2000)),
            "DROP TABLE runs;\nDROP TABLE items;",
        )
        .component("0002_steps", COMPONENT.get_or_init(|| guests::component("steps")))
        .sql(
            "0003_totals",
            "CREATE TABLE totals (id INTEGER NOT NULL, price DOUBLE PRECISION);\n\
             INSERT INTO totals SELECT floor(id / 10.0), sum(price) FROM items GROUP BY floor(id / 10.0);\n\
             INSERT INTO runs VALUES (3);\n\
             CREATE INDEX totals_id ON totals (id);\n\
             UPDATE items SET price = price + 1;",
            "UPDATE items SET price = price - 1;\nDELETE FROM runs WHERE n = 3;\nDROP TABLE totals;",
        );
    project
}

/// The content of the database at each version.
fn versions(engine: Engine) -> &'static [Vec<String>; 4] {
    static VERSIONS: [OnceLock<[Vec<String>; 4]>; 3] = [const { OnceLock::new() }; 3];
    VERSIONS[engine as usize].get_or_init(|| {
        let project = shop(engine.server().unwrap());
        let at = |line: &str| {
            project.runner(line).succeeds();
            project.state()
        };
        let versions = [at("status"), at("apply --target 1"), at("apply --target 2"), at("apply")];
        assert_eq!(at("rollback --all"), versions[0], "the way down leads elsewhere");
        versions
    })
}

/// Whether a revision is partial, which is only possible on engines whose DDL commits implicitly.
fn is_partial(project: &EngineProject) -> bool {
    project.engine() == Engine::Mariadb
        && project.has_history()
        && project.value("SELECT count(*) FROM runner_history WHERE state LIKE 'part%'") != "0"
}

/// The database is at the version in the history, unless the history lists a revision as partial.
#[track_caller]
pub fn is_sound(project: &EngineProject, moment: &str, output: &str) -> usize {
    let history = project.history();
    assert_eq!(history, ["0001", "0002", "0003"][..history.len()], "{moment}\n{output}");
    if !is_partial(project) {
        let (found, wanted) = (project.state(), &versions(project.engine())[history.len()]);
        assert!(found == *wanted, "{moment}: the history says {history:?}\n{}\n{output}", difference(wanted, &found));
    }
    history.len()
}

/// The lines that only one of the two has.
fn difference(wanted: &[String], found: &[String]) -> String {
    let only = |here: &[String], there: &[String], sign: &str| {
        let lines = here.iter().filter(|line| !there.contains(line)).take(10);
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>().join("\n")
    };
    format!("{}\n{}", only(wanted, found, "-"), only(found, wanted, "+"))
}

/// The next run continues by itself, to the last version.
#[track_caller]
pub fn heals(project: &EngineProject, moment: &str) {
    let status = project.runner("status");
    assert!(status.exit_code() == Some(0), "{moment}\n{status}");
    let output = apply(project);
    let output = if output.exit_code() == Some(6) { decide(project, &output) } else { output };
    assert!(output.exit_code() == Some(0), "{moment}\n{output}");
    assert_eq!(is_sound(project, moment, &output.to_string()), 3, "{moment}\n{output}");
    project.runner("status --exit-code").exits(0);
}

/// An interrupted rollback has to be completed first.
fn decide(project: &EngineProject, output: &Output) -> Output {
    assert!(output.stderr.contains("hint: `runner rollback` resumes it"), "{output}");
    project.runner("rollback").succeeds();
    apply(project)
}

/// Applies. A server that was killed within a `DROP TABLE` can have left the table's file, and refuses the table then: what the hint
/// says is done.
fn apply(project: &EngineProject) -> Output {
    let output = project.runner("apply");
    if !output.stderr.contains(LEFT_BEHIND) {
        return output;
    }
    assert!(output.stderr.contains(REMOVE_IT), "{output}");
    let files = project.value("SELECT concat(@@datadir, database())");
    let tables = project.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = database()");
    for file in std::fs::read_dir(files).unwrap().map(|entry| entry.unwrap().path()) {
        let table = file.file_stem().unwrap().to_string_lossy().into_owned();
        if file.extension().is_some_and(|it| it == "ibd") && !tables.contains(&table) {
            std::fs::remove_file(file).unwrap();
        }
    }
    project.runner("apply")
}

/// What a server says that has the file of a table, but not the table.
pub const LEFT_BEHIND: &str = "errno: 184 \"Tablespace already exists\"";

/// What is said about it.
pub const REMOVE_IT: &str =
    "hint: a crash of the server left the file of a table that is gone: remove the table's `.ibd` file";
