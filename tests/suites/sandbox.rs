//! What a component must not do: every behaviour of the hostile guest is stopped, explained, and leaves the database as
//! it was.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use runner::database::facts::TOOL_TABLES;
use runner::project::limits::Limits;
use runner::sandbox::{Sandbox, SandboxOptions};
use runner_tests::hostile::Behaviour;
use runner_tests::random::Random;
use runner_tests::{Output, TestProject, dump, for_each_behaviour, guests, project};

/// How a run of a behaviour has to end.
struct Expected {
    code: i32,
    /// What the messages must hold.
    says: &'static [&'static str],
    /// `NAME=VALUE` for `--limit`.
    limits: &'static [&'static str],
}

const fn fails(says: &'static [&'static str]) -> Expected {
    Expected { code: 1, says, limits: &[] }
}

const fn denied(says: &'static [&'static str]) -> Expected {
    Expected { code: 7, says, limits: &[] }
}

const fn succeeds(says: &'static [&'static str]) -> Expected {
    Expected { code: 0, says, limits: &[] }
}

impl Expected {
    const fn with(self, limits: &'static [&'static str]) -> Self {
        Self { limits, ..self }
    }
}

/// A new behaviour does not compile before it stands here.
fn expected(behaviour: Behaviour) -> Expected {
    use Behaviour::*;
    match behaviour {
        LoopForever => denied(&["limit `fuel`", "--limit fuel="]).with(&["fuel=50_000_000"]),
        LoopInTransform => denied(&["limit `fuel`", "transform-batch"]).with(&["fuel=50_000_000"]),
        RecurseForever => denied(&["limit `stack` of 1MiB"]),
        RecurseInMemory => fails(&["trapped", "out of bounds memory access"]),
        AllocateForever => denied(&["limit `guest_memory` of 16MiB"]).with(&["guest_memory=16MiB"]),
        AllocateInTransform => denied(&["limit `guest_memory`", "transform-batch"]).with(&["guest_memory=16MiB"]),
        EndlessStatement => denied(&["limit `wall_time`"]).with(&["wall_time=1s"]),
        EndlessHostCalls => denied(&["limit `wall_time`"]).with(&["wall_time=1s"]),
        HugeStatement => denied(&["limit `host_call_bytes` of 4MiB"]).with(&["host_call_bytes=4MiB"]),
        HugeParameter => denied(&["limit `host_call_bytes`"]).with(&["host_call_bytes=4MiB"]),
        QueryManyRows => denied(&["more than 10000 rows", "batches"]),
        QueryManyBytes => denied(&["more than 2000000 bytes"]).with(&["query_bytes=2_000_000"]),
        ReadLargeCell => denied(&["`large`", "5000000 bytes"]).with(&["cell_bytes=4MiB"]),
        LeakReaders => denied(&["limit `handles` of 1000"]),
        FloodLogLines => succeeds(&["line 9", "used up its log volume"]).with(&["log_lines=10"]),
        FloodLogBytes => succeeds(&["used up its log volume"]).with(&["log_bytes=200kB"]),
        OpenLargeAsset => denied(&["large.bin", "limit `asset_bytes`"]).with(&["asset_bytes=1kB"]),

        Trap => fails(&["trapped", "unreachable"]),
        Panic => fails(&["trapped", "nobody expected 7 apples", "endings.rs:"]),
        ReturnError => fails(&["the address of row 7 cannot be parsed", "it says `nowhere`"]),
        ReturnDatabaseError => fails(&["UNIQUE constraint failed: people.id", "step: 3", "INSERT INTO people"]),
        ReturnWrappedError => fails(&["while tidying up", "no such table: nowhere", "UPDATE nowhere"]),
        IgnoreDatabaseError => succeeds(&[]),
        RollBackByConflict => denied(&["ended the transaction it runs in"]),
        RollBackByTrigger => denied(&["ended the transaction it runs in"]),

        OffsetsFall => fails(&["malformed batch", "column `name`", "offset after row 1 falls"]),
        OffsetsBeyondData => fails(&["malformed batch", "column `name`", "the last offset is"]),
        OffsetsStartLate => fails(&["malformed batch", "the first offset is 1, not 0"]),
        OffsetsMissing => fails(&["malformed batch", "0 offsets for 100 rows"]),
        ColumnTooShort => fails(&["malformed batch", "column `score`: 99 entries for 100 rows"]),
        ColumnTooLong => fails(&["malformed batch", "column `score`: 101 entries for 100 rows"]),
        RowCountTooLarge => fails(&["malformed batch", "100 entries for 101 rows"]),
        RowCountWithoutColumns => fails(&["malformed batch"]),
        NullsTooShort => fails(&["malformed batch", "column `note`: 1 null flags for 100 rows"]),
        NullsOutOfRange => fails(&["malformed batch", "null flag of row 0 is 2, not 0 or 1"]),
        BooleanOutOfRange => fails(&["malformed batch", "boolean of row 0 is 2, not 0 or 1"]),
        InvalidUtf8 => fails(&["malformed batch", "row 0 is not UTF-8"]),
        SplitCharacter => fails(&["malformed batch", "column `name`", "begins inside a character"]),
        UnknownColumn => fails(&["`nota`", "people"]),
        DuplicateColumn => fails(&["malformed batch", "column `name` stands twice"]),
        ChangedKey => fails(&["key id = 1000000", "keys must not be changed"]),
        MissingKey => fails(&["key column `id` is missing"]),
        KeyOfOtherType => fails(&["key column `id` came as int64 and went back as float64"]),
        NullKey => fails(&["key"]),
        RepeatedRows => fails(&["malformed batch", "key id = 1", "twice"]),
        ExistingKeyInserted => fails(&["UNIQUE constraint failed: people.id"]),
        NotANumber => fails(&["NaN", "score"]),
        LargeCell => denied(&["`name`", "limit `cell_bytes`"]).with(&["cell_bytes=2MiB"]),
        NullInNotNull => fails(&["NOT NULL constraint failed: people.name"]),
        TransformError => fails(&["no rule for row 3", "transform-batch", "rows id = 1 to id = 100"]),
        TransformPanic => fails(&["trapped", "index 100 is out of bounds", "transform-batch"]),
        TransformTrap => fails(&["trapped", "unreachable", "transform-batch"]),
        SqlInTransform => fails(&["`execute` cannot be called inside `transform-batch`"]),
        ReadInTransform => fails(&["`read` cannot be called inside `transform-batch`"]),
        WriteInTransform => fails(&["`write` cannot be called inside `transform-batch`"]),
        TransformInTransform => fails(&["`transform` cannot be called inside `transform-batch`"]),

        WriterNotFinished => fails(&["writer was not finished: insert people"]),
        WriterFinishedTwice => fails(&["finished already"]),
        WriteAfterFinish => fails(&["this writer is closed"]),
        WriteMalformedBatch => fails(&["malformed", "column `id`: 2 entries for 1 rows"]),
        WriteOtherColumns => fails(&["columns"]),
        WriteUnknownTable => fails(&["nowhere"]),
        UpdateMissingRow => fails(&["people", "1000"]),
        WriteHistory => denied(&["runner_history"]),
        TransformHistory => denied(&["runner_history"]),
        TransformWithoutKey => fails(&["keyless", "key"]),
        DropTableUnderReader => fails(&["no such table: people"]),

        EscapesInLog => succeeds(&["\\u{1b}[2J", "all is well"]),
        EscapesInError => fails(&["\\u{1b}[2J", "all is well"]),
        EscapesInProgress => succeeds(&[]),
        EscapesInStatement => fails(&["no such table", "all is well"]),
        AssetOutside => fails(&["no asset was opened"]),

        // Those that are refused have tests of their own.
        Statements => fails(&["parameter `statements` is not set"]),
        Behave => succeeds(&[]),
    }
}

