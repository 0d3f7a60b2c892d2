//! The chunks of a transform as database rows, shared by several connections and processes.
//!
//! A worker keeps the row of its chunk locked in the transaction of the work, so the server itself shows which workers
//! are alive. A row that is `claimed` but not locked belongs to a worker that is about to begin, for which the lease
//! allows time, or to one that is dead. Taking over a chunk raises its token. The change to `done` is bound to the
//! token and is in the transaction of the chunk's rows, so a chunk takes effect exactly once even if its former owner
//! returns late.

mod in_progress;
mod integrity;
mod owner;
#[cfg(test)]
mod simulation_tests;

pub use self::in_progress::{TransformInProgress, in_progress};
pub use self::integrity::check;
use self::integrity::seal;
pub use self::owner::{ChunkRole, Owner};
use crate::call::answer::{Position, Transformed};
use crate::call::codec::{pack, unpack};
use crate::call::transform::KeyOrEnd;
use crate::clock::now;
use crate::run::Run;
use crate::schema::chunk as sql;
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, HostSession, QueryLimits, ToolChange, tool_sql};

/// How long a claimed chunk waits for its owner's transaction, by the database's clock. A process that dies in between
/// delays the others for this long; one that is late finds its chunk taken and claims another.
const LEASE_MICROSECONDS: i64 = 5_000_000;

/// A worker that claims chunks of one transform.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// The run whose journal holds the transform.
    pub run: Run,
    /// The transform's step.
    pub step: u64,
    /// Distinguishes this worker from all others that ever claimed a chunk.
    pub owner: Owner,
    /// The digest of a helper's build, which may be replaced while it works; `None` for the holder of the lock.
    pub build: Option<String>,
}

/// A chunk to process.
#[derive(Clone, Debug)]
pub struct ClaimedChunk {
    /// Counted from 1 in the order of the key.
    pub number: u64,
    /// The key after which it begins.
    pub from: Option<Vec<Value>>,
    /// The key of its last row, or `None` for the end of the table.
    pub to: Option<Vec<Value>>,
    /// The number of its rows when it was cut, if they were counted.
    pub size: Option<u64>,
    token: i64,
}

/// How far the table has been cut into chunks.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// The key after which the next chunk begins; without a bound, nothing is left to cut.
    pub position: Position,
    /// The number of chunks cut so far.
    pub chunks: u64,
    /// Rows read, as far as recorded here.
    pub rows_read: u64,
}

/// What a worker does when another one has locked the frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontierLock {
    /// It waits. It must hold no chunk then: a worker that closes a transform holds the frontier and waits for all
    /// chunks.
    Wait,
    /// It returns without a chunk.
    IfFree,
}

/// The work done for a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
}

/// The state of a claimed chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// It is ours, and stays locked until the transaction ends.
    Held,
    /// We completed it, but the answer to the commit was lost.
    Done(Effect),
    /// Another worker took it over.
    Lost,
}

impl Claimant {
    /// Locks the frontier until the transaction ends and returns it, or `None` if the transform is over, or if it is locked and
    /// the caller does not wait.
    pub async fn frontier(
        &self,
        database: &mut HostSession<'_>,
        lock: FrontierLock,
    ) -> Result<Option<Frontier>, DatabaseError> {
        let text = match lock {
            FrontierLock::Wait => sql::FRONTIER,
            FrontierLock::IfFree => sql::FREE_FRONTIER,
        };
        let found = rows(database, text, &self.place()).await?;
        let Some(row) = found.first() else { return Ok(None) };
        if self.is_replaced(database).await? {
            return Ok(None);
        }
        let frontier = || {
            let [position, chunks, rows_read] = &row[..] else { return None };
            let position = unpack(position.as_bytes()?)?;
            Some(Frontier { position, chunks: count(chunks)?, rows_read: count(rows_read)? })
        };
        frontier().map(Some).ok_or_else(corrupt)
    }

    /// Cuts a chunk off at a locked frontier and claims it: up to a key or the end, of that many rows, and whether it is the last.
    /// `before` is the work done since the last cut. The changes are to be made in the transaction that has locked the frontier.
    pub fn cut(
        &self,
        frontier: Frontier,
        (to, size, is_last): (Option<Vec<Value>>, Option<u64>, bool),
        before: &Effect,
    ) -> (ClaimedChunk, [ToolChange; 2]) {
        let Frontier { position, chunks, .. } = frontier;
        let chunk = ClaimedChunk { number: chunks + 1, from: position.last.clone(), to: to.clone(), size, token: 1 };
        let end = key(&to);
        let bound = position.bound.filter(|_| !is_last);
        let next = Position { bound, last: to, types: position.types };
        let [history, direction, step] = self.place();
        let moved = [
            Value::Bytes(pack(&next)),
            number(chunk.number),
            number(before.rows_read),
            number(before.rows_written),
            now().into(),
            history.clone(),
            direction.clone(),
            step.clone(),
        ];
        let [owner, role, run_id, held_by] = self.owner.columns();
        let inserted = [
            history,
            direction,
            step,
            number(chunk.number),
            key(&chunk.from),
            end,
            number(size.unwrap_or_default()),
            owner,
            role,
            run_id,
            held_by,
            LEASE_MICROSECONDS.into(),
        ];
        (chunk, [ToolChange::of_one_row(sql::MOVE, moved), ToolChange::of_one_row(sql::INSERT, inserted)])
    }

