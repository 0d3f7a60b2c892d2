//! `runner build`: compiles sources to artifacts and records them in the lockfile.

mod applied;
mod check;
mod command;
mod encode;
mod external_inputs;
mod inputs_digest;
mod manifest;
mod needs;
mod process;
mod producers;
mod refresh;
mod rust;
mod rust_target;
mod script;
mod select;
mod toolchain;
mod vendor;
pub mod wrapper;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use applied::{Decided, Fate};
pub use check::{CheckReport, CheckedArtifact, Digested, Finding, Verdict, check};
pub use encode::of_command as component_of;
pub use inputs_digest::{fingerprint, shared_directories};
pub use needs::{Needs, needs};
use refresh::{Origin, Refresh};
use runner_base::error::{Error, Result};
use runner_database::StopSignal;
use runner_packages::{assign_missing, repeated};
use runner_project::built::{BuiltArtifact, Change, Describe};
use runner_project::discovery::{Found, FoundEntry, FoundFiles, discover};
use runner_project::lockfile::{LockLine, Lockfile};
use runner_project::package_of;
use runner_project::problem::error_for;
use runner_project::revision::RevisionKey;
use runner_project::settings::Settings;
pub use script::keep_runtime;

/// What to build.
#[derive(Clone)]
pub struct BuildRequest<'a> {
    /// Rebuild these and change no other line of the lockfile. Empty: build what has no artifact yet or was changed since
    /// it was built, and update all lines.
    pub revisions: &'a [String],
    /// Rebuild everything that has source code.
    pub all: bool,
    /// Returns whether a revision is applied somewhere, so that its artifact is only replaced when it is named. An error if that is
    /// unknown.
    pub is_applied: &'a dyn Fn(&str) -> Result<bool>,
    /// Returns whether the database that this is known of has a history at all. Without one, it says nothing about others.
    pub has_history: &'a dyn Fn() -> Result<bool>,
    /// Environment variables of the process, for compilers.
    pub env: &'a BTreeMap<String, String>,
    /// This program, if cargo can start it in place of the compiler; see [`wrapper`].
    pub program: Option<PathBuf>,
    /// Reads the description of a component.
    pub describe: &'a Describe<'a>,
    /// The compressed runtime that this program has for scripts that have none yet, by its name.
    pub runtime: &'a dyn Fn(&str) -> Option<&'static [u8]>,
    /// Called before a migration is compiled, which may take long.
    pub compiling: &'a dyn Fn(&str),
    /// Ends compilers. Without it, they are ended by the terminal or not at all.
    pub stop: Option<&'a StopSignal>,
    /// The project is a copy below this directory, in which nothing is trusted; see [`check()`].
    pub stage: Option<&'a Path>,
}

/// The result of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// The artifacts in the order of their revisions.
    pub artifacts: Vec<BuiltArtifact>,
    /// The lockfile's name.
    pub lockfile: String,
    /// Whether the lockfile had to be written.
    pub lockfile_written: bool,
    /// How many artifacts it lists.
    pub listed: usize,
}

/// Builds what is needed and updates the lockfile.
pub fn build(settings: &Settings, request: &BuildRequest<'_>) -> Result<BuildReport> {
    build_all(settings, request).map_err(|error| settings.with_hints_for_database(error))
}

fn build_all(settings: &Settings, request: &BuildRequest<'_>) -> Result<BuildReport> {
    let project = settings.project_directory()?;
    let lockfile_name = settings.lockfile_name();
    let (old, proven) = match request.revisions {
        [] => Lockfile::read_to_rebuild(&project.root, &lockfile_name)?,
        _ => Lockfile::read_to_rewrite(&project.root, &lockfile_name)?,
    };
    let (found, problems) = discover(&project)?;
    let directory = settings.migrations.display();
    if let Some(error) = error_for(problems, |count| format!("{count} problems in `{directory}`")) {
        return Err(error);
    }
    let chosen = select::select(&found, request.revisions)?;
    let mut lines: BTreeMap<RevisionKey, LockLine> = BTreeMap::new();
    let mut report = BuildReport { lockfile: lockfile_name.clone(), ..BuildReport::default() };
    // Lines of other revisions are not changed.
    let everything = request.revisions.is_empty();
    let repeated = repeated(&old.lines, request.is_applied).map_err(applied::unknown_packages)?;
    for line in &old.lines {
        if repeated.contains(&line) {
            report.artifacts.push(removed(line));
        // Those of packages are as they were added.
        } else if !everything || package_of(&line.name).is_some() {
            // After a merge, several lines may have one revision.
            lines.entry(line.key()).or_insert_with(|| line.clone());
        } else if found.binary_search_by_key(&line.key(), Found::key).is_err() {
            report.artifacts.push(removed(line));
        }
    }
    let refresh = Refresh { settings, project: &project, request, old: &old, proven };
    for Decided { found, reason, fate } in applied::decide(chosen, &refresh)? {
        // Not reported: one in which no change is known, and that what migrations share continues without those that
        // are applied.
        let kept = match &reason {
            Some((_, Reason::Wanted)) => fate == Fate::Applied,
            Some((_, Reason::Shared(_))) => fate == Fate::MayBeApplied,
            _ => false,
        };
        let compile = reason.as_ref().map(|(directory, _)| *directory).filter(|_| fate == Fate::Built);
        let changed_path = match reason {
            Some((_, Reason::Shared(path))) if kept || compile.is_some() => Some(path),
            _ => None,
        };
        let (line, artifact) = refresh.artifact(found, compile).map_err(|error| match compile {
            Some(_) => error,
            None => may_be_outdated(error, found, &refresh),
        })?;
        let taken = lines.insert(found.key(), line).filter(|line| package_of(&line.name).is_some());
        report.artifacts.push(BuiltArtifact { kept, changed_path, ..artifact });
        if let Some(line) = taken {
            return Err(revision_taken(found, &line));
        }
    }
    report.artifacts.sort_by_key(|artifact| RevisionKey::of(&artifact.revision));
    let mut new = Lockfile { lines: lines.into_values().collect(), packages: old.packages.clone() };
    report.artifacts.extend(assign_missing(settings, &project, (&mut new, proven), request.describe)?);
    report.listed = new.lines.len();
    report.lockfile_written = new.write(&project.root, &lockfile_name)?;
    Ok(report)
}

