//! Opening files, and errors of files.

use super::*;
use runner_database::{ConnectOptions, DatabaseErrorKind};

async fn refused(directory: &Path, url: &str, create: bool) -> DatabaseError {
    let url = DatabaseUrl::parse(url, directory).expect("a URL");
    match super::super::connect(&url, &ConnectOptions { create, ..ConnectOptions::default() }).await {
        Err(error) => error,
        Ok(_) => panic!("{url} was opened"),
    }
}

#[tokio::test]
async fn a_new_file_uses_wal_and_an_old_one_keeps_its_mode() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    assert_eq!(text_of(database.as_mut(), "PRAGMA journal_mode").await, "wal");
    drop(database);
    let old = rusqlite::Connection::open(directory.path().join("old.db")).expect("a database");
    old.execute_batch("CREATE TABLE t (x)").expect("a table");
    drop(old);
    let mut database = open_url(directory.path(), "sqlite://old.db").await;
    run(database.as_mut(), "INSERT INTO t VALUES (1)").await;
    assert_eq!(text_of(database.as_mut(), "PRAGMA journal_mode").await, "delete");
    drop(database);
    let mut database = open_url(directory.path(), "sqlite://new.db?journal_mode=delete").await;
    assert_eq!(text_of(database.as_mut(), "PRAGMA journal_mode").await, "delete");
}

#[tokio::test]
async fn a_closed_database_leaves_one_file() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    run(database.as_mut(), "CREATE TABLE t (x)").await;
    let cursor = CursorRequest { statement: "SELECT 1".to_owned(), ..CursorRequest::default() };
    database.open_cursor(&cursor).await.expect("a cursor that is never closed");
    drop(database);
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).expect("a directory").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["app.db"]);
}

#[tokio::test]
async fn settings_come_from_the_url() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    for (pragma, value) in [("foreign_keys", 1), ("synchronous", 2), ("trusted_schema", 0)] {
        let found = rows(database.as_mut(), &format!("PRAGMA {pragma}")).await;
        assert_eq!(found, [[Value::Int64(value)]], "{pragma}");
    }
    drop(database);
    let mut database =
        open_url(directory.path(), "sqlite://app.db?busy_timeout=7&synchronous=normal&cache_size=4096").await;
    for (pragma, value) in [("synchronous", 1), ("cache_size", -4_096)] {
        let found = rows(database.as_mut(), &format!("PRAGMA {pragma}")).await;
        assert_eq!(found, [[Value::Int64(value)]], "{pragma}");
    }
    for (url, part) in [
        ("sqlite://app.db?mode=rx", "mode=rx"),
        ("sqlite://app.db?busy_timeout=soon", "milliseconds"),
        ("sqlite://app.db?bussy_timeout=1", "bussy_timeout"),
        ("sqlite://app.db?foo=1", "foo"),
        ("sqlite://app.db?immutable=maybe", "immutable=maybe"),
        ("sqlite://app.db?journal_mode=off", "wal"),
        ("sqlite://app.db?synchronous=2x", "full"),
        ("sqlite://app.db?cache_size=-1", "KiB"),
    ] {
        let error = refused(directory.path(), url, true).await;
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error}");
        assert!(error.message.contains(part) && error.hint.is_some(), "{error:?}");
        assert_eq!(runner_base::error::Error::from(error).kind, runner_base::error::ErrorKind::Usage, "{url}");
    }
}

#[tokio::test]
async fn missing_files_are_created_only_on_request() {
    let directory = directory();
    for url in ["sqlite://app.db", "sqlite://app.db?mode=rw", "sqlite://app.db?mode=ro"] {
        let error = refused(directory.path(), url, url.contains("mode")).await;
        assert_eq!(error.kind, DatabaseErrorKind::NotFound, "{url}: {error}");
        let hint = error.hint.as_deref().expect("a hint");
        assert!(error.message.contains("app.db"), "{url}: {error:?}");
        // No file is created in a mode that only opens one.
        assert_eq!(hint.contains("runner apply"), !url.contains("mode"), "{url}: {hint}");
    }
    let error = refused(directory.path(), "sqlite://nowhere/app.db", true).await;
    assert_eq!(error.kind, DatabaseErrorKind::NotFound);
    assert!(error.message.contains("directory"), "{error}");
    let error = refused(directory.path(), "sqlite:.", true).await;
    assert!(error.message.contains("is a directory"), "{error}");
    assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0, "nothing was created");
}

/// Tells a child process with fewer rights than this one which directory to use.
#[cfg(unix)]
const LOCKED_DIRECTORY: &str = "RUNNER_CONNECT_TEST_DIRECTORY";

