//! Compiling in this process, for programs that have no other to do it.

use std::sync::mpsc::{RecvTimeoutError, channel};

use wasmtime::Engine;

use super::{Order, STACK, TICK, Watch};
use crate::{failure, inspect};
use runner_base::error::{Error, Result};

/// Compiles a component on a thread, and stops waiting for it when it has to end.
pub(super) fn compile(engine: &Engine, order: &Order<'_>) -> Result<Vec<u8>> {
    let watch = Watch::begin(order);
    let (answer, answered) = channel();
    // The thread may outlast this call, so it has its own copy.
    let (engine, bytes) = (engine.clone(), order.bytes.to_vec());
    let thread = std::thread::Builder::new().name("compiler".to_owned()).stack_size(STACK);
    let spawned = thread.spawn(move || {
        // There may be no receiver any more.
        let _ = answer.send(engine.precompile_component(&bytes));
    });
    spawned.map_err(|error| Error::failed("cannot start a thread").cause(error))?;
    loop {
        match answered.recv_timeout(TICK) {
            Ok(Ok(code)) => return Ok(code),
            Ok(Err(error)) if failure::is_out_of_memory(&error) => {
                return Err(failure::out_of_memory("the component cannot be compiled", &error));
            }
            Ok(Err(error)) => return Err(inspect::invalid(&error)),
            Err(RecvTimeoutError::Timeout) => watch.check()?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::failed("compiling the component panicked")
                    .hint("report this with the component: it is a bug in wasmtime or in runner"));
            }
        }
    }
}
