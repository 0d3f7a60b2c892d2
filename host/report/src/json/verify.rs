//! The output of `runner verify`.

use serde::Serialize;

use super::unrepeatable::UnrepeatableJson;
use super::{DatabaseJson, SCHEMA};
use runner_engine::verify::{Finding, Verdict, Verified};

/// `runner verify`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerifyJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    /// `proven`, `unproven` or `differs`: the worst of all.
    result: &'static str,
    migrations: Vec<VerifiedJson>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifiedJson {
    revision: String,
    name: String,
    /// `sql`, `component` or `script`.
    kind: &'static str,
    transcript: String,
    /// `proven`, `unproven` or `differs`: the worst of its findings.
    result: &'static str,
    findings: Vec<FindingJson>,
    /// Statements that may do something else in another run.
    #[serde(flatten)]
    unrepeatable: UnrepeatableJson,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FindingJson {
    /// `artifact`, `replay`, `recompute` or `target`.
    level: &'static str,
    /// The transform; `None` for the whole revision.
    subject: Option<String>,
    /// `proven`, `unproven` or `differs`.
    result: &'static str,
    detail: String,
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

impl VerifyJson {
    /// The findings.
    pub fn new(database: DatabaseJson, verified: &[Verified]) -> Self {
        let result = worst(verified.iter().flat_map(|it| &it.findings));
        let migrations = verified.iter().map(VerifiedJson::new).collect();
        Self { schema: SCHEMA, command: "verify", database, result, migrations }
    }
}

impl VerifiedJson {
    fn new(verified: &Verified) -> Self {
        let finding = |it: &Finding| FindingJson {
            level: it.level.name(),
            subject: it.subject.clone(),
            result: it.verdict.name(),
            detail: it.verdict.text().to_owned(),
        };
        Self {
            revision: verified.revision.clone(),
            name: verified.name.clone(),
            kind: verified.kind.name(),
            transcript: verified.transcript.clone(),
            result: worst(verified.findings.iter()),
            findings: verified.findings.iter().map(finding).collect(),
            unrepeatable: UnrepeatableJson::new(&verified.unrepeatable),
        }
    }
}
