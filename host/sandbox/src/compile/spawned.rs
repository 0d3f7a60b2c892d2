//! Compiling in a process of its own, as seen from the run.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{Builder, JoinHandle};

use wasmtime::Engine;

use super::protocol::{self, COMMAND, Reply, Request};
use super::{Order, TICK, Watch, too_large, too_long};
use crate::inspect;
use runner_base::error::{Error, Result};
use runner_project::units::format_size;

/// Bytes of the process's messages that are kept: the first lines say why it ended.
const MESSAGES: u64 = 4 << 10;
/// What Rust's allocator says when the system refuses memory.
const NO_MEMORY: &str = "memory allocation of";

/// How much memory the allocator of `runner` reserves at a time. By default it is a gigabyte when the process starts, which
/// would be taken before the limit counts.
const ARENA: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "32MiB");

/// What the process has answered.
struct Answer {
    /// The memory that it had; none if it never got ready.
    memory: Option<u64>,
    reply: io::Result<Reply>,
}

/// A process that is killed when it is no longer needed, and its pipes closed with it.
struct Process(Option<Child>);

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        // Fails only if it has ended and was waited for.
        let _ = child.kill();
        if matches!(child.try_wait(), Ok(None)) {
            // The system takes its memory back first, which needs no waiting. Without a thread it stays a zombie until
            // this process ends.
            let _ = Builder::new().name("compiler".to_owned()).spawn(move || child.wait());
        }
    }
}

/// Compiles a component in a process of that program.
pub(super) fn compile(program: &Path, engine: &Engine, order: &Order<'_>) -> Result<Vec<u8>> {
    let watch = Watch::begin(order);
    let limits = order.limits;
    let request = Request {
        stack: limits.stack,
        memory: limits.compile_memory,
        // After the deadline: it ends the process if this one is suspended and cannot.
        seconds: limits.compile_time.map_or(0, |time| time.as_secs().saturating_add(2)),
        length: order.bytes.len() as u64,
    };
    let key = protocol::key(engine, order.sha256);
    let (mut process, (input, mut output, errors)) = start(program)?;
    // The threads end with the process, but need not have ended when this function does: so they own what they use.
    let bytes = order.bytes.to_vec();
    let (answer, answered) = channel();
    // Its result is the pipe: the process ends itself as soon as that is closed.
    let _fed = spawn(move || feed(input, &request, &bytes))?;
    let messages = spawn(move || messages(errors))?;
    spawn(move || {
        let (memory, reply) = match protocol::read_ready(&mut output) {
            Ok(memory) => (Some(memory), Reply::read(&key, request.length, &mut output)),
            Err(error) => (None, Err(error)),
        };
        // Nothing waits for it if compiling was stopped.
        let _ = answer.send(Answer { memory, reply });
    })?;
    let Answer { memory, reply } = loop {
        match answered.recv_timeout(TICK) {
            Ok(answer) => break answer,
            Err(RecvTimeoutError::Timeout) => watch.check()?,
            Err(RecvTimeoutError::Disconnected) => return Err(Error::failed("the compiler's answer was lost")),
        }
    };
    match reply {
        Ok(Reply::Code(code)) => Ok(code),
        Ok(Reply::Invalid(message)) => Err(inspect::invalid(&wasmtime::Error::msg(message))),
        Ok(Reply::OutOfMemory) => Err(no_memory(memory, limits.compile_memory)),
        // It continues, whatever it is.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Error::failed(format!("`{}` does not compile components for this program", program.display()))
                .cause(error)
                .hint("name a `runner` of the same version, or this program itself"))
        }
        Err(error) => {
            let status = ended(&mut process, &watch)?;
            let messages = messages.join().unwrap_or_default();
            Err(died(status, &messages, &error, memory, order))
        }
    }
}

type Pipes = (ChildStdin, std::process::ChildStdout, std::process::ChildStderr);

fn start(program: &Path) -> Result<(Process, Pipes)> {
    let mut command = Command::new(program);
    command
        .arg(COMMAND)
        .env_clear()
        .env(ARENA.0, ARENA.1)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let cannot = |error: io::Error| {
        Error::failed(format!("cannot start the process that compiles components: `{}`", program.display()))
            .cause(error)
            .hint("components that are not in the cache are compiled by a second process of the same program")
    };
    let mut child = command.spawn().map_err(cannot)?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let process = Process(Some(child));
    match pipes {
        (Some(input), Some(output), Some(errors)) => Ok((process, (input, output, errors))),
        _ => Err(cannot(io::ErrorKind::BrokenPipe.into())),
    }
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    let thread = Builder::new().name("compiler".to_owned()).spawn(work);
    thread.map_err(|error| Error::failed("cannot start a thread").cause(error))
}

/// Writes the request and the component, and returns the pipe, still open. A failure is seen in the answer.
fn feed(mut input: ChildStdin, request: &Request, bytes: &[u8]) -> ChildStdin {
    let _ = request.write(&mut input).and_then(|()| input.write_all(bytes)).and_then(|()| input.flush());
    input
}

