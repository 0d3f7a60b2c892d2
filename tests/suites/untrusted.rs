//! What others wrote: passwords in URLs, files that are something else, and mutated input to everything that reads.

mod components;
#[cfg(unix)]
mod files;
mod rows;
mod secrets;
mod security;
mod sql;
mod text;

use std::path::{Path, PathBuf};

use runner_tests::mutate::Corpus;

/// The dialects, as the crate names them.
const DIALECTS: [runner::Dialect; 4] =
    [runner::Dialect::Sqlite, runner::Dialect::Postgres, runner::Dialect::Mysql, runner::Dialect::Mariadb];

/// Where tests may leave files.
const SCRATCH: &str = env!("CARGO_TARGET_TMPDIR");

/// Something ended without a panic; what it says does not matter.
fn ends<T>(_: T) {}

/// Tries a function on mutations of a corpus.
fn try_on(corpus: &Corpus, name: &str, try_it: impl Fn(&[u8]) + Sync) {
    corpus.try_on(SCRATCH, name, runner_tests::mutate::rounds(), try_it);
}

/// The repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files below a directory of the repository whose names end so.
fn below(directory: &str, end: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, end: &str, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !path.is_symlink() {
                walk(&path, end, found);
            } else if name.ends_with(end) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&repository().join(directory), end, &mut found);
    found
}

/// The contents of such files.
fn contents(directory: &str, end: &str) -> Vec<Vec<u8>> {
    let files = below(directory, end);
    assert!(!files.is_empty(), "no file ends in `{end}` below `{directory}`");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}
