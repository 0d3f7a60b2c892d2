//! Both executors with a batch function that misbehaves: on one connection in a transaction and with a journal, on several
//! connections of servers. No WebAssembly takes part.

mod concurrent;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use runner_tests::servers::{self, TestDatabase};

use super::*;
use crate::call::{Call, CallKind, Inputs};
use crate::control::RunControl;
use crate::journal::{Build, TransformStep, Worker};
use crate::recorder::RunRecorder;
use crate::run::Run;
use crate::script::{Execution, LeftOut, Transforms};
use crate::{Direction, Event, EventSink, history};
use runner_base::error::{Error, ErrorKind};
use runner_data::{Column, ColumnValues, VarValues};
use runner_database::stop::StopReason;
use runner_database::{
    BatchLimits, ConnectOptions, DatabaseUrl, QueryLimits, SharedDatabase, StopSignal, TableName, TransactionOptions,
};
use runner_drivers::{Connector, connect};
use runner_project::catalog::Kind;

const RUN: Run = Run { history: 1, direction: Direction::Up };
const ROWS: i64 = 20;
const BATCH: usize = 4;
const CELL_BYTES: usize = 100;

/// What the batch function does with its third batch; it adds 100 to `n` otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    Adds,
    Fails,
    Panics,
    PanicsAtStart,
    Hangs,
    ChangesAKey,
    ReturnsNothing,
    ReturnsMoreRows,
    IsMalformed,
    ReturnsALargeCell,
}

use Behaviour::*;

struct FakeFunction {
    behaviour: Behaviour,
    batches: Arc<AtomicUsize>,
}

struct FakeInstance {
    behaviour: Behaviour,
    batches: Arc<AtomicUsize>,
}

fn function(behaviour: Behaviour) -> Arc<FakeFunction> {
    Arc::new(FakeFunction { behaviour, batches: Arc::default() })
}

#[async_trait]
impl BatchFunction for FakeFunction {
    fn limits(&self) -> BatchLimits {
        BatchLimits { rows: BATCH, bytes: 1 << 20, cell_bytes: CELL_BYTES, ..BatchLimits::default() }
    }

    fn instances(&self) -> usize {
        2
    }

    async fn start(&self) -> Result<Box<dyn BatchInstance>> {
        assert!(self.behaviour != PanicsAtStart, "panicked at start");
        Ok(Box::new(FakeInstance { behaviour: self.behaviour, batches: self.batches.clone() }))
    }
}

#[async_trait]
impl BatchInstance for FakeInstance {
    async fn transform(&mut self, name: &str, mut rows: Batch) -> Result<Batch> {
        assert_eq!(name, "add");
        for column in &mut rows.columns {
            if let ("n", ColumnValues::Int64(entries)) = (column.name.as_str(), &mut column.values) {
                entries.iter_mut().for_each(|entry| *entry += 100);
            }
        }
        let number = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
        if number < 3 {
            return Ok(rows);
        }
        match self.behaviour {
            Adds | PanicsAtStart => {}
            Fails => return Err(Error::failed("it cannot go on")),
            Panics => panic!("panicked in the middle"),
            Hangs => std::future::pending().await,
            ReturnsNothing => return Ok(Batch::default()),
            ChangesAKey => change(&mut rows, "id", |entries| entries[1] += 1_000),
            ReturnsMoreRows => {
                for column in &mut rows.columns {
                    if let ColumnValues::Int64(entries) = &mut column.values {
                        entries.push(77);
                    }
                }
                rows.row_count += 1;
            }
            IsMalformed => change(&mut rows, "n", |entries| entries.truncate(1)),
            ReturnsALargeCell => {
                let bytes = CELL_BYTES as u32 + 1;
                let offsets = (0..=rows.row_count as u32).map(|row| row * bytes).collect();
                let data = vec![b'x'; rows.row_count * bytes as usize];
                let values = ColumnValues::Text(VarValues { offsets, data });
                rows.columns.push(Column { name: "note".to_owned(), nulls: Vec::new(), values });
            }
        }
        Ok(rows)
    }
}

