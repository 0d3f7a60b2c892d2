//! Journals, on SQLite in memory as a rule: what they record, answer and refuse.

use std::path::Path;
use std::sync::Arc;

use super::open::{Build, Resumed};
use super::*;
use crate::call::Call;
use crate::history;
use runner_base::error::ErrorKind;
use runner_data::Value;
use runner_database::dialect_sql::SchemaProbe;
use runner_database::stop::StopReason;
use runner_database::{
    ConnectOptions, DatabaseErrorKind, DatabaseUrl, QueryLimits, SharedDatabase, TransactionOptions,
};
use runner_drivers::connect;

const RUN: Run = Run { history: 1, direction: Direction::Up };

async fn database() -> SharedDatabase {
    let url = DatabaseUrl::parse("sqlite::memory:", Path::new("/")).expect("a URL");
    let mut database = connect(&url, &ConnectOptions::creating()).await.expect("a database");
    history::ensure(&mut database.host()).await.expect("tables");
    Arc::new(tokio::sync::Mutex::new(database))
}

async fn create(database: &SharedDatabase) -> Journal {
    let mut database = database.lock().await;
    let database = &mut database.host();
    database.begin(TransactionOptions::default()).await.expect("a transaction");
    let inputs = Inputs { sha256: "ab".to_owned(), seed: 7, ..Inputs::default() };
    let journal = Journal::create(database, RUN, Kind::Component, inputs, &worker(), &StopSignal::default()).await;
    database.commit_or_roll_back().await.expect("committed");
    journal.expect("a journal")
}

fn worker() -> Worker {
    Worker { run_id: "run".to_owned(), by: "me@here".to_owned() }
}

async fn open(database: &SharedDatabase, sha256: &str) -> Result<Resumed> {
    let mut database = database.lock().await;
    let database = &mut database.host();
    database.rollback().await.expect("the open transaction is rolled back");
    Journal::resume(
        database,
        RUN,
        (Kind::Component, Build { sha256, successor: None }),
        &worker(),
        &StopSignal::default(),
    )
    .await
}

async fn resume(database: &SharedDatabase) -> Journal {
    open(database, "ab").await.expect("a journal").journal
}

/// Makes the journal behave as on a database where DDL commits by itself.
async fn without_transactional_ddl(mut journal: Journal) -> Journal {
    journal.facts.transactional_ddl = false;
    journal
}

/// Whether a step was executed or answered from the journal.
#[derive(Debug, PartialEq)]
enum How {
    Done(u64),
    Recorded(u64),
    Failed(DatabaseErrorKind),
    FailedBefore(DatabaseErrorKind),
}

fn call(statement: &str) -> Call<'_> {
    Call { kind: CallKind::Execute, text: statement, parameters: "" }
}

async fn step(journal: &Journal, database: &SharedDatabase, statement: &str) -> Result<How> {
    let mut live = match journal.begin::<u64>(database, &call(statement), 1).await? {
        JournalStep::Recorded(_, Ok(rows)) => return Ok(How::Recorded(rows)),
        JournalStep::Recorded(_, Err(error)) => return Ok(How::FailedBefore(error.kind)),
        JournalStep::Live(live) => live,
    };
    let result = live.session().execute(statement, &[]).await;
    Ok(match journal.finish(live, result).await? {
        Ok(rows) => How::Done(rows),
        Err(error) => How::Failed(error.kind),
    })
}

async fn done(journal: &Journal, database: &SharedDatabase, statement: &str) -> How {
    step(journal, database, statement).await.expect(statement)
}

async fn host(database: &SharedDatabase, statement: &str) -> Vec<Vec<Value>> {
    let mut database = database.lock().await;
    let database = &mut database.host();
    database.query(statement, &[], QueryLimits::NONE).await.expect(statement).rows
}

async fn count(database: &SharedDatabase, table: &str) -> i64 {
    host(database, &format!("SELECT count(*) FROM {table}")).await[0][0].as_int64().expect("a number")
}

#[tokio::test]
async fn recorded_steps_are_answered_and_the_rest_run() {
    let database = database().await;
    let journal = create(&database).await;
    assert_eq!(done(&journal, &database, "CREATE TABLE t (a)").await, How::Done(0));
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1), (2)").await, How::Done(2));
    assert_eq!(journal.progress().await, StepProgress { done: 2, effects: 2, unknown: None, repeats: false });
    let journal = resume(&database).await;
    assert_eq!((journal.inputs().seed, journal.progress().await.done), (7, 2));
    assert_eq!(done(&journal, &database, "CREATE TABLE t (a)").await, How::Recorded(0));
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1), (2)").await, How::Recorded(2));
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1), (2)").await, How::Done(2));
    assert_eq!(count(&database, "t").await, 4);
    journal.end(&mut database.lock().await.host()).await.expect("the end");
}

