//! A step that began and has no answer: what is known about it, and the record of an operator's decision.

use super::resolve::{self, Known};
use crate::call::{CallKind, shown};
use crate::clock::now;
use crate::journal::store;
use crate::journal::store::{Entry, INPUTS};
use crate::journal::{chunk, damaged, head};
use crate::run::Run;
use runner_base::error::{Error, Result};
use runner_database::HostSession;

/// A step that began and has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The number of the step.
    pub step: u64,
    /// The kind of the call.
    pub kind: String,
    /// The complete statement.
    pub statement: String,
    /// The digest of kind, statement and parameters.
    pub digest: String,
    /// The time at which it began: ISO 8601, UTC.
    pub began_at: String,
    /// What is known about its outcome.
    pub known: Known,
}

impl Unknown {
    /// Returns whether its answer is a number of rows.
    pub fn answers_rows_affected(&self) -> bool {
        self.kind != CallKind::Query.name()
    }
}

/// An operator's decision about the outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It did not take effect, and the next run executes it.
    Retry,
    /// It took effect.
    Done {
        /// The number of affected rows to report to the component.
        rows: u64,
    },
    /// It did not take effect, and is skipped.
    Skip,
}

/// Returns the step of a run that began and has no answer, if there is one. Transforms are left out: their checkpoints
/// record how far they got.
pub async fn unknown(database: &mut HostSession<'_>, run: Run) -> Result<Option<Unknown>> {
    let intent = store::intent(database, run).await?;
    let Some(intent) = intent.filter(|intent| intent.kind != CallKind::Transform.name()) else { return Ok(None) };
    let known = resolve::known(database, &intent).await?;
    Ok(Some(Unknown {
        step: intent.step,
        kind: intent.kind,
        statement: intent.text,
        digest: intent.digest,
        began_at: intent.began_at,
        known,
    }))
}

/// Returns the objects whose names a statement contains, for display: `table t, which has rows`.
pub async fn named_objects(database: &mut HostSession<'_>, statement: &str) -> Result<Vec<String>> {
    resolve::named_objects(database, statement).await
}

/// Records a decision about a step, in the caller's transaction.
pub async fn decide(database: &mut HostSession<'_>, run: Run, unknown: &Unknown, decision: Decision) -> Result<()> {
    let (rows, effect) = match decision {
        Decision::Retry => {
            let before = store::done(database, run).await?;
            return store::make(database, store::forget(run, unknown.step, before)).await;
        }
        Decision::Done { rows } => (rows, true),
        Decision::Skip => (0, false),
    };
    let head = head::read(database, run).await?;
    if head.step != unknown.step {
        return Err(damaged(format!("it ends with step {}, but its head records {}", unknown.step, head.step)));
    }
    let Some(kind) = CallKind::from_name(&unknown.kind) else {
        return Err(damaged(format!("step {} is of the kind `{}`, which does not exist", unknown.step, unknown.kind)));
    };
    let answer = kind.lost_answer(rows);
    let entry = Entry {
        step: unknown.step,
        kind: unknown.kind.clone(),
        digest: unknown.digest.clone(),
        text: shown(&unknown.statement),
        effect,
        rows,
        ended_at: Some(now()),
        ..Entry::default()
    };
    let entry = Entry { seal: entry.seal_over(&head.seal, &answer), answer: Some(answer), ..entry };
    store::make(database, store::answer(run, &entry)).await
}

/// Returns the error for the journal of a run if rows are missing or were changed.
pub async fn damage(database: &mut HostSession<'_>, run: Run) -> Result<Option<Error>> {
    match check(database, run).await {
        Ok(()) => Ok(None),
        Err(error) if error.kind == runner_base::error::ErrorKind::Mismatch => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// Checks the journal from its beginning to its head. Answers are read one by one.
async fn check(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    let first = head::inputs(database, run).await?;
    let mut last = Entry::inputs(&first.digest).seal_over("", &first.answer);
    if last != first.seal {
        return Err(damaged("the inputs of the first run were changed".to_owned()));
    }
    let mut step = INPUTS;
    loop {
        let page = store::page(database, run, step).await?;
        if page.is_empty() {
            head::check(database, run, step, &last).await?;
            return check_chunks(database, run).await;
        }
        for recorded in page {
            recorded.check_follows(step)?;
            step = recorded.entry.step;
            if !recorded.is_done {
                continue;
            }
            (_, last) = store::answer_of(database, run, recorded.entry, &last).await?;
        }
    }
}

/// Checks the chunks of transforms in progress.
async fn check_chunks(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    for step in store::steps_in_progress(database, run).await? {
        if let Some(checkpoint) = store::find_checkpoint(database, run, step).await? {
            chunk::check(database, run, step, &checkpoint, false).await?;
        }
    }
    Ok(())
}
