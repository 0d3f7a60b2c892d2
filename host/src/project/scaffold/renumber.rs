//! `runner renumber`: gives a migration another revision, in its files, its source directory and the lockfile.

use std::collections::BTreeMap;

use super::cannot_write;
use crate::error::{Error, Result};
use crate::project::discovery::{NamedEntry, TESTS, named_entries};
use crate::project::files::ProjectDirectory;
use crate::project::lockfile::{LockLine, Lockfile};
use crate::project::packages::package_of;
use crate::project::problem::{list, shown};
use crate::project::revision::{RevisionKey, migration_id};
use crate::project::settings::Settings;

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
    let project = ProjectDirectory::open(&settings.root, &settings.migrations)?;
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
        None => last(&all, &id, request.now),
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
        files.into_iter().map(|it| (it.file.clone(), renamed(&it.file, &id.revision, &revision))).collect();
    files.sort();
    // `runner test` finds the tests of a migration by its whole name.
    let renamed_ids = shifted.iter().map(|(id, to)| (id.shown(), migration_id(to, &id.name)));
    for (from, to) in [(migration_id(&old, &id.name), migration_id(&revision, &id.name))].into_iter().chain(renamed_ids)
    {
        let from = format!("{TESTS}/{from}");
        // What cannot be looked at is no directory of tests to anyone.
        if project.root.try_exists(project.path.join(&from)).unwrap_or(false) {
            files.push((from, format!("{TESTS}/{to}")));
        }
    }
    let is_locked = proven && lockfile.lines.iter().any(|line| is_line_of(line, &old, &id.name));
    let has_lockfile = !proven || !lockfile.lines.is_empty();
    Ok(Renumbered { old, revision, name: id.name, files, is_locked, has_lockfile, shifted })
}

fn is_line_of(line: &LockLine, revision: &str, name: &str) -> bool {
    line.revision == revision && line.name == name
}

/// The revision of a migration as the order has it, and what becomes of the others of its number when it leaves: several
/// migrations in SQL may share one, and all but the first have a part after it.
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
fn renamed(file: &str, old: &str, new: &str) -> String {
    let start = usize::from(file.starts_with(['V', 'v', 'U']));
    let mut end = start;
    let mut marks = Vec::new();
    let bytes = file.as_bytes();
    for (digit, wanted) in old.bytes().enumerate() {
        // A date may have marks between its parts; `1.2` may be spelled `1_2`.
        if wanted != b'.' && bytes.get(end).is_some_and(|byte| matches!(byte, b'-' | b'_')) {
            marks.push((digit, char::from(bytes[end])));
            end += 1;
        }
        end += 1;
    }
    let mut revision = new.to_owned();
    // What comes after the time, Diesel's `-0000`, is no part of a new one.
    marks.retain(|(digit, _)| *digit < new.len());
    if new.len() >= "20260105".len() {
        marks.iter().rev().for_each(|(digit, mark)| revision.insert(*digit, *mark));
    }
    let rest = file.get(end..).unwrap_or_default();
    format!("{}{revision}{rest}", &file[..start])
}