/// A project whose database holds `people`, and the hostile component as the next migration.
fn hostile() -> TestProject {
    let project = project!();
    project
        .sql(
            "0001_people",
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, active BOOLEAN, note TEXT UNIQUE);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
             INSERT INTO people SELECT i, 'person ' || i, i / 4.0, i % 2, CASE WHEN i % 3 THEN 'note ' || i END FROM n;",
            "DROP TABLE people;",
        )
        .write("migrations/0002_hostile/assets/large.bin", vec![0; 10_000])
        .write("migrations/0002_hostile/assets/note.txt", "a note")
        .component("0002_hostile", &guests::component("hostile"));
    project.runner("apply --target 0001").succeeds();
    project
}

fn apply(project: &TestProject, behaviour: Behaviour, limits: &[&str]) -> Output {
    let mut command = project.command(["apply", "--parameter"]);
    command.arg(format!("behaviour={}", behaviour.name()));
    for limit in limits {
        command.args(["--limit", limit]);
    }
    project.finish(&mut command)
}

fn check(behaviour: Behaviour) {
    let Expected { code, says, limits } = expected(behaviour);
    let project = hostile();
    let before = project.dump();
    let output = apply(&project, behaviour, limits);
    output.exits(code).says(says);
    if code == 0 {
        return;
    }
    output.says(&["0002_hostile"]);
    assert_eq!(project.dump(), before, "a failed migration left something behind\n{output}");
    dump::check(&project.database());
    project.runner("status").succeeds();
    // Nothing is stuck: the same component, behaving, is applied.
    apply(&project, Behaviour::Behave, &[]).succeeds();
    assert_eq!(project.value("SELECT count(*) FROM made_by_hostile"), "0");
}

