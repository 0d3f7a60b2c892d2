//! Backups before a run: SQLite by its online backup API, servers by their dump program.
//!
//! A backup is written under a temporary name, checked, synced to disk and renamed last, so that a file with the final name is
//! complete. Existing files are never overwritten.
//!
//! SQLite's pages are copied inside of one read transaction; without it, the copy would start again at each commit of
//! others. `VACUUM INTO` was rejected: it compacts, and cannot be interrupted. For servers the dump programs are used,
//! since they know their server and their output can be restored without `runner`; `mariadb-dump` reads its options
//! from `/dev/stdin`, so the password is in no file, argument or variable. The path is not in the history, which is
//! part of what is restored.

mod child_process;
mod program;
mod restore;
mod target_file;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use runner_base::error::{Error, Result};
#[cfg(feature = "sqlite")]
use runner_database::DatabaseErrorKind;
use runner_database::stop::StopReason;
use runner_database::{DatabaseUrl, Dialect, StopSignal};
#[cfg(not(feature = "sqlite"))]
use runner_drivers::no_driver;
use runner_engine::backup::{Backup, BackupDone, BackupJob};
use runner_engine::event::Event;
use runner_engine::stopped::stopped;
use runner_project::settings::BackupTo;
use target_file::{Place, UnfinishedBackup};

/// BackupOptions for backups.
#[derive(Clone, Debug)]
pub struct BackupOptions {
    /// Where they are written.
    pub to: BackupTo,
    /// The directory for generated names, absolute; `None`: next to a SQLite database, otherwise `backups` in the
    /// project.
    pub directory: Option<PathBuf>,
    /// A program to run instead of the default one, and its arguments.
    pub command: Option<Vec<String>>,
    /// What the settings or the list of tenants call the database, if it is one of several.
    pub name: Option<String>,
    /// The directory of the project.
    pub root: PathBuf,
}

/// Creates backups of a database.
pub struct Backups {
    url: DatabaseUrl,
    /// As reported by the server.
    dialect: Dialect,
    options: BackupOptions,
}

impl Backups {
    /// Backups of the database with this URL.
    pub fn new(url: DatabaseUrl, dialect: Dialect, options: BackupOptions) -> Self {
        Self { url, dialect, options }
    }

    fn place(&self, current: Option<&str>) -> Result<Place> {
        Place::choose(&self.options, &self.url, self.dialect, current)
    }

    async fn write(&self, growing: &UnfinishedBackup, job: &BackupJob) -> Result<()> {
        match &self.options.command {
            None if self.dialect == Dialect::Sqlite => self.copy_file(growing.path(), job).await,
            command => program::run(&self.url, self.dialect, command.as_deref(), growing, job).await,
        }
    }

    #[cfg(not(feature = "sqlite"))]
    async fn copy_file(&self, _to: &Path, _job: &BackupJob) -> Result<()> {
        Err(no_driver(self.dialect).into())
    }

    #[cfg(feature = "sqlite")]
    async fn copy_file(&self, to: &Path, job: &BackupJob) -> Result<()> {
        let told = ProgressReports::new(job);
        let progress = |done: u64, all: u64| told.report(done, Some(all), "pages");
        let copied = runner_sqlite::copy::copy(&self.url, to, &job.stop, &progress).await;
        copied.map_err(|error| match job.stop.reason().filter(|_| error.kind == DatabaseErrorKind::Interrupted) {
            Some(reason) => stopped(reason),
            None => {
                let error = Error::from(error);
                Error { kind: runner_base::error::ErrorKind::Failed, ..error }
            }
        })
    }
}

#[async_trait]
impl Backup for Backups {
    async fn make(&self, job: &BackupJob) -> Result<BackupDone> {
        let began = Instant::now();
        let made = async {
            let place = self.place(job.current.as_deref())?;
            let growing = place.begin()?;
            self.write(&growing, job).await?;
            if let Some(reason) = job.stop.reason() {
                return Err(stopped(reason));
            }
            let (path, bytes) = growing.finish()?;
            let restore = restore::advice(&self.url, self.dialect, self.options.command.is_some(), &path);
            Ok(BackupDone { path, bytes, duration: began.elapsed(), restore })
        };
        made.await.map_err(|error: Error| match error.kind {
            runner_base::error::ErrorKind::Interrupted | runner_base::error::ErrorKind::Terminated => error,
            _ => Error { message: format!("backup failed; nothing was run: {}", error.message), ..error },
        })
    }
}

/// Reports progress at intervals.
struct ProgressReports<'a> {
    job: &'a BackupJob,
    began: Instant,
    /// Tenths of a second from the start to the last report, plus one.
    last: AtomicU64,
}

impl<'a> ProgressReports<'a> {
    fn new(job: &'a BackupJob) -> Self {
        Self { job, began: Instant::now(), last: AtomicU64::new(0) }
    }

    fn report(&self, done: u64, total: Option<u64>, unit: &str) {
        let now = 1 + u64::try_from(self.began.elapsed().as_millis() / 100).unwrap_or(u64::MAX - 1);
        if self.last.swap(now, Ordering::Relaxed) == now {
            return;
        }
        self.job.events.emit(&Event::Progress {
            revision: String::new(),
            what: "backup".to_owned(),
            done,
            total,
            unit: unit.to_owned(),
        });
    }
}

/// Waits, at most until the stop signal.
async fn pause(stop: &StopSignal, time: Duration) -> Option<StopReason> {
    tokio::select! {
        reason = stop.raised() => Some(reason),
        () = tokio::time::sleep(time) => None,
    }
}