/// The lines that the lockfile gets for the scripts that the request names, which it does not list.
pub fn lines(settings: &Settings, request: &BuildRequest<'_>) -> Result<Vec<LockLine>> {
    let project = settings.project_directory()?;
    let (old, proven) = Lockfile::read_to_rewrite(&project.root, &settings.lockfile_name())?;
    let (found, _) = discover(&project)?;
    let refresh = Refresh { settings, project: &project, request, old: &old, proven };
    let chosen = select::select(&found, request.revisions)?.into_iter();
    chosen.map(|found| refresh.artifact(found, None).map(|(line, _)| line)).collect()
}

/// Why a migration is compiled.
enum Reason {
    /// It was asked for, it has no artifact, or its source code changed.
    Wanted,
    /// Something outside of its directory changed: its path.
    Shared(String),
    /// The lockfile does not say what its artifact was built from.
    Unproven,
}

/// The directory to compile, if the migration has to be compiled.
fn needs_compiling<'f>(found: &'f Found, refresh: &Refresh<'_>) -> Result<Option<(&'f FoundEntry, Reason)>> {
    let project = refresh.project;
    if let FoundFiles::Script { directory: Some(directory), .. } = &found.files {
        let packages = refresh.packages(found)?.filter(|packages| refresh.is_wanted() || !packages.is_vendored());
        return Ok(packages.map(|_| (directory, Reason::Wanted)));
    }
    let FoundFiles::Component { wasm, directory: Some(directory) } = &found.files else { return Ok(None) };
    if !rust::is_source(project, directory, wasm.is_some())? {
        return Ok(None);
    }
    let origin = match wasm {
        Some(wasm) if !refresh.is_wanted() => refresh.origin(found, wasm, directory)?,
        _ => return Ok(Some((directory, Reason::Wanted))),
    };
    Ok(match origin {
        Origin::Same => None,
        Origin::Changed => Some((directory, Reason::Wanted)),
        Origin::SharedChanged(path) => Some((directory, Reason::Shared(path))),
        Origin::Unknown => Some((directory, Reason::Unproven)),
    })
}

/// The error of an artifact that was not built now. If it has a source, that is as it was, but the contract may not be. What is
/// applied has to stay as it is.
fn may_be_outdated(error: Error, found: &Found, refresh: &Refresh<'_>) -> Error {
    if (refresh.request.is_applied)(&found.revision).unwrap_or(true) {
        return error;
    }
    let FoundFiles::Component { wasm: Some(_), directory: Some(directory) } = &found.files else { return error };
    match rust::is_source(refresh.project, directory, true) {
        Ok(true) => error.hint(format!("`runner build {}` builds it again from its source", found.revision)),
        _ => error,
    }
}

/// The error for a migration that has the revision of one of a package.
fn revision_taken(found: &Found, line: &LockLine) -> Error {
    let ids = (found.id(), line.id());
    Error::usage(format!("revision {} exists more than once: `{}` and `{}`", found.revision, ids.0, ids.1))
        .hint(format!("give one of the two another revision: `runner renumber {}`", ids.0))
}

fn removed(line: &LockLine) -> BuiltArtifact {
    BuiltArtifact {
        revision: line.revision.clone(),
        name: line.name.clone(),
        kind: line.kind(),
        compiled: false,
        kept: false,
        changed_path: None,
        change: Change::Removed,
        size: 0,
    }
}

#[cfg(test)]
mod tests;
