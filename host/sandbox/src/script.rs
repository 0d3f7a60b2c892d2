//! A component as the engine's `Script`: a store and an instance for each run.

use std::sync::{Arc, Mutex};

use super::assets::GuestAssets;
use super::bindings::Migration;
use super::component::{LoadedComponent, store};
use super::failure::{self, HostFailure, Stopped};
use super::instance::ComponentFunction;
use super::script_place;
use super::state::{GuestState, Purpose, call_limits};
use super::usage::LogBudget;
use async_trait::async_trait;
use runner_base::error::{Error, Result};
use runner_database::{Dialect, Facts};
use runner_engine::Direction;
use runner_engine::execution::Calls;
use runner_engine::script::{Assets, RunContext, Script};
use runner_engine::transform::BatchFunction;
use tokio::task::spawn_blocking;

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

/// The database as a component sees it: as of the start of its first run.
fn server_of(run: &RunContext, facts: &Facts) -> (Dialect, String) {
    (facts.dialect, run.server_version.clone().unwrap_or_else(|| facts.version.clone()))
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
        let mut state = self.loaded.state(Purpose::Migrate(Box::new(calls)), context, Some(server.clone()));
        state.batch_function = ComponentFunction::of(&self.loaded, context, Some(server), &state.log_budget);
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
        if let (Err(error), true) = (&ended, store.data().is_script()) {
            store.data_mut().was_at = script_place::place(error, &store);
        }
        let nothing = GuestState::new(Purpose::Describe, self.loaded.core.limits.clone());
        let mut state = std::mem::replace(store.data_mut(), nothing);
        state.end_lines();
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
