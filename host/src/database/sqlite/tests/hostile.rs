//! Hostile statements, judged by what they leave: a digest of history, schema, files and settings before and after. Whether
//! they are refused, fail or do nothing does not matter.

use sha2::{Digest as _, Sha256};

use super::*;
use crate::database::End;

/// Statements that leave nothing in either role, whatever else they do.
const BOTH: &[&str] = &[
    "COMMIT",
    "END TRANSACTION",
    "ROLLBACK",
    "ROLLBACK TO s",
    "BEGIN EXCLUSIVE",
    "SAVEPOINT s",
    "RELEASE s",
    "EXPLAIN COMMIT",
    "SELECT 1; COMMIT",
    "INSERT INTO runner_history VALUES ('9', 'forged')",
    "INSERT OR REPLACE INTO main.runner_history VALUES ('1', 'forged')",
    "REPLACE INTO \"runner_history\" VALUES ('1', 'forged')",
    "INSERT INTO [runner_history] SELECT '9', 'forged'",
    "INSERT INTO `runner_history` DEFAULT VALUES",
    "UPDATE runner_history SET note = 'forged'",
    "UPDATE OR IGNORE main.runner_history SET note = 'forged' FROM people",
    "DELETE FROM runner_history",
    "DELETE FROM main.\"runner_history\" WHERE 1 RETURNING *",
    "WITH x AS (SELECT 1) DELETE FROM runner_history",
    "DROP TABLE runner_history",
    "DROP TABLE IF EXISTS main.runner_history",
    "ALTER TABLE runner_history RENAME TO gone",
    "ALTER TABLE runner_history RENAME COLUMN note TO x",
    "ALTER TABLE runner_history ADD COLUMN x",
    "ALTER TABLE runner_history DROP COLUMN note",
    "ALTER TABLE people RENAME TO runner_chunk",
    "CREATE TABLE runner_chunk (x)",
    "CREATE TEMP TABLE runner_history (x)",
    "CREATE TEMP VIEW runner_history AS SELECT 'forged'",
    "CREATE VIRTUAL TABLE runner_chunk USING fts5(x)",
    "CREATE INDEX late ON runner_history (note)",
    "CREATE TRIGGER bomb AFTER INSERT ON people BEGIN DELETE FROM runner_history; END",
    "CREATE TRIGGER bomb AFTER INSERT ON runner_history BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TEMP TRIGGER bomb BEFORE INSERT ON main.runner_history BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TABLE child (x REFERENCES runner_history ON DELETE RESTRICT)",
    "INSERT INTO log_view VALUES ('9', 'forged')",
    "INSERT INTO trapped VALUES (1)",
    "UPDATE sqlite_schema SET sql = ''",
    "DELETE FROM sqlite_master WHERE name = 'runner_history'",
    "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)')",
    "DROP TABLE sqlite_schema",
    "PRAGMA writable_schema = ON",
    "PRAGMA main.writable_schema(RESET)",
    "PRAGMA journal_mode = OFF",
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA ignore_check_constraints = 1",
    "PRAGMA trusted_schema = ON",
    "PRAGMA recursive_triggers = 1",
    "PRAGMA case_sensitive_like = ON",
    "PRAGMA schema_version = 7",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA data_store_directory = '/tmp'",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA query_only = 1",
    "PRAGMA busy_timeout = 1",
    "PRAGMA cache_size = 1",
    "PRAGMA mmap_size = 1000000",
    "PRAGMA max_page_count = 1",
    "PRAGMA secure_delete = ON",
    "PRAGMA hard_heap_limit = 1000000",
    "PRAGMA soft_heap_limit = 1000000",
    "PRAGMA encoding = 'UTF-16'",
    "SELECT * FROM pragma_journal_mode('off')",
    "SELECT load_extension('evil')",
    "SELECT load_extension('evil', 'entry')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts3_tokenizer('simple', x'0000000000000000')",
    "SELECT writefile('made', 'x')",
    "SELECT edit('x')",
    "SELECT runner_pull_0(1)",
    "ATTACH 'made.db' AS made",
    "ATTACH 'file:made.db?mode=rwc' AS made",
    "VACUUM INTO runner_pull_0(1)",
    "VACUUM INTO load_extension('made')",
    "VACUUM INTO fts3_tokenizer('made')",
];

