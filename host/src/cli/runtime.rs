//! The asynchronous runtime.

use std::future::Future;

use crate::error::{Error, Result};

/// Runs a command. One thread speaks with the database: it is the one that the operating system wakes when an answer comes,
/// and nothing that computes can keep it from hearing it. What computes has threads of its own: guests that turn batches,
/// and those who must be heard meanwhile, signals. Starting threads here would cost more than all that `status` does.
pub fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::failed("the operating system gives no threads").cause(error))?.block_on(command)
}
