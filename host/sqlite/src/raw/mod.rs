//! SQLite's C interface where the safe one of `rusqlite` is too slow or lacks something: prepared statements that are kept
//! between calls, cells without a copy, functions that read a batch, the authorizer and the busy handler. It is the only part
//! of this crate's SQLite code that is `unsafe`.
//!
//! # Why this is sound
//!
//! * **One thread at a time.** A [`Connection`] is [`Send`], and not [`Sync`]: its user holds `&Connection`, which
//!   cannot leave its thread. Everything that calls SQLite is a method of the connection or of a value that borrows it
//!   ([`Active`]).
//! * **No statement outlives its connection.** The connection owns the prepared statements. A [`Statement`] is a ticket for
//!   one of them: it can be kept and sent anywhere, but does nothing by itself. Using it takes the connection
//!   ([`Statement::activate`]). Dropping it only puts its number on a list; the connection finalizes what is on the list when it
//!   is used next, and all that is left when it is dropped.
//! * **Destructors run where the connection is dropped.** SQLite frees the state of functions when the connection closes, on
//!   the thread that drops the [`Connection`]. That state is `Send`, which the compiler checks.
//! * **Borrowed bytes are unbound before the borrow ends.** Statements read batches without a copy only inside
//!   [`Active::with_batch`] and [`Active::run_pulling`], which reset the statement before they return.
//!
//! Callbacks run on the thread that is inside a call of this module. None of them unwinds into C.

mod active;
mod bounds;
mod cells;
mod connection;
mod failure;
mod fixed;
mod hook_state;
mod hooks;
mod math;
mod memory;
mod pull;
mod register;
mod stack;
mod statements;
#[cfg(test)]
mod tests;
mod transaction;
mod values;

pub(crate) use active::Active;
pub(crate) use cells::{Cell, CellColumn, Cells};
pub use connection::configure_process;
pub(crate) use connection::{Connection, STATEMENT_JOURNAL_BYTES};
pub(crate) use failure::Failure;
pub(crate) use fixed::vfs;
pub(crate) use hooks::{AuthRequest, Hooks};
pub(crate) use memory::Account;
pub(crate) use pull::{HAS, PULL_PREFIX, PullBatch, PullKeys, Pulled, function_name};
pub(crate) use stack::on_stack;
pub(crate) use statements::Statement;
