//! Runs components: wasmtime's configuration, the limits, the host's side of the WIT contract.
//!
//! It may import `runner-engine`, `runner-project` and what is below them. A room imports rooms of lower floors only; a test holds
//! the imports against this drawing.
//!
//! ```text
//! script             a component that migrates
//! describe instance  a component that describes itself; its batch functions
//! component host     compiled and linked, in a store with limits; the host's side of the contract
//! cache              compiled components on disk
//! compile            in a process or thread of its own
//! failure            how a guest ended
//! state              the data of a store
//! convert_schema     types of the contract as those of the engine
//! convert packed weight
//! bindings inspect   the contract, generated; checks before anything is compiled
//! assets engine lines script_place usage
//! text
//! ```
//!
//! Closed by default. A component has no clock, network, files, environment, randomness or WASI; it has its own
//! memory, a budget of fuel, the interfaces of `runner:migration`, and the assets that the lockfile lists.
//!
//! # Limits
//!
//! Every number that a guest controls has a named limit. *Fuel* counts instructions: it ends a guest at the same point
//! on every machine, which epochs would not, and yields every few milliseconds, so that a stop is noticed inside a
//! loop. It costs up to a third in a tight loop over bytes, and nothing measurable in columns. *A meter over the whole
//! store* counts memories and tables together, since a component may have many; to exceed it is a trap, because what a
//! guest does after a failed `memory.grow` differs between languages. *Checks at the boundary* compare what a guest
//! passes before anything is allocated for it: wasmtime counts the bytes of a call, and `host::arguments` bounds what
//! would be copied on. The wall time ends what neither fuel nor memory can, a statement that never returns, by the stop
//! signal: a call that was cut off by a timer would continue in the database.
//!
//! A guest ends in one of five ways, distinguished by type and not by text where wasmtime allows it (`failure`): it
//! returns an error, it traps, it exceeds a limit, it is stopped, or the host fails.

// The futures of a run are nested deeply.
#![recursion_limit = "256"]

mod assets;
mod bindings;
mod cache;
pub mod compile;
mod component;
mod convert;
mod convert_schema;
mod describe;
pub mod engine;
mod failure;
mod host;
mod inspect;
mod instance;
mod lines;
mod packed;
mod script;
mod script_place;
mod state;
mod text;
mod usage;
mod weight;

#[cfg(test)]
mod architecture_tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

pub use cache::Cache;
pub use cache::CacheNote;
pub use compile::Compiler;
use compile::Order;
use component::LoadedComponent;
pub use describe::Described;
pub(crate) use engine::engine;
use runner_base::error::{Error, Result};
use runner_database::StopSignal;
use runner_engine::script::{Assets, Compiled, Script};
use runner_project::limits::Limits;
use runner_project::script::{LoadedScript, Runtime, is_embedded};
use runner_project::sha256;
use runner_project::time_zones::time_zones;
use script::ComponentScript;
use state::GuestState;

/// How components are run.
#[derive(Clone, Default)]
pub struct SandboxOptions {
    /// What a component may use.
    pub limits: Limits,
    /// Where compiled components are kept; `None`: they are not kept.
    pub cache_directory: Option<PathBuf>,
    /// Receives what is worth saying of that directory.
    pub cache_note: Option<CacheNote>,
    /// Called before a large component is compiled.
    pub compile_note: Option<CacheNote>,
    /// How many instances transform chunks at the same time.
    pub jobs: usize,
    /// What compiles components that are not in the cache.
    pub compiler: Compiler,
    /// Ends compiling early.
    pub stop: StopSignal,
    /// Whether compiled components stay in memory.
    pub keep: Keep,
}

/// Whether compiled components stay in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Each is dropped with its migration.
    #[default]
    Nothing,
    /// All stay, for the next database.
    Components,
}

/// Loads and runs components. Creating one is cheap: wasmtime starts with the first component.
pub struct Sandbox {
    options: SandboxOptions,
    core: OnceLock<Arc<SandboxCore>>,
}