macro_rules! tests {
    ($($variant:ident = $name:ident,)+) => {
        $(
            #[test]
            fn $name() {
                check(Behaviour::$variant);
            }
        )+
    };
}

mod behaviours {
    use super::*;

    for_each_behaviour!(tests);
}

/// Limits that no behaviour of a guest can reach, with where they are tested instead.
const NOT_REACHED_BY_GUESTS: &[&str] = &[
    "artifact_bytes",        // bad_input: a large artifact
    "stored_artifact_bytes", // cli: a rollback without the file
    "stored_call_bytes",     // verify: a recording that is too large
    "batch_rows",            // data: the size of chunks
    "batch_bytes",           // data: the size of chunks
];

#[test]
fn every_limit_has_a_hostile_test() {
    let texts: Vec<String> = Behaviour::ALL
        .iter()
        .map(|behaviour| expected(*behaviour))
        .map(|expected| format!("{:?} {:?}", expected.limits, expected.says))
        .collect();
    for name in Limits::NAMES {
        let tested =
            texts.iter().any(|text| text.contains(&format!("\"{name}=")) || text.contains(&format!("`{name}`")));
        let elsewhere = NOT_REACHED_BY_GUESTS.contains(&name);
        // 10,000 rows are the default, and what the message of `query_many_rows` says.
        assert!(tested || elsewhere || name == "query_rows", "no hostile test reaches the limit `{name}`");
    }
}

