//! The same in every language and on every engine: `tests/languages/*/values.*` write, read and tell values of every type, byte by
//! byte, and `schema.*` change the schema. A new language adds its files there, and its lines here.

use runner_tests::{Engine, EngineProject, for_each_engine, guests, project};

/// The languages, with the end of the file in `tests/languages` and of the migration. Rust is `tests/guests/values`.
const LANGUAGES: [(&str, &str, &str); 6] = [
    ("rust", "rs", "wasm"),
    ("python", "py", "py"),
    ("javascript", "js", "js"),
    ("javascript", "js", "ts"),
    ("go", "go", "go"),
    ("c", "c", "c"),
];

/// Those that change the schema; Rust is `tests/guests/changes`.
const SCHEMA_LANGUAGES: [(&str, &str, &str); 8] = [
    ("rust", "rs", "wasm"),
    ("python", "py", "py"),
    ("javascript", "js", "js"),
    ("javascript", "js", "ts"),
    ("go", "go", "go"),
    ("c", "c", "c"),
    ("cpp", "cpp", "cpp"),
    ("zig", "zig", "zig"),
];

/// The tables that a migration fills.
fn tables(engine: Engine) -> String {
    let columns = match engine {
        Engine::Sqlite => {
            "truth BOOLEAN, whole INTEGER, fraction REAL, words TEXT, octets BLOB, exact DECIMAL(10, 2), d DATE, clock TIME, \
             moment TIMESTAMP, instant TIMESTAMPTZ, u UUID, j JSON"
        }
        Engine::Postgres => {
            "truth BOOLEAN, whole BIGINT, fraction DOUBLE PRECISION, words TEXT, octets BYTEA, exact NUMERIC(10, 2), d DATE, clock TIME, \
             moment TIMESTAMP, instant TIMESTAMPTZ, u UUID, j JSON"
        }
        // MySQL has no type of UUIDs; bytes are one on both.
        Engine::Mariadb => {
            "truth BOOLEAN, whole BIGINT, fraction DOUBLE, words TEXT, octets BLOB, exact DECIMAL(10, 2), d DATE, clock TIME(6), \
             moment DATETIME(6), instant DATETIME(6), u BINARY(16), j LONGTEXT"
        }
    };
    format!(
        "CREATE TABLE every (id BIGINT NOT NULL PRIMARY KEY, {columns});\n\
         CREATE TABLE copies (id BIGINT NOT NULL PRIMARY KEY, {columns});\n\
         CREATE TABLE told (id BIGINT NOT NULL PRIMARY KEY, line TEXT NOT NULL);\n"
    )
}

/// Adds a migration in a language. That in Rust is a guest of its own.
fn add(project: &EngineProject, (language, from, to): (&str, &str, &str), name: &str, guest: &str) {
    if language == "rust" {
        project.component(&format!("20260101000001_{name}"), &guests::component(guest));
        return;
    }
    let source = guests::repository().join(format!("tests/languages/{language}/{name}.{from}"));
    let source = std::fs::read(source).unwrap();
    if matches!(to, "py" | "js" | "ts") {
        project.write(&format!("migrations/20260101000001_{name}.{to}"), source);
    } else {
        project.runner(&format!("new {name} --lang {language}")).succeeds();
        let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
        let end = format!("_{name}");
        let made = names.map(|name| name.into_string().unwrap()).find(|name| name.ends_with(&end)).unwrap();
        project.write(&format!("migrations/{made}/migration.{to}"), source);
    }
    project.runner("build").succeeds();
}

/// A project with the tables and the migration in a language.
fn values(engine: Engine, language: (&str, &str, &str)) -> EngineProject {
    let project = project!(engine);
    project.sql("20260101000000_tables", &tables(engine), "DROP TABLE told;\nDROP TABLE copies;\nDROP TABLE every;");
    add(&project, language, "values", "values");
    project
}

