//! One suite of conformance for all languages on every engine. Each directory of `tests/languages` is a language by the name that
//! `runner new --lang` takes, with two programs: `values` writes, reads and tells values of every type in batches, and `calls` calls
//! everything that the host offers. What they tell and what they write is the same in each language, byte by byte. A new
//! language adds its directory; `tests/languages/README.md` has the table of what is compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use runner_build::scaffold::Language;
use runner_tests::{Engine, EngineProject, TestProject, for_each_engine, guests, project};

use super::languages_expected::{calls_expected, values_expected};

/// An asset of `calls`: text, a line end, and bytes that are no text.
const WORDS: &[u8] = b"Z\xc3\xbcrich \xf0\x9f\xa6\x89\r\n\x00\xff";

/// The languages, Rust first, which the others are compared with.
fn languages() -> impl Iterator<Item = &'static str> {
    let others = Language::NAMES.into_iter().filter(|name| !matches!(*name, "sql" | "rust"));
    std::iter::once("rust").chain(others)
}

fn directory(language: &str) -> PathBuf {
    guests::repository().join("tests/languages").join(language)
}

/// The source of a program in a language.
fn source(language: &str, program: &str) -> PathBuf {
    let files = std::fs::read_dir(directory(language)).unwrap().map(|entry| entry.unwrap().path());
    let mut sources = files.filter(|file| file.is_file() && file.file_stem().is_some_and(|stem| stem == program));
    sources.next().unwrap_or_else(|| panic!("{language} has no `{program}`: see tests/languages/README.md"))
}

/// A program that is built, as files of a project.
#[derive(Clone)]
struct Built {
    files: Arc<Vec<(String, Vec<u8>)>>,
    /// The name of the source in messages.
    shown: String,
}

/// The files below a directory, without what compilers leave.
fn files_of(root: &Path, below: &str, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let name = format!("{below}/{}", entry.unwrap().file_name().into_string().unwrap());
        match root.join(&name).is_dir() {
            true if name.ends_with("/build") => {}
            true => files_of(root, &name, into),
            false => into.push((name.clone(), std::fs::read(root.join(&name)).unwrap())),
        }
    }
}

/// Builds a program, once for all engines.
fn built(language: &'static str, program: &'static str) -> Built {
    static BUILT: Mutex<BTreeMap<(&str, &str), Built>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let made = built.entry((language, program)).or_insert_with(|| {
        let (project, source) = (project!(), source(language, program));
        let shown = if language == "rust" {
            project.write(&format!("migrations/20260101000001_{program}/assets/deeper/words.bin"), WORDS);
            project.component(&format!("20260101000001_{program}"), &guests::component(program));
            source.file_name().unwrap().to_string_lossy().into_owned()
        } else {
            add(&project, language, program, &source)
        };
        let mut files = vec![("runner.lock".to_owned(), std::fs::read(project.file("runner.lock")).unwrap())];
        files_of(project.root(), "migrations", &mut files);
        Built { files: Arc::new(files), shown }
    });
    made.clone()
}

/// Makes a program the migration of a project: what `runner new` writes has its source instead. Returns the name of that file.
fn add(project: &TestProject, language: &str, program: &str, source: &Path) -> String {
    project.runner(&format!("new {program} --lang {language}")).succeeds();
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().path());
    let is_made = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().ends_with(&format!("_{program}"));
    let made = names.into_iter().find(is_made).unwrap();
    let end = source.extension().unwrap().to_string_lossy();
    let stem = made.file_stem().unwrap().to_string_lossy().into_owned();
    let source = std::fs::read(source).unwrap();
    let (shown, assets) = if made.is_dir() {
        let shown = format!("migration.{end}");
        project.write(&format!("migrations/{stem}/{shown}"), source);
        (shown, format!("{stem}/assets"))
    } else {
        let shown = format!("{stem}.{end}");
        assert_eq!(made.file_name().unwrap().to_string_lossy(), shown);
        project.write(&format!("migrations/{shown}"), source);
        (shown, stem)
    };
    project.write(&format!("migrations/{assets}/deeper/words.bin"), WORDS);
    project.runner("build").succeeds();
    shown
}

/// A project with a program and its tables, on a fresh database.
fn with(engine: Engine, built: &Built, tables: &str, drop: &str) -> EngineProject {
    let project = project!(engine);
    project.settings(&std::fs::read_to_string(directory("settings.toml")).unwrap());
    for (name, bytes) in &*built.files {
        project.write(name, bytes);
    }
    project.sql("20260101000000_tables", tables, drop);
    project
}

const COLUMNS: &str = "truth, whole, fraction, words, octets, exact, d, clock, moment, instant, u, j";

