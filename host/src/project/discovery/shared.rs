//! What a component is built from outside its migration's directory: crates by path, included files, what `migration.toml` names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::sources::{Walk, Written, text_digest};
use crate::project::digest::component_digest;
use crate::project::files::{read_regular_anywhere, too_large, unreadable};
use crate::project::problem::Problem;

/// The digest of a file, or of a directory if the path ends with a slash. The path is relative to the project at `root` and may leave
/// it, with `..`. `None` if nothing is there, as where only the project itself was deployed. `limit` is the largest size of a file.
pub(in crate::project) fn shared_digest(root: &Path, path: &str, limit: u64) -> Result<Option<String>, Problem> {
    let place = root.join(path);
    let unless_missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(unreadable(path, &error)),
    };
    let Some(top) = path.strip_suffix('/') else {
        return match read_regular_anywhere(&place, limit) {
            Ok(Some(bytes)) => Ok(Some(text_digest(&bytes))),
            Ok(None) => Err(too_large(path, limit, "asset_bytes")),
            Err(error) => unless_missing(error),
        };
    };
    let dir = match Dir::open_ambient_dir(&place, ambient_authority()) {
        Ok(dir) => dir,
        Err(error) => return unless_missing(error),
    };
    let mut files = BTreeMap::new();
    let walk = Walk { root: &dir, place: PathBuf::new(), top, limit, written: Written::Shared };
    walk.read_all(&dir, &mut files)?;
    Ok(Some(component_digest("shared", &files)))
}

/// The first of these files and directories that is not what it was. What is missing or cannot be read is unknown here; a build
/// says more about it. `known`: the digests of paths that were looked at before, since migrations share them.
pub(in crate::project) fn changed_shared<'a>(
    root: &Path,
    shared: &'a BTreeMap<String, String>,
    limit: u64,
    known: &mut BTreeMap<String, Option<String>>,
) -> Option<&'a str> {
    let mut now = |path: &String| match known.get(path) {
        Some(digest) => digest.clone(),
        None => {
            let digest = shared_digest(root, path, limit).ok().flatten();
            known.insert(path.clone(), digest.clone());
            digest
        }
    };
    let changed = shared.iter().find(|(path, before)| now(path).is_some_and(|now| now != **before));
    changed.map(|(path, _)| path.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::test_project::TestProject;

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
        project.write("shared/target/debug/x", "written");
        project.write("shared/src/node_modules/x", "installed");
        project.write("shared/.git/x", "hidden");
        assert_eq!((digest("../shared/lib.rs"), digest("../shared/")), (file.clone(), directory.clone()));
        project.write("shared/tests/data.csv", "2");
        assert_eq!(digest("../shared/lib.rs"), file);
        assert_ne!(digest("../shared/"), directory);
        project.write("shared/lib.rs", "x".repeat(101));
        let problem = shared_digest(&root, "../shared/lib.rs", 100).expect_err("too large");
        assert!(problem.message.contains("asset_bytes"), "{}", problem.message);
    }
}