/// Does nothing unless the next test starts it.
#[cfg(unix)]
#[tokio::test]
async fn task_of_an_unprivileged_child() {
    let Some(directory) = std::env::var_os(LOCKED_DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let error = refused(directory, "sqlite://app.db", true).await;
    assert_eq!(error.kind, DatabaseErrorKind::ReadOnly, "{error:?}");
    let named = format!("in the directory `{}`", directory.display());
    assert!(error.message.contains(&named), "{error}");
    assert!(!error.to_string().contains("No such file"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("writable")));
}

#[cfg(unix)]
#[test]
fn an_unwritable_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let outer = directory();
    let locked = outer.path().join("locked");
    std::fs::create_dir(&locked).expect("a directory");
    for (directory, mode) in [(outer.path(), 0o755), (locked.as_path(), 0o555)] {
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode)).expect("rights");
    }
    let mut child = std::process::Command::new(std::env::current_exe().expect("this program"));
    child
        .args(["--exact", "tests::connect::task_of_an_unprivileged_child", "--nocapture"])
        .env(LOCKED_DIRECTORY, &locked)
        .current_dir("/");
    // Permissions do not keep root from writing.
    let probe = locked.join("probe");
    if std::fs::write(&probe, "").is_ok() {
        std::fs::remove_file(&probe).expect("removed");
        child.uid(65_534).gid(65_534);
    }
    let output = match child.output() {
        // This executable is in a directory that the other account may not enter.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return,
        output => output.expect("a child"),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&locked).expect("a directory").count(), 0);
}

#[tokio::test]
async fn damaged_files_are_distinguished_from_databases() {
    let directory = directory();
    std::fs::write(directory.path().join("text.db"), "no database, but long enough to look at ".repeat(200))
        .expect("a file");
    let error = refused(directory.path(), "sqlite://text.db", false).await;
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Corrupt, "SQLITE_NOTADB (26)"));
    assert!(error.message.contains("text.db"), "{error}");

    let mut database = open_url(directory.path(), "sqlite://app.db?journal_mode=delete").await;
    run(database.as_mut(), "CREATE TABLE t (x TEXT)").await;
    run(database.as_mut(), "INSERT INTO t VALUES (hex(zeroblob(20000)))").await;
    drop(database);
    let path = directory.path().join("app.db");
    let mut bytes = std::fs::read(&path).expect("a file");
    bytes[4_096..].iter_mut().for_each(|byte| *byte = 0xa5);
    std::fs::write(&path, bytes).expect("damaged");
    let mut database = open_at(directory.path()).await;
    let error = database.query("SELECT x FROM t", &[], QueryLimits::NONE).await.expect_err("damaged");
    assert_eq!(error.kind, DatabaseErrorKind::Corrupt, "{error:?}");
}

#[tokio::test]
async fn read_only_databases_are_reported() {
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    run(database.as_mut(), "CREATE TABLE t (x)").await;
    drop(database);
    let mut database = open_url(directory.path(), "sqlite://app.db?mode=ro").await;
    let error = database.execute("INSERT INTO t VALUES (1)", &[]).await.expect_err("read-only");
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::ReadOnly, "SQLITE_READONLY (8)"));
    assert!(rows(database.as_mut(), "SELECT x FROM t").await.is_empty());
    assert_eq!(
        database.begin(TransactionOptions::default()).await.expect_err("cannot write").kind,
        DatabaseErrorKind::ReadOnly
    );
}

#[tokio::test]
async fn waiting_for_another_writer_ends_with_an_error() {
    let directory = directory();
    let mut first = open_at(directory.path()).await;
    let mut second = open_url(directory.path(), "sqlite://app.db?busy_timeout=50").await;
    first.begin(TransactionOptions::default()).await.expect("begun");
    let started = std::time::Instant::now();
    let error = second.begin(TransactionOptions::default()).await.expect_err("busy");
    assert!(started.elapsed().as_millis() >= 50);
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Busy, "SQLITE_BUSY (5)"));
    assert_eq!(second.in_transaction().await, Ok(false));
    first.commit_or_roll_back().await.expect("committed");
    second.begin(TransactionOptions::default()).await.expect("free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stop_signal_ends_the_wait_for_another_writer() {
    use std::time::{Duration, Instant};

    use runner_database::stop::StopReason;
    let directory = directory();
    let mut first = open_at(directory.path()).await;
    run(first.as_mut(), "CREATE TABLE t (x)").await;
    let mut second = open_url(directory.path(), "sqlite://app.db?busy_timeout=60000").await;
    first.begin(TransactionOptions::default()).await.expect("begun");
    for begins in [true, false] {
        let stop = StopSignal::default();
        second.set_stop_signal(stop.clone());
        let raised = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.raise(StopReason::Interrupt);
            Instant::now()
        });
        let result = if begins {
            second.begin(TransactionOptions::default()).await
        } else {
            second.execute("INSERT INTO t VALUES (1)", &[]).await.map(drop)
        };
        let ended = Instant::now();
        let error = result.expect_err("stopped");
        assert_eq!(error.kind, DatabaseErrorKind::Interrupted, "{begins}: {error}");
        let heard = ended.saturating_duration_since(raised.await.expect("raised"));
        // Usually 25 ms; the rest allows for a busy machine, and the timeout is 60 s.
        assert!(heard < Duration::from_secs(20), "{begins}: {heard:?}");
        assert_eq!(second.in_transaction().await, Ok(false));
    }
    first.rollback().await.expect("rolled back");
    // What ends a run waits for other connections even though the signal is raised: a reader blocks the commit of a
    // rollback journal.
    let mut writer = open_url(directory.path(), "sqlite://old.db?journal_mode=delete&busy_timeout=60000").await;
    run(writer.as_mut(), "CREATE TABLE t (x)").await;
    let reader = rusqlite::Connection::open(directory.path().join("old.db")).expect("a database");
    let stop = StopSignal::default();
    writer.set_stop_signal(stop.clone());
    writer.begin(TransactionOptions::default()).await.expect("begun");
    run(writer.as_mut(), "INSERT INTO t VALUES (1)").await;
    reader.execute_batch("BEGIN; SELECT * FROM t").expect("a reader");
    stop.raise(StopReason::Terminate);
    let leaves = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        reader.execute_batch("COMMIT").expect("it leaves");
    });
    writer.commit_or_roll_back().await.expect("committed");
    leaves.join().expect("no panic");
}

