//! `runner build --check`

use serde::Serialize;

use super::{ErrorJson, SCHEMA};
use runner_base::error::Error;
use runner_build::build::{CheckReport, CheckedArtifact, Digested, Verdict};
use runner_project::migration_id;

/// What a check found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CheckJson {
    schema: u32,
    command: &'static str,
    /// The number of artifacts that were built and compared.
    checked: usize,
    artifacts: Vec<CheckedJson>,
    lockfile: String,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedJson {
    revision: String,
    name: String,
    /// `same`, `differs`, `no-source` or `failed`: whether the artifact and its line in the lockfile are what the source gives.
    verdict: &'static str,
    /// What the build gave.
    built: Option<DigestedJson>,
    /// What is in the project.
    committed: Option<DigestedJson>,
    /// The digest of the artifact in the lockfile.
    locked_sha256: Option<String>,
    findings: Vec<FindingJson>,
    /// What to do about them.
    hints: Vec<String>,
    /// Why the source cannot be built.
    error: Option<ErrorJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DigestedJson {
    sha256: String,
    size: u64,
    /// The tools that the artifact names, with their versions.
    made_by: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingJson {
    /// `no-artifact`, `other-bytes`, `not-listed`, `other-artifact-listed` or `other-line`.
    kind: &'static str,
    message: String,
}

impl CheckJson {
    /// The result of a check. `exit_code` is that of an error.
    pub fn new(report: &CheckReport, exit_code: impl Fn(&Error) -> u8) -> Self {
        let of = |artifact: &CheckedArtifact| CheckedJson::new(artifact, &report.lockfile, &exit_code);
        let checked = |it: &&CheckedArtifact| matches!(it.verdict, Verdict::Same | Verdict::Differs { .. });
        Self {
            schema: SCHEMA,
            command: "build",
            checked: report.artifacts.iter().filter(checked).count(),
            artifacts: report.artifacts.iter().map(of).collect(),
            lockfile: report.lockfile.clone(),
        }
    }
}

impl CheckedJson {
    fn new(artifact: &CheckedArtifact, lockfile: &str, exit_code: &impl Fn(&Error) -> u8) -> Self {
        let id = migration_id(&artifact.revision, &artifact.name);
        let (mut findings, mut hints, mut failed) = (Vec::new(), Vec::new(), None);
        let verdict = match &artifact.verdict {
            Verdict::Same => "same",
            Verdict::NoSource => "no-source",
            Verdict::Differs { findings: found, hints: given } => {
                let found = found.iter().map(|it| FindingJson { kind: it.name(), message: it.text(&id, lockfile) });
                findings.extend(found);
                hints.clone_from(given);
                "differs"
            }
            Verdict::Failed(error) => {
                failed = Some(ErrorJson::new(error, exit_code(error)));
                "failed"
            }
        };
        Self {
            revision: artifact.revision.clone(),
            name: artifact.name.clone(),
            verdict,
            built: artifact.built.as_ref().map(DigestedJson::new),
            committed: artifact.committed.as_ref().map(DigestedJson::new),
            locked_sha256: artifact.locked.clone(),
            findings,
            hints,
            error: failed,
        }
    }
}

impl DigestedJson {
    fn new(artifact: &Digested) -> Self {
        let made_by = artifact.made_by.iter().cloned().collect();
        Self { sha256: artifact.sha256.clone(), size: artifact.size, made_by }
    }
}
