//! Scratch copies of a database to try migrations on, however a driver makes them: the types that the drivers share
//! with `runner_drivers::copy`.

mod directory;

pub use directory::{Directory, locked, open_lock, sweep_directories};

use super::{ConnectOptions, Database, DatabaseUrl, StopSignal};

/// A callback for the progress of a copy: what is counted, how much is done, and the total if it is known.
pub type CopyProgress<'a> = &'a (dyn Fn(&str, u64, Option<u64>) + Send + Sync);

/// What to copy, and how.
pub struct ScratchRequest<'a> {
    /// The database that is copied.
    pub url: &'a DatabaseUrl,
    /// The maximum number of rows of each table, where a copy can be partial; `None` means all.
    pub rows: Option<u64>,
    /// How to connect to the copy.
    pub connect: &'a ConnectOptions,
    /// The signal that ends the copying early.
    pub stop: &'a StopSignal,
    /// Receives the progress.
    pub progress: CopyProgress<'a>,
}

/// A scratch copy.
pub struct ScratchCopy {
    /// The connection to the copy.
    pub database: Box<dyn Database>,
    /// What to call it in messages: `copy` or `scratch database`.
    pub name: &'static str,
    /// The databases of the server that are not copies.
    pub others: Vec<String>,
    /// The respects in which it is not an exact copy.
    pub caveats: Vec<String>,
    /// What to remove at the end.
    pub place: ScratchPlace,
}

/// The location of a scratch copy.
#[derive(Debug)]
pub enum ScratchPlace {
    /// A directory of its own.
    Directory(Directory),
    /// A database on the server, by name.
    Schema(String),
}
