//! Compares a migration with its line in the lockfile.

use std::collections::{BTreeMap, BTreeSet};

use super::{CatalogProblem, CatalogProblemKind, Kind, Migration};
use crate::dialect::Dialect;
use crate::project::discovery::SqlPart;
use crate::project::lockfile::{LockLine, LockedArtifact, SqlDigests, TextDigests};

/// The digests of the files that were found.
pub(super) enum Digests {
    /// All texts, and the files they are in.
    Sql { digests: SqlDigests, names: Vec<(SqlPart, Option<Dialect>, String)> },
    /// The component's bytes and its assets.
    Component { bytes: String, assets: BTreeMap<String, String> },
}

/// All differences between the files of a migration and its line.
pub(super) fn differences(
    migration: &Migration,
    found: &Digests,
    line: &LockLine,
    lockfile: &str,
) -> Vec<CatalogProblem> {
    let id = migration.id();
    let mut messages = Vec::new();
    if line.id() != id {
        messages.push(format!("`{id}` is named `{}` in `{lockfile}`", line.id()));
    }
    match (found, &line.artifact) {
        (Digests::Sql { digests, names }, LockedArtifact::Sql(locked)) => {
            messages.extend(texts_differ(&id, digests, names, locked, lockfile));
        }
        (Digests::Component { bytes, assets }, LockedArtifact::Component { sha256, assets: locked, .. }) => {
            if bytes != sha256 {
                messages.push(format!("`{id}.wasm` does not match the digest in `{lockfile}`"));
            }
            let paths: BTreeSet<&String> = assets.keys().chain(locked.keys()).collect();
            messages.extend(paths.into_iter().filter_map(|path| {
                let asset = format!("the asset `{id}/assets/{path}`");
                match (assets.get(path), locked.get(path)) {
                    (Some(found), Some(locked)) if found != locked => {
                        Some(format!("{asset} does not match the digest in `{lockfile}`"))
                    }
                    (Some(_), None) => Some(format!("{asset} was added since `{lockfile}` was written")),
                    (None, Some(_)) => Some(format!("{asset} is listed in `{lockfile}` but does not exist")),
                    _ => None,
                }
            }));
        }
        (Digests::Sql { .. }, LockedArtifact::Component { .. }) => {
            messages.push(format!("`{id}` is SQL, but `{lockfile}` lists a component"));
        }
        (Digests::Component { .. }, LockedArtifact::Sql(_)) => {
            messages.push(format!("`{id}` is a component, but `{lockfile}` lists SQL"));
        }
    }
    let hint = format!(
        "restore the applied version from version control; if the change is intended, run `runner build {}`",
        migration.revision
    );
    messages.into_iter().map(|message| problem(migration, CatalogProblemKind::Changed, message, &hint)).collect()
}

/// The differences between the texts of a migration and its line.
fn texts_differ(
    id: &str,
    found: &SqlDigests,
    names: &[(SqlPart, Option<Dialect>, String)],
    locked: &SqlDigests,
    lockfile: &str,
) -> Vec<String> {
    let mut messages = Vec::new();
    let dialects: BTreeSet<&Option<Dialect>> = found.texts.keys().chain(locked.texts.keys()).collect();
    let nothing = TextDigests::default();
    for dialect in dialects {
        let [found, locked] = [found, locked].map(|it| it.texts.get(dialect).unwrap_or(&nothing));
        for (part, found, locked) in [(SqlPart::Up, &found.up, &locked.up), (SqlPart::Down, &found.down, &locked.down)]
        {
            let is_it =
                |wanted: SqlPart| names.iter().find(|it| it.0 == wanted && it.1 == *dialect).map(|it| it.2.clone());
            // A downgrade may be a section of the upgrade's file.
            let in_file = match part {
                SqlPart::Up => is_it(part),
                SqlPart::Down => is_it(part).or_else(|| is_it(SqlPart::Up).filter(|_| found.is_some())),
            };
            let file = in_file.unwrap_or_else(|| usual_name(id, part, *dialect));
            messages.extend(match (found, locked) {
                (Some(found), Some(locked)) if found != locked => {
                    Some(format!("`{file}` does not match the digest in `{lockfile}`"))
                }
                (Some(_), None) => Some(format!("`{file}` was added since `{lockfile}` was written")),
                (None, Some(_)) => Some(format!("`{file}` is listed in `{lockfile}` but does not exist")),
                _ => None,
            });
        }
    }
    messages.dedup();
    if found.stepwise != locked.stepwise {
        messages.push(format!("`{id}` runs in a transaction or not, otherwise than `{lockfile}` says"));
    }
    messages
}

/// The name of a file, as far as the lockfile tells it.
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
        Kind::Component => format!("run `runner build {}`", migration.revision),
        Kind::Sql => "run `runner build`".to_owned(),
    };
    Some(problem(migration, CatalogProblemKind::Unlisted, message, &hint))
}

/// A line of the lockfile whose files do not exist.
pub(super) fn missing(line: &LockLine, lockfile: &str) -> CatalogProblem {
    let file = match &line.artifact {
        LockedArtifact::Sql(digests) => {
            let dialect = digests.texts.iter().find_map(|(dialect, texts)| texts.up.as_ref().map(|_| *dialect));
            usual_name(&line.id(), SqlPart::Up, dialect.flatten())
        }
        LockedArtifact::Component { .. } => format!("{}.wasm", line.id()),
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
