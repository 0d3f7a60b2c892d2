//! Proves applied migrations again from what is kept of them. Reads, and writes nothing at all.

mod artifact;
mod cells;
mod later;
mod replay;
mod rows;
mod target;

use std::sync::Arc;

use super::control::RunControl;
use super::event::EventSink;
use super::history::{self, History, Record, State};
use super::target::{Candidates, compare_revisions};
use super::transcript::{Evidence, Replay};
use crate::database::{BatchLimits, SharedDatabase, StopSignal};
use crate::engine::recorder::RunRecorder;
use crate::engine::script::{Execution, LeftOut, RunContext, Script, ScriptLoader, ScriptSource};
use crate::engine::stopped::stopped;
use crate::error::Result;
use crate::project::catalog::{CatalogReport, Kind};

/// What is proven of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The bytes are those that were applied, wherever they are.
    Artifact,
    /// The component, given the same and answered the same, calls the same.
    Replay,
    /// The rows that a transform read are there, and it makes the same of them.
    Recompute,
    /// The target of a transform holds what was written.
    Target,
}

impl Level {
    /// The name as tables and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Replay => "replay",
            Self::Recompute => "recompute",
            Self::Target => "target",
        }
    }
}

/// What came of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so; by what.
    Proven(String),
    /// Nobody can tell; why.
    Unproven(String),
    /// It is not so: what differs.
    Differs(String),
}

impl Verdict {
    /// The name as JSON spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Unproven(_) => "unproven",
            Self::Differs(_) => "differs",
        }
    }

    /// What it says.
    pub fn text(&self) -> &str {
        match self {
            Self::Proven(text) | Self::Unproven(text) | Self::Differs(text) => text,
        }
    }
}

/// One proof of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was to be proven.
    pub level: Level,
    /// Of what: a transform, or nothing for the whole revision.
    pub subject: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a revision.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The revision.
    pub revision: String,
    /// Its name.
    pub name: String,
    /// How it was written.
    pub kind: Kind,
    /// The transcript that history has of it.
    pub transcript: String,
    /// Each proof.
    pub findings: Vec<Finding>,
    /// Statements whose rows came in no order that was asked for, so that another run may have read them in another.
    pub unordered: Vec<String>,
}

/// How many chunks of each transform are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// So many, spread over the transform.
    Sample(usize),
    /// All that are kept.
    All,
}

/// What proves revisions.
pub struct Verifier {
    /// The database.
    pub database: SharedDatabase,
    /// The project, and in what it disagrees with its lockfile.
    pub project: CatalogReport,
    /// Makes scripts from their bytes.
    pub loader: Arc<ScriptLoader>,
    /// Hears of progress.
    pub events: Arc<dyn EventSink>,
    /// Ends it early.
    pub stop: StopSignal,
    /// How many chunks are looked at.
    pub extent: Extent,
    /// The bounds on a batch.
    pub limits: BatchLimits,
}

impl Verifier {
    /// Proves the revisions that are asked for; if none is, all components in force.
    pub async fn run(&self, wanted: &[String]) -> Result<Vec<Verified>> {
        let history = {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            history::read_with_artifacts(database).await?
        };
        let candidates: Candidates<'_> = history.live.iter().map(|it| (&*it.revision, &*it.name)).collect();
        let wanted = wanted.iter().map(|text| candidates.resolve(text)).collect::<Result<Vec<_>>>()?;
        let is_wanted = |record: &&Record| match wanted.as_slice() {
            [] => record.kind == Kind::Component,
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
            unordered: Vec::new(),
        };
        let mut add = |level, verdict| verified.findings.push(Finding { level, subject: None, verdict });
        if record.state != State::Applied {
            let why = format!("it is {}: `runner apply` or `runner rollback` ends it first", record.state.name());
            add(Level::Replay, Verdict::Unproven(why));
            return Ok(verified);
        }
        let (verdict, source) = self.artifact(history, record).await?;
        add(Level::Artifact, verdict);
        if record.kind == Kind::Sql {
            return Ok(verified);
        }
        let mut evidence = {
            let mut database = self.database.lock().await;
            let database = &mut database.host();
            Evidence::read(database, record.id).await?
        };
        verified.unordered.clone_from(&evidence.unordered);
        let script = match source.as_ref().map(|source| (self.loader)(source)) {
            Some(Ok(script)) => script,
            none => {
                let why = match none {
                    Some(Err(error)) => format!("its component cannot be loaded: {}", error.message),
                    _ => "its component is neither in the project nor in the database".to_owned(),
                };
                verified.findings.push(Finding {
                    level: Level::Replay,
                    subject: None,
                    verdict: Verdict::Unproven(why),
                });
                return Ok(verified);
            }
        };
        let verdict = self.replay(record, &mut evidence, &*script, source.as_ref()).await?;
        verified.findings.push(Finding { level: Level::Replay, subject: None, verdict });
        for transform in &evidence.transforms {
            if let Some(reason) = self.stop.reason() {
                return Err(stopped(reason));
            }
            let findings = self.transform(history, record, &evidence, transform, &*script).await?;
            verified.findings.extend(findings);
        }
        Ok(verified)
    }

    /// What a component is given when it is proven: what it was given when it was applied.
    fn context(&self, record: &Record, evidence: &Evidence, replay: Option<Arc<Replay>>) -> RunContext {
        let inputs = evidence.inputs.clone().unwrap_or_default();
        RunContext {
            database: self.database.clone(),
            events: Arc::new(Unheard),
            stop: self.stop.clone(),
            revision: record.revision.clone(),
            run_timestamp: record.run_timestamp,
            seed: record.seed,
            parameters: inputs.parameters,
            recorder: Arc::new(RunRecorder::default()),
            left_out: LeftOut::default(),
            execution: replay.map_or(Execution::Atomic, Execution::Replayed),
            server_version: Some(inputs.server_version),
            transforms: Arc::default(),
            control: Arc::new(RunControl::free(Arc::new(Unheard), self.stop.clone())),
        }
    }
}

/// What a component says while it is proven was said when it was applied.
struct Unheard;

impl EventSink for Unheard {
    fn emit(&self, _: &super::Event) {}
}

/// Whether all of a component's assets are at hand.
fn has_assets(source: Option<&ScriptSource>, evidence: &Evidence) -> bool {
    let wanted = evidence.inputs.as_ref().is_some_and(|inputs| !inputs.assets.is_empty());
    !wanted || matches!(source, Some(ScriptSource::Component { assets: Some(_), .. }))
}

/// A number and what it counts.
fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

type LoadedScript<'a> = &'a dyn Script;
