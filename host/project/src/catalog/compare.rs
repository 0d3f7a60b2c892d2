//! Compares a migration with its line in the lockfile.

use std::collections::{BTreeMap, BTreeSet};

use super::{CatalogProblem, CatalogProblemKind, Kind, Migration};
use crate::discovery::{SqlFile, SqlPart};
use crate::lockfile::{LockLine, LockedArtifact, SqlDigests, TextDigests};
use crate::script::ScriptLanguage;
use runner_base::dialect::Dialect;

/// The digests of the files that were found.
pub(super) enum Digests<'a> {
    /// All texts, and the files they are in.
    Sql(SqlFound<'a>),
    /// The component's bytes and its assets.
    Component { bytes: String, assets: BTreeMap<String, String> },
    /// The script's text and its companion files.
    Script { file: String, language: ScriptLanguage, sha256: String, files: BTreeMap<String, String> },
}

/// All texts of a migration, and the files they are in.
pub(super) struct SqlFound<'a> {
    /// The digests of the texts.
    pub digests: SqlDigests,
    /// The files.
    pub files: &'a [SqlFile],
    /// Whether the texts that the database gets commit each statement, as far as a file other than the SQL says so.
    pub stepwise: bool,
    /// The database that is meant; `None`: all of them.
    pub only_for: Option<Dialect>,
}

impl Digests<'_> {
    /// What the files are, in sentences.
    fn kind(&self) -> &'static str {
        match self {
            Self::Sql(_) => "SQL",
            Self::Component { .. } => "a component",
            Self::Script { .. } => "a script",
        }
    }
}

/// All differences between the files of a migration and its line.
pub(super) fn differences(
    migration: &Migration,
    found: &Digests<'_>,
    line: &LockLine,
    lockfile: &str,
) -> Vec<CatalogProblem> {
    let is_named_alike = line.revision == migration.revision && line.name == migration.name;
    // Thousands of migrations are as their lines say: no message is made in order to find that none is needed.
    if is_named_alike && are_same(found, &line.artifact) {
        return Vec::new();
    }
    let id = migration.id();
    let mut messages = Vec::new();
    if !is_named_alike {
        messages.push(format!("`{id}` is named `{}` in `{lockfile}`", line.id()));
    }
    match (found, &line.artifact) {
        (Digests::Sql(found), LockedArtifact::Sql(locked)) => {
            messages.extend(texts_differ(&id, found, locked, lockfile));
        }
        (Digests::Component { bytes, assets }, LockedArtifact::Component { sha256, assets: locked, .. }) => {
            if bytes != sha256 {
                messages.push(format!("`{id}.wasm` does not match the digest in `{lockfile}`"));
            }
            messages.extend(files_differ(&format!("the asset `{id}/assets"), assets, locked, lockfile));
        }
        (
            Digests::Script { file, language, sha256, files },
            LockedArtifact::Script { language: locked_language, sha256: locked, files: locked_files, .. },
        ) => {
            if language != locked_language {
                let (found, locked) = (language.title(), locked_language.title());
                messages.push(format!("`{file}` is {found}, but `{lockfile}` lists {locked}"));
            } else if sha256 != locked {
                messages.push(format!("`{file}` does not match the digest in `{lockfile}`"));
            }
            messages.extend(files_differ(&format!("the file `{id}"), files, locked_files, lockfile));
        }
        (found, locked) => {
            let locked = match locked {
                LockedArtifact::Sql(_) => "SQL",
                LockedArtifact::Component { .. } => "a component",
                LockedArtifact::Script { .. } => "a script",
            };
            messages.push(format!("`{id}` is {}, but `{lockfile}` lists {locked}", found.kind()));
        }
    }
    let hint = format!(
        "restore the applied version from version control; if the change is intended, run `runner build {}`",
        migration.revision
    );
    messages.into_iter().map(|message| problem(migration, CatalogProblemKind::Changed, message, &hint)).collect()
}

/// Whether all that a line has of a migration's files is as it was found.
fn are_same(found: &Digests<'_>, locked: &LockedArtifact) -> bool {
    match (found, locked) {
        (Digests::Sql(found), LockedArtifact::Sql(locked)) => found.digests == *locked,
        (Digests::Component { bytes, assets }, LockedArtifact::Component { sha256, assets: locked, .. }) => {
            bytes == sha256 && assets == locked
        }
        (
            Digests::Script { language, sha256, files, .. },
            LockedArtifact::Script { language: locked_language, sha256: locked, files: locked_files, .. },
        ) => language == locked_language && sha256 == locked && files == locked_files,
        _ => false,
    }
}

