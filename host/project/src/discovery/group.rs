//! Groups the files of each revision.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::name::{Name, Role, is_versioned};
use super::{about, order, reversal};
use crate::problem::{Problem, list, shown};
use crate::revision::{RevisionKey, migration_id};
use crate::script_language::ScriptLanguage;
use runner_base::dialect::Dialect;

/// A file or directory of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its name.
    pub file_name: String,
    /// Whether it is a link; links are followed within the project.
    pub link: bool,
}

impl FoundEntry {
    /// Whether it is one of several migrations in a directory: `more/V2__a.sql`.
    pub(super) fn is_nested(&self) -> bool {
        self.file_name.rsplit_once('/').is_some_and(|(_, file)| is_versioned(file))
    }

    /// The name that says its migration.
    pub(super) fn own_name(&self) -> &str {
        match self.file_name.rsplit_once('/') {
            Some((_, file)) if is_versioned(file) => file,
            _ => &self.file_name,
        }
    }
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
    /// Its name says that each of its statements commits by itself.
    pub autocommit: bool,
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
    /// A script.
    Script {
        /// The script.
        file: FoundEntry,
        /// Its language.
        language: ScriptLanguage,
        /// The directory of its companion files.
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
    key: RevisionKey,
}

impl Found {
    /// A migration with these files.
    pub fn new(revision: String, name: String, files: FoundFiles) -> Self {
        let key = RevisionKey::of(&revision).unwrap_or_default();
        Self { revision, name, files, key }
    }

    /// `REVISION_name`.
    pub fn id(&self) -> String {
        migration_id(&self.revision, &self.name)
    }

    /// The name of the directory with the source code and the assets of a component, or the companion files of a script; that of one
    /// that does not exist, by its id.
    pub fn directory(&self) -> String {
        match &self.files {
            FoundFiles::Script { directory: Some(directory), .. }
            | FoundFiles::Component { directory: Some(directory), .. } => directory.file_name.clone(),
            _ => self.id(),
        }
    }

    /// The name of a component's file; that of one that does not exist, by its id.
    pub fn wasm(&self) -> String {
        match &self.files {
            FoundFiles::Component { wasm: Some(wasm), .. } => wasm.file_name.clone(),
            _ => format!("{}.wasm", self.id()),
        }
    }

    /// Whether it is a component, which takes longer to hash.
    pub fn is_component(&self) -> bool {
        matches!(self.files, FoundFiles::Component { .. })
    }

