//! `context`: what a migration can learn about its run, and its log and progress.

use std::io::{Read, Seek as _};
use std::sync::{Arc, PoisonError};

use wasmtime::component::Resource;

use super::{Answer, arguments};
use crate::data::Value;
use crate::database::{DatabaseError, DatabaseErrorKind};
use crate::engine::event::{Event, LogLevel};
use crate::engine::script::{AssetPlace, Assets};
use crate::project::open_regular;
use crate::project::script::{self, LoadedScript};
use crate::sandbox::bindings::runner::migration::context::{self as wit, Host, HostAsset, Parameter};
use crate::sandbox::bindings::runner::migration::types::Dialect;
use crate::sandbox::convert;
use crate::sandbox::failure::HostFailure;
use crate::sandbox::state::{Asset, GuestState};
use crate::sandbox::text::{ERROR, WORD, cut, cut_owned};
use crate::sandbox::usage::LogVerdict;

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
}

impl Host for GuestState {
    fn get_dialect(&mut self) -> wasmtime::Result<Dialect> {
        self.count_call()?;
        let (dialect, _) = self.server.as_ref().ok_or_else(|| outside_a_run("get-dialect"))?;
        Ok(convert::dialect_out(*dialect))
    }

    fn server_version(&mut self) -> wasmtime::Result<String> {
        self.count_call()?;
        let (_, version) = self.server.as_ref().ok_or_else(|| outside_a_run("server-version"))?;
        Ok(version.clone())
    }

    fn parameters(&mut self) -> wasmtime::Result<Vec<Parameter>> {
        self.count_call()?;
        let run = self.run.as_ref().ok_or_else(|| outside_a_run("parameters"))?;
        let pair = |(name, value): (&String, &Value)| Parameter {
            name: name.clone(),
            value: convert::value_out(value.clone()),
        };
        Ok(run.parameters.iter().map(pair).collect())
    }

    fn run_timestamp(&mut self) -> wasmtime::Result<i64> {
        self.count_call()?;
        Ok(self.run.as_ref().ok_or_else(|| outside_a_run("run-timestamp"))?.run_timestamp)
    }

    fn seed(&mut self) -> wasmtime::Result<u64> {
        self.count_call()?;
        Ok(self.run.as_ref().ok_or_else(|| outside_a_run("seed"))?.seed)
    }

    fn log(&mut self, level: wit::Level, message: String) -> wasmtime::Result<()> {
        self.count_call()?;
        let level = match level {
            wit::Level::Debug => LogLevel::Debug,
            wit::Level::Info => LogLevel::Info,
            wit::Level::Warning => LogLevel::Warning,
        };
        if level == LogLevel::Warning {
            self.last_words = Some(cut(&message, ERROR).into_owned());
        }
        let verdict = self.log.lock().unwrap_or_else(PoisonError::into_inner).count(message.len());
        match verdict {
            LogVerdict::Pass => self.emit(|revision| Event::Log { revision, level, message }),
            LogVerdict::Close => self.emit(|revision| Event::Log {
                revision,
                level: LogLevel::Warning,
                message: "the migration has used up its log volume; further messages are dropped".to_owned(),
            }),
            LogVerdict::Drop => {}
        }
        Ok(())
    }

    fn progress(&mut self, done: u64, total: Option<u64>, unit: String) -> wasmtime::Result<()> {
        self.count_call()?;
        let unit = cut_owned(unit, WORD);
        self.emit(|revision| Event::Progress { revision, what: unit.clone(), done, total, unit });
        Ok(())
    }

    async fn open_asset(&mut self, path: String) -> Answer<Resource<Asset>> {
        self.count_call()?;
        let assets = self.assets.as_deref();
        let opened = arguments::path(&path).and_then(|()| open(assets, &path, self.limits.asset_bytes));
        match opened {
            Ok(asset) => Ok(Ok(self.table.push(asset)?)),
            Err(error) => Ok(Err(convert::error_out(&error))),
        }
    }
}

impl HostAsset for GuestState {
    async fn size(&mut self, asset: Resource<Asset>) -> wasmtime::Result<u64> {
        self.count_call()?;
        Ok(self.table.get(&asset)?.size)
    }

