//! Finds the migrations. Every name that does not parse is a problem, never silently skipped.

mod assets;
mod group;
mod name;
mod sources;

use std::collections::BTreeSet;

use super::files::{ProjectFolder, explain};
use super::problem::{Problem, shown};
use crate::error::{Error, Result};
use name::{Role, is_ignored, parse_file, parse_folder};

pub(super) use assets::{ASSETS, find_assets};
pub use group::{Found, FoundEntry, FoundFiles};
pub use name::TARGET_WORDS;
#[cfg(feature = "cli")]
pub(super) use name::mistaken_for_target;
#[cfg(feature = "cli")]
pub(super) use sources::MANIFEST;
pub(super) use sources::source_digest;

/// The directory with the data and checks of `runner test`.
pub(super) const TESTS: &str = "tests";

/// Reserved for third-party packages.
const VENDOR: &str = "vendor";

/// The migrations in order, and the problems of everything else.
pub(super) fn discover(project: &ProjectFolder) -> Result<(Vec<Found>, Vec<Problem>)> {
    let unreadable =
        |error| Error::usage(format!("cannot list the directory `{}`", project.path.display())).cause(error);
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for entry in project.migrations.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let raw = entry.file_name();
        let Some(name) = raw.to_str() else {
            let message = format!("`{}` has a name that is not UTF-8", shown(&raw.to_string_lossy()));
            problems.push(Problem::new(message).hint("rename it"));
            continue;
        };
        if is_ignored(name) {
            continue;
        }
        match classify(project, &entry, name) {
            Ok(Some(found)) => entries.push(found),
            Ok(None) => {}
            Err(problem) => problems.push(about(name, problem)),
        }
    }
    let found = group::group(entries, &mut problems);
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    Ok((found, problems))
}

/// As [`discover`], for the files of a program: the names in the directory, and whether each is a directory.
pub(super) fn discover_embedded(names: &BTreeSet<(&str, bool)>) -> (Vec<Found>, Vec<Problem>) {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for (name, is_folder) in names.iter().copied().filter(|(name, _)| !is_ignored(name)) {
        let parsed = match name {
            TESTS if is_folder => continue,
            VENDOR if is_folder => Err(packages()),
            name => parse(name, is_folder, false),
        };
        match parsed {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(about(name, problem)),
        }
    }
    let found = group::group(entries, &mut problems);
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    (found, problems)
}

fn packages() -> Problem {
    Problem::new("contains packages, which this version of runner does not support")
        .hint("copy the migrations of the package into the directory itself, under your own revisions")
}

/// The problem as a sentence about a file.
fn about(name: &str, problem: Problem) -> Problem {
    Problem { message: format!("`{}` {}", shown(name), problem.message), ..problem }
}

fn classify(
    project: &ProjectFolder,
    entry: &cap_std::fs::DirEntry,
    name: &str,
) -> Result<Option<group::Entry>, Problem> {
    let failed = |error: std::io::Error| {
        let problem = Problem::new(explain(&error));
        if super::files::leaves(&error) { problem.hint("replace it by a copy") } else { problem }
    };
    let mut kind = entry.file_type().map_err(failed)?;
    let link = kind.is_symlink();
    if link {
        kind = project.root.metadata(project.path.join(name)).map_err(failed)?.file_type();
    }
    if !kind.is_dir() && !kind.is_file() {
        return Err(Problem::new("is neither a file nor a directory").hint("move it out of the directory"));
    }
    if name == TESTS && kind.is_dir() {
        return Ok(None);
    }
    if name == VENDOR && kind.is_dir() {
        let mut inside = project.open_folder(name, link).and_then(|folder| folder.entries()).map_err(failed)?;
        return match inside.next() {
            None => Ok(None),
            Some(_) => Err(packages()),
        };
    }
    parse(name, kind.is_dir(), link).map(Some)
}

/// Parses the name of an entry.
fn parse(name: &str, is_folder: bool, link: bool) -> Result<group::Entry, Problem> {
    let parsed = if is_folder { parse_folder(name)? } else { parse_file(name)? };
    Ok(group::Entry { file: FoundEntry { file_name: name.to_owned(), link }, name: parsed })
}

/// The numeric value of a revision, ignoring leading zeros; `None` if it is not a revision.
pub fn revision_number(revision: &str) -> Option<u128> {
    let digits = !revision.is_empty() && revision.len() <= 20 && revision.bytes().all(|byte| byte.is_ascii_digit());
    if digits { revision.parse().ok() } else { None }
}

impl Role {
    fn is_sql(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }
}

#[cfg(test)]
mod tests;
