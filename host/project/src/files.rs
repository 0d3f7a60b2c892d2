//! Access to the project's files through handles that paths, links and `..` cannot escape.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};

use super::ignore::Ignored;
use super::problem::{Problem, shown};
use super::units::format_size;
use runner_base::error::{Error, ErrorKind, Result};

/// The directories of a project and of its migrations.
pub struct ProjectDirectory {
    /// The project.
    pub root: Dir,
    /// The migrations.
    pub migrations: Dir,
    /// The directory of the migrations, relative to the project.
    pub path: PathBuf,
    /// The names in it that are not migrations.
    pub ignored: Ignored,
}

impl ProjectDirectory {
    /// Opens the directory of the migrations in a project.
    #[cfg(test)]
    pub fn open(root: &Path, migrations: &Path) -> Result<Self> {
        Self::open_if_there(root, migrations)?.ok_or_else(|| no_directory(root, migrations))
    }

    /// Opens the directory of the migrations in a project; `None` if it does not exist.
    pub(crate) fn open_if_there(root: &Path, migrations: &Path) -> Result<Option<Self>> {
        let directory = open_root(root)?;
        let shown = migrations.display();
        let opened = directory.open_dir(migrations).map(Some).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(None),
            _ => Err(error),
        });
        let opened = opened.map_err(|error| match leaves(&error) {
            true => Error::usage(format!("the directory `{shown}` is outside the project"))
                .at("project", root.display().to_string())
                .hint("move the migrations into the project"),
            false => Error::usage(format!("cannot open the directory `{shown}`")).cause(error),
        })?;
        Ok(opened.map(|opened| Self {
            root: directory,
            migrations: opened,
            path: migrations.to_path_buf(),
            ignored: Ignored::default(),
        }))
    }

    /// Opens a file of the migrations. Links are followed within the project.
    pub fn open_file(&self, name: &str, link: bool) -> io::Result<File> {
        self.open_sized(name, link).map(|(file, _)| file)
    }

    /// The same, with the size of the file.
    pub(crate) fn open_sized(&self, name: &str, link: bool) -> io::Result<(File, u64)> {
        if link { open_sized(&self.root, self.path.join(name)) } else { open_sized(&self.migrations, name) }
    }

    /// Opens a directory of the migrations, in the same way.
    pub fn open_directory(&self, name: &str, link: bool) -> io::Result<Dir> {
        if link { self.root.open_dir(self.path.join(name)) } else { self.migrations.open_dir(name) }
    }

    /// Opens a directory of the migrations that need not exist; a link is followed within the project.
    pub fn create_directory(&self, name: &str) -> io::Result<Dir> {
        let path = self.path.join(name);
        if !self.root.is_dir(&path) {
            self.root.create_dir_all(&path)?;
        }
        self.root.open_dir(&path)
    }

    /// Reads an artifact of at most `limit` bytes.
    pub fn read(&self, name: &str, link: bool, limit: u64) -> Result<Vec<u8>, Problem> {
        let read = self.open_sized(name, link).and_then(|(file, size)| read_within(file, size, limit));
        let read = read.map_err(|error| unreadable(name, &error))?;
        read.ok_or_else(|| too_large(name, limit, "artifact_bytes"))
    }
}

/// Opens a file to read it, and nothing but a file. What a name leads to may change at any time, so the opened file
/// itself is asked; and opening a FIFO would wait for a writer.
pub fn open_regular(dir: &Dir, path: impl AsRef<Path>) -> io::Result<File> {
    open_sized(dir, path).map(|(file, _)| file)
}

/// As [`open_regular`], with the size of the file.
fn open_sized(dir: &Dir, path: impl AsRef<Path>) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, DO_NOT_WAIT);
    let file = dir.open_with(path, &options).map_err(as_irregular)?;
    let metadata = file.metadata()?;
    is_regular(metadata.is_file(), metadata.is_dir()).map(|()| (file, metadata.len()))
}

