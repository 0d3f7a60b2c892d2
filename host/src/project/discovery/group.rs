//! Groups the files of each revision.

use std::collections::BTreeMap;

use super::name::{Name, Role};
use super::{about, revision_number};
use crate::project::problem::{Problem, list};

/// A file or directory of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its name.
    pub file_name: String,
    /// Whether it is a link; links are followed within the project.
    pub link: bool,
}

/// The files of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFiles {
    /// SQL.
    Sql {
        /// The upgrade.
        up: FoundEntry,
        /// The downgrade.
        down: Option<FoundEntry>,
    },
    /// A component; at least one of the two exists.
    Component {
        /// The artifact; `None` if it is not built yet.
        wasm: Option<FoundEntry>,
        /// The directory of its source and assets.
        folder: Option<FoundEntry>,
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
        format!("{}_{}", self.revision, self.name)
    }

    /// Whether it is a component, which takes longer to hash.
    pub fn is_component(&self) -> bool {
        !matches!(self.files, FoundFiles::Sql { .. })
    }

    /// The revision as a number.
    pub fn number(&self) -> u128 {
        revision_number(&self.revision).unwrap_or_default()
    }
}

/// An entry whose name parsed.
pub(super) struct Entry {
    pub file: FoundEntry,
    pub name: Name,
}

/// The migrations in the order of their revisions.
pub(super) fn group(entries: Vec<Entry>, problems: &mut Vec<Problem>) -> Vec<Found> {
    let mut revisions: BTreeMap<u128, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        let number = revision_number(&entry.name.revision).unwrap_or_default();
        revisions.entry(number).or_default().push(entry);
    }
    let mut found = Vec::with_capacity(revisions.len());
    for (_, mut entries) in revisions {
        entries.sort_by(|a, b| a.name.role.cmp(&b.name.role).then_with(|| a.file.file_name.cmp(&b.file.file_name)));
        match one(entries) {
            Ok(migration) => found.push(migration),
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// The migration of one revision.
fn one(entries: Vec<Entry>) -> Result<Found, Problem> {
    let names = || list(entries.iter().map(|entry| entry.file.file_name.as_str()));
    let same =
        |entry: &Entry| entry.name.revision == entries[0].name.revision && entry.name.name == entries[0].name.name;
    if !entries.iter().all(same) {
        let message = format!("revision {} exists more than once: {}", entries[0].name.revision, names());
        return Err(Problem::new(message)
            .hint("the files of a migration share its full name; give the others another revision"));
    }
    if entries.iter().any(|entry| entry.name.role.is_sql()) && entries.iter().any(|entry| !entry.name.role.is_sql()) {
        let message = format!("revision {} is both SQL and a component: {}", entries[0].name.revision, names());
        return Err(Problem::new(message).hint("give one of the two another revision"));
    }
    let Name { revision, name, .. } = entries[0].name.clone();
    let [mut up, mut down, mut wasm, mut folder] = [const { None }; 4];
    for entry in entries {
        let place = match entry.name.role {
            Role::Up => &mut up,
            Role::Down => &mut down,
            Role::Component => &mut wasm,
            Role::Source => &mut folder,
        };
        *place = Some(entry.file);
    }
    let files = match (up, down) {
        (Some(up), down) => FoundFiles::Sql { up, down },
        (None, Some(down)) => {
            let problem = Problem::new("has no matching upgrade");
            let hint = format!("add `{revision}_{name}.up.sql`");
            return Err(about(&down.file_name, problem.hint(hint)));
        }
        (None, None) => FoundFiles::Component { wasm, folder },
    };
    Ok(Found { revision, name, files })
}
