//! `packed`: the batches of readers and writers in packed form.

use wasmtime::component::Resource;

use super::{Answer, answer, arguments};
use crate::bindings::runner::migration::packed::{Host, PackedBatch};
use crate::packed;
use crate::state::GuestState;
use runner_engine::CallError;
use runner_engine::call::CallKind;
use runner_engine::execution::{Reader, Writer};

impl Host for GuestState {
    async fn next(&mut self, reader: Resource<Reader>) -> Answer<Option<PackedBatch>> {
        answer(self.next_batch(&reader).await?.map(|batch| batch.map(packed::batch_out)))
    }

    async fn write(&mut self, writer: Resource<Writer>, rows: PackedBatch) -> Answer<u64> {
        self.count_call(&rows).await?;
        let writer = self.table.get_mut(&writer)?;
        let checked = packed::batch_in(rows).map_err(CallError::from).and_then(|rows| {
            arguments::batch(&rows)?;
            Ok((rows, self.purpose.calls(CallKind::WriteBatch)?))
        });
        answer(match checked {
            Ok((rows, calls)) => calls.write_batch(writer, &rows).await,
            Err(denied) => Err(denied),
        })
    }
}
