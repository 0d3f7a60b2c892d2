//! What `verify` proves and finds: the transcript of a run is the same however it was interrupted, and no later
//! change goes unnoticed.
#![cfg(unix)]

mod changes;
mod languages;
mod repeatable;
mod without_source;

use std::sync::OnceLock;

use runner_tests::{Engine, EngineProject, Output, for_each_engine, guests};
use serde_json::Value;

/// Chunks of a few rows, so that there are several.
const LIMITS: &str = "[limits]\nbatch_rows = 20\n";

fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guests::component("prove"))
}

/// What explains a row that is not as it was written, if no migration does.
const WRITTEN_SINCE: &str = "an application, or a person, may have written there since the run";

/// A table with rows, and a component that processes it.
fn shop(engine: Engine) -> EngineProject {
    let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
    project
        .sql(
            "0001_items",
            &format!(
                "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, price INTEGER NOT NULL, \
                 twice INTEGER);\n\
                 INSERT INTO items (id, name, price) SELECT i, concat('item ', i), i * 3 FROM ({}) AS n;",
                engine.numbers(70)
            ),
            "DROP TABLE items;",
        )
        .component("0002_prove", component())
        .settings(LIMITS);
    project
}

fn applied(engine: Engine) -> EngineProject {
    let project = shop(engine);
    project.runner("apply").succeeds();
    project
}

fn transcript(project: &EngineProject, revision: &str) -> String {
    let table = project.engine().history_table();
    let query = format!("SELECT transcript FROM {table} WHERE revision = '{revision}' ORDER BY id DESC LIMIT 1");
    project.value(&query)
}

fn evidence(engine: Engine) -> &'static str {
    if engine == Engine::Postgres { "runner.runner_evidence" } else { "runner_evidence" }
}

/// The findings of `verify --format json`: `level result subject`, and the details.
fn findings(output: &Output) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output}"));
    let migrations = document["migrations"].as_array().unwrap();
    let of = |finding: &Value| {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let subject = text("subject").split('`').nth(1).unwrap_or_default().to_owned();
        (format!("{} {} {subject}", text("level"), text("result")).trim().to_owned(), text("detail"))
    };
    migrations.iter().flat_map(|it| it["findings"].as_array().unwrap()).map(of).collect()
}

fn results(output: &Output) -> Vec<String> {
    findings(output).into_iter().map(|(result, _)| result).collect()
}

/// The detail of the only finding with this result.
#[track_caller]
fn detail(output: &Output, result: &str) -> String {
    let all = findings(output);
    let found = all.iter().find(|(it, _)| it == result);
    found.unwrap_or_else(|| panic!("no `{result}` in {all:#?}")).1.clone()
}

/// Replaces the evidence of this run with that of another one.
fn take_evidence(project: &EngineProject, other: &EngineProject, kind: &str) {
    let (engine, table) = (project.engine(), evidence(project.engine()));
    let hex = if engine == Engine::Postgres { "encode(content, 'hex')" } else { "hex(content)" };
    let content = other.value(&format!("SELECT {hex} FROM {table} WHERE kind = '{kind}'"));
    let literal =
        if engine == Engine::Postgres { format!("decode('{content}', 'hex')") } else { format!("x'{content}'") };
    project.execute(&format!("UPDATE {table} SET content = {literal} WHERE kind = '{kind}'"));
}

const ALL_PROVEN: [&str; 6] = [
    "artifact proven",
    "replay proven",
    "recompute proven twice",
    "target proven twice",
    "recompute proven copy",
    "target proven copy",
];