#[tokio::test]
async fn what_an_earlier_session_had_is_not_taken_for_nothing() {
    let database = database().await;
    let journal = create(&database).await;
    let (table, insert, odd) = ("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "SELECT last_insert_rowid()");
    for statement in [table, insert, odd] {
        done(&journal, &database, statement).await;
    }
    // It was answered then, and is answered now.
    let journal = resume(&database).await;
    for statement in [table, insert, odd] {
        assert!(matches!(done(&journal, &database, statement).await, How::Recorded(_)), "{statement}");
    }
    let error = step(&journal, &database, odd).await.expect_err("the key of an earlier session");
    assert_eq!(error.kind, ErrorKind::Partial);
    assert!(error.message.contains("`last_insert_rowid()`"), "{error:?}");
    // After an `INSERT` of this session it has its own.
    let journal = resume(&database).await;
    for statement in [table, insert, odd] {
        done(&journal, &database, statement).await;
    }
    assert_eq!(done(&journal, &database, insert).await, How::Done(1));
    assert!(matches!(done(&journal, &database, odd).await, How::Done(_)));
}

#[tokio::test]
async fn a_failure_is_recorded_when_the_migration_continues_after_it() {
    let database = database().await;
    let journal = create(&database).await;
    done(&journal, &database, "CREATE TABLE t (a UNIQUE)").await;
    let twice = "INSERT INTO t VALUES (1), (1)";
    assert_eq!(done(&journal, &database, twice).await, How::Failed(DatabaseErrorKind::Constraint));
    // A failure that ended the migration is retried.
    let journal = resume(&database).await;
    done(&journal, &database, "CREATE TABLE t (a UNIQUE)").await;
    assert_eq!(done(&journal, &database, twice).await, How::Failed(DatabaseErrorKind::Constraint));
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1)").await, How::Done(1));
    let journal = resume(&database).await;
    done(&journal, &database, "CREATE TABLE t (a UNIQUE)").await;
    assert_eq!(done(&journal, &database, twice).await, How::FailedBefore(DatabaseErrorKind::Constraint));
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1)").await, How::Recorded(1));
    assert_eq!(journal.progress().await, StepProgress { done: 3, effects: 2, unknown: None, repeats: false });
}

