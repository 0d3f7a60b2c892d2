//! Scalars: the parameters of statements and the cells of small results.
//!
//! [`Value`] is what is passed to and from the host; the other types are thin wrappers around the units of the contract. The
//! table at the top of [`sql`](crate::sql) shows how they map to Rust and to the databases.

#[cfg(feature = "chrono")]
mod chrono;
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
/// Accepts everything that converts to a `Value` with `From`; use `Value::try_from` for types that may not fit, such as
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

    /// The name of the case as in the contract.
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

    /// A value in the database's own text form, for types without a case of their own, such as `inet`.
    pub fn native(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Native(NativeValue { type_name: type_name.into(), text: text.into() })
    }
}
