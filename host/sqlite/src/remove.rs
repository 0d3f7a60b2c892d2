//! Removes a database file with what belongs to it.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lock::{Lock, lock_path};
use runner_database::{DatabaseError, DatabaseErrorKind, LockRequest, StopSignal};

/// The first bytes of every database file that is not empty.
const HEADER: &[u8] = b"SQLite format 3\0";

/// What SQLite appends to the name of a database for its journals.
const SUFFIXES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Removes a database file, its journals and its lock file, and returns whether it existed. Fails while a run holds the
/// lock, and for a file that is not a database.
pub async fn remove(path: &Path) -> Result<bool, DatabaseError> {
    let real = match std::fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(refused(path, &error)),
    };
    if !is_database(&real).map_err(|error| refused(path, &error))? {
        return Err(DatabaseError::new(
            DatabaseErrorKind::Corrupt,
            format!("`{}` is not a SQLite database", path.display()),
        )
        .hint("check the database URL"));
    }
    let owner = format!("`runner db drop`, process {}", std::process::id());
    let request = LockRequest { wait: Duration::ZERO, run_id: String::new(), owner };
    let lock = Lock::take(&real, &request, &StopSignal::default(), &|_| {}).await?;
    // The journals first: an interrupted removal must not leave one that a new database of the same name would replay.
    for suffix in SUFFIXES {
        remove_if_there(&with_suffix(&real, suffix)).map_err(|error| refused(path, &error))?;
    }
    std::fs::remove_file(&real).map_err(|error| refused(path, &error))?;
    // A run that waits for the lock notices that the file is gone and creates another.
    remove_if_there(&lock_path(&real)).map_err(|error| refused(path, &error))?;
    drop(lock);
    Ok(true)
}

fn is_database(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::new();
    std::fs::File::open(path)?.take(HEADER.len() as u64).read_to_end(&mut header)?;
    Ok(header.is_empty() || header == HEADER)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn refused(path: &Path, error: &std::io::Error) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::ReadOnly, format!("cannot remove `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_and_its_journals_are_removed_and_other_files_are_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str, content: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).expect("a file");
            path
        };
        let database = file("app.db", b"SQLite format 3\0 and so on");
        file("app.db-wal", b"x");
        file("app.db-shm", b"x");
        let other = file("notes.txt", b"not a database");
        assert_eq!(remove(&database).await, Ok(true));
        assert_eq!(remove(&database).await, Ok(false));
        let error = remove(&other).await.expect_err("not a database");
        assert!(error.message.ends_with("is not a SQLite database"), "{}", error.message);
        let left: Vec<_> = std::fs::read_dir(directory.path()).expect("a directory").flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn a_database_in_use_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("app.db");
        std::fs::write(&path, b"").expect("a file");
        let request = LockRequest { wait: Duration::ZERO, run_id: String::new(), owner: "ann".to_owned() };
        let held = Lock::take(&path, &request, &StopSignal::default(), &|_| {}).await.expect("the lock");
        let error = remove(&path).await.expect_err("it is locked");
        assert_eq!(error.kind, DatabaseErrorKind::Busy);
        assert!(path.exists());
        drop(held);
        assert_eq!(remove(&path).await, Ok(true));
    }
}