/// As [`open_sized`], for a path that the operator or an earlier check vouches for.
fn open_anywhere(path: &Path) -> io::Result<(std::fs::File, u64)> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, DO_NOT_WAIT);
    let file = options.open(path).map_err(as_irregular)?;
    let metadata = file.metadata()?;
    is_regular(metadata.is_file(), metadata.is_dir()).map(|()| (file, metadata.len()))
}

/// A terminal must not become that of this process, either.
#[cfg(unix)]
const DO_NOT_WAIT: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

fn is_regular(file: bool, directory: bool) -> io::Result<()> {
    match (file, directory) {
        (true, _) => Ok(()),
        (_, true) => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, Irregular)),
    }
}

/// A socket, and a device that does not exist, cannot even be opened.
fn as_irregular(error: io::Error) -> io::Error {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENXIO) {
        return io::Error::new(io::ErrorKind::InvalidInput, Irregular);
    }
    error
}

/// Why something is not read.
#[derive(Debug)]
struct Irregular;

impl std::fmt::Display for Irregular {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is a FIFO, a socket or a device, not a file")
    }
}

impl std::error::Error for Irregular {}

/// Whether a file was not opened for what it is.
pub(super) fn is_irregular(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Irregular>())
}

/// Reads a file of at most `limit` bytes; `None` if it is larger.
pub fn read_regular(dir: &Dir, path: impl AsRef<Path>, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let (file, size) = open_sized(dir, path)?;
    read_within(file, size, limit)
}

/// As [`read_regular`], by a path of which the directory is trusted.
pub fn read_regular_anywhere(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let (file, size) = open_anywhere(path)?;
    read_within(file, size, limit)
}

