//! Hostile statements, judged by what they leave: a digest of history, schema, files and settings before and after. Whether
//! they are refused, fail or do nothing does not matter.

use sha2::{Digest as _, Sha256};

use super::*;
use runner_corpus::Attack;
use runner_corpus::sqlite::CORPUS;
use runner_database::UnitOfWork;

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
        // White space to SQLite before a token, and a part of the name after one.
        statement.replace(' ', " \u{feff}"),
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
    for (_, question) in CORPUS.state {
        digest.update(format!("{question}: {:?}\n", rows(database, question).await));
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
    for statement in (CORPUS.history)().iter().map(String::as_str).chain(CORPUS.field.concat()) {
        run(database.as_mut(), statement).await;
    }
    database
}

async fn nothing_is_left(role: Role, attacks: &[&[Attack]]) {
    let directory = directory();
    let mut database = prepared(directory.path()).await;
    let before = digest(database.as_mut(), directory.path()).await;
    let statements = attacks.concat().into_iter().flat_map(|attack| attack.statements);
    for statement in statements.flat_map(|statement| variants(statement)) {
        // The path may have changed its case with the rest of the statement.
        let place = directory.path().display().to_string();
        let statement =
            ["{dir}", "{DIR}", "{DiR}", "{dIr}"].iter().fold(statement, |text, it| text.replace(it, &place));
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
                database
                    .commit(UnitOfWork::Migration(&[]))
                    .await
                    .result()
                    .unwrap_or_else(|error| panic!("{role:?}: {statement}: {error}"));
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
    assert!(CORPUS.attacks.concat().len() + CORPUS.of_components.len() >= 50);
    nothing_is_left(Role::Component, &[&CORPUS.attacks.concat(), CORPUS.of_components]).await;
}

#[tokio::test]
async fn a_migration_in_sql_leaves_nothing_that_it_may_not() {
    assert!(CORPUS.attacks.concat().len() >= 50);
    nothing_is_left(Role::SqlScript, &[&CORPUS.attacks.concat()]).await;
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
