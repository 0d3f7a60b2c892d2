//! Reads and writes the journal's tables. The caller has set the host's rights and owns the transaction.

mod checkpoint;
mod entry;

pub use self::checkpoint::{
    Checkpoint, begin_checkpoint, checkpoint, clear_checkpoint, find_checkpoint, move_checkpoint, transformed,
    under_way,
};
pub use self::entry::{Entry, INPUTS, Intent, Recorded};
use crate::data::Value;
use crate::database::{HostSession, QueryLimits};
use crate::engine::clock::now;
use crate::engine::journal::{chunk, damaged, head};
use crate::engine::run::Run;
use crate::engine::schema::journal as sql;
use crate::engine::schema::tool_sql;
use crate::engine::transcript::store as evidence;
use crate::error::{Error, Result};

impl Run {
    /// Takes everything that is noted of the run away.
    pub async fn clear(self, database: &mut HostSession<'_>) -> Result<()> {
        clear(database, self).await
    }

    /// Keeps of a run that is done which steps it took, and not what they answered: the tables must not grow with what was
    /// read.
    pub async fn trim(self, database: &mut HostSession<'_>) -> Result<()> {
        trim(database, self).await
    }

    /// Waits for all who work on chunks of the run, and keeps others from beginning, until the transaction ends. Answers
    /// whether any chunk is done.
    pub async fn close(self, database: &mut HostSession<'_>) -> Result<bool> {
        chunk::close(database, self).await.map_err(unwritable)
    }

    /// The last steps that changed something, in order, for messages: `step 3, execute: INSERT …`.
    pub async fn last_effects(self, database: &mut HostSession<'_>) -> Result<Vec<String>> {
        last_effects(database, self).await
    }

    pub(super) fn parameters(self) -> [Value; 2] {
        [self.history.into(), self.direction.to_string().into()]
    }
}

