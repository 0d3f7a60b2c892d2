//! Compiles components. Cranelift is quick and correct, but its time and memory are only bounded by what it is given:
//! wasmtime counts neither as a security problem. So a component is first inspected (`inspect`), and then
//! compiled in a process of its own that has limits and nothing else: no descriptor but its pipes, no environment, no file.
//! What comes back is machine code, which is run; it is taken only from a process that this one started.
//!
//! The process closes every descriptor but its pipes, limits its address space to what it has plus `compile_memory`,
//! its time and its files, and only then reads the component. It ends as soon as its input is closed, by the run or the
//! run's death, and ignores the signals of the terminal. It asks for the limits on itself, so no code runs between
//! `fork` and `exec`. Its environment is empty except for a setting of the allocator, which would reserve a gigabyte.
//! The answer carries a digest of component, settings and version, and is loaded only from that pipe or from the
//! private cache. The initial contents of memories, up to 64 MiB, are stored whole, so that instances map them: for
//! Python that was half of the start.
//!
//! A program that embeds the library names a program that compiles, or compiles on a thread: inspected and with a
//! deadline, but a thread has no limit of memory and can only be abandoned. To start the host program again without
//! being asked would be worse.
//!
//! Rejected: the process alone, since the memory of this one depends on the structure too, and a refusal in a
//! millisecond names the shape; Winch, which does not count fuel alike; `fork` without `exec`, with threads and
//! connections that a child would share; seccomp and namespaces, for Linux only; a limit by polling the resident size,
//! since a gigabyte is taken between two polls.

mod child;
mod protocol;
mod restrict;
mod spawned;
mod thread;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use wasmtime::Engine;

pub use child::compile_component;
pub use protocol::{COMMAND, fingerprint};
use runner_base::error::{Error, Result};
use runner_database::StopSignal;
use runner_engine::stopped::stopped;
use runner_project::limits::Limits;

/// How long to wait for the compiler between two checks of the stop signal: what stops a run should seem immediate.
const TICK: Duration = Duration::from_millis(10);

/// Stack of a thread that compiles: Cranelift recurses over nested blocks, of which a function may have some thousands.
const STACK: usize = 32 << 20;

/// What compiles components.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// A thread of this process, whose memory is then not limited, and which continues until it is done even if nothing
    /// waits for it any more.
    #[default]
    Thread,
    /// A process of this program, which is `runner` or calls [`compile_component`].
    Program(PathBuf),
}

/// A component to compile.
pub struct Order<'a> {
    /// The component, inspected.
    pub bytes: &'a [u8],
    /// Its digest.
    pub sha256: &'a str,
    /// The limits, those on compiling among them.
    pub limits: &'a Limits,
    /// Ends compiling early.
    pub stop: &'a StopSignal,
}

impl Compiler {
    /// The component as machine code for this engine.
    pub fn compile(&self, engine: &Engine, order: &Order<'_>) -> Result<Vec<u8>> {
        match self {
            Self::Thread => thread::compile(engine, order),
            Self::Program(program) => spawned::compile(program, engine, order),
        }
    }
}

/// When compiling must have ended, and what else ends it.
struct Watch<'a> {
    stop: &'a StopSignal,
    limit: Option<Duration>,
    deadline: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn begin(order: &Order<'a>) -> Self {
        let limit = order.limits.compile_time;
        // A duration that is out of the clock's range means no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        Self { stop: order.stop, limit, deadline }
    }

    /// Fails if compiling has to end now.
    fn check(&self) -> Result<()> {
        if let Some(reason) = self.stop.reason() {
            return Err(stopped(reason));
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(too_long(self.limit)),
            _ => Ok(()),
        }
    }
}

/// The error for a component that takes too long.
fn too_long(limit: Option<Duration>) -> Error {
    let at = limit.map_or_else(|| "none".to_owned(), runner_project::units::format_duration);
    Error::denied(format!("compiling the component took longer than the limit `compile_time` of {at}"))
        .hint("raise it with `--limit compile_time=…` or under `[limits]` in runner.toml, if you trust the migration")
}

/// The error for a component that takes too much memory.
fn too_large(limit: u64) -> Error {
    let at = runner_project::units::format_size(limit);
    Error::denied(format!("compiling the component took more memory than the limit `compile_memory` of {at}"))
        .hint("raise it with `--limit compile_memory=…` or under `[limits]` in runner.toml, if you trust the migration")
}
