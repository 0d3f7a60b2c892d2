//! What an answer of a server can make the process hold: little more than the guest may have, whatever a guest asks for.

use std::fs::File;
use std::process::Stdio;

use runner_tests::hostile::Behaviour;
use runner_tests::{Engine, EngineProject, for_each_server, guests, peak, project};

/// The memory of the guest, and what the process may take beside it, in MiB.
const GUEST: i64 = 64;
const BESIDE: i64 = 64;

/// What the run says whose answer had to be cut off.
const TOO_LARGE: &[&str] =
    &["the server's answer has a row or a text of more than", "hint: select fewer or shorter columns"];

/// Runs what is pending. Returns the exit code and what it said, once it is proven that it took no more memory than it may.
fn bounded(project: &EngineProject, arguments: &[&str]) -> (Option<i32>, String) {
    let errors = project.root().join("errors.txt");
    let mut command = project.command(["apply", "--quiet"]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&errors).unwrap());
    let (status, taken) = peak(&mut command);
    let said = std::fs::read_to_string(errors).unwrap();
    assert!(taken <= (GUEST + BESIDE) << 10, "{taken} KiB\n{said:.2000}");
    assert!(!said.contains("panicked") && said.len() < 1 << 20, "{said:.2000}");
    (status.code(), said)
}

/// A project whose pending migration has been compiled before: compiling takes memory of its own.
fn compiled(engine: Engine, tables: &str, component: &str) -> EngineProject {
    let project = project!(engine);
    let people =
        "CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, score DOUBLE PRECISION);";
    project.sql("0001_tables", &format!("{people}\n{tables}"), "DROP TABLE people;");
    project.component("0002_attack", &guests::component(component));
    project.settings(&format!("[limits]\nguest_memory = \"{GUEST}MiB\"\n"));
    project.runner("apply --target 0001").succeeds();
    project
}

/// Lets a component make a call with the statement, by itself.
fn attack(engine: Engine, call: &str, statement: &str) -> (Option<i32>, String) {
    let project = compiled(engine, "", "hostile");
    let behaviour = format!("behaviour={}", Behaviour::Statements.name());
    let (call, statements) = (format!("call={call}"), format!("statements={statement}"));
    let found = bounded(&project, &["--parameter", &behaviour, "--parameter", &call, "--parameter", &statements]);
    if engine == Engine::Postgres && found.0 != Some(0) {
        assert_eq!(project.history(), ["0001"]);
        assert_eq!(project.value("SELECT count(*) FROM pg_class WHERE relname = 'made_by_hostile'"), "0");
    }
    found
}

/// The exit code of a limit, or where steps before it are committed, that of a migration which took effect in part.
fn limit(engine: Engine) -> Option<i32> {
    Some(if engine == Engine::Postgres { 7 } else { 6 })
}

fn is_cut_off(engine: Engine, call: &str, statement: &str) {
    let (code, said) = attack(engine, call, statement);
    assert_eq!(code, limit(engine), "{call}: {statement:.80}\n{said}");
    assert!(TOO_LARGE.iter().all(|part| said.contains(part)), "{call}: {statement:.80}\n{said}");
}

/// A row of so many columns of 15 MB, which each engine can make.
fn row(columns: usize) -> String {
    let columns: Vec<String> = (0..columns).map(|at| format!("repeat('a', 15000000) AS c{at}")).collect();
    format!("SELECT {}", columns.join(", "))
}

