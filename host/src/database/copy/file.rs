//! A copy of a SQLite database: a file in a folder of its own.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Copy, Place, Request};
use crate::database::{DatabaseError, DatabaseErrorKind, DatabaseUrl, connect, sqlite};
use crate::random;

/// Folders of copies in the system's folder for temporary files begin so.
const PREFIX: &str = "runner-copy-";

/// The file that is locked as long as a copy's run lives.
const LOCK: &str = "lock";

/// Copies a database into a file of its own.
pub(super) async fn copy(url: &DatabaseUrl, request: &Request<'_>) -> Result<Copy, DatabaseError> {
    let temporary = std::env::temp_dir();
    sweep_folders(&temporary);
    let folder = Folder::make(&temporary).map_err(|error| {
        DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            format!("no folder can be made in `{}` for the copy", temporary.display()),
        )
        .detail(error.to_string())
        .hint("the variable `TMPDIR` names another folder for temporary files")
    })?;
    let path = folder.path.join("copy.db");
    File::create(&path).map_err(|error| {
        DatabaseError::new(DatabaseErrorKind::ReadOnly, format!("`{}` cannot be made: {error}", path.display()))
    })?;
    let progress = |done: u64, all: u64| (request.progress)("pages", done, Some(all));
    sqlite::copy::copy(url, &path, request.stop, &progress).await.map_err(|error| match error.kind {
        DatabaseErrorKind::Full => error.hint(format!(
            "the copy stands in `{}`; the variable `TMPDIR` names another folder for temporary files",
            temporary.display()
        )),
        _ => error,
    })?;
    let copy = sqlite_url(&path)?;
    let database = connect(&copy, request.connect).await?;
    Ok(Copy { database, name: "copy", others: Vec::new(), caveats: Vec::new(), place: Place::Folder(folder) })
}

/// The URL of a file, whatever is in its name.
fn sqlite_url(path: &Path) -> Result<DatabaseUrl, DatabaseError> {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    DatabaseUrl::parse(&format!("sqlite://{path}"), Path::new("/"))
        .map_err(|error| DatabaseError::new(DatabaseErrorKind::Configuration, error.message))
}

/// A folder that goes when it is dropped. Its lock dies with its process, which tells whether it is still wanted.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    fn make(parent: &Path) -> std::io::Result<Self> {
        let path = parent.join(format!("{PREFIX}{:016x}", random::bits()));
        let mut builder = std::fs::DirBuilder::new();
        // It holds everything that the database holds.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes folders whose runs are dead. One without a lock is only just being made, or was killed in that moment: it is empty.
fn sweep_folders(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        // A link of that name leads nowhere.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swept_when_nobody_holds_it() {
        let parent = tempfile::tempdir().expect("a folder");
        let held = Folder::make(parent.path()).expect("a folder");
        let left = parent.path().join(format!("{PREFIX}left"));
        std::fs::create_dir(&left).expect("a folder");
        std::fs::write(left.join(LOCK), "").expect("a file");
        std::fs::create_dir(parent.path().join("other")).expect("a folder");
        sweep_folders(parent.path());
        assert!(held.path.exists() && !left.exists() && parent.path().join("other").exists());
        let path = held.path.clone();
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_found_again_whatever_its_name() {
        for path in ["/tmp/a b/copy.db", "/tmp/50%20?x#/copy.db"] {
            let url = sqlite_url(Path::new(path)).expect("a URL");
            assert_eq!(url.sqlite_path(), Some(PathBuf::from(path)));
        }
    }
}
