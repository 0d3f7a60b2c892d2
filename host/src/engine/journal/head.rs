//! The two ends of a journal. Its head says with which step it ends, and the seal over all of them. It stands apart from the journal's rows and
//! moves in the same transaction as they do, so that rows that are missing at the end are found out.

use crate::database::HostSession;
use crate::engine::journal::damaged;
use crate::engine::journal::store;
use crate::engine::journal::store::{change, count, execute, number, rows};
use crate::engine::run::Run;
use crate::engine::schema::journal as sql;
use crate::error::{Error, Result};

/// Who works at a migration: the run, and on whose behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Worker {
    /// The run.
    pub run_id: String,
    /// Who: `user@host`.
    pub by: String,
}

/// The head of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last step, done or begun; 0 before the first.
    pub step: u64,
    /// The seal over all steps that are done.
    pub seal: String,
    /// Who was at it last.
    pub worker: Worker,
}

/// Begins the head of a journal without steps.
pub async fn begin(database: &mut HostSession<'_>, run: Run, seal: &str, worker: &Worker) -> Result<()> {
    let [history, direction] = run.parameters();
    let (run_id, by) = (worker.run_id.as_str().into(), worker.by.as_str().into());
    change(database, sql::BEGIN_HEAD, &[history, direction, seal.into(), run_id, by]).await
}

/// Notes who takes the journal up.
pub async fn take(database: &mut HostSession<'_>, run: Run, worker: &Worker) -> Result<()> {
    let [history, direction] = run.parameters();
    let parameters = [worker.run_id.as_str().into(), worker.by.as_str().into(), history, direction];
    execute(database, sql::TAKE_HEAD, &parameters).await.map(drop)
}

/// A step is done.
pub async fn moved(database: &mut HostSession<'_>, run: Run, step: u64, seal: &str) -> Result<()> {
    let [history, direction] = run.parameters();
    change(database, sql::MOVE_HEAD, &[number(step), seal.into(), history, direction]).await
}

/// A step is begun, or the one behind it was taken back.
pub async fn stepped(database: &mut HostSession<'_>, run: Run, step: u64) -> Result<()> {
    let [history, direction] = run.parameters();
    change(database, sql::STEP_HEAD, &[number(step), history, direction]).await
}

/// The head of a journal.
pub async fn read(database: &mut HostSession<'_>, run: Run) -> Result<Head> {
    let found = rows(database, sql::HEAD, &run.parameters()).await?;
    let row = found.first().ok_or_else(|| damaged("its head is missing".to_owned()))?;
    let [step, seal, run_id, by] = &row[..] else { return Err(store::garbled()) };
    let read = || {
        let text = |value: &crate::data::Value| value.as_text().map(str::to_owned);
        let worker = Worker { run_id: text(run_id)?, by: text(by)? };
        Some(Head { step: count(step)?, seal: text(seal)?, worker })
    };
    read().ok_or_else(store::garbled)
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
        last if last == step + 1 => format!("step {last}, its last, is missing"),
        last if last > step => format!("steps {} to {last}, its last, are missing", step + 1),
        last if last < step => format!("it ends with step {step}, and its head says {last}"),
        _ => format!("its steps up to {step} are not those that its head knows"),
    })
}

/// The first row of a journal: its digest, its answer and its seal.
pub struct First {
    /// The artifact's digest.
    pub digest: String,
    /// Its answer, packed.
    pub answer: Vec<u8>,
    /// Its seal.
    pub seal: String,
}

/// The row that the steps follow: what the first run was given.
pub async fn first(database: &mut HostSession<'_>, run: Run) -> Result<First> {
    let found = rows(database, sql::FIRST, &run.parameters()).await?;
    let row = found.first().ok_or_else(|| damaged("the inputs of the first run are missing".to_owned()))?;
    let [digest, seal, answer] = &row[..] else { return Err(store::garbled()) };
    match (digest.as_text(), seal.as_text(), answer.as_bytes()) {
        (Some(digest), Some(seal), Some(answer)) => {
            Ok(First { digest: digest.to_owned(), answer: answer.to_vec(), seal: seal.to_owned() })
        }
        _ => Err(damaged("the inputs of the first run".to_owned())),
    }
}
