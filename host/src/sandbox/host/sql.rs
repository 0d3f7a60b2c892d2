//! `sql`: single statements.

use super::{Answer, saturating, transcribe};
use crate::database::QueryLimits;
use crate::sandbox::bindings::runner::migration::sql::Host;
use crate::sandbox::bindings::runner::migration::types::{RowSet, Value};
use crate::sandbox::convert;
use crate::sandbox::state::GuestState;

impl Host for GuestState {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        let parameters = convert::values_in(parameters);
        let step = match self.begin_step("execute", &statement, &transcribe(&parameters)) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let result = step.database.lock().await.execute(&statement, &parameters).await;
        if let (Ok(rows), Some(run)) = (&result, &self.run) {
            run.tally.add_rows_written(*rows);
        }
        self.end_step(step, result, |rows| *rows)
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        let parameters = convert::values_in(parameters);
        let step = match self.begin_step("query", &statement, &transcribe(&parameters)) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let limits =
            QueryLimits { rows: saturating(self.limits.query_rows), bytes: saturating(self.limits.query_bytes) };
        let result = step.database.lock().await.query(&statement, &parameters, limits).await;
        if let (Ok(rows), Some(run)) = (&result, &self.run) {
            run.tally.add_rows_read(rows.rows.len() as u64);
        }
        self.end_step(step, result.map(convert::row_set_out), |rows| rows.rows.len() as u64)
    }
}
