//! Compares a fresh build with what is committed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Digested;
use runner_project::lockfile::{LockLine, LockedArtifact};

/// A difference between a fresh build and the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The project has no artifact.
    NoArtifact,
    /// The build gives other bytes than the artifact has.
    OtherBytes,
    /// The lockfile does not list the migration.
    NotListed,
    /// The lockfile lists another artifact than the project has.
    OtherArtifactListed,
    /// The lockfile says something else about the migration: what, such as `source`.
    OtherLine(Vec<&'static str>),
}

impl Finding {
    /// The name as JSON spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoArtifact => "no-artifact",
            Self::OtherBytes => "other-bytes",
            Self::NotListed => "not-listed",
            Self::OtherArtifactListed => "other-artifact-listed",
            Self::OtherLine(_) => "other-line",
        }
    }

    /// A sentence about a migration.
    pub fn text(&self, id: &str, lockfile: &str) -> String {
        match self {
            Self::NoArtifact => format!("`{id}.wasm` does not exist"),
            Self::OtherBytes => format!("the build produces a different artifact than `{id}.wasm`"),
            Self::NotListed => format!("`{lockfile}` does not list it"),
            Self::OtherArtifactListed => format!("`{lockfile}` lists a different artifact than `{id}.wasm`"),
            Self::OtherLine(fields) => format!("`{lockfile}` has a different {}", fields.join(" and a different ")),
        }
    }
}

/// What the build did to its source code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Nothing.
    Kept,
    /// It changed or wrote a file among it.
    Written,
}

/// What is compared.
pub(super) struct Compared<'a> {
    /// `REVISION_name`.
    pub id: &'a str,
    pub lockfile: &'a str,
    pub built: &'a Digested,
    /// The line of the lockfile that the build wrote.
    pub built_line: &'a LockLine,
    pub committed: Option<&'a Digested>,
    pub line: Option<&'a LockLine>,
    pub source: Source,
}

/// The differences, and what they may come from.
pub(super) fn compare(compared: &Compared<'_>) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    match compared.committed {
        None => findings.push(Finding::NoArtifact),
        Some(committed) if committed.sha256 != compared.built.sha256 => findings.push(Finding::OtherBytes),
        Some(_) => {}
    }
    match compared.line {
        None => findings.push(Finding::NotListed),
        Some(line) => {
            let is_listed = |it: &&Digested| sha256_of(line) == Some(&it.sha256);
            if compared.committed.is_some_and(|it| !is_listed(&it)) {
                findings.push(Finding::OtherArtifactListed);
            }
            let fields = other_fields(line, compared.built_line);
            if !fields.is_empty() {
                findings.push(Finding::OtherLine(fields));
            }
        }
    }
    let hints = if findings.is_empty() { Vec::new() } else { hints(compared) };
    (findings, hints)
}

fn sha256_of(line: &LockLine) -> Option<&String> {
    match &line.artifact {
        LockedArtifact::Component { sha256, .. } => Some(sha256),
        _ => None,
    }
}

/// The name of the files outside of a migration's directory, as one of the fields of a line.
const SHARED: &str = "list of shared sources";

/// Which of them differs, and what to do. `both`: what to commit then. A build of everything leaves what is applied as
/// it is, and does not search for what the line does not list.
fn shared_hint<'l>(id: &str, line: &'l LockLine, built: &'l LockLine, both: &str) -> String {
    let none = BTreeMap::new();
    let of = |line: &'l LockLine| match &line.artifact {
        LockedArtifact::Component { shared, .. } => Some(shared),
        _ => None,
    };
    let (locked, now, revision) = (of(line).unwrap_or(&none), of(built).unwrap_or(&none), &line.revision);
    let changed = locked.iter().find(|(path, digest)| now.get(*path) != Some(digest));
    match (changed, now.keys().find(|path| !locked.contains_key(*path))) {
        (Some((path, _)), _) => format!(
            "`{path}` has changed since `{id}` was built with it: if it is not applied yet, run `runner build {revision}`, and {both}; what is \
             applied stays as it is, and the change goes into a new migration"
        ),
        (None, Some(path)) => {
            format!(
                "the lockfile does not list `{path}` as a source of `{id}`: run `runner build {revision}`, and {both}"
            )
        }
        (None, None) => format!("what `{id}` is built from has changed: run `runner build {revision}`, and {both}"),
    }
}

/// What two lines say differently, apart from the artifact's digest.
fn other_fields(line: &LockLine, built: &LockLine) -> Vec<&'static str> {
    let (
        LockedArtifact::Component { source, shared, description, assets, .. },
        LockedArtifact::Component {
            source: built_source,
            shared: built_shared,
            description: built_description,
            assets: built_assets,
            ..
        },
    ) = (&line.artifact, &built.artifact)
    else {
        return vec!["kind"];
    };
    let fields = [
        ("name", line.name != built.name),
        ("digest of the source", source != built_source),
        (SHARED, shared != built_shared),
        ("description", description != built_description),
        ("list of assets", assets != built_assets),
    ];
    fields.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

/// What may be the reason, and what to do about it: what is certain excludes what is not.
fn hints(compared: &Compared<'_>) -> Vec<String> {
    let (id, lockfile) = (compared.id, compared.lockfile);
    let both = format!("commit `{id}.wasm` and `{lockfile}`");
    let (Some(committed), Some(line)) = (compared.committed, compared.line) else {
        return vec![format!("run `runner build`, and {both}")];
    };
    if compared.source == Source::Written {
        return vec![format!(
            "the build changed the source of `{id}`: commit what it writes there, such as `Cargo.lock`, or have it write to `build`"
        )];
    }
    if matches!(&line.artifact, LockedArtifact::Component { source: None, .. }) {
        // A build of everything leaves what is applied as it is.
        let revision = &line.revision;
        return vec![format!(
            "`{lockfile}` does not say what `{id}.wasm` was built from: run `runner build {revision}`, and {both}"
        )];
    }
    let differing = other_fields(line, compared.built_line);
    if differing.contains(&"digest of the source") {
        return vec![format!("the source of `{id}` changed since it was built: run `runner build`, and {both}")];
    }
    if differing.contains(&SHARED) {
        return vec![shared_hint(id, line, compared.built_line, &both)];
    }
    let is_same = committed.sha256 == compared.built.sha256;
    let is_listed = sha256_of(line) == Some(&committed.sha256);
    if is_same {
        return vec![format!("`{lockfile}` was changed: restore it from version control, or run `runner build`")];
    }
    if sha256_of(line) == Some(&compared.built.sha256) && !is_listed {
        return vec![format!("`{id}.wasm` was changed after it was built: restore it from version control")];
    }
    vec![another_toolchain(id, &committed.made_by, &compared.built.made_by)]
}

/// Unchanged source gave another artifact.
fn another_toolchain(id: &str, committed: &BTreeSet<String>, built: &BTreeSet<String>) -> String {
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        let tools: Vec<&str> = one.difference(other).map(String::as_str).collect();
        if tools.is_empty() { "nothing else".to_owned() } else { tools.join(", ") }
    };
    if committed != built {
        return format!(
            "`{id}.wasm` names {} as what made it, and this build {}: build with the same versions; what is applied must not change",
            only(committed, built),
            only(built, committed)
        );
    }
    format!(
        "the source of `{id}` is the one that was built, and the tools that the artifacts name are the same: look for another version of \
         a compiler, of `runner`, of a dependency, of the SDK or of what else is outside of its directory; for a build that depends on its \
         directory or the time; or for an edited artifact"
    )
}
