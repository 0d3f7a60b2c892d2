//! Reads and writes the journal's tables. The caller has taken the host's role and owns the transaction.

mod checkpoint;
mod entry;

pub use self::checkpoint::{
    Checkpoint, checkpoint, checkpoint_begun, checkpoint_moved, clear_checkpoint, find_checkpoint, steps_in_progress,
    transformed,
};
pub use self::entry::{Entry, INPUTS, Intent, Recorded};
use crate::call::CallKind;
use crate::clock::now;
use crate::journal::{chunk, damaged, head};
use crate::run::Run;
use crate::schema::journal as sql;
use crate::settle::Marker;
use crate::transcript::store as evidence;
use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{DatabaseError, HostSession, QueryLimits, ToolChange, UnitOfWork, tool_sql};

impl Run {
    /// Deletes everything recorded about the run.
    pub async fn clear(self, database: &mut HostSession<'_>) -> Result<()> {
        clear(database, self).await
    }

    /// Deletes the answers of a completed run and keeps its steps, so that the tables do not grow with the data it read.
    pub async fn trim(self, database: &mut HostSession<'_>) -> Result<()> {
        make(database, trimmed(self)).await
    }

    /// Waits for all workers on chunks of the run and keeps others from starting until the transaction ends. Returns
    /// whether any chunk is done.
    pub async fn close(self, database: &mut HostSession<'_>) -> Result<bool> {
        chunk::close(database, self).await.map_err(unwritable)
    }

    /// Returns the last steps that changed something, in order, for messages: `step 3, execute: INSERT …`.
    pub async fn last_effects(self, database: &mut HostSession<'_>) -> Result<Vec<String>> {
        last_effects(database, self).await
    }

    pub(super) fn parameters(self) -> [Value; 2] {
        [self.history.into(), self.direction.to_string().into()]
    }
}

