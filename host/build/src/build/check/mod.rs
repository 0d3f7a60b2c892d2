//! `runner build --check`: builds components in a copy of the project, and compares them with what is committed.
//!
//! It is the ordinary build in a copy (`stage`), so a check cannot drift from it. Descriptions are asked for again.
//! Compilers have a session of their own, so that a signal ends all of their processes and the copy can be removed. The
//! directory is kept out of artifacts: a wrapper of the compiler replaces the identities that cargo derives from paths,
//! and names the project, the SDK and other crates in panics.
//!
//! Rejected: to build in place with the outputs elsewhere, since a command writes where its author wants it; to copy
//! the repository, which is large and lacks what is next to it; namespaces, which containers forbid; the compiler's
//! version in the lockfile, one more thing to disagree about.

mod compare;
mod stage;

use std::collections::BTreeSet;
use std::path::Path;

use super::{BuildRequest, build, command, producers, rust, select};
pub use compare::Finding;
use compare::{Compared, Source, compare};
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::discovery::{Found, FoundEntry, FoundFiles, discover, source_digest};
use runner_project::files::ProjectDirectory;
use runner_project::lockfile::{LockLine, LockedArtifact, Lockfile};
use runner_project::problem::error_for;
use runner_project::settings::Settings;
use stage::stage;
pub(super) use stage::stage_path;

/// What to do about a directory for the copy that cannot be used.
const TEMPORARY: &str = "set `TMPDIR` to another directory for temporary files";

/// What a check found.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// The components in the order of their revisions.
    pub artifacts: Vec<CheckedArtifact>,
    /// The lockfile's name.
    pub lockfile: String,
}

/// A component of a check.
#[derive(Debug)]
pub struct CheckedArtifact {
    /// Its revision.
    pub revision: String,
    /// The name after the revision.
    pub name: String,
    /// The result.
    pub verdict: Verdict,
    /// The artifact that the build gave.
    pub built: Option<Digested>,
    /// The artifact in the project.
    pub committed: Option<Digested>,
    /// The digest in the lockfile.
    pub locked: Option<String>,
}

/// The result of a check.
#[derive(Debug)]
pub enum Verdict {
    /// Artifact and lockfile are what the source gives.
    Same,
    /// They are not.
    Differs {
        /// How.
        findings: Vec<Finding>,
        /// What may be the reason, and what to do.
        hints: Vec<String>,
    },
    /// There is no source code, so nothing can be proven.
    NoSource,
    /// The source cannot be built.
    Failed(Error),
}

/// An artifact as a report names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digested {
    /// The digest of its bytes.
    pub sha256: String,
    /// Their number.
    pub size: u64,
    /// The tools that it names, with their versions.
    pub made_by: BTreeSet<String>,
}

impl Digested {
    fn of(bytes: &[u8]) -> Self {
        Self { sha256: sha256(bytes), size: bytes.len() as u64, made_by: producers::made_by(bytes) }
    }
}

/// Checks the components that `request` names, or all. They are built below `directory`, which does not exist yet, and nothing is written to the
/// project. Of the request, `stage` and `all` are set here.
pub fn check(settings: &Settings, request: &BuildRequest<'_>, directory: &Path) -> Result<CheckReport> {
    // Compilers see real paths.
    let made = std::fs::create_dir_all(directory).and_then(|()| directory.canonicalize());
    let directory = &made
        .map_err(|error| Error::failed(format!("cannot create `{}`", directory.display())).cause(error))
        .map_err(|error| error.hint(TEMPORARY))?;
    let project = settings.project_directory()?;
    let lockfile = settings.lockfile_name();
    // A lockfile that was edited or merged is an error by itself.
    let old = Lockfile::read(&project.root, &lockfile)?;
    let (found, problems) = discover(&project)?;
    let shown = settings.migrations.display();
    if let Some(error) = error_for(problems, |count| format!("{count} problems in `{shown}`")) {
        return Err(error);
    }
    let chosen = select::select(&found, request.revisions)?;
    let mut checker = Checker { settings, request, project: &project, old: &old, directory, copy: None };
    let mut report = CheckReport { artifacts: Vec::new(), lockfile };
    for found in chosen {
        let FoundFiles::Component { wasm, directory } = &found.files else {
            if request.revisions.is_empty() {
                continue;
            }
            return Err(Error::usage(format!("`{}` is not built: its artifact is its source", found.id()))
                .hint("`runner validate --locked` compares it with the lockfile"));
        };
        report.artifacts.push(checker.component(found, wasm.as_ref(), directory.as_ref())?);
    }
    Ok(report)
}

struct Checker<'a> {
    settings: &'a Settings,
    request: &'a BuildRequest<'a>,
    project: &'a ProjectDirectory,
    old: &'a Lockfile,
    directory: &'a Path,
    /// The settings of the copy, once something has to be built.
    copy: Option<Settings>,
}

