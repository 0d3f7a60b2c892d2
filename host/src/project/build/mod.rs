//! `runner build`: from sources to artifacts, and from artifacts to lines of the lockfile.

mod encode;
mod refresh;
mod rust;
mod select;
mod toolchain;

use std::collections::BTreeMap;

use super::catalog::Kind;
use super::discovery::{Found, FoundEntry, FoundFiles, discover};
use super::files::ProjectFolder;
use super::lockfile::{ComponentDescription, LockLine, Lockfile};
use super::problem::error_for;
use super::settings::Settings;
use crate::error::Result;
use refresh::Refresh;

/// Asks a component what it says of itself; the sandbox does it.
pub type Describe<'a> = dyn Fn(&[u8]) -> Result<ComponentDescription> + 'a;

/// What to build.
pub struct BuildRequest<'a> {
    /// Build these anew, and touch no other line of the lockfile. Empty: build what has no artifact yet, and refresh
    /// all lines.
    pub revisions: &'a [String],
    /// Build everything that has a source.
    pub all: bool,
    /// The variables of the process, for the compilers.
    pub env: &'a BTreeMap<String, String>,
    /// Asks a component.
    pub describe: &'a Describe<'a>,
    /// Hears, before it may take long, which migration is compiled and how.
    pub compiling: &'a dyn Fn(&str),
}

/// What was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// Each artifact that was looked at, in the order of revisions.
    pub artifacts: Vec<BuiltArtifact>,
    /// The lockfile's name.
    pub lockfile: String,
    /// Whether the lockfile had to be written.
    pub lockfile_written: bool,
}

/// What became of one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltArtifact {
    /// Its revision.
    pub revision: String,
    /// The name behind it.
    pub name: String,
    /// How it is written.
    pub kind: Kind,
    /// Whether it was compiled just now.
    pub compiled: bool,
    /// What became of its line in the lockfile.
    pub change: Change,
    /// Its bytes: the `.wasm` file's, or both SQL files'.
    pub size: u64,
}

/// What became of a line in the lockfile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Added,
    /// It said so before.
    Unchanged,
    /// It said something else before: who has applied that will be told so.
    Changed,
    /// Its files are gone, and so is the line.
    Removed,
}

impl Change {
    /// The name as JSON spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// Builds what has to be built and brings the lockfile up to date.
pub fn build(settings: &Settings, request: &BuildRequest<'_>) -> Result<BuildReport> {
    let project = ProjectFolder::open(&settings.root, &settings.migrations)?;
    let lockfile_name = settings.lockfile_name();
    let (old, proven) = Lockfile::read_to_rewrite(&project.root, &lockfile_name)?;
    let (found, problems) = discover(&project)?;
    let folder = settings.migrations.display();
    if let Some(error) = error_for(problems, |count| format!("{count} things are wrong in `{folder}`")) {
        return Err(error);
    }
    let chosen = select::select(&found, request.revisions)?;
    let mut lines: BTreeMap<u128, LockLine> = BTreeMap::new();
    let mut report = BuildReport { lockfile: lockfile_name.clone(), ..BuildReport::default() };
    // Lines that nobody asked about stay as they are.
    let everything = request.revisions.is_empty();
    for line in &old.lines {
        if !everything {
            lines.insert(line.number(), line.clone());
        } else if found.binary_search_by_key(&line.number(), Found::number).is_err() {
            report.artifacts.push(removed(line));
        }
    }
    let refresh = Refresh { settings, project: &project, request, old: &old, proven };
    for found in chosen {
        let compile = needs_compiling(found, &project, request)?;
        let (line, artifact) = refresh.artifact(found, compile)?;
        lines.insert(found.number(), line);
        report.artifacts.push(artifact);
    }
    report.artifacts.sort_by_key(|artifact| super::revision_number(&artifact.revision));
    let new = Lockfile { lines: lines.into_values().collect() };
    report.lockfile_written = new.write(&project.root, &lockfile_name)?;
    Ok(report)
}

/// The folder to compile, if the migration is to be compiled.
fn needs_compiling<'f>(
    found: &'f Found,
    project: &ProjectFolder,
    request: &BuildRequest<'_>,
) -> Result<Option<&'f FoundEntry>> {
    let FoundFiles::Component { wasm, folder } = &found.files else { return Ok(None) };
    let wanted = wasm.is_none() || request.all || !request.revisions.is_empty();
    match folder {
        Some(folder) if wanted && rust::is_source(project, folder, wasm.is_some())? => Ok(Some(folder)),
        _ => Ok(None),
    }
}

fn removed(line: &LockLine) -> BuiltArtifact {
    BuiltArtifact {
        revision: line.revision.clone(),
        name: line.name.clone(),
        kind: line.kind(),
        compiled: false,
        change: Change::Removed,
        size: 0,
    }
}

#[cfg(test)]
mod tests;
