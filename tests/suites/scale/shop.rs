//! The table that is transformed, and its possible states afterwards.

use std::ops::Range;
use std::sync::OnceLock;

use runner_tests::servers::Session;
use runner_tests::{Engine, EngineProject, guests, project};

/// Tables `items`, with this many rows and the keys 10, 20, 30 …, and `log`, which would accept a row twice.
pub fn items(engine: Engine, rows: u64, settings: &str) -> EngineProject {
    let project = project!(engine);
    project
        .sql(
            "0001_items",
            &format!(
                "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, app BIGINT NOT NULL);\n\
                 INSERT INTO items (id, n, app) SELECT i * 10, i, 0 FROM ({}) AS numbers;\n\
                 CREATE TABLE log (id BIGINT NOT NULL, n BIGINT NOT NULL, app BIGINT NOT NULL);",
                engine.numbers(rows)
            ),
            "DROP TABLE log;\nDROP TABLE items;",
        )
        .component("0002_scale", component())
        .settings(settings);
    project.runner("apply --target 1").succeeds();
    project
}

/// Locks the rows with keys between these two until it is dropped. A worker whose chunk has such a row waits for it, and others
/// claim the next chunks: with more chunks there than workers, nobody comes past it, however long the test takes to act.
///
/// The runs need `--table-lock-timeout none`.
pub fn gate(project: &EngineProject, keys: Range<u64>) -> Session {
    let Range { start, end } = keys;
    let mut session = project.server_database().client().session();
    if project.engine() == Engine::Mariadb {
        // Otherwise it would lock all rows if it reads the whole table to find these.
        session.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    }
    // Never committed: whoever has waited finds the rows as they were.
    session.run(&format!("BEGIN; UPDATE items SET app = app WHERE id > {start} AND id < {end}"));
    session
}

/// The component that processes it.
pub fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("scale"))
}

/// Each row was transformed once, and is in the log once.
#[track_caller]
pub fn is_done_once(project: &EngineProject, rows: u64, said: &str) {
    let wrong = project.rows("SELECT id, n FROM items WHERE n <> id / 10 + 1 ORDER BY id LIMIT 5");
    assert!(wrong.is_empty(), "turned more or less than once: {wrong:?}\n{said}");
    assert_eq!(project.value("SELECT count(*) FROM items"), rows.to_string());
    let twice = project.rows("SELECT id, count(*) FROM log GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 5");
    assert!(twice.is_empty(), "copied more than once: {twice:?}\n{said}");
    assert_eq!(project.value("SELECT count(*) FROM log"), rows.to_string(), "{said}");
}

/// The table of chunks as statements name it.
pub fn chunks(project: &EngineProject) -> &'static str {
    if project.engine() == Engine::Postgres { "runner.runner_chunk" } else { "runner_chunk" }
}

/// A number from the database.
#[track_caller]
pub fn number(project: &EngineProject, query: &str) -> u64 {
    project.value(query).parse().unwrap_or_else(|error| panic!("{query}: {error}"))
}
