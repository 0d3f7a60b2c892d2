//! A component as the engine's `Script`: a store and an instance for each run.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::task::spawn_blocking;
use wasmtime::component::{Component, InstancePre};
use wasmtime::{CallHook, Store, StoreContextMut, Trap};

use super::assets::GuestAssets;
use super::bindings::Migration;
use super::describe::inspect_mismatch;
use super::failure::{self, HostFailure, Stopped};
use super::instance::ComponentFunction;
use super::state::{GuestState, Purpose, call_limits};
use super::usage::LogBudget;
use super::{SandboxCore, inspect};
use runner_base::error::{Error, Result};
use runner_database::{Dialect, Facts};
use runner_engine::Direction;
use runner_engine::execution::Calls;
use runner_engine::script::{Assets, RunContext, Script};
use runner_engine::transform::BatchFunction;

/// Guest instructions, and bytes that its calls pass, between two turns of others: a few milliseconds.
const FUEL_SLICE: u64 = 5_000_000;

/// A component that is compiled and linked.
pub struct LoadedComponent {
    pub(super) core: Arc<SandboxCore>,
    pub(super) pre: InstancePre<GuestState>,
    pub(super) assets: Option<Arc<GuestAssets>>,
    pub(super) transformer: bool,
}

/// A component, ready to run.
pub struct ComponentScript {
    loaded: Arc<LoadedComponent>,
}

impl ComponentScript {
    pub(super) fn new(loaded: LoadedComponent, assets: Option<Assets>) -> Self {
        let assets = assets.map(GuestAssets::new).map(Arc::new);
        Self { loaded: Arc::new(LoadedComponent { assets, ..loaded }) }
    }
}

/// Links a component with the host's functions.
pub(super) fn pre_instantiate(core: &SandboxCore, component: &Component) -> Result<InstancePre<GuestState>> {
    // Components from the cache are checked too: the same digest has passed before, but the check is cheap.
    inspect::check_world(&core.engine, component)?;
    core.linker.instantiate_pre(component).map_err(|error| inspect_mismatch(&error))
}

/// A store with its limits set.
pub(super) fn store(core: &SandboxCore, state: GuestState) -> Result<Store<GuestState>> {
    let call_bytes = state.purpose.call_bytes(&core.limits);
    let mut store = Store::new(&core.engine, state);
    store.limiter(|state| &mut state.usage);
    // Counted before anything is allocated for what the guest passes.
    store.set_hostcall_fuel(call_bytes);
    store.call_hook(between);
    refuel(&mut store, &core.limits).map_err(|error| Error::failed(format!("the sandbox has no fuel: {error}")))?;
    Ok(store)
}

/// What happens whenever a guest calls the host, before its arguments are read, and when the call returns. Calls are also those that
/// the sandbox makes for the guest: between two slices of its code, to grow its memory, to copy texts within a component.
fn between(mut store: StoreContextMut<'_, GuestState>, hook: CallHook) -> wasmtime::Result<()> {
    match hook {
        CallHook::CallingHost => match store.data().stop.reason() {
            Some(reason) => Err(wasmtime::Error::new(Stopped(reason))),
            None => Ok(()),
        },
        CallHook::ReturningFromHost if store.data().usage.owes() => {
            let fuel = store.get_fuel()?;
            match store.data_mut().usage.pay(fuel, FUEL_SLICE) {
                Some(left) => store.set_fuel(left),
                None => Err(Trap::OutOfFuel.into()),
            }
        }
        _ => Ok(()),
    }
}

/// Gives a call its full budget of instructions.
pub(super) fn refuel(store: &mut Store<GuestState>, limits: &runner_project::limits::Limits) -> wasmtime::Result<()> {
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(FUEL_SLICE))
}

/// The database as a component sees it: as of the start of its first run.
fn server_of(run: &RunContext, facts: &Facts) -> (Dialect, String) {
    (facts.dialect, run.server_version.clone().unwrap_or_else(|| facts.version.clone()))
}

impl LoadedComponent {
    /// Links a component. It has no assets yet.
    pub(super) fn link(core: Arc<SandboxCore>, component: &Component) -> Result<Self> {
        let pre = pre_instantiate(&core, component)?;
        Ok(Self { core, pre, assets: None, transformer: inspect::is_transformer(component) })
    }

    /// The state of an instance of this component within a run.
    pub(super) fn state(
        self: &Arc<Self>,
        purpose: Purpose,
        run: &RunContext,
        server: Option<(Dialect, String)>,
    ) -> GuestState {
        let mut state = GuestState::new(purpose, self.core.limits.clone());
        state.server = server;
        state.stop = run.stop.clone();
        state.run = Some(run.clone());
        state.assets.clone_from(&self.assets);
        state.loaded = Some(self.clone());
        state
    }
}

#[async_trait]
impl Script for ComponentScript {
    async fn run(&self, direction: Direction, context: &RunContext) -> Result<()> {
        let name = match direction {
            Direction::Up => "upgrade",
            Direction::Down => "downgrade",
        };
        let server = server_of(context, context.database.lock().await.facts());
        let calls = Calls::new(context.clone(), server.0, call_limits(&self.loaded.core.limits));
        let state = self.loaded.state(Purpose::Migrate(Box::new(calls)), context, Some(server));
        let mut store = store(&self.loaded.core, state)?;
        let call = async {
            let instance = self.loaded.pre.instantiate_async(&mut store).await?;
            let migration = Migration::new(&mut store, &instance)
                .map_err(|error| wasmtime::Error::new(HostFailure(format!("{error:#}"))))?;
            match direction {
                Direction::Up => migration.call_upgrade(&mut store).await,
                Direction::Down => migration.call_downgrade(&mut store).await,
            }
        };
        // A stopped guest is dropped where it is, and its store is never used again. A call to the database is
        // completed first, which the stop signal makes quick: a connection abandoned in the middle of a call would be
        // unusable.
        let mut call = Box::pin(call);
        let ended = tokio::select! {
            biased;
            reason = context.stop.raised() => tokio::select! {
                biased;
                _ = context.database.lock() => Err(wasmtime::Error::new(Stopped(reason))),
                ended = &mut call => ended,
            },
            ended = &mut call => ended,
        };
        drop(call);
        let nothing = GuestState::new(Purpose::Describe, self.loaded.core.limits.clone());
        let state = std::mem::replace(store.data_mut(), nothing);
        // Returning the memory of an interpreter to the system takes longer than small migrations.
        drop(spawn_blocking(move || drop(store)));
        match ended {
            Ok(Ok(())) => match state.purpose.made().and_then(Calls::unfinished_writer) {
                None => Ok(()),
                Some(target) => Err(Error::failed(format!("a writer was not finished: {target}"))
                    .at("call", name)
                    .hint("call `finish` on every writer, so that its last rows are written and counted")),
            },
            Ok(Err(returned)) => Err(failure::of_returned(returned, &state, name)),
            Err(error) => Err(failure::of_trap(&error, &state, name)),
        }
    }

    async fn batch_function(&self, context: &RunContext) -> Option<Arc<dyn BatchFunction>> {
        let server = server_of(context, context.database.lock().await.facts());
        let log = Arc::new(Mutex::new(LogBudget::new(&self.loaded.core.limits)));
        ComponentFunction::of(&self.loaded, context, Some(server), &log)
    }
}