/// What all components of a sandbox share.
struct SandboxCore {
    engine: Engine,
    linker: Linker<GuestState>,
    cache: Option<Cache>,
    compile_note: Option<CacheNote>,
    limits: Arc<Limits>,
    jobs: usize,
    compiler: Compiler,
    stop: StopSignal,
    /// Components by digest, if they are kept.
    kept: Option<Mutex<BTreeMap<String, Component>>>,
}

/// A component of this size takes long enough to compile to say so: an interpreter of several megabytes.
const LARGE: usize = 8 << 20;

impl Sandbox {
    /// A sandbox with these options.
    pub fn new(options: SandboxOptions) -> Self {
        Self { options, core: OnceLock::new() }
    }

    /// The same sandbox, which keeps each component that it has compiled.
    #[must_use]
    pub fn keeping(self) -> Self {
        Self::new(SandboxOptions { keep: Keep::Components, ..self.options })
    }

    /// Compiles a component, or loads it from the cache, ready to run.
    pub fn load(&self, bytes: &[u8], sha256: &str, assets: Option<Assets>) -> Result<Box<dyn Script>> {
        let core = self.core()?;
        let component = core.component(&Artifact { source: Source::Bytes(bytes), sha256 })?;
        Ok(Box::new(ComponentScript::new(LoadedComponent::link(core, &component)?, assets)))
    }

    /// Prepares a script to run in its runtime.
    pub fn load_script(&self, script: &Arc<LoadedScript>) -> Result<Box<dyn Script>> {
        let core = self.core()?;
        let component = core.component(&Artifact::runtime(&script.runtime));
        let linked = component.and_then(|component| LoadedComponent::link(core, &component));
        let linked = linked.map_err(|error| in_runtime(error, script))?;
        Ok(Box::new(ComponentScript::new(linked, Some(Assets::of_script(script)))))
    }

    /// The component with that digest, linked, if it is compiled already. What is wrong with it is reported where it is
    /// loaded.
    pub fn compiled(&self, sha256: &str) -> Option<Compiled> {
        let core = self.core().ok()?;
        let component = core.compiled_already(sha256)?;
        let linked = LoadedComponent::link(core, &component).ok()?;
        Some(Box::new(move |source| Box::new(ComponentScript::new(linked, source.assets()))))
    }

    /// Asks a component for its description, and whether it transforms.
    pub fn describe(&self, bytes: &[u8], assets: Option<Assets>) -> Result<Described> {
        let artifact = Artifact { source: Source::Bytes(bytes), sha256: &sha256(bytes) };
        let mut described = describe::describe(self.core()?, &artifact, assets)?;
        described.description.time_zones = time_zones(bytes);
        Ok(described)
    }

    /// Asks a script, in its runtime.
    pub fn describe_script(&self, script: &Arc<LoadedScript>) -> Result<Described> {
        let place = |error: Error| in_runtime(error, script).at("script", script.path.clone());
        let runtime = Artifact::runtime(&script.runtime);
        let mut described =
            describe::describe(self.core()?, &runtime, Some(Assets::of_script(script))).map_err(place)?;
        described.description.time_zones = script.runtime.time_zones()?;
        Ok(described)
    }

    fn core(&self) -> Result<Arc<SandboxCore>> {
        if let Some(core) = self.core.get() {
            return Ok(core.clone());
        }
        let engine = engine::engine(&self.options.limits)?;
        let linker = host::linker(&engine)?;
        let cache = self.options.cache_directory.as_deref();
        let cache = cache.and_then(|directory| Cache::open(directory, self.options.cache_note.clone()));
        let core = Arc::new(SandboxCore {
            engine,
            linker,
            cache,
            compile_note: self.options.compile_note.clone(),
            limits: Arc::new(self.options.limits.clone()),
            jobs: self.options.jobs.max(1),
            compiler: self.options.compiler.clone(),
            stop: self.options.stop.clone(),
            kept: (self.options.keep == Keep::Components).then(Mutex::default),
        });
        // Another thread may have been quicker.
        Ok(self.core.get_or_init(|| core).clone())
    }
}

