//! A component that is compiled and linked, and the stores in which it runs.

use std::sync::Arc;

use wasmtime::component::{Component, InstancePre};
use wasmtime::{CallHook, Store, StoreContextMut, Trap};

use super::assets::GuestAssets;
use super::failure::{self, Stopped};
use super::state::{GuestState, Purpose};
use super::text::{ERROR, cut};
use super::{SandboxCore, inspect, script_place};
use runner_base::error::{Error, Result};
use runner_database::Dialect;
use runner_engine::script::RunContext;
use runner_project::limits::Limits;

/// Guest instructions, and bytes that its calls pass, between two turns of others: a few milliseconds.
const FUEL_SLICE: u64 = 5_000_000;

/// A component that is compiled and linked.
pub struct LoadedComponent {
    pub(super) core: Arc<SandboxCore>,
    pub(super) pre: InstancePre<GuestState>,
    pub(super) assets: Option<Arc<GuestAssets>>,
    pub(super) transformer: bool,
}

impl LoadedComponent {
    /// Links a component. It has no assets yet.
    pub(super) fn link(core: Arc<SandboxCore>, component: &Component) -> Result<Self> {
        let pre = pre_instantiate(&core, component)?;
        Ok(Self { core, pre, assets: None, transformer: inspect::is_transformer(component) })
    }

    /// The state of an instance of this component within a run.
    pub(super) fn state(&self, purpose: Purpose, run: &RunContext, server: Option<(Dialect, String)>) -> GuestState {
        let mut state = GuestState::new(purpose, self.core.limits.clone());
        state.server = server;
        state.stop = run.stop.clone();
        state.run = Some(run.clone());
        state.assets.clone_from(&self.assets);
        state
    }
}

/// Links a component with the host's functions.
pub(super) fn pre_instantiate(core: &SandboxCore, component: &Component) -> Result<InstancePre<GuestState>> {
    // Components from the cache are checked too: the same digest has passed before, but the check is cheap.
    inspect::check_world(&core.engine, component)?;
    core.linker.instantiate_pre(component).map_err(|error| mismatch(&error))
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
        CallHook::ReturningFromHost if store.data().usage.has_unpaid_bytes() => {
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
pub(super) fn refuel(store: &mut Store<GuestState>, limits: &Limits) -> wasmtime::Result<()> {
    store.set_fuel(limits.fuel)?;
    store.fuel_async_yield_interval(Some(FUEL_SLICE))
}

/// The error of a call that ended in a trap or in the host.
pub(super) fn failed(error: &wasmtime::Error, store: &mut Store<GuestState>, call: &str) -> Error {
    if store.data().is_script() {
        store.data_mut().was_at = script_place::place(error, &*store);
    }
    failure::of_trap(error, store.data(), call)
}

/// The error for a component whose functions have other types than the contract's.
pub(super) fn mismatch(error: &wasmtime::Error) -> Error {
    Error::failed("the component's functions do not have the types of `runner:migration@0.1.0`")
        .cause(cut(&format!("{error:#}"), ERROR))
        .hint("rebuild it with the WIT files of this version of runner")
}
