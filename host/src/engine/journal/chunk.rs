//! The chunks of a transform as rows of the database, which several connections and processes share.
//!
//! Who works on a chunk keeps its row locked in the transaction of the work, so that the server itself tells who is alive: a
//! row that is `claimed` and not locked is of somebody who is about to begin, for which the lease gives time, or who is dead.
//! Whoever takes it over raises the token; the change to `done` is bound to the token and stands in the transaction of the
//! chunk's rows, so that a chunk takes effect once whoever comes late.

mod under_way;
mod whole;

pub use self::under_way::{UnderWay, under_way};
pub use self::whole::check;
use self::whole::seal;
use crate::data::Value;
use crate::database::{Database, DatabaseError, DatabaseErrorKind, QueryLimits};
use crate::engine::call::answer::{Position, Transformed, pack, unpack};
use crate::engine::call::transform::KeyOrEnd;
use crate::engine::clock::now;
use crate::engine::run::Run;
use crate::engine::schema::chunk as sql;

/// How long a chunk waits for the transaction that works on it, by the database's clock. A process that dies in that moment
/// holds up those that share the transform with it for as long; one that is late finds the chunk taken, and takes another.
const LEASE_MICROSECONDS: i64 = 5_000_000;

/// Who claims chunks of one transform.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// Whose journal.
    pub run: Run,
    /// The transform's step.
    pub step: u64,
    /// Tells it from all others that ever claimed.
    pub owner: Owner,
}

/// Who works on chunks: one attempt of a run at a transform.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Tells the attempt from every other one.
    pub id: String,
    /// Whether it leads.
    pub role: ChunkRole,
    /// The run.
    pub run_id: String,
    /// Process and host, for people.
    pub held_by: String,
}

/// The part that a process has in a shared transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkRole {
    /// It holds the lock: it begins and ends the transform.
    Leader,
    /// It takes chunks of a transform that another process leads.
    Helper,
}

impl ChunkRole {
    fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Helper => "helper",
        }
    }
}

impl Owner {
    /// A new attempt of a run.
    pub fn new(run_id: &str, held_by: &str, role: ChunkRole) -> Self {
        let id = format!("{run_id}-{:08x}", crate::random::bits() as u32);
        Self { id, role, run_id: run_id.to_owned(), held_by: held_by.to_owned() }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.role == ChunkRole::Leader
    }

    /// The columns `owner`, `role`, `run_id` and `held_by`.
    fn columns(&self) -> [Value; 4] {
        [self.id.as_str().into(), self.role.name().into(), self.run_id.as_str().into(), self.held_by.as_str().into()]
    }
}

/// A chunk that is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Counted from 1 in the order of the key.
    pub number: u64,
    /// The key behind which it begins.
    pub from: Option<Vec<Value>>,
    /// The key of its last row; none: the end.
    pub to: Option<Vec<Value>>,
    /// The rows that it had when it was cut, if they were counted.
    pub size: Option<u64>,
    token: i64,
}

/// How far chunks were cut.
#[derive(Clone, Debug)]
pub struct Frontier {
    /// Behind which key; without a bound there is nothing left to cut.
    pub position: Position,
    /// How many chunks that makes.
    pub chunks: u64,
    /// Rows that were read, as far as it is noted there.
    pub rows_read: u64,
}

/// What was done for a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Rows read.
    pub rows_read: u64,
    /// Rows written.
    pub rows_written: u64,
}

/// What became of a chunk that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is ours, and is kept until the transaction ends.
    Ours,
    /// It is done, by us: the answer to the commit got lost.
    Done(Effect),
    /// Somebody else took it over.
    Lost,
}

impl Claimant {
    /// How far chunks were cut; nobody else cuts one before the transaction ends. None: the transform is over.
    pub async fn frontier(&self, database: &mut dyn Database) -> Result<Option<Frontier>, DatabaseError> {
        let found = rows(database, sql::FRONTIER, &self.place()).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let frontier = || {
            let [position, chunks, rows_read] = &row[..] else { return None };
            let position = unpack(position.as_bytes()?)?.ok()?;
            Some(Frontier { position, chunks: count(chunks)?, rows_read: count(rows_read)? })
        };
        frontier().map(Some).ok_or_else(garbled)
    }

