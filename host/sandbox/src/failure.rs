//! Turns the end of a guest into an error of the tool: it returned an error, trapped, reached a limit or was stopped,
//! or the host failed.

use std::fmt;

use wasmtime::Trap;

use super::bindings::runner::migration::types as wit;
use super::state::{DESCRIPTION_BYTES, GuestState, Purpose};
use super::text::{self, cut};
use super::usage::LimitExceeded;
use runner_base::error::{Error, ErrorKind};
use runner_database::stop::StopReason;
use runner_engine::execution::Calls;
use runner_engine::stopped::stopped;
use runner_project::limits::Limits;
use runner_project::units::format_size;

/// The run has to stop: ends the guest as a trap, in a host call or between two slices of its code.
#[derive(Clone, Copy, Debug)]
pub struct Stopped(pub StopReason);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was stopped")
    }
}

impl std::error::Error for Stopped {}

/// A host call that failed for a reason that the guest cannot handle.
#[derive(Clone, Debug)]
pub struct HostFailure(pub String);

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostFailure {}

fn used_up(limit: &LimitExceeded) -> Error {
    let error = Error::denied(limit.to_string());
    // Not every limit is a setting.
    if !Limits::NAMES.contains(&limit.name) {
        return error.hint("this exceeds what any compiler emits; look at how the component was built");
    }
    error.hint(format!(
        "raise it with `--limit {0}=…` or under `[limits]` in runner.toml, if you trust the migration",
        limit.name
    ))
}

/// Whether the system refused memory or address space, which is not the component's fault. wasmtime keeps the type of the
/// system's errors private, so their text is tested, too.
pub fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let of_system = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::OutOfMemory)
    };
    error.chain().any(of_system)
        || error.is::<wasmtime::OutOfMemory>()
        || error.chain().any(|cause| cause.to_string().contains(NO_MEMORY))
}

/// `ENOMEM`, as Rust formats errors of the system; 12 on all systems with that name.
const NO_MEMORY: &str = "(os error 12)";

/// The error for memory or address space that the system refused.
pub fn out_of_memory(what: &str, error: &wasmtime::Error) -> Error {
    Error::failed(format!("{what}: the system refused memory or address space"))
        .cause(text::cut_owned(format!("{error:#}"), text::ERROR))
        .hint("the sandbox reserves 4 GiB of address space for each memory of a component, without using it: raise `ulimit -v`, or the memory of the container")
}

/// The error of a call that ended in a trap or in the host. `call` is the exported function.
pub fn of_trap(error: &wasmtime::Error, state: &GuestState, call: &str) -> Error {
    let failure = |error: Error| match state.purpose.made().and_then(Calls::last_step) {
        // Only the kind of failure shows whether the guest was inside the step or past it.
        Some((step, statement)) => {
            error.at("statement", statement.clone()).at("last step", step.to_string()).at("call", call)
        }
        None => error.at("call", call),
    };
    if let Some(Stopped(reason)) = error.downcast_ref() {
        return failure(stopped(*reason));
    }
    if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
        return failure(used_up(limit));
    }
    if let Some(inner) = error.downcast_ref::<Error>() {
        // From the engine, or from an instance of a transform, which has added the place.
        return failure(inner.clone());
    }
    if let Some(HostFailure(message)) = error.downcast_ref() {
        return failure(Error::failed(message.clone()));
    }
    if matches!(error.downcast_ref(), Some(wasmtime::component::ResourceTableError::Full)) {
        return failure(used_up(&LimitExceeded { name: "handles", at: state.limits.handles.to_string() }));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            let error = used_up(&LimitExceeded { name: "fuel", at: state.limits.fuel.to_string() });
            failure(match &state.was_at {
                Some(place) => error.at("line", place.clone()),
                None => error,
            })
        }
        Some(Trap::StackOverflow) => {
            failure(used_up(&LimitExceeded { name: "stack", at: format_size(state.limits.stack) }))
        }
        // Interpreters have stubs for the calls of a system, and end there.
        Some(Trap::UnreachableCodeReached) if state.is_script() => {
            let error = Error::failed("the script asked its runtime for what a migration has not, which ended it");
            failure(with_last_words(error, state).hint(
                "there are no files, network, processes, threads or timers; look for them in what the script calls",
            ))
        }
        Some(Trap::CannotLeaveComponent) => failure(with_last_words(
            Error::failed("the component called the host, or printed, while the host passed a value to it"),
            state,
        )),
        Some(trap) => failure(match state.last_errors.text().as_deref().and_then(panic_of_go) {
            Some((message, stack)) => Error::failed(message).cause(stack),
            None => with_last_words(Error::failed(format!("the component trapped: {trap}")), state),
        }),
        None if is_out_of_memory(error) => failure(out_of_memory("the component cannot be started", error)),
        None => {
            let text = text::cut_owned(told(error), text::ERROR);
            // wasmtime keeps the type of this error private (`HostcallFuelExhausted`), so only its text can be
            // tested.
            if text.contains("fuel allocated for hostcalls") {
                // The limit may be lower still.
                if matches!(state.purpose, Purpose::Describe) && state.limits.host_call_bytes > DESCRIPTION_BYTES as u64
                {
                    let at = format_size(DESCRIPTION_BYTES as u64);
                    return failure(Error::denied(format!("one call of `describe` passed more than {at}")).hint(
                        "a description is one line and a few names, and so is what it logs; look at what `describe` of the \
                         component passes to the host",
                    ));
                }
                let at = format_size(state.limits.host_call_bytes);
                return failure(used_up(&LimitExceeded { name: "host_call_bytes", at }));
            }
            failure(
                Error::failed("the component violated the rules of the component model")
                    .cause(text)
                    .hint("the toolchain that built it may be at fault; rebuild it with a current one"),
            )
        }
    }
}

