//! Several databases of one project: which they are, and how a command goes through them.
//!
//! What is the same for all of them, the project, its lockfile and the compiled components, is read once, by the caller. Each
//! database has its own connections, its own lock and its own outcome: none waits for another, and none fails with another.
//!
//! # Why so
//!
//! A tenant is a database like those of `[databases]`, since a fleet is repaired one database at a time. An environment
//! has its own list, with no fallback: the tenants of the developer must not become those of production. Each database
//! is a run as there is for one, on a thread with a runtime of its own, because SQLite blocks its thread; a bounded
//! number of threads takes databases from one counter. The canary runs alone, and if it fails, nothing else begins.
//! There is no state: what is done is in the databases, so repeating the command is resuming it. The exit code is the
//! one that asks the most of the operator: a signal, then 6, 4, 7, 1, 2, 5. An empty list is an error, since a
//! deployment that migrated nothing must not be green.
//!
//! Rejected: a process for each database, as in a loop of a shell; a task for each on one thread, where SQLite runs one
//! at a time; an expression language for environments; a transaction over all, which a failed tenant would block; a
//! table of fleet runs, a second truth.

mod list;
mod members;
mod pool;
mod report;
mod run;

pub use members::{Found, Member, Selection, find, known_tenants, tenant};
pub use pool::{Pace, Work, each};
pub use report::unfinished;
pub use run::{DatabaseState, Each, Ended};

#[cfg(test)]
mod tests;