    /// Whether two keys are the same. Bytes are compared because a NaN is not equal to itself.
    pub fn is_same(one: &[Value], other: &[Value]) -> bool {
        key(&Some(one.to_vec())) == key(&Some(other.to_vec()))
    }

    /// Takes over a chunk of a dead worker, if there is one.
    pub async fn take_over(&self, database: &mut HostSession<'_>) -> Result<Option<ClaimedChunk>, DatabaseError> {
        let mut place = self.place().to_vec();
        let text = if self.owner.leads() {
            place.push(self.owner.id.as_str().into());
            sql::LEFT_TO_LEADER
        } else {
            sql::LEFT
        };
        let found = rows(database, text, &place).await?;
        let Some(row) = found.first() else { return Ok(None) };
        if self.is_replaced(database).await? {
            return Ok(None);
        }
        let chunk = || {
            let [at, from, to, size, token] = &row[..] else { return None };
            let key = |value: &Value| Some(unpack::<KeyOrEnd>(value.as_bytes()?)?.0);
            Some(ClaimedChunk {
                number: count(at)?,
                from: key(from)?,
                to: key(to)?,
                size: Some(count(size)?).filter(|size| *size > 0),
                token: token.as_int64()?.checked_add(1)?,
            })
        };
        let chunk = chunk().ok_or_else(corrupt)?;
        let [history, direction, step] = self.place();
        let [owner, role, run_id, held_by] = self.owner.columns();
        let taken = [
            owner,
            role,
            run_id,
            held_by,
            chunk.token.into(),
            LEASE_MICROSECONDS.into(),
            history,
            direction,
            step,
            number(chunk.number),
        ];
        change(database, sql::TAKE, &taken).await?;
        Ok(Some(chunk))
    }

    /// Locks a claimed chunk until the transaction ends, if it is still ours.
    pub async fn hold(
        &self,
        database: &mut HostSession<'_>,
        chunk: &ClaimedChunk,
    ) -> Result<ClaimState, DatabaseError> {
        let [history, direction, step] = self.place();
        let found = rows(database, sql::HOLD, &[history, direction, step, number(chunk.number)]).await?;
        let Some(row) = found.first() else { return Ok(ClaimState::Lost) };
        let [state, owner, token, rows_read, rows_written] = &row[..] else { return Err(corrupt()) };
        if owner.as_text() != Some(self.owner.id.as_str()) || token.as_int64() != Some(chunk.token) {
            return Ok(ClaimState::Lost);
        }
        if state.as_text() == Some("claimed") {
            return Ok(ClaimState::Held);
        }
        let effect = || {
            let (rows_read, rows_written) = (count(rows_read)?, count(rows_written)?);
            Some(Effect { rows_read, rows_written })
        };
        effect().map(ClaimState::Done).ok_or_else(corrupt)
    }

    /// Marks a chunk as done, in the transaction of its rows. If the chunk is no longer ours, no row changes, and no part of it may be
    /// committed.
    pub fn completed(&self, chunk: &ClaimedChunk, effect: &Effect) -> ToolChange {
        let [history, direction, step] = self.place();
        let seal = seal(self.step, chunk.number, [&key(&chunk.from), &key(&chunk.to)], effect);
        let values = [
            number(effect.rows_read),
            number(effect.rows_written),
            seal.into(),
            history,
            direction,
            step,
            number(chunk.number),
            self.owner.id.as_str().into(),
            chunk.token.into(),
        ];
        ToolChange::of_one_row(sql::COMPLETE, values)
    }

    /// Releases a chunk for any worker to claim. `why` is the error that it met, if any.
    pub async fn release(
        &self,
        database: &mut HostSession<'_>,
        chunk: &ClaimedChunk,
        why: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let [history, direction, step] = self.place();
        let parameters = [
            why.map(str::to_owned).into(),
            history,
            direction,
            step,
            number(chunk.number),
            self.owner.id.as_str().into(),
            chunk.token.into(),
        ];
        execute(database, sql::RELEASE, &parameters).await.map(drop)
    }

    /// Returns whether any claimed chunk is not done.
    pub async fn has_claimed(&self, database: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        if self.is_replaced(database).await? {
            return Ok(false);
        }
        let found = rows(database, sql::CLAIMED, &self.place()).await?;
        found.first().and_then(|row| row.first()).and_then(count).map(|left| left > 0).ok_or_else(corrupt)
    }

