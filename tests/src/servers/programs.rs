//! Where the programs of the servers are: on the system, or where a variable says. `RUNNER_TEST_POSTGRES` and
//! `RUNNER_TEST_MYSQL` name a server program, such as `/…/mysql-9.7/bin/mysqld`; what else is in its directory, such as
//! `pg_dump`, is used instead of the system's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Kind;

/// The server program that a variable names, if it is set.
fn chosen(kind: Kind) -> Option<&'static Path> {
    static CHOSEN: [OnceLock<Option<PathBuf>>; 2] = [const { OnceLock::new() }; 2];
    let (at, variable) = match kind {
        Kind::Postgres => (0, "RUNNER_TEST_POSTGRES"),
        Kind::Mariadb => (1, "RUNNER_TEST_MYSQL"),
    };
    let read = || {
        let path = PathBuf::from(std::env::var_os(variable)?);
        assert!(path.is_absolute() && path.is_file(), "`{variable}` names no program: {}", path.display());
        Some(path)
    };
    CHOSEN[at].get_or_init(read).as_deref()
}

/// The server program of a kind.
pub(super) fn server(kind: Kind) -> PathBuf {
    let name = match kind {
        Kind::Postgres => "postgres",
        Kind::Mariadb => "mariadbd",
    };
    chosen(kind).map_or_else(|| find(name), Path::to_owned)
}

/// Whether a variable names the server program of a kind.
pub(super) fn is_chosen(kind: Kind) -> bool {
    chosen(kind).is_some()
}

/// Whether servers of the kind MariaDB are MySQL.
pub(crate) fn is_mysql() -> bool {
    chosen(Kind::Mariadb).and_then(Path::file_name).is_some_and(|name| name == "mysqld")
}

/// The directories of the chosen programs.
fn chosen_directories() -> impl Iterator<Item = PathBuf> {
    [Kind::Postgres, Kind::Mariadb].into_iter().filter_map(|kind| chosen(kind)?.parent().map(Path::to_owned))
}

/// The `PATH` for the tested program, which looks there for programs such as `pg_dump`.
pub(crate) fn path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let direct = find("pg_dump").parent().map(Path::to_owned);
    let directories: Vec<PathBuf> = chosen_directories().chain(direct).chain(std::env::split_paths(&path)).collect();
    std::env::join_paths(directories).expect("a PATH")
}

/// Finds a program among the chosen ones, on the `PATH`, or where Debian installs programs that are not on everyone's `PATH`.
pub(super) fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = chosen_directories().chain(std::env::split_paths(&path)).collect();
    directories.extend(postgres_directories());
    directories.extend(["/usr/sbin", "/usr/local/sbin", "/usr/bin"].map(PathBuf::from));
    let mut found =
        directories.into_iter().map(|directory| directory.join(name)).filter(|path| path.is_file()).peekable();
    let first = found.peek().cloned();
    let direct = found.find(|path| !is_wrapper(path));
    direct.or(first).unwrap_or_else(|| panic!("`{name}` is not installed; run scripts/setup"))
}

/// Whether it is the script through which Debian calls PostgreSQL's programs: it takes several times as long as `psql` itself.
fn is_wrapper(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path.ends_with("pg_wrapper"))
}

/// The newest version comes first.
fn postgres_directories() -> Vec<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    versions.into_iter().map(|(_, directory)| directory).collect()
}

/// The output of a program's `--version`.
pub(super) fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A user and its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user to run a server as: the current one, unless the tests run as root, which servers refuse or should not
/// use.
pub(super) fn service_user(name: &str) -> Option<User> {
    is_root().then(|| User {
        uid: id(&["-u", name]).unwrap_or_else(|| panic!("there is no user `{name}`; run scripts/setup")),
        gid: id(&["-g", name]).unwrap_or_else(|| panic!("there is no group of `{name}`; run scripts/setup")),
    })
}

/// Whether the tests run as root.
pub(crate) fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| id(&["-u"]) == Some(0))
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Runs a command to completion, which must succeed.
pub(super) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}{}", text(&output.stdout), text(&output.stderr));
}