/// The error and its causes, without what `script_place` looks at.
fn told(error: &wasmtime::Error) -> String {
    let parts = error.chain().map(ToString::to_string).filter(|part| !part.starts_with("wasm coredump generated"));
    parts.collect::<Vec<_>>().join(": ")
}

/// What Go's runtime prints before it ends a program, which no SDK sees if another goroutine panics: the message, and the stack.
fn panic_of_go(lines: &str) -> Option<(String, String)> {
    // It comes last, and may have the stacks of several goroutines.
    let at = ["panic: ", "fatal error: "].into_iter().filter_map(|begin| {
        let at = lines.rfind(&format!("\n{begin}")).map(|at| at + 1).or(lines.starts_with(begin).then_some(0))?;
        Some(at + begin.len())
    });
    let (message, stack) = lines.get(at.max()?..)?.split_once("\n\ngoroutine ")?;
    Some((format!("the migration panicked: {}", message.trim_end()), format!("goroutine {stack}")))
}

/// The error of a guest that ended, with the last that it said in this call, which need not have to do with it.
pub fn with_last_words(error: Error, state: &GuestState) -> Error {
    match (state.last_errors.text(), &state.last_words) {
        (Some(lines), _) => error.cause(format!("its last lines on standard error:\n{lines}")),
        (None, Some(words)) => error.cause(format!("its last words: {words}")),
        (None, None) => error,
    }
}

/// What the runtime of TypeScript says about what is not only a type; see `runtimes/typescript/src/lib.rs`.
const STRIPPED: &str = " cannot be stripped";

/// The error of a script, with a hint if it is one of the runtime's own that has a way out.
pub fn with_hint(error: Error) -> Error {
    match error.message.lines().next().is_some_and(|line| line.starts_with("SyntaxError: ") && line.contains(STRIPPED))
    {
        true => error.hint("only types are stripped: use `import` with `from`, `export default`, and `value as Type`"),
        false => error,
    }
}

/// The error that a guest returned. If it passes on the last error of the database, it gets that error's place.
pub fn of_returned(error: wit::Error, state: &GuestState, call: &str) -> Error {
    let kind = match error.kind {
        wit::ErrorKind::Denied | wit::ErrorKind::Limit => ErrorKind::Denied,
        _ => ErrorKind::Failed,
    };
    let mut message = cut(&error.message, text::ERROR).into_owned();
    let detail = error.detail.as_deref().filter(|detail| !detail.is_empty());
    if let Some(detail) = detail.filter(|_| !state.is_script()) {
        message.push_str(&format!(" ({})", cut(detail, text::ERROR)));
    }
    if !error.code.is_empty() {
        message.push_str(&format!(" [{}]", cut(&error.code, text::WORD)));
    }
    // The traceback is the body of the message.
    if let Some(detail) = detail.filter(|_| state.is_script()) {
        message.push_str(&format!("\n{}", cut(detail, text::ERROR)));
    }
    let mut report = Error::new(kind, message);
    if state.is_script() {
        report = with_hint(report);
    }
    // Guests wrap an error of the database in their own words; its place is still where the failure occurred.
    if let Some(fault) =
        state.purpose.made().and_then(Calls::fault).filter(|fault| error.message.contains(&fault.error.message))
    {
        report = report.at("statement", fault.statement.clone()).at("step", fault.step.to_string());
        report = fault.error.advice().into_iter().fold(report, Error::hint);
    }
    report.at("call", call)
}

#[cfg(test)]
mod tests {
    use super::panic_of_go;

    #[test]
    fn the_message_of_go_is_separated_from_its_stacks() {
        let shown = |lines: &str| panic_of_go(lines).map(|(message, stack)| format!("{message}|{stack}"));
        let deadlock = "said before\nfatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\na\n\ngoroutine 5 [sleep]:\nb";
        assert_eq!(
            shown(deadlock).as_deref(),
            Some(
                "the migration panicked: all goroutines are asleep - deadlock!|goroutine 1 [chan receive]:\na\n\ngoroutine 5 [sleep]:\nb"
            )
        );
        let panic = "panic: one\ntwo\n\ngoroutine 7 [running]:\nc";
        assert_eq!(shown(panic).as_deref(), Some("the migration panicked: one\ntwo|goroutine 7 [running]:\nc"));
        for other in
            ["", "panic: without a stack", "\n\ngoroutine 1 [running]:\nd", "a panic: inside\n\ngoroutine 1:\ne"]
        {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
