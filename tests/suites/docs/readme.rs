//! README: a first migration and a transform. And the demo's page: a session with it, and the same on servers.

use runner_tests::{Engine, EngineProject, TestProject, guests};

use crate::docs::story::Story;

/// A copy of the repository's own project, in an empty directory.
fn clone() -> TestProject {
    let project = TestProject::empty(env!("CARGO_BIN_EXE_runner"));
    project.copy_of(guests::repository());
    project
}

#[test]
fn readme() {
    let place = TestProject::empty(env!("CARGO_BIN_EXE_runner"));
    let mut story = Story::new("../../README", &place);
    // The binary is there.
    story.skip("git clone https://github.com/runner-migrations/runner");
    story.skip("cd runner");
    story.skip("cargo install --locked --path host/runner");
    story.run("runner init shop", 0);
    story.run("cd shop", 0);
    story.run("runner new create_people", 0);
    story.write_files();
    story.prints("runner apply", 0);
    story.prints("runner new tidy_names --lang javascript", 0);
    let page = std::fs::read_to_string(guests::repository().join("README.md")).unwrap();
    let (_, block) = page.split_once("```js\n").unwrap();
    let (script, _) = block.split_once("```").unwrap();
    std::fs::write(story.migration("tidy_names.js"), script).unwrap();
    story.prints("runner apply --dry-run", 0);
    story.prints("runner apply", 0);
    // What runs this test.
    story.skip("scripts/setup && scripts/test");
    story.end();
}

#[test]
fn demo() {
    let project = clone();
    let mut story = Story::new("guide/demo", &project);
    story.replace("cargo run --release --", "runner");
    story.prints("cargo run --release -- apply", 0);

    story.prints("runner rollback", 0);
    story.prints("runner plan", 0);
    story.prints("runner apply", 0);
    story.prints("runner new index_delays", 0);
    let (up, down) = (story.migration("index_delays.up.sql"), story.migration("index_delays.down.sql"));
    let indexes = "CREATE INDEX flights_by_carrier ON flights (carrier);\nCREATE INDEX flights_by_delay ON flights (arr_delay);\n";
    std::fs::write(&up, indexes.replace("arr_delay", "arrival_delay")).unwrap();
    std::fs::write(down, "DROP INDEX flights_by_delay;\nDROP INDEX flights_by_carrier;\n").unwrap();
    story.prints("runner apply", 1);
    std::fs::write(up, indexes).unwrap();
    story.prints("runner apply --dry-run -v", 0);
    story.prints("runner status", 0);

    // Servers of the test instead of those of `scripts/dev-db`.
    story.skip("scripts/dev-db");
    for (engine, url) in [
        (Engine::Postgres, "postgres://postgres@127.0.0.1:5433/dev"),
        (Engine::Mariadb, "mysql://root@127.0.0.1:3307/dev"),
    ] {
        let other = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, guests::repository());
        story.replace(url, other.url());
        let mut on_server = story.elsewhere(&other);
        on_server.prints(&format!("runner apply -D {url}"), 0);
        story = on_server.elsewhere(&project);
    }
    story.end();
}
