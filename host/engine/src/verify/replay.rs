//! Runs a component again with the recorded answers: it must make the same calls and produce the same transcript.

use std::sync::Arc;

use super::{LoadedScript, NO_ASSETS, Verdict, Verifier, counted, has_assets};
use crate::Direction;
use crate::history::Record;
use crate::script::ScriptSource;
use crate::transcript::{Evidence, Replay};
use runner_base::error::{Error, ErrorKind, Result};
use runner_project::short;

impl Verifier {
    /// Replays the recorded calls.
    pub(super) async fn replay(
        &self,
        record: &Record,
        evidence: &mut Evidence,
        script: LoadedScript<'_>,
        source: Option<&ScriptSource>,
    ) -> Result<Verdict> {
        let Some(inputs) = &evidence.inputs else {
            return Ok(Verdict::Unproven("its run was not recorded".to_owned()));
        };
        if let Some(what) = other_inputs(record, inputs) {
            return Ok(Verdict::Differs(what));
        }
        let verdict = self.replay_calls(record, evidence, script).await?;
        Ok(match verdict {
            // It may only lack what it read then.
            Verdict::Differs(_) if !has_assets(source, evidence) => Verdict::Unproven(NO_ASSETS.to_owned()),
            verdict => verdict,
        })
    }

    async fn replay_calls(
        &self,
        record: &Record,
        evidence: &mut Evidence,
        script: LoadedScript<'_>,
    ) -> Result<Verdict> {
        let Some(calls) = evidence.calls.take() else {
            let why = "its calls and their answers exceeded the limit `stored_call_bytes` and were not stored";
            return Ok(Verdict::Unproven(why.to_owned()));
        };
        let replay = Arc::new(Replay::new(calls));
        let context = self.context(record, evidence, Some(replay.clone()))?;
        let ran = script.run(Direction::Up, &context).await.and_then(|()| replay.end());
        match ran {
            Ok(()) => {}
            Err(error) if matches!(error.kind, ErrorKind::Interrupted | ErrorKind::Terminated) => return Err(error),
            Err(error) if error.kind == ErrorKind::Denied => {
                return Ok(Verdict::Unproven(format!(
                    "it lacks a grant or a limit that it had then: {}",
                    message_of(&error)
                )));
            }
            Err(error) => return Ok(Verdict::Differs(message_of(&error))),
        }
        let transcript = context.recorder.transcript_digest();
        if transcript != record.transcript {
            let (again, noted) = (short(&transcript), short(&record.transcript));
            return Ok(Verdict::Differs(format!("its transcript is now {again}, but history has {noted}")));
        }
        Ok(other_chunks(evidence, &replay).unwrap_or_else(|| Verdict::Proven(counted(replay.calls(), "call", "calls"))))
    }
}

/// Describes where history and the stored inputs disagree.
fn other_inputs(record: &Record, inputs: &crate::call::Inputs) -> Option<String> {
    let what = if inputs.sha256 != record.sha256 {
        "different artifacts"
    } else if inputs.run_timestamp != record.run_timestamp {
        "different times"
    } else if inputs.seed != record.seed {
        "different seeds"
    } else {
        return None;
    };
    Some(format!("history and the recording disagree: they name {what}"))
}

/// Checks that the stored chunks are those of the transcript.
fn other_chunks(evidence: &Evidence, replay: &Replay) -> Option<Verdict> {
    let contents = replay.contents();
    for (at, transform) in evidence.transforms.iter().enumerate() {
        let content =
            evidence.builders.get(at).map_or(transform.ledger.content, |it| it.seal(transform.ledger.content));
        let is_its_own = contents.get(at).is_none_or(|recorded| *recorded == content);
        if !is_its_own || transform.ledger.proves_itself() == Some(false) {
            let what = format!("the stored chunks of the transform `{}` are not those of its run", transform.name);
            return Some(Verdict::Differs(what));
        }
    }
    let more = contents.len().saturating_sub(evidence.transforms.len());
    (more > 0).then(|| {
        let what = counted(more as u64, "transform", "transforms");
        Verdict::Unproven(format!("what {what} read and wrote was not kept"))
    })
}

pub(super) fn message_of(error: &Error) -> String {
    let mut text = error.message.clone();
    for cause in &error.causes {
        text.push_str("; ");
        text.push_str(cause);
    }
    text
}
