//! `context`: what a migration can learn about its run, and its log and progress.

use std::sync::PoisonError;

use wasmtime::component::Resource;

use super::{Answer, arguments};
use crate::assets::{self, Asset};
use crate::bindings::runner::migration::context::{self as wit, Host, HostAsset, Parameter};
use crate::bindings::runner::migration::types::Dialect;
use crate::convert;
use crate::failure::HostFailure;
use crate::state::GuestState;
use crate::text::{ERROR, WORD, cut, cut_owned};
use crate::usage::LogVerdict;
use runner_data::Value;
use runner_engine::event::{Event, LogLevel};

/// The most that one `read` of an asset returns: large enough to be quick, small enough to need no limit.
const ASSET_READ: usize = 1 << 20;

/// The error of a call that needs a run, made inside `describe`.
fn outside_a_run(what: &str) -> wasmtime::Error {
    wasmtime::Error::new(HostFailure(format!("`context.{what}` cannot be called inside `describe`")))
}

impl GuestState {
    fn emit(&self, event: impl FnOnce(String) -> Event) {
        if let Some(run) = &self.run {
            run.events.emit(&event(run.revision.clone()));
        }
    }

    /// Logs a message, as far as the migration's log volume goes; whether there may be more of them.
    pub(super) fn log_message(&self, level: LogLevel, message: String) -> bool {
        let verdict = self.log_budget.lock().unwrap_or_else(PoisonError::into_inner).count(&message);
        match verdict {
            LogVerdict::Pass => self.emit(|revision| Event::Log { revision, level, message }),
            LogVerdict::Close => self.emit(|revision| Event::Log {
                revision,
                level: LogLevel::Warning,
                message: "the migration has used up its log volume; further messages are dropped".to_owned(),
            }),
            LogVerdict::Drop => {}
        }
        verdict == LogVerdict::Pass
    }
}

impl Host for GuestState {
    async fn get_dialect(&mut self) -> wasmtime::Result<Dialect> {
        self.count_call(&()).await?;
        let (dialect, _) = self.server.as_ref().ok_or_else(|| outside_a_run("get-dialect"))?;
        Ok(convert::dialect_out(*dialect))
    }

    async fn server_version(&mut self) -> wasmtime::Result<String> {
        self.count_call(&()).await?;
        let (_, version) = self.server.as_ref().ok_or_else(|| outside_a_run("server-version"))?;
        let version = version.clone();
        Ok(self.weighed(version))
    }

    async fn parameters(&mut self) -> wasmtime::Result<Vec<Parameter>> {
        self.count_call(&()).await?;
        let run = self.run.as_ref().ok_or_else(|| outside_a_run("parameters"))?;
        let pair = |(name, value): (&String, &Value)| Parameter {
            name: name.clone(),
            value: convert::value_out(value.clone()),
        };
        let parameters = run.parameters.iter().map(pair).collect();
        Ok(self.weighed(parameters))
    }

    async fn run_timestamp(&mut self) -> wasmtime::Result<i64> {
        self.count_call(&()).await?;
        Ok(self.run.as_ref().map_or_else(|| self.chance.ask().0, |run| run.run_timestamp))
    }

    async fn seed(&mut self) -> wasmtime::Result<u64> {
        self.count_call(&()).await?;
        Ok(self.run.as_ref().map_or_else(|| self.chance.ask().1, |run| run.seed))
    }

    async fn log(&mut self, level: wit::Level, message: String) -> wasmtime::Result<()> {
        self.count_call(&message).await?;
        let level = match level {
            wit::Level::Debug => LogLevel::Debug,
            wit::Level::Info => LogLevel::Info,
            wit::Level::Warning => LogLevel::Warning,
        };
        if level == LogLevel::Warning {
            self.last_words = Some(cut(&message, ERROR).into_owned());
        }
        self.log_message(level, message);
        Ok(())
    }

    async fn progress(&mut self, done: u64, total: Option<u64>, unit: String) -> wasmtime::Result<()> {
        self.count_call(&unit).await?;
        let unit = cut_owned(unit, WORD);
        self.emit(|revision| Event::Progress { revision, what: unit.clone(), done, total, unit });
        Ok(())
    }

    async fn open_asset(&mut self, path: String) -> Answer<Resource<Asset>> {
        self.count_call(&path).await?;
        let (assets, limit) = (self.assets.clone(), self.limits.asset_bytes);
        let opened = match arguments::path(&path) {
            Ok(()) => assets::open(assets.as_deref(), &path, limit).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(asset) => Ok(Ok(self.table.push(asset)?)),
            Err(error) => Ok(Err(convert::error_out(&error))),
        }
    }
}

impl HostAsset for GuestState {
    async fn size(&mut self, asset: Resource<Asset>) -> wasmtime::Result<u64> {
        self.count_call(&()).await?;
        Ok(self.table.get(&asset)?.size)
    }

    async fn read(&mut self, asset: Resource<Asset>, limit: u32) -> Answer<Vec<u8>> {
        self.count_call(&()).await?;
        // The guest's number is limited before anything is allocated.
        let limit = (limit as usize).min(ASSET_READ);
        let read = self.table.get_mut(&asset)?.read(limit).map_err(|error| convert::error_out(&error));
        self.usage.count_bytes(read.as_ref().map_or(0, |read| read.len() as u64));
        Ok(read)
    }

    async fn drop(&mut self, asset: Resource<Asset>) -> wasmtime::Result<()> {
        self.count_call(&()).await?;
        self.table.delete(asset)?;
        Ok(())
    }
}