/// Statements that a migration in SQL may use on purpose, and a component may not.
const COMPONENT: &[&str] = &[
    "ATTACH 'other.db' AS other",
    "ATTACH ':memory:' AS other",
    "VACUUM",
    "VACUUM main",
    "VACUUM INTO 'made.db'",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA journal_mode = DELETE",
];

/// Settings of a connection or file that a migration must leave alone.
const SETTINGS: &[&str] = &[
    "application_id",
    "auto_vacuum",
    "busy_timeout",
    "cache_size",
    "cache_spill",
    "cell_size_check",
    "checkpoint_fullfsync",
    "defer_foreign_keys",
    "encoding",
    "foreign_keys",
    "fullfsync",
    "hard_heap_limit",
    "ignore_check_constraints",
    "journal_mode",
    "journal_size_limit",
    "legacy_alter_table",
    "locking_mode",
    "max_page_count",
    "mmap_size",
    "page_size",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "secure_delete",
    "soft_heap_limit",
    "synchronous",
    "temp_store",
    "temp_store_directory",
    "threads",
    "trusted_schema",
    "user_version",
    "wal_autocheckpoint",
    "writable_schema",
];

/// The same statement in other spellings: some are equal for SQLite, others are no statements at all.
fn variants(statement: &str) -> Vec<String> {
    let mixed = |(at, letter): (usize, char)| {
        if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    let mut variants = vec![
        statement.to_owned(),
        statement.to_ascii_lowercase(),
        statement.to_ascii_uppercase(),
        statement.char_indices().map(mixed).collect(),
        statement.replace(' ', "/* ; */"),
        statement.replace(' ', "\t-- '\n"),
        statement.replace(' ', "\x0c\r\n"),
        format!("/**/ {statement} ; -- COMMIT"),
        format!("\u{feff}{statement}"),
        statement.replace(' ', "\u{a0}"),
        statement.replace("runner_history", "\"runner_history\" "),
    ];
    // A table may have a name that only looks like one of the tool's, and then it is there.
    if !statement.starts_with("CREATE") && !statement.starts_with("ALTER") {
        variants.push(statement.replace('o', "о").replace('e', "е"));
        variants.push(statement.replace("runner_history", "runner_h\u{131}story"));
    }
    variants
}

/// A digest of everything that a migration must leave alone.
async fn digest(database: &mut dyn Database, directory: &Path) -> String {
    database.set_role(Role::Host);
    let mut digest = Sha256::new();
    let mut questions = vec![
        "SELECT * FROM main.runner_history ORDER BY 1, 2".to_owned(),
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY 1, 2, 4".to_owned(),
        "SELECT type, name, tbl_name, sql FROM temp.sqlite_schema ORDER BY 1, 2, 4".to_owned(),
        "SELECT name FROM pragma_database_list ORDER BY 1".to_owned(),
        "SELECT 'a' LIKE 'A'".to_owned(),
    ];
    questions.extend(SETTINGS.iter().map(|setting| format!("PRAGMA {setting}")));
    for question in questions {
        digest.update(format!("{question}: {:?}\n", rows(database, &question).await));
    }
    let mut files: Vec<_> =
        std::fs::read_dir(directory).expect("files").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| !file.display().to_string().contains("app.db")) {
        digest.update(format!("{}: {:?}\n", file.display(), std::fs::read(file).ok()));
    }
    hex::encode(digest.finalize())
}

