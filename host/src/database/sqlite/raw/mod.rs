//! The raw handle of the connection: the only place of this crate's SQLite code that is `unsafe`.
//!
//! # Why this is sound
//!
//! sqlx opens the connection in SQLite's multi-thread mode (`SQLITE_OPEN_NOMUTEX`): any thread may use it, one at a time. Three
//! rules keep it at one:
//!
//! 1. sqlx's worker thread touches the handle only while it runs a command that we sent. We send commands while we open the
//!    connection and when we close it, and wait for each to end; in between the worker sleeps on its empty queue.
//! 2. [`Connection`] and every [`Statement`] of it are fields of one `SqliteDatabase`, which hands none of them out. They
//!    change threads together, as parts of that one value, and are only reached through `&mut` of it. That is why
//!    [`Statement`] may be `Send` although a statement by itself must not leave its connection.
//! 3. A statement never outlives its connection: `SqliteDatabase` declares its statements before the connection, and fields are
//!    dropped in that order.
//!
//! Callbacks (`hooks`, `functions`) run on the thread that is inside a call of this module, never beside one. Their state is
//! boxed, so that its address stays, and is unregistered before it is freed. None of them unwinds into C.

mod backup;
mod cells;
mod connection;
mod functions;
mod hooks;
mod statement;

pub(super) use backup::Backup;
pub(super) use cells::{Cell, CellColumn, Cells};
pub(super) use connection::{Connection, Failure, library_version};
pub(super) use functions::{HAS, PullBatch, PullFunctions, PullKeys};
pub(super) use hooks::{AuthRequest, Hooks};
pub(super) use statement::{Statement, Step};
