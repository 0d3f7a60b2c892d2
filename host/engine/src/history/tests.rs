//! The history on every server; what is in it is `read`'s and `write`'s to test.

use std::path::Path;
use std::sync::Arc;

use runner_tests::servers::{self, TestDatabase};

use super::*;
use runner_database::{ConnectOptions, Database, DatabaseUrl, HostSession, TransactionOptions, UnitOfWork};
use runner_drivers::connect;
use runner_project::catalog::Kind;

async fn open(url: &str) -> Box<dyn Database> {
    let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
    connect(&url, &ConnectOptions::creating()).await.expect("a connection")
}

fn record(revision: &str) -> Record {
    Record {
        id: 0,
        revision: revision.to_owned(),
        name: "größe".to_owned(),
        summary: "a 'quoted' \\ text".to_owned(),
        kind: Kind::Sql,
        sha256: "ab".repeat(32),
        mode: RunMode::Atomic,
        declared: "{}".to_owned(),
        state: State::Applied,
        started_at: "2026-01-05T09:30:00.123Z".to_owned(),
        finished_at: None,
        duration_ms: 1,
        steps: 2,
        rows_read: 3,
        rows_written: i64::MAX as u64,
        transcript: "cd".repeat(32),
        run_id: "20260105T093000Z-00000001".to_owned(),
        run_timestamp: i64::MIN,
        seed: i64::MAX as u64,
        applied_by: "me@here".to_owned(),
        tool_version: "0.1.0".to_owned(),
        reason: Some(String::new()),
        ..Record::blank()
    }
}

/// What an overview shows of a record.
fn in_brief(record: &Record) -> Record {
    let Record { id, kind, mode, state, duration_ms, steps, rows_read, rows_written, .. } = *record;
    let Record { revision, name, sha256, started_at, run_id, applied_by, .. } = record.clone();
    Record {
        id,
        revision,
        name,
        kind,
        sha256,
        mode,
        state,
        started_at,
        duration_ms,
        steps,
        rows_read,
        rows_written,
        run_id,
        applied_by,
        ..Record::blank()
    }
}

/// From an empty history to a row that was rolled back.
async fn keeps_what_it_is_told(database: &mut HostSession<'_>) {
    assert!(read(database).await.expect("no tables").live.is_empty());
    assert!(!is_there(database).await.expect("no tables"));
    for _ in 0..2 {
        make(database).await;
    }
    assert!(is_there(database).await.expect("tables"));
    assert!(read_with_artifacts(database).await.expect("tables").live.is_empty());

    super::make(database, [inserted(&record("0001"))]).await.expect("a row");
    super::make(database, [inserted(&record("2"))]).await.expect("a row");
    let live = read(database).await.expect("history").live;
    let expected = |revision, id| Record { id, ..record(revision) };
    assert_eq!(live, [expected("0001", live[0].id), expected("2", live[1].id)]);
    assert!(live[0].id < live[1].id);
    let questions = [question(database.facts())];
    let sight = database.probe(&questions).await.expect("an answer");
    let brief = answered(database, sight.answers.concat()).await.expect("history").live;
    assert_eq!(brief, live.iter().map(in_brief).collect::<Vec<_>>());
    assert!(in_force("2", &record("2").run_id).is_there(database).await.expect("a query"));
    assert!(
        super::make(database, [inserted(&record("2"))]).await.is_err(),
        "the database itself refuses a second application"
    );

    let work = Work { duration_ms: 1, steps: 1, rows_read: 5, rows_written: 6 };
    let end_of = End {
        at: "now".to_owned(),
        by: "me".to_owned(),
        run_id: "other".to_owned(),
        work,
        transcript: "ef".to_owned(),
    };
    let ended = in_state(live[1].id, State::RolledBack);
    assert!(!ended.is_there(database).await.expect("a query"));
    super::make(database, super::ended(live[1].id, &end_of)).await.expect("an end");
    assert!(ended.is_there(database).await.expect("a query"));
    assert!(!in_force("2", &record("2").run_id).is_there(database).await.expect("a query"));
    assert!(super::make(database, super::ended(live[1].id, &end_of)).await.is_err(), "only once");
    super::make(database, [inserted(&record("2"))]).await.expect("applied again");
    assert!(in_force("2", &record("2").run_id).is_there(database).await.expect("a query"));
    let all = read_all(database).await.expect("history");
    assert_eq!(
        all.iter().map(|row| row.state).collect::<Vec<_>>(),
        [State::Applied, State::RolledBack, State::Applied]
    );
    assert_eq!((all[1].rolled_back_rows_read, all[1].rolled_back_rows_written), (Some(5), Some(6)));
    reopen(database, all[2].id, State::PartlyRolledBack).await.expect("a row");
    let work = Work { rows_read: 1, ..work };
    add_work(database, all[2].id, crate::Direction::Down, &work).await.expect("a row");

    for (down, bytes) in [(None, 100), (Some("DROP TABLE t".into()), 100_000)] {
        let stored = Stored::Sql {
            up: "-- ü\n".repeat(bytes / 6).into(),
            down,
            values: [("a".to_owned(), "b".to_owned())].into(),
        };
        let changes = artifact_changes(database, "2", "ab", &stored, 1 << 20).await.expect("a query");
        database.commit(UnitOfWork::Apart(&changes)).await.result().expect("stored");
        assert_eq!(load_artifact(database, "2", "ab").await.expect("a query"), Some(stored));
    }
    // SQLite writes a large one in place, a new one as well as one that takes the place of another.
    for (revision, size) in [("3", 100_000), ("4", 3 << 20)] {
        let component = Stored::Component {
            bytes: Arc::new(noise(size).into()),
            assets: [("a".to_owned(), "b".to_owned())].into(),
        };
        let changes = artifact_changes(database, revision, "ef", &component, 8 << 20).await.expect("a query");
        database.commit(UnitOfWork::Apart(&changes)).await.result().expect("stored");
        assert_eq!(load_artifact(database, revision, "ef").await.expect("a query"), Some(component));
    }
    for (up, size) in [("SELECT 1", 10), ("SELECT 2", 3 << 20), ("SELECT 3", 5 << 20), ("SELECT 4", 10)] {
        let down = Some(hex::encode(noise(size)).into());
        let stored = Stored::Sql { up: up.into(), down, values: [].into() };
        let changes = artifact_changes(database, "5", "ab", &stored, 16 << 20).await.expect("a query");
        database.commit(UnitOfWork::Apart(&changes)).await.result().expect("stored");
        assert_eq!(load_artifact(database, "5", "ab").await.expect("a query"), Some(stored));
    }
    assert_eq!(read_with_artifacts(database).await.expect("history").stored.len(), 4);
}