/// The differences between the files of a directory and those of a line. `what` begins their names in messages.
fn files_differ(
    what: &str,
    found: &BTreeMap<String, String>,
    locked: &BTreeMap<String, String>,
    lockfile: &str,
) -> Vec<String> {
    let paths: BTreeSet<&String> = found.keys().chain(locked.keys()).collect();
    let differs = |path: &String| {
        let file = format!("{what}/{path}`");
        match (found.get(path), locked.get(path)) {
            (Some(found), Some(locked)) if found != locked => {
                Some(format!("{file} does not match the digest in `{lockfile}`"))
            }
            (Some(_), None) => Some(format!("{file} was added since `{lockfile}` was written")),
            (None, Some(_)) => Some(format!("{file} is listed in `{lockfile}` but does not exist")),
            _ => None,
        }
    };
    paths.into_iter().filter_map(differs).collect()
}

/// The differences between the texts of a migration and its line.
fn texts_differ(id: &str, found: &SqlFound<'_>, locked: &SqlDigests, lockfile: &str) -> Vec<String> {
    let SqlFound { digests, files, stepwise, only_for } = found;
    let mut messages = Vec::new();
    let dialects: BTreeSet<Option<Dialect>> = digests.texts.keys().chain(locked.texts.keys()).collect();
    let nothing = TextDigests::default();
    for dialect in dialects {
        let [found, of_line] = [digests, locked].map(|it| it.texts.get(dialect).unwrap_or(&nothing));
        for (part, found, of_line) in
            [(SqlPart::Up, &found.up, &of_line.up), (SqlPart::Down, &found.down, &of_line.down)]
        {
            let is_chosen = |database| [digests, locked].iter().any(|it| it.chosen(part, database) == Some(dialect));
            if only_for.is_some_and(|database| !is_chosen(database)) {
                continue;
            }
            let is_it = |wanted: SqlPart| {
                let file = files.iter().find(|it| it.part == wanted && it.dialect == dialect);
                file.map(|file| file.entry.file_name.clone())
            };
            // A downgrade may be a section of the upgrade's file.
            let in_file = match part {
                SqlPart::Up => is_it(part),
                SqlPart::Down => is_it(part).or_else(|| is_it(SqlPart::Up).filter(|_| found.is_some())),
            };
            let file = in_file.unwrap_or_else(|| usual_name(id, part, dialect));
            messages.extend(match (found, of_line) {
                (Some(found), Some(of_line)) if found != of_line => {
                    Some(format!("`{file}` does not match the digest in `{lockfile}`"))
                }
                (Some(_), None) => Some(format!("`{file}` was added since `{lockfile}` was written")),
                (None, Some(_)) => Some(format!("`{file}` is listed in `{lockfile}` but does not exist")),
                _ => None,
            });
        }
    }
    messages.dedup();
    // The line has one word for all databases: another one's file may be what it is about.
    let differs = match only_for {
        None => digests.stepwise != locked.stepwise,
        Some(_) => (*stepwise && !locked.stepwise) || (!digests.stepwise && locked.stepwise),
    };
    if differs {
        messages.push(format!("`{id}` runs in a transaction or not, otherwise than `{lockfile}` says"));
    }
    messages
}

/// The name of a file, as far as the lockfile shows it.
fn usual_name(id: &str, part: SqlPart, dialect: Option<Dialect>) -> String {
    let part = if part == SqlPart::Up { "up" } else { "down" };
    match dialect {
        Some(dialect) => format!("{id}.{part}.{}.sql", dialect.name()),
        None => format!("{id}.{part}.sql"),
    }
}

/// A migration that the lockfile has to list and does not.
pub(super) fn unlisted(migration: &Migration, locked: bool, lockfile: &str) -> Option<CatalogProblem> {
    if migration.kind == Kind::Sql && !locked {
        return None;
    }
    let file = migration.up_file();
    let message = format!("`{file}` is not in `{lockfile}`");
    let hint = match migration.kind {
        Kind::Component | Kind::Script => format!("run `runner build {}`", migration.revision),
        Kind::Sql => "run `runner build`".to_owned(),
    };
    Some(problem(migration, CatalogProblemKind::Unlisted, message, &hint))
}

/// A line of the lockfile whose files do not exist.
pub(super) fn missing(line: &LockLine, lockfile: &str) -> CatalogProblem {
    let file = match &line.artifact {
        LockedArtifact::Sql(digests) => {
            let dialect = digests.texts.iter().find_map(|(dialect, texts)| texts.up.as_ref().map(|_| dialect));
            usual_name(&line.id(), SqlPart::Up, dialect.flatten())
        }
        LockedArtifact::Component { .. } => format!("{}.wasm", line.id()),
        LockedArtifact::Script { language, .. } => format!("{}{}", line.id(), language.end()),
    };
    CatalogProblem {
        revision: line.revision.clone(),
        name: line.name.clone(),
        kind: CatalogProblemKind::Missing,
        message: format!("`{file}` is listed in `{lockfile}` but does not exist"),
        hint: "restore the file from version control, or run `runner build` to remove its line".to_owned(),
    }
}

fn problem(migration: &Migration, kind: CatalogProblemKind, message: String, hint: &str) -> CatalogProblem {
    let Migration { revision, name, .. } = migration;
    CatalogProblem { revision: revision.clone(), name: name.clone(), kind, message, hint: hint.to_owned() }
}
