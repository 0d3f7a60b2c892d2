//! Statements that a component, or a migration in SQL, may not run.

use super::*;

/// Statements that SQLite must not run for a component.
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

/// Harmless despite their appearance; a guest may run them.
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
        // Columns do not matter: access is refused before they are looked up.
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

/// A migration in SQL may do more than a component, but must not touch the transaction or the history either.
#[test]
fn migrations_in_sql_control_neither_transaction_nor_history() {
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
        // Without its `COMMIT`, it is a file that was cut off.
        output.exits(if statement == "BEGIN" { 2 } else { 7 }).says(&["2_evil", statement, "hint:"]);
        assert_eq!(project.dump(), before, "{statement}");
    }
}

/// Violations deferred to the end of the transaction are refused there.
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
