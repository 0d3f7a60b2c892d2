//! The batch functions of a component: each instance has its own store, in which only `context` and `process` work.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::TypedFunc;

use super::bindings::runner::migration::{packed as wit_packed, types as wit};
use super::component::{LoadedComponent, failed, refuel, store};
use super::convert;
use super::host::arguments;
use super::inspect::{PACKED_TRANSFORMER, TRANSFORMER};
use super::packed;
use super::state::{GuestState, Purpose, batch_limits};
use super::text::{ERROR, cut_owned};
use super::usage::LogBudget;
use runner_base::error::{Error, Result};
use runner_data::Batch;
use runner_database::{BatchLimits, Dialect};
use runner_engine::CallError;
use runner_engine::script::RunContext;
use runner_engine::transform::{BatchFunction, BatchInstance};

type Transform<Rows> = TypedFunc<(String, Arc<Rows>), (Result<Rows, String>,)>;

/// The exported function, in the form of batches that the component takes.
enum TransformBatch {
    Plain(Transform<wit::Batch>),
    Packed(Transform<wit_packed::PackedBatch>),
}

/// The exported function that transforms a batch.
const FUNCTION: &str = "transform-batch";

/// The batch functions of a component within a run.
pub(super) struct ComponentFunction {
    loaded: Arc<LoadedComponent>,
    run: RunContext,
    server: Option<(Dialect, String)>,
    log: Arc<Mutex<LogBudget>>,
}

impl ComponentFunction {
    /// The batch functions of a component; `None` if it exports no transformer. `log` is what its instances may still
    /// log.
    pub(super) fn of(
        loaded: &Arc<LoadedComponent>,
        run: &RunContext,
        server: Option<(Dialect, String)>,
        log: &Arc<Mutex<LogBudget>>,
    ) -> Option<Arc<dyn BatchFunction>> {
        let function = || Self { loaded: loaded.clone(), run: run.clone(), server, log: log.clone() };
        loaded.transformer.then(|| Arc::new(function()) as Arc<dyn BatchFunction>)
    }
}

#[async_trait]
impl BatchFunction for ComponentFunction {
    fn limits(&self) -> BatchLimits {
        batch_limits(&self.loaded.core.limits)
    }

    fn instances(&self) -> usize {
        self.loaded.core.jobs
    }

    async fn start(&self) -> Result<Box<dyn BatchInstance>> {
        let mut state = self.loaded.state(Purpose::Transform, &self.run, self.server.clone());
        state.log_budget = self.log.clone();
        let mut store = store(&self.loaded.core, state)?;
        let function = async {
            let instance = self.loaded.pre.instantiate_async(&mut store).await?;
            let missing = || wasmtime::Error::msg("the transformer is not exported");
            let plain = instance.get_export_index(&mut store, None, TRANSFORMER);
            let packed = instance.get_export_index(&mut store, None, PACKED_TRANSFORMER);
            let interface = plain.or(packed).ok_or_else(missing)?;
            let function = instance.get_export_index(&mut store, Some(&interface), FUNCTION).ok_or_else(missing)?;
            Ok(match plain {
                Some(_) => TransformBatch::Plain(instance.get_typed_func(&mut store, function)?),
                None => TransformBatch::Packed(instance.get_typed_func(&mut store, function)?),
            })
        };
        match function.await {
            Ok(function) => Ok(Box::new(ComponentInstance { store, function, given: None })),
            Err(error) => {
                store.data_mut().end_lines();
                Err(failed(&error, &mut store, FUNCTION))
            }
        }
    }
}

/// An instance of a component that transforms batches.
struct ComponentInstance {
    store: Store<GuestState>,
    function: TransformBatch,
    /// The rows of a call that failed.
    given: Option<Batch>,
}

#[async_trait]
impl BatchInstance for ComponentInstance {
    async fn transform(&mut self, name: &str, rows: Batch) -> Result<Batch> {
        let limits = self.store.data().limits.clone();
        refuel(&mut self.store, &limits).map_err(|error| Error::failed(format!("the sandbox has no fuel: {error}")))?;
        self.store.data_mut().begin_call();
        let name = name.to_owned();
        let transformed = match &self.function {
            TransformBatch::Plain(function) => {
                let given = Arc::new(convert::batch_out(rows));
                let called = function.call_async(&mut self.store, (name, given.clone())).await;
                if matches!(called, Ok((Err(_),))) {
                    self.given = Arc::into_inner(given).map(convert::batch_in);
                }
                called.map(|(result,)| result.map(|rows| Ok(convert::batch_in(rows))))
            }
            TransformBatch::Packed(function) => {
                let given = Arc::new(packed::batch_out(rows));
                let called = function.call_async(&mut self.store, (name, given.clone())).await;
                if matches!(called, Ok((Err(_),))) {
                    self.given = Arc::into_inner(given).and_then(|rows| packed::batch_in(rows).ok());
                }
                called.map(|(result,)| result.map(packed::batch_in))
            }
        };
        self.store.data_mut().end_lines();
        match transformed {
            Ok(Ok(rows)) => {
                let checked = rows.map_err(CallError::from).and_then(|rows| arguments::batch(&rows).map(|()| rows));
                checked.map_err(|refused| refused.into_error().at("call", FUNCTION))
            }
            Ok(Err(message)) => Err(Error::failed(cut_owned(message, ERROR)).at("call", FUNCTION)),
            Err(error) => Err(failed(&error, &mut self.store, FUNCTION)),
        }
    }

    fn given(&mut self) -> Option<Batch> {
        self.given.take()
    }
}