/// The first of the process's messages. Reads all of them, so that it never waits for a full pipe.
fn messages(mut errors: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = errors.by_ref().take(MESSAGES).read_to_end(&mut kept);
    let _ = io::copy(&mut errors, &mut io::sink());
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// How the process ended, which has closed its output.
fn ended(process: &mut Process, watch: &Watch<'_>) -> Result<ExitStatus> {
    loop {
        let status = process.0.as_mut().map_or(Err(io::ErrorKind::NotFound.into()), Child::try_wait);
        if let Some(status) = status.map_err(|error| Error::failed("cannot wait for the compiler").cause(error))? {
            return Ok(status);
        }
        watch.check()?;
        std::thread::sleep(TICK);
    }
}

/// The error for a process that ended without a whole answer.
fn died(status: ExitStatus, messages: &str, cause: &io::Error, memory: Option<u64>, order: &Order<'_>) -> Error {
    if messages.contains(NO_MEMORY) {
        return no_memory(memory, order.limits.compile_memory);
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        match status.signal() {
            Some(libc::SIGXCPU) => return too_long(order.limits.compile_time),
            Some(libc::SIGKILL) => {
                return Error::failed(
                    "the process that compiled the component was killed, probably by the system for want of memory",
                )
                .hint(
                    "give the machine or the container more memory, or compile with less: `--limit compile_memory=…`",
                );
            }
            _ => {}
        }
    }
    let error = Error::failed(format!("the process that compiled the component ended early: {status}"));
    let error = if messages.is_empty() { error.cause(cause) } else { error.cause(messages) };
    error.hint("if the component compiles elsewhere, report this with it: it is a bug in wasmtime or in runner")
}

/// The error for a process that was refused memory: by its own limit, or by a lower one that it was started with.
fn no_memory(had: Option<u64>, limit: u64) -> Error {
    match had {
        Some(had) if had < limit => Error::failed(format!(
            "the component cannot be compiled: the system allows only {} of address space for it",
            format_size(had)
        ))
        .hint(format!(
            "raise `ulimit -v`; compiling may take up to the limit `compile_memory` of {}",
            format_size(limit)
        )),
        _ => too_large(limit),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;
    use runner_base::error::ErrorKind;
    use runner_database::StopSignal;
    use runner_database::stop::StopReason;
    use runner_project::limits::Limits;

    /// What comes of a helper that is this shell script, if compiling may take that long.
    fn with_script(script: &str, time: Duration, stop: &StopSignal) -> Error {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("helper");
        runner_tests::program(&program, &format!("#!/bin/sh\n{script}\n"));
        let limits = Limits { compile_time: Some(time), ..Limits::default() };
        let engine = crate::engine::engine(&limits).expect("an engine");
        // More than a pipe holds: the helper may not read it.
        let order = Order { bytes: &vec![0; 1 << 20], sha256: "", limits: &limits, stop };
        compile(&program, &engine, &order).expect_err(script)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn helpers_that_fail_are_distinguished() {
        for (script, kind, says) in [
            ("exit 3", ErrorKind::Failed, "ended early: exit status: 3"),
            ("kill -9 $$", ErrorKind::Failed, "was killed"),
            ("kill -XCPU $$", ErrorKind::Denied, "limit `compile_time`"),
            (
                "echo 'memory allocation of 5 bytes failed' >&2; kill -ABRT $$",
                ErrorKind::Denied,
                "limit `compile_memory`",
            ),
            ("echo 'it broke' >&2; exit 1", ErrorKind::Failed, "it broke"),
            ("exec yes", ErrorKind::Failed, "does not compile components"),
            ("exec cat", ErrorKind::Failed, "does not compile components"),
            ("printf 'runner compile 1'; exec yes", ErrorKind::Failed, "does not compile components"),
        ] {
            let error = with_script(script, LONG, &StopSignal::never());
            assert!(error.kind == kind && format!("{error:#}").contains(says), "{script}: {error:#}");
        }
        let limits = Limits::default();
        let engine = crate::engine::engine(&limits).expect("an engine");
        let order = Order { bytes: &[], sha256: "", limits: &limits, stop: &StopSignal::never() };
        let missing = compile(Path::new("/nowhere/runner"), &engine, &order).expect_err("no program");
        assert!(missing.message.contains("cannot start the process that compiles components"), "{missing:#}");
    }

    /// One that neither reads, nor writes, nor ends.
    #[test]
    fn helpers_that_hang_are_ended() {
        let error = with_script("exec sleep 600", Duration::from_millis(50), &StopSignal::never());
        assert!(error.message.contains("limit `compile_time` of 50ms"), "{error:#}");
        let closed = with_script("exec sleep 600 >&- 2>&-", Duration::from_millis(50), &StopSignal::never());
        assert!(closed.message.contains("limit `compile_time` of 50ms"), "{closed:#}");
        let stop = StopSignal::default();
        stop.raise(StopReason::Interrupt);
        assert_eq!(with_script("exec sleep 600", LONG, &stop).kind, ErrorKind::Interrupted);
    }
}
