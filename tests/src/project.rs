//! A project in its own directory.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::dump::{self, Dump};
use crate::output::Output;

/// A project in a temporary directory, and the binary that works on it. The directory of a failed test is kept.
pub struct TestProject {
    binary: PathBuf,
    directory: Option<TempDir>,
    root: PathBuf,
    /// The value of `DATABASE_URL`.
    url: Option<String>,
}

impl TestProject {
    /// A project without migrations, with the default database.
    pub fn new(binary: &str) -> Self {
        let project = Self::empty(binary);
        project.write("runner.toml", "[project]\nname = \"test\"\n");
        std::fs::create_dir(project.file("migrations")).unwrap();
        project
    }

    /// An empty directory.
    pub fn empty(binary: &str) -> Self {
        let directory = TempDir::with_prefix("runner-test-").unwrap();
        // On some systems the temporary directory is behind a link; the binary prints the real path.
        let root = directory.path().canonicalize().unwrap();
        Self { binary: PathBuf::from(binary), directory: Some(directory), root, url: None }
    }

    /// Sets the database that every run of the binary uses by default.
    pub fn set_url(&mut self, url: &str) {
        self.url = Some(url.to_owned());
    }

    /// Copies another project here: its settings, its lockfile if it has one, and its migrations.
    pub fn copy_of(&self, project: &Path) -> &Self {
        std::fs::copy(project.join("runner.toml"), self.file("runner.toml")).unwrap();
        if project.join("runner.lock").exists() {
            std::fs::copy(project.join("runner.lock"), self.file("runner.lock")).unwrap();
        }
        copy_directory(&project.join("migrations"), &self.file("migrations"));
        self
    }

    /// Copies a directory into the project.
    pub fn copy(&self, from: &Path, to: &str) -> &Self {
        copy_directory(from, &self.file(to));
        self
    }

    /// The binary that works on it.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The project's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the project.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Writes a file and creates its parent directories.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        self
    }

    /// Writes a program that can be run.
    pub fn program(&self, path: &str, text: &str) -> &Self {
        let path = self.file(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        program(&path, text);
        self
    }

    /// Reads a text file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Adds lines to `runner.toml`.
    pub fn settings(&self, lines: &str) -> &Self {
        let text = format!("{}{lines}\n", self.read("runner.toml"));
        self.write("runner.toml", text)
    }

    /// Adds a migration in SQL, `REVISION_name`.
    pub fn sql(&self, id: &str, up: &str, down: &str) -> &Self {
        self.write(&format!("migrations/{id}.up.sql"), up).write(&format!("migrations/{id}.down.sql"), down)
    }

    /// Adds a component as a migration, and to the lockfile.
    pub fn component(&self, id: &str, bytes: &[u8]) -> &Self {
        self.write(&format!("migrations/{id}.wasm"), bytes);
        self.run(["build"]).succeeds();
        self
    }

    /// A command of the binary, in the project, with its own environment and no input.
    pub fn command<I, S>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(&self.binary);
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// Sets the project's directory and environment for any command.
    pub fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.root).stdin(Stdio::null()).env_clear().env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
        // Compilers of guests are in the home directory or where these variables point.
        command.env("PATH", crate::servers::programs::path());
        for name in ["HOME", "RUSTUP_HOME", "CARGO_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.default_url().map(|url| ("DATABASE_URL", url)));
        // Many tests make tables before the first run; those that are about that unset it.
        command.env("RUNNER_ON_EXISTING", "apply");
        // All tests share one cache of compiled guests.
        command.env("XDG_CACHE_HOME", crate::guests::target_directory().join("test-cache"));
        // Compiling measures nothing: a machine may be busy.
        command.env("RUNNER_LIMIT_COMPILE_TIME", "10m");
    }

    /// The database of a test that is about something else: that of [`Self::set_url`], or a SQLite file.
    fn default_url(&self) -> Option<String> {
        let names_one = || {
            // A link, a FIFO or a device is what a test is about.
            let is_file = |file: &str| std::fs::symlink_metadata(self.file(file)).is_ok_and(|it| it.is_file());
            let read = |file: &str| {
                if is_file(file) { std::fs::read_to_string(self.file(file)).unwrap_or_default() } else { String::new() }
            };
            !self.file("runner.toml").exists()
                || read("runner.toml").contains("url")
                || read(".env").contains("DATABASE_URL")
        };
        self.url.clone().or_else(|| (!names_one()).then(|| "sqlite://runner.db".to_owned()))
    }

    /// Runs the binary to completion.
    pub fn run<I, S>(&self, arguments: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.finish(&mut self.command(arguments))
    }

    /// Runs the binary with space-separated arguments.
    pub fn runner(&self, line: &str) -> Output {
        self.run(line.split_whitespace())
    }

    /// Runs such a line and makes the run die at this crash point, if it reaches it.
    pub fn crash_at(&self, line: &str, moment: usize) -> Output {
        let mut command = self.command(line.split_whitespace());
        self.finish(command.env("RUNNER_TEST_CRASH_AT", moment.to_string()))
    }

    /// Kills a run at this crash point; returns false if the run ended before.
    #[track_caller]
    pub fn dies_at(&self, line: &str, moment: usize) -> bool {
        let output = self.crash_at(line, moment);
        let has_ended = output.exit_code() == Some(0);
        assert!(has_ended || output.signal().is_some(), "moment {moment}\n{output}");
        !has_ended
    }

    /// Runs a command to completion.
    pub fn finish(&self, command: &mut Command) -> Output {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let output = command.output().unwrap_or_else(|error| panic!("{line}: {error}"));
        Output::new(line, &self.root, output)
    }

    /// The database in the file `runner.db`.
    pub fn database(&self) -> rusqlite::Connection {
        self.open("runner.db")
    }

    /// A database of the project.
    pub fn open(&self, file: &str) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.file(file)).unwrap();
        connection.busy_timeout(crate::EVER).unwrap();
        connection
    }

    /// The whole content of the database.
    pub fn dump(&self) -> Dump {
        dump::everything(&self.database())
    }

    /// The content of the database except the tool's own tables.
    pub fn dump_user(&self) -> Dump {
        dump::user(&self.database())
    }

    /// The only value of a query, as text.
    pub fn value(&self, query: &str) -> String {
        dump::value(&self.database(), query)
    }
}

impl Drop for TestProject {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.directory.take().map(TempDir::keep);
            println!("the project of the failed test is in {}", kept.unwrap_or_default().display());
        }
    }
}

/// Writes a program. Another process does that: what this one has open for writing, a process that another thread starts
/// may have open as well for a moment, and then it cannot be run.
pub fn program(path: &Path, text: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat >"$0" && chmod 755 "$0""#]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy_directory(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}