/// Whether a file has exactly these bytes. It is not kept: only a piece at a time is in memory.
pub(super) fn has_bytes(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (mut file, size) = open_anywhere(path)?;
    if size != bytes.len() as u64 {
        return Ok(false);
    }
    let mut piece = vec![0; 64 << 10];
    for expected in bytes.chunks(piece.len()) {
        let piece = &mut piece[..expected.len()];
        match file.read_exact(piece) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if piece != expected {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a file that had `size` bytes when it was opened: thousands of files, so none is read once more to find its end.
pub(super) fn read_within(mut file: impl Read, size: u64, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if size > limit {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.by_ref().take(size).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        // The system's own files, such as `/proc/self/environ`, do not say how long they are.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    }
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Reads a file of the project itself, such as `.env`: `name` in the directory `root`, with at most `limit` bytes. `None` if it does
/// not exist. Links are followed within the project.
pub fn read_own(root: &Path, name: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let dir = match open_root(root) {
        Err(_) if !root.exists() => return Ok(None),
        opened => opened?,
    };
    let read = match read_regular(&dir, name, limit) {
        Err(error) if leaves(&error) => match inside(root, name) {
            Some(path) => read_regular(&dir, path, limit),
            None => Err(error),
        },
        read => read,
    };
    let failed = |error: Error| Err(error.at("project", root.display().to_string()));
    match read {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        Ok(None) => failed(
            Error::denied(format!("`{}` is larger than {}", name.display(), format_size(limit)))
                .hint("check what the file contains"),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_link(&dir, name) => Ok(None),
        Err(error) => failed(cannot_read(name, error)),
    }
}

/// The error of a file of the project itself that cannot be read.
pub fn cannot_read(name: &Path, error: io::Error) -> Error {
    let shown = name.display();
    let (what, hint) = if leaves(&error) {
        ("is a link out of the project", "replace the link by a copy of the file")
    } else if is_irregular(&error) {
        ("is not a regular file", "remove it: a FIFO, a socket or a device is not read")
    } else if error.kind() == io::ErrorKind::NotFound {
        ("is a link to something that does not exist", "restore what it leads to, or remove the link")
    } else if error.kind() == io::ErrorKind::IsADirectory {
        ("is a directory", "move or rename it")
    } else {
        return Error::usage(format!("cannot read `{shown}`")).cause(error).hint("check the permissions of the file");
    };
    Error::usage(format!("`{shown}` {what}")).hint(hint)
}

/// Whether there is a link of this name, wherever it leads.
pub(super) fn is_link(dir: &Dir, name: &Path) -> bool {
    dir.symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink())
}

/// The file that a name leads to, through links within the directory; the name itself if there is none.
pub fn behind_links(dir: &Dir, name: impl AsRef<Path>) -> PathBuf {
    dir.canonicalize(&name).unwrap_or_else(|_| name.as_ref().into())
}

/// Where an absolute link leads to, from the project, if it stays in it.
fn inside(root: &Path, name: &Path) -> Option<PathBuf> {
    let target = root.join(name).canonicalize().ok()?;
    Some(target.strip_prefix(root.canonicalize().ok()?).ok()?.to_path_buf())
}

/// The error of a file that cannot be written.
pub fn cannot_write(path: impl std::fmt::Display, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some disk space and run the command again",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only: use a copy of the project elsewhere",
        _ => "check the permissions of the file and its directory",
    };
    Error::failed(format!("cannot write `{path}`")).cause(error).hint(hint)
}

/// The error of a project without its directory of migrations.
pub(super) fn no_directory(root: &Path, migrations: &Path) -> Error {
    Error::usage(format!("the project has no directory `{}`", migrations.display()))
        .at("project", root.display().to_string())
        .hint("create the first migration with `runner new NAME`, or set `[project] migrations`")
}

/// Opens the directory of a project.
pub fn open_root(root: &Path) -> Result<Dir> {
    Dir::open_ambient_dir(root, ambient_authority())
        .map_err(|error| Error::usage(format!("cannot open the project `{}`", root.display())).cause(error))
}

/// Whether a path would leave its directory.
pub fn leaves(error: &io::Error) -> bool {
    // Created by cap-std itself: errors of the system have a code.
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// The end of the sentence "`x` …".
pub fn explain(error: &io::Error) -> String {
    if leaves(error) {
        "is outside the project".to_owned()
    } else if is_irregular(error) {
        "is not a regular file".to_owned()
    } else {
        format!("cannot be read: {}", shown(&error.to_string()))
    }
}

/// A path without `.` and `..`, whatever links it contains.
pub fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// The problem of a file or directory that cannot be read.
pub(super) fn unreadable(name: &str, error: &io::Error) -> Problem {
    let problem = Problem::new(format!("`{}` {}", shown(name), explain(error)));
    if leaves(error) {
        problem.hint("replace the link by a copy of what it leads to")
    } else if is_irregular(error) {
        problem.hint("move it out of the directory: a FIFO, a socket or a device is not read")
    } else {
        problem
    }
}

/// A file that exceeds a limit.
pub fn too_large(name: &str, limit: u64, limit_name: &str) -> Problem {
    let size = format_size(limit);
    Problem::new(format!("`{}` exceeds the limit `{limit_name}` of {size}", shown(name)))
        .hint(format!("raise `{limit_name}` in `[limits]` of `runner.toml` or with `--limit {limit_name}=SIZE`"))
        .kind(ErrorKind::Denied)
}

#[cfg(test)]
mod tests {
    use super::read_within;

    #[test]
    fn a_file_is_read_by_the_size_it_had() {
        let read = |size, limit| read_within(&b"SELECT 1;"[..], size, limit).expect("memory cannot fail");
        assert_eq!(read(9, 9).as_deref(), Some(&b"SELECT 1;"[..]));
        assert_eq!(read(6, 9).as_deref(), Some(&b"SELECT"[..]), "what grew since is not read");
        assert_eq!(read(12, 100).as_deref(), Some(&b"SELECT 1;"[..]), "what was cut off since ends early");
        assert_eq!(read(0, 9).as_deref(), Some(&b"SELECT 1;"[..]), "as in `/proc`");
        assert_eq!((read(9, 8), read(0, 8)), (None, None), "more than the limit");
    }
}