/// The rows of a table as the database shows them.
fn rows(project: &EngineProject, table: &str) -> Vec<String> {
    let bytes = match project.engine() {
        Engine::Postgres => "encode(octets, 'hex'), u",
        _ => "hex(octets), hex(u)",
    };
    project.rows(&format!(
        "SELECT id, truth, whole, fraction, words, {bytes}, exact, d, clock, moment, instant, j FROM {table} ORDER BY id"
    ))
}

/// The lines that every language tells on every engine.
fn expected() -> Vec<String> {
    let rows = [
        "1|true|9223372036854775807|3ff4000000000000|ünï 🦉|00ff0a|12.25|20513|34200250000|1772357400000001|1772357400000001|\
         9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b|{\"a\":1}"
            .to_owned(),
        "2|false|-9223372036854775808|bfb999999999999a|||-7.75|-354285|0|-1|-1|00000000-0000-0000-0000-000000000001|\"text\""
            .to_owned(),
        format!("3{}", "|NULL".repeat(12)),
        format!(
            "4|true|0|7e37e43c8800759c|{}|{}|12345678.91|2932896|86399999999|253402300799000000|253402300799000000|\
             ffffffff-ffff-ffff-ffff-ffffffffffff|[1,null]",
            "x".repeat(1000),
            "79".repeat(100)
        ),
    ];
    let names =
        ["id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"];
    let mut lines: Vec<String> =
        ["an empty batch: 0", "written: 4, 4", "transformed: 4, 4, 1"].map(str::to_owned).into();
    for table in ["every", "copies"] {
        for row in &rows {
            let cells: Vec<&str> = row.split('|').collect();
            lines.extend(names.iter().zip(&cells).map(|(name, cell)| format!("{table} {} {name}: {cell}", cells[0])));
        }
    }
    lines.push("asked: 4, ünï 🦉".to_owned());
    for (statement, kind) in
        [("SELECT FROM WHERE", "syntax"), ("INSERT INTO every (id) VALUES (1)", "constraint"), ("COMMIT", "denied")]
    {
        lines.push(format!("{statement}: {kind}"));
    }
    lines
}

for_each_engine! {
    fn every_language_has_the_same_values(engine) {
        let mut first = None;
        for language in LANGUAGES {
            let project = values(engine, language);
            project.runner("apply").succeeds();
            assert_eq!(project.rows("SELECT line FROM told ORDER BY id"), expected(), "{language:?}");
            let every = rows(&project, "every");
            assert_eq!(every.len(), 4);
            assert_eq!(rows(&project, "copies"), every, "{language:?}");
            let first = first.get_or_insert_with(|| every.clone());
            assert_eq!(&every, first, "{language:?} wrote other rows than {:?}", LANGUAGES[0]);
            project.runner("verify").succeeds().prints(&["replay     proven"]);
            project.runner("rollback --all").succeeds();
        }
    }
}

for_each_engine! {
    fn every_language_makes_the_same_schema(engine) {
        let mut first = None;
        for language in SCHEMA_LANGUAGES {
            let project = project!(engine);
            add(&project, language, "schema", "changes");
            project.runner("apply").succeeds();
            let state = project.state();
            assert!(state.iter().any(|line| line.contains("parents_code")), "{state:?}");
            let first = first.get_or_insert_with(|| state.clone());
            assert_eq!(&state, first, "{language:?} made another schema than {:?}", SCHEMA_LANGUAGES[0]);
            // Another child whose parent is deleted: the action of the foreign key is the database's.
            project.execute("INSERT INTO parents (id) VALUES (7)");
            project.execute("INSERT INTO children (a, b, parent) VALUES (1, 2, 7)");
            project.runner("verify").succeeds();
            project.runner("rollback").succeeds();
            let left = project.state();
            assert!(!left.iter().any(|line| line.contains("parents")), "{language:?}: {left:?}");
        }
    }
}
