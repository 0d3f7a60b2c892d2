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

    /// Applies a script that fills columns of SQLite whose type is not known, and of which the first chunk has nothing but NULLs: the
    /// batch functions `filled`, `by_row`, `listed` and `one_by_one` each fill the column of their name.
    pub fn fills_untyped_columns(&self, script: &str) {
        self.ready();
        let project = project!();
        project.sql(
            "1_first",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, filled TIMESTAMP, by_row, listed, one_by_one TIMESTAMP);\n\
             WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20000)\n\
             INSERT INTO t SELECT id, x, x, x, x FROM (SELECT id, CASE WHEN id > 16384 AND id % 2 THEN id END AS x FROM n);",
            "DROP TABLE t;",
        );
        project.write(&format!("migrations/2_filling{}", self.end), script);
        project.runner("apply").succeeds();
        for column in ["filled", "by_row", "listed", "one_by_one"] {
            let is_right = format!(
                "typeof({column}) = 'integer' AND {column} = CASE WHEN id > 16384 AND id % 2 THEN id ELSE -1 END"
            );
            let right: i64 = project
                .database()
                .query_row(&format!("SELECT count(*) FROM t WHERE {is_right}"), [], |row| row.get(0))
                .unwrap();
            assert_eq!(right, 20000, "{column}");
        }
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