fn change(rows: &mut Batch, name: &str, change: impl FnOnce(&mut Vec<i64>)) {
    let column = rows.columns.iter_mut().find(|column| column.name == name);
    if let Some(ColumnValues::Int64(entries)) = column.map(|column| &mut column.values) {
        change(entries);
    }
}

struct Unheard;

impl EventSink for Unheard {
    fn emit(&self, _: &Event) {}
}

/// A database with a table, and how its rows are transformed.
struct Setup {
    name: &'static str,
    run: RunContext,
    _database: Option<TestDatabase>,
}

/// Every way to execute a transform, each on a database of its own.
async fn setups() -> Vec<Setup> {
    let (postgres, mariadb) = (servers::postgres().database(), servers::mariadb().database());
    let (postgres_url, mariadb_url) = (postgres.url(), mariadb.url());
    vec![
        setup("atomic", "sqlite::memory:", 1, None).await,
        setup("journalled, one connection", "sqlite::memory:", 1, None).await,
        setup("journalled, three connections, PostgreSQL", &postgres_url, 3, Some(postgres)).await,
        setup("journalled, three connections, MariaDB", &mariadb_url, 3, Some(mariadb)).await,
    ]
}

async fn setup(name: &'static str, url: &str, connections: usize, server: Option<TestDatabase>) -> Setup {
    let is_shared = url != "sqlite::memory:";
    let url = DatabaseUrl::parse(url, Path::new("/")).expect("a URL");
    let options = ConnectOptions::creating();
    let mut database = connect(&url, &options).await.expect("a connection");
    let mut session = database.host();
    history::ensure(&mut session).await.expect("tables");
    let table = "CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, note TEXT)";
    session.execute(table, &[]).await.expect("a table");
    for id in 1..=ROWS {
        let insert = format!("INSERT INTO t (id, n) VALUES ({id}, {id})");
        session.execute(&insert, &[]).await.expect("a row");
    }
    let stop = StopSignal::default();
    let is_atomic = name.starts_with("atomic");
    session.begin(TransactionOptions::default()).await.expect("a transaction");
    let execution = if is_atomic {
        Execution::Atomic
    } else {
        let inputs = Inputs { sha256: "ab".to_owned(), seed: 7, ..Inputs::default() };
        let journal = Journal::create(&mut session, RUN, Kind::Component, inputs, &worker(), &stop).await;
        session.commit_or_roll_back().await.expect("a commit");
        Execution::Journalled(Arc::new(journal.expect("a journal")))
    };
    drop(session);
    let connector = Some(Connector { url, options }).filter(|_| is_shared);
    let transforms = Transforms { connections, connector, run_id: "run".to_owned(), ..Transforms::default() };
    let events: Arc<dyn EventSink> = Arc::new(Unheard);
    let run = RunContext {
        database: Arc::new(tokio::sync::Mutex::new(database)),
        events: events.clone(),
        stop: stop.clone(),
        revision: "1".to_owned(),
        run_timestamp: 0,
        seed: 7,
        parameters: Arc::default(),
        recorder: Arc::new(RunRecorder::default()),
        execution,
        each_commits: false,
        control: Arc::new(RunControl::unthrottled(events, stop)),
        trial: None,
        left_out: LeftOut::default(),
        transforms: Arc::new(transforms),
        server_version: None,
        grants: None,
        renames: Arc::default(),
    };
    Setup { name, run, _database: server }
}

fn worker() -> Worker {
    Worker { run_id: "run".to_owned(), by: "me@here".to_owned() }
}

fn task() -> TransformTask {
    let column = |name: &str| (name.to_owned(), None);
    TransformTask {
        name: "add".to_owned(),
        source: TableSource {
            table: TableName::new("t"),
            columns: vec![column("id"), column("n")],
            key: Vec::new(),
            filter: None,
            parameters: Vec::new(),
            descending: false,
        },
        target: TableTarget { table: TableName::new("t"), mode: WriteMode::Update, key: Vec::new() },
    }
}

impl Setup {
    async fn transform(&self, function: Arc<dyn BatchFunction>) -> Result<Transformed, CallError> {
        self.transform_as(task(), function).await
    }

