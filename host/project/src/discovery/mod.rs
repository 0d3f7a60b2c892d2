//! Finds the migrations. Every name that does not parse is a problem, never silently skipped.
//!
//! # One migration from many forms
//!
//! Names are parsed to a revision, a name, a direction and perhaps a dialect, whatever tool they are of; everything
//! after this works on the parsed name, and messages name the file. A migration in SQL is a set of texts, one for each
//! direction and dialect, of which the catalog chooses the most specific. Markers of directions in one file are found
//! line by line, without regard to strings, as their tools do: so a file means the same everywhere. The lines of the
//! other section become empty, so that line numbers are those of the file.
//!
//! A revision is compared as a number, or as the date that it is. A new file that comes first in the order of names of
//! one number moves the others on by one; the history notices, since the digest differs. A migration whose files are
//! all for other databases is not part of the plan: projects with one directory for several databases depend on it.
//!
//! Rejected: a command that renames the files, whose directory belongs to the other tool until the project has moved; a
//! setting for the layout, since names say it, and a wrong one makes files disappear; digests of files instead of
//! texts, by which moving a downgrade into a file of its own would change the upgrade; one revision for several files
//! of one number, which were applied one by one.

mod assets;
mod group;
mod name;
mod order;
mod reversal;
mod shared;
mod shared_directory;
mod sources;

use std::collections::BTreeSet;

use super::files::{ProjectDirectory, explain};
use super::ignore::Ignored;
use super::problem::{Problem, shown};
use name::{
    Name, Role, SqlName, for_other_database, is_ignored, is_versioned, parse_directory, parse_file,
    sql_name_in_directory, without_known_database, without_other_database,
};
use runner_base::error::{Error, Result};

pub use assets::{ASSETS, find_assets};
pub(crate) use assets::{WalkRules, walk_files};
pub use group::{Found, FoundEntry, FoundFiles, SqlFile, SqlPart};
pub(super) use name::dialect;
pub use name::mistaken_for_target;
pub use name::spelled;
pub use name::{TARGET_WORDS, read_id};
pub use shared::shared_digest;
pub use shared::{Compared, SharedDigests, compare_shared, is_shared_path};
pub use sources::source_digest;
pub use sources::{BUILD_MANIFEST, MANIFEST, is_written};

/// The directory with the data and checks of `runner test`.
pub const TESTS: &str = "tests";

/// The file in a migration's directory in which Diesel looks for its options.
const METADATA: &str = "metadata.toml";

/// The file in a migration's directory in which Drizzle keeps the schema that it leads to.
const SNAPSHOT: &str = "snapshot.json";

/// The directory of the runtimes.
pub const RUNTIMES: &str = "runtimes";

/// The directory with the packages of others.
pub const VENDOR: &str = "vendor";

/// The migrations in order, and the problems of everything else.
pub fn discover(project: &ProjectDirectory) -> Result<(Vec<Found>, Vec<Problem>)> {
    let unreadable =
        |error| Error::usage(format!("cannot list the directory `{}`", project.path.display())).cause(error);
    let mut entries = Vec::new();
    let (mut problems, mut loose, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
    for entry in project.migrations.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let raw = entry.file_name();
        let Some(name) = raw.to_str() else {
            let message = format!("`{}` has a name that is not UTF-8", shown(&raw.to_string_lossy()));
            problems.push(Problem::new(message).hint("rename it"));
            continue;
        };
        if is_ignored(name) || is_left_out(project, &entry, name) {
            continue;
        }
        if for_other_database(name).is_some() {
            elsewhere.push(name.to_owned());
            continue;
        }
        match classify(project, &entry, name) {
            Ok(found) => entries.extend(found),
            Err(_) if is_unnumbered(name) => loose.push(name.to_owned()),
            Err(problem) => {
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                problems.push(about(name, with_ignore(name, is_directory, problem)));
            }
        }
    }
    problems.extend(unnumbered_problems(&entries, &loose));
    problems.extend(unknown_database_problems(&entries, &elsewhere));
    let found = group::group(entries, &mut problems);
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    Ok((found, problems))
}

