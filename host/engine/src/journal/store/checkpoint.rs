//! The checkpoints of transforms.

use serde::de::DeserializeOwned;

use crate::call::answer::{Position, Transformed};
use crate::call::codec::{pack, unpack};
use crate::call::transform::TransformSpec;
use crate::clock::now;
use crate::journal::chunk;
use crate::journal::store::{change, corrupt, count, number, rows, unwritable};
use crate::run::Run;
use crate::schema::journal as sql;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{HostSession, ToolChange};

/// The durable position of a transform.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The description of the transform.
    pub work: TransformSpec,
    /// The position at which the next chunk begins.
    pub position: Position,
    /// The work recorded here.
    pub done: Transformed,
}

/// Inserts the first checkpoint of a transform.
pub fn checkpoint_begun(run: Run, step: u64, spec: &TransformSpec, position: &Position) -> ToolChange {
    let [history, direction] = run.parameters();
    let (source, position) = (Value::Bytes(pack(spec)), Value::Bytes(pack(position)));
    ToolChange::of_one_row(sql::BEGIN_CHECKPOINT, [history, direction, number(step), source, position, now().into()])
}

/// Moves the checkpoint of a transform.
pub fn checkpoint_moved(run: Run, step: u64, position: &Position, done: &Transformed) -> ToolChange {
    let [history, direction] = run.parameters();
    let values = [
        Value::Bytes(pack(position)),
        number(done.rows_read),
        number(done.rows_written),
        number(done.chunks),
        now().into(),
        history,
        direction,
        number(step),
    ];
    ToolChange::of_one_row(sql::MOVE_CHECKPOINT, values)
}

/// Deletes the checkpoint of a completed transform.
pub async fn clear_checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    let [history, direction] = run.parameters();
    change(database, sql::CLEAR_CHECKPOINT, &[history, direction, number(step)]).await
}

/// Returns the work of the transforms in progress, or `None` if there are none. With `helper`, only the work of that run,
/// which helped another run.
pub async fn transformed(
    database: &mut HostSession<'_>,
    run: Run,
    helper: Option<&str>,
) -> Result<Option<Transformed>> {
    let mut sum = None;
    for step in steps_in_progress(database, run).await? {
        let done = chunk::totals(database, run, step, helper).await.map_err(unwritable)?;
        let sum: &mut Transformed = sum.get_or_insert_default();
        sum.rows_read = sum.rows_read.saturating_add(done.rows_read);
        sum.rows_written = sum.rows_written.saturating_add(done.rows_written);
        sum.chunks = sum.chunks.saturating_add(done.chunks);
    }
    Ok(sum)
}

/// Returns the steps of the transforms in progress.
pub async fn steps_in_progress(database: &mut HostSession<'_>, run: Run) -> Result<Vec<u64>> {
    let found = rows(database, sql::UNDER_WAY, &run.parameters()).await?;
    found.iter().map(|row| row.first().and_then(count).ok_or_else(corrupt)).collect()
}

/// Returns the checkpoint of a transform.
pub async fn checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<Checkpoint> {
    find_checkpoint(database, run, step).await?.ok_or_else(corrupt)
}

/// Returns the checkpoint of a transform, if it is in progress.
pub async fn find_checkpoint(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<Option<Checkpoint>> {
    let [history, direction] = run.parameters();
    let found = rows(database, sql::CHECKPOINT, &[history, direction, number(step)]).await?;
    let read = |row: &Vec<Value>| {
        let [source, position, rows_read, rows_written, chunks] = &row[..] else { return None };
        let (rows_read, rows_written, chunks) = (count(rows_read)?, count(rows_written)?, count(chunks)?);
        let done = Transformed { rows_read, rows_written, chunks, ..Transformed::default() };
        Some(Checkpoint { work: of(source)?, position: of(position)?, done })
    };
    found.first().map(|row| read(row).ok_or_else(corrupt)).transpose()
}

fn of<T: DeserializeOwned>(value: &Value) -> Option<T> {
    unpack(value.as_bytes()?)
}