/// Executes a statement that must change exactly one row.
pub(super) async fn change(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<()> {
    match execute(database, text, parameters).await? {
        1 => Ok(()),
        _ => Err(corrupt()),
    }
}

pub(super) async fn execute(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<u64> {
    let text = tool_sql(text, database.facts());
    database.execute(&text, parameters).await.map_err(unwritable)
}

pub(super) async fn rows(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
    let text = tool_sql(text, database.facts());
    Ok(database.query(&text, parameters, QueryLimits::NONE).await.map_err(unwritable)?.rows)
}

/// Makes changes in the caller's transaction.
pub async fn make(database: &mut HostSession<'_>, changes: impl IntoIterator<Item = ToolChange>) -> Result<()> {
    for change in changes {
        database.change(&change).await.map_err(unmade)?;
    }
    Ok(())
}

/// Makes changes in a transaction of their own.
pub(super) async fn record(database: &mut HostSession<'_>, changes: &[ToolChange]) -> Result<()> {
    database.commit(UnitOfWork::Apart(changes)).await.result().map_err(unmade)
}

/// The error of changes that were made together.
pub fn unmade(error: DatabaseError) -> Error {
    if error.is_unexpected_rows() { corrupt() } else { unwritable(error) }
}

/// What shows that a step is in the journal, or its inputs.
pub fn has_step(run: Run, step: u64) -> Marker {
    Marker::new(sql::HAS_STEP, run.parameters().into_iter().chain([number(step)]))
}

/// What shows that a step is in the journal with its answer.
pub fn has_answer(run: Run, step: u64) -> Marker {
    Marker::new(sql::HAS_ANSWER, run.parameters().into_iter().chain([number(step)]))
}

/// Adds a step, done or intended, after which the journal ends.
pub fn insert(run: Run, entry: &Entry) -> [ToolChange; 2] {
    let head = match entry.ended_at {
        Some(_) => head::moved(run, entry.step, &entry.seal),
        None => head::stepped(run, entry.step),
    };
    [put(run, entry, 0), head]
}

/// Inserts the first row, which holds the inputs.
pub fn insert_first(run: Run, entry: &Entry) -> ToolChange {
    put(run, entry, 0)
}

/// Adds a part of a step's result. Parts are counted from 1.
pub fn insert_part(run: Run, step: u64, part: u64, answer: Vec<u8>) -> ToolChange {
    let kind = "part".to_owned();
    let now = now();
    let entry =
        Entry { step, kind, answer: Some(answer), began_at: now.clone(), ended_at: Some(now), ..Entry::default() };
    put(run, &entry, part)
}

/// Where the answer is among the values of a row.
const ANSWER: usize = 12;

fn put(run: Run, entry: &Entry, part: u64) -> ToolChange {
    let [history, direction] = run.parameters();
    let parameters = [
        history,
        direction,
        number(entry.step),
        number(part),
        entry.kind.as_str().into(),
        entry.digest.as_str().into(),
        entry.text.as_str().into(),
        if entry.ended_at.is_some() { "done" } else { "intent" }.into(),
        number(u64::from(entry.effect)),
        number(entry.rows),
        entry.seal.as_str().into(),
        entry.answer.clone().map_or(Value::Null, Value::Bytes),
        entry.began_at.as_str().into(),
        entry.ended_at.clone().into(),
    ];
    let change = ToolChange::of_one_row(sql::INSERT, parameters);
    match &entry.expression {
        Some(expression) => change.with_expression(ANSWER, expression.clone()),
        None => change,
    }
}

/// Adds the answer to an intent.
pub fn answer(run: Run, entry: &Entry) -> [ToolChange; 2] {
    let [history, direction] = run.parameters();
    let parameters = [
        entry.text.as_str().into(),
        number(u64::from(entry.effect)),
        number(entry.rows),
        entry.seal.as_str().into(),
        entry.answer.clone().map_or(Value::Null, Value::Bytes),
        entry.ended_at.clone().into(),
        history,
        direction,
        number(entry.step),
    ];
    [ToolChange::of_one_row(sql::ANSWER, parameters), head::moved(run, entry.step, &entry.seal)]
}

/// Deletes the intent of a step that had no effect, after the step `before`.
pub fn forget(run: Run, step: u64, before: u64) -> [ToolChange; 2] {
    let [history, direction] = run.parameters();
    [ToolChange::of_one_row(sql::FORGET, [history, direction, number(step)]), head::stepped(run, before)]
}

/// Returns the first page of the steps after `last`.
pub async fn page(database: &mut HostSession<'_>, run: Run, last: u64) -> Result<Vec<Recorded>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::PAGE, &[history, direction, number(last)]).await?;
    found.into_iter().map(|row| recorded(row).ok_or_else(corrupt)).collect()
}

fn recorded(row: Vec<Value>) -> Option<Recorded> {
    let mut values = row.into_iter();
    let step = count(&values.next()?)?;
    let mut text = || values.next()?.as_text().map(str::to_owned);
    let (kind, digest, shown, state, seal) = (text()?, text()?, text()?, text()?, text()?);
    let (effect, rows) = (count(&values.next()?)? == 1, count(&values.next()?)?);
    let answer = values.next()?.as_bytes().map(<[u8]>::to_vec);
    let is_done = match state.as_str() {
        "done" => true,
        "intent" => false,
        _ => return None,
    };
    let entry = Entry { step, kind, digest, text: shown, effect, rows, seal, answer, ..Entry::default() };
    Some(Recorded { entry, is_done })
}

/// Returns the packed answer of a completed step and its seal, or an error if the step was changed. `before` is the seal
/// over the steps before it.
pub async fn answer_of(
    database: &mut HostSession<'_>,
    run: Run,
    mut entry: Entry,
    before: &str,
) -> Result<(Vec<u8>, String)> {
    let step = entry.step;
    let answer = match entry.answer.take() {
        Some(answer) => Some(answer),
        None => part(database, run, step, 0).await?,
    };
    let answer = answer.ok_or_else(|| damaged(format!("the answer of step {step} is missing")))?;
    if entry.seal_over(before, &answer) != entry.seal {
        return Err(damaged(format!("step {step} was changed")));
    }
    Ok((answer, entry.seal))
}

/// Returns a packed part of a step's result; part 0 is the answer itself.
pub async fn part(database: &mut HostSession<'_>, run: Run, step: u64, part: u64) -> Result<Option<Vec<u8>>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::PART, &[history, direction, number(step), number(part)]).await?;
    let Some(value) = found.into_iter().next().and_then(|row| row.into_iter().next()) else { return Ok(None) };
    match value {
        Value::Bytes(bytes) => Ok(Some(bytes)),
        _ => Ok(None),
    }
}

/// Returns the step that began and has no answer, if there is one.
pub async fn intent(database: &mut HostSession<'_>, run: Run) -> Result<Option<Intent>> {
    let Some(row) = rows(database, sql::INTENT, &run.parameters()).await?.into_iter().next() else { return Ok(None) };
    let [step, kind, digest, text, before, began_at] = &row[..] else { return Err(corrupt()) };
    let intent = || {
        Some(Intent {
            step: count(step)?,
            kind: kind.as_text()?.to_owned(),
            digest: digest.as_text()?.to_owned(),
            text: text.as_text()?.to_owned(),
            before: before.as_bytes().map(<[u8]>::to_vec),
            began_at: began_at.as_text()?.to_owned(),
        })
    };
    intent().map(Some).ok_or_else(corrupt)
}

/// Returns the number of the last step that is done.
pub async fn done(database: &mut HostSession<'_>, run: Run) -> Result<u64> {
    counted(database, sql::DONE, run).await
}

/// Returns the number of steps that may have changed something.
pub async fn effects(database: &mut HostSession<'_>, run: Run) -> Result<u64> {
    Ok(counted(database, sql::EFFECTS, run).await? + counted(database, sql::MOVED, run).await?)
}

async fn counted(database: &mut HostSession<'_>, text: &str, run: Run) -> Result<u64> {
    let found = rows(database, text, &run.parameters()).await?;
    found.first().and_then(|row| row.first()).and_then(count).ok_or_else(corrupt)
}

/// Returns the last steps that changed something, in order, for messages: `step 3, execute: INSERT …`.
pub async fn last_effects(database: &mut HostSession<'_>, run: Run) -> Result<Vec<String>> {
    let found = rows(database, sql::LAST, &run.parameters()).await?;
    let shown = |row: Vec<Value>| {
        let [step, kind, text] = &row[..] else { return None };
        let (step, kind, text) = (step.as_int64()?, kind.as_text()?, text.as_text()?);
        Some(if kind == CallKind::Statement.name() {
            format!("statement {step}: {text}")
        } else if kind == CallKind::Transaction.name() {
            format!("the transaction up to statement {step}: {text}")
        } else if text.starts_with(kind) {
            format!("step {step}: {text}")
        } else {
            format!("step {step}, {kind}: {text}")
        })
    };
    found.into_iter().rev().map(|row| shown(row).ok_or_else(corrupt)).collect()
}

/// Deletes everything recorded about a run.
pub async fn clear(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    execute(database, sql::CLEAR, &run.parameters()).await?;
    execute(database, sql::CLEAR_CHECKPOINTS, &run.parameters()).await?;
    execute(database, sql::CLEAR_HEAD, &run.parameters()).await?;
    chunk::clear(database, run).await.map_err(unwritable)?;
    evidence::clear(database, run).await
}

/// Deletes the answers of a completed run and keeps its steps.
pub fn trimmed(run: Run) -> [ToolChange; 4] {
    [sql::CLEAR_PARTS, sql::CLEAR_ANSWERS, sql::CLEAR_CHECKPOINTS, sql::CLEAR_HEAD]
        .map(|text| ToolChange::of_any_rows(text, run.parameters()))
}

/// Deletes the intent, the checkpoint and the chunks of a failed step.
pub async fn clear_failed(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    let [history, direction] = run.parameters();
    let parameters = [history, direction, number(step)];
    execute(database, sql::FORGET, &parameters).await?;
    execute(database, sql::CLEAR_CHECKPOINT, &parameters).await?;
    chunk::clear_step(database, run, step).await.map_err(unwritable)?;
    evidence::clear_chunks(database, run, step).await
}

pub(super) fn count(value: &Value) -> Option<u64> {
    u64::try_from(value.as_int64()?).ok()
}

pub(super) fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Returns the error for a journal that is not as it was written.
pub fn corrupt() -> Error {
    Error::mismatch("the journal is damaged")
        .hint("restore the tables `runner_journal`, `runner_head`, `runner_checkpoint` and `runner_chunk` from a backup")
        .hint("without a backup the migration cannot be resumed: complete or undo it by hand, and record that with `runner repair`")
}

pub(super) fn unwritable(error: DatabaseError) -> Error {
    Error::from(error).at("while using", "the journal")
}
