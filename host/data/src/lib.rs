//! Values and batches as the host holds them: plain data without a database or a sandbox.
//!
//! It may import no crate of `runner`.

pub mod batch;
pub mod builder;
pub mod count;
pub mod decimal;
pub mod digest;
pub mod json;
pub mod order;
mod serde_bytes;
pub mod temporal;
pub mod value;

pub use batch::{Batch, Column, ColumnType, ColumnValues, NativeValues, VarValues};
pub use builder::ColumnBuilder;
pub use digest::Digest;
pub use value::{RowSet, Value};
