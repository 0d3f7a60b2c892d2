//! The result of a run of the binary: exit code and both streams.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::{schema, snapshot};

/// The result of a run.
#[derive(Clone)]
pub struct Output {
    line: String,
    root: PathBuf,
    status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    pub(crate) fn new(line: String, root: &Path, output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>, stream: &str| {
            String::from_utf8(bytes).unwrap_or_else(|error| panic!("{line}: {stream} is not UTF-8: {error}"))
        };
        let stdout = text(output.stdout, "stdout");
        let stderr = text(output.stderr, "stderr");
        let output = Self { line, root: root.to_path_buf(), status: output.status, stdout, stderr };
        output.is_sound();
        output
    }

    /// The exit code; `None` if a signal ended the run.
    pub fn exit_code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended the run.
    pub fn signal(&self) -> Option<i32> {
        #[cfg(unix)]
        return std::os::unix::process::ExitStatusExt::signal(&self.status);
        #[cfg(not(unix))]
        None
    }

    /// Checks what every run must satisfy: no panic, and no terminal control characters when there is no terminal.
    fn is_sound(&self) {
        let panics = ["note: run with `RUST_BACKTRACE=", "runner panicked", "the run panicked"];
        assert!(!panics.iter().any(|panic| self.stderr.contains(panic)), "the binary panicked\n{self}");
        let is_control = |character: char| {
            (character.is_control() && character != '\n' && character != '\t')
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
                || matches!(character, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
        };
        for stream in [&self.stdout, &self.stderr] {
            assert!(
                !stream.contains(is_control),
                "a character that steers the terminal came through: {stream:?}\n{self}"
            );
        }
        schema::check(&self.stdout, &self.stderr);
    }

    /// The published JSON Schemas that its documents and events fit: all of them were checked.
    pub fn schemas(&self) -> BTreeSet<&'static str> {
        schema::check(&self.stdout, &self.stderr)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert!(self.exit_code() == Some(code), "expected exit code {code}\n{self}");
        self
    }

    /// Asserts success.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.exits(0)
    }

    /// Asserts that the messages contain all of these.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stderr.contains(text), "stderr lacks `{text}`\n{self}");
        }
        self
    }

    /// Asserts that neither stream contains any of these.
    #[track_caller]
    pub fn does_not_say(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(!self.stderr.contains(text) && !self.stdout.contains(text), "`{text}` is in the output\n{self}");
        }
        self
    }

    /// Asserts that the data contain all of these.
    #[track_caller]
    pub fn prints(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stdout.contains(text), "stdout lacks `{text}`\n{self}");
        }
        self
    }

    /// Exit code and both streams, without the parts that vary between runs.
    pub fn snapshot(&self) -> String {
        let code = self.exit_code().map_or_else(|| "none".to_owned(), |code| code.to_string());
        let text = format!("exit code: {code}\n----- stdout\n{}----- stderr\n{}", self.stdout, self.stderr);
        snapshot::normalise(&text, &self.root)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n----- stdout\n{}----- stderr\n{}", self.line, self.status, self.stdout, self.stderr)
    }
}