/// Runs a statement that must change exactly one row.
pub(super) async fn change(database: &mut HostSession<'_>, text: &str, parameters: &[Value]) -> Result<()> {
    match execute(database, text, parameters).await? {
        1 => Ok(()),
        _ => Err(garbled()),
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

/// Adds a step, done or intended, behind which the journal ends.
pub async fn insert(database: &mut HostSession<'_>, run: Run, entry: &Entry) -> Result<()> {
    put(database, run, entry, 0).await?;
    match entry.ended_at {
        Some(_) => head::moved(database, run, entry.step, &entry.seal).await,
        None => head::stepped(database, run, entry.step).await,
    }
}

/// Adds the row that the steps follow.
pub async fn insert_first(database: &mut HostSession<'_>, run: Run, entry: &Entry) -> Result<()> {
    put(database, run, entry, 0).await
}

/// Adds a part of a step's result. Parts are counted from 1.
pub async fn insert_part(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    part: u64,
    answer: Vec<u8>,
) -> Result<()> {
    let kind = "part".to_owned();
    let now = now();
    let entry =
        Entry { step, kind, answer: Some(answer), began_at: now.clone(), ended_at: Some(now), ..Entry::default() };
    put(database, run, &entry, part).await
}

async fn put(database: &mut HostSession<'_>, run: Run, entry: &Entry, part: u64) -> Result<()> {
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
    change(database, sql::INSERT, &parameters).await
}

/// Answers a step that was intended.
pub async fn answer(database: &mut HostSession<'_>, run: Run, entry: &Entry) -> Result<()> {
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
    change(database, sql::ANSWER, &parameters).await?;
    head::moved(database, run, entry.step, &entry.seal).await
}

/// Takes an intent back, whose step has no effect.
pub async fn forget(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    let [history, direction] = run.parameters();
    change(database, sql::FORGET, &[history, direction, number(step)]).await?;
    head::stepped(database, run, step.saturating_sub(1)).await
}

/// The next steps behind one, not all of them.
pub async fn page(database: &mut HostSession<'_>, run: Run, behind: u64) -> Result<Vec<Recorded>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::PAGE, &[history, direction, number(behind)]).await?;
    found.into_iter().map(|row| recorded(row).ok_or_else(garbled)).collect()
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

/// The answer of a step that is done, packed, and its seal, if it is as it was written. `before`: the seal over the steps before
/// it.
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
    let answer = answer.ok_or_else(|| damaged(format!("the answer of step {step} is gone")))?;
    if entry.seal_over(before, &answer) != entry.seal {
        return Err(damaged(format!("step {step} was changed")));
    }
    Ok((answer, entry.seal))
}

/// What a step answered, packed; `part` 0 is the answer itself.
pub async fn part(database: &mut HostSession<'_>, run: Run, step: u64, part: u64) -> Result<Option<Vec<u8>>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::PART, &[history, direction, number(step), number(part)]).await?;
    let Some(value) = found.into_iter().next().and_then(|row| row.into_iter().next()) else { return Ok(None) };
    match value {
        Value::Bytes(bytes) => Ok(Some(bytes)),
        _ => Ok(None),
    }
}

/// The step that was begun and not answered.
pub async fn intent(database: &mut HostSession<'_>, run: Run) -> Result<Option<Intent>> {
    let Some(row) = rows(database, sql::INTENT, &run.parameters()).await?.into_iter().next() else { return Ok(None) };
    let [step, kind, digest, text, before, began_at] = &row[..] else { return Err(garbled()) };
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
    intent().map(Some).ok_or_else(garbled)
}

/// How many steps are done.
pub async fn done(database: &mut HostSession<'_>, run: Run) -> Result<u64> {
    counted(database, sql::DONE, run).await
}

/// How many steps may have changed something.
pub async fn effects(database: &mut HostSession<'_>, run: Run) -> Result<u64> {
    Ok(counted(database, sql::EFFECTS, run).await? + counted(database, sql::MOVED, run).await?)
}

async fn counted(database: &mut HostSession<'_>, text: &str, run: Run) -> Result<u64> {
    let found = rows(database, text, &run.parameters()).await?;
    found.first().and_then(|row| row.first()).and_then(count).ok_or_else(garbled)
}

/// The last steps that changed something, in order, for messages: `step 3, execute: INSERT …`.
pub async fn last_effects(database: &mut HostSession<'_>, run: Run) -> Result<Vec<String>> {
    let found = rows(database, sql::LAST, &run.parameters()).await?;
    let shown = |row: Vec<Value>| {
        let [step, kind, text] = &row[..] else { return None };
        Some(format!("step {}, {}: {}", step.as_int64()?, kind.as_text()?, text.as_text()?))
    };
    found.into_iter().rev().map(|row| shown(row).ok_or_else(garbled)).collect()
}

/// Takes everything of a run away.
pub async fn clear(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    execute(database, sql::CLEAR, &run.parameters()).await?;
    execute(database, sql::CLEAR_CHECKPOINTS, &run.parameters()).await?;
    execute(database, sql::CLEAR_HEAD, &run.parameters()).await?;
    chunk::clear(database, run).await.map_err(unwritable)?;
    evidence::clear(database, run).await
}

/// Keeps of a run that is done which steps it took, and not what they answered: the tables must not grow with what was read.
pub async fn trim(database: &mut HostSession<'_>, run: Run) -> Result<()> {
    execute(database, sql::CLEAR_PARTS, &run.parameters()).await?;
    execute(database, sql::CLEAR_ANSWERS, &run.parameters()).await?;
    execute(database, sql::CLEAR_CHECKPOINTS, &run.parameters()).await?;
    execute(database, sql::CLEAR_HEAD, &run.parameters()).await?;
    Ok(())
}

/// Takes away what is noted of a step that has failed: its intent and its checkpoint, if there are any.
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

/// The error of a journal that is not as it was written.
pub fn garbled() -> Error {
    Error::mismatch("the journal does not read as runner wrote it")
        .hint("restore the tables `runner_journal`, `runner_head`, `runner_checkpoint` and `runner_chunk` from a backup")
        .hint("without one nobody can go on: bring the database to one of its two versions, and say which it is with `runner repair`")
}

pub(super) fn unwritable(error: crate::database::DatabaseError) -> Error {
    Error::from(error).at("while using", "the journal")
}