/// Whether the settings leave an entry out.
fn is_left_out(project: &ProjectDirectory, entry: &cap_std::fs::DirEntry, name: &str) -> bool {
    project.ignored.is_match(name, || {
        let kind = entry.file_type();
        kind.is_ok_and(|kind| kind.is_dir() || kind.is_symlink() && project.root.is_dir(project.path.join(name)))
    })
}

/// The problem of an entry, with the setting that leaves it out if its name has no revision.
fn with_ignore(name: &str, is_directory: bool, problem: Problem) -> Problem {
    let has_revision = name.trim_start_matches(['V', 'v', 'U']).starts_with(|c: char| c.is_ascii_digit());
    match &problem.hint {
        Some(hint) if !has_revision => {
            let slash = if is_directory { "/" } else { "" };
            let hint = format!("{hint}; or leave it out: `ignore = [\"{}{slash}\"]` in `[project]`", shown(name));
            problem.hint(hint)
        }
        _ => problem,
    }
}

/// An entry of the directory, and the migration that its name says it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedEntry {
    /// The file or directory.
    pub file: String,
    /// The revision as spelled.
    pub revision: String,
    /// The name after it.
    pub name: String,
    /// Whether it can be one of several migrations of a revision: a component cannot.
    pub is_sql: bool,
}

/// The entries whose names say so, whatever is wrong with the migrations.
pub fn named_entries(project: &ProjectDirectory) -> Result<Vec<NamedEntry>> {
    let unreadable =
        |error| Error::usage(format!("cannot list the directory `{}`", project.path.display())).cause(error);
    let (mut entries, mut elsewhere) = (Vec::new(), Vec::new());
    for entry in project.migrations.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_ignored(&name) || is_left_out(project, &entry, &name) {
            continue;
        }
        if for_other_database(&name).is_some() {
            elsewhere.push(name);
            continue;
        }
        entries.extend(classify(project, &entry, &name).unwrap_or_default());
    }
    group::pair_all(&mut entries);
    let mut named: Vec<NamedEntry> = (entries.into_iter())
        .map(|group::FoundName { file, name }| NamedEntry {
            file: if file.is_nested() {
                file.file_name
            } else {
                file.file_name.split('/').next().unwrap_or_default().to_owned()
            },
            is_sql: name.role.is_sql(),
            revision: name.revision,
            name: name.name,
        })
        .collect();
    // What a migration has for databases that runner does not know keeps its revision.
    for file in elsewhere {
        let Some((of, _)) = for_other_database(&file) else { continue };
        if named.iter().any(|it| it.is_sql && (&it.revision, &it.name) == (&of.revision, &of.name)) {
            named.push(NamedEntry { revision: of.revision, name: of.name, is_sql: true, file });
        }
    }
    named.sort_by(|a, b| a.file.cmp(&b.file));
    // Of a directory with several files, one entry.
    named.dedup();
    Ok(named)
}

/// Whether a file of SQL has no number at all.
fn is_unnumbered(name: &str) -> bool {
    name.ends_with(".sql")
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.contains(|c: char| c.is_ascii_digit())
}

/// What is wrong with SQL files without a number: nothing where every migration is a directory, as with Diesel and Prisma. Such a
/// file cannot be meant as one there; people keep scripts that they run by hand.
fn unnumbered_problems(entries: &[group::FoundName], loose: &[String]) -> Vec<Problem> {
    let in_directory = |entry: &group::FoundName| entry.file.file_name.contains('/');
    let sql: Vec<_> = entries.iter().filter(|entry| entry.name.role.is_sql()).collect();
    if !sql.is_empty() && sql.iter().all(|entry| in_directory(entry)) {
        return Vec::new();
    }
    loose.iter().filter_map(|name| Some(about(name, with_ignore(name, false, parse_file(name).err()?)))).collect()
}

/// What is wrong with files for databases that runner does not know: nothing if their migrations have others, too.
fn unknown_database_problems(entries: &[group::FoundName], elsewhere: &[String]) -> Vec<Problem> {
    let problem = |file: &String| {
        let (of, database) = for_other_database(file)?;
        let is_of = |entry: &group::FoundName| entry.name.name == of.name && entry.name.key == of.key;
        if entries.iter().any(is_of) { None } else { Some(about(file, without_known_database(file, database)?)) }
    };
    elsewhere.iter().filter_map(problem).collect()
}

