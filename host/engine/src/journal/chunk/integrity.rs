//! Checks that the chunks of a transform are as they were written: consecutive, none missing, and the completed ones
//! unchanged. Otherwise a row that was deleted or changed would leave rows of the table untransformed, unnoticed.

use super::{Effect, count, key, number, place, rows, sql};
use crate::call::digest_of;
use crate::journal::damaged;
use crate::journal::store::{Checkpoint, corrupt, unwritable};
use crate::run::Run;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::HostSession;

/// Returns the seal of a completed chunk. It does not cover the chunks before it, since chunks end in any order.
pub fn seal(step: u64, at: u64, keys: [&Value; 2], effect: &Effect) -> String {
    let [from, to] = keys.map(|key| key.as_bytes().unwrap_or_default());
    let numbers = [step, at, effect.rows_read, effect.rows_written].map(u64::to_le_bytes);
    let [step, at, read, written] = &numbers;
    digest_of(&[step, at, from, to, read, written])
}

/// A chunk as its row describes it.
struct Row {
    number: u64,
    keys: [Value; 2],
    is_done: bool,
    effect: Effect,
    seal: String,
}

/// Fails unless the chunks up to a checkpoint are as they were written and, if the transform is over, all are done.
pub async fn check(
    database: &mut HostSession<'_>,
    run: Run,
    step: u64,
    checkpoint: &Checkpoint,
    is_over: bool,
) -> Result<()> {
    let all = checkpoint.done.chunks;
    let (mut last, mut end) = (0, key(&None));
    // While the transform is in progress, other processes may add chunks.
    while last < all || is_over {
        let page = page(database, run, step, last).await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            if last == all && !is_over {
                break;
            }
            last += 1;
            if row.number != last {
                return Err(damaged(format!(
                    "chunk {last} of step {step} is missing, but chunk {} exists",
                    row.number
                )));
            }
            let [from, to] = &row.keys;
            let was_changed = row.is_done && seal(step, last, [from, to], &row.effect) != row.seal;
            if was_changed || *from != end {
                return Err(damaged(format!("chunk {last} of step {step} was changed")));
            }
            if is_over && !row.is_done {
                return Err(damaged(format!("chunk {last} of step {step} is not done")));
            }
            let [_, to] = row.keys;
            end = to;
        }
    }
    if last < all {
        return Err(damaged(format!("step {step} has {all} chunks, but those from {} on are missing", last + 1)));
    }
    if last > all || end != key(&checkpoint.position.last) {
        return Err(damaged(format!("the chunks of step {step} do not end at its checkpoint")));
    }
    Ok(())
}

async fn page(database: &mut HostSession<'_>, run: Run, step: u64, last: u64) -> Result<Vec<Row>> {
    let [history, direction, step] = place(run, step);
    let found = rows(database, sql::PAGE, &[history, direction, step, number(last)]).await.map_err(unwritable)?;
    found.into_iter().map(|row| read(row).ok_or_else(corrupt)).collect()
}

fn read(row: Vec<Value>) -> Option<Row> {
    let [at, from, to, state, rows_read, rows_written, seal] = <[Value; 7]>::try_from(row).ok()?;
    let is_done = match state.as_text()? {
        "done" => true,
        "claimed" => false,
        _ => return None,
    };
    let effect = Effect { rows_read: count(&rows_read)?, rows_written: count(&rows_written)? };
    Some(Row { number: count(&at)?, keys: [from, to], is_done, effect, seal: seal.as_text()?.to_owned() })
}
