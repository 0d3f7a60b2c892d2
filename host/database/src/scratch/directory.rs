//! Directories for copies of database files.

use std::fs::File;
use std::path::{Path, PathBuf};

use runner_base::random;

/// The prefix of such directories in the system's temporary directory.
const PREFIX: &str = "runner-copy-";

/// The file in it that stays locked while the run lives.
const LOCK: &str = "lock";

/// A directory that is removed when it is dropped. Its lock is released when its process ends, so the lock shows
/// whether it is still in use.
#[derive(Debug)]
pub struct Directory {
    /// The path of the directory.
    pub path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Creates one inside a directory for temporary files.
    pub fn make(parent: &Path) -> std::io::Result<Self> {
        let path = parent.join(format!("{PREFIX}{:016x}", random::bits()));
        let mut builder = std::fs::DirBuilder::new();
        // The directory contains everything that the database contains.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        let lock = locked(&path, LOCK)?;
        Ok(Self { path, _lock: lock })
    }
}

/// Makes the lock file of a new directory, locked. It gets its name last: an unlocked one is taken for that of a dead process.
pub fn locked(directory: &Path, name: &str) -> std::io::Result<File> {
    let new = directory.join("new");
    let lock = File::create(&new)?;
    lock.lock()?;
    std::fs::rename(new, directory.join(name))?;
    Ok(lock)
}

/// Opens the lock file of a directory that any user may have made: without following a link, and without waiting for
/// the other end of a FIFO.
pub fn open_lock(directory: &Path, name: &str) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(directory.join(name))
}

impl Directory {
    /// Removes it.
    pub fn remove(self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // The next run removes what cannot be removed here.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the directories of killed runs. One without a lock file is either being created or belongs to a run that was
/// killed at that moment; it is empty.
pub fn sweep_directories(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        // A symbolic link with such a name is not followed.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(lock) = open_lock(&entry.path(), LOCK) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// As another user leaves them in the directory for temporary files.
    #[cfg(unix)]
    #[test]
    fn sweeping_waits_for_no_fifo_and_follows_no_link() {
        let parent = tempfile::tempdir().expect("a directory");
        let [fifo, link] = ["fifo", "link"].map(|name| parent.path().join(format!("{PREFIX}{name}")));
        for directory in [&fifo, &link] {
            std::fs::create_dir(directory).expect("a directory");
        }
        let made = std::process::Command::new("mkfifo").arg(fifo.join(LOCK)).status().expect("started");
        assert!(made.success());
        std::fs::write(parent.path().join("theirs"), "").expect("written");
        std::os::unix::fs::symlink(parent.path().join("theirs"), link.join(LOCK)).expect("linked");
        sweep_directories(parent.path());
        assert!(link.exists());
    }

    #[test]
    fn a_directory_that_is_being_made_is_not_swept() {
        let parent = tempfile::tempdir().expect("a directory");
        let is_over = AtomicBool::new(false);
        let made: Vec<_> = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    sweep_directories(parent.path());
                }
            });
            let made = (0..300).map(|_| Directory::make(parent.path())).collect();
            is_over.store(true, Ordering::Relaxed);
            made
        });
        assert!(made.iter().all(|it| it.as_ref().is_ok_and(|it| it.path.exists())));
    }

    #[test]
    fn an_unlocked_directory_is_swept() {
        let parent = tempfile::tempdir().expect("a directory");
        let held = Directory::make(parent.path()).expect("a directory");
        let left = parent.path().join(format!("{PREFIX}left"));
        std::fs::create_dir(&left).expect("a directory");
        std::fs::write(left.join(LOCK), "").expect("a file");
        std::fs::create_dir(parent.path().join("other")).expect("a directory");
        sweep_directories(parent.path());
        assert!(held.path.exists() && !left.exists() && parent.path().join("other").exists());
        let path = held.path.clone();
        drop(held);
        assert!(!path.exists());
    }
}
