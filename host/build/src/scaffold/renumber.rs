//! `runner renumber`: gives a migration another revision, in its files, its source directory, the lockfile, and what names it.

mod dependents;
mod json;
mod lists;
mod paths;
mod references;
mod rename;

use std::collections::BTreeMap;

use references::Move;
pub use rename::renumber;
use runner_base::error::{Error, Result};
use runner_project::discovery::{NamedEntry, TESTS, named_entries, spelled};
use runner_project::lockfile::{LockLine, Lockfile};
use runner_project::package_of;
use runner_project::problem::{list, shown};
use runner_project::read_id;
use runner_project::revision::{RevisionKey, migration_id};
use runner_project::settings::Settings;

/// A migration that has another revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renumbered {
    /// Its revision before; `0187.2` if it was the second of that number.
    pub old: String,
    /// Its revision.
    pub revision: String,
    /// The name after it.
    pub name: String,
    /// What was renamed, before and after, relative to the directory of the migrations.
    pub files: Vec<(String, String)>,
    /// Whether the lockfile lists it, and is as runner wrote it: then it lists it under the new revision.
    pub is_locked: bool,
    /// Whether there is a lockfile at all that lists anything.
    pub has_lockfile: bool,
    /// The other migrations of its number whose revisions change with that, before and after.
    pub shifted: Vec<(Id, String)>,
    /// What names the migration and changes with it.
    pub edits: Vec<Edit>,
}

/// A text that names the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file, relative to the project, with `/`.
    pub file: String,
    /// The same once everything is renamed.
    pub renamed: String,
    /// Its bytes before.
    pub before: Vec<u8>,
    /// Its bytes with the new name.
    pub after: Vec<u8>,
}

/// What to renumber.
#[derive(Clone, Copy, Debug)]
pub struct RenumberRequest<'a> {
    /// The migration: `REVISION_name`, or its revision or name if only one has it.
    pub migration: &'a str,
    /// The revision it gets; `None` for one after all others.
    pub revision: Option<&'a str>,
    /// The time as a revision, for projects that number by time.
    pub now: &'a str,
}

/// A migration as its names spell it. Two may have the same revision: then one of them is to be renumbered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The revision.
    pub revision: String,
    /// The name after it.
    pub name: String,
}

impl Id {
    /// As messages name it.
    pub fn shown(&self) -> String {
        migration_id(&self.revision, &self.name)
    }
}

/// The entries of each migration.
type All = BTreeMap<Id, Vec<NamedEntry>>;

/// Finds the migration and returns it as it is; nothing is renamed. `apply` does that.
pub fn plan_renumber(settings: &Settings, request: &RenumberRequest<'_>) -> Result<Renumbered> {
    let project = settings.project_directory()?;
    let mut all = All::new();
    for entry in named_entries(&project)? {
        let id = Id { revision: entry.revision.clone(), name: entry.name.clone() };
        all.entry(id).or_default().push(entry);
    }
    // Migrations of packages have lines only.
    let (lockfile, proven) = Lockfile::read_to_rewrite(&project.root, &settings.lockfile_name())?;
    for line in lockfile.lines.iter().filter(|line| package_of(&line.name).is_some()) {
        all.entry(Id { revision: line.revision.clone(), name: line.name.clone() }).or_default();
    }
    let id = one(&all, request.migration)?.clone();
    if !proven && package_of(&id.name).is_some() {
        let name = settings.lockfile_name();
        return Err(Error::mismatch(format!(
            "`{}` cannot be renumbered: `{name}` was changed by something other than runner",
            id.shown()
        ))
        .at("file", name)
        .hint("after a merge, run `runner build` first"));
    }
    let revision = match request.revision {
        Some(wanted) => free(&all, &id, wanted)?,
        None => last(&all, &id, request.now)?,
    };
    let (old, shifted) = among(&all, &id);
    if revision == old {
        let shown = migration_id(&old, &id.name);
        return Err(match request.revision {
            Some(_) => Error::usage(format!("`{shown}` already has the revision {old}")),
            None => Error::usage(format!("`{shown}` already comes last, with the revision {old}"))
                .hint(format!("`runner renumber {shown} REVISION` gives it another one")),
        });
    }
    let files = all.remove(&id).unwrap_or_default();
    let mut files: Vec<(String, String)> =
        files.into_iter().map(|it| (it.file.clone(), renamed(&it.file, &revision))).collect();
    files.sort();
    // `runner test` finds the tests of a migration by its whole name.
    let renamed_ids = shifted.iter().map(|(id, to)| (id.shown(), migration_id(to, &id.name)));
    for (from, to) in [(migration_id(&old, &id.name), migration_id(&revision, &id.name))].into_iter().chain(renamed_ids)
    {
        let from = format!("{TESTS}/{from}");
        // What cannot be read is not a directory of tests.
        if project.root.try_exists(project.path.join(&from)).unwrap_or(false) {
            files.push((from, format!("{TESTS}/{to}")));
        }
    }
    let is_locked = proven && lockfile.lines.iter().any(|line| is_line_of(line, &old, &id.name));
    let has_lockfile = !proven || !lockfile.lines.is_empty();
    let alone = all.keys().all(|other| RevisionKey::of(&other.revision) != RevisionKey::of(&id.revision));
    let edits = references::edits(settings, &project, &Move { id: &id, revision: &revision, files: &files, alone })?;
    Ok(Renumbered { old, revision, name: id.name, files, is_locked, has_lockfile, shifted, edits })
}

