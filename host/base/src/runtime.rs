//! The asynchronous runtime.

use std::future::Future;

use crate::error::{Error, Result};

/// The stack of a thread that runs commands, in bytes: as much as the main thread of a program has. Futures of an unoptimised
/// build are large, and those of a connection with TLS go deep.
pub const STACK: usize = 8 << 20;

/// Runs a command. One thread talks to the database, so that answers are never delayed by computation: guests that transform
/// batches have their own threads, and so has the signal handler. A thread pool would take longer to start than `status` takes.
pub fn run<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    new()?.block_on(command)
}

/// A runtime for the current thread, which must not be inside another runtime.
pub fn new() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().thread_stack_size(STACK).build();
    runtime.map_err(|error| Error::failed("cannot start the async runtime").cause(error))
}