/// Statements of which SQLite must run none for a component.
const REFUSED: &[&str] = &[
    "COMMIT",
    "commit",
    "/*x*/ cOmMiT",
    "-- x ; COMMIT",
    "END",
    "END TRANSACTION",
    "EXPLAIN COMMIT",
    "ROLLBACK",
    "ROLLBACK TO s",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "SAVEPOINT s",
    "RELEASE s",
    "RELEASE SAVEPOINT s",
    "SELECT 1; COMMIT",
    "SELECT 1; DELETE FROM people",
    "ATTACH DATABASE 'other.db' AS other",
    "ATTACH ':memory:' AS other",
    "ATTACH '/etc/passwd' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "SELECT load_extension('evil')",
    "SELECT load_extension('evil', 'main')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT writefile('out.txt', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT edit('x')",
    "PRAGMA writable_schema = 1",
    "PRAGMA writable_schema = RESET",
    "PRAGMA journal_mode = OFF",
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = 0",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = 1",
    "PRAGMA trusted_schema = 1",
    "PRAGMA recursive_triggers = 1",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA schema_version = 7",
    "PRAGMA data_store_directory = '/tmp'",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA mmap_size = 1000000000",
    "PRAGMA hard_heap_limit = 1",
    "PRAGMA max_page_count = 1",
    "PRAGMA secure_delete = 0",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA main.journal_mode = DELETE",
    "SELECT * FROM pragma_journal_mode('off')",
    "INSERT INTO runner_history (revision) VALUES ('9')",
    "INSERT INTO main.runner_history (revision) VALUES ('9')",
    "INSERT INTO \"RUNNER_history\" (revision) VALUES ('9')",
    "INSERT OR REPLACE INTO [runner_history] (revision) VALUES ('9')",
    "UPDATE runner_history SET state = 'rolled-back'",
    "DELETE FROM runner_history",
    "DELETE FROM main.\"runner_history\"",
    "DROP TABLE runner_history",
    "DROP TABLE IF EXISTS main.runner_history",
    "ALTER TABLE runner_history RENAME TO gone",
    "ALTER TABLE runner_history ADD COLUMN x",
    "ALTER TABLE runner_history DROP COLUMN name",
    "ALTER TABLE people RENAME TO runner_history",
    "CREATE TABLE runner_history (x)",
    "CREATE TEMP TABLE runner_history (x)",
    "CREATE TEMPORARY TABLE IF NOT EXISTS RUNNER_HISTORY AS SELECT 1",
    "CREATE VIEW temp.runner_history AS SELECT 1",
    "CREATE TEMP VIEW runner_history AS SELECT * FROM people",
    "CREATE VIRTUAL TABLE runner_history USING fts5(x)",
    "CREATE INDEX late ON runner_history (name)",
    "CREATE UNIQUE INDEX late ON runner_history (kind)",
    "CREATE TRIGGER bomb AFTER INSERT ON runner_history BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TEMP TRIGGER bomb BEFORE INSERT ON main.runner_history BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER bomb AFTER INSERT ON people BEGIN DELETE FROM runner_history; END",
    "CREATE TRIGGER bomb AFTER INSERT ON people BEGIN DELETE FROM \"runner_history\"; END",
    "CREATE TRIGGER bomb AFTER UPDATE ON people BEGIN UPDATE Runner_History SET state = 'x'; END",
    "CREATE TRIGGER bomb INSTEAD OF DELETE ON runner_history BEGIN SELECT 1; END",
    "UPDATE sqlite_schema SET sql = ''",
    "DELETE FROM sqlite_schema",
    "INSERT INTO sqlite_sequence VALUES ('x', 1)",
    "ANALYZE runner_history",
    "SELECT runner_pull_0(1)",
    "",
    ";",
    "-- nothing",
    "SELECT",
    "SELECT * FROM people WHERE id = ?",
];

/// Harmless although they look as if they were not; a guest may run them.
const ALLOWED: &[&str] = &[
    "PRAGMA table_info(people)",
    "PRAGMA foreign_key_check",
    "SELECT 'COMMIT; DROP TABLE people'",
    "SELECT name FROM people WHERE name = 'runner_history'",
    "SELECT 1 -- ; COMMIT",
    "SELECT 1;",
    "EXPLAIN QUERY PLAN SELECT * FROM people",
];

fn run_statements(statements: &[&str]) -> (Output, TestProject) {
    let project = hostile();
    let list = statements.join("\n");
    assert!(!list.contains("'''"), "the list would end early");
    project.settings(&format!("[parameters]\nstatements = '''\n{list}'''"));
    let output = apply(&project, Behaviour::Statements, &[]);
    output.succeeds();
    (output, project)
}

