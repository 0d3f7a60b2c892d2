//! A copy of a database in a file, made while other connections use it.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::StepResult;
use rusqlite::{OpenFlags, ffi};

use crate::connect;
use crate::raw::{Connection, Failure, on_stack};
use runner_database::{ConnectOptions, DatabaseError, DatabaseErrorKind, DatabaseUrl, StopSignal};

/// Pages between two checks of the stop signal: a few milliseconds of work.
const PAGES: i32 = 1024;

/// The pause before a locked page is read again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Called with the number of pages copied, and of all pages.
pub type PageProgress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Copies the database of the URL, as of one moment, over the file `to`, which must exist and be empty. What others
/// commit meanwhile is not in the copy. The copy is read again and must pass SQLite's own integrity check.
pub async fn copy(
    url: &DatabaseUrl,
    to: &Path,
    stop: &StopSignal,
    progress: PageProgress<'_>,
) -> Result<(), DatabaseError> {
    let from = connect::open(url, &ConnectOptions::default()).await?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = rusqlite::Connection::open_with_flags(to, flags).map_err(failed)?;
    // Each reads a schema, which needs a large stack if its views nest deeply.
    on_stack(|| {
        copy_pages(&from.connection, &mut target, from.busy_timeout, stop, progress)?;
        check(&target)
    })
}

fn copy_pages(
    from: &Connection,
    to: &mut rusqlite::Connection,
    busy_timeout: Duration,
    stop: &StopSignal,
    progress: PageProgress<'_>,
) -> Result<(), DatabaseError> {
    // An open transaction pins what is read: without one, every commit of another connection would restart the copy.
    from.begin("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let backup = from.backup(to)?;
    let mut busy_since = None;
    loop {
        if stop.is_raised() {
            return Err(DatabaseError::stopped());
        }
        let code = match backup.step(PAGES).map_err(failed)? {
            StepResult::Busy => ffi::SQLITE_BUSY,
            StepResult::Locked => ffi::SQLITE_LOCKED,
            done_or_more => {
                busy_since = None;
                let pages = backup.progress();
                let all = u64::try_from(pages.pagecount).unwrap_or(0);
                progress(all.saturating_sub(u64::try_from(pages.remaining).unwrap_or(0)), all);
                if done_or_more == StepResult::Done {
                    break;
                }
                continue;
            }
        };
        if busy_since.get_or_insert_with(Instant::now).elapsed() > busy_timeout {
            return Err(Failure::of_code(code).into());
        }
        std::thread::sleep(BUSY_PAUSE);
    }
    drop(backup);
    Ok(from.roll_back()?)
}

fn failed(error: rusqlite::Error) -> DatabaseError {
    Failure::from(error).into()
}

/// Fails unless SQLite's integrity check passes.
fn check(copy: &rusqlite::Connection) -> Result<(), DatabaseError> {
    let said: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if said == "ok" {
        return Ok(());
    }
    Err(DatabaseError::new(DatabaseErrorKind::Corrupt, format!("the copy does not pass SQLite's check: {said}"))
        .hint("check the database itself: `sqlite3 FILE 'PRAGMA integrity_check'`"))
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
    async fn a_copy_is_a_consistent_snapshot_despite_concurrent_commits() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, to) = (directory.path().join("a.db"), directory.path().join("b.db"));
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
    async fn a_damaged_database_cannot_be_copied() {
        use std::io::{Seek, SeekFrom, Write};
        let directory = tempfile::tempdir().expect("a directory");
        let (path, to) = (directory.path().join("a.db"), directory.path().join("b.db"));
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
    async fn a_stop_signal_ends_a_copy() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, to) = (directory.path().join("a.db"), directory.path().join("b.db"));
        drop(filled(&path, 20_000));
        std::fs::File::create(&to).expect("a file");
        let stop = StopSignal::default();
        let raise = |_: u64, _: u64| stop.raise(runner_database::stop::StopReason::Terminate);
        let error = copy(&url(&path), &to, &stop, &raise).await.expect_err("stopped");
        assert_eq!(error.kind, DatabaseErrorKind::Interrupted);
    }
}