for_each_server! {
    fn a_wide_row_ends_a_query(engine) {
        is_cut_off(engine, "query", &row(20));
    }

    /// MariaDB keeps it in a temporary table first, for which the server of the tests has some room only.
    fn a_wide_row_ends_a_batch(engine) {
        is_cut_off(engine, "read", &row(4));
    }

    /// What nobody looks at is received, too.
    fn a_wide_row_ends_a_statement(engine) {
        is_cut_off(engine, "execute", &row(20));
    }

    fn many_wide_rows_are_read_one_by_one(engine) {
        let statement = format!("SELECT i, repeat('a', 15000000) AS a FROM ({}) AS n", engine.numbers(8));
        let (code, said) = attack(engine, "read", &statement);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = attack(engine, "execute", &statement);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = attack(engine, "query", &statement);
        assert!(code == limit(engine) && said.contains("the result has more than"), "{said}");
    }

    /// Cells without bytes take room, too.
    fn many_empty_cells_end_a_query(engine) {
        let nulls = vec!["NULL"; 800].join(", ");
        let (code, said) = attack(engine, "query", &format!("SELECT {nulls} FROM ({}) AS n", engine.numbers(10_000)));
        assert!(code == limit(engine) && said.contains("the result has more than"), "{said:.2000}");
    }

    /// A table with rows of 2 MB after narrow ones: what is asked for together is judged by those before.
    fn a_transform_over_rows_that_become_wide(engine) {
        let tables = format!(
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, name {});\n\
             INSERT INTO wide SELECT i, CASE WHEN i > 20000 THEN repeat('a', 2000000) ELSE 'a' END FROM ({}) AS n;",
            if engine == Engine::Postgres { "TEXT" } else { "LONGTEXT" },
            engine.numbers(20_060),
        );
        let (code, said) = bounded(&compiled(engine, &tables, "turn"), &["--parameter", "source=wide"]);
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn a_long_cell_ends_each_call() {
    for call in ["query", "read", "execute"] {
        is_cut_off(Engine::Postgres, call, "SELECT repeat('a', 300000000) AS a");
    }
}

#[test]
fn a_long_error_ends_each_call() {
    for call in ["query", "read", "execute"] {
        is_cut_off(Engine::Postgres, call, "SELECT repeat('a', 200000000)::int AS a");
    }
}

#[test]
fn an_error_that_is_just_short_enough_is_told_in_part() {
    let (code, said) = attack(Engine::Postgres, "execute", "SELECT repeat('a', 15000000)::int AS a");
    assert!(code == Some(1) && said.contains("invalid input syntax"), "{said:.2000}");
}

#[test]
fn a_long_warning_is_cut_off() {
    let project = project!(Engine::Postgres);
    project.sql("0001_warning", "DO $$ BEGIN RAISE WARNING '%', repeat('a', 200000000); END $$;", "SELECT 1;");
    let (code, said) = bounded(&project, &[]);
    assert!(code == Some(7) && TOO_LARGE.iter().all(|part| said.contains(part)), "{said}");
    assert!(project.history().is_empty());
}

/// They are shown nowhere, so the server is told to keep them.
#[test]
fn any_number_of_notices_may_be_raised() {
    let project = project!(Engine::Postgres);
    let flood = "DO $$ BEGIN FOR i IN 1..300000 LOOP RAISE NOTICE 'row % is done, and so are those before', i; END LOOP; END $$;";
    project.sql("0001_notices", flood, "SELECT 1;");
    let (code, said) = bounded(&project, &[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn rows_that_become_wide_end_a_cursor() {
    let statement =
        "SELECT i, repeat('a', CASE WHEN i > 1000 THEN 1000000 ELSE 10 END) AS a FROM generate_series(1, 1200) AS i";
    let (code, said) = attack(Engine::Postgres, "read", statement);
    assert!(code == Some(7) && said.contains("bytes arrived beyond a batch"), "{said}");
}

/// A page of a table, which is copied once its rows are known to be narrow.
#[test]
fn a_long_cell_of_a_table_ends_a_page() {
    for first in [1, 20_001] {
        let tables = format!(
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, name TEXT);\n\
             INSERT INTO wide SELECT i, 'a' FROM generate_series(1, 20000) AS i WHERE i < {first};\n\
             INSERT INTO wide VALUES ({first}, repeat('a', 200000000));"
        );
        let project = compiled(Engine::Postgres, &tables, "turn");
        let (code, said) = bounded(&project, &["--parameter", "source=wide"]);
        assert!(code == Some(7) && TOO_LARGE.iter().all(|part| said.contains(part)), "{said}");
        assert_eq!(project.value("SELECT count(*) FROM wide WHERE name <> lower(name)"), "0");
    }
}
