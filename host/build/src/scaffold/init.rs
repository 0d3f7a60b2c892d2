//! `runner init`: creates a project that can be applied at once.

use std::io::Read;
use std::path::Path;

use cap_std::fs::Dir;

use super::database::InitDatabase;
use super::{Scaffolded, cannot_write};
use runner_base::error::{Error, Result};
use runner_database::DatabaseUrl;
use runner_project::files::{open_root, read_own};
use runner_project::lockfile::write_atomically;
use runner_project::problem::list;
use runner_project::settings::FILE_NAME;

const MIGRATIONS: &str = "migrations";
const GITIGNORE: &str = ".gitignore";

/// What every SQLite database begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The largest `.gitignore` that is added to.
const LARGEST_GITIGNORE: u64 = 1 << 20;

/// Creates a project in a directory, which is created if needed. `example` is the revision of a first migration, if there is to be
/// one; without a database, it is an SQLite file in the project, which must have none yet.
pub fn init(directory: &Path, example: Option<&str>, database: Option<&DatabaseUrl>) -> Result<Scaffolded> {
    if directory.join(FILE_NAME).exists() {
        return Err(Error::usage(format!("`{}` is already a project: it contains `{FILE_NAME}`", directory.display()))
            .hint("`runner new NAME` creates another migration"));
    }
    std::fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    let root = directory.canonicalize().map_err(|error| cannot_write(directory, &error))?;
    let dir = open_root(&root)?;
    let name = root.file_name().map_or("project".to_owned(), |name| name.to_string_lossy().into_owned());
    if database.is_none() {
        refuse_databases(&dir, &name)?;
    }
    let database = database.map(|url| InitDatabase::new(url, &root));
    if let Some(database) = &database {
        // Refused before anything is written.
        database.dotenv(&root)?;
    }
    let theirs = read_gitignore(&root)?;
    let mut made = Scaffolded { root, ..Scaffolded::default() };

    if let Some(revision) = example.filter(|_| dir.read_dir(MIGRATIONS).map_or(0, Iterator::count) == 0) {
        let id = format!("{revision}_create_notes");
        let file = |end: &str| Path::new(MIGRATIONS).join(format!("{id}.{end}"));
        made.add(&dir, &file("up.sql"), include_str!("templates/example.up.sql"))?;
        made.add(&dir, &file("down.sql"), include_str!("templates/example.down.sql"))?;
        made.migration = Some(id);
    }
    let ours = include_str!("templates/gitignore");
    if let Some(text) = merged_gitignore(&theirs, ours) {
        write_atomically(&dir, GITIGNORE, text.as_bytes())
            .map_err(|error| cannot_write(Path::new(GITIGNORE), &error))?;
        made.files.push(GITIGNORE.into());
    }
    if let Some(database) = &database {
        database.write_dotenv(&dir, &mut made)?;
    }
    let url = database.map_or_else(|| format!("sqlite://{}.db", file_name(&name)), |database| database.url);
    // Last: a directory with this file is a project.
    let settings = include_str!("templates/runner.toml")
        .replace("{{name}}", &toml::Value::String(name.clone()).to_string())
        .replace("{{url}}", &toml::Value::String(url).to_string());
    made.add(&dir, Path::new(FILE_NAME), settings)?;
    Ok(made)
}

/// Fails if the directory has a SQLite database: whether that one is meant, or a new one, is not to be guessed.
fn refuse_databases(dir: &Dir, name: &str) -> Result<()> {
    let is_database = |file: &str| {
        let mut start = [0; SQLITE_MAGIC.len()];
        let is_named = [".db", ".sqlite", ".sqlite3", ".db3"].iter().any(|end| file.ends_with(end));
        is_named && dir.open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *SQLITE_MAGIC
    };
    let entries = dir.entries().into_iter().flatten().flatten();
    let mut files: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|file| is_database(file)).collect();
    files.sort();
    let Some(first) = files.first() else { return Ok(()) };
    let new = format!("sqlite://{}.db", file_name(name));
    let error =
        Error::usage(format!("the directory has a SQLite database: {}", list(files.iter().map(String::as_str))))
            .hint(format!("`runner init -D sqlite://{first}` makes a project for it"));
    Err(if dir.exists(format!("{}.db", file_name(name))) {
        error
    } else {
        error.hint(format!("`runner init -D {new}` makes a project with a new database"))
    })
}

/// The existing `.gitignore`.
fn read_gitignore(root: &Path) -> Result<String> {
    let bytes = read_own(root, Path::new(GITIGNORE), LARGEST_GITIGNORE)?.unwrap_or_default();
    String::from_utf8(bytes)
        .map_err(|_| Error::usage(format!("`{GITIGNORE}` is not valid UTF-8")).hint("save the file as UTF-8"))
}

/// The existing lines and our missing ones; `None` if nothing is missing.
fn merged_gitignore(theirs: &str, ours: &str) -> Option<String> {
    if theirs.trim().is_empty() {
        return Some(ours.to_owned());
    }
    let missing =
        ours.lines().filter(|line| !line.starts_with('#') && !theirs.lines().any(|their| their.trim() == *line));
    let missing: String = missing.map(|line| format!("{line}\n")).collect();
    let end = if theirs.ends_with('\n') { "" } else { "\n" };
    (!missing.is_empty()).then(|| format!("{theirs}{end}\n# runner\n{missing}"))
}

/// The project's name as a file name that needs no quoting.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().map(plain).collect();
    if name.chars().any(|c| c.is_ascii_alphanumeric()) { name } else { "runner".to_owned() }
}
