//! A scratch copy of a database to try migrations on, whatever way a driver makes it: the words that the drivers and
//! [`copy`](super::copy) share.

#[cfg(feature = "sqlite")]
mod folder;

#[cfg(feature = "sqlite")]
pub use folder::{Folder, sweep_folders};

use super::{ConnectOptions, Database, StopSignal};

/// Hears how far a copy has come: what is counted, how much is done, of how much.
pub type CopyProgress<'a> = &'a (dyn Fn(&str, u64, Option<u64>) + Send + Sync);

/// What is copied, and how.
pub struct ScratchRequest<'a> {
    /// At most so many rows of each table, where a copy can be a part; none: all.
    pub rows: Option<u64>,
    /// How the copy is connected to.
    pub connect: &'a ConnectOptions,
    /// Ends it early.
    pub stop: &'a StopSignal,
    /// Hears how far it has come.
    pub progress: CopyProgress<'a>,
}

/// A scratch copy.
pub struct ScratchCopy {
    /// The connection to it.
    pub database: Box<dyn Database>,
    /// What it is: `copy` or `scratch database`.
    pub name: &'static str,
    /// The databases of the server that are no copies.
    pub others: Vec<String>,
    /// In what it is no exact copy.
    pub caveats: Vec<String>,
    /// What is to be removed in the end.
    pub place: ScratchPlace,
}

/// Where a scratch copy is.
#[derive(Debug)]
pub enum ScratchPlace {
    /// A folder of its own.
    #[cfg(feature = "sqlite")]
    Folder(Folder),
    /// A database of the server, by its name.
    Schema(String),
}