    async fn transform_as(
        &self,
        task: TransformTask,
        function: Arc<dyn BatchFunction>,
    ) -> Result<Transformed, CallError> {
        let step = match &self.run.execution {
            Execution::Journalled(journal) => {
                let call = Call { kind: CallKind::Transform, text: "transform `add`", parameters: "" };
                match journal.begin_transform(&self.run.database, &call).await.expect("a step") {
                    TransformStep::Live(step) => Some((journal.clone(), step)),
                    TransformStep::Recorded(..) => panic!("it was not done before"),
                }
            }
            Execution::Atomic | Execution::Replayed(_) => None,
        };
        let run = run(&self.run, Some(function), task, step);
        tokio::time::timeout(Duration::from_secs(60), run).await.expect("an end")
    }

    /// What the table holds: how many rows as they were, how many transformed once, and how many otherwise. The connection has to
    /// be free, and is left outside a transaction.
    async fn rows(&self) -> (i64, i64, i64) {
        let database: &SharedDatabase = &self.run.database;
        let mut database = tokio::time::timeout(Duration::from_secs(60), database.lock()).await.expect("it is free");
        let database = &mut database.host();
        if !matches!(self.run.execution, Execution::Atomic) {
            database.rollback().await.expect("a rollback");
        }
        let count = "SELECT CAST(COALESCE(SUM(CASE WHEN n = id THEN 1 ELSE 0 END), 0) AS CHAR(9)), \
                     CAST(COALESCE(SUM(CASE WHEN n = id + 100 THEN 1 ELSE 0 END), 0) AS CHAR(9)), \
                     CAST(COUNT(*) AS CHAR(9)) FROM t";
        let found = database.query(count, &[], QueryLimits::NONE).await.expect("a count");
        let number = |at: usize| -> i64 {
            let value = &found.rows[0][at];
            value.as_int64().or_else(|| value.as_text()?.trim().parse().ok()).expect("a number")
        };
        (number(0), number(1), number(2) - number(0) - number(1))
    }

    /// The setup of a run that resumes where this one failed.
    async fn resumed(self) -> Self {
        let database = self.run.database.clone();
        let mut database = database.lock().await;
        let database = &mut database.host();
        database.rollback().await.expect("a rollback");
        let stop = StopSignal::default();
        let build = Build { sha256: "ab", successor: None };
        let resumed = Journal::resume(database, RUN, (Kind::Component, build), &worker(), &stop).await;
        let journal = resumed.unwrap_or_else(|error| panic!("{}: {error:?}", self.name)).journal;
        let control = Arc::new(RunControl::unthrottled(self.run.events.clone(), stop.clone()));
        let execution = Execution::Journalled(Arc::new(journal));
        Self { run: RunContext { execution, control, stop, ..self.run }, ..self }
    }
}

