//! Several databases of one project: which they are, and how a command goes through them.
//!
//! What is the same for all of them, the project, its lockfile and the compiled components, is read once, by the caller. Each
//! database has its own connections, its own lock and its own outcome: none waits for another, and none fails with another.

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
