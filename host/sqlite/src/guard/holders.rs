//! The programs that have a database file locked.
//!
//! SQLite's locks are locks of the operating system on parts of the file, or with a write-ahead log of the file next to
//! it; Linux lists all of them. Asking for them by a descriptor would lose those of this process when it is closed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The bytes of the file that a writer locks, `PENDING_BYTE` and those after it, and the byte of a write-ahead log's index,
/// `WAL_WRITE_LOCK`: <https://sqlite.org/walformat.html#wal_locks>.
const OF_WRITERS: [(&str, u64, u64); 2] = [("", 0x4000_0000, 0x4000_01ff), ("-shm", 120, 120)];

/// The processes that hold a lock for writing: `4242 (sqlite3)`. None where the system does not say.
pub(super) fn writers(database: &Path) -> Vec<String> {
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut found = Vec::new();
    for (end, first, last) in OF_WRITERS {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        let Ok(metadata) = std::fs::metadata(path) else { continue };
        for process in locks.lines().filter_map(|line| holder(line, metadata.ino(), (first, last))) {
            let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            let name = name.trim_end();
            found.push(if name.is_empty() { process.to_owned() } else { format!("{process} ({name})") });
        }
    }
    found.dedup();
    found
}

/// The process of a line of `/proc/locks`, if it has a lock on these bytes for writing: `1: POSIX  ADVISORY  WRITE 4242 fd:01:77 120 120`.
fn holder(line: &str, inode: u64, (first, last): (u64, u64)) -> Option<&str> {
    let mut words = line.split_whitespace().skip(1);
    let mut is = |word| words.next() == Some(word);
    // One that waits has `->` before its kind.
    if !(is("POSIX") && is("ADVISORY") && is("WRITE")) {
        return None;
    }
    let (process, file, start, end) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let is_file = file.rsplit(':').next()?.parse() == Ok(inode);
    let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().unwrap_or(u64::MAX));
    (is_file && start <= last && first <= end).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_of_writers_are_read() {
        for (line, expected) in [
            ("1: POSIX  ADVISORY  WRITE 4242 fd:01:77 120 120", Some("4242")),
            ("1: POSIX  ADVISORY  WRITE 4242 fd:01:77 0 EOF", Some("4242")),
            ("1: POSIX  ADVISORY  WRITE 4242 fd:01:78 120 120", None),
            ("1: POSIX  ADVISORY  WRITE 4242 fd:01:77 121 128", None),
            ("1: POSIX  ADVISORY  READ  4242 fd:01:77 120 120", None),
            ("2: -> POSIX  ADVISORY  WRITE 4242 fd:01:77 120 120", None),
            ("3: FLOCK  ADVISORY  WRITE 4242 fd:01:77 0 EOF", None),
            ("", None),
        ] {
            assert_eq!(holder(line, 77, (120, 120)), expected, "{line}");
        }
    }

    #[test]
    fn the_process_that_writes_is_found() {
        for journal in ["wal", "delete"] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("app.db");
            let other = rusqlite::Connection::open(&path).expect("open");
            let begin = format!("PRAGMA journal_mode = {journal}; CREATE TABLE t (a); BEGIN IMMEDIATE");
            other.execute_batch(&begin).expect("begin");
            let me = std::process::id().to_string();
            let found = writers(&path);
            assert_eq!(found.len(), usize::from(cfg!(target_os = "linux")), "{found:?}");
            assert!(found.iter().all(|writer| writer.starts_with(&me)), "{found:?}");
            drop(other);
            assert!(writers(&path).is_empty());
        }
    }
}
