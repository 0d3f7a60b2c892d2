//! How far transforms have come: their checkpoints.

use crate::data::Value;
use crate::database::HostSession;
use crate::engine::call::answer::{Answer, Position, Transformed, pack, unpack};
use crate::engine::call::transform::Work;
use crate::engine::clock::now;
use crate::engine::journal::chunk;
use crate::engine::journal::store::{change, count, garbled, number, rows, unwritable};
use crate::engine::run::Run;
use crate::engine::schema::journal as sql;
use crate::error::Result;

/// How far a transform has come.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What is done.
    pub work: Work,
    /// Where the next chunk begins.
    pub position: Position,
    /// What was done.
    pub done: Transformed,
}

/// Notes where a transform begins.
pub async fn begin_checkpoint(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    work: &Work,
    position: &Position,
) -> Result<()> {
    let [history, direction] = run.parameters();
    let (source, position) = (Value::Bytes(pack(Ok(work))), Value::Bytes(pack(Ok(position))));
    let parameters = [history, direction, number(step), source, position, now().into()];
    change(database, sql::BEGIN_CHECKPOINT, &parameters).await
}

/// Notes how far a transform has come.
pub async fn move_checkpoint(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    position: &Position,
    done: &Transformed,
) -> Result<()> {
    let [history, direction] = run.parameters();
    let parameters = [
        Value::Bytes(pack(Ok(position))),
        number(done.rows_read),
        number(done.rows_written),
        number(done.chunks),
        now().into(),
        history,
        direction,
        number(step),
    ];
    change(database, sql::MOVE_CHECKPOINT, &parameters).await
}

/// Takes the checkpoint of a transform away that is done.
pub async fn clear_checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    let [history, direction] = run.parameters();
    change(database, sql::CLEAR_CHECKPOINT, &[history, direction, number(step)]).await
}

/// What the transforms under way have done; none: none is under way. `helper`: what this run did of it beside others that
/// led.
pub async fn transformed(
    database: &mut HostSession<'_>,
    run: Run,
    helper: Option<&str>,
) -> Result<Option<Transformed>> {
    let mut sum = None;
    for step in under_way(database, run).await? {
        let done = chunk::totals(database, run, step, helper).await.map_err(unwritable)?;
        let sum: &mut Transformed = sum.get_or_insert_default();
        sum.rows_read += done.rows_read;
        sum.rows_written += done.rows_written;
        sum.chunks += done.chunks;
    }
    Ok(sum)
}

/// The steps of the transforms under way.
pub async fn under_way(database: &mut HostSession<'_>, run: Run) -> Result<Vec<u64>> {
    let found = rows(database, sql::UNDER_WAY, &run.parameters()).await?;
    found.iter().map(|row| row.first().and_then(count).ok_or_else(garbled)).collect()
}

/// How far a transform has come.
pub async fn checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<Checkpoint> {
    find_checkpoint(database, run, step).await?.ok_or_else(garbled)
}

/// How far a transform has come, if it is under way.
pub async fn find_checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<Option<Checkpoint>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::CHECKPOINT, &[history, direction, number(step)]).await?;
    let read = |row: &Vec<Value>| {
        let [source, position, rows_read, rows_written, chunks] = &row[..] else { return None };
        let (rows_read, rows_written, chunks) = (count(rows_read)?, count(rows_written)?, count(chunks)?);
        let done = Transformed { rows_read, rows_written, chunks, ..Transformed::default() };
        Some(Checkpoint { work: of(source)?, position: of(position)?, done })
    };
    found.first().map(|row| read(row).ok_or_else(garbled)).transpose()
}

fn of<T: Answer>(value: &Value) -> Option<T> {
    unpack(value.as_bytes()?)?.ok()
}
