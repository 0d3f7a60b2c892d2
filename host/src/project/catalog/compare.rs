//! Compares a migration with its line in the lockfile.

use std::collections::{BTreeMap, BTreeSet};

use super::{CatalogProblem, CatalogProblemKind, Kind, Migration};
use crate::project::lockfile::{LockLine, LockedArtifact};

/// The digests of the files that were found.
pub(super) enum Digests {
    /// The upgrade and the downgrade.
    Sql { up: String, down: Option<String> },
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
        (Digests::Sql { up, down }, LockedArtifact::Sql { sha256, down: locked_down }) => {
            if up != sha256 {
                messages.push(format!("`{id}.up.sql` does not match the digest in `{lockfile}`"));
            }
            match (down, locked_down) {
                (Some(down), Some(locked)) if down != locked => {
                    messages.push(format!("`{id}.down.sql` does not match the digest in `{lockfile}`"));
                }
                (Some(_), None) => messages.push(format!("`{id}.down.sql` was added since `{lockfile}` was written")),
                (None, Some(_)) => {
                    messages.push(format!("`{id}.down.sql` is listed in `{lockfile}` but does not exist"))
                }
                _ => {}
            }
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
        (Digests::Component { .. }, LockedArtifact::Sql { .. }) => {
            messages.push(format!("`{id}` is a component, but `{lockfile}` lists SQL"));
        }
    }
    let hint = format!(
        "restore the applied version from version control; if the change is intended, run `runner build {}`",
        migration.revision
    );
    messages.into_iter().map(|message| problem(migration, CatalogProblemKind::Changed, message, &hint)).collect()
}

/// A migration that the lockfile has to list and does not.
pub(super) fn unlisted(migration: &Migration, locked: bool, lockfile: &str) -> Option<CatalogProblem> {
    let file = match migration.kind {
        Kind::Component => format!("{}.wasm", migration.id()),
        Kind::Sql if locked => format!("{}.up.sql", migration.id()),
        Kind::Sql => return None,
    };
    let message = format!("`{file}` is not in `{lockfile}`");
    let hint = match migration.kind {
        Kind::Component => format!("run `runner build {}`", migration.revision),
        Kind::Sql => "run `runner build`".to_owned(),
    };
    Some(problem(migration, CatalogProblemKind::Unlisted, message, &hint))
}

/// A line of the lockfile whose files do not exist.
pub(super) fn missing(line: &LockLine, lockfile: &str) -> CatalogProblem {
    let file = match line.artifact {
        LockedArtifact::Sql { .. } => format!("{}.up.sql", line.id()),
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
