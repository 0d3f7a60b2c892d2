//! `runner build --check`

use super::{ErrorJson, SCHEMA};
use runner_build::build::{CheckReport, CheckedArtifact, Digested, Finding, Verdict};
use runner_project::migration_id;

document! {
    /// What a check found.
    pub struct CheckJson(report: &CheckReport) with {
        let of = |artifact: &CheckedArtifact| CheckedJson::new(artifact, &report.lockfile);
        let checked = |it: &&CheckedArtifact| matches!(it.verdict, Verdict::Same | Verdict::Differs { .. });
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "build",
        /// The number of artifacts that were built and compared.
        checked: usize = report.artifacts.iter().filter(checked).count(),
        artifacts: Vec<CheckedJson> = report.artifacts.iter().map(of).collect(),
        lockfile: String = report.lockfile.clone(),
    }

    struct CheckedJson(artifact: &CheckedArtifact, lockfile: &str) with {
        let id = migration_id(&artifact.revision, &artifact.name);
        let (mut findings, mut hints, mut failed) = (Vec::new(), Vec::new(), None);
        let verdict = match &artifact.verdict {
            Verdict::Same => "same",
            Verdict::NoSource => "no-source",
            Verdict::Differs { findings: found, hints: given } => {
                findings.extend(found.iter().map(|it| FindingJson::new(it, &id, lockfile)));
                hints.clone_from(given);
                "differs"
            }
            Verdict::Failed(error) => {
                failed = Some(ErrorJson::new(error));
                "failed"
            }
        };
    } {
        revision: String = artifact.revision.clone(),
        name: String = artifact.name.clone(),
        /// `same`, `differs`, `no-source` or `failed`: whether the artifact and its line in the lockfile are what the source gives.
        verdict: &'static str = verdict,
        /// What the build gave.
        built: Option<DigestedJson> = artifact.built.as_ref().map(DigestedJson::new),
        /// What is in the project.
        committed: Option<DigestedJson> = artifact.committed.as_ref().map(DigestedJson::new),
        /// The digest of the artifact in the lockfile.
        locked_sha256: Option<String> = artifact.locked.clone(),
        findings: Vec<FindingJson> = findings,
        /// What to do about them.
        hints: Vec<String> = hints,
        /// Why the source cannot be built.
        error: Option<ErrorJson> = failed,
    }

    struct DigestedJson(artifact: &Digested) {
        sha256: String = artifact.sha256.clone(),
        size: u64 = artifact.size,
        /// The tools that the artifact names, with their versions.
        made_by: Vec<String> = artifact.made_by.iter().cloned().collect(),
    }

    struct FindingJson(finding: &Finding, id: &str, lockfile: &str) {
        /// `no-artifact`, `other-bytes`, `not-listed`, `other-artifact-listed` or `other-line`.
        kind: &'static str = finding.name(),
        message: String = finding.text(id, lockfile),
    }
}
