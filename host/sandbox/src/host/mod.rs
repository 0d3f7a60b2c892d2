//! The host's side of the contract: one file per WIT interface. Each function counts the call and its bytes, converts
//! and checks its arguments, calls the engine, and converts the result.

pub(super) mod arguments;
mod batches;
mod context;
mod packed;
mod process;
mod schema;
mod sql;
mod writers;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

use super::bindings::Migration;
use super::bindings::runner::migration::{description_types, types};
use super::convert;
use super::failure::Stopped;
use super::state::GuestState;
use runner_base::error::{Error, Result};
use runner_engine::CallError;

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

#[cfg(test)]
mod tests {
    /// A function that does not begin by counting would be free, whatever passes through it.
    #[test]
    fn each_function_of_the_contract_counts_its_call_and_its_bytes() {
        let mut functions = 0;
        for source in [
            include_str!("batches.rs"),
            include_str!("context.rs"),
            include_str!("packed.rs"),
            include_str!("process.rs"),
            include_str!("schema.rs"),
            include_str!("sql.rs"),
            include_str!("writers.rs"),
        ] {
            for of_contract in
                source.split("\nimpl ").filter(|part| part.contains("Host") && part.contains(" for GuestState {"))
            {
                let block = of_contract.split("\n}\n").next().unwrap_or_default();
                for function in block.split("\n    async fn ").skip(1) {
                    let body = function.split("{\n").nth(1).unwrap_or_default();
                    // A batch becomes columns first; `next_batch` counts, for both forms of one.
                    let counts = |line: &str| line.contains("self.count_call(") || line.contains("self.next_batch(");
                    assert!(body.lines().take(2).any(counts), "{function}");
                    functions += 1;
                }
            }
        }
        assert!(functions > 25, "{functions}");
    }
}
