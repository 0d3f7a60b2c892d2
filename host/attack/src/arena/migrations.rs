//! The migrations of an arena.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{BASE, GUEST};
use crate::class::{Attacker, Attempt, Mode};
use runner_project::catalog::{Artifact, ComponentFiles, Description, Kind, Migration, Mode as Asked, SqlFiles};
use runner_project::{WrittenSql, sha256};

/// The migration before all others.
pub(super) fn base() -> Migration {
    sql(BASE, "SELECT 1", Mode::Atomic)
}

/// The migration of an attempt.
pub(super) fn attacker(attempt: &Attempt, mode: Mode) -> Migration {
    if attempt.class.by != Attacker::File {
        return component(GUEST, mode);
    }
    let statements: Vec<&str> = attempt.calls.iter().map(|(_, text)| &**text).collect();
    let head = if mode == Mode::Stepwise { "-- runner:no-transaction\n" } else { "" };
    sql(GUEST, &format!("{head}{};", statements.join(";\n")), mode)
}

fn sql((revision, name): (&str, &str), up: &str, mode: Mode) -> Migration {
    let artifact = Artifact::Sql { texts: WrittenSql::new(up.into(), None), files: SqlFiles::default() };
    let asked = if mode == Mode::Stepwise { Asked::Stepwise } else { Asked::Auto };
    migration((revision, name), Kind::Sql, up.as_bytes(), (artifact, asked))
}

pub(super) fn component((revision, name): (&str, &str), mode: Mode) -> Migration {
    let wasm: &'static [u8] = b"a migration of the attacks";
    let path = Path::new("migrations").join(name).display().to_string();
    let artifact = Artifact::Component {
        files: ComponentFiles::Embedded { path, wasm, assets: Arc::default() },
        assets: BTreeMap::new(),
    };
    let asked = if mode == Mode::Stepwise { Asked::Stepwise } else { Asked::Atomic };
    migration((revision, name), Kind::Component, wasm, (artifact, asked))
}

fn migration(
    (revision, name): (&str, &str),
    kind: Kind,
    bytes: &[u8],
    (artifact, mode): (Artifact, Asked),
) -> Migration {
    Migration {
        revision: revision.to_owned(),
        name: name.to_owned(),
        kind,
        sha256: sha256(bytes),
        artifact,
        description: Description { mode, ..Description::default() },
        locked: true,
    }
}
