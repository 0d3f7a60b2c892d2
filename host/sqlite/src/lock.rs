//! The lock that keeps two runs apart: an operating-system lock on a file next to the database. The system releases it when
//! its owner ends, however that happens, and it spans several transactions. The file stays; its text names the holder.
//!
//! Anyone who can write to the directory can replace the file. So links are not followed, and only text that runner wrote is
//! overwritten.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runner_base::backoff::Backoff;
use runner_database::holder::{WORK, still_held, wait_longer};
use runner_database::{DatabaseError, DatabaseErrorKind, LockHolder, LockRequest, StopSignal};

/// A lock that is held until it is dropped.
pub(crate) struct Lock {
    file: File,
    /// Bytes of the text that names the holder.
    named: u64,
    /// Bytes of what is noted after it.
    noted: usize,
}

/// How long to wait for the holder's name before it is reported without one.
const NAMELESS: Duration = Duration::from_millis(500);

/// The prefix of a lock file's text; the holder's record follows.
const MARK: &str = "runner lock, held by ";

/// The longest note of what the holder works on, in bytes.
const LONGEST_WORK: usize = 256;

/// The longest text that we write, in bytes.
const LONGEST: u64 = 4_096;

impl Lock {
    /// Takes the lock of a database file.
    pub(crate) async fn take(
        database: &Path,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Self, DatabaseError> {
        let path = lock_path(database);
        let started = Instant::now();
        let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_millis(100));
        let mut told: Option<String> = None;
        let mut holder = String::new();
        loop {
            if stop.is_raised() {
                return Err(DatabaseError::stopped());
            }
            if let Some(file) = try_take(&path)? {
                let mut lock = Self { file, named: 0, noted: 0 };
                // The text is for waiting runs; the lock works without it.
                let _ = lock.write(&LockHolder::record(request));
                return Ok(lock);
            }
            let text = read_record(&path);
            if !text.is_empty() || started.elapsed() > NAMELESS {
                holder = holder_of(&text).name;
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
                () = tokio::time::sleep(pauses.pause().min(left)) => {}
            }
        }
    }

    fn write(&mut self, record: &str) -> std::io::Result<()> {
        let mut text = format!("{MARK}{record}");
        text.truncate(text.floor_char_boundary(LONGEST as usize - LONGEST_WORK - 1));
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.flush()?;
        self.named = text.len() as u64;
        Ok(())
    }

    /// Notes what the holder works on. The text is as long as the one before, so that it takes its place in one write.
    pub(crate) fn note(&mut self, work: &str) {
        // Nothing has named the holder, or there is nothing to clear.
        if self.named == 0 || (work.is_empty() && self.noted == 0) {
            return;
        }
        let work = &work[..work.floor_char_boundary(LONGEST_WORK)];
        let text = format!("{WORK}{work:<width$}", width = self.noted);
        self.noted = text.len() - 1;
        // For observers only.
        let _ = self.file.seek(SeekFrom::Start(self.named)).and_then(|_| self.file.write_all(text.as_bytes()));
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file releases the lock even if these fail.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// The holder of the lock of a database file, if it is held. A lock file that is missing or cannot be read names no
/// holder.
pub(crate) fn holder(database: &Path) -> Option<LockHolder> {
    let path = lock_path(database);
    let file = open(&path, OpenOptions::new().read(true)).ok()?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return None;
    }
    // We hold the lock for a moment; a run that starts in that moment tries again.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        _ => return None,
    }
    Some(holder_of(&read_record(&path)))
}

/// The holder that a record names. The record is empty until the holder has written it.
fn holder_of(record: &str) -> LockHolder {
    LockHolder::parse(if record.is_empty() { "another process" } else { record })
}

/// The lock file of a database file, the same for every link that leads to it.
pub(crate) fn lock_path(database: &Path) -> PathBuf {
    let real = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = real.into_os_string();
    name.push(".runner-lock");
    PathBuf::from(name)
}

/// The locked file, or none while another process holds the lock.
fn try_take(path: &Path) -> Result<Option<File>, DatabaseError> {
    let failed = |error: std::io::Error| match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => foreign(path, "it is not a regular file"),
        _ => refused(path, &error),
    };
    let mut file =
        open(path, OpenOptions::new().read(true).write(true).create(true).truncate(false)).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(foreign(path, "it is not a regular file"));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // The file may have been deleted after we opened it and before we locked it: then no other process sees our lock.
    if !is_at(&file, path) {
        return Ok(None);
    }
    if has_other_names(&file.metadata().map_err(failed)?) {
        return Err(foreign(path, "it is a hard link to a file that has other names"));
    }
    if !is_ours(&mut file).map_err(failed)? {
        return Err(foreign(path, "its content was not written by runner"));
    }
    Ok(Some(file))
}

/// Opens a file without following a link at the path itself.
#[cfg(unix)]
fn open(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe must not make us wait for its other end.
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => Err(std::io::Error::other("it is not a regular file")),
        _ => options.open(path),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => held.dev() == there.dev() && held.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(unix)]
fn has_other_names(found: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Whether a file is empty or has the content of a lock file, perhaps cut short because a run was killed while writing it.
fn is_ours(file: &mut File) -> std::io::Result<bool> {
    let mut text = Vec::new();
    file.rewind()?;
    Read::take(&mut *file, LONGEST + 1).read_to_end(&mut text)?;
    let mark = &MARK.as_bytes()[..MARK.len().min(text.len())];
    Ok(text.len() as u64 <= LONGEST && text.starts_with(mark))
}

fn read_record(path: &Path) -> String {
    let mut text = Vec::new();
    // Not readable while it is locked on some systems: then the holder has no name.
    if let Ok(file) = open(path, OpenOptions::new().read(true))
        && file.metadata().is_ok_and(|found| found.is_file())
    {
        let _ = file.take(LONGEST).read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    text.strip_prefix(MARK).unwrap_or_default().trim().to_owned()
}

fn busy(path: &Path, holder: &str, wait: Duration) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Busy, still_held(holder, wait))
        .detail(format!("lock file `{}`", path.display()))
        .hint(wait_longer(wait))
}

fn refused(path: &Path, error: &std::io::Error) -> DatabaseError {
    let kind = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => DatabaseErrorKind::ReadOnly,
        ErrorKind::StorageFull => DatabaseErrorKind::Full,
        ErrorKind::NotFound => DatabaseErrorKind::NotFound,
        _ => DatabaseErrorKind::Other,
    };
    DatabaseError::new(kind, format!("cannot lock the database: `{}`: {error}", path.display()))
        .hint("the directory of the database must be writable: the lock is a file in it")
}

fn foreign(path: &Path, what: &str) -> DatabaseError {
    DatabaseError::new(
        DatabaseErrorKind::Other,
        format!("cannot lock the database: `{}` is not a lock file of runner: {what}", path.display()),
    )
    .hint("runner does not overwrite files of others: check the file, and move it away")
}
