//! An instance of a batch function together with the checks of what it returns: it cannot bring the process down, and
//! nothing that it returns is written unchecked.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use super::key_check::{BatchKeys, KeyCheck};
use super::row_names::named_rows;
use crate::batch_function::{BatchFunction, BatchInstance};
use crate::transcript::{StoredRows, WrittenRange};
use runner_base::error::{Error, Result};
use runner_data::digest::of_batch;
use runner_data::{Batch, Digest};
use runner_database::{BatchLimits, WriteHint};

/// An instance whose results are checked.
pub(super) struct CheckedInstance {
    instance: Box<dyn BatchInstance>,
    limits: BatchLimits,
}

/// What a batch became, ready to be written.
pub(super) struct TransformedBatch {
    pub(super) rows: Batch,
    pub(super) hint: WriteHint,
    /// The number of input rows.
    pub(super) rows_in: u64,
    /// The digests of the input and of the output.
    pub(super) digests: [Digest; 2],
    /// Whether the rows that came out have the keys of those that went in, in the same order.
    pub(super) aligned: bool,
    /// Where the rows that came out are in the target.
    pub(super) written: Option<WrittenRange>,
    /// The rows that went in, if they are stored.
    pub(super) stored: Option<StoredRows>,
}

impl CheckedInstance {
    /// Starts an instance. `name`: the batch function it is for.
    pub(super) async fn start(function: &dyn BatchFunction, name: &str) -> Result<Self> {
        let instance = without_panic(function.start()).await.map_err(|error| error.at("transform", name))?;
        Ok(Self { instance, limits: function.limits() })
    }

    /// Transforms a batch and checks the result. After an error or an abandoned call, the instance cannot be used again.
    pub(super) async fn transform(&mut self, name: &str, rows: Batch, check: &KeyCheck) -> Result<TransformedBatch> {
        let keys = check.keys_of(&rows);
        let input = (rows.row_count as u64, of_batch(&rows));
        let stored = check.notes().input(&rows);
        let returned = without_panic(self.instance.transform(name, rows)).await;
        let checked = returned.and_then(|rows| checked(rows, input, keys.as_ref(), check, self.limits));
        let given = checked.is_err().then(|| self.instance.given()).flatten();
        checked.map(|it| TransformedBatch { stored, ..it }).map_err(|error| {
            let error = match given {
                Some(rows) => named_rows(error, &rows, check.row_key()),
                None => error,
            };
            let error = match keys.as_ref().and_then(BatchKeys::span) {
                Some(span) => error.at("chunk", span),
                None => error,
            };
            error.at("transform", name)
        })
    }
}

/// Whether what came back can be written.
fn checked(
    rows: Batch,
    (rows_in, input): (u64, Digest),
    keys: Option<&BatchKeys>,
    check: &KeyCheck,
    limits: BatchLimits,
) -> Result<TransformedBatch> {
    let malformed = |what: String| {
        Error::failed(format!("`transform-batch` returned a malformed batch: {what}")).at("call", "transform-batch")
    };
    rows.validate().map_err(malformed)?;
    if let Some((column, bytes)) = rows.largest_cell().filter(|(_, bytes)| *bytes > limits.cell_bytes) {
        return Err(Error::denied(format!(
            "`transform-batch` returned a cell of {bytes} bytes in column `{column}`, more than the limit `cell_bytes`"
        ))
        .hint("raise it with `--limit cell_bytes=…`, or change the migration to write less into one cell"));
    }
    let covers_key_range = match keys {
        Some(keys) => check.compare(keys, &rows).map_err(malformed)?,
        None => false,
    };
    let aligned = keys.is_some_and(|keys| keys.are_those_of(&rows));
    let digests = [input, of_batch(&rows)];
    let written = check.notes().written(&rows, digests[1]);
    let hint = WriteHint { covers_key_range };
    Ok(TransformedBatch { digests, aligned, written, stored: None, rows_in, rows, hint })
}

/// Turns a panic into an error: the run must still end its transaction and release its lock.
async fn without_panic<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
    })
    .await
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let error = Error::failed("the batch function panicked").at("call", "transform-batch");
    match message {
        Some(message) => error.cause(message),
        None => error,
    }
}