    /// Returns whether another build has taken over from this helper's. A takeover locks the frontier and all claimed
    /// chunks, one of which the caller has locked.
    async fn is_replaced(&self, database: &mut HostSession<'_>) -> Result<bool, DatabaseError> {
        let Some(build) = &self.build else { return Ok(false) };
        let found = rows(database, sql::IS_BUILD, &[self.run.history.into(), build.as_str().into()]).await?;
        Ok(found.is_empty())
    }

    /// Returns the work of all participants.
    pub async fn totals(&self, database: &mut HostSession<'_>) -> Result<Transformed, DatabaseError> {
        totals(database, self.run, self.step, None).await
    }

    fn place(&self) -> [Value; 3] {
        place(self.run, self.step)
    }
}

/// Returns the work done on a transform by all participants, or by this run alone if it helped another.
pub async fn totals(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    helper: Option<&str>,
) -> Result<Transformed, DatabaseError> {
    let mut parameters = place(run, step).to_vec();
    parameters.extend(helper.map(Value::from));
    let text = if helper.is_some() { sql::TOTALS_OF } else { sql::TOTALS };
    let found = rows(database, text, &parameters).await?;
    let done = |row: &Vec<Value>| {
        let [chunks, rows_read, rows_written] = &row[..] else { return None };
        let (chunks, rows_read, rows_written) = (count(chunks)?, count(rows_read)?, count(rows_written)?);
        Some(Transformed { chunks, rows_read, rows_written, ..Transformed::default() })
    };
    found.first().and_then(done).ok_or_else(corrupt)
}

/// Adds a completed chunk of a lone worker, in the transaction of its rows.
pub fn added_done(
    claimant: &Claimant,
    chunk: u64,
    [from, to]: [&Option<Vec<Value>>; 2],
    effect: &Effect,
) -> ToolChange {
    let [history, direction, step] = claimant.place();
    let (from, to) = (key(from), key(to));
    let seal = seal(claimant.step, chunk, [&from, &to], effect);
    let [owner, role, run_id, held_by] = claimant.owner.columns();
    let values = [
        history,
        direction,
        step,
        number(chunk),
        from,
        to,
        number(effect.rows_read),
        owner,
        role,
        run_id,
        held_by,
        number(effect.rows_read),
        number(effect.rows_written),
        seal.into(),
    ];
    ToolChange::of_one_row(sql::INSERT_DONE, values)
}

/// Deletes the chunks of a step.
pub async fn clear_step(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<(), DatabaseError> {
    execute(database, sql::CLEAR_STEP, &place(run, step)).await.map(drop)
}

/// Deletes the chunks of a run.
pub async fn clear(database: &mut HostSession<'_>, run: Run) -> Result<(), DatabaseError> {
    let [history, direction, _] = place(run, 0);
    execute(database, sql::CLEAR, &[history, direction]).await.map(drop)
}

/// Waits for all workers on chunks of a run and keeps others from starting until the transaction ends. Returns whether
/// any chunk is done.
///
/// The frontier comes first: no worker can cut another chunk from then on, and no worker that holds a chunk waits for
/// the frontier. In the other order, a worker that is quick would always have claimed the next chunk before this one
/// learns of the last.
pub async fn close(database: &mut HostSession<'_>, run: Run) -> Result<bool, DatabaseError> {
    let [history, direction, _] = place(run, 0);
    let of_run = [history, direction];
    rows(database, sql::CLOSE, &of_run).await?;
    let states = rows(database, sql::STATES, &of_run).await?;
    Ok(states.iter().any(|row| row.first().and_then(Value::as_text) == Some("done")))
}

/// Takes the claimed chunks of a closed transform from their owners, and returns their numbers. A worker of another build that
/// comes back finds its chunk lost.
pub async fn revoke_claims(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<Vec<u64>, DatabaseError> {
    let found = rows(database, sql::OPEN, &place(run, step)).await?;
    let open = found.iter().map(|row| row.first().and_then(count).ok_or_else(corrupt)).collect();
    execute(database, sql::SEIZE, &place(run, step)).await?;
    open
}

fn place(run: Run, step: u64) -> [Value; 3] {
    [run.history.into(), run.direction.to_string().into(), number(step)]
}

fn key(key: &Option<Vec<Value>>) -> Value {
    Value::Bytes(KeyOrEnd(key.clone()).pack())
}

fn count(value: &Value) -> Option<u64> {
    u64::try_from(value.as_int64()?).ok()
}

fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

async fn change(database: &mut HostSession<'_>, template: &str, parameters: &[Value]) -> Result<(), DatabaseError> {
    match execute(database, template, parameters).await? {
        1 => Ok(()),
        _ => Err(corrupt()),
    }
}

async fn execute(database: &mut HostSession<'_>, template: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
    let text = tool_sql(template, database.facts());
    database.execute(&text, parameters).await
}

async fn rows(
    database: &mut HostSession<'_>,
    template: &str,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let text = tool_sql(template, database.facts());
    Ok(database.query(&text, parameters, QueryLimits::NONE).await?.rows)
}

fn corrupt() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "the chunks of the transform are damaged")
        .hint("restore the tables `runner_checkpoint` and `runner_chunk` from a backup")
}
