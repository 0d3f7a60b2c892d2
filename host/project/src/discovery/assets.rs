//! The assets of a component: files that it can read at run time.

use std::collections::BTreeMap;

use cap_std::fs::Dir;

use super::FoundEntry;
use crate::digest::sha256_of_reader;
use crate::files::{ProjectDirectory, open_regular, too_large, unreadable};
use crate::problem::{Problem, shown};

/// The directory of the assets in that of the migration.
pub const ASSETS: &str = "assets";

/// Maximum depth of directories of assets.
const DEPTH: usize = 32;

/// The assets of a migration: path, with `/`, to sha256. Hidden files are ignored.
pub fn find_assets(
    project: &ProjectDirectory,
    directory: &FoundEntry,
    limit: u64,
) -> Result<BTreeMap<String, String>, Problem> {
    let mut assets = BTreeMap::new();
    let wrong = unreadable;
    let here = project
        .open_directory(&directory.file_name, directory.link)
        .map_err(|error| wrong(&directory.file_name, &error))?;
    let top = format!("{}/{ASSETS}", directory.file_name);
    match here.open_dir(ASSETS) {
        Ok(dir) => walk_files(&dir, &top, WalkRules { limit, skip: &is_hidden }, &mut assets)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(wrong(&top, &error)),
    }
    Ok(assets)
}

/// Which files a walk takes.
#[derive(Clone, Copy)]
pub(crate) struct WalkRules<'a> {
    /// The largest size of a file.
    pub limit: u64,
    /// Whether a path is left out.
    pub skip: &'a dyn Fn(&str) -> bool,
}

/// Whether the last part of a path begins with a dot.
fn is_hidden(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

/// Adds the files below a directory: path, with `/`, to sha256. `top` is the directory's name in messages.
pub(crate) fn walk_files(
    dir: &Dir,
    top: &str,
    rules: WalkRules<'_>,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Problem> {
    walk(dir, (top, ""), rules, DEPTH, files)
}

fn walk(
    dir: &Dir,
    (top, below): (&str, &str),
    rules: WalkRules<'_>,
    depth: usize,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Problem> {
    let failed = |path: &str, error: std::io::Error| unreadable(&format!("{top}/{path}"), &error);
    for entry in dir.entries().map_err(|error| failed(below, error))? {
        let entry = entry.map_err(|error| failed(below, error))?;
        let raw = entry.file_name();
        let name = raw.to_str().filter(|name| !name.chars().any(char::is_control));
        let Some(name) = name else {
            let message =
                format!("`{top}/{below}{}` has a name that the lockfile cannot contain", shown(&raw.to_string_lossy()));
            return Err(Problem::new(message).hint("rename it; names are UTF-8 without control characters"));
        };
        let path = format!("{below}{name}");
        if (rules.skip)(&path) {
            continue;
        }
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() && depth > 0 {
            let inner = dir.open_dir(name).map_err(|error| failed(&path, error))?;
            walk(&inner, (top, &format!("{path}/")), rules, depth - 1, files)?;
        } else if kind.is_file() {
            let file = open_regular(dir, name).map_err(|error| failed(&path, error))?;
            let digest = sha256_of_reader(file, rules.limit).map_err(|error| failed(&path, error))?;
            let Some((sha256, _)) = digest else {
                return Err(too_large(&format!("{top}/{path}"), rules.limit, "asset_bytes"));
            };
            files.insert(path, sha256);
        } else {
            let message = format!("`{top}/{path}` is not a regular file");
            return Err(Problem::new(message).hint("assets are files and directories; replace links by copies"));
        }
    }
    Ok(())
}
