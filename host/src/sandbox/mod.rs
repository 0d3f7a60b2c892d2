//! Runs components: wasmtime's configuration, the limits, the host's side of the WIT contract.
//!
//! Closed by default. A component has no clock, no network, no files, no environment, no randomness and no WASI; it has its
//! own memory, fuel to burn, the interfaces of `runner:migration`, and the assets that the lockfile lists.

pub mod ahead;
mod bindings;
mod cache;
mod chunks;
mod convert;
mod describe;
mod engine;
mod failure;
mod host;
mod inspect;
mod instance;
mod keys;
mod meter;
mod script;
mod sizer;
mod spread;
mod state;
mod transform;
mod worker;
mod workers;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::engine::script::{Assets, Script};
use crate::error::Result;
use crate::project::limits::Limits;
use cache::Cache;
pub use describe::Described;
use script::ComponentScript;
use state::GuestState;

/// How components are run.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// What a component may use up.
    pub limits: Limits,
    /// Where compiled components are kept; `None`: nowhere.
    pub cache_folder: Option<PathBuf>,
    /// How many instances turn chunks of a transform at the same time.
    pub jobs: usize,
}

/// Loads and runs components. Making one starts nothing: wasmtime wakes with the first component.
pub struct Sandbox {
    options: SandboxOptions,
    shared: OnceLock<Arc<Shared>>,
}

/// What all components of a process share.
struct Shared {
    engine: Engine,
    linker: Linker<GuestState>,
    cache: Option<Cache>,
    limits: Arc<Limits>,
    jobs: usize,
}

impl Sandbox {
    /// A sandbox with these options.
    pub fn new(options: SandboxOptions) -> Self {
        Self { options, shared: OnceLock::new() }
    }

    /// Compiles a component, or takes its code from the cache, ready to run.
    pub fn load(&self, bytes: &[u8], sha256: &str, assets: Option<Assets>) -> Result<Box<dyn Script>> {
        let shared = self.shared()?;
        let component = shared.component(bytes, sha256)?;
        Ok(Box::new(ComponentScript::new(shared, component, assets)?))
    }

    /// Asks a component what it is: its description, and whether it transforms.
    pub fn describe(&self, bytes: &[u8]) -> Result<Described> {
        describe::describe(self.shared()?, bytes)
    }

    fn shared(&self) -> Result<Arc<Shared>> {
        if let Some(shared) = self.shared.get() {
            return Ok(shared.clone());
        }
        let engine = engine::engine(&self.options.limits)?;
        let linker = host::linker(&engine)?;
        let cache = self.options.cache_folder.as_deref().and_then(Cache::open);
        let shared = Arc::new(Shared {
            engine,
            linker,
            cache,
            limits: Arc::new(self.options.limits.clone()),
            jobs: self.options.jobs.max(1),
        });
        Ok(self.shared.get_or_init(|| shared).clone())
    }
}

impl Shared {
    fn component(&self, bytes: &[u8], sha256: &str) -> Result<wasmtime::component::Component> {
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, sha256)) {
            return Ok(component);
        }
        inspect::check_bytes(bytes, &self.limits)?;
        let component =
            wasmtime::component::Component::new(&self.engine, bytes).map_err(|error| inspect::invalid(&error))?;
        inspect::check_world(&self.engine, &component)?;
        if let Some(cache) = &self.cache {
            cache.store(&self.engine, sha256, &component);
        }
        Ok(component)
    }
}
