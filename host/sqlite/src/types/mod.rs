//! What cells of SQLite are in batches and values, and the other way around. `types.md` has the tables.

mod bind;
mod read;
mod write;

pub(crate) use bind::{BindError, bind_all};
pub(crate) use read::{TypeSource, declared, describe, push, push_as_stored, stored_column_type, value};
pub(crate) use write::{Affinity, Encoded, encode};
