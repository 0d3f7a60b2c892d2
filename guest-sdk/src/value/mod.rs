//! Scalars: the parameters of statements and the cells of small results.
//!
//! [`Value`] is what crosses; the types beside it are thin names for the units that the contract counts in. How they
//! relate to Rust and to the databases is the table at the top of [`sql`](crate::sql).

mod convert;
#[cfg(feature = "jiff")]
mod jiff;
mod parse;
mod read;
mod temporal;
mod text;
mod uuid;

pub use crate::bindings::migration::runner::migration::types::{NativeValue, Value};
pub use read::{FromValue, Mismatch};
pub use temporal::{Date, Time, Timestamp, Timestamptz};
pub use text::{Decimal, Json};
pub use uuid::Uuid;

/// The parameters of a statement: `params![1, "text", None::<i64>]` is an array of [`Value`]s.
///
/// Everything that turns into a `Value` by `From` will do; use `Value::try_from` for the types that may not fit, such as
/// `u64`.
#[macro_export]
macro_rules! params {
    () => { [$crate::Value::Null; 0] };
    ($($value:expr),+ $(,)?) => { [$($crate::Value::from($value)),+] };
}

impl Value {
    /// Whether this is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of the case, as the contract spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Int64(_) => "int64",
            Self::Float64(_) => "float64",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Decimal(_) => "decimal",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::Timestamptz(_) => "timestamptz",
            Self::Uuid(_) => "uuid",
            Self::Json(_) => "json",
            Self::Native(_) => "native",
        }
    }

    /// A value in the database's own text form, for types that no other case stands for, such as `inet`.
    pub fn native(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Native(NativeValue { type_name: type_name.into(), text: text.into() })
    }
}
