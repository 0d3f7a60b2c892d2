//! A copy of a database in a file, made while others work on it.

use std::path::Path;
use std::time::{Duration, Instant};

use libsqlite3_sys as ffi;
use sqlx::sqlite::SqliteConnectOptions;

use super::connect;
use super::error::{from_failure, from_sqlx};
use super::raw::{Backup, Connection, Failure};
use crate::database::{DatabaseError, DatabaseErrorKind, DatabaseUrl, StopSignal};

/// Pages between two looks at the stop signal: a few milliseconds of work.
const PAGES: i32 = 1024;

/// The pause before a page that another connection holds is asked for again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Hears how many pages are copied, and of how many.
pub type PageProgress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Copies the database of the URL over the file `to`, which must be there and empty, as of one moment; what others commit
/// meanwhile is not in it. What was copied is read again and must pass SQLite's own check.
pub async fn copy(
    url: &DatabaseUrl,
    to: &Path,
    stop: &StopSignal,
    progress: PageProgress<'_>,
) -> Result<(), DatabaseError> {
    let from = connect::open(url, false).await?;
    let options = SqliteConnectOptions::new().filename(to).create_if_missing(false);
    let target = Connection::open(&options).await.map_err(|error| from_sqlx(&error))?;
    copy_pages(&from.connection, &target, from.busy_timeout, stop, progress)?;
    check(&target)
}

fn copy_pages(
    from: &Connection,
    to: &Connection,
    timeouts: Duration,
    stop: &StopSignal,
    progress: PageProgress<'_>,
) -> Result<(), DatabaseError> {
    let failed = |failure: Failure| from_failure(&failure);
    // An open transaction pins what is read: without one, the copy would begin again with each commit.
    from.run("BEGIN").map_err(failed)?;
    from.number("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    let mut backup = Backup::begin(from, to).map_err(failed)?;
    let mut busy_since = None;
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        match backup.step(PAGES) {
            Ok(is_done) => {
                busy_since = None;
                let (done, all) = backup.pages();
                progress(done, all);
                if is_done {
                    break;
                }
            }
            Err(failure) if matches!(failure.code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => {
                if busy_since.get_or_insert_with(Instant::now).elapsed() > timeouts {
                    return Err(from_failure(&failure));
                }
                std::thread::sleep(BUSY_PAUSE);
            }
            Err(failure) => return Err(from_failure(&failure)),
        }
    }
    drop(backup);
    from.run("ROLLBACK").map_err(failed)
}

/// Fails unless SQLite finds nothing wrong.
fn check(copy: &Connection) -> Result<(), DatabaseError> {
    let failed = |failure: Failure| from_failure(&failure);
    let Some(mut check) = copy.prepare("PRAGMA integrity_check(1)", false).map_err(failed)? else { return Ok(()) };
    let said = match check.statement.step().map_err(failed)?.is_row() {
        true => check.statement.text(0),
        false => "ok".to_owned(),
    };
    if said == "ok" {
        return Ok(());
    }
    Err(DatabaseError::new(DatabaseErrorKind::Corrupt, format!("the copy does not pass SQLite's check: {said}"))
        .hint("look at the database itself: `sqlite3 FILE 'PRAGMA integrity_check'`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &Path) -> DatabaseUrl {
        DatabaseUrl::parse(&format!("sqlite://{}", path.display()), Path::new("/")).expect("a URL")
    }

    fn filled(path: &Path, rows: u32) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(path).expect("a database");
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, filling BLOB);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO t SELECT i, zeroblob(1000) FROM n;"
            ))
            .expect("filled");
        connection
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_is_that_of_one_moment_whatever_is_committed_meanwhile() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let writer = std::sync::Mutex::new(filled(&path, 20_000));
        std::fs::File::create(&to).expect("a file");
        let calls = std::sync::atomic::AtomicU64::new(0);
        let write = |_: u64, _: u64| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let writer = writer.lock().expect("not poisoned");
            writer.execute("INSERT INTO t (filling) VALUES (zeroblob(5000))", []).expect("written");
        };
        copy(&url(&path), &to, &StopSignal::default(), &write).await.expect("a copy");
        assert!(calls.into_inner() > 3, "it was copied in several steps");
        let copy = rusqlite::Connection::open(&to).expect("a database");
        let count: i64 = copy.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("a count");
        assert_eq!(count, 20_000);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_damaged_database_has_no_good_copy() {
        use std::io::{Seek, SeekFrom, Write};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        drop(filled(&path, 1_000));
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
        file.seek(SeekFrom::Start(40 * 4096)).expect("a page");
        file.write_all(&[0xff; 4096]).expect("damaged");
        drop(file);
        std::fs::File::create(&to).expect("a file");
        let error = copy(&url(&path), &to, &StopSignal::default(), &|_, _| {}).await.expect_err("damaged");
        assert_eq!(error.kind, DatabaseErrorKind::Corrupt, "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stop_signal_ends_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, to) = (folder.path().join("a.db"), folder.path().join("b.db"));
        drop(filled(&path, 20_000));
        std::fs::File::create(&to).expect("a file");
        let stop = StopSignal::default();
        let raise = |_: u64, _: u64| stop.raise(crate::database::stop::StopReason::Terminate);
        let error = copy(&url(&path), &to, &stop, &raise).await.expect_err("stopped");
        assert_eq!(error.kind, DatabaseErrorKind::Interrupted);
    }
}
