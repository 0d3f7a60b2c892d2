//! Runs several internal queries in one message, together with the transaction and the settings around them: nothing is
//! prepared, so nothing has to be described, and there is only one round trip.

use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::error::{Result, from_sqlx, lost};
use crate::lock::{holder, holder_query};
use crate::session::Session;
use runner_data::Value;
use runner_database::probe::{Probe, cell};

/// Answers these questions of the host; where the run does not hold the lock, also who does.
pub(crate) async fn probe(session: &mut Session, questions: &[String]) -> Result<Probe> {
    session.check_free()?;
    let who =
        if session.run_lock().is_held() { None } else { Some(holder_query(session.link().endpoint().place().key)) };
    let questions_and_who: Vec<&str> = questions.iter().map(String::as_str).chain(who.as_deref()).collect();
    let mut results = session.ask_apart(&questions_and_who).await?;
    // The statements before the questions return results too; the holder, if it was asked for, and the end of the
    // transaction follow them.
    let first = results.len().checked_sub(questions_and_who.len() + 1);
    let mut answers = results.drain(first.ok_or_else(|| lost("the server did not answer all that it was asked"))?..);
    let mut probe = Probe {
        answers: answers.by_ref().take(questions.len()).map(|rows| values(&rows)).collect::<Result<_, _>>()?,
        holder: who.as_ref().and_then(|_| holder(&answers.next()?)),
    };
    drop(answers);
    if session.link().endpoint().lock().is_lease && who.is_some() {
        // Its table may not exist, which would end the transaction.
        probe.holder = session.lock_holder().await?;
    }
    Ok(probe)
}

fn values(rows: &[PgRow]) -> Result<Vec<Vec<Value>>> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let numbers: Vec<bool> =
        first.columns().iter().map(|column| matches!(column.type_info().name(), "INT2" | "INT4" | "INT8")).collect();
    let value = |row: &PgRow, at: usize| {
        let raw = row.try_get_raw(at).map_err(|error| from_sqlx(&error, None))?;
        cell(if raw.is_null() { None } else { raw.as_bytes().ok() }, numbers[at])
    };
    rows.iter().map(|row| (0..numbers.len()).map(|at| value(row, at)).collect()).collect()
}
