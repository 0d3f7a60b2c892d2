//! `batches`: its functions that open something, its readers and its transforms.

use wasmtime::component::Resource;

use super::{Answer, answer, arguments};
use crate::bindings::runner::migration::batches::{Host, HostReader, TableSource, TableTarget, TransformReport};
use crate::bindings::runner::migration::types::{self, Value};
use crate::convert;
use crate::state::GuestState;
use runner_data::Batch;
use runner_engine::CallError;
use runner_engine::call::CallKind;
use runner_engine::execution::{Reader, TransformReport as Report, Writer};
use runner_engine::transform::TransformTask;

impl Host for GuestState {
    async fn read(&mut self, statement: String, parameters: Vec<Value>) -> Answer<Resource<Reader>> {
        self.count_call(&(&statement, &parameters)).await?;
        let parameters = convert::values_in(parameters);
        let checked = arguments::statement(&statement, &parameters, &self.limits);
        let opened = match checked.and_then(|()| self.purpose.calls(CallKind::Read)) {
            Ok(calls) => calls.read(statement, parameters).await,
            Err(denied) => Err(denied),
        };
        match answer(opened)? {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn read_table(&mut self, source: TableSource) -> Answer<Resource<Reader>> {
        self.count_call(&source).await?;
        let source = convert::source_in(source, &self.renames());
        let checked = arguments::source(&source, &self.limits);
        let opened = match checked.and_then(|()| self.purpose.calls(CallKind::ReadTable)) {
            Ok(calls) => calls.read_table(source).await,
            Err(denied) => Err(denied),
        };
        match answer(opened)? {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn write(&mut self, target: TableTarget) -> Answer<Resource<Writer>> {
        self.count_call(&target).await?;
        let target = convert::target_in(target, &self.renames());
        let opened = match arguments::target(&target).and_then(|()| self.purpose.calls(CallKind::Write)) {
            Ok(calls) => calls.write(target).await,
            Err(denied) => Err(denied),
        };
        match answer(opened)? {
            Ok(writer) => Ok(Ok(self.table.push(writer)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn transform(&mut self, name: String, source: TableSource, target: TableTarget) -> Answer<TransformReport> {
        self.count_call(&(&name, &(&source, &target))).await?;
        let renames = self.renames();
        let (source, target) = (convert::source_in(source, &renames), convert::target_in(target, &renames));
        let checked = arguments::name("a transform's name", &name)
            .and_then(|()| arguments::source(&source, &self.limits))
            .and_then(|()| arguments::target(&target));
        let function = self.batch_function.clone();
        let done = match checked.and_then(|()| self.purpose.calls(CallKind::Transform)) {
            Ok(calls) => calls.transform(function, TransformTask { name, source, target }).await,
            Err(denied) => Err(denied),
        };
        answer(done.map(|Report { rows_read, rows_written, chunks }| TransformReport {
            rows_read,
            rows_written,
            chunks,
        }))
    }
}

impl GuestState {
    /// The next batch of a reader, in whatever form the guest gets it.
    pub(super) async fn next_batch(
        &mut self,
        reader: &Resource<Reader>,
    ) -> wasmtime::Result<Result<Option<Batch>, CallError>> {
        self.count_call(&()).await?;
        let reader = self.table.get_mut(reader)?;
        let batch = match self.purpose.calls(CallKind::Next) {
            Ok(calls) => calls.next(reader).await,
            Err(denied) => Err(denied),
        };
        Ok(batch.map(|batch| self.weighed(batch)))
    }
}

impl HostReader for GuestState {
    async fn next(&mut self, reader: Resource<Reader>) -> Answer<Option<types::Batch>> {
        answer(self.next_batch(&reader).await?.map(|batch| batch.map(convert::batch_out)))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        self.count_call(&()).await?;
        let reader = self.table.delete(reader)?;
        if let Ok(calls) = self.purpose.calls(CallKind::Next) {
            calls.close(reader).await;
        }
        Ok(())
    }
}
