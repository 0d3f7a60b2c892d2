//! A transform of three times the data takes no more memory, with every cache as large as it is by default. The rows are wide, so
//! that the smaller run fills the caches, and what is kept whole anywhere shows.

use std::process::Stdio;

use runner_tests::{Engine, EngineProject, for_each_engine, guests, peak};

/// Bytes of text in a row.
const WIDTH: u64 = 4 << 10;
/// Rows of the smaller run: 48 MiB of text.
const FEW: u64 = 12_000;
/// Rows of the larger one: 96 MiB more.
const MANY: u64 = 3 * FEW;
/// What the larger run may take beyond the smaller one, in KiB: a quarter of what it moves more. Runs of the same size differ by
/// up to 10 MiB.
const SLACK: i64 = 24 << 10;

/// The peak memory of a transform over this many wide rows, in KiB.
fn taken(engine: Engine, rows: u64, parameters: &str) -> i64 {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    let text = match engine {
        Engine::Mariadb => "LONGTEXT",
        _ => "TEXT",
    };
    let wide = match engine {
        Engine::Sqlite => format!("replace(printf('%{WIDTH}s', i), ' ', 'x')"),
        _ => format!("lpad(concat(i, ''), {WIDTH}, 'x')"),
    };
    let numbers = engine.numbers(rows);
    let tables = format!(
        "CREATE TABLE wide (id BIGINT PRIMARY KEY, name {text});\nCREATE TABLE copies (id BIGINT PRIMARY KEY, name {text});\n\
         INSERT INTO wide (id, name) SELECT i, {wide} FROM ({numbers}) AS n;\n"
    );
    project.sql("1_tables", &tables, "SELECT 1;").component("2_turn", &guests::component("turn"));
    project.settings(&format!("[parameters]\n{parameters}"));
    project.runner("apply --target 1").succeeds();
    let mut command = project.command(["apply"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (status, peak) = peak(&mut command);
    assert!(status.success(), "{status}");
    let written = format!("SELECT rows_written FROM {} WHERE revision = '2'", engine.history_table());
    assert_eq!(project.value(&written), rows.to_string());
    peak
}

for_each_engine! {
    fn an_update_of_wide_rows_takes_no_more_memory_if_there_are_more(engine) {
        let (few, many) = (taken(engine, FEW, "source = 'wide'"), taken(engine, MANY, "source = 'wide'"));
        assert!(many < few + SLACK, "{MANY} rows took {many} KiB, and {FEW} rows {few} KiB");
    }

    fn a_copy_of_wide_rows_takes_no_more_memory_if_there_are_more(engine) {
        let copy = "source = 'wide'\ntarget = 'copies'\nmode = 'insert'";
        let (few, many) = (taken(engine, FEW, copy), taken(engine, MANY, copy));
        assert!(many < few + SLACK, "{MANY} rows took {many} KiB, and {FEW} rows {few} KiB");
    }
}
