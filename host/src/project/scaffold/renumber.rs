//! `runner renumber`: gives a migration another revision, in its files, its source directory and the lockfile.

use std::collections::BTreeMap;

use super::cannot_write;
use crate::error::{Error, Result};
use crate::project::files::ProjectDirectory;
use crate::project::lockfile::Lockfile;
use crate::project::problem::{list, shown};
use crate::project::revision::RevisionKey;
use crate::project::settings::Settings;

/// A migration that has another revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renumbered {
    /// Its revision before.
    pub old: String,
    /// Its revision.
    pub revision: String,
    /// The name after it.
    pub name: String,
    /// What was renamed, before and after, relative to the directory of the migrations.
    pub files: Vec<(String, String)>,
    /// Whether the lockfile listed it.
    pub was_locked: bool,
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
struct Id {
    revision: String,
    name: String,
}

impl Id {
    fn shown(&self) -> String {
        crate::project::migration_id(&self.revision, &self.name)
    }
}

/// Finds the migration and returns it as it is; nothing is renamed. `apply` does that.
pub fn plan_renumber(settings: &Settings, request: &RenumberRequest<'_>) -> Result<Renumbered> {
    let project = ProjectDirectory::open(&settings.root, &settings.migrations)?;
    let mut all: BTreeMap<Id, Vec<String>> = BTreeMap::new();
    let unreadable =
        |error| Error::usage(format!("cannot list the directory `{}`", settings.migrations.display())).cause(error);
    for entry in project.migrations.entries().map_err(unreadable)? {
        let Ok(file) = entry.map_err(unreadable)?.file_name().into_string() else { continue };
        if let Some(id) = parse(&file) {
            all.entry(id).or_default().push(file);
        }
    }
    let id = one(&all, request.migration)?.clone();
    let revision = match request.revision {
        Some(wanted) => free(&all, &id, wanted)?,
        None => last(&all, &id, request.now),
    };
    let mut files: Vec<(String, String)> = Vec::new();
    for file in all.remove(&id).unwrap_or_default() {
        let renamed = file.replacen(&id.revision, &revision, 1);
        files.push((file, renamed));
    }
    files.sort();
    let (lockfile, _) = Lockfile::read_to_rewrite(&project.root, &settings.lockfile_name())?;
    let was_locked = lockfile.lines.iter().any(|line| (&line.revision, &line.name) == (&id.revision, &id.name));
    Ok(Renumbered { old: id.revision, revision, name: id.name, files, was_locked })
}

/// Renames the files and the line of the lockfile. If one cannot be renamed, those before it get their names back.
pub fn renumber(settings: &Settings, plan: &Renumbered) -> Result<()> {
    let project = ProjectDirectory::open(&settings.root, &settings.migrations)?;
    for (at, (old, new)) in plan.files.iter().enumerate() {
        let renamed = match project.migrations.try_exists(new) {
            Ok(true) => Err(Error::usage(format!("`{}` already exists", shown(new)))),
            _ => project
                .migrations
                .rename(old, &project.migrations, new)
                .map_err(|error| cannot_write(&settings.migrations.join(new), &error)),
        };
        if let Err(error) = renamed {
            for (old, new) in &plan.files[..at] {
                // The first error is the one to report.
                let _ = project.migrations.rename(new, &project.migrations, old);
            }
            return Err(error);
        }
    }
    let name = settings.lockfile_name();
    let (mut lockfile, proven) = Lockfile::read_to_rewrite(&project.root, &name)?;
    let mut changed = false;
    for line in &mut lockfile.lines {
        if (&line.revision, &line.name) == (&plan.old, &plan.name) {
            line.revision.clone_from(&plan.revision);
            changed = true;
        }
    }
    // A lockfile that something else has changed is for `runner build` to write again.
    if changed && proven {
        lockfile.lines.sort_by_key(crate::project::lockfile::LockLine::key);
        lockfile.write(&project.root, &name)?;
    }
    Ok(())
}

/// The revision and the name at the beginning of a file's name: `0002_orders.up.sql`, `V2__orders.sql`, `0002_orders`.
fn parse(file: &str) -> Option<Id> {
    let rest = file.strip_prefix(['V', 'U']).filter(|rest| rest.contains("__")).unwrap_or(file);
    let (revision, rest) = rest.split_once('_')?;
    RevisionKey::of(revision)?;
    let name = rest.trim_start_matches('_').split('.').next().filter(|name| !name.is_empty())?;
    Some(Id { revision: revision.to_owned(), name: name.to_owned() })
}

