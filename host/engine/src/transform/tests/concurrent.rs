//! Transforms in one transaction while others write to the same table, and with a second connection that reads ahead.

use std::sync::Mutex;
use std::sync::mpsc::Sender;

use super::*;
use crate::transform::read_ahead::BEGUN;
use runner_database::unguarded::Unguarded as _;

/// Rows of a table that is read ahead: the reader has the time of 200 batches to begin.
const MANY: i64 = 800;

/// What is called with each batch before it is transformed; the number of the batch counts from 1.
type Hook = dyn Fn(usize, &Batch) + Send + Sync;

struct Hooked {
    hook: Arc<Hook>,
    batches: Arc<AtomicUsize>,
}

#[async_trait]
impl BatchFunction for Hooked {
    fn limits(&self) -> BatchLimits {
        BatchLimits { rows: BATCH, bytes: 1 << 20, cell_bytes: CELL_BYTES, ..BatchLimits::default() }
    }

    fn instances(&self) -> usize {
        1
    }

    async fn start(&self) -> Result<Box<dyn BatchInstance>> {
        Ok(Box::new(Self { hook: self.hook.clone(), batches: self.batches.clone() }))
    }
}

#[async_trait]
impl BatchInstance for Hooked {
    async fn transform(&mut self, _: &str, mut rows: Batch) -> Result<Batch> {
        (self.hook)(self.batches.fetch_add(1, Ordering::Relaxed) + 1, &rows);
        change(&mut rows, "n", |entries| entries.iter_mut().for_each(|entry| *entry += 100));
        Ok(rows)
    }
}

fn hooked(hook: impl Fn(usize, &Batch) + Send + Sync + 'static) -> Arc<Hooked> {
    Arc::new(Hooked { hook: Arc::new(hook), batches: Arc::default() })
}

/// Records the events about reading ahead.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl EventSink for Heard {
    fn emit(&self, event: &Event) {
        if let Event::Log { message, .. } = event {
            self.0.lock().expect("not poisoned").push(message.clone());
        }
    }
}

impl Heard {
    fn has(&self, message: &str) -> bool {
        self.0.lock().expect("not poisoned").iter().any(|it| it.contains(message))
    }

