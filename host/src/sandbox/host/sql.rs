//! `sql`: single statements.

use super::{Answer, answer};
use crate::engine::call::CallKind;
use crate::sandbox::bindings::runner::migration::sql::Host;
use crate::sandbox::bindings::runner::migration::types::{RowSet, Value};
use crate::sandbox::convert;
use crate::sandbox::state::GuestState;

impl Host for GuestState {
    async fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Answer<u64> {
        let parameters = convert::values_in(parameters);
        answer(match self.purpose.calls(CallKind::Execute) {
            Ok(calls) => calls.execute(&statement, &parameters).await,
            Err(denied) => Err(denied),
        })
    }

    async fn query(&mut self, statement: String, parameters: Vec<Value>) -> Answer<RowSet> {
        let parameters = convert::values_in(parameters);
        let rows = match self.purpose.calls(CallKind::Query) {
            Ok(calls) => calls.query(&statement, &parameters).await,
            Err(denied) => Err(denied),
        };
        answer(rows.map(convert::row_set_out))
    }
}
