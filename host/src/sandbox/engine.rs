//! The configuration of wasmtime: a component with the same arguments has the same outcome on every machine.

use wasmtime::{Config, Engine, OptLevel};

use crate::error::{Error, Result};
use crate::project::limits::Limits;

/// Stack for host functions on top of the guest's own: they run on the guest's fiber, and SQLite's parser is among them.
const HOST_STACK: usize = 2 << 20;

/// Creates the engine. Off: threads, shared memory, relaxed SIMD, 64-bit memories, garbage collection, exceptions, the
/// asynchronous component model. On: fuel, so that the instruction budget is the same everywhere, and canonical NaNs.
pub fn engine(limits: &Limits) -> Result<Engine> {
    let stack = usize::try_from(limits.stack).unwrap_or(usize::MAX / 4);
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack.saturating_add(HOST_STACK))
        .concurrency_support(false)
        .wasm_component_model(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false);
    Engine::new(&config).map_err(|error| {
        Error::failed("the sandbox cannot be set up on this machine")
            .cause(format!("{error:#}"))
            .hint("`--limit stack=…` may be out of range; otherwise report this with the output of `runner --version`")
    })
}
