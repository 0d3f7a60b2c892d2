//! An instance of a component that turns batches.

use std::sync::{Arc, Mutex};

use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::bindings::runner::migration::types as wit;
use super::convert;
use super::failure;
use super::inspect::TRANSFORMER;
use super::keys::{KeyCheck, Keys};
use super::meter::LogBudget;
use super::script::{Loaded, refuel, store};
use super::state::{GuestState, Purpose};
use crate::data::digest::of_batch;
use crate::data::{Batch, Digest};
use crate::database::{Facts, WriteHint};
use crate::engine::script::RunContext;
use crate::error::Error;
use crate::project::limits::Limits;

type TransformBatch = TypedFunc<(String, wit::Batch), (Result<wit::Batch, String>,)>;

/// An instance that turns batches, one after the other.
pub(super) struct Instance {
    store: Store<GuestState>,
    function: TransformBatch,
}

/// What was made of a batch.
pub(super) struct Turned {
    pub(super) rows: Batch,
    pub(super) hint: WriteHint,
    /// How many rows went in.
    pub(super) rows_in: u64,
    /// The digests of what went in and of what came out.
    pub(super) digests: [Digest; 2],
    /// Whether the rows that came out have the keys of those that went in, in the same order.
    pub(super) aligned: bool,
}

impl Instance {
    pub(super) async fn start(
        loaded: &Arc<Loaded>,
        run: &RunContext,
        facts: &Facts,
        name: &str,
        log: &Arc<Mutex<LogBudget>>,
    ) -> Result<Self, Error> {
        let mut state = loaded.state(Purpose::Transform, run, facts);
        state.log = log.clone();
        let mut store = store(&loaded.shared, state)?;
        let function = async {
            let instance = loaded.pre.instantiate_async(&mut store).await?;
            let missing = || wasmtime::Error::msg("the transformer is not exported");
            let interface = instance.get_export_index(&mut store, None, TRANSFORMER).ok_or_else(missing)?;
            let function =
                instance.get_export_index(&mut store, Some(&interface), "transform-batch").ok_or_else(missing)?;
            instance.get_typed_func(&mut store, function)
        };
        match function.await {
            Ok(function) => Ok(Self { store, function }),
            Err(error) => Err(failure::of_trap(&error, store.data(), "transform-batch").at("transform", name)),
        }
    }

    /// Has a batch turned. Given up half-way, the instance is of no more use.
    pub(super) async fn turn(&mut self, name: &str, rows: Batch, check: &KeyCheck) -> Result<Turned, Error> {
        let keys = check.keys_of(&rows);
        let place = |error: Error| {
            let error = match keys.as_ref().and_then(Keys::span) {
                Some(span) => error.at("chunk", span),
                None => error,
            };
            error.at("transform", name)
        };
        let limits = self.store.data().limits.clone();
        let input = (rows.row_count as u64, of_batch(&rows));
        if let Err(error) = refuel(&mut self.store, &limits) {
            return Err(place(Error::failed(format!("the sandbox has no fuel: {error}"))));
        }
        let called = self.function.call_async(&mut self.store, (name.to_owned(), convert::batch_out(rows))).await;
        match called {
            Ok((Ok(answer),)) => judge(convert::batch_in(answer), input, keys.as_ref(), check, &limits).map_err(place),
            Ok((Err(message),)) => Err(place(Error::failed(message).at("call", "transform-batch"))),
            Err(error) => Err(place(failure::of_trap(&error, self.store.data(), "transform-batch"))),
        }
    }
}

/// Whether what the guest answered can be written.
fn judge(
    rows: Batch,
    (rows_in, input): (u64, Digest),
    keys: Option<&Keys>,
    check: &KeyCheck,
    limits: &Limits,
) -> Result<Turned, Error> {
    let malformed = |what: String| {
        Error::failed(format!("`transform-batch` answered a malformed batch: {what}")).at("call", "transform-batch")
    };
    rows.validate().map_err(malformed)?;
    if let Some((column, bytes)) = rows.largest_cell().filter(|(_, bytes)| *bytes as u64 > limits.cell_bytes) {
        return Err(Error::denied(format!(
            "`transform-batch` answered a cell of {bytes} bytes in column `{column}`, more than the limit `cell_bytes`"
        ))
        .hint("raise it with `--limit cell_bytes=…`, or have the migration write less into one cell"));
    }
    let covers_key_range = match keys {
        Some(keys) => check.compare(keys, &rows).map_err(malformed)?,
        None => false,
    };
    let aligned = keys.is_some_and(|keys| keys.are_those_of(&rows));
    let digests = [input, of_batch(&rows)];
    Ok(Turned { digests, aligned, rows_in, rows, hint: WriteHint { covers_key_range } })
}