/// The definitions of `COLUMNS`.
fn columns(engine: Engine, uuid: &str) -> String {
    match engine {
        Engine::Sqlite => {
            "truth BOOLEAN, whole INTEGER, fraction REAL, words TEXT, octets BLOB, exact DECIMAL(10, 2), d DATE, clock TIME, \
             moment TIMESTAMP, instant TIMESTAMPTZ, u UUID, j JSON"
                .to_owned()
        }
        Engine::Postgres => {
            "truth BOOLEAN, whole BIGINT, fraction DOUBLE PRECISION, words TEXT, octets BYTEA, exact NUMERIC(10, 2), d DATE, clock TIME, \
             moment TIMESTAMP, instant TIMESTAMPTZ, u UUID, j JSON"
                .to_owned()
        }
        Engine::Mariadb => format!(
            "truth BOOLEAN, whole BIGINT, fraction DOUBLE, words TEXT, octets BLOB, exact DECIMAL(10, 2), d DATE, clock TIME(6), \
             moment DATETIME(6), instant DATETIME(6), u {uuid}, j LONGTEXT"
        ),
    }
}

const TOLD: &str = "CREATE TABLE told (id BIGINT NOT NULL PRIMARY KEY, line TEXT NOT NULL);\n";

/// The rows of a table as the database shows them.
fn rows(project: &EngineProject, table: &str) -> Vec<String> {
    let columns = match project.engine() {
        Engine::Postgres => COLUMNS.replace("octets", "encode(octets, 'hex')"),
        _ => COLUMNS.replace("octets", "hex(octets)").replace(" u,", " hex(u),"),
    };
    project.rows(&format!("SELECT id, {columns} FROM {table} ORDER BY id"))
}

fn told(project: &EngineProject) -> Vec<String> {
    project.rows("SELECT line FROM told ORDER BY id")
}

/// What a source says of its failures, `says MODE: TEXT`; `@FILE` and `@LINE` are the place with the comment `raises MODE`.
fn says(language: &str, built: &Built, mode: &str) -> Vec<String> {
    let text = std::fs::read_to_string(source(language, "calls")).unwrap();
    let raises = format!("raises {mode}");
    let line = text.lines().position(|line| line.trim_end().ends_with(&raises)).map_or(0, |at| at + 1);
    let marker = format!("says {mode}: ");
    let all = text.lines().filter_map(|line| line.split_once(&marker)).map(|(_, says)| says.trim_end_matches(" */"));
    let all: Vec<String> =
        all.map(|it| it.replace("@FILE", &built.shown).replace("@LINE", &line.to_string())).collect();
    assert!(!all.is_empty(), "{language} does not say what `{mode}` tells");
    all
}

/// What `calls` logs and reports, as `runner apply --format json --verbose` tells it.
fn is_heard(stderr: &str, language: &str) {
    let events = stderr.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let heard: Vec<_> = events.filter(|it| it["event"] == "log" || it["event"] == "progress").collect();
    let logs = heard.iter().filter(|it| it["event"] == "log").map(|it| (&it["level"], &it["message"]));
    let logs = logs.map(|(level, message)| (level.as_str().unwrap(), message.as_str().unwrap()));
    // The host says itself what isolates a component on a server.
    let logs: Vec<_> = logs.filter(|(_, message)| !message.starts_with("isolation: ")).collect();
    assert_eq!(logs, [("debug", "debug ünï"), ("info", "info 🦉"), ("warning", "warning")], "{language}");
    // What is reported faster than anybody can read is left out, so that the first is told for sure.
    let progress = heard.iter().find(|it| it["event"] == "progress" && it["unit"] == "checks");
    let progress = progress.map(|it| (it["done"].as_u64(), it["total"].as_u64()));
    assert_eq!(progress, Some((Some(1), Some(2))), "{language}");
}

