//! Runs several internal queries in one message, together with the transaction and the settings around them: nothing is
//! prepared, so nothing has to be described, and there is only one round trip.

use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::PostgresDatabase;
use super::error::{from_sqlx, lost};
use super::lock;
use super::record::ours;
use super::scope::end;
use super::search_path::OURS;
use super::settings::prologue;
use super::speech::results;
use runner_data::Value;
use runner_database::DatabaseError;
use runner_database::look::{Probe, cell};

impl PostgresDatabase {
    pub(super) async fn look_now(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        self.check_free()?;
        // A run that holds the lock does not ask who does.
        let who = if self.lock.is_some() { None } else { Some(lock::who_holds_it(self.endpoint.place().key)) };
        let questions_and_who: Vec<&str> = questions.iter().map(String::as_str).chain(who.as_deref()).collect();
        let is_ours = questions.iter().any(|question| self.endpoint.place().is_named_in(question));
        let inspects = is_ours && !self.inspected;
        let path = if is_ours { OURS } else { "" };
        let inspect = if inspects { self.endpoint.place().inspect.as_str() } else { "" };
        let begin = prologue(&self.own, "NULL");
        let text = format!("{begin}; {path}{inspect}{}; COMMIT", questions_and_who.join("; "));
        self.busy = true;
        let told = self.watch_alone(&text).run(results(&mut self.connection, &text)).await;
        self.note_loss(&told);
        if told.is_err() && !self.lost {
            let back = end(&mut self.connection).await;
            self.note_loss(&back);
        }
        self.busy = false;
        let mut results = told.map_err(|error| ours(error, None))?;
        self.inspected |= inspects;
        // The statements before the questions return results too; the holder, if it was asked for, and the end of the
        // transaction follow them.
        let first = results.len().checked_sub(questions_and_who.len() + 1);
        let mut answers =
            results.drain(first.ok_or_else(|| lost("the server did not answer all that it was asked"))?..);
        let mut probe = Probe {
            answers: answers.by_ref().take(questions.len()).map(|rows| values(&rows)).collect::<Result<_, _>>()?,
            holder: who.as_ref().and_then(|_| lock::told(&answers.next()?)),
        };
        drop(answers);
        if self.endpoint.lock().is_lease && who.is_some() {
            // Its table may not exist, which would end the transaction.
            probe.holder = self.lock_holder_now().await?;
        }
        Ok(probe)
    }
}

fn values(rows: &[PgRow]) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let numbers: Vec<bool> =
        first.columns().iter().map(|column| matches!(column.type_info().name(), "INT2" | "INT4" | "INT8")).collect();
    let value = |row: &PgRow, at: usize| {
        let raw = row.try_get_raw(at).map_err(|error| from_sqlx(&error, None))?;
        cell(if raw.is_null() { None } else { raw.as_bytes().ok() }, numbers[at])
    };
    rows.iter().map(|row| (0..numbers.len()).map(|at| value(row, at)).collect()).collect()
}