for_each_engine! {
    fn everything_is_proven(engine) {
        let project = applied(engine);
        let before = project.state();
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        assert_eq!(results(&output), ALL_PROVEN, "{output}");
        assert_eq!(detail(&output, "recompute proven twice"), "4 of 4 chunks");
        assert_eq!(project.state(), before, "it writes nothing");
        project.runner("verify 2 --strict --sample 2").exits(0).prints(&["proven", "2 of 4 chunks", "ORDER BY"]);
        // For SQL only the bytes are compared.
        project.runner("verify 1 --strict").exits(0).prints(&["0001_items", "artifact"]);
        project.runner("verify 3").exits(2).says(&["3"]);
    }

    fn the_transcript_does_not_depend_on_interruptions(engine) {
        let project = shop(engine);
        project.runner("apply --jobs 1").succeeds();
        let alone = transcript(&project, "0002");
        assert_eq!(alone.len(), 64);
        project.runner("rollback").succeeds();
        project.runner("apply --jobs 4").succeeds();
        assert_eq!(transcript(&project, "0002"), alone, "four jobs");
        for moment in [9, 17, 26, 33, 47] {
            let project = shop(engine);
            project.runner("apply --target 1").succeeds();
            assert!(project.dies_at("apply", moment), "it ended before moment {moment}");
            project.runner("apply").succeeds();
            assert_eq!(transcript(&project, "0002"), alone, "killed at moment {moment}");
            let output = project.runner("verify --all-chunks --format json");
            assert_eq!(results(&output), ALL_PROVEN, "killed at moment {moment}\n{output}");
        }
        // Other rows have another transcript.
        let project = shop(engine);
        project.runner("apply --target 1").succeeds();
        project.execute("UPDATE items SET price = 5 WHERE id = 33");
        project.runner("apply").succeeds();
        assert_ne!(transcript(&project, "0002"), alone);
    }

    fn chunk_boundaries_are_deterministic(engine) {
        // More rows than are first requested from a server, of different widths. If several connections share a
        // transform, the size of wide chunks follows from the chunks before them, so only SQLite's batches end by
        // their bytes here.
        let bytes = if engine == Engine::Sqlite { "20KiB" } else { "2MiB" };
        let shop = || {
            let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
            let numbers = engine.numbers(3000);
            project
                .sql(
                    "0001_items",
                    &format!(
                        "CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, \
                         price INTEGER NOT NULL, twice INTEGER);\n\
                         INSERT INTO items (id, name, price) \
                         SELECT i, substr('{}', 1, i % 90 + 1), i FROM ({numbers}) AS n;",
                        "long ".repeat(20)
                    ),
                    "DROP TABLE items;",
                )
                .component("0002_prove", component())
                .settings(&format!("[limits]\nbatch_rows = 700\nbatch_bytes = \"{bytes}\"\nquery_rows = 10000\n"));
            project.runner("apply --target 1").succeeds();
            project
        };
        let project = shop();
        project.runner("apply").succeeds();
        let alone = transcript(&project, "0002");
        for moment in [12, 25, 40] {
            let project = shop();
            assert!(project.dies_at("apply --jobs 3", moment), "it ended before moment {moment}");
            project.runner("apply").succeeds();
            assert_eq!(transcript(&project, "0002"), alone, "killed at moment {moment}");
        }
    }

    fn reads_without_order_by_are_reported_and_recorded(engine) {
        let project = shop(engine);
        let statement = "SELECT name FROM items WHERE id < 4";
        project.runner("plan").does_not_say(&["ORDER BY"]);
        project.runner("apply").succeeds().says(&["without an ORDER BY", statement]);
        project.runner("show 2").succeeds().prints(&["risk", "read without ORDER BY", statement]);
        project.runner("verify").succeeds().prints(&["without ORDER BY", statement]);
        project.runner("rollback").succeeds();
        project.runner("plan").succeeds().prints(&["risk", statement]).does_not_say(&["ORDER BY id"]);
        let plan: Value = serde_json::from_str(&project.runner("plan --format json").stdout).unwrap();
        assert_eq!(plan["migrations"][0]["unordered"], serde_json::json!([statement]));
        let gone = format!("SELECT count(*) FROM {} WHERE kind <> 'unrepeatable'", evidence(engine));
        assert_eq!(project.value(&gone), "0", "nobody asks for the rest");
    }

    fn verify_uses_the_inputs_of_the_first_run(engine) {
        let project = shop(engine);
        project.settings("[parameters]\ntell = true");
        project.runner("apply").succeeds();
        let history = engine.history_table();
        let given = project.value(&format!("SELECT concat(seed, ' ', run_timestamp) FROM {history} WHERE revision = '0002'"));
        let seen = project.value("SELECT label FROM copies WHERE id = 1000001");
        assert!(seen.starts_with(&given), "{seen} and {given}");
        // Parameters, time and seed are those of the original run, whatever they are now.
        let output = project.runner("verify --parameter tell=false --format json");
        output.exits(0);
        assert_eq!(results(&output), ALL_PROVEN, "{output}");
    }

    fn a_large_recording_is_not_stored(engine) {
        let project = shop(engine);
        project.runner("apply --limit stored_call_bytes=100").succeeds();
        let output = project.runner("verify --format json");
        output.exits(0);
        assert!(detail(&output, "replay unproven").contains("`stored_call_bytes`"), "{output}");
        assert_eq!(results(&output)[2..], ALL_PROVEN[2..], "{output}");
        let calls = format!("SELECT count(*) FROM {} WHERE kind = 'calls'", evidence(engine));
        assert_eq!(project.value(&calls), "0");
    }

    fn an_atomic_run_is_proven_too(engine) {
        let project = EngineProject::new(env!("CARGO_BIN_EXE_runner"), engine);
        project
            .sql(
                "1_tables",
                &format!(
                    "CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                     CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(50));\n\
                     INSERT INTO a (id, name) SELECT i, concat('name ', i) FROM ({}) AS n;",
                    engine.numbers(70)
                ),
                "SELECT 1;",
            )
            .component("2_turn", &guests::component("turn"))
            .settings(&format!("[parameters]\nsource = 'a'\ntarget = 'b'\nmode = 'insert'\n{LIMITS}"));
        project.runner("apply").succeeds();
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        let proven = ["artifact proven", "replay proven", "recompute proven shout", "target proven shout"];
        assert_eq!(results(&output), proven, "{output}");
        project.execute("UPDATE b SET name = NULL WHERE id = 70");
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        assert!(detail(&output, "target unproven shout").contains("id = 70 contains NULL, but \"NAME 70\""), "{output}");
    }

    fn the_demo_is_proven(engine) {
        let project = EngineProject::copy(env!("CARGO_BIN_EXE_runner"), engine, guests::repository());
        project.runner("apply").succeeds();
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        let all = findings(&output);
        let count = |result: &str| all.iter().filter(|(it, _)| it.starts_with(result)).count();
        assert_eq!((count("artifact proven"), count("replay proven")), (3, 3), "{all:#?}");
        assert_eq!((count("recompute proven"), count("target proven")), (3, 3), "{all:#?}");
        // The views that the transforms read no longer exist, and two of the columns neither.
        // In one transaction, a chunk is a batch; where each commits, the first ones are smaller.
        let chunks = if engine == Engine::Mariadb { 5 } else { 2 };
        assert_eq!(detail(&output, "recompute proven keep"), format!("{chunks} of {chunks} chunks, from stored rows"));
        project.runner("verify --strict").exits(0).says(&["12 checks of 3 migrations: 12 proven"]);
        project.execute("UPDATE flights SET departed_at = arrived_at WHERE id = 20000");
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        assert!(detail(&output, "target unproven instants").contains("id = 20000"), "{output}");
        project.execute("DELETE FROM flight_issues WHERE flight_id = (SELECT max(id) FROM flights WHERE dest = 'BQN')");
        let output = project.runner("verify --format json");
        assert!(detail(&output, "target unproven issues").contains("no longer exists"), "{output}");
    }
}

