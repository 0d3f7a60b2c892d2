//! The output of `runner verify`.

use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::verify::{Finding, Verdict, Verified};

document! {
    /// `runner verify`.
    pub struct VerifyJson(database: DatabaseJson, verified: &[Verified]) {
        schema: u32 = SCHEMA,
        command: &'static str = "verify",
        database: DatabaseJson = database,
        /// `proven`, `unproven` or `differs`: the worst of all.
        result: &'static str = worst(verified.iter().flat_map(|it| &it.findings)),
        migrations: Vec<VerifiedJson> = verified.iter().map(VerifiedJson::new).collect(),
    }

    struct VerifiedJson(verified: &Verified) {
        revision: String = verified.revision.clone(),
        name: String = verified.name.clone(),
        /// `sql`, `component` or `script`.
        kind: &'static str = verified.kind.name(),
        transcript: String = verified.transcript.clone(),
        /// `proven`, `unproven` or `differs`: the worst of its findings.
        result: &'static str = worst(verified.findings.iter()),
        findings: Vec<FindingJson> = verified.findings.iter().map(FindingJson::new).collect(),
        /// Statements that may do something else in another run.
        #[serde(flatten)]
        unrepeatable: UnrepeatableJson = UnrepeatableJson::new(&verified.unrepeatable),
    }

    struct FindingJson(finding: &Finding) {
        /// `artifact`, `replay`, `recompute` or `target`.
        level: &'static str = finding.level.name(),
        /// The transform; `None` for the whole revision.
        subject: Option<String> = finding.subject.clone(),
        /// `proven`, `unproven` or `differs`.
        result: &'static str = finding.verdict.name(),
        detail: String = finding.verdict.text().to_owned(),
    }
}

/// The worst of the verdicts.
pub fn worst<'a>(findings: impl Iterator<Item = &'a Finding> + Clone) -> &'static str {
    let any = |wanted: fn(&Verdict) -> bool| findings.clone().any(|it| wanted(&it.verdict));
    if any(|it| matches!(it, Verdict::Differs(_))) {
        "differs"
    } else if any(|it| matches!(it, Verdict::Unproven(_))) {
        "unproven"
    } else {
        "proven"
    }
}
