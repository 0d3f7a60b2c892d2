//! What a transform needs from a migration's code: functions that turn one batch into another.

use async_trait::async_trait;

use runner_base::error::Result;
use runner_data::Batch;
use runner_database::BatchLimits;

/// The batch functions of one migration. A transform starts instances of it, one for each worker.
#[async_trait]
pub trait BatchFunction: Send + Sync {
    /// The limits on a batch and on a cell, for input and for output.
    fn limits(&self) -> BatchLimits;

    /// How many instances may compute at the same time alongside one connection.
    fn instances(&self) -> usize;

    /// Starts an instance for one worker.
    async fn start(&self) -> Result<Box<dyn BatchInstance>>;
}

/// A started instance. It handles one batch at a time; dropped in the middle of one, it is of no further use.
#[async_trait]
pub trait BatchInstance: Send {
    /// Runs the batch function of that name. What it returns is checked by the engine.
    async fn transform(&mut self, name: &str, rows: Batch) -> Result<Batch>;

    /// The rows of the call that failed, if its error may name one of them as `{row 17}`.
    fn given(&mut self) -> Option<Batch> {
        None
    }
}