fn is_line_of(line: &LockLine, revision: &str, name: &str) -> bool {
    line.revision == revision && line.name == name
}

/// The revision of a migration as the order has it, and what happens to the others of its number when it leaves:
/// several migrations in SQL may share one, and all but the first have a part after it.
fn among(all: &All, id: &Id) -> (String, Vec<(Id, String)>) {
    let has_own_line = |id: &Id| package_of(&id.name).is_some();
    let of_number: Vec<(&Id, &Vec<NamedEntry>)> =
        all.iter().filter(|(other, _)| other.revision == id.revision && !has_own_line(other)).collect();
    if has_own_line(id) {
        return (id.revision.clone(), Vec::new());
    }
    if of_number.iter().any(|(_, entries)| !entries.iter().all(|entry| entry.is_sql)) {
        return (id.revision.clone(), Vec::new());
    }
    let numbered = |at: usize| if at == 0 { id.revision.clone() } else { format!("{}.{}", id.revision, at + 1) };
    let own = of_number.iter().position(|(other, _)| *other == id).unwrap_or_default();
    let shifted = of_number
        .iter()
        .enumerate()
        .skip(own + 1)
        .map(|(at, (other, _))| (Id { revision: numbered(at), name: other.name.clone() }, numbered(at - 1)));
    (numbered(own), shifted.collect())
}

/// The name of a file with another revision. Its form stays: `V2__x.sql`, `2026-01-05-093000_x`.
fn renamed(file: &str, new: &str) -> String {
    // One of Flyway's may be in a directory below.
    let above = file.rfind('/').map_or(0, |slash| slash + 1);
    let Some(spelled) = spelled(&file[above..]).map(|it| it.start + above..it.end + above) else {
        return file.to_owned();
    };
    let mut revision = new.to_owned();
    let mark = file[spelled.clone()].get(4..5).filter(|mark| ["-", "_"].contains(mark));
    let is_date = new.len() >= "20260105".len() && new.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(mark) = mark.filter(|_| is_date) {
        // What comes after the time, Diesel's `-0000`, is not part of a new one.
        [8, 6, 4].into_iter().filter(|at| *at < new.len()).for_each(|at| revision.insert_str(at, mark));
    }
    format!("{}{revision}{}", &file[..spelled.start], &file[spelled.end..])
}

/// The migration that the text means.
fn one<'a>(all: &'a All, text: &str) -> Result<&'a Id> {
    let text = text.trim_end_matches('/');
    let key = RevisionKey::of(text);
    let is_exact = |id: &&Id| id.shown() == text || migration_id(&among(all, id).0, &id.name) == text;
    let is_meant =
        |id: &&Id| (id.name == text && !text.is_empty()) || (key.is_some() && RevisionKey::of(&id.revision) == key);
    let exact: Vec<&Id> = all.keys().filter(is_exact).collect();
    // `2026_01_05_x`, as the file is called, for `20260105_x`.
    let read = read_id(text);
    let is_read = |id: &&Id| read.as_ref().is_some_and(|read| *read == id.shown());
    let found = match exact.is_empty() {
        false => exact,
        true => all.keys().filter(|id| is_meant(id) || is_read(id)).collect(),
    };
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(Error::usage(format!("no such migration: `{}`", shown(text)))
                .hint("`runner status` lists all migrations"))
        }
        several => {
            let names: Vec<String> = several.iter().map(|id| id.shown()).collect();
            Err(Error::usage(format!("`{}` may mean any of {}", shown(text), list(names.iter().map(String::as_str))))
                .hint("give the whole name"))
        }
    }
}

/// The wanted revision, if no other migration has it.
fn free(all: &All, id: &Id, wanted: &str) -> Result<String> {
    let Some(key) = RevisionKey::of(wanted) else {
        return Err(
            Error::usage(format!("`{}` is not a revision", shown(wanted))).hint("a revision consists of digits")
        );
    };
    match all.keys().find(|other| *other != id && RevisionKey::of(&other.revision) == Some(key)) {
        Some(other) => Err(Error::usage(format!("`{}` has the revision {wanted}", other.shown()))),
        None => Ok(wanted.to_owned()),
    }
}

/// A revision after all others, in the style of the present one.
fn last(all: &All, id: &Id, now: &str) -> Result<String> {
    let others = all.keys().filter(|other| *other != id).map(|other| other.revision.as_str());
    let newest = others.max_by_key(|revision| RevisionKey::of(revision)).unwrap_or_default();
    runner_project::revision::revision_after_all(&id.revision, newest, now)
}

#[cfg(test)]
mod tests;
