//! The configuration of wasmtime: a component with the same arguments has the same outcome on every machine.

use wasmtime::{Config, Engine, OptLevel};

use runner_base::error::{Error, Result};
use runner_project::limits::Limits;

/// Stack for host functions on top of the guest's own: they run on the guest's fiber, and SQLite's parser is among them.
const HOST_STACK: usize = 2 << 20;

/// The largest initial content of a memory, from its first byte that is written to its last, that is mapped from the compiled
/// component although less than half of it is written. Otherwise each instance copies it: of Python's 47 MB, 25 are pages with content,
/// which took more time than everything else at its start. What is not written is bounded for the component as a whole.
pub const IMAGE: u64 = 64 << 20;

/// Creates the engine. Off: threads, shared memory, relaxed SIMD, 64-bit memories, garbage collection, exceptions, the
/// asynchronous component model. On: fuel, so that the instruction budget is the same everywhere, and canonical NaNs.
pub fn engine(limits: &Limits) -> Result<Engine> {
    let stack = usize::try_from(limits.stack).unwrap_or(usize::MAX / 4);
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        // Only what there is to look at after a trap: nothing is copied.
        .coredump_on_trap(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack.saturating_add(HOST_STACK))
        .concurrency_support(false)
        .memory_guaranteed_dense_image_size(IMAGE)
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
