//! The asynchronous runtime, as small as the command allows.

use std::future::Future;

use crate::error::{Error, Result};

/// Runs a command that only looks, on this thread alone: starting threads would cost more than the look.
pub fn look<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(no_runtime)?.block_on(command)
}

/// Runs a command that runs migrations: signals and limits must be heard while a guest computes.
pub fn work<T>(jobs: usize, command: impl Future<Output = Result<T>>) -> Result<T> {
    let threads = jobs.saturating_add(1).clamp(2, 64);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(no_runtime)?.block_on(command)
}

fn no_runtime(error: std::io::Error) -> Error {
    Error::failed("the operating system gives no threads").cause(error)
}
