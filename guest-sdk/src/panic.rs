//! Makes the message of a panic the error of the migration: a trap alone would only say `unreachable`.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bindings::migration::runner::migration::process;

/// Makes every panic of this instance end it with the panic's message. Once installed, it costs one comparison.
pub(crate) fn report_to_host() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.swap(true, Ordering::Relaxed) {
        panic::set_hook(Box::new(report));
    }
}

fn report(info: &PanicHookInfo<'_>) {
    let message = message(info.payload());
    let advice = if message.contains(NO_CLOCK) { CLOCK } else { "" };
    process::abort(&match info.location() {
        Some(at) => format!("the migration panicked at {}:{}:{}: {message}{advice}", at.file(), at.line(), at.column()),
        None => format!("the migration panicked: {message}"),
    });
}

/// What the standard library says where it has no clock, in a place of its own that says nothing of the migration.
const NO_CLOCK: &str = "time not implemented on this platform";

const CLOCK: &str = " (take `context::run_timestamp()`; or compile for wasm32-wasip1, where the clock stands at it, with \
     `target = \"wasm32-wasip1\"` under `[package.metadata.runner]` in `Cargo.toml`)";

fn message(payload: &dyn Any) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "(no message)"
    }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn reads_the_payloads_that_panics_carry() {
        assert_eq!(message(&"plain"), "plain");
        assert_eq!(message(&String::from("formatted")), "formatted");
        assert_eq!(message(&7), "(no message)");
    }
}
