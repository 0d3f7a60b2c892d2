//! The process that compiles: what `runner compile-component` does.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use sha2::Digest;

use super::protocol::{self, Reply, Request};
use super::{STACK, restrict};
use crate::{engine, failure, text};
use runner_project::limits::Limits;

/// Compiles one component for the process that started this one: reads it from standard input, writes the code to
/// standard output, and returns the exit code of the process. It gives up every other descriptor, and limits its own
/// memory and time as requested, before it reads the component.
///
/// A program that embeds this crate and has no `runner` next to it can be its own helper: see
/// `Builder::component_compiler`.
pub fn compile_component() -> ExitCode {
    restrict::isolate();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(serve);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) => failed(&error.to_string()),
        Ok(Err(_)) => failed("compiling panicked"),
        Err(error) => failed(&format!("cannot start a thread: {error}")),
    }
}

/// What the other side shows as the cause.
#[allow(clippy::disallowed_methods, reason = "the other end is a pipe of this program")]
fn failed(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::FAILURE
}

#[allow(clippy::disallowed_methods, reason = "the other end is a pipe of this program")]
fn serve() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout());
    let request = Request::read(&mut input)?;
    let memory = restrict::limit(request.memory, request.seconds);
    protocol::write_ready(memory, &mut output)?;
    let mut bytes = Vec::new();
    (&mut input).take(request.length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != request.length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    drop(input);
    end_with_the_other_side()?;
    let limits = Limits { stack: request.stack, ..Limits::default() };
    let engine = engine::engine(&limits).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let key = protocol::key(&engine, &hex::encode(sha2::Sha256::digest(&bytes)));
    let reply = match engine.precompile_component(&bytes) {
        Ok(code) => Reply::Code(code),
        Err(error) if failure::is_out_of_memory(&error) => Reply::OutOfMemory,
        Err(error) => Reply::Invalid(text::cut_owned(format!("{error:#}"), text::ERROR)),
    };
    reply.write(&key, &mut output)
}

/// Ends this process as soon as the other side closes its end of standard input, by its end if not before: nothing
/// would read the answer.
#[allow(clippy::exit, reason = "compiling cannot be interrupted otherwise")]
fn end_with_the_other_side() -> io::Result<()> {
    let watch = || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(watch).map(drop)
}