/// Bytes that no compression makes smaller.
fn noise(size: u32) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}

async fn make(database: &mut HostSession<'_>) {
    if database.facts().transactional_ddl {
        database.begin(TransactionOptions::default()).await.expect("a transaction");
        ensure(database).await.expect("tables");
        database.commit_or_roll_back().await.expect("a commit");
    } else {
        ensure(database).await.expect("tables");
    }
}

#[tokio::test]
async fn sqlite_keeps_what_it_is_told() {
    keeps_what_it_is_told(&mut open("sqlite::memory:").await.host()).await;
}

#[tokio::test]
async fn postgres_keeps_what_it_is_told_on_servers() {
    let database = servers::postgres().database();
    keeps_what_it_is_told(&mut open(&database.url()).await.host()).await;
}

#[tokio::test]
async fn mariadb_keeps_what_it_is_told_on_servers() {
    let database = servers::mariadb().database();
    keeps_what_it_is_told(&mut open(&database.url()).await.host()).await;
}

/// What a killed run may have left of the tables, each on a fresh database.
async fn half_made(database: &TestDatabase, statements: &str) -> Box<dyn Database> {
    let mut connection = open(&database.url()).await;
    make(&mut connection.host()).await;
    database.sql(statements);
    connection
}

#[tokio::test]
async fn half_made_tables_are_completed_where_ddl_commits_by_itself_on_servers() {
    for lost in ["DELETE FROM runner_meta", "DROP TABLE runner_artifact", "DROP TABLE runner_history, runner_artifact"]
    {
        let database = servers::mariadb().database();
        let mut connection = half_made(&database, lost).await;
        assert!(read(&mut connection.host()).await.expect("nothing yet").live.is_empty(), "{lost}");
        if lost.starts_with("DROP") {
            database.sql("DELETE FROM runner_meta");
        }
        make(&mut connection.host()).await;
        assert!(is_there(&mut connection.host()).await.expect("tables"), "{lost}");
        super::make(&mut connection.host(), [inserted(&record("1"))]).await.expect("a row");
    }
    let database = servers::mariadb().database();
    let mut connection = half_made(&database, "SELECT 1").await;
    super::make(&mut connection.host(), [inserted(&record("1"))]).await.expect("a row");
    database.sql("DROP TABLE runner_artifact");
    assert!(ensure(&mut connection.host()).await.is_err(), "a history with rows has lost something");
}