    /// The revision, to compare it.
    pub fn key(&self) -> RevisionKey {
        self.key
    }
}

/// An entry whose name parsed.
pub(super) struct FoundName {
    pub file: FoundEntry,
    pub name: Name,
}

/// The migrations in the order of their revisions.
pub(super) fn group(entries: Vec<FoundName>, problems: &mut Vec<Problem>) -> Vec<Found> {
    // Their places are sorted, and they are moved once.
    let mut places: Vec<(RevisionKey, usize)> = entries.iter().map(|entry| entry.name.key).zip(0..).collect();
    places.sort_unstable();
    let neighbours = places.windows(2).filter(|pair| pair[0].0 != pair[1].0);
    problems.extend(neighbours.filter_map(|pair| order::unclear(&entries[pair[0].1], &entries[pair[1].1])));
    let mut entries: Vec<Option<FoundName>> = entries.into_iter().map(Some).collect();
    let mut found: Vec<Found> = Vec::with_capacity(entries.len());
    for of_revision in places.chunk_by(|(left, _), (right, _)| left == right) {
        let mut of_revision: Vec<FoundName> = of_revision.iter().filter_map(|(_, at)| entries[*at].take()).collect();
        pair(&mut of_revision);
        of_revision.sort_by(in_order);
        match migrations(of_revision) {
            Ok(migrations) => found.extend(migrations),
            Err(problem) => problems.push(problem),
        }
    }
    // The second file of `0187` may take the place of one that is called `0187.2`.
    found.sort_by_key(Found::key);
    found.dedup_by(|migration, other| {
        let is_twice = migration.key == other.key;
        if is_twice {
            let (revision, ids) = (&other.revision, [other.id(), migration.id()]);
            let message = format!("revision {revision} exists more than once: `{}` and `{}`", ids[0], ids[1]);
            problems.push(Problem::new(message).hint("give one of the two another revision"));
            // The later one stays.
            std::mem::swap(migration, other);
        }
        is_twice
    });
    found
}

/// The files of a revision that are the two directions of one migration by the last words of their names: `1_a_up.sql`
/// and `1_a_down.sql`, or `1_a.sql` and `1_a_rollback.sql`. Each alone would be an upgrade, and is one without the
/// other: it is named after something that moves up or down, perhaps.
fn pair(entries: &mut [FoundName]) {
    if entries.len() < 2 || entries.iter().all(|entry| entry.name.role != Role::Whole) {
        return adopt(entries);
    }
    let of = |Name { name, role, .. }: &Name| match direction(name) {
        Some((rest, said)) if *role == Role::Whole => (rest.to_owned(), said),
        _ => (name.clone(), *role),
    };
    let all: Vec<(String, Role)> = entries.iter().map(|entry| of(&entry.name)).collect();
    let is_upgrade = |entry: &FoundName| matches!(entry.name.role, Role::Up | Role::Whole);
    let mut found: Vec<(usize, String, Role)> = Vec::new();
    for (down, (name, _)) in all.iter().enumerate().filter(|(_, (_, role))| *role == Role::Down) {
        let before = found.len();
        let is_bare = |entry: &FoundName| is_upgrade(entry) && entry.name.name.eq_ignore_ascii_case(name);
        // `1_sign.down.sql` is of `1_sign.sql`, not of `1_sign_up.sql`.
        let has_own = entries[down].name.role == Role::Down && entries.iter().any(is_bare);
        for (up, (entry, (rest, said))) in entries.iter().zip(&all).enumerate().filter(|(up, _)| *up != down) {
            if *said == Role::Up && rest.eq_ignore_ascii_case(name) && !has_own {
                found.extend([(up, rest.clone(), Role::Up), (down, rest.clone(), Role::Down)]);
            } else if is_bare(entry) {
                found.push((down, entry.name.name.clone(), Role::Down));
            }
        }
        // `1_down.sql` says no more than that: it is of the only upgrade; of several, it is unknown which.
        if found.len() == before && name.is_empty() && entries[down].name.role == Role::Whole {
            let others = entries.iter().zip(&all).filter(|(entry, (_, said))| is_upgrade(entry) && *said != Role::Down);
            let mut names: Vec<&String> = others.map(|(entry, _)| &entry.name.name).collect();
            names.sort_unstable();
            names.dedup();
            match names.as_slice() {
                [] => {}
                [name] => found.push((down, (*name).clone(), Role::Down)),
                _ => found.push((down, entries[down].name.name.clone(), Role::Down)),
            }
        }
    }
    for (at, name, role) in found {
        entries[at].name = Name { name, role, ..entries[at].name.clone() };
    }
    adopt(entries);
}

/// What separates the words of a name.
const MARKS: [char; 4] = ['_', '-', '.', ' '];

/// The direction that the last word of a name says, and what comes before the word.
fn direction(name: &str) -> Option<(&str, Role)> {
    let word = name.rsplit(MARKS).next().unwrap_or_default();
    let rest = &name[..name.len() - word.len()];
    let role = match word.to_ascii_lowercase().as_str() {
        "up" | "upgrade" | "do" | "apply" | "deploy" | "migrate" => Role::Up,
        "down" | "downgrade" | "rollback" | "revert" | "undo" => Role::Down,
        // After another mark it is what a migration does.
        "drop" if rest.ends_with('.') => Role::Down,
        _ => return None,
    };
    Some((rest.trim_end_matches(MARKS), role))
}

/// Gives the downgrade of a revision the name of its only upgrade: other tools use the number alone. Flyway's
/// `V1__a.sql` does not say that it is an upgrade, and `U1__b.sql` next to it says so for both.
fn adopt(entries: &mut [FoundName]) {
    // As nearly all are.
    if entries.iter().all(|it| it.name.name == entries[0].name.name && !it.file.own_name().starts_with('U')) {
        return;
    }
    let is_up = |entry: &FoundName| match entry.name.role {
        Role::Whole => entry.file.own_name().starts_with(['V', 'v']),
        role => role == Role::Up,
    };
    let is_down = |entry: &FoundName| entry.name.role == Role::Down;
    let is_pair = entries.iter().all(|entry| is_up(entry) || is_down(entry));
    let is_of_flyway = |entry: &FoundName| entry.name.role == Role::Whole || entry.file.own_name().starts_with('U');
    let is_mixed = entries.iter().any(|entry| entry.name.role == Role::Whole) && !entries.iter().all(is_of_flyway);
    let mut upgrades = entries.iter().filter(|entry| is_up(entry));
    let Some(Name { revision, key, name, .. }) = upgrades.next().map(|entry| entry.name.clone()) else { return };
    if !is_pair || is_mixed || !upgrades.all(|entry| entry.name.name == name) {
        return;
    }
    let mut downgrades: Vec<&mut FoundName> =
        entries.iter_mut().filter(|entry| entry.name.role == Role::Down).collect();
    let is_one = downgrades.windows(2).all(|pair| pair[0].name.name == pair[1].name.name);
    if is_one {
        downgrades.iter_mut().for_each(|entry| {
            entry.name.name.clone_from(&name);
            if entry.file.own_name().starts_with('U') {
                // To Flyway, `V01` and `U1` are one version.
                entry.name.revision.clone_from(&revision);
                entry.name.key = key;
            }
        });
    }
}

/// As [`pair`], for entries of all revisions.
pub(super) fn pair_all(entries: &mut [FoundName]) {
    entries.sort_by_key(|entry| entry.name.key);
    entries.chunk_by_mut(|a, b| a.name.key == b.name.key).for_each(pair);
}

/// Orders the entries of a revision.
fn in_order(a: &FoundName, b: &FoundName) -> Ordering {
    a.name.role.cmp(&b.name.role).then_with(|| a.file.file_name.cmp(&b.file.file_name))
}

/// The migrations of one revision. Several in SQL are in the order of their names, and all but the first get a revision after it:
/// `0187.2`, `0187.3`. Where a number of the names says another order, they are refused.
fn migrations(entries: Vec<FoundName>) -> Result<Vec<Found>, Problem> {
    let revision = entries[0].name.revision.clone();
    let is_sql = entries.iter().all(|entry| entry.name.role.is_sql());
    let is_spelled_alike = entries.iter().all(|entry| entry.name.revision == revision);
    if is_spelled_alike && entries.iter().all(|entry| entry.name.name == entries[0].name.name) {
        return Ok(vec![one(entries, revision)?]);
    }
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
    let files: Vec<(&str, &str)> = names.iter().map(|(name, entries)| (&**name, &*entries[0].file.file_name)).collect();
    // A number after it would look like one that a file name has.
    if revision.contains('.') {
        let (is_whole, listed) = (files[0].0.is_empty(), list(files.iter().map(|(_, file)| *file)));
        let message = format!("revision {revision} exists more than once: {listed}");
        return Err(Problem::new(message).hint(match is_whole {
            true => {
                "a prerelease such as `1.0.0-rc1` comes before `1.0.0` as a version, and after it as text: give each a \
                     revision of its own"
            }
            false => "several files may share a plain number, but not a version: give each a revision of its own",
        }));
    }
    if let Some(problem) = order::unclear_names(&revision, &files).or_else(|| reversal::unclear(&names)) {
        return Err(problem);
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
    if let Some(both) = both(&entries) {
        let message = format!("revision {revision} is both {both}: {}", names());
        return Err(Problem::new(message).hint("give one of the two another revision"));
    }
    let name = entries[0].name.name.clone();
    let mut files: Vec<SqlFile> = Vec::with_capacity(entries.len());
    let [mut wasm, mut script, mut directory, mut metadata] = [const { None }; 4];
    let (mut language, mut has_queries) = (None, false);
    // `1_a` and `1-a` are spelled differently, and are one name.
    let put = |place: &mut Option<FoundEntry>, file: FoundEntry, what: &str| match place {
        Some(other) => {
            let others = list([&*other.file_name, &*file.file_name]);
            Err(Problem::new(format!("revision {revision} exists more than once: {others}"))
                .hint(format!("keep one of the two {what}")))
        }
        None => {
            *place = Some(file);
            Ok(())
        }
    };
    for entry in entries {
        let part = match entry.name.role {
            Role::Up | Role::Whole => SqlPart::Up,
            Role::Down => SqlPart::Down,
            Role::Component => {
                put(&mut wasm, entry.file, "components")?;
                continue;
            }
            Role::Script(of) => {
                put(&mut script, entry.file, "scripts")?;
                language = Some(of);
                continue;
            }
            Role::Source | Role::Queries => {
                has_queries |= entry.name.role == Role::Queries;
                put(&mut directory, entry.file, "directories")?;
                continue;
            }
            Role::Metadata => {
                metadata = Some(entry.file);
                continue;
            }
        };
        let (dialect, autocommit) = (entry.name.dialect, entry.name.autocommit);
        if let Some(other) = files.iter().find(|file| file.part == part && file.dialect == dialect) {
            let what = if part == SqlPart::Up { "upgrade" } else { "downgrade" };
            let both = list([&*other.entry.file_name, &*entry.file.file_name]);
            return Err(Problem::new(format!("revision {revision} has more than one {what}: {both}"))
                .hint("keep one of the two, or name the database that it is for: `.up.postgres.sql`"));
        }
        files.push(SqlFile { entry: entry.file, part, dialect, autocommit });
    }
    if let Some((file, language)) = script.zip(language) {
        return Ok(Found::new(revision, name, FoundFiles::Script { file, language, directory }));
    }
    let files = match files.iter().find(|file| file.part == SqlPart::Down) {
        _ if files.iter().any(|file| file.part == SqlPart::Up) => FoundFiles::Sql { files, metadata },
        Some(down) => {
            let hint = match down.entry.own_name().starts_with('U') {
                true => format!(
                    "Flyway's `U` undoes: add `V{revision}__{name}.sql`, or rename a migration of refinery to `V`"
                ),
                false => format!(
                    "add `{}.up.sql`; or remove this file, and a rollback runs the copy that the database has",
                    migration_id(&revision, &name)
                ),
            };
            return Err(about(&down.entry.file_name, Problem::new("has no matching upgrade").hint(hint)));
        }
        None => match directory {
            Some(directory) if has_queries && wasm.is_none() => {
                let problem = Problem::new("contains SQL, but neither `up.sql` nor `migration.sql`");
                let name = shown(&directory.file_name);
                let hint = format!("rename the SQL in `{name}` to `up.sql` and `down.sql`, or to `migration.sql`");
                return Err(about(&directory.file_name, problem.hint(hint)));
            }
            directory => FoundFiles::Component { wasm, directory },
        },
    };
    Ok(Found::new(revision, name, files))
}

/// The kinds of a migration's entries, if they are of several.
fn both(entries: &[FoundName]) -> Option<&'static str> {
    let has = |is: fn(Role) -> bool| entries.iter().any(|entry| is(entry.name.role));
    let sql = has(Role::is_sql);
    let component = has(|role| role == Role::Component);
    let script = has(|role| matches!(role, Role::Script(_)));
    match (sql, component, script) {
        (true, _, true) => Some("SQL and a script"),
        (_, true, true) => Some("a component and a script"),
        // A directory of source code belongs to a component or a script.
        (true, ..) if has(|role| !role.is_sql()) => Some("SQL and a component"),
        _ => None,
    }
}
