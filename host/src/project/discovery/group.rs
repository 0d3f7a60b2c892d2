//! Groups the files of each revision.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::about;
use super::name::{Name, Role};
use crate::dialect::Dialect;
use crate::project::problem::{Problem, list};
use crate::project::revision::{RevisionKey, migration_id};

/// A file or directory of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its name.
    pub file_name: String,
    /// Whether it is a link; links are followed within the project.
    pub link: bool,
}

/// A file of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    /// The file; in a directory of its own, its path from that of the migrations.
    pub entry: FoundEntry,
    /// The direction of its SQL.
    pub part: SqlPart,
    /// The dialect that it is for; `None` for all that have no file of their own.
    pub dialect: Option<Dialect>,
}

/// What a file of SQL holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlPart {
    /// The upgrade, and the downgrade if there are sections for both.
    Up,
    /// The downgrade.
    Down,
}

/// The files of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFiles {
    /// SQL.
    Sql {
        /// At least one upgrade, and at most one file for each dialect and direction.
        files: Vec<SqlFile>,
        /// Diesel's `metadata.toml`.
        metadata: Option<FoundEntry>,
    },
    /// A component; at least one of the two exists.
    Component {
        /// The artifact; `None` if it is not built yet.
        wasm: Option<FoundEntry>,
        /// The directory of its source and assets.
        directory: Option<FoundEntry>,
    },
}

/// One migration, found by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The revision, as spelled in the names.
    pub revision: String,
    /// The name after it.
    pub name: String,
    /// Its files.
    pub files: FoundFiles,
}

impl Found {
    /// `REVISION_name`.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// Whether it is a component, which takes longer to hash.
    pub fn is_component(&self) -> bool {
        !matches!(self.files, FoundFiles::Sql { .. })
    }

    /// The revision, to compare it.
    pub fn key(&self) -> RevisionKey {
        RevisionKey::of(&self.revision).unwrap_or_default()
    }
}

/// An entry whose name parsed.
pub(super) struct FoundName {
    pub file: FoundEntry,
    pub name: Name,
}

/// The migrations in the order of their revisions.
pub(super) fn group(entries: Vec<FoundName>, problems: &mut Vec<Problem>) -> Vec<Found> {
    let mut revisions: BTreeMap<RevisionKey, Vec<FoundName>> = BTreeMap::new();
    for entry in entries {
        let key = RevisionKey::of(&entry.name.revision).unwrap_or_default();
        revisions.entry(key).or_default().push(entry);
    }
    let mut found = BTreeMap::new();
    for (_, mut entries) in revisions {
        entries.sort_by(in_order);
        match migrations(entries) {
            Ok(migrations) => {
                for migration in migrations {
                    match found.entry(migration.key()) {
                        Entry::Vacant(place) => {
                            place.insert(migration);
                        }
                        Entry::Occupied(mut place) => {
                            let other = place.insert(migration);
                            let (revision, ids) = (&other.revision, [other.id(), place.get().id()]);
                            let message =
                                format!("revision {revision} exists more than once: `{}` and `{}`", ids[0], ids[1]);
                            problems.push(Problem::new(message).hint("give one of the two another revision"));
                        }
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    found.into_values().collect()
}

/// Orders the entries of a revision.
fn in_order(a: &FoundName, b: &FoundName) -> Ordering {
    a.name.role.cmp(&b.name.role).then_with(|| a.file.file_name.cmp(&b.file.file_name))
}

/// The migrations of one revision. Several in SQL are in the order of their names, and all but the first get a revision after it:
/// `0187.2`, `0187.3`.
fn migrations(entries: Vec<FoundName>) -> Result<Vec<Found>, Problem> {
    let revision = entries[0].name.revision.clone();
    let is_sql = entries.iter().all(|entry| entry.name.role.is_sql());
    let is_spelled_alike = entries.iter().all(|entry| entry.name.revision == revision);
    let mut names: BTreeMap<String, Vec<FoundName>> = BTreeMap::new();
    for entry in entries {
        names.entry(entry.name.name.clone()).or_default().push(entry);
    }
    let has_upgrade =
        |entries: &Vec<FoundName>| entries.iter().any(|it| matches!(it.name.role, Role::Up | Role::Whole));
    if names.len() > 1 && !(is_sql && is_spelled_alike && names.values().all(has_upgrade)) || !is_spelled_alike {
        let mut entries: Vec<FoundName> = names.into_values().flatten().collect();
        entries.sort_by(in_order);
        let files = list(entries.iter().map(|entry| entry.file.file_name.as_str()));
        let message = format!("revision {revision} exists more than once: {files}");
        return Err(Problem::new(message)
            .hint("the files of a migration share its full name; give the others another revision"));
    }
    let all = names.into_values().zip(1..).map(|(entries, number)| {
        let revision = if number == 1 { revision.clone() } else { format!("{revision}.{number}") };
        one(entries, revision)
    });
    all.collect()
}

/// The migration of entries that share revision and name.
fn one(entries: Vec<FoundName>, revision: String) -> Result<Found, Problem> {
    let names = || list(entries.iter().map(|entry| entry.file.file_name.as_str()));
    if entries.iter().any(|entry| entry.name.role.is_sql()) && entries.iter().any(|entry| !entry.name.role.is_sql()) {
        let message = format!("revision {revision} is both SQL and a component: {}", names());
        return Err(Problem::new(message).hint("give one of the two another revision"));
    }
    let name = entries[0].name.name.clone();
    let (mut files, [mut wasm, mut directory, mut metadata]): (Vec<SqlFile>, _) = (Vec::new(), [const { None }; 3]);
    for entry in entries {
        let part = match entry.name.role {
            Role::Up | Role::Whole => SqlPart::Up,
            Role::Down => SqlPart::Down,
            Role::Component => {
                wasm = Some(entry.file);
                continue;
            }
            Role::Source => {
                directory = Some(entry.file);
                continue;
            }
            Role::Metadata => {
                metadata = Some(entry.file);
                continue;
            }
        };
        let dialect = entry.name.dialect;
        if let Some(other) = files.iter().find(|file| file.part == part && file.dialect == dialect) {
            let what = if part == SqlPart::Up { "upgrade" } else { "downgrade" };
            let both = list([&*other.entry.file_name, &*entry.file.file_name]);
            return Err(Problem::new(format!("revision {revision} has more than one {what}: {both}"))
                .hint("keep one of the two, or name the database that it is for: `.up.postgres.sql`"));
        }
        files.push(SqlFile { entry: entry.file, part, dialect });
    }
    let files = match files.iter().find(|file| file.part == SqlPart::Down) {
        _ if files.iter().any(|file| file.part == SqlPart::Up) => FoundFiles::Sql { files, metadata },
        Some(down) => {
            let hint = match down.entry.file_name.starts_with('U') {
                true => format!(
                    "Flyway's `U` undoes: add `V{revision}__{name}.sql`, or rename a migration of refinery to `V`"
                ),
                false => format!("add `{}.up.sql`", migration_id(&revision, &name)),
            };
            return Err(about(&down.entry.file_name, Problem::new("has no matching upgrade").hint(hint)));
        }
        None => FoundFiles::Component { wasm, directory },
    };
    Ok(Found { revision, name, files })
}