/// As [`discover`], in a directory of a program: the names in it, and whether each is a directory.
pub(super) fn discover_embedded<'n>(
    names: &BTreeSet<(&str, bool)>,
    inside: impl Fn(&str) -> BTreeSet<(&'n str, bool)>,
    ignored: &Ignored,
) -> (Vec<Found>, Vec<Problem>) {
    let mut entries = Vec::new();
    let (mut problems, mut loose, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
    for (name, is_directory) in names.iter().copied().filter(|(name, _)| !is_ignored(name)) {
        if ignored.is_match(name, || is_directory) {
            continue;
        }
        if !is_directory && for_other_database(name).is_some() {
            elsewhere.push(name.to_owned());
            continue;
        }
        let parsed = match name {
            TESTS | VENDOR | RUNTIMES if is_directory => continue,
            name if is_directory => directory(
                name,
                &|path| {
                    Ok(inside(path)
                        .into_iter()
                        .map(|(name, is_directory)| Inner { name: name.to_owned(), is_directory, is_link: false })
                        .collect())
                },
                false,
            ),
            name => file(name, false).map(|entry| vec![entry]),
        };
        match parsed {
            Ok(found) => entries.extend(found),
            Err(_) if is_unnumbered(name) => loose.push(name.to_owned()),
            Err(problem) => problems.push(about(name, problem)),
        }
    }
    problems.extend(unnumbered_problems(&entries, &loose));
    problems.extend(unknown_database_problems(&entries, &elsewhere));
    let found = group::group(entries, &mut problems);
    problems.sort_by(|a, b| a.message.cmp(&b.message));
    (found, problems)
}

/// Whether a name is that of a file or a directory of a migration.
pub(super) fn names_something(name: &str) -> bool {
    let [file, directory] = [parse_file(name), parse_directory(name)];
    file.is_ok() || directory.is_ok()
}

/// The problem as a sentence about a file.
fn about(name: &str, problem: Problem) -> Problem {
    Problem { message: format!("`{}` {}", shown(name), problem.message), ..problem }
}

fn classify(
    project: &ProjectDirectory,
    entry: &cap_std::fs::DirEntry,
    name: &str,
) -> Result<Vec<group::FoundName>, Problem> {
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
    if [TESTS, VENDOR, RUNTIMES].contains(&name) && kind.is_dir() {
        return Ok(Vec::new());
    }
    if kind.is_file() {
        return file(name, link).map(|entry| vec![entry]);
    }
    let inside = |path: &str| {
        let mut inner = Vec::new();
        for entry in project.open_directory(path, link).and_then(|directory| directory.entries()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            inner.push(Inner { name, is_directory: kind.is_dir(), is_link: kind.is_symlink() });
        }
        Ok(inner)
    };
    directory(name, &inside, link)
}

/// An entry of a directory among the migrations.
struct Inner {
    name: String,
    is_directory: bool,
    is_link: bool,
}

/// What is in a directory, by its path below that of the migrations.
type Inside<'a> = dyn Fn(&str) -> Result<Vec<Inner>, Problem> + 'a;

/// A directory: one of Flyway's, with migrations in it and below, or one of a migration.
fn directory(name: &str, inside: &Inside<'_>, link: bool) -> Result<Vec<group::FoundName>, Problem> {
    let inner = inside(name)?;
    if let Some(found) = versioned_below(name, &inner, inside, link)? {
        return Ok(found);
    }
    let parsed = parse_directory(name)?;
    in_directory(name, &parsed, link, inner.into_iter().map(|inner| (inner.name, inner.is_link)).collect())
}

/// The migrations of Flyway in a directory, and in those below it. `None` if there are none, or if it is a migration's own.
fn versioned_below(
    path: &str,
    inner: &[Inner],
    inside: &Inside<'_>,
    link: bool,
) -> Result<Option<Vec<group::FoundName>>, Problem> {
    const DEEPEST: usize = 8;
    if path.split('/').count() > DEEPEST || inner.iter().any(|it| sql_name_in_directory(&it.name).is_some()) {
        return Ok(None);
    }
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for it in inner.iter().filter(|it| !is_ignored(&it.name)) {
        let file_name = format!("{path}/{}", it.name);
        if it.is_directory {
            match versioned_below(&file_name, &inside(&file_name)?, inside, link)? {
                Some(below) => found.extend(below),
                None => others.push(file_name),
            }
        } else if is_versioned(&it.name) {
            let file = FoundEntry { file_name, link: link || it.is_link };
            found.push(group::FoundName { file, name: parse_file(&it.name)? });
        } else {
            others.push(file_name);
        }
    }
    match others.first() {
        _ if found.is_empty() => Ok(None),
        None => Ok(Some(found)),
        Some(other) => {
            let message = format!("contains migrations of Flyway, and `{}`, which is none", shown(other));
            Err(Problem::new(message).hint("name it as the others, such as `V2__name.sql`, or move it elsewhere"))
        }
    }
}

/// An entry by its name.
fn file(name: &str, link: bool) -> Result<group::FoundName, Problem> {
    Ok(group::FoundName { file: FoundEntry { file_name: name.to_owned(), link }, name: parse_file(name)? })
}

/// A directory of a migration: the SQL in it, as Prisma and Diesel have it, or the directory itself, of source code.
/// `inner`: the names in it, and whether each is a link.
fn in_directory(
    directory: &str,
    parsed: &Name,
    link: bool,
    mut inner: Vec<(String, bool)>,
) -> Result<Vec<group::FoundName>, Problem> {
    if !inner.iter().any(|(name, _)| sql_name_in_directory(name).is_some()) {
        if parsed.name.contains(' ') {
            let hint = format!("rename it, for example to `{}`", directory.replace(' ', "_"));
            return Err(Problem::new("contains a space, which the name of a component cannot have").hint(hint));
        }
        let file = FoundEntry { file_name: directory.to_owned(), link };
        let role = if is_only_sql(&inner) { Role::Queries } else { parsed.role };
        return Ok(vec![group::FoundName { file, name: Name { role, ..parsed.clone() } }]);
    }
    inner.retain(|(name, _)| {
        let is_left_out = is_ignored(name) || name == SNAPSHOT || without_other_database(name).is_some();
        !is_left_out || name == "Cargo.toml"
    });
    let entries = inner.into_iter().map(|(name, is_link)| {
        let of = match sql_name_in_directory(&name) {
            Some(of) => of,
            None if name == METADATA => SqlName { role: Role::Metadata, dialect: None, autocommit: false },
            None => {
                let message = format!("contains SQL, and `{}`, which is no part of such a migration", shown(&name));
                let hint =
                    "next to `up.sql`, `down.sql` and `migration.sql` a directory may contain only `metadata.toml`";
                return Err(Problem::new(message).hint(hint));
            }
        };
        let file = FoundEntry { file_name: format!("{directory}/{name}"), link: link || is_link };
        let SqlName { role, dialect, autocommit } = of;
        Ok(group::FoundName { file, name: Name { role, dialect, autocommit, ..parsed.clone() } })
    });
    entries.collect()
}

/// Whether a directory has files of SQL, and no others but what explains them.
fn is_only_sql(inner: &[(String, bool)]) -> bool {
    let has_end = |name: &str, end: &str| {
        let at = name.len().checked_sub(end.len());
        at.and_then(|at| name.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(end))
    };
    let is_sql = |(name, _): &(String, bool)| has_end(name, ".sql");
    let explains = |name: &str| name.starts_with('.') || has_end(name, ".md") || [METADATA, SNAPSHOT].contains(&name);
    inner.iter().any(is_sql) && inner.iter().all(|entry| is_sql(entry) || explains(&entry.0))
}

impl Role {
    /// Whether it belongs to a migration in SQL.
    fn is_sql(self) -> bool {
        !matches!(self, Self::Component | Self::Script(_) | Self::Source | Self::Queries)
    }
}

#[cfg(test)]
mod tests;