#[test]
fn statements_beyond_a_guests_rights_are_refused() {
    let others = TOOL_TABLES.iter().flat_map(|table| {
        // Columns do not matter: whoever speaks is refused before they are looked for.
        let about_history =
            REFUSED.iter().filter(|statement| statement.contains("runner_history") && !statement.contains("IF EXISTS"));
        about_history.map(|statement| statement.replace("runner_history", table))
    });
    let all: Vec<String> = REFUSED.iter().map(|statement| (*statement).to_owned()).chain(others).collect();
    let (output, project) = run_statements(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let accepted: Vec<&str> = output.stderr.lines().filter(|line| line.contains("accepted: ")).collect();
    assert!(accepted.is_empty(), "a component may not run these:\n{}", accepted.join("\n"));
    assert_eq!(project.value("SELECT count(*) FROM people"), "100");
    assert_eq!(project.value("SELECT count(*) FROM runner_history"), "2");
    assert_eq!(project.value("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')"), "0");
    for file in ["other.db", "copy.db", "out.txt"] {
        assert!(!project.file(file).exists(), "a component made the file `{file}`");
    }
    dump::check(&project.database());
}

#[test]
fn statements_that_only_look_dangerous_are_allowed() {
    let (output, _) = run_statements(ALLOWED);
    for statement in ALLOWED {
        output.says(&[&format!("query accepted: {statement}")]);
    }
}

/// A migration in SQL has more rights than a component, but the transaction and the history are not its own either.
#[test]
fn migrations_in_sql_control_no_transaction_and_no_history() {
    for statement in [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT s",
        "END",
        "PRAGMA writable_schema = 1",
        "DELETE FROM runner_history",
        "DROP TABLE runner_history",
        "CREATE TEMP TABLE runner_history (x)",
        "CREATE TRIGGER bomb AFTER INSERT ON people BEGIN DELETE FROM runner_history; END",
        "SELECT load_extension('evil')",
    ] {
        let project = project!();
        project.sql("1_people", "CREATE TABLE people (id INTEGER PRIMARY KEY);", "DROP TABLE people;").sql(
            "2_evil",
            &format!("INSERT INTO people VALUES (1);\n{statement};\n"),
            "SELECT 1;",
        );
        project.runner("apply --target 1").succeeds();
        let before = project.dump();
        let output = project.runner("apply");
        output.exits(7).says(&["2_evil", statement, "hint:"]);
        assert_eq!(project.dump(), before, "{statement}");
    }
}

#[test]
fn a_hostile_downgrade_changes_nothing_either() {
    let project = hostile();
    apply(&project, Behaviour::Behave, &[]).succeeds();
    let before = project.dump();
    project.runner("rollback --limit fuel=10").exits(7).says(&["limit `fuel`", "downgrade", "0002_hostile"]);
    assert_eq!(project.dump(), before);
    project.runner("rollback").succeeds();
}

#[test]
fn a_component_may_not_ask_the_host_while_it_describes_itself() {
    let project = project!();
    project.write("migrations/1_describer.wasm", guests::component("describer"));
    project.runner("build").exits(1).says(&["1_describer", "get-dialect", "describe"]);
    assert!(!project.file("runner.lock").exists() || !project.read("runner.lock").contains("describer"));
}

/// A file of the cache that is cut off or something else is compiled anew; a folder that others can write is not used.
#[cfg(unix)]
#[test]
fn a_damaged_or_shared_cache_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let project = hostile();
    let run = || {
        let mut command = project.command(["apply", "--dry-run", "--parameter", "behaviour=behave"]);
        project.finish(command.env("XDG_CACHE_HOME", project.file("cache"))).succeeds();
    };
    run();
    let files = || {
        let mut folders = vec![project.file("cache")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    };
    let [compiled] = <[_; 1]>::try_from(files()).expect("one compiled component");
    let folder = compiled.parent().unwrap();
    assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
    let whole = std::fs::read(&compiled).unwrap();
    for damaged in [&whole[..whole.len() / 2], &whole[..100], b"", b"something else", &vec![0; whole.len()]] {
        std::fs::write(&compiled, damaged).unwrap();
        run();
        assert_eq!(std::fs::read(&compiled).unwrap().len(), whole.len(), "it was not compiled anew");
    }
    std::fs::write(&compiled, "planted").unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    run();
    assert_eq!(std::fs::read(&compiled).unwrap(), b"planted", "a folder that others can write was used");
}

/// What was put off to the end of the transaction is refused there.
#[test]
fn deferred_violations_fail_at_the_commit() {
    let project = hostile();
    project
        .database()
        .execute_batch("CREATE TABLE child (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people)")
        .unwrap();
    let statements = "PRAGMA defer_foreign_keys = ON\nINSERT INTO child VALUES (1, 777)";
    project.settings(&format!("[parameters]\nstatements = '''\n{statements}'''"));
    let before = project.dump();
    apply(&project, Behaviour::Statements, &[]).exits(1).says(&["foreign key", "child", "0002_hostile"]);
    assert_eq!(project.dump(), before);
}

/// Code from the cache is held to the same checks as code that was just compiled.
#[test]
fn a_second_run_from_the_cache_is_stopped_as_well() {
    let project = hostile();
    for _ in 0..2 {
        apply(&project, Behaviour::LoopForever, &["fuel=50_000_000"]).exits(7).says(&["limit `fuel`"]);
    }
}

#[test]
fn limits_come_from_file_environment_and_flag() {
    let project = hostile();
    project.settings("[limits]\nfuel = 60_000_000\n\n[parameters]\nbehaviour = \"loop_forever\"");
    project.runner("apply").exits(7).says(&["limit `fuel` of 60000000"]);
    let mut command = project.command(["apply"]);
    project.finish(command.env("RUNNER_LIMIT_FUEL", "70_000_000")).exits(7).says(&["limit `fuel` of 70000000"]);
    let mut command = project.command(["apply", "--limit", "fuel=80_000_000"]);
    project.finish(command.env("RUNNER_LIMIT_FUEL", "70_000_000")).exits(7).says(&["limit `fuel` of 80000000"]);
}

/// Bytes that were changed at random are refused, or are a component all the same; they never bring the host down.
#[test]
fn mutated_components_are_refused_or_described() {
    let limits = Limits { fuel: 1_000_000, ..Limits::default() };
    let sandbox = Sandbox::new(SandboxOptions { limits, cache_folder: None, jobs: 1 });
    let original = guests::component("describer");
    assert!(sandbox.describe(&original).is_err());
    let rounds = if std::env::var_os("RUNNER_TEST_LONG").is_some_and(|value| value == "1") { 10_000 } else { 500 };
    let mut refused = 0;
    for seed in 0..rounds {
        let mut random = Random::new(seed);
        let mut bytes = original.clone();
        for _ in 0..=random.below(8) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.draw() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random.draw() as u8),
            }
        }
        // No outcome is wrong but a panic or the end of this process.
        refused += usize::from(sandbox.describe(&bytes).is_err());
    }
    assert!(refused > 0, "no mutation did any harm");
}

