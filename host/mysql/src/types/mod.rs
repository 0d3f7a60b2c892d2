//! Values and types: what columns hold, and how cells are read and written. `types.md` has the table.

pub(crate) mod convert;
pub(crate) mod kind;
pub(crate) mod parameters;
pub(crate) mod read;
pub(crate) mod write;