    async fn read(&mut self, asset: Resource<Asset>, limit: u32) -> Answer<Vec<u8>> {
        self.count_call()?;
        // The guest's number is limited before anything is allocated.
        let limit = (limit as usize).min(ASSET_READ);
        let asset = self.table.get_mut(&asset)?;
        let mut bytes = vec![0; limit];
        match asset.content.read(&mut bytes) {
            Ok(read) => {
                bytes.truncate(read);
                Ok(Ok(bytes))
            }
            Err(error) => Ok(Err(convert::error_out(&DatabaseError::new(
                DatabaseErrorKind::Other,
                format!("the asset cannot be read: {error}"),
            )))),
        }
    }

    fn drop(&mut self, asset: Resource<Asset>) -> wasmtime::Result<()> {
        self.count_call()?;
        self.table.delete(asset)?;
        Ok(())
    }
}

/// Opens an asset that the lockfile lists, after checking its bytes.
fn open(assets: Option<&Assets>, path: &str, limit: u64) -> Result<Asset, DatabaseError> {
    let error = |message: String| DatabaseError::new(DatabaseErrorKind::InvalidArgument, message);
    let Some(assets) = assets else {
        return Err(error(format!("the asset `{path}` is not available: only the component's bytes were stored"))
            .hint("run this with the project's files in place"));
    };
    if let AssetPlace::Script(script) = &assets.place {
        let missing = || error(format!("there is no file `{path}` in the directory of the script"));
        let content = content_of(script, path).ok_or_else(missing)?;
        let size = content.len() as u64;
        return Ok(Asset { content: Box::new(std::io::Cursor::new(content)), size });
    }
    let Some(expected) = assets.digests.get(path) else {
        return Err(error(format!("there is no asset `{path}`")));
    };
    let unreadable = |io: std::io::Error| error(format!("the asset `{path}` cannot be read: {io}"));
    let too_large = |size: u64| {
        DatabaseError::new(
            DatabaseErrorKind::Limit,
            format!("the asset `{path}` has {size} bytes, more than the limit `asset_bytes` of {limit}"),
        )
    };
    let is_listed = |reader: &mut dyn Read| match digest(reader).map_err(unreadable)? == *expected {
        true => Ok(()),
        false => Err(error(format!("the asset `{path}` is not the one that the lockfile lists"))),
    };
    match &assets.place {
        AssetPlace::Directory(directory) => {
            // Only below the directory, whatever links it contains: the listed path was found in the same way.
            let directory = cap_std::fs::Dir::open_ambient_dir(directory, cap_std::ambient_authority());
            let file = directory.and_then(|directory| open_regular(&directory, path)).map(cap_std::fs::File::into_std);
            let mut file = file.map_err(|io| error(format!("the asset `{path}` cannot be opened: {io}")))?;
            let size = file.metadata().map_err(unreadable)?.len();
            if size > limit {
                return Err(too_large(size));
            }
            is_listed(&mut file)?;
            file.rewind().map_err(unreadable)?;
            Ok(Asset { content: Box::new(file), size })
        }
        // It was opened above.
        AssetPlace::Script(_) => Err(error(format!("there is no asset `{path}`"))),
        AssetPlace::Embedded(files) => {
            let bytes = *files.get(path).ok_or_else(|| error(format!("there is no asset `{path}`")))?;
            let size = bytes.len() as u64;
            if size > limit {
                return Err(too_large(size));
            }
            is_listed(&mut &*bytes)?;
            Ok(Asset { content: Box::new(bytes), size })
        }
    }
}

/// A file of a script, which was checked when it was read.
fn content_of(script: &LoadedScript, path: &str) -> Option<Arc<[u8]>> {
    match path {
        script::NAME => Some(script.path.as_bytes().into()),
        path => script.files.get(path).cloned(),
    }
}

/// The sha256 of everything that a reader yields, in hexadecimal.
fn digest(reader: &mut dyn Read) -> std::io::Result<String> {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&block[..read]),
        }
    }
}