/// SQLite keeps temporary objects for the connection, which serves the next migration too.
#[test]
fn temporary_objects_end_with_their_migration() {
    for statement in [
        "CREATE TEMP TABLE later (id INTEGER)",
        "CREATE TEMP TABLE later AS SELECT 7 AS id",
        "CREATE TEMP VIEW later AS SELECT 7 AS id",
        "CREATE TEMP TRIGGER zap BEFORE INSERT ON main.later BEGIN SELECT RAISE(IGNORE); END",
        "CREATE VIRTUAL TABLE temp.later USING fts5(id)",
        "CREATE TABLE temp.later (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    ] {
        let project = hostile();
        project.sql("0003_later", "INSERT INTO later VALUES (1), (2);", "DELETE FROM later;");
        project.database().execute_batch("CREATE TABLE later (id INTEGER PRIMARY KEY)").unwrap();
        project.settings(&format!("[parameters]\nstatements = '''\n{statement}'''"));
        let output = apply(&project, Behaviour::Statements, &[]);
        output.succeeds().says(&["execute accepted", "applied 0003_later"]);
        assert_eq!(project.value("SELECT count(*) FROM later"), "2", "{statement}");
    }
    // In SQL, with and without a transaction.
    for directive in ["", "-- runner:no-transaction\n"] {
        let project = project!();
        project
            .sql("1_later", "CREATE TABLE later (id INTEGER PRIMARY KEY);", "DROP TABLE later;")
            .sql(
                "2_work",
                &format!("{directive}CREATE TEMP TABLE later (id); INSERT INTO later VALUES (7); INSERT INTO main.later SELECT id FROM later;"),
                "DELETE FROM later;",
            )
            .sql("3_more", "INSERT INTO later VALUES (8);", "SELECT 1;");
        project.runner("apply").succeeds();
        assert_eq!(project.value("SELECT group_concat(id) FROM later"), "7,8");
    }
}