/// The migration that the text means.
fn one<'a>(all: &'a BTreeMap<Id, Vec<String>>, text: &str) -> Result<&'a Id> {
    let text = text.trim_end_matches('/');
    let key = RevisionKey::of(text);
    let is_exact = |id: &&Id| id.shown() == text;
    let is_meant = |id: &&Id| id.name == text || (key.is_some() && RevisionKey::of(&id.revision) == key);
    let exact: Vec<&Id> = all.keys().filter(is_exact).collect();
    let found = if exact.is_empty() { all.keys().filter(is_meant).collect() } else { exact };
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
fn free(all: &BTreeMap<Id, Vec<String>>, id: &Id, wanted: &str) -> Result<String> {
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

/// A revision after all others, in the style of the present one: a time, or the next number with as many digits.
fn last(all: &BTreeMap<Id, Vec<String>>, id: &Id, now: &str) -> String {
    let others = all.keys().filter(|other| *other != id).map(|other| other.revision.as_str());
    let newest = others.max_by_key(|revision| RevisionKey::of(revision)).unwrap_or_default();
    let is_time = id.revision.len() >= now.len();
    match RevisionKey::of(now) > RevisionKey::of(newest) {
        true if is_time => now.to_owned(),
        _ => format!("{:0width$}", RevisionKey::first_of(newest) + 1, width = id.revision.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::test_project::TestProject;

    const NOW: &str = "20260301100000";

    fn request<'a>(migration: &'a str, revision: Option<&'a str>) -> RenumberRequest<'a> {
        RenumberRequest { migration, revision, now: NOW }
    }

    #[test]
    fn a_late_migration_comes_last() {
        let project = TestProject::new(&[
            ("migrations/0001_users.up.sql", "SELECT 1"),
            ("migrations/0002_ours.up.sql", "SELECT 1"),
            ("migrations/0002_theirs.up.sql", "SELECT 1"),
            ("migrations/0002_theirs.down.sql", "SELECT 1"),
            ("migrations/0003_more.up.sql", "SELECT 1"),
        ]);
        let settings = project.settings();
        let error = plan_renumber(&settings, &request("2", None)).expect_err("two of them");
        assert_eq!(error.message, "`2` may mean any of `0002_ours` and `0002_theirs`");
        let plan = plan_renumber(&settings, &request("theirs", None)).expect("a plan");
        assert_eq!((plan.old.as_str(), plan.revision.as_str(), plan.was_locked), ("0002", "0004", false));
        renumber(&settings, &plan).expect("renamed");
        let catalog = crate::project::Catalog::load(&settings, Default::default()).expect("a catalog");
        let ids: Vec<String> = catalog.migrations.iter().map(|migration| migration.id()).collect();
        assert_eq!(ids, ["0001_users", "0002_ours", "0003_more", "0004_theirs"]);
    }

    #[test]
    fn the_style_of_the_revision_is_kept() {
        for (id, others, expected) in [
            ("20260101000000_a", "20260102000000_b", NOW),
            ("20260101000000_a", "20270101000000_b", "20270101000001"),
            ("7_a", "9_b", "10"),
            ("0007_a", "0009_b", "0010"),
        ] {
            let all: BTreeMap<Id, Vec<String>> =
                [id, others].into_iter().filter_map(parse).map(|id| (id, Vec::new())).collect();
            assert_eq!(last(&all, &parse(id).expect("an id"), NOW), expected, "{id}");
        }
    }

    #[test]
    fn a_revision_that_is_taken_is_refused_and_nothing_is_renamed() {
        let project = TestProject::new(&[("migrations/1_a.up.sql", "SELECT 1"), ("migrations/2_b.up.sql", "SELECT 1")]);
        let settings = project.settings();
        for (wanted, message) in [("02", "`2_b` has the revision 02"), ("x", "`x` is not a revision")] {
            let error = plan_renumber(&settings, &request("1", Some(wanted))).expect_err(wanted);
            assert_eq!(error.message, message);
        }
        let plan = plan_renumber(&settings, &request("1_a", Some("5"))).expect("a plan");
        project.write("migrations/5_a.up.sql", "-- in the way");
        assert_eq!(renumber(&settings, &plan).expect_err("in the way").message, "`5_a.up.sql` already exists");
        assert_eq!(project.read("migrations/1_a.up.sql"), "SELECT 1");
    }
}
