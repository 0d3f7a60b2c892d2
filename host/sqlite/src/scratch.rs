//! A scratch copy of a database file, in its own temporary directory.

use std::fs::File;
use std::path::Path;

use crate::connect;
use crate::copy::copy;
use runner_database::scratch::{Directory, ScratchCopy, ScratchPlace, ScratchRequest, sweep_directories};
use runner_database::{DatabaseError, DatabaseErrorKind, DatabaseUrl};

/// Copies the database file of a URL.
pub async fn make(request: &ScratchRequest<'_>) -> Result<ScratchCopy, DatabaseError> {
    let temporary = std::env::temp_dir();
    sweep_directories(&temporary);
    let directory = Directory::make(&temporary).map_err(|error| {
        DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            format!("cannot create a directory in `{}` for the copy", temporary.display()),
        )
        .detail(error.to_string())
        .hint("set `TMPDIR` to another directory for temporary files")
    })?;
    let path = directory.path.join("copy.db");
    File::create(&path).map_err(|error| {
        DatabaseError::new(DatabaseErrorKind::ReadOnly, format!("cannot create `{}`: {error}", path.display()))
    })?;
    let progress = |done: u64, all: u64| (request.progress)("pages", done, Some(all));
    copy(request.url, &path, request.stop, &progress).await.map_err(|error| match error.kind {
        DatabaseErrorKind::Full => error.hint(format!(
            "the copy is in `{}`; set `TMPDIR` to another directory for temporary files",
            temporary.display()
        )),
        _ => error,
    })?;
    let database = connect(&url_of(&path)?, request.connect).await?;
    Ok(ScratchCopy {
        database,
        name: "copy",
        others: Vec::new(),
        caveats: Vec::new(),
        place: ScratchPlace::Directory(directory),
    })
}

/// The URL of a file, whatever its name contains.
fn url_of(path: &Path) -> Result<DatabaseUrl, DatabaseError> {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    DatabaseUrl::parse(&format!("sqlite://{path}"), Path::new("/"))
        .map_err(|error| DatabaseError::new(DatabaseErrorKind::Configuration, error.message))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn files_with_special_characters_have_urls() {
        for path in ["/tmp/a b/copy.db", "/tmp/50%20?x#/copy.db"] {
            let url = url_of(Path::new(path)).expect("a URL");
            assert_eq!(url.sqlite_path(), Some(PathBuf::from(path)));
        }
    }
}
