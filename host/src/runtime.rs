//! The asynchronous runtime.

use std::future::Future;

use crate::error::{Error, Result};

/// Runs a command. One thread speaks with the database: it is the one that the operating system wakes when an answer comes,
/// and nothing that computes can keep it from hearing it. What computes has threads of its own: guests that turn batches,
/// and those who must be heard meanwhile, signals. Starting threads here would cost more than all that `status` does.
pub fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    new()?.block_on(command)
}

/// A runtime for the thread that it is used on, which must not stand in another one.
pub fn new() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::failed("the operating system gives no threads").cause(error))
}
