//! The builds that did a part of an upgrade before another one finished it: each is asked for its own part.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::replay::message_of;
use super::{Finding, ProofLevel, Verdict, Verifier, counted, had_assets};
use crate::Direction;
use crate::artifact::of_stored;
use crate::history::{self, Record};
use crate::script::Script;
use crate::transcript::{Builders, Evidence, Replay};
use runner_base::error::{ErrorKind, Result};
use runner_project::short;

/// The builds before the last one, by their digests; `None` for one that cannot be loaded.
pub(super) type OtherBuilds = BTreeMap<String, Option<Box<dyn Script>>>;

/// Which builds did a transform.
#[derive(Clone, Copy)]
pub(super) struct BuildsOf<'a> {
    /// Which did which batches; `None` if the last build did all.
    pub of: Option<&'a Builders>,
    /// The builds before the last.
    pub others: &'a OtherBuilds,
    /// Whether the last build has the assets that the run had. Those before it, which the database keeps, have none.
    pub has_assets: bool,
}

impl Verifier {
    /// Loads the builds before the last from the database, which keeps them.
    pub(super) async fn other_builds(&self, record: &Record, evidence: &Evidence) -> Result<OtherBuilds> {
        let mut builds = OtherBuilds::new();
        for handover in &evidence.handovers {
            if handover.from != record.sha256 && !builds.contains_key(&handover.from) {
                let script = self.load_build(record, &handover.from).await?;
                builds.insert(handover.from.clone(), script);
            }
        }
        Ok(builds)
    }

    async fn load_build(&self, record: &Record, digest: &str) -> Result<Option<Box<dyn Script>>> {
        let stored = {
            let mut database = self.database.lock().await;
            match history::load_artifact(&mut database.host(), &record.revision, digest).await {
                Err(error) if error.kind == ErrorKind::Mismatch => return Ok(None),
                stored => stored?,
            }
        };
        let source = stored.and_then(|stored| of_stored(stored, digest));
        Ok(source.and_then(|source| self.loader.load(&source).ok()))
    }

    /// Replays the recorded calls with each build before the last, up to the transform that it did not finish, or the step that the
    /// next one began with.
    pub(super) async fn replay_others(
        &self,
        record: &Record,
        evidence: &Evidence,
        builds: &OtherBuilds,
    ) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for (handover, at) in evidence.handovers.iter().zip(&evidence.handed) {
            let verdict = match builds.get(&handover.from) {
                None => continue,
                Some(None) => Verdict::Unproven("its component is not in the database".to_owned()),
                Some(Some(script)) => self.replay_until(record, &**script, (*at, handover.step)).await?,
            };
            let until = match at.and_then(|at| evidence.transforms.get(at)) {
                Some(transform) => format!("the transform `{}`", transform.name),
                None => format!("step {}", handover.step),
            };
            let subject = Some(format!("sha256 {}, until {until}", short(&handover.from)));
            findings.push(Finding { level: ProofLevel::Replay, subject, verdict });
        }
        Ok(findings)
    }

    async fn replay_until(
        &self,
        record: &Record,
        script: &dyn Script,
        (transform, step): (Option<usize>, u64),
    ) -> Result<Verdict> {
        // A recording is read once.
        let mut evidence = {
            let mut database = self.database.lock().await;
            Evidence::read(&mut database.host(), record.id).await?
        };
        let Some(calls) = evidence.calls.take() else {
            return Ok(Verdict::Unproven("its calls and their answers were not stored".to_owned()));
        };
        let replay = Arc::new(Replay::new(calls));
        let context = self.context(record, &evidence, Some(replay.clone()))?;
        let ran = script.run(Direction::Up, &context).await;
        if let Err(error) = &ran
            && matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated)
        {
            return ran.map(|()| Verdict::Proven(String::new()));
        }
        // What it would have done after that is not what ran.
        let reached = match transform {
            Some(transform) => replay.contents().len() > transform,
            None => replay.calls() + 1 >= step,
        };
        Ok(match (reached, ran) {
            (true, _) => {
                Verdict::Proven(format!("the calls before it, of {}", counted(replay.calls(), "call", "calls")))
            }
            (false, Err(error)) if error.kind == ErrorKind::Denied => {
                Verdict::Unproven(format!("it lacks a grant or a limit that it had then: {}", message_of(&error)))
            }
            // The database keeps its bytes alone.
            (false, _) if had_assets(&evidence) => Verdict::Unproven("its assets are not in the database".to_owned()),
            (false, Err(error)) => Verdict::Differs(message_of(&error)),
            (false, Ok(())) => Verdict::Differs(format!("it ends before step {step}")),
        })
    }
}
