//! What is the same for every language of scripts: the directories below `tests/languages`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::*;

/// A language of scripts.
pub struct Language {
    /// Its name, which is that of its directory.
    pub name: &'static str,
    /// The end of its files' names.
    pub end: &'static str,
    /// What begins a comment.
    pub comment: &'static str,
    /// The module that some failures import.
    pub inner: &'static str,
}

impl Language {
    /// Compiles the runtime, once: otherwise all tests would do it at the same time.
    pub fn ready(&self) {
        static READY: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
        let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.insert(self.name) {
            let project = project!();
            project.runner(&format!("new first --lang {}", self.name)).succeeds();
            project.runner("build").succeeds();
        }
    }

    fn directory(&self) -> PathBuf {
        guests::repository().join("tests/languages").join(self.name)
    }

    /// Runs each file in `failures`, which says in its first lines what the message contains, and what `apply` is given.
    pub fn tells_failures(&self, at_least: usize) {
        self.ready();
        let (mut files, mut wrong) = (0, Vec::new());
        for entry in std::fs::read_dir(self.directory().join("failures")).unwrap() {
            let path = entry.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            let lines = |key: &str| {
                let key = format!("{} {key}: ", self.comment);
                source.lines().filter_map(|line| line.strip_prefix(&key)).collect::<Vec<_>>()
            };
            let project = project!();
            project.write(&format!("migrations/0001_failing{}", self.end), &source);
            if source.contains("inner") {
                project.write(&format!("migrations/0001_failing/inner{}", self.end), self.inner);
            }
            let built = project.runner("build");
            let failed = match built.exit_code() {
                Some(0) => project.runner(&format!("apply {}", lines("with").concat())),
                _ => built,
            };
            let is_said = |text: &&str| failed.stderr.contains(text);
            if failed.exit_code() == Some(0) || lines("says").is_empty() || !lines("says").iter().all(is_said) {
                wrong.push(format!("{}\n{failed}", path.display()));
            }
            files += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(files > at_least, "{files} files");
    }
}
