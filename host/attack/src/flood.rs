//! A component that calls a function of the host without end, with as many bytes as a call may have.

use std::time::Duration;

use runner_base::error::{Error, Result};
use runner_build::build::component_of;
use runner_engine::Script;
use runner_project::limits::Limits;
use runner_project::sha256;
use runner_sandbox::{Sandbox, SandboxOptions};

/// After this time it is to stop.
pub(super) const TIME: Duration = Duration::from_millis(300);

/// If it takes longer, it has not stopped. Its calls take several times as long, on a machine that has nothing else to do.
pub(super) const MOST: Duration = Duration::from_secs(10);

/// So many calls end it, whatever happens to its time.
const CALLS: u64 = 30_000;

/// The component. `text`: the function, and the bytes of a call.
pub(super) fn script(text: &str) -> Result<Box<dyn Script>> {
    let unknown = || Error::failed(format!("no call is named by `{text}`"));
    let (function, bytes) = text.split_once(' ').ok_or_else(unknown)?;
    let (parameters, arguments) = match function {
        "log" => ("i32 i32 i32", "(i32.const 0)"),
        "progress" => ("i64 i32 i64 i32 i32", "(i64.const 1) (i32.const 0) (i64.const 0)"),
        _ => return Err(unknown()),
    };
    let module = format!(
        r#"(module
            (import "runner:migration/context@0.1.0" "{function}" (func $call (param {parameters})))
            (memory (export "memory") 512)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
            (func (export "describe") (result i32) (i32.const 0))
            (func (export "upgrade") (result i32)
                (loop (call $call {arguments} (i32.const 1024) (i32.const {bytes})) (br 0)) (unreachable))
            (func (export "downgrade") (result i32) (i32.const 0)))"#
    );
    let component = component_of("calls.wat", module.into_bytes(), Some("migration"))?;
    let limits = Limits { host_calls: CALLS, ..Limits::default() };
    Sandbox::new(SandboxOptions { limits, ..SandboxOptions::default() }).load(&component, &sha256(&component), None)
}
