//! `batches`: writers.

use wasmtime::component::Resource;

use super::{Answer, answer, arguments};
use crate::bindings::runner::migration::batches::HostWriter;
use crate::bindings::runner::migration::types;
use crate::convert;
use crate::state::GuestState;
use runner_engine::call::CallKind;
use runner_engine::execution::Writer;

impl HostWriter for GuestState {
    async fn write(&mut self, writer: Resource<Writer>, rows: types::Batch) -> Answer<u64> {
        let rows = convert::batch_in(rows);
        self.count_call(&rows).await?;
        let writer = self.table.get_mut(&writer)?;
        answer(match arguments::batch(&rows).and_then(|()| self.purpose.calls(CallKind::WriteBatch)) {
            Ok(calls) => calls.write_batch(writer, &rows).await,
            Err(denied) => Err(denied),
        })
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> Answer<u64> {
        self.count_call(&()).await?;
        let writer = self.table.get(&writer)?;
        answer(match self.purpose.calls(CallKind::Finish) {
            Ok(calls) => calls.finish(writer).await,
            Err(denied) => Err(denied),
        })
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        self.count_call(&()).await?;
        // A writer that is dropped unfinished makes the migration fail at its end.
        self.table.delete(writer)?;
        Ok(())
    }
}
