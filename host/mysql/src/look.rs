//! Sends several of our queries in one message by the text protocol: no preparation, and one round trip.

use sqlx::Row as _;
use sqlx::mysql::MySqlRow;

use super::MysqlDatabase;
use super::error::unanswered;
use super::node::Attempts;
use super::speech::results;
use super::statement;
use super::types_read::Wire;
use runner_data::Value;
use runner_database::DatabaseError;
use runner_database::look::{Probe, cell};

impl MysqlDatabase {
    pub(super) async fn look_now(&mut self, questions: &[String]) -> Result<Probe, DatabaseError> {
        let text = format!("{}; {}", questions.join("; "), self.who_holds_it());
        let mut attempts = Attempts::default();
        let told = loop {
            let asked = self.before(&text).await?;
            let watch = self.watch.clone();
            let told = watch.over(results(&mut self.connection, &text)).await;
            match self.after(asked, told).await {
                Err(error) if self.is_whole() && attempts.again(&error).await => {}
                told => break told?,
            }
        };
        let (who, answers) = told.split_last().ok_or_else(unanswered)?;
        let answers = answers.iter().map(|rows| values(rows)).collect::<Result<_, _>>()?;
        let is_held = who.first().is_some_and(|row| statement::cell(row, 0).is_some());
        // The holder's name takes several queries that depend on one another, and a lease has a table, which may not exist.
        let asks = is_held || self.server.has_lease();
        Ok(Probe { answers, holder: if asks { self.lock_holder_now().await? } else { None } })
    }
}

fn values(rows: &[MySqlRow]) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let is_number = |wire| matches!(wire, Wire::Signed | Wire::Unsigned);
    let numbers: Vec<bool> = first.columns().iter().map(|column| is_number(Wire::of(column).0)).collect();
    let value = |row: &MySqlRow, at: usize| cell(statement::cell(row, at), numbers[at]);
    rows.iter().map(|row| (0..numbers.len()).map(|at| value(row, at)).collect()).collect()
}
