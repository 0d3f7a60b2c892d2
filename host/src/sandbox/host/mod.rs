//! The host's side of the contract: one file per WIT interface. Each function counts the call and its bytes, converts
//! and checks its arguments, calls the engine, and converts the result.

pub(super) mod arguments;
mod batches;
mod context;
mod packed;
mod schema;
mod sql;
pub(super) mod weight;
mod writers;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use super::bindings::Migration;
use super::bindings::runner::migration::{description_types, types};
use super::convert;
use super::failure::Stopped;
use super::state::GuestState;
use crate::engine::CallError;
use crate::error::{Error, Result};

/// What a host function returns: a value or an error for the guest, or a trap.
type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// A linker with every interface of the contract.
pub fn linker(engine: &Engine) -> Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    Migration::add_to_linker::<GuestState, HasSelf<GuestState>>(&mut linker, |state| state)
        .map_err(|error| Error::failed("the sandbox's functions cannot be linked").cause(format!("{error:#}")))?;
    Ok(linker)
}

impl types::Host for GuestState {}
impl description_types::Host for GuestState {}

/// The result of a call for the guest. The guest can only handle errors of the database; any other error ends it as a
/// trap.
fn answer<T>(result: Result<T, CallError>) -> Answer<T> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(CallError::Database(error)) => Ok(Err(convert::error_out(&error))),
        Err(CallError::Stopped(reason)) => Err(wasmtime::Error::new(Stopped(reason))),
        Err(CallError::Failed(error)) => Err(wasmtime::Error::new(error)),
    }
}
