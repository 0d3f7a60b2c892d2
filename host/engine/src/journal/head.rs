//! The two ends of a journal. The head records the last step and the seal over all steps. It is in another table than the
//! journal's rows and changes in the same transactions, so rows that are missing at the end are detected.
//!
//! Before the first live step of a resumed run, journal and head must agree. This detects accidents, not forgery, since
//! a forger could write both. It is not in the row of history, which is wide and read by everyone, nor in row 0, which
//! is lost with the journal when one table is restored.

use crate::journal::damaged;
use crate::journal::store;
use crate::journal::store::{count, execute, number, rows};
use crate::run::Run;
use crate::schema::journal as sql;
use runner_base::error::{Error, Result};
use runner_database::{HostSession, ToolChange};

/// The process that executes a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// The run.
    pub run_id: String,
    /// On whose behalf: `user@host`.
    pub by: String,
}

/// The head of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last step, completed or only begun; 0 before the first.
    pub step: u64,
    /// The seal over all completed steps.
    pub seal: String,
    /// The last process that executed the migration.
    pub worker: Worker,
}

/// Creates the head of an empty journal.
pub fn begin(run: Run, seal: &str, worker: &Worker) -> ToolChange {
    let [history, direction] = run.parameters();
    let (run_id, by) = (worker.run_id.as_str().into(), worker.by.as_str().into());
    ToolChange::of_one_row(sql::BEGIN_HEAD, [history, direction, seal.into(), run_id, by])
}

/// Records the process that resumes the migration.
pub async fn take(database: &mut HostSession<'_>, run: Run, worker: &Worker) -> Result<()> {
    let [history, direction] = run.parameters();
    let parameters = [worker.run_id.as_str().into(), worker.by.as_str().into(), history, direction];
    execute(database, sql::TAKE_HEAD, &parameters).await.map(drop)
}

/// Moves the head to a completed step.
pub fn moved(run: Run, step: u64, seal: &str) -> ToolChange {
    let [history, direction] = run.parameters();
    ToolChange::of_one_row(sql::MOVE_HEAD, [number(step), seal.into(), history, direction])
}

/// Moves the head to a step that has begun, or back to the one before a step that was forgotten.
pub fn stepped(run: Run, step: u64) -> ToolChange {
    let [history, direction] = run.parameters();
    ToolChange::of_one_row(sql::STEP_HEAD, [number(step), history, direction])
}

/// Reads the head of a journal.
pub async fn read(database: &mut HostSession<'_>, run: Run) -> Result<Head> {
    let found = rows(database, sql::HEAD, &run.parameters()).await?;
    let row = found.first().ok_or_else(|| damaged("its head is missing".to_owned()))?;
    let [step, seal, run_id, by] = &row[..] else { return Err(store::corrupt()) };
    let read = || {
        let text = |value: &runner_data::Value| value.as_text().map(str::to_owned);
        let worker = Worker { run_id: text(run_id)?, by: text(by)? };
        Some(Head { step: count(step)?, seal: text(seal)?, worker })
    };
    read().ok_or_else(store::corrupt)
}

/// Fails unless the journal ends with this step and this seal.
pub async fn check(database: &mut HostSession<'_>, run: Run, step: u64, seal: &str) -> Result<()> {
    let head = read(database, run).await?;
    if head.step == step && head.seal == seal {
        return Ok(());
    }
    Err(missing(step, &head))
}

fn missing(step: u64, head: &Head) -> Error {
    damaged(match head.step {
        last if last == step + 1 => format!("the last step, {last}, is missing"),
        last if last > step => format!("the last steps, {} to {last}, are missing", step + 1),
        last if last < step => format!("it ends with step {step}, but its head records {last}"),
        _ => format!("its steps up to {step} do not match its head"),
    })
}

/// The first row of a journal, which holds the inputs of the first run.
pub struct InputsRow {
    /// The artifact's digest.
    pub digest: String,
    /// The inputs, packed.
    pub answer: Vec<u8>,
    /// The seal of the row.
    pub seal: String,
}

/// Reads the first row of a journal.
pub async fn inputs(database: &mut HostSession<'_>, run: Run) -> Result<InputsRow> {
    let found = rows(database, sql::FIRST, &run.parameters()).await?;
    let row = found.first().ok_or_else(|| damaged("the inputs of the first run are missing".to_owned()))?;
    let [digest, seal, answer] = &row[..] else { return Err(store::corrupt()) };
    match (digest.as_text(), seal.as_text(), answer.as_bytes()) {
        (Some(digest), Some(seal), Some(answer)) => {
            Ok(InputsRow { digest: digest.to_owned(), answer: answer.to_vec(), seal: seal.to_owned() })
        }
        _ => Err(damaged("the inputs of the first run cannot be read".to_owned())),
    }
}
