//! Verifies applied migrations against the evidence kept of them. Only reads.

mod artifact;
mod builds;
mod cells;
mod later;
mod range;
mod replay;
mod rows;
mod spelling;
mod target;

use std::sync::Arc;

use self::builds::BuildsOf;
use super::control::RunControl;
use super::event::{EventSink, Unrepeatable};
use super::history::{self, History, Record, State};
use super::target::{Candidates, compare_revisions};
use super::transcript::{Evidence, Replay};
use crate::recorder::RunRecorder;
use crate::script::{Execution, LeftOut, RunContext, Script, ScriptLoader, ScriptSource};
use crate::stopped::stopped;
use runner_base::error::{Error, Result};
use runner_database::{BatchLimits, DatabaseError, DatabaseErrorKind, SharedDatabase, StopSignal};
use runner_project::catalog::{CatalogReport, Kind};

runner_base::named! {
    /// What is verified about a revision.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum ProofLevel {
        /// The bytes are those that were applied, wherever they are kept.
        Artifact = "artifact",
        /// The component makes the same calls when it is given the same inputs and answers.
        Replay = "replay",
        /// The rows that a transform read still exist, and it computes the same result from them.
        Recompute = "recompute",
        /// The target of a transform contains what was written.
        Target = "target",
    }
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Confirmed, and by what.
    Proven(String),
    /// Cannot be determined, and why.
    Unproven(String),
    /// Refuted: what differs.
    Differs(String),
}

impl Verdict {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Unproven(_) => "unproven",
            Self::Differs(_) => "differs",
        }
    }

    /// The explanation.
    pub fn text(&self) -> &str {
        match self {
            Self::Proven(text) | Self::Unproven(text) | Self::Differs(text) => text,
        }
    }
}

/// One check of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub level: ProofLevel,
    /// The transform it concerns; `None` for the whole revision.
    pub subject: Option<String>,
    /// The result.
    pub verdict: Verdict,
}

/// The results for a revision.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// How it is written.
    pub kind: Kind,
    /// Its transcript in history.
    pub transcript: String,
    /// The result of each check.
    pub findings: Vec<Finding>,
    /// Statements that may do something else in another run over the same rows.
    pub unrepeatable: Vec<Unrepeatable>,
}

/// How many chunks of each transform are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// This many, spread over the transform.
    Sample(usize),
    /// All chunks that are kept.
    All,
}

/// Verifies revisions.
pub struct Verifier {
    /// The database.
    pub database: SharedDatabase,
    /// The project, and where it disagrees with its lockfile.
    pub project: CatalogReport,
    /// Builds scripts from their bytes.
    pub loader: Arc<dyn ScriptLoader>,
    /// Receives progress.
    pub events: Arc<dyn EventSink>,
    /// Ends the verification early when raised.
    pub stop: StopSignal,
    /// How many chunks are checked.
    pub extent: Extent,
    /// The limits of a batch.
    pub limits: BatchLimits,
}

impl Verifier {
    /// Verifies the given revisions, or all applied components if none are given.
    pub async fn run(&self, wanted: &[String]) -> Result<Vec<Verified>> {
        let history = {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            history::read_with_artifacts(database).await?
        };
        let candidates: Candidates<'_> = history.live.iter().map(|it| (&*it.revision, &*it.name)).collect();
        let wanted = wanted.iter().map(|text| candidates.resolve(text)).collect::<Result<Vec<_>>>()?;
        let is_wanted = |record: &&Record| match wanted.as_slice() {
            [] => record.kind.is_sandboxed(),
            some => some.iter().any(|revision| compare_revisions(revision, &record.revision).is_eq()),
        };
        let mut verified = Vec::new();
        for record in history.live.iter().filter(is_wanted) {
            let result = self.verify(&history, record).await;
            verified.push(result.map_err(|error| error.at("migration", record.id()))?);
        }
        Ok(verified)
    }