    /// Cuts a chunk off at a frontier that is kept, and claims it. `before`: what was done since the last that was cut.
    pub async fn cut(
        &self,
        database: &mut dyn Database,
        frontier: Frontier,
        (to, size): (Option<Vec<Value>>, Option<u64>),
        before: &Effect,
    ) -> Result<Chunk, DatabaseError> {
        let Frontier { position, chunks, .. } = frontier;
        let chunk = Chunk { number: chunks + 1, from: position.last.clone(), to: to.clone(), size, token: 1 };
        // An open end, and the bound itself, are the last of it. Bytes tell: a NaN is not equal to itself.
        let end = key(&to);
        let bound = position.bound.filter(|bound| to.is_some() && key(&Some(bound.clone())) != end);
        let next = Position { bound, last: to, types: position.types };
        let [history, direction, step] = self.place();
        let moved = [
            Value::Bytes(pack(Ok(&next))),
            number(chunk.number),
            number(before.rows_read),
            number(before.rows_written),
            now().into(),
            history.clone(),
            direction.clone(),
            step.clone(),
        ];
        change(database, sql::MOVE, &moved).await?;
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
        change(database, sql::INSERT, &inserted).await?;
        Ok(chunk)
    }

    /// Takes over a chunk of somebody who is dead, if there is one.
    pub async fn take_over(&self, database: &mut dyn Database) -> Result<Option<Chunk>, DatabaseError> {
        let mut place = self.place().to_vec();
        let text = if self.owner.leads() {
            place.push(self.owner.id.as_str().into());
            sql::LEFT_TO_LEADER
        } else {
            sql::LEFT
        };
        let found = rows(database, text, &place).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let chunk = || {
            let [at, from, to, size, token] = &row[..] else { return None };
            let key = |value: &Value| Some(unpack::<KeyOrEnd>(value.as_bytes()?)?.ok()?.0);
            Some(Chunk {
                number: count(at)?,
                from: key(from)?,
                to: key(to)?,
                size: Some(count(size)?).filter(|size| *size > 0),
                token: token.as_int64()? + 1,
            })
        };
        let chunk = chunk().ok_or_else(garbled)?;
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

    /// Keeps a claimed chunk until the transaction ends, if it is still ours.
    pub async fn hold(&self, database: &mut dyn Database, chunk: &Chunk) -> Result<Held, DatabaseError> {
        let [history, direction, step] = self.place();
        let found = rows(database, sql::HOLD, &[history, direction, step, number(chunk.number)]).await?;
        let Some(row) = found.first() else { return Ok(Held::Lost) };
        let [state, owner, token, rows_read, rows_written] = &row[..] else { return Err(garbled()) };
        if owner.as_text() != Some(self.owner.id.as_str()) || token.as_int64() != Some(chunk.token) {
            return Ok(Held::Lost);
        }
        if state.as_text() == Some("claimed") {
            return Ok(Held::Ours);
        }
        let effect = || {
            let (rows_read, rows_written) = (count(rows_read)?, count(rows_written)?);
            Some(Effect { rows_read, rows_written })
        };
        effect().map(Held::Done).ok_or_else(garbled)
    }

    /// Notes, in the transaction of its rows, that a chunk is done; false if it is not ours any more: then nothing of it may
    /// be committed.
    pub async fn complete(
        &self,
        database: &mut dyn Database,
        chunk: &Chunk,
        effect: &Effect,
    ) -> Result<bool, DatabaseError> {
        let [history, direction, step] = self.place();
        let seal = seal(self.step, chunk.number, [&key(&chunk.from), &key(&chunk.to)], effect);
        let parameters = [
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
        Ok(execute(database, sql::COMPLETE, &parameters).await? == 1)
    }

    /// Gives a chunk up for anybody to take. `why`: the error that it met, if it met one.
    pub async fn release(
        &self,
        database: &mut dyn Database,
        chunk: &Chunk,
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

    /// Whether chunks are claimed that are not done.
    pub async fn has_claimed(&self, database: &mut dyn Database) -> Result<bool, DatabaseError> {
        let found = rows(database, sql::CLAIMED, &self.place()).await?;
        found.first().and_then(|row| row.first()).and_then(count).map(|left| left > 0).ok_or_else(garbled)
    }

    /// What was done by all who took part.
    pub async fn totals(&self, database: &mut dyn Database) -> Result<Transformed, DatabaseError> {
        totals(database, self.run, self.step, None).await
    }

    fn place(&self) -> [Value; 3] {
        place(self.run, self.step)
    }
}

/// What was done of a transform, by all who took part, or by this run beside others that led.
pub async fn totals(
    database: &mut dyn Database,
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
    found.first().and_then(done).ok_or_else(garbled)
}

/// Adds a chunk that was done by who works alone, in the transaction of its rows.
pub async fn insert_done(
    database: &mut dyn Database,
    claimant: &Claimant,
    chunk: u64,
    [from, to]: [&Option<Vec<Value>>; 2],
    effect: &Effect,
) -> Result<(), DatabaseError> {
    let [history, direction, step] = claimant.place();
    let (from, to) = (key(from), key(to));
    let seal = seal(claimant.step, chunk, [&from, &to], effect);
    let [owner, role, run_id, held_by] = claimant.owner.columns();
    let parameters = [
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
    change(database, sql::INSERT_DONE, &parameters).await
}

/// Takes the chunks of a step away.
pub async fn clear_step(database: &mut dyn Database, run: Run, step: u64) -> Result<(), DatabaseError> {
    execute(database, sql::CLEAR_STEP, &place(run, step)).await.map(drop)
}

/// Takes the chunks of a run away.
pub async fn clear(database: &mut dyn Database, run: Run) -> Result<(), DatabaseError> {
    let [history, direction, _] = place(run, 0);
    execute(database, sql::CLEAR, &[history, direction]).await.map(drop)
}

/// Waits for all who work on chunks of a run, and keeps others from beginning, until the transaction ends. Answers whether any
/// chunk is done.
pub async fn close(database: &mut dyn Database, run: Run) -> Result<bool, DatabaseError> {
    let [history, direction, _] = place(run, 0);
    let of_run = [history, direction];
    rows(database, sql::CLOSE, &of_run).await?;
    let states = rows(database, sql::STATES, &of_run).await?;
    Ok(states.iter().any(|row| row.first().and_then(Value::as_text) == Some("done")))
}

fn place(run: Run, step: u64) -> [Value; 3] {
    [run.history.into(), run.direction.to_string().into(), number(step)]
}

fn key(key: &Option<Vec<Value>>) -> Value {
    Value::Bytes(pack(Ok(&KeyOrEnd(key.clone()))))
}

fn count(value: &Value) -> Option<u64> {
    u64::try_from(value.as_int64()?).ok()
}

fn number(number: u64) -> Value {
    Value::Int64(i64::try_from(number).unwrap_or(i64::MAX))
}

async fn change(database: &mut dyn Database, template: &str, parameters: &[Value]) -> Result<(), DatabaseError> {
    match execute(database, template, parameters).await? {
        1 => Ok(()),
        _ => Err(garbled()),
    }
}

async fn execute(database: &mut dyn Database, template: &str, parameters: &[Value]) -> Result<u64, DatabaseError> {
    let text = sql::text(template, database.facts());
    database.execute(&text, parameters).await
}

async fn rows(
    database: &mut dyn Database,
    template: &str,
    parameters: &[Value],
) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let text = sql::text(template, database.facts());
    Ok(database.query(&text, parameters, QueryLimits::NONE).await?.rows)
}

fn garbled() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "the chunks of the transform do not read as runner wrote them")
        .hint("restore the tables `runner_checkpoint` and `runner_chunk` from a backup")
}
