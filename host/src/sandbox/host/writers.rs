//! `batches`: writers.

use wasmtime::component::Resource;

use super::{Answer, Begun, Step};
use crate::data::Batch;
use crate::data::digest::of_batch;
use crate::database::{DatabaseError, TableTarget as Target, WriteHint, WriterId};
use crate::engine::call::{Call, CallKind};
use crate::sandbox::bindings::runner::migration::batches::HostWriter;
use crate::sandbox::bindings::runner::migration::types;
use crate::sandbox::convert;
use crate::sandbox::state::{GuestState, Writer, WriterWay};

impl HostWriter for GuestState {
    async fn write(&mut self, writer: Resource<Writer>, rows: types::Batch) -> Answer<u64> {
        let name = self.table.get(&writer)?.name.clone();
        let batch = convert::batch_in(rows);
        let valid = batch.validate();
        let parameters = match &valid {
            Ok(()) => of_batch(&batch).hex(),
            Err(what) => what.clone(),
        };
        let call = Call { kind: CallKind::WriteBatch, text: &name, parameters: &parameters };
        let answer = match self.begin_step::<u64>(&call).await? {
            Begun::Answered(_, answer) => answer,
            Begun::Live(mut step) => {
                let result = match valid {
                    Ok(()) => write_batch(&mut step, self.table.get_mut(&writer)?, &batch).await,
                    Err(what) => {
                        Err(DatabaseError::invalid(format!("the batch given to `write` is malformed: {what}")))
                    }
                };
                self.end_step(step, result).await?
            }
        };
        if let Ok(written) = &answer {
            self.count(0, *written);
            if let WriterWay::Stepwise { columns, rows, .. } = &mut self.table.get_mut(&writer)?.way {
                *rows += written;
                if batch.row_count > 0 {
                    columns.get_or_insert_with(|| names(&batch));
                }
            }
        }
        Ok(answer)
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> Answer<u64> {
        let Writer { number, name, way } = self.table.get(&writer)?;
        let (number, name) = (*number, name.clone());
        let way = match way {
            WriterWay::Open(id) => Ok(*id),
            WriterWay::Stepwise { rows, .. } => Err(*rows),
        };
        if self.unfinished.remove(&number).is_none() {
            return Ok(Err(convert::error_out(&DatabaseError::invalid(
                "`finish` was called on a writer that is finished already".to_owned(),
            ))));
        }
        let id = match way {
            Ok(id) => id,
            // Each of its batches is committed.
            Err(rows) if !self.is_replayed() => {
                self.note(&Call { kind: CallKind::Finish, text: &name, parameters: "" }, &rows);
                return Ok(Ok(rows));
            }
            // A replayed one has nothing open.
            Err(_) => WriterId(0),
        };
        let call = Call { kind: CallKind::Finish, text: &name, parameters: "" };
        let mut step = match self.begin_step::<u64>(&call).await? {
            Begun::Answered(_, answer) => return Ok(answer),
            Begun::Live(step) => step,
        };
        let result = step.session().finish_writer(id).await;
        self.end_step(step, result).await
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        // One that is dropped unfinished stays in `unfinished`, which fails the migration at its end.
        self.table.delete(writer)?;
        Ok(())
    }
}

async fn write_batch(step: &mut Step, writer: &Writer, batch: &Batch) -> Result<u64, DatabaseError> {
    match &writer.way {
        WriterWay::Open(id) => step.session().write(*id, batch, WriteHint::default()).await,
        WriterWay::Stepwise { target, columns, .. } => {
            if columns.as_ref().is_some_and(|columns| batch.row_count > 0 && *columns != names(batch)) {
                return Err(other_columns(target, columns.as_deref().unwrap_or_default()));
            }
            let mut session = step.session();
            let id = session.open_writer(target).await?;
            let written = session.write(id, batch, WriteHint::default()).await?;
            session.finish_writer(id).await?;
            Ok(written)
        }
    }
}

fn names(batch: &Batch) -> Vec<String> {
    batch.columns.iter().map(|column| column.name.clone()).collect()
}

fn other_columns(target: &Target, columns: &[String]) -> DatabaseError {
    DatabaseError::invalid(format!(
        "a batch for `{}` has other columns than the writer's first one: {}",
        target.table,
        columns.join(", ")
    ))
}