fn failed(ended: Result<Transformed, CallError>) -> Error {
    match ended {
        Err(CallError::Failed(error)) => error,
        other => panic!("it has not failed: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_transformed_once_on_servers() {
    for setup in setups().await {
        let done = setup.transform(function(Adds)).await.unwrap_or_else(|error| panic!("{}: {error:?}", setup.name));
        assert_eq!((done.rows_read, done.rows_written, done.chunks), (20, 20, 5), "{}", setup.name);
        assert_eq!(setup.rows().await, (0, ROWS, 0), "{}", setup.name);
    }
}

/// They can be read, and cannot be written back.
#[tokio::test(flavor = "multi_thread")]
async fn generated_columns_are_left_out_unless_they_are_named_on_servers() {
    for setup in setups().await {
        let kind =
            if setup.run.database.lock().await.facts().dialect == Dialect::Sqlite { "VIRTUAL" } else { "STORED" };
        let alter = format!("ALTER TABLE t ADD COLUMN twice BIGINT GENERATED ALWAYS AS (n * 2) {kind}");
        setup.run.database.lock().await.host().execute(&alter, &[]).await.expect("a column");
        let all = |columns: &[&str]| {
            let columns = columns.iter().map(|name| ((*name).to_owned(), None)).collect();
            TransformTask { source: TableSource { columns, ..task().source }, ..task() }
        };
        if setup.name == "atomic" {
            let error = setup.transform_as(all(&["id", "n", "twice"]), function(Adds)).await.expect_err("written");
            assert!(format!("{error:?}").contains("`t.twice` is generated"), "{error:?}");
        }
        let done = setup.transform_as(all(&[]), function(Adds)).await;
        assert_eq!(done.unwrap_or_else(|error| panic!("{}: {error:?}", setup.name)).rows_written, 20, "{}", setup.name);
        assert_eq!(setup.rows().await, (0, ROWS, 0), "{}", setup.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_batch_fails_the_transform_and_leaves_the_connection_usable_on_servers() {
    quiet_panics();
    for (behaviour, kind, message) in [
        (Fails, ErrorKind::Failed, "it cannot go on"),
        (Panics, ErrorKind::Failed, "the batch function panicked"),
        (PanicsAtStart, ErrorKind::Failed, "the batch function panicked"),
        (ChangesAKey, ErrorKind::Failed, "keys must not be changed"),
        (ReturnsMoreRows, ErrorKind::Failed, "malformed batch"),
        (IsMalformed, ErrorKind::Failed, "malformed batch"),
        (ReturnsALargeCell, ErrorKind::Denied, "more than the limit `cell_bytes`"),
    ] {
        for setup in setups().await {
            let error = failed(setup.transform(function(behaviour)).await);
            let what = format!("{}, {behaviour:?}: {error:?}", setup.name);
            assert!(error.kind == kind && error.message.contains(message), "{what}");
            assert!(error.places.contains(&("transform", "add".to_owned())), "{what}");
            let (_, _, wrong) = setup.rows().await;
            assert_eq!(wrong, 0, "{what}");
        }
    }
}

/// The name of a column in the key is found as the database finds it.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_compared_however_they_are_spelled_on_servers() {
    let by_id = |name: &str| {
        let task = task();
        TransformTask { target: TableTarget { key: vec![name.to_owned()], ..task.target }, ..task }
    };
    for (setup, name) in setups().await.into_iter().zip(["ID", "ID", "id", "ID"]) {
        let error = failed(setup.transform_as(by_id(name), function(ChangesAKey)).await);
        assert!(error.message.contains("keys must not be changed"), "{}: {error:?}", setup.name);
    }
}

/// Whether there are more instances than one or not, and whatever is read meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_writing_a_chunk_changes_in_the_next_one_is_kept_on_servers() {
    let postgres = servers::postgres().database();
    let postgres_url = postgres.url();
    let spreads = "UPDATE t SET n = n + 1000 WHERE id = NEW.id + 4";
    let on_sqlite = vec![format!("CREATE TRIGGER spreads AFTER UPDATE OF n ON t BEGIN {spreads}; END")];
    let on_postgres = vec![
        format!("CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {spreads}; RETURN NULL; END $$"),
        "CREATE TRIGGER spreads AFTER UPDATE OF n ON t FOR EACH ROW WHEN (pg_trigger_depth() = 0) \
         EXECUTE FUNCTION spread()"
            .to_owned(),
    ];
    for (setup, triggers) in [
        (setup("atomic", "sqlite::memory:", 1, None).await, &on_sqlite),
        (setup("journalled, one connection", "sqlite::memory:", 1, None).await, &on_sqlite),
        (setup("atomic, PostgreSQL", &postgres_url, 1, Some(postgres)).await, &on_postgres),
    ] {
        {
            let mut database = setup.run.database.lock().await;
            for trigger in triggers {
                database.host().execute(trigger, &[]).await.expect("a trigger");
            }
        }
        let done = setup.transform(function(Adds)).await.unwrap_or_else(|error| panic!("{}: {error:?}", setup.name));
        assert_eq!((done.rows_read, done.rows_written), (20, 20), "{}", setup.name);
        let mut database = setup.run.database.lock().await;
        let query = "SELECT COUNT(*) FROM t WHERE n = id + CASE WHEN id <= 4 THEN 100 ELSE 1100 END";
        let found = database.host().query(query, &[], QueryLimits::NONE).await.expect("a count");
        assert_eq!(found.rows[0][0].as_int64(), Some(ROWS), "{}", setup.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transform_continues_where_it_stopped_on_servers() {
    quiet_panics();
    for behaviour in [Fails, Panics, IsMalformed] {
        for setup in setups().await.into_iter().skip(1) {
            failed(setup.transform(function(behaviour)).await);
            let setup = setup.resumed().await;
            let done = setup.transform(function(Adds)).await;
            let done = done.unwrap_or_else(|error| panic!("{}: {error:?}", setup.name));
            assert_eq!((done.rows_read, done.chunks), (20, 5), "{}", setup.name);
            assert_eq!(setup.rows().await, (0, ROWS, 0), "{}, {behaviour:?}", setup.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_come_back_are_not_written_on_servers() {
    for setup in setups().await {
        let ended = setup.transform(function(ReturnsNothing)).await;
        let done = ended.unwrap_or_else(|error| panic!("{}: {error:?}", setup.name));
        assert_eq!((done.rows_read, done.rows_written), (20, 8), "{}", setup.name);
        assert_eq!(setup.rows().await, (12, 8, 0), "{}", setup.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stop_signal_ends_a_batch_function_that_hangs_on_servers() {
    for setup in setups().await {
        let stop = setup.run.stop.clone();
        let function = function(Hangs);
        let batches = function.batches.clone();
        let raised = tokio::spawn(async move {
            while batches.load(Ordering::Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.raise(StopReason::Terminate);
        });
        let ended = setup.transform(function).await;
        let is_stopped = match &ended {
            // The database was stopped first: the step that called makes the stop of it.
            Err(CallError::Database(error)) => error.kind == DatabaseErrorKind::Interrupted,
            Err(CallError::Stopped(reason)) => *reason == StopReason::Terminate,
            _ => false,
        };
        assert!(is_stopped, "{}: {ended:?}", setup.name);
        raised.await.expect("the stop");
        let (_, _, wrong) = setup.rows().await;
        assert_eq!(wrong, 0, "{}", setup.name);
    }
}

/// A guest that is stopped is dropped where it is, and history counts what it had done by then.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_count_although_their_transform_is_dropped() {
    for name in ["atomic", "journalled, one connection"] {
        let setup = setup(name, "sqlite::memory:", 1, None).await;
        let counted = async {
            while setup.run.recorder.own_rows() != (8, 8) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = setup.transform(function(Hangs)) => panic!("{name}: {ended:?}"),
            () = counted => {}
            () = tokio::time::sleep(Duration::from_secs(60)) => panic!("{name}: {:?}", setup.run.recorder.own_rows()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_without_batch_functions_is_told_so_on_servers() {
    for setup in setups().await.into_iter().take(1) {
        let ended = run(&setup.run, None, task(), None).await;
        let Err(CallError::Database(error)) = ended else { panic!("{ended:?}") };
        assert_eq!(error.kind, DatabaseErrorKind::InvalidArgument);
        let error = once(&setup.run, None, "add", Batch::default()).await.expect_err("no function");
        assert!(error.message.contains("exports no transformer"), "{error:?}");
        let error = help(&setup.run, None, 1, &Arc::new(AtomicBool::new(false))).await.expect_err("no function");
        assert!(error.message.contains("exports no transformer"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_batch_is_checked_too() {
    quiet_panics();
    let setup = setup("atomic", "sqlite::memory:", 1, None).await;
    let values = ColumnValues::Int64(vec![1, 2, 3]);
    let rows = Batch { row_count: 3, columns: vec![Column { name: "n".to_owned(), nulls: Vec::new(), values }] };
    let function = function(Panics);
    for _ in 0..2 {
        let function = Some(function.clone() as Arc<dyn BatchFunction>);
        let transformed = once(&setup.run, function, "add", rows.clone()).await.expect("a batch");
        assert_eq!(transformed.columns[0].values, ColumnValues::Int64(vec![101, 102, 103]));
    }
    let error = once(&setup.run, Some(function), "add", rows).await.expect_err("a panic");
    assert_eq!(error.causes, ["panicked in the middle"]);
}

/// Keeps the expected panics out of the output.
fn quiet_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
            if !message.starts_with("panicked") {
                default(info);
            }
        }));
    });
}
