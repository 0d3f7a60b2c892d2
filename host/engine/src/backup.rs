//! The engine's interface for backups: one is made before the run changes anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::event::EventSink;
use runner_base::error::Result;
use runner_database::StopSignal;

/// A request for a backup.
pub struct BackupJob {
    /// The newest revision in force, as `REVISION_name`.
    pub current: Option<String>,
    /// Ends it early.
    pub stop: StopSignal,
    /// Receives its progress.
    pub events: Arc<dyn EventSink>,
}

/// A completed backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupDone {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its duration.
    pub duration: Duration,
    /// How to restore it, as a sentence without a full stop.
    pub restore: String,
}

impl BackupDone {
    /// What to say about it with an error of the run.
    pub fn advice(&self) -> String {
        format!("the backup `{}` holds the database as it was before this run; {}", self.path.display(), self.restore)
    }
}

/// Makes backups of the run's database.
#[async_trait]
pub trait Backup: Send + Sync {
    /// Makes a complete backup that is safely on disk, or fails and leaves nothing behind.
    async fn make(&self, job: &BackupJob) -> Result<BackupDone>;
}