async fn prepared(directory: &Path) -> Box<dyn Database> {
    let other = rusqlite::Connection::open(directory.join("other.db")).expect("another database");
    other.execute_batch("CREATE TABLE secret (x); INSERT INTO secret VALUES (1)").expect("filled");
    let mut database = open_at(directory).await;
    for statement in [
        "CREATE TABLE runner_history (revision TEXT PRIMARY KEY, note TEXT)",
        "CREATE TABLE people (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO runner_history VALUES ('1', 'kept')",
        "INSERT INTO people VALUES (1, 1)",
        // What someone with access to the file left there.
        "CREATE VIEW log_view AS SELECT * FROM runner_history",
        "CREATE TRIGGER through INSTEAD OF INSERT ON log_view BEGIN INSERT INTO runner_history VALUES (new.revision, new.note); END",
        "CREATE TABLE trapped (x)",
        "CREATE TRIGGER trap AFTER INSERT ON trapped BEGIN DELETE FROM runner_history; END",
    ] {
        run(database.as_mut(), statement).await;
    }
    database
}

async fn nothing_is_left(role: Role, statements: &[&[&str]]) {
    let directory = directory();
    let mut database = prepared(directory.path()).await;
    let before = digest(database.as_mut(), directory.path()).await;
    for statement in statements.concat().iter().flat_map(|statement| variants(statement)) {
        // Relative paths lead to the working directory of the tests otherwise.
        let statement = ["other.db", "made.db", "OTHER.DB", "MADE.DB"].iter().fold(statement, |statement, file| {
            statement.replace(file, &directory.path().join(file).display().to_string())
        });
        for in_transaction in [true, false] {
            if in_transaction {
                database.begin(TransactionOptions::default()).await.expect("begun");
            }
            for way in 0..3 {
                database.set_role(role);
                match way {
                    0 => drop(database.execute(&statement, &[]).await),
                    1 => drop(database.query(&statement, &[], QueryLimits::NONE).await),
                    _ => {
                        let request = CursorRequest { statement: statement.clone(), ..CursorRequest::default() };
                        if let Ok(cursor) = database.open_cursor(&request).await {
                            drop(database.fetch(cursor, BatchLimits::default()).await);
                        }
                    }
                }
            }
            database.set_role(Role::Host);
            if in_transaction {
                assert!(
                    database.in_transaction().await.expect("an answer"),
                    "{role:?} ended the transaction: {statement}"
                );
                let end = End::Migration { next: None };
                database.finish(&[], end).await.unwrap_or_else(|error| panic!("{role:?}: {statement}: {error}"));
            } else {
                database.drop_temporary().await.unwrap_or_else(|error| panic!("{role:?}: {statement}: {error}"));
            }
            let after = digest(database.as_mut(), directory.path()).await;
            assert_eq!(after, before, "{role:?}, in a transaction: {in_transaction}: {statement}");
        }
    }
}

#[tokio::test]
async fn a_component_leaves_nothing() {
    assert!(BOTH.len() + COMPONENT.len() >= 50);
    nothing_is_left(Role::Component, &[BOTH, COMPONENT]).await;
}

#[tokio::test]
async fn a_migration_in_sql_leaves_nothing_that_it_may_not() {
    assert!(BOTH.len() >= 50);
    nothing_is_left(Role::SqlScript, &[BOTH]).await;
}

/// The digest sees what it is for.
#[tokio::test]
async fn the_digest_notices_each_kind_of_change() {
    let directory = directory();
    let mut database = prepared(directory.path()).await;
    let mut seen = vec![digest(database.as_mut(), directory.path()).await];
    for statement in [
        "UPDATE runner_history SET note = 'forged'",
        "CREATE INDEX late ON people (n)",
        "CREATE TEMP TABLE t (x)",
        "PRAGMA trusted_schema = ON",
        "PRAGMA case_sensitive_like = ON",
        "ATTACH ':memory:' AS other",
    ] {
        run(database.as_mut(), statement).await;
        let now = digest(database.as_mut(), directory.path()).await;
        assert!(!seen.contains(&now), "{statement}");
        seen.push(now);
    }
    std::fs::write(directory.path().join("made"), "x").expect("a file");
    assert!(!seen.contains(&digest(database.as_mut(), directory.path()).await));
}
