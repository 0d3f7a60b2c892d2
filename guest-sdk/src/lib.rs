//! Write database migrations for `runner` in Rust.
//!
//! A migration is a type with an [`upgrade`](Migration::upgrade) and a [`downgrade`](Migration::downgrade), compiled to a
//! WebAssembly component. It runs in a sandbox and reaches the database only through [`sql`], [`batches`] and [`schema`].
//!
//! ```
//! use runner_guest::prelude::*;
//!
//! struct ShoutNames;
//!
//! impl Migration for ShoutNames {
//!     fn describe() -> Description {
//!         Description::new("convert all names to upper case").irreversible()
//!     }
//!
//!     fn upgrade() -> Result<()> {
//!         let source = TableSource::new("people").columns(["name"]);
//!         let report = batches::transform("shout", &source, &TableTarget::update("people"))?;
//!         info!("{} names", report.rows_written);
//!         Ok(())
//!     }
//! }
//!
//! impl Transformer for ShoutNames {
//!     fn transform(_name: &str, mut rows: Batch) -> Result<Batch> {
//!         rows.text_mut("name")?.make_ascii_uppercase();
//!         Ok(rows)
//!     }
//! }
//!
//! runner_guest::export!(ShoutNames, transformer);
//! ```
#![deny(missing_docs, unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod batch;
pub mod batches;
#[doc(hidden)]
pub mod bindings;
mod chance;
pub mod context;
mod description;
mod error;
mod export;
mod migration;
mod panic;
mod print;
pub mod schema;
pub mod sql;
pub mod sqlite;
pub mod value;
#[cfg(feature = "jiff")]
pub mod zones;

pub use batch::Batch;
pub use bindings::migration::runner::migration::types::{ColumnType, Dialect};
pub use description::{Description, Limit, Mode, Need, TableNeed};
pub use error::{Context, Error, ErrorKind, Result};
pub use migration::{Migration, Transformer};
pub use value::Value;

#[cfg(feature = "chrono")]
pub use chrono;
#[cfg(feature = "jiff")]
pub use jiff;
#[cfg(feature = "sea-query")]
pub use sea_query;

/// Everything that most migrations need: `use runner_guest::prelude::*;`.
pub mod prelude {
    pub use crate::batch::{
        Batch, BooleanBuilder, BytesBuilder, Column, DateBuilder, DecimalBuilder, Float64Builder, Int64Builder,
        JsonBuilder, TextBuilder, TimeBuilder, TimestampBuilder, TimestamptzBuilder, UuidBuilder,
    };
    pub use crate::batches::{self, TableSource, TableTarget};
    pub use crate::context;
    pub use crate::schema;
    pub use crate::sql;
    pub use crate::value::{Date, Decimal, Json, Time, Timestamp, Timestamptz, Uuid, Value};
    pub use crate::{
        ColumnType, Context, Description, Dialect, Error, ErrorKind, Migration, Mode, Need, Result, Transformer,
    };
    pub use crate::{bail, debug, ensure, info, params, warning};
}

/// The README's example, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// Used by the macros; not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::{Exported, check_migration, check_transformer};
    pub use crate::print::{eprint, print};
}
