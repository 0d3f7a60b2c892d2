//! The tool's tables, to which someone with access to the file has added something.

use super::*;
use runner_database::DatabaseErrorKind;

#[tokio::test]
async fn what_others_add_to_the_tools_tables_is_refused_before_it_acts() {
    for (added, named) in [
        ("CREATE TRIGGER forge AFTER INSERT ON runner_history BEGIN DELETE FROM people; END", "trigger `forge`"),
        ("CREATE INDEX late ON Runner_History (note)", "index `late`"),
        ("CREATE VIEW runner_artifact AS SELECT * FROM people", "view `runner_artifact`"),
        ("CREATE VIEW runner_lease AS SELECT * FROM people", "view `runner_lease`"),
        ("CREATE VIRTUAL TABLE runner_artifact USING fts5(x)", "table `runner_artifact`"),
        ("CREATE TABLE child (x REFERENCES runner_history ON DELETE RESTRICT)", "foreign key `child`"),
        ("ALTER TABLE runner_history ADD COLUMN x AS (note || 'x')", "generated column `x`"),
    ] {
        let directory = directory();
        let mut database = open_at(directory.path()).await;
        let database = database.as_mut();
        run(database, "CREATE TABLE runner_history (revision TEXT PRIMARY KEY, note TEXT)").await;
        run(database, "CREATE TABLE people (id INTEGER PRIMARY KEY)").await;
        database.begin(TransactionOptions::default()).await.expect("ours alone");
        database.commit_or_roll_back().await.expect("committed");
        let other = rusqlite::Connection::open(directory.path().join("app.db")).expect("the file");
        other.execute_batch(added).expect(added);
        let error = database.begin(TransactionOptions::default()).await.expect_err(added);
        assert_eq!(error.kind, DatabaseErrorKind::Denied, "{added}: {error}");
        assert!(error.message.contains(named), "{added}: {error}");
        assert_eq!(database.in_transaction().await, Ok(false));
    }
}

/// The authorizer keeps migrations from it; this does not depend on that.
#[tokio::test]
async fn what_is_added_in_a_transaction_keeps_it_from_being_committed() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let database = database.as_mut();
    run(database, "CREATE TABLE runner_history (revision TEXT PRIMARY KEY, note TEXT)").await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    run(database, "CREATE TRIGGER forge AFTER INSERT ON runner_history BEGIN SELECT 1; END").await;
    let error = database.commit_or_roll_back().await.expect_err("a trigger");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error}");
    database.begin(TransactionOptions::default()).await.expect("it was rolled back");
}