impl Checker<'_> {
    fn component(
        &mut self,
        found: &Found,
        wasm: Option<&FoundEntry>,
        directory: Option<&FoundEntry>,
    ) -> Result<CheckedArtifact> {
        let limit = self.settings.limits.artifact_bytes;
        let read = |file: &FoundEntry| self.project.read(&file.file_name, file.link, limit);
        let committed = wasm.map(read).transpose()?.map(|bytes| Digested::of(&bytes));
        let line = self.old.get(&found.revision);
        let locked = match line.map(|line| &line.artifact) {
            Some(LockedArtifact::Component { sha256, .. }) => Some(sha256.clone()),
            _ => None,
        };
        let of = |verdict, built, committed, locked| {
            let (revision, name) = (found.revision.clone(), found.name.clone());
            CheckedArtifact { revision, name, verdict, built, committed, locked }
        };
        let (source, built) = match self.build(found, wasm.is_some(), directory) {
            Ok(Some(built)) => built,
            Ok(None) if built_from(line) => {
                let error = Error::mismatch(format!("`{}` was built from source code that is not there", found.id()))
                    .at("lockfile", self.settings.lockfile_name())
                    .hint("restore the directory, or run `runner build` if the artifact is to stay without one");
                return Ok(of(Verdict::Failed(error), None, committed, locked));
            }
            Ok(None) => return Ok(of(Verdict::NoSource, None, committed, locked)),
            Err(error) if self.request.stop.is_some_and(|stop| stop.is_raised()) => return Err(error),
            Err(error) => return Ok(of(Verdict::Failed(self.with_original_paths(error)), None, committed, locked)),
        };
        let (lockfile, id) = (self.settings.lockfile_name(), found.id());
        let of_build = Digested::of(&built.bytes);
        let compared = Compared {
            id: &id,
            lockfile: &lockfile,
            built: &of_build,
            built_line: &built.line,
            committed: committed.as_ref(),
            line,
            source,
        };
        let (findings, hints) = compare(&compared);
        let verdict = if findings.is_empty() { Verdict::Same } else { Verdict::Differs { findings, hints } };
        Ok(of(verdict, Some(of_build), committed, locked))
    }

    /// Builds a component in the copy, if it has source code; also returns the outcome of that.
    fn build(
        &mut self,
        found: &Found,
        has_artifact: bool,
        directory: Option<&FoundEntry>,
    ) -> Result<Option<(Source, Built)>> {
        let Some(source) = directory else { return Ok(None) };
        if !rust::is_source(self.project, source, has_artifact)? {
            return Ok(None);
        }
        let manifest = command::manifest(self.project, source)?;
        let copy = match &self.copy {
            Some(copy) => copy,
            None => self.copy.insert(stage(self.settings, self.directory)?),
        };
        if let Some(manifest) = manifest.filter(|manifest| !manifest.command.is_empty()) {
            // A build that does not write it must not find it.
            let artifact = copy.migrations_directory().join(found.directory()).join(manifest.artifact);
            let parent = artifact.parent().and_then(|parent| parent.canonicalize().ok());
            if parent.is_some_and(|parent| !parent.starts_with(self.directory)) {
                return Err(Error::usage(format!("`{}` is built through a link out of its directory", found.id()))
                    .hint("write the artifact into a directory of the migration itself"));
            }
            let _ = std::fs::remove_file(artifact);
        }
        let limit = self.settings.limits.asset_bytes;
        let digest = |project: &ProjectDirectory, source: &FoundEntry| source_digest(project, source, limit);
        let before = digest(self.project, source)?;
        let revisions = [found.id()];
        let request =
            BuildRequest { revisions: &revisions, all: false, stage: Some(self.directory), ..self.request.clone() };
        build(copy, &request)?;
        let project = copy.project_directory()?;
        let file = format!("{}.wasm", found.id());
        let bytes = project.read(&file, false, self.settings.limits.artifact_bytes)?;
        let (lockfile, _) = Lockfile::read_to_rewrite(&project.root, &self.settings.lockfile_name())?;
        let Some(line) = lockfile.get(&found.revision).cloned() else {
            return Err(Error::failed(format!("the build of `{}` is not in its lockfile", found.id())));
        };
        let after = digest(&project, &FoundEntry { file_name: found.directory(), link: false })?;
        let source = if before == after { Source::Kept } else { Source::Written };
        Ok(Some((source, Built { bytes, line })))
    }

    /// An error that names the files of the project instead of their copies.
    fn with_original_paths(&self, mut error: Error) -> Error {
        let stage = self.directory.to_string_lossy().into_owned();
        let texts = [&mut error.message].into_iter().chain(&mut error.causes);
        for text in texts.chain(error.places.iter_mut().map(|(_, text)| text)) {
            *text = text.replace(&stage, "");
        }
        error.hints.iter_mut().for_each(|hint| *hint = hint.replace(&stage, "").into());
        error
    }
}

/// Whether a line of the lockfile says what its artifact was built from.
fn built_from(line: Option<&LockLine>) -> bool {
    matches!(line.map(|line| &line.artifact), Some(LockedArtifact::Component { source: Some(_), .. }))
}

/// What the build of one component gave.
struct Built {
    bytes: Vec<u8>,
    line: LockLine,
}