/// A component by its digest. Its bytes are needed only where it is not compiled yet.
struct Artifact<'a> {
    source: Source<'a>,
    sha256: &'a str,
}

/// Where the bytes of a component are.
enum Source<'a> {
    Bytes(&'a [u8]),
    Runtime(&'a Runtime),
}

impl<'a> Artifact<'a> {
    fn runtime(runtime: &'a Runtime) -> Self {
        Self { source: Source::Runtime(runtime), sha256: &runtime.pin.sha256 }
    }

    fn bytes(&self) -> Result<&'a [u8]> {
        match self.source {
            Source::Bytes(bytes) => Ok(bytes),
            Source::Runtime(runtime) => runtime.component(),
        }
    }
}

/// The place of an error of a script that its runtime made.
fn in_runtime(error: Error, script: &LoadedScript) -> Error {
    error.at("runtime", script.runtime.pin.file_name())
}

impl SandboxCore {
    /// A component that need not be compiled.
    fn compiled_already(&self, sha256: &str) -> Option<Component> {
        match &self.kept {
            // The holder of the lock may be compiling.
            Some(kept) => kept.try_lock().ok()?.get(sha256).cloned(),
            None => self.in_cache(sha256),
        }
    }

    fn in_cache(&self, sha256: &str) -> Option<Component> {
        self.cache.as_ref().and_then(|cache| cache.load(&self.engine, sha256))
    }

    fn component(&self, artifact: &Artifact<'_>) -> Result<Component> {
        let Some(kept) = &self.kept else { return self.compiled(artifact) };
        // Held while compiling: the others would compile the same component.
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = kept.get(artifact.sha256) {
            return Ok(component.clone());
        }
        let component = self.compiled(artifact)?;
        kept.insert(artifact.sha256.to_owned(), component.clone());
        Ok(component)
    }

    fn compiled(&self, artifact: &Artifact<'_>) -> Result<Component> {
        let sha256 = artifact.sha256;
        if let Some(component) = self.in_cache(sha256) {
            return Ok(component);
        }
        let bytes = artifact.bytes()?;
        inspect::check_bytes(bytes, &self.limits, &self.stop)?;
        if let Some(note) = self.compile_note.as_ref().filter(|_| bytes.len() >= LARGE) {
            let megabytes = bytes.len() / 1_000_000;
            note(&format!("compiling a component of {megabytes} MB for this machine, once: this takes some seconds"));
        }
        // The limit is for components of others. A machine may be slow or busy, and an interpreter is large.
        let compile_time = self.limits.compile_time.filter(|_| !is_embedded(sha256));
        let limits = Limits { compile_time, ..Limits::clone(&self.limits) };
        let order = Order { bytes, sha256, limits: &limits, stop: &self.stop };
        let code = self.compiler.compile(&self.engine, &order)?;
        // SAFETY: the code comes from wasmtime in this process, or in one that this process started for it, over a pipe
        // that no other process has; wasmtime checks its version and the settings of the engine in the header.
        #[allow(unsafe_code, reason = "the code was made by this program")]
        let component =
            unsafe { Component::deserialize(&self.engine, &code) }.map_err(|error| match failure::is_out_of_memory(
                &error,
            ) {
                true => failure::out_of_memory("the compiled component cannot be loaded", &error),
                false => inspect::invalid(&error),
            })?;
        inspect::check_world(&self.engine, &component)?;
        let Some(cache) = &self.cache else { return Ok(component) };
        cache.store(&self.engine, sha256, &code);
        drop(code);
        // From the file, whose pages take no memory of this process.
        Ok(cache.load(&self.engine, sha256).unwrap_or(component))
    }
}