/// Renames the files and the line of the lockfile. If one cannot be renamed, those before it get their names back.
pub fn renumber(settings: &Settings, plan: &Renumbered) -> Result<()> {
    let project = ProjectDirectory::open(&settings.root, &settings.migrations)?;
    // From there: a directory in it may be a link.
    let (root, place) = (&project.root, |name: &String| project.path.join(name));
    for (at, (old, new)) in plan.files.iter().enumerate() {
        let renamed = match root.try_exists(place(new)) {
            Ok(true) => Err(Error::usage(format!("`{}` already exists", shown(new)))),
            _ => root.rename(place(old), root, place(new)).map_err(|error| cannot_write(&place(new), &error)),
        };
        if let Err(error) = renamed {
            for (old, new) in &plan.files[..at] {
                // The first error is the one to report.
                let _ = root.rename(place(new), root, place(old));
            }
            return Err(error);
        }
    }
    let name = settings.lockfile_name();
    let (mut lockfile, proven) = Lockfile::read_to_rewrite(&project.root, &name)?;
    let mut changed = false;
    let moved = plan.shifted.iter().map(|(id, revision)| (&id.revision, &id.name, revision));
    let moved: Vec<_> = moved.chain([(&plan.old, &plan.name, &plan.revision)]).collect();
    for line in &mut lockfile.lines {
        if let Some((_, _, revision)) = moved.iter().find(|(old, name, _)| is_line_of(line, old, name)) {
            line.revision = (*revision).clone();
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

/// The migration that the text means.
fn one<'a>(all: &'a All, text: &str) -> Result<&'a Id> {
    let text = text.trim_end_matches('/');
    let key = RevisionKey::of(text);
    let is_exact = |id: &&Id| id.shown() == text || migration_id(&among(all, id).0, &id.name) == text;
    let is_meant =
        |id: &&Id| (id.name == text && !text.is_empty()) || (key.is_some() && RevisionKey::of(&id.revision) == key);
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

/// A revision after all others, in the style of the present one: a time, or the next number with as many digits.
fn last(all: &All, id: &Id, now: &str) -> String {
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
        assert_eq!((plan.old.as_str(), plan.revision.as_str(), plan.is_locked), ("0002.2", "0004", false));
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
            let id_of = |text: &str| {
                let (revision, name) = text.split_once('_').expect("an id");
                Id { revision: revision.to_owned(), name: name.to_owned() }
            };
            let all: All = [id, others].into_iter().map(id_of).map(|id| (id, Vec::new())).collect();
            assert_eq!(last(&all, &id_of(id), NOW), expected, "{id}");
        }
    }

    #[test]
    fn the_form_of_a_name_is_kept() {
        for (file, old, new, expected) in [
            ("0187.up.sql", "0187", "0188", "0188.up.sql"),
            ("V1_2__x.sql", "1.2", "3", "V3__x.sql"),
            ("2026-01-05-093000_x", "20260105093000", NOW, "2026-03-01-100000_x"),
            ("2026-01-05-093000-0000_x", "202601050930000000", NOW, "2026-03-01-100000_x"),
            ("2026_01_05_093000_x.sql", "20260105093000", NOW, "2026_03_01_100000_x.sql"),
            ("2026-01-05-093000_x", "20260105093000", "7", "7_x"),
            ("20260105093000_init", "20260105093000", NOW, "20260301100000_init"),
        ] {
            assert_eq!(renamed(file, old, new), expected, "{file}");
        }
    }

    #[test]
    fn names_of_other_tools_are_renumbered() {
        for (files, which, expected) in [
            (&["0187.up.sql", "0187.down.sql", "0188.up.sql"][..], "187", "0188 0189"),
            (
                &["2026-01-05-093000_a/up.sql", "2026-01-05-093000_a/down.sql", "20260106_b.sql"],
                "a",
                "20260106_b 20260301100000_a",
            ),
            (&["1_init/migration.sql", "2_more/migration.sql"], "1", "2_more 3_init"),
            (&["1_a_up.sql", "1_a_down.sql", "2_b_up.sql", "2_b_down.sql"], "1", "2_b 3_a"),
            (&["1_a.sql", "1_a_rollback.sql", "2_b.sql", "2_b.revert.sql"], "1", "2_b 3_a"),
            (&["1_a.sql", "1_down.sql", "2_b.sql"], "1", "2_b 3_a"),
            (&["V1__a.sql", "V2__b.sql"], "1_a", "2_b 3_a"),
            (&["1_a.sql", "1_a.oracle.sql", "2_b.sql"], "a", "2_b 3_a"),
        ] {
            let all: Vec<_> = files.iter().map(|file| (format!("migrations/{file}"), "SELECT 1;")).collect();
            let all: Vec<(&str, &str)> = all.iter().map(|(file, text)| (&**file, *text)).collect();
            let project = TestProject::new(&all);
            let settings = project.settings();
            let plan = plan_renumber(&settings, &request(which, None)).expect("a plan");
            renumber(&settings, &plan).expect("renamed");
            let catalog = crate::project::Catalog::load(&settings, Default::default()).expect("a catalog");
            let ids: Vec<String> = catalog.migrations.iter().map(|migration| migration.id()).collect();
            assert_eq!(ids.join(" "), expected);
        }
    }

    #[test]
    fn a_migration_that_has_the_revision_already_is_left_alone() {
        let two = ["migrations/0003_a.sql", "migrations/0004_b.up.sql"];
        let last = "`0004_b` already comes last, with the revision 0004";
        for (files, which, wanted, message) in [
            (&two[..], "0004", None, last),
            (&two, "4", Some("0004"), "`0004_b` already has the revision 0004"),
            (&["migrations/1_a.sql"], "1", None, "`1_a` already comes last, with the revision 1"),
        ] {
            let files: Vec<_> = files.iter().map(|file| (*file, "SELECT 1;")).collect();
            let project = TestProject::new(&files);
            let error = plan_renumber(&project.settings(), &request(which, wanted)).expect_err(message);
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn the_others_of_a_number_move_up() {
        let project = TestProject::new(&[
            ("migrations/7_a.sql", "SELECT 1"),
            ("migrations/7_b.sql", "SELECT 1"),
            ("migrations/7_c.sql", "SELECT 1"),
        ]);
        let settings = project.settings();
        let plan = plan_renumber(&settings, &request("7.2_b", None)).expect("a plan");
        assert_eq!((plan.old.as_str(), plan.revision.as_str()), ("7.2", "8"));
        let moved: Vec<_> = plan.shifted.iter().map(|(id, revision)| format!("{} {revision}", id.shown())).collect();
        assert_eq!(moved, ["7.3_c 7.2"]);
    }

    #[test]
    fn tests_keep_their_migrations() {
        let project = TestProject::new(&[
            ("migrations/7_a.sql", "SELECT 1"),
            ("migrations/7_b.sql", "SELECT 1"),
            ("migrations/7_c.sql", "SELECT 1"),
            ("migrations/tests/7_a/up/1.sql", "SELECT 'a'"),
            ("migrations/tests/7.2_b/up/1.sql", "SELECT 'b'"),
            ("migrations/tests/7.3_c/up/1.sql", "SELECT 'c'"),
        ]);
        let settings = project.settings();
        let plan = plan_renumber(&settings, &request("7.2_b", None)).expect("a plan");
        project.write("migrations/tests/7.2_c/up/1.sql", "SELECT 'in the way'");
        let error = renumber(&settings, &plan).expect_err("in the way");
        assert_eq!(error.message, "`tests/7.2_c` already exists");
        assert_eq!(project.read("migrations/7_b.sql"), "SELECT 1");
        assert_eq!(project.read("migrations/tests/7.2_b/up/1.sql"), "SELECT 'b'");
        std::fs::remove_dir_all(project.path().join("migrations/tests/7.2_c")).expect("removed");
        renumber(&settings, &plan).expect("renamed");
        for (id, text) in [("7_a", "SELECT 'a'"), ("7.2_c", "SELECT 'c'"), ("8_b", "SELECT 'b'")] {
            assert_eq!(project.read(&format!("migrations/tests/{id}/up/1.sql")), text);
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
