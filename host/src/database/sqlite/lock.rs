//! The lock that keeps two runs apart: an operating-system lock on a file beside the database. It dies with its owner,
//! whatever ends it, and lasts over several transactions. The file stays; its text says who holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::rights::stopped;
use crate::database::{DatabaseError, DatabaseErrorKind, LockRequest, StopSignal};

/// A lock that is held until it is dropped.
pub(super) struct Lock {
    file: File,
}

/// How long a holder may stay without a name before we speak of it.
const NAMELESS: Duration = Duration::from_millis(500);

impl Lock {
    /// Takes the lock of a database file.
    pub(super) async fn take(
        database: &Path,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Self, DatabaseError> {
        let path = lock_path(database);
        let started = Instant::now();
        let mut told: Option<String> = None;
        let mut holder = String::new();
        loop {
            if stop.is_raised() {
                return Err(stopped());
            }
            if let Some(file) = try_take(&path).map_err(|error| refused(&path, &error))? {
                let mut lock = Self { file };
                // The text helps those who wait; the lock holds without it.
                let _ = lock.write(&request.owner);
                return Ok(lock);
            }
            let text = read_holder(&path);
            if !text.is_empty() || started.elapsed() > NAMELESS {
                holder = if text.is_empty() { "another process".to_owned() } else { text };
                if told.as_ref() != Some(&holder) {
                    waiting(&holder);
                    told = Some(holder.clone());
                }
            }
            let left = request.wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(busy(&path, &holder, request.wait));
            }
            tokio::select! {
                _ = stop.raised() => {}
                () = tokio::time::sleep(pause(started).min(left)) => {}
            }
        }
    }

    fn write(&mut self, owner: &str) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(owner.as_bytes())?;
        self.file.flush()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file frees the lock even where these fail.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// The lock file of a database file, the same for every link that leads to it.
fn lock_path(database: &Path) -> PathBuf {
    let real = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = real.into_os_string();
    name.push(".runner-lock");
    PathBuf::from(name)
}

/// The locked file, or none while somebody else holds it.
fn try_take(path: &Path) -> std::io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        // Somebody may have deleted the file between our opening and our locking it: then we hold a lock that nobody sees.
        Ok(()) => Ok(is_at(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(there)) => held.dev() == there.dev() && held.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn read_holder(path: &Path) -> String {
    let mut text = Vec::new();
    // Not readable while it is locked on some systems: then the holder has no name.
    if let Ok(file) = File::open(path) {
        let _ = file.take(4_096).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// 25 to 100 ms, so that waiters do not march in step.
fn pause(started: Instant) -> Duration {
    let noise = started.elapsed().subsec_nanos() ^ std::process::id().rotate_left(7);
    Duration::from_millis(25 + u64::from(noise / 64 % 76))
}

fn busy(path: &Path, holder: &str, wait: Duration) -> DatabaseError {
    let holder = if holder.is_empty() { "another process" } else { holder };
    DatabaseError::new(
        DatabaseErrorKind::Busy,
        format!("the lock was still held after {:.1} s by {holder}", wait.as_secs_f64()),
    )
    .detail(format!("lock file `{}`", path.display()))
    .hint("wait for the other run, or give `--lock-timeout` more time; the lock ends with its process")
}

fn refused(path: &Path, error: &std::io::Error) -> DatabaseError {
    let kind = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DatabaseErrorKind::ReadOnly,
        ErrorKind::StorageFull => DatabaseErrorKind::Full,
        ErrorKind::NotFound => DatabaseErrorKind::NotFound,
        _ => DatabaseErrorKind::Other,
    };
    DatabaseError::new(kind, format!("cannot lock the database: `{}`: {error}", path.display()))
        .hint("the folder of the database must be writable: the lock is a file in it")
}
