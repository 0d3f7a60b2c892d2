//! `sql`: single statements.

use super::{Answer, Begun, saturating};
use crate::database::QueryLimits;
use crate::engine::call::{Call, CallKind};
use crate::engine::transcript::tables::of_parameters;
use crate::sandbox::bindings::runner::migration::sql::Host;
use crate::sandbox::bindings::runner::migration::types::{RowSet, Value};
use crate::sandbox::convert;
use crate::sandbox::state::GuestState;

impl Host for GuestState {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        let parameters = convert::values_in(parameters);
        let call = Call { kind: CallKind::Execute, text: &statement, parameters: &of_parameters(&parameters) };
        let answer = match self.begin_step(&call).await? {
            Begun::Answered(_, answer) => answer,
            Begun::Live(mut step) => {
                let result = step.session().execute(&statement, &parameters).await;
                self.end_step(step, result).await?
            }
        };
        self.count(0, answer.as_ref().map_or(0, |rows| *rows));
        Ok(answer)
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        let parameters = convert::values_in(parameters);
        let call = Call { kind: CallKind::Query, text: &statement, parameters: &of_parameters(&parameters) };
        let answer = match self.begin_step(&call).await? {
            Begun::Answered(_, answer) => answer,
            Begun::Live(mut step) => {
                let limits = QueryLimits {
                    rows: saturating(self.limits.query_rows),
                    bytes: saturating(self.limits.query_bytes),
                };
                let result = step.session().query(&statement, &parameters, limits).await;
                self.end_step(step, result).await?
            }
        };
        let rows = answer.as_ref().map_or(0, |rows| rows.rows.len() as u64);
        self.note_order(&statement, rows);
        self.count(rows, 0);
        Ok(answer.map(convert::row_set_out))
    }
}