    async fn verify(&self, history: &History, record: &Record) -> Result<Verified> {
        let mut verified = Verified {
            revision: record.revision.clone(),
            name: record.name.clone(),
            kind: record.kind,
            transcript: record.transcript.clone(),
            findings: Vec::new(),
            unrepeatable: Vec::new(),
        };
        let mut add = |level, verdict| verified.findings.push(Finding { level, subject: None, verdict });
        if record.state != State::Applied {
            let why = format!("it is {}: `runner apply` or `runner rollback` ends it first", record.state.name());
            add(ProofLevel::Replay, Verdict::Unproven(why));
            return Ok(verified);
        }
        let (verdict, source) = self.artifact(history, record).await?;
        add(ProofLevel::Artifact, verdict);
        if record.kind == Kind::Sql {
            return Ok(verified);
        }
        let mut evidence = {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            Evidence::read(database, record.id).await?
        };
        verified.unrepeatable.clone_from(&evidence.unrepeatable);
        let ran_another = evidence.inputs.as_ref().is_some_and(|inputs| inputs.sha256 != record.sha256);
        if ran_another && self.was_accepted(record).await? {
            let why = "the accepted artifact is not the one that ran".to_owned();
            verified.findings.push(Finding {
                level: ProofLevel::Replay,
                subject: None,
                verdict: Verdict::Unproven(why),
            });
            return Ok(verified);
        }
        let script = match source.as_ref().map(|source| self.loader.load(source)) {
            Some(Ok(script)) => script,
            none => {
                let why = match none {
                    Some(Err(error)) => format!("its component cannot be loaded: {}", error.message),
                    _ => "its component is neither in the project nor in the database".to_owned(),
                };
                verified.findings.push(Finding {
                    level: ProofLevel::Replay,
                    subject: None,
                    verdict: Verdict::Unproven(why),
                });
                return Ok(verified);
            }
        };
        let verdict = self.replay(record, &mut evidence, &*script, source.as_ref()).await?;
        verified.findings.push(Finding { level: ProofLevel::Replay, subject: None, verdict });
        let others = self.other_builds(record, &evidence).await?;
        verified.findings.extend(self.replay_others(record, &evidence, &others).await?);
        for (at, transform) in evidence.transforms.iter().enumerate() {
            if let Some(reason) = self.stop.reason() {
                return Err(stopped(reason));
            }
            let builds = BuildsOf {
                of: evidence.builders.get(at),
                others: &others,
                has_assets: has_assets(source.as_ref(), &evidence),
            };
            let findings = self.transform(history, record, &evidence, (at, transform), (&*script, builds)).await?;
            verified.findings.extend(findings);
        }
        Ok(verified)
    }

    /// Returns whether an operator accepted another artifact than the one that ran.
    async fn was_accepted(&self, record: &Record) -> Result<bool> {
        let mut database = self.database.lock().await;
        let repairs = history::read_repairs(&mut database.host()).await?;
        Ok(repairs.iter().any(|it| it.history == record.id && it.action == history::ACCEPT_CHECKSUM))
    }

    /// The context in which a component is verified: the inputs it had when it was applied.
    fn context(&self, record: &Record, evidence: &Evidence, replay: Option<Arc<Replay>>) -> Result<RunContext> {
        let inputs = evidence.inputs.clone().unwrap_or_default();
        Ok(RunContext {
            database: self.database.clone(),
            events: Arc::new(DiscardOutput),
            stop: self.stop.clone(),
            revision: record.revision.clone(),
            run_timestamp: record.run_timestamp,
            seed: record.seed,
            parameters: inputs.parameters,
            recorder: Arc::new(RunRecorder::default()),
            trial: None,
            left_out: LeftOut::default(),
            execution: replay.map_or(Execution::Atomic, Execution::Replayed),
            each_commits: false,
            server_version: Some(inputs.server_version),
            grants: None,
            renames: record.description()?.renames,
            transforms: Arc::default(),
            control: Arc::new(RunControl::unthrottled(Arc::new(DiscardOutput), self.stop.clone())),
        })
    }
}

/// Discards a component's output during verification: it was already reported when the component was applied.
struct DiscardOutput;

impl EventSink for DiscardOutput {
    fn emit(&self, _: &super::Event) {}
}

/// Why a component cannot run again.
const NO_ASSETS: &str = "its assets are not in the project";

/// Whether the run had assets, which the database does not keep.
fn had_assets(evidence: &Evidence) -> bool {
    evidence.inputs.as_ref().is_some_and(|inputs| !inputs.assets.is_empty())
}

/// Whether all of a component's assets are available.
fn has_assets(source: Option<&ScriptSource>, evidence: &Evidence) -> bool {
    !had_assets(evidence)
        || matches!(source, Some(ScriptSource::Component { assets: Some(_), .. } | ScriptSource::Script(_)))
}

/// Formats a number and what it counts.
fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

type LoadedScript<'a> = &'a dyn Script;

/// Returns the reason why something cannot be read; other errors, which say nothing about what was applied, are passed on.
fn explained(error: DatabaseError) -> Result<String> {
    match error.kind {
        DatabaseErrorKind::Connection | DatabaseErrorKind::Interrupted | DatabaseErrorKind::Busy => {
            Err(Error::from(error))
        }
        _ => Ok(error.message),
    }
}