#[tokio::test]
async fn another_call_and_an_early_end_are_refused() {
    let database = database().await;
    let journal = create(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    done(&journal, &database, "INSERT INTO t VALUES (1)").await;
    let journal = resume(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    let error = step(&journal, &database, "INSERT INTO t VALUES (2)").await.expect_err("another call");
    assert_eq!((error.kind, &*error.message), (ErrorKind::Mismatch, "the component did not repeat its recorded steps"));
    assert_eq!(error.places, [("step", "2".to_owned())]);
    assert_eq!(
        error.causes,
        ["recorded: execute `INSERT INTO t VALUES (1)`", "now: execute `INSERT INTO t VALUES (2)`"]
    );
    let journal = resume(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    let error = journal.end(&mut database.lock().await.host()).await.expect_err("an early end");
    assert_eq!((error.kind, &*error.causes[1]), (ErrorKind::Mismatch, "now: the end of the migration"));
    assert_eq!(count(&database, "t").await, 1);
}

#[tokio::test]
async fn another_build_is_refused() {
    let database = database().await;
    create(&database).await;
    let Err(error) = open(&database, "cd").await else { panic!("another build resumed") };
    assert_eq!(error.kind, ErrorKind::Mismatch);
    assert_eq!(error.causes, ["the downgrade began with sha256 ab, but the project has cd"]);
}

#[tokio::test]
async fn a_tampered_journal_is_refused() {
    for (change, cause) in [
        (
            "UPDATE runner_journal SET answer = (SELECT answer FROM runner_journal WHERE step = 3) WHERE step = 2",
            "step 2 was changed",
        ),
        ("UPDATE runner_journal SET seal = 'x' WHERE step = 2", "step 2 was changed"),
        ("DELETE FROM runner_journal WHERE step = 2", "step 2 is missing, but step 3 exists"),
        ("UPDATE runner_journal SET answer = NULL WHERE step = 2", "the answer of step 2 is missing"),
        ("DELETE FROM runner_journal WHERE step = 0", "the inputs of the first run are missing"),
        ("UPDATE runner_journal SET answer = x'00ff' WHERE step = 0", "the inputs of the first run cannot be read"),
        (
            "UPDATE runner_journal SET answer = CAST(answer || x'00' AS BLOB) WHERE step = 0",
            "the inputs of the first run cannot be read",
        ),
        ("UPDATE runner_journal SET state = 'odd' WHERE step = 2", ""),
    ] {
        let database = database().await;
        let journal = create(&database).await;
        let statements = ["CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1), (2)"];
        for statement in statements {
            done(&journal, &database, statement).await;
        }
        host(&database, change).await;
        let resumed = async {
            let journal = open(&database, "ab").await?.journal;
            for statement in statements {
                step(&journal, &database, statement).await?;
            }
            Ok(())
        };
        let error: Error = resumed.await.expect_err(change);
        assert_eq!(error.kind, ErrorKind::Mismatch, "{change}");
        assert_eq!(error.causes.first().map_or("", |cause| cause), cause, "{change}");
        assert_eq!(count(&database, "t").await, 3, "{change}");
    }
}

/// Begins a step and stops before its answer is recorded, as a killed run does.
async fn crash_in(journal: &Journal, database: &SharedDatabase, statement: &str, takes_effect: bool) {
    let JournalStep::Live(mut live) = journal.begin::<u64>(database, &call(statement), 1).await.expect(statement)
    else {
        panic!("{statement} was recorded")
    };
    if takes_effect {
        live.session().execute(statement, &[]).await.expect(statement);
    }
}

#[tokio::test]
async fn a_step_that_can_be_rolled_back_is_never_unknown() {
    for takes_effect in [false, true] {
        let database = database().await;
        let journal = create(&database).await;
        crash_in(&journal, &database, "CREATE TABLE t (a)", takes_effect).await;
        let journal = resume(&database).await;
        assert_eq!(done(&journal, &database, "CREATE TABLE t (a)").await, How::Done(0));
    }
}

#[tokio::test]
async fn the_schema_shows_the_outcome_of_ddl_that_commits_by_itself() {
    for (statement, takes_effect) in [
        ("CREATE TABLE t (a)", false),
        ("CREATE TABLE t (a)", true),
        ("ALTER TABLE old ADD COLUMN b", false),
        ("ALTER TABLE old ADD COLUMN b", true),
        (&format!("CREATE TABLE t (a /* {} */, b)", "x".repeat(2_000)), false),
        (&format!("CREATE TABLE t (a /* {} */, b)", "x".repeat(2_000)), true),
        ("DROP INDEX old_a", true),
        ("CREATE INDEX old_b ON old (a)", true),
    ] {
        let database = database().await;
        host(&database, "CREATE TABLE old (a)").await;
        host(&database, "CREATE INDEX old_a ON old (a)").await;
        let journal = without_transactional_ddl(create(&database).await).await;
        crash_in(&journal, &database, statement, takes_effect).await;
        let progress = progress(&mut database.lock().await.host(), 1, Direction::Up).await.expect("progress");
        assert_eq!(progress.unknown, None, "no operator is needed");
        let Resumed { journal, warnings } = open(&database, "ab").await.expect("a journal");
        assert_eq!(warnings.len(), 1, "{statement}");
        assert!(warnings[0].contains(if takes_effect {
            "shows that it took effect"
        } else {
            "shows that it did not take effect"
        }));
        let journal = without_transactional_ddl(journal).await;
        let expected = if takes_effect { How::Recorded(0) } else { How::Done(0) };
        assert_eq!(done(&journal, &database, statement).await, expected, "{statement}");
        assert_eq!(done(&journal, &database, "CREATE TABLE other (a)").await, How::Done(0));
        let again = without_transactional_ddl(resume(&database).await).await;
        assert_eq!(done(&again, &database, statement).await, How::Recorded(0));
        assert_eq!(done(&again, &database, "CREATE TABLE other (a)").await, How::Recorded(0));
    }
}

#[tokio::test]
async fn a_damaged_intent_waits_for_an_operator() {
    for change in
        ["x'00'", "x'01'", "x'28b52ffd'", "CAST(answer || x'00' AS BLOB)", "substr(answer, 1, length(answer) - 1)"]
    {
        let database = database().await;
        let journal = without_transactional_ddl(create(&database).await).await;
        crash_in(&journal, &database, "CREATE TABLE t (a)", false).await;
        host(&database, &format!("UPDATE runner_journal SET answer = {change} WHERE step = 1")).await;
        let Err(error) = open(&database, "ab").await else { panic!("{change} was accepted") };
        assert_eq!(error.kind, ErrorKind::Partial, "{change}");
        assert_eq!(error.message, "it is unknown whether step 1 took effect", "{change}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_waits_for_an_operator() {
    // The journal cannot determine the outcome of a procedure call.
    let odd = "CALL odd()";
    for (decision, how, effects) in [
        (Decision::Retry, How::Done(0), 0),
        (Decision::Done { rows: 7 }, How::Recorded(7), 1),
        (Decision::Skip, How::Recorded(0), 0),
    ] {
        let database = database().await;
        let journal = create(&database).await;
        assert_eq!(done(&journal, &database, "SELECT 1").await, How::Done(0));
        crash_in(&journal, &database, odd, false).await;
        let progress = progress(&mut database.lock().await.host(), 1, Direction::Up).await.expect("progress");
        assert_eq!((progress.done, progress.unknown), (1, Some(2)));
        let Err(error) = open(&database, "ab").await else { panic!("it resumed") };
        assert_eq!(error.kind, ErrorKind::Partial);
        {
            let mut database = database.lock().await;
            let database = &mut database.host();
            let unknown = unknown(database, RUN).await.expect("read").expect("unknown");
            assert_eq!((unknown.step, &*unknown.statement, unknown.known), (2, odd, Known::Nothing));
            decide(database, RUN, &unknown, decision).await.expect("decided");
            assert_eq!(store::effects(database, RUN).await.expect("counted"), 1 + effects);
            assert!(damage(database, RUN).await.expect("read").is_none());
        }
        let journal = resume(&database).await;
        assert_eq!(done(&journal, &database, "SELECT 1").await, How::Recorded(0));
        match journal.begin::<u64>(&database, &call(odd), 1).await.expect("begun") {
            JournalStep::Recorded(_, answer) => assert_eq!(How::Recorded(answer.expect("rows")), how),
            JournalStep::Live(_) => assert_eq!(How::Done(0), how),
        }
    }
}

#[tokio::test]
async fn an_idempotent_step_runs_again() {
    let database = database().await;
    let journal = create(&database).await;
    crash_in(&journal, &database, "PRAGMA quick_check", false).await;
    let Resumed { journal, warnings } = open(&database, "ab").await.expect("a journal");
    assert!(warnings[0].contains("it is idempotent, so it runs again"), "{warnings:?}");
    assert_eq!(done(&journal, &database, "PRAGMA quick_check").await, How::Done(0));
}

#[tokio::test]
async fn missing_rows_at_the_end_are_detected() {
    let statements = ["CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1), (2)"];
    for (change, cause) in [
        ("DELETE FROM runner_journal WHERE step = 3", "the last step, 3, is missing"),
        ("DELETE FROM runner_journal WHERE step > 1", "the last steps, 2 to 3, are missing"),
        ("DELETE FROM runner_journal WHERE step > 0", "the last steps, 1 to 3, are missing"),
        ("UPDATE runner_head SET step = 2", "it ends with step 3, but its head records 2"),
        ("UPDATE runner_head SET seal = 'x'", "its steps up to 3 do not match its head"),
        ("DELETE FROM runner_head", "its head is missing"),
    ] {
        let database = database().await;
        let journal = create(&database).await;
        for statement in statements {
            done(&journal, &database, statement).await;
        }
        host(&database, change).await;
        let found = damage(&mut database.lock().await.host(), RUN).await.expect("read").expect("damaged");
        assert_eq!(found.causes, [cause], "{change}");
        let resumed = async {
            let journal = open(&database, "ab").await?.journal;
            for statement in statements {
                step(&journal, &database, statement).await?;
            }
            step(&journal, &database, "INSERT INTO t VALUES (3)").await
        };
        let error: Error = resumed.await.expect_err(change);
        assert_eq!((error.kind, &*error.causes[0]), (ErrorKind::Mismatch, cause), "{change}");
        assert_eq!(count(&database, "t").await, 3, "{change}");
    }
}

#[tokio::test]
async fn a_missing_intent_is_detected() {
    let database = database().await;
    let journal = create(&database).await;
    done(&journal, &database, "SELECT 1").await;
    crash_in(&journal, &database, "CALL odd()", false).await;
    host(&database, "DELETE FROM runner_journal WHERE step = 2").await;
    let journal = resume(&database).await;
    assert_eq!(done(&journal, &database, "SELECT 1").await, How::Recorded(0));
    let error = step(&journal, &database, "CALL odd()").await.expect_err("missing");
    assert_eq!(error.causes, ["the last step, 2, is missing"]);
}

#[tokio::test]
async fn the_outcome_of_a_failed_step_that_commits_by_itself_is_known() {
    let database = database().await;
    let journal = without_transactional_ddl(create(&database).await).await;
    assert_eq!(done(&journal, &database, "DROP TABLE nothing").await, How::Failed(DatabaseErrorKind::Syntax));
    assert_eq!(journal.progress().await, StepProgress::default());
    // The failure was not handled, so it is not recorded, and the next run may make another call.
    let journal = resume(&database).await;
    assert_eq!(done(&journal, &database, "CREATE TABLE t (a)").await, How::Done(0));
}

#[tokio::test]
async fn a_stop_signal_takes_effect_between_two_steps() {
    let database = database().await;
    let journal = create(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    journal.stop.raise(StopReason::Terminate);
    let error = step(&journal, &database, "INSERT INTO t VALUES (1)").await.expect_err("stopped");
    assert_eq!(error.kind, ErrorKind::Terminated);
    assert_eq!(count(&database, "t").await, 0);
}

#[tokio::test]
async fn a_thousand_steps_are_answered_in_pages() {
    let database = database().await;
    let journal = create(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    for _ in 0..1_000 {
        done(&journal, &database, "INSERT INTO t VALUES (1)").await;
    }
    let journal = resume(&database).await;
    done(&journal, &database, "CREATE TABLE t (a)").await;
    for _ in 0..1_000 {
        assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1)").await, How::Recorded(1));
        assert!(journal.state.lock().await.page.len() < 256);
    }
    assert_eq!(done(&journal, &database, "INSERT INTO t VALUES (1)").await, How::Done(1));
    RUN.trim(&mut database.lock().await.host()).await.expect("trimmed");
    assert_eq!(count(&database, "runner_journal WHERE answer IS NOT NULL").await, 0);
    assert_eq!(count(&database, "runner_journal").await, 1_003);
}

type Texts = &'static [&'static str];

/// The queries for a schema, and the names of their columns.
fn queries(database: &HostSession<'_>) -> (Texts, Option<Texts>) {
    match database.facts().sql.catalog.probe {
        SchemaProbe::Queries { queries, at_once } => (queries, at_once),
        SchemaProbe::Expression(_) => panic!("an expression"),
    }
}

/// A run that an older build began is resumed by a newer one: both have to compute the same digest of the same schema.
#[tokio::test]
async fn the_digest_of_a_schema_is_fixed() {
    let database = database().await;
    host(&database, "CREATE TABLE t (a)").await;
    host(&database, "CREATE INDEX i ON t (a)").await;
    let mut database = database.lock().await;
    let database = &mut database.host();
    let (queries, _) = queries(database);
    let names = ["i".to_owned(), "t".to_owned(), "x".to_owned()];
    let digest = resolve::digest(database, queries, None, &names).await.expect("a digest");
    assert_eq!(hex::encode(digest), "8d38c6699622d36ae02ead428b131fb13dede85afa16941fd75918be06dd10b5");
}

/// The same on PostgreSQL, as a build stored it that asked for each name by itself.
#[tokio::test]
async fn the_digest_of_a_schema_is_fixed_on_postgres_on_servers() {
    let fresh = runner_tests::servers::postgres().database();
    fresh.sql("CREATE TABLE t (a int, i1_like int); CREATE INDEX i1_like ON t (a); CREATE INDEX \"T\" ON t (i1_like)");
    let url = DatabaseUrl::parse(&fresh.url(), Path::new("/")).expect("a URL");
    let mut database = connect(&url, &ConnectOptions::default()).await.expect("a connection");
    let (queries, columns) = queries(&database.host());
    assert!(columns.is_some());
    let names = ["a", "concurrently", "create", "exists", "i1_like", "i2", "if", "index", "not", "on", "t"];
    let names = names.map(str::to_owned);
    let digest = resolve::digest(&mut database.host(), queries, None, &names).await.expect("a digest");
    assert_eq!(hex::encode(digest), "91793895de8cf5ade21940e0bfef77066e0ccdd031d6c8faad92d50085fa6b8c");
    let at_once = resolve::digest(&mut database.host(), queries, columns, &names).await.expect("a digest");
    assert_eq!(at_once, digest);
    let odd = ["it's \\ \"odd\"".to_owned()];
    let none = resolve::digest(&mut database.host(), queries, columns, &odd).await.expect("a digest");
    assert_eq!(none, resolve::digest(&mut database.host(), queries, None, &odd).await.expect("a digest"));
}