#[tokio::test]
async fn after_a_full_disk_everything_is_rolled_back() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE TABLE t (x TEXT)").await;
    let pages = rows(database.as_mut(), "PRAGMA page_count").await[0][0].as_int64().expect("a number");
    run(database.as_mut(), &format!("PRAGMA max_page_count = {}", pages + 20)).await;
    database.begin(TransactionOptions::default()).await.expect("begun");
    run(database.as_mut(), "INSERT INTO t VALUES ('kept?')").await;
    let error = database.execute("INSERT INTO t VALUES (hex(zeroblob(1000000)))", &[]).await.expect_err("full");
    assert_eq!((error.kind, error.code.as_str()), (DatabaseErrorKind::Full, "SQLITE_FULL (13)"));
    if database.in_transaction().await.is_err() {
        // SQLite has rolled back by itself: further statements would autocommit.
        assert!(database.execute("INSERT INTO t VALUES ('stray')", &[]).await.is_err());
        assert!(database.commit_or_roll_back().await.is_err());
    }
    database.rollback().await.expect("rolled back");
    assert!(rows(database.as_mut(), "SELECT x FROM t").await.is_empty());
}

#[tokio::test]
async fn tables_are_described_as_declared() {
    let mut database = in_memory().await;
    let database = database.as_mut();
    for statement in [
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INT NOT NULL, g AS (n + 1), s AS (n + 2) STORED)",
        "CREATE TABLE b (y TEXT, x INT, PRIMARY KEY (x, y)) WITHOUT ROWID",
        "CREATE TABLE c (x, rowid TEXT)",
        "CREATE TABLE d (id INT PRIMARY KEY)",
        "CREATE TABLE e (id INTEGER PRIMARY KEY DESC)",
        "CREATE VIEW v AS SELECT n FROM a",
        "CREATE TABLE \"odd \"\" name\" (x)",
    ] {
        run(database, statement).await;
    }
    for (name, key, is_rowid) in [
        ("a", &["id"][..], true),
        ("b", &["x", "y"], false),
        ("c", &["_rowid_"], true),
        ("d", &["id"], false),
        ("e", &["id"], false),
        ("v", &[], false),
        ("odd \" name", &["rowid"], true),
        ("A", &["id"], true),
    ] {
        let table = database.table(&TableName::new(name)).await.expect(name);
        assert_eq!(
            (table.key, table.key_is_rowid),
            (key.iter().map(|key| (*key).to_owned()).collect(), is_rowid),
            "{name}"
        );
        assert_eq!(table.is_view, name == "v");
    }
    let table = database.table(&TableName::new("a")).await.expect("a table");
    let columns: Vec<_> =
        table.columns.iter().map(|column| (column.name.as_str(), column.not_null, column.generated)).collect();
    assert_eq!(columns, [("id", true, false), ("n", true, false), ("g", false, true), ("s", false, true)]);
    let other = TableName { schema: Some("other".to_owned()), name: "a".to_owned() };
    assert!(database.table(&other).await.is_err());
    let error = database.table(&TableName::new("od name")).await.expect_err("no table");
    assert!(error.hint.is_some(), "{error:?}");
}

#[tokio::test]
async fn errors_name_the_position_in_the_statement() {
    let mut database = in_memory().await;
    let error = database.execute("SELECT 1,\n  nowhere", &[]).await.expect_err("no column");
    assert_eq!(error.detail.as_deref(), Some("line 2, column 3, at `nowhere`"));
    assert_eq!(error.code, "SQLITE_ERROR (1)");
    run(database.as_mut(), "CREATE TABLE p (id INTEGER PRIMARY KEY)").await;
    run(database.as_mut(), "CREATE TABLE c (p INTEGER REFERENCES p)").await;
    let error = database.execute("INSERT INTO c VALUES (1)", &[]).await.expect_err("no parent");
    assert_eq!(error.code, "SQLITE_CONSTRAINT_FOREIGNKEY (787)");
    assert!(database.execute("SELECT '\0'", &[]).await.is_err());
}

#[tokio::test(flavor = "current_thread")]
async fn works_on_a_single_thread() {
    let mut database = in_memory().await;
    run(database.as_mut(), "CREATE TABLE t (x)").await;
}
