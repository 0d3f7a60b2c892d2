//! `batches`: readers, writers and transforms.

use wasmtime::component::Resource;

use super::{Answer, saturating, transcribe};
use crate::batches::TableReader;
use crate::data::Batch;
use crate::database::{BatchLimits, CursorRequest, DatabaseError, DatabaseErrorKind, WriteHint};
use crate::sandbox::bindings::runner::migration::batches::{
    Host, HostReader, HostWriter, TableSource, TableTarget, TransformReport,
};
use crate::sandbox::bindings::runner::migration::types::{self, Value};
use crate::sandbox::state::{GuestState, Reader, Writer};
use crate::sandbox::{convert, transform};

impl GuestState {
    /// The bounds on one batch of this run.
    pub(in crate::sandbox) fn batch_limits(&self) -> BatchLimits {
        BatchLimits {
            rows: saturating(self.limits.batch_rows),
            bytes: saturating(self.limits.batch_bytes),
            cell_bytes: saturating(self.limits.cell_bytes),
        }
    }
}

impl Host for GuestState {
    async fn read(&mut self, statement: String, parameters: Vec<Value>) -> Answer<Resource<Reader>> {
        let parameters = convert::values_in(parameters);
        let step = match self.begin_step("read", &statement, &transcribe(&parameters)) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let request = CursorRequest { statement, parameters, ..CursorRequest::default() };
        let result = step.database.lock().await.open_cursor(&request).await;
        match self.end_step(step, result, |_| 0)? {
            Ok(cursor) => Ok(Ok(self.table.push(Reader::Cursor(cursor))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn read_table(&mut self, source: TableSource) -> Answer<Resource<Reader>> {
        let source = convert::source_in(source);
        let step = match self.begin_step("read-table", &format!("read {}", source.table), &format!("{source:?}")) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let limits = self.batch_limits();
        let result = {
            let mut database = step.database.lock().await;
            TableReader::open(database.as_mut(), source, limits).await
        };
        match self.end_step(step, result, |_| 0)? {
            Ok(reader) => Ok(Ok(self.table.push(Reader::Table(Box::new(reader)))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn write(&mut self, target: TableTarget) -> Answer<Resource<Writer>> {
        let target = convert::target_in(target);
        let name = format!("{} {}", target.mode, target.table);
        let step = match self.begin_step("write", &name, &format!("{target:?}")) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let result = step.database.lock().await.open_writer(&target).await;
        match self.end_step(step, result, |_| 0)? {
            Ok(id) => {
                self.unfinished.insert(id, name.clone());
                Ok(Ok(self.table.push(Writer { id, target: name })?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn transform(&mut self, name: String, source: TableSource, target: TableTarget) -> Answer<TransformReport> {
        let (source, target) = (convert::source_in(source), convert::target_in(target));
        let what = format!("transform `{name}`: {} -> {} {}", source.table, target.mode, target.table);
        let step = match self.begin_step("transform", &what, &format!("{name} {source:?} {target:?}")) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let limits = self.batch_limits();
        let (Some(run), Some(loaded)) = (self.run.clone(), self.loaded.clone()) else {
            return Ok(Err(convert::error_out(&DatabaseError::new(DatabaseErrorKind::Denied, "no run is under way"))));
        };
        let result = match transform::run(&loaded, &run, &name, source, target, limits, &self.log).await {
            Ok(report) => Ok(report),
            Err(transform::TransformError::Database(error)) => Err(error),
            Err(transform::TransformError::Trap(trap)) => return Err(trap),
        };
        self.end_step(step, result, |report| report.rows_written)
    }
}

impl HostReader for GuestState {
    async fn next(&mut self, reader: Resource<Reader>) -> Answer<Option<types::Batch>> {
        let step = match self.begin_step("next", "read the next batch", "") {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let limits = self.batch_limits();
        let entry = self.table.get_mut(&reader)?;
        let result: Result<Option<Batch>, DatabaseError> = {
            let mut database = step.database.lock().await;
            match entry {
                Reader::Cursor(cursor) => database.fetch(*cursor, limits).await,
                Reader::Table(reader) => reader.next(database.as_mut()).await,
                Reader::Done => Ok(None),
            }
        };
        if matches!(result, Ok(None)) {
            *entry = Reader::Done;
        }
        if let (Ok(Some(batch)), Some(run)) = (&result, &self.run) {
            run.tally.add_rows_read(batch.row_count as u64);
        }
        let result = result.map(|batch| batch.map(convert::batch_out));
        self.end_step(step, result, |batch| batch.as_ref().map_or(0, |batch| u64::from(batch.row_count)))
    }

    async fn drop(&mut self, reader: Resource<Reader>) -> wasmtime::Result<()> {
        let reader = self.table.delete(reader)?;
        if let (Reader::Cursor(cursor), Some(run)) = (reader, &self.run) {
            // A cursor that will not close ends with the transaction at the latest.
            let _ = run.database.lock().await.close_cursor(cursor).await;
        }
        Ok(())
    }
}

impl HostWriter for GuestState {
    async fn write(&mut self, writer: Resource<Writer>, rows: types::Batch) -> Answer<u64> {
        let (id, target) = {
            let entry = self.table.get(&writer)?;
            (entry.id, entry.target.clone())
        };
        let step = match self.begin_step("write-batch", &target, &rows.row_count.to_string()) {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let batch = convert::batch_in(rows);
        let result = match batch.validate() {
            Ok(()) => step.database.lock().await.write(id, &batch, WriteHint::default()).await,
            Err(what) => Err(DatabaseError::new(
                DatabaseErrorKind::InvalidArgument,
                format!("the batch given to `write` is malformed: {what}"),
            )),
        };
        if let (Ok(rows), Some(run)) = (&result, &self.run) {
            run.tally.add_rows_written(*rows);
        }
        self.end_step(step, result, |rows| *rows)
    }

    async fn finish(&mut self, writer: Resource<Writer>) -> Answer<u64> {
        let entry = self.table.get(&writer)?;
        let (id, target) = (entry.id, entry.target.clone());
        if self.unfinished.remove(&id).is_none() {
            return Ok(Err(convert::error_out(&DatabaseError::new(
                DatabaseErrorKind::InvalidArgument,
                "`finish` was called on a writer that is finished already",
            ))));
        }
        let step = match self.begin_step("finish", &target, "") {
            Ok(step) => step,
            Err(denied) => return Ok(Err(denied)),
        };
        let result = step.database.lock().await.finish_writer(id).await;
        self.end_step(step, result, |rows| *rows)
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        // One that is dropped unfinished stays in `unfinished`, which fails the migration at its end.
        self.table.delete(writer)?;
        Ok(())
    }
}
