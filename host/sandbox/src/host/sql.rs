//! `sql`: single statements.

use super::{Answer, answer, arguments};
use crate::bindings::runner::migration::sql::Host;
use crate::bindings::runner::migration::types::{RowSet, Value};
use crate::convert;
use crate::state::GuestState;
use runner_engine::call::CallKind;

impl Host for GuestState {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        self.count_call(&(&statement, &parameters)).await?;
        let parameters = convert::values_in(parameters);
        let checked = arguments::statement(&statement, &parameters, &self.limits);
        answer(match checked.and_then(|()| self.purpose.calls(CallKind::Execute)) {
            Ok(calls) => calls.execute(&statement, &parameters).await,
            Err(denied) => Err(denied),
        })
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        self.count_call(&(&statement, &parameters)).await?;
        let parameters = convert::values_in(parameters);
        let checked = arguments::statement(&statement, &parameters, &self.limits);
        let rows = match checked.and_then(|()| self.purpose.calls(CallKind::Query)) {
            Ok(calls) => calls.query(&statement, &parameters).await,
            Err(denied) => Err(denied),
        };
        answer(rows.map(|rows| self.weighed(convert::row_set_out(rows))))
    }
}
