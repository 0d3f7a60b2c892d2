//! What the engine needs from whoever makes backups: one before the run changes anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::event::EventSink;
use crate::database::StopSignal;
use crate::error::Result;

/// What a backup is told.
pub struct BackupJob {
    /// The newest revision in force, as `REVISION_name`.
    pub current: Option<String>,
    /// Ends it early.
    pub stop: StopSignal,
    /// Hears how far it has come.
    pub events: Arc<dyn EventSink>,
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupDone {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long it took.
    pub duration: Duration,
    /// How it is brought back, in a sentence without a full stop.
    pub restore: String,
}

/// Makes backups of the run's database.
#[async_trait]
pub trait Backup: Send + Sync {
    /// Makes one, whole and safe on the disk, or fails and leaves nothing behind.
    async fn make(&self, job: &BackupJob) -> Result<BackupDone>;
}