for_each_engine! {
    fn every_language_has_the_same_values(engine) {
        // MySQL has no type of UUIDs; bytes are one on both.
        let columns = columns(engine, "BINARY(16)");
        let create = |name: &str| format!("CREATE TABLE {name} (id BIGINT NOT NULL PRIMARY KEY, {columns});\n");
        let tables = format!("{}{}{TOLD}", create("every"), create("copies"));
        let mut first = None;
        for language in languages() {
            let project = with(engine, &built(language, "values"), &tables, "DROP TABLE told;\nDROP TABLE copies;\nDROP TABLE every;");
            project.runner("apply").succeeds();
            assert_eq!(told(&project), values_expected(), "{language}");
            let every = rows(&project, "every");
            assert_eq!(every.len(), 4);
            assert_eq!(rows(&project, "copies"), every, "{language}");
            let first = first.get_or_insert_with(|| every.clone());
            assert_eq!(&every, first, "{language} wrote other rows than Rust");
            project.runner("verify").succeeds().prints(&["replay     proven"]);
            project.runner("rollback --all").succeeds();
        }
    }

    fn every_language_is_told_the_same(engine) {
        let tables = calls_tables(engine);
        let mut first: Option<(Vec<String>, Vec<String>)> = None;
        for language in languages() {
            let project = with(engine, &built(language, "calls"), &tables, CALLS_DROP);
            let output = project.runner("apply --format json --verbose");
            output.succeeds();
            is_heard(&output.stderr, language);
            let history = engine.history_table();
            let inputs = |column: &str| project.value(&format!("SELECT {column} FROM {history} WHERE name = 'calls'"));
            let (time, seed) = (format!("time: {}", inputs("run_timestamp")), format!("seed: {}", inputs("seed")));
            let mut told = told(&project);
            assert_eq!(told[2..4], [time, seed], "{language}");
            told.drain(2..4);
            // MariaDB names the database in its messages.
            if engine != Engine::Sqlite {
                let name = project.server_database().name();
                told.iter_mut().for_each(|line| *line = line.replace(name, "database"));
            }
            let written = [rows(&project, "scalars"), project.rows("SELECT count(*), min(id), max(id), sum(n) FROM more")].concat();
            match &first {
                None => {
                    let expected = calls_expected(engine, WORDS);
                    let kept: Vec<_> = told.iter().map(|line| without_message(line)).collect();
                    assert_eq!(kept, expected);
                    assert!(told[1].contains(|it: char| it.is_ascii_digit()), "{}", told[1]);
                    assert_eq!(written.len(), 5);
                    first = Some((told, written));
                }
                Some((lines, rows)) => {
                    assert_eq!(&told, lines, "{language} is told something else than Rust");
                    assert_eq!(&written, rows, "{language} wrote other rows than Rust");
                }
            }
            // It changes rows that its own transforms wrote, after them.
            project.runner("verify").succeeds().prints(&["replay     proven", "a later step of the same migration"]);
            project.runner("rollback --all").succeeds();
        }
    }

    /// An error, an exception and a batch function that fails, with file and line where the language has them.
    fn every_language_says_why_it_fails(engine) {
        let tables = calls_tables(engine);
        for language in languages() {
            let built = built(language, "calls");
            // Texts of other languages are UTF-8 by their types.
            let is_bytes = matches!(language, "c" | "cpp" | "zig");
            for mode in ["error", "raised", "batch"].into_iter().chain(is_bytes.then_some("unreadable")) {
                let project = with(engine, &built, &tables, CALLS_DROP);
                let output = project.runner(&format!("apply --parameter failing={mode}"));
                assert!(matches!(output.exit_code(), Some(1 | 6)), "{language} {mode}\n{output}");
                for text in says(language, &built, mode) {
                    assert!(output.stderr.contains(&text), "{language} {mode}: {text}\n{output}");
                }
            }
        }
    }
}

for_each_engine! {
    /// What is a script language's own: the helpers of columns, its standard library, modules, and what fails in it.
    fn every_script_language_does_what_it_must(engine) {
        for language in ["javascript", "python"] {
            let project = project!(engine);
            project.settings(&std::fs::read_to_string(directory("settings.toml")).unwrap());
            project.sql("20260101000000_first", "CREATE TABLE first (id BIGINT NOT NULL PRIMARY KEY);", "DROP TABLE first;");
            project.runner("apply").succeeds();
            let before = project.state();
            let mut files = Vec::new();
            files_of(&directory(language), "migrations", &mut files);
            for (name, bytes) in files {
                project.write(&name, bytes);
            }
            project.runner("build").succeeds();
            assert!(project.read("runner.lock").contains("summary = \"conformance in Zürich\""));
            project.runner("apply").succeeds().says(&["info 20260101000001: and another"]);
            assert_eq!(project.value("SELECT language FROM conformance"), language);
            project.runner("rollback").succeeds();
            assert_eq!(project.state(), before, "{language}");
        }
    }
}

const CALLS_DROP: &str = "DROP TABLE told;\nDROP TABLE more;\nDROP TABLE many;\nDROP TABLE scalars;";

fn calls_tables(engine: Engine) -> String {
    // A parameter of a statement has no column that says what it becomes, so that it is a text there.
    let columns = columns(engine, "CHAR(36)");
    let many = "(id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(100) NOT NULL)";
    format!(
        "CREATE TABLE scalars (id BIGINT NOT NULL PRIMARY KEY, {columns});\nCREATE TABLE many {many};\nCREATE TABLE more {many};\n{TOLD}"
    )
}

/// The line of an error without code, message and detail, which are the database's, and the version of the server.
fn without_message(line: &str) -> &str {
    match line.starts_with("version: ") {
        true => "version",
        false if line.starts_with("error ") => line.split_once('|').map_or(line, |(kind, _)| kind),
        false => line,
    }
}

/// Every language that `runner new` knows has its programs, and a column of the table that says what is compared.
#[test]
fn every_language_is_compared() {
    let table = std::fs::read_to_string(directory("README.md")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let [head, _, rows @ ..] = &rows[..] else { panic!("there is no table") };
    let named: Vec<&str> = head[2..head.len() - 1].to_vec();
    assert_eq!(named, languages().collect::<Vec<_>>());
    for row in rows {
        assert!(row.len() == head.len() && row[1..row.len() - 1].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    for language in languages() {
        assert!(source(language, "values").is_file() && source(language, "calls").is_file(), "{language}");
    }
}
