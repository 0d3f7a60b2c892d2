//! What a component is built from outside its migration's directory: crates by path, included files, what `migration.toml` names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::shared_directory::{MOST_BYTES, directory_digest};
use super::sources::text_digest;
use crate::files::{read_regular_anywhere, too_large, unreadable};
use crate::problem::Problem;

/// The digests of paths, and why some have none, since migrations share them. `None`: nothing exists.
pub type SharedDigests = BTreeMap<String, Result<Option<String>, Problem>>;

/// What is known of the files and directories that a component was built from.
pub enum Compared<'a> {
    /// They are what they were, or missing.
    Same,
    /// The first that is not what it was.
    Changed(&'a str),
    /// None is known to have changed, and the first that cannot be compared.
    Unknown(&'a str, Problem),
}

/// Whether a lockfile may name a path: it leads up from the project first, if at all, and then down, so that each file has one name.
pub fn is_shared_path(path: &str) -> bool {
    let mut parts = path.strip_suffix('/').unwrap_or(path).split('/').skip_while(|part| *part == "..").peekable();
    let is_name = |part: &str| {
        let mut all = Path::new(part).components();
        matches!((all.next(), all.next()), (Some(Component::Normal(name)), None) if name == part)
    };
    parts.peek().is_some() && parts.all(is_name) && !path.contains(char::is_control)
}

/// The digest of a file, or of a directory if the path ends with a slash. The path is relative to the project at `root`
/// and may leave it, with `..`. `None` if nothing exists, as where only the project itself was deployed. `limit` is the
/// largest size of a file.
pub fn shared_digest(root: &Path, path: &str, limit: u64) -> Result<Option<String>, Problem> {
    let place = root.join(path);
    let unless_missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(unreadable(path, &error)),
    };
    let Some(top) = path.strip_suffix('/') else {
        let limit = limit.min(MOST_BYTES);
        return match read_regular_anywhere(&place, limit) {
            Ok(Some(bytes)) => Ok(Some(text_digest(&bytes))),
            Ok(None) => Err(too_large(path, limit, "asset_bytes")),
            Err(error) => unless_missing(error),
        };
    };
    match Dir::open_ambient_dir(&place, ambient_authority()) {
        Ok(dir) => directory_digest(&dir, top, limit).map(Some),
        Err(error) => unless_missing(error),
    }
}

/// Compares files and directories with their digests in the lockfile. What is missing has not changed: nothing can be
/// built without it, and where only the project itself was deployed nothing is built. `known`: what was checked before.
pub fn compare_shared<'a>(
    root: &Path,
    shared: &'a BTreeMap<String, String>,
    limit: u64,
    known: &mut SharedDigests,
) -> Compared<'a> {
    let mut unknown = None;
    for (path, before) in shared {
        if !known.contains_key(path) {
            known.insert(path.clone(), shared_digest(root, path, limit));
        }
        match &known[path] {
            Ok(Some(now)) if now != before => return Compared::Changed(path),
            Ok(_) => {}
            Err(problem) => drop(unknown.get_or_insert_with(|| (path, problem.clone()))),
        }
    }
    unknown.map_or(Compared::Same, |(path, problem)| Compared::Unknown(path, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_project::TestProject;

    #[test]
    fn files_and_directories_have_digests_wherever_they_are() {
        let project = TestProject::new(&[
            ("shop/runner.toml", ""),
            ("shared/lib.rs", "one\ntwo"),
            ("shared/tests/data.csv", "1"),
            ("shared/build/mod.rs", "source"),
        ]);
        let root = project.path().join("shop");
        let digest =
            |path: &str| shared_digest(&root, path, 100).unwrap_or_else(|problem| panic!("{}", problem.message));
        assert_eq!(digest("../nowhere.rs"), None);
        assert_eq!(digest("../nowhere/"), None);
        let file = digest("../shared/lib.rs");
        let directory = digest("../shared/");
        project.write("shared/lib.rs", "one\r\ntwo");
        assert_eq!((digest("../shared/lib.rs"), digest("../shared/")), (file.clone(), directory.clone()));
        project.write("shared/tests/data.csv", "2");
        assert_eq!(digest("../shared/lib.rs"), file);
        assert_ne!(digest("../shared/"), directory);
        project.write("shared/lib.rs", "x".repeat(101));
        let problem = shared_digest(&root, "../shared/lib.rs", 100).expect_err("too large");
        assert!(problem.message.contains("asset_bytes"), "{}", problem.message);
    }

    /// What is known to have changed says more than what cannot be read.
    #[test]
    fn a_change_is_found_beside_what_cannot_be_compared() {
        let project = TestProject::new(&[("a.h", "0123456789"), ("b.h", "1")]);
        let compare = |shared: &BTreeMap<String, String>| match compare_shared(
            project.path(),
            shared,
            5,
            &mut SharedDigests::new(),
        ) {
            Compared::Same => "same".to_owned(),
            Compared::Changed(path) => format!("changed {path}"),
            Compared::Unknown(path, problem) => format!("unknown {path}: {}", problem.message),
        };
        let mut shared: BTreeMap<String, String> = [("b.h".to_owned(), text_digest(b"1"))].into();
        assert_eq!(compare(&shared), "same");
        shared.insert("a.h".to_owned(), "before".to_owned());
        assert_eq!(compare(&shared), "unknown a.h: `a.h` exceeds the limit `asset_bytes` of 5B");
        project.write("b.h", "2");
        assert_eq!(compare(&shared), "changed b.h");
    }

    #[test]
    fn a_path_leads_up_and_then_down() {
        for path in ["a", "a/", "a b/c.rs", "../a", "../../a/b/", "..a/b"] {
            assert!(is_shared_path(path), "{path}");
        }
        for path in
            ["", "/", "/etc/passwd", "..", "../", "../../", "a/../b", "a/..", "./a", "a/./b", "a//b", "a//", "a\nb"]
        {
            assert!(!is_shared_path(path), "{path}");
        }
    }
}