for_each_engine! {
    fn read_access_suffices(engine) {
        let project = applied(engine);
        if engine == Engine::Sqlite {
            return unwritten_file(&project);
        }
        let database = project.server_database();
        let name = database.name();
        let user = name.replace("runner_test_", "reader_");
        database.sql(&match engine {
            Engine::Postgres => format!(
                "CREATE ROLE {user} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA public, runner TO {user}; \
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}; GRANT SELECT ON ALL TABLES IN SCHEMA runner TO {user}"
            ),
            _ => format!("CREATE USER {user}@'%' IDENTIFIED BY 'x'; GRANT SELECT ON {name}.* TO {user}@'%'"),
        });
        let reader = database.url_as(&user, "x");
        let mut project = project;
        project.by(&reader);
        let output = project.runner("verify --all-chunks --format json");
        output.exits(0);
        assert_eq!(results(&output), ALL_PROVEN, "{output}");
        project.execute(&match engine {
            Engine::Postgres => format!("DROP OWNED BY {user}; DROP ROLE {user}"),
            _ => format!("DROP USER {user}@'%'"),
        });
    }
}

fn unwritten_file(project: &EngineProject) {
    let file = project.file("runner.db");
    let before = std::fs::read(&file).unwrap();
    let output = project.runner("verify --all-chunks --format json");
    output.exits(0);
    assert_eq!(results(&output), ALL_PROVEN, "{output}");
    assert!(std::fs::read(&file).unwrap() == before, "the file was written to");
}