    /// Slows a batch down as long as nothing is read ahead.
    fn wait_for(&self, message: &str) {
        if !self.has(message) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A SQLite file with [`MANY`] rows, and a transaction open on it.
struct File {
    setup: Setup,
    heard: Arc<Heard>,
    directory: tempfile::TempDir,
}

impl File {
    async fn new(parameters: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}{parameters}", directory.path().join("app.db").display());
        let mut setup = setup("atomic", &url, 1, None).await;
        let heard = Arc::new(Heard::default());
        setup.run.events = heard.clone();
        let file = Self { setup, heard, directory };
        file.run("COMMIT").await;
        file.run(&format!(
            "WITH RECURSIVE i(id) AS (SELECT {ROWS} + 1 UNION ALL SELECT id + 1 FROM i LIMIT {MANY} - {ROWS}) \
             INSERT INTO t (id, n) SELECT id, id FROM i"
        ))
        .await;
        file.begin().await;
        file
    }

    /// Runs a statement as the host, which may control the transaction.
    async fn run(&self, statement: &str) {
        let mut database = self.setup.run.database.lock().await;
        match statement {
            "COMMIT" => database.host().commit_or_roll_back().await.expect("committed"),
            "ROLLBACK" => database.host().rollback().await.expect("rolled back"),
            _ => drop(database.execute(statement, &[]).await.expect(statement)),
        }
    }

    async fn begin(&self) {
        let mut database = self.setup.run.database.lock().await;
        database.host().begin(TransactionOptions::default()).await.expect("begun");
    }

    async fn number(&self, query: &str) -> i64 {
        let mut database = self.setup.run.database.lock().await;
        let found = database.query(query, &[], QueryLimits::NONE).await.expect(query);
        found.rows[0][0].as_int64().expect("an integer")
    }

    /// Makes the second connection to another file.
    fn reads_from(&mut self, file: &str) {
        let transforms = &self.setup.run.transforms;
        let url = format!("sqlite://{}", self.directory.path().join(file).display());
        let connector = Connector {
            url: DatabaseUrl::parse(&url, Path::new("/")).expect("a URL"),
            options: ConnectOptions::creating(),
        };
        let run_id = transforms.run_id.clone();
        self.setup.run.transforms =
            Arc::new(Transforms { connector: Some(connector), run_id, ..Transforms::default() });
    }
}

const CHANGED: &str = "SELECT count(*) FROM t WHERE n = id + 100";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_wal_mode_is_read_ahead_and_comes_to_the_same() {
    let mut contents = Vec::new();
    for (parameters, is_ahead) in [("", true), ("?journal_mode=delete", false)] {
        let file = File::new(parameters).await;
        let heard = file.heard.clone();
        let hook = move |_: usize, _: &Batch| {
            if is_ahead {
                heard.wait_for(BEGUN)
            }
        };
        let done = file.setup.transform(hooked(hook)).await.expect("done");
        assert_eq!((done.rows_read, done.rows_written, done.chunks), (800, 800, 200), "{parameters}");
        assert_eq!(file.heard.has(BEGUN), is_ahead, "{parameters}");
        assert!(!file.heard.has("has stopped"), "{parameters}");
        file.run("COMMIT").await;
        assert_eq!(file.number(CHANGED).await, MANY, "{parameters}");
        contents.push(done.content);
    }
    assert_eq!(contents[0], contents[1], "the transcript is the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_migration_has_changed_before_is_read() {
    let file = File::new("").await;
    file.run("UPDATE t SET n = n + 7 WHERE id = 790").await;
    let done = file.setup.transform(hooked(|_, _| {})).await.expect("done");
    assert_eq!((done.chunks, file.heard.has(BEGUN)), (200, false));
    assert_eq!(file.number("SELECT n FROM t WHERE id = 790").await, 790 + 7 + 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_transform_reads_what_the_first_one_wrote() {
    let file = File::new("").await;
    let heard = file.heard.clone();
    file.setup.transform(hooked(move |_, _| heard.wait_for(BEGUN))).await.expect("done");
    assert!(file.heard.has(BEGUN));
    file.setup.transform(hooked(|_, _| {})).await.expect("done");
    assert_eq!(file.number("SELECT count(*) FROM t WHERE n = id + 200").await, MANY);
    assert_eq!(file.heard.0.lock().expect("not poisoned").len(), 1, "the second one has no reader");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_writes_meanwhile_waits_for_the_end() {
    let file = File::new("").await;
    let url = DatabaseUrl::parse(
        &format!("sqlite://{}?busy_timeout=0", file.directory.path().join("app.db").display()),
        Path::new("/"),
    )
    .expect("a URL");
    let writer = connect(&url, &ConnectOptions::default()).await.expect("a connection");
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let refused = Arc::new(AtomicUsize::new(0));
    let add = "UPDATE t SET n = n + 1000 WHERE id IN (1, 790)";
    let (heard, other, count) = (file.heard.clone(), writer.clone(), refused.clone());
    let runtime = tokio::runtime::Handle::current();
    let hook = move |number: usize, _: &Batch| {
        heard.wait_for(BEGUN);
        if number % 50 == 1 {
            let added = runtime.block_on(async { other.lock().await.execute(add, &[]).await });
            assert_eq!(added.expect_err("it is locked").kind, DatabaseErrorKind::Busy);
            count.fetch_add(1, Ordering::Relaxed);
        }
    };
    // A hook that waits for a future has to run where that is possible.
    let hook = move |number: usize, rows: &Batch| {
        std::thread::scope(|scope| scope.spawn(|| hook(number, rows)).join().expect("no panic"));
    };
    file.setup.transform(hooked(hook)).await.expect("done");
    assert!(file.heard.has(BEGUN) && !file.heard.has("has stopped"));
    file.run("COMMIT").await;
    assert_eq!(writer.lock().await.execute(add, &[]).await, Ok(2));
    assert_eq!(refused.load(Ordering::Relaxed), 4);
    assert_eq!(file.number(CHANGED).await, MANY - 2);
    assert_eq!(file.number("SELECT count(*) FROM t WHERE n = id + 1100").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_cannot_begin_changes_nothing() {
    for (name, why) in [("none.db", "does not exist"), ("copy.db", "another table")] {
        let mut file = File::new("").await;
        file.run("ROLLBACK").await;
        if name == "copy.db" {
            file.run(&format!("VACUUM INTO '{}'", file.directory.path().join(name).display())).await;
        }
        file.begin().await;
        file.reads_from(name);
        let heard = file.heard.clone();
        let done = file.setup.transform(hooked(move |_, _| heard.wait_for("has stopped"))).await.expect("done");
        assert_eq!((done.rows_read, done.chunks), (800, 200), "{name}");
        assert!(file.heard.has(why), "{name}: {:?}", file.heard.0);
        assert_eq!(file.number(CHANGED).await, MANY, "{name}");
        assert!(!file.directory.path().join("none.db").exists(), "a reader creates no file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_reader_cannot_read_is_reported_as_ever() {
    let file = File::new("").await;
    file.run("ROLLBACK").await;
    file.run("UPDATE t SET n = 'seven' WHERE id = 790").await;
    file.begin().await;
    let heard = file.heard.clone();
    let ended = file.setup.transform(hooked(move |_, _| heard.wait_for(BEGUN))).await;
    let Err(CallError::Database(error)) = ended else { panic!("{ended:?}") };
    assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{error}");
    assert_eq!(error.detail.as_deref(), Some("row id = 790"), "{error}");
    assert!(file.heard.has("has stopped"), "{:?}", file.heard.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_transform_leaves_no_reader() {
    let file = File::new("").await;
    let (heard, stop) = (file.heard.clone(), file.setup.run.stop.clone());
    let hook = move |_: usize, _: &Batch| {
        heard.wait_for(BEGUN);
        if heard.has(BEGUN) {
            stop.raise(StopReason::Terminate);
        }
    };
    let ended = file.setup.transform(hooked(hook)).await;
    // The signal ends whatever is going on: a batch, or a statement.
    let is_stopped = match &ended {
        Err(CallError::Stopped(StopReason::Terminate)) => true,
        Err(CallError::Database(error)) => error.kind == DatabaseErrorKind::Interrupted,
        _ => false,
    };
    assert!(is_stopped, "{ended:?}");
    file.run("ROLLBACK").await;
    file.run("DELETE FROM t WHERE id = 1").await;
    // A reader would keep its snapshot, and the log from being emptied.
    assert_eq!(file.number("PRAGMA wal_checkpoint(TRUNCATE)").await, 0);
    assert_eq!(file.number(CHANGED).await, 0);
}

/// A change that is committed after the row was read and before it is written would be overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_an_atomic_transform_is_not_lost_on_postgresql_on_servers() {
    let server = servers::postgres().database();
    let setup = setup("atomic, PostgreSQL", &server.url(), 1, Some(server)).await;
    {
        // Others see the table only once it is committed.
        let mut database = setup.run.database.lock().await;
        database.host().commit_or_roll_back().await.expect("committed");
        database.host().begin(TransactionOptions::default()).await.expect("begun");
    }
    let connector = setup.run.transforms.connector.clone().expect("a server");
    let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel::<(i64, Sender<()>)>();
    let others = tokio::spawn(async move {
        let mut watching = connector.connect().await.expect("a connection");
        let mut changes = Vec::new();
        while let Some((id, go_on)) = asked.recv().await {
            let mut writing = connector.connect().await.expect("a connection");
            let add = format!("UPDATE t SET n = n + 1000 WHERE id = {id}");
            let waiting = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                 AND query LIKE '%WHERE id = {id}%' AND pid <> pg_backend_pid()"
            );
            let change = tokio::spawn(async move { writing.execute(&add, &[]).await });
            loop {
                let found = watching.query(&waiting, &[], QueryLimits::NONE).await.expect("an answer");
                if change.is_finished() || found.rows[0][0].as_int64() == Some(1) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            changes.push(change);
            go_on.send(()).expect("it waits");
        }
        changes
    });
    let hook = move |number: usize, rows: &Batch| {
        let Some(ColumnValues::Int64(ids)) = rows.column("id").map(|column| &column.values) else { return };
        if [2, 5].contains(&number) {
            let (go_on, waiting) = std::sync::mpsc::channel();
            ask.send((ids[1], go_on)).expect("somebody changes it");
            waiting.recv().expect("it was tried");
        }
    };
    let done = setup.transform(hooked(hook)).await.expect("done");
    assert_eq!(done.rows_written, 20);
    setup.run.database.lock().await.host().commit_or_roll_back().await.expect("committed");
    for change in others.await.expect("no panic") {
        assert_eq!(change.await.expect("no panic"), Ok(1));
    }
    let mut database = setup.run.database.lock().await;
    let query = "SELECT id FROM t WHERE n = id + 1100 ORDER BY id";
    let found = database.query(query, &[], QueryLimits::NONE).await.expect(query);
    let ids: Vec<_> = found.rows.iter().map(|row| row[0].as_int64()).collect();
    assert_eq!(ids, [Some(6), Some(18)]);
    let query = "SELECT count(*) FROM t WHERE n = id + 100";
    let found = database.query(query, &[], QueryLimits::NONE).await.expect(query);
    assert_eq!(found.rows[0][0].as_int64(), Some(18));
}

/// Ends the connections of all chunks in the middle of one that writes nothing.
struct Interrupting {
    database: Arc<TestDatabase>,
    is_done: Arc<AtomicBool>,
}

#[async_trait]
impl BatchFunction for Interrupting {
    fn limits(&self) -> BatchLimits {
        hooked(|_, _| ()).limits()
    }

    fn instances(&self) -> usize {
        1
    }

    async fn start(&self) -> Result<Box<dyn BatchInstance>> {
        Ok(Box::new(Self { database: self.database.clone(), is_done: self.is_done.clone() }))
    }
}

#[async_trait]
impl BatchInstance for Interrupting {
    async fn transform(&mut self, _: &str, _: Batch) -> Result<Batch> {
        if !self.is_done.swap(true, Ordering::SeqCst) {
            self.database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND state = 'idle in transaction'",
            );
        }
        Ok(Batch::default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_writes_nothing_is_tried_again_after_a_loss_on_servers() {
    let database = Arc::new(servers::postgres().database());
    let setup = setup("journalled, three connections, PostgreSQL", &database.url(), 3, None).await;
    let is_done = Arc::new(AtomicBool::new(false));
    let function = Arc::new(Interrupting { database: database.clone(), is_done: is_done.clone() });
    let done = setup.transform(function).await.expect("tried again");
    assert!(is_done.load(Ordering::SeqCst));
    assert_eq!((done.rows_read, done.rows_written), (ROWS as u64, 0));
}
