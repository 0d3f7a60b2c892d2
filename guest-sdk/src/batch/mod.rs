//! Rows as columns: the form in which bulk data is read, transformed and written.
//!
//! A [`Batch`] holds [`Column`]s of equal length, each of one type, with its NULLs in a mask next to the entries. You can
//! read columns through zero-copy typed views, change them in place, or build new ones:
//!
//! ```
//! use runner_guest::batch::{Batch, Int64Builder, TextBuilder};
//! # use runner_guest::Result;
//!
//! fn full_names(rows: Batch) -> Result<Batch> {
//!     let (first, last) = (rows.text("first")?, rows.text("last")?);
//!     let mut full = TextBuilder::with_capacity(rows.len());
//!     for names in first.iter().zip(last) {
//!         match names {
//!             (Some(first), Some(last)) => full.push_display(format_args!("{first} {last}")),
//!             (one, other) => full.push_option(one.or(other)),
//!         }
//!     }
//!     let full = full.finish("full_name");
//!     rows.keep(["id"])?.with(full)
//! }
//!
//! let mut id = Int64Builder::new();
//! let (mut first, mut last) = (TextBuilder::new(), TextBuilder::new());
//! id.extend([Some(1), Some(2)]);
//! first.extend([Some("Ada"), None]);
//! last.extend([Some("Lovelace"), Some("Plato")]);
//! let rows = Batch::builder().column(id.finish("id")).column(first.finish("first")).column(last.finish("last")).build()?;
//!
//! let names = full_names(rows)?;
//! assert_eq!(names.text("full_name")?.iter().collect::<Vec<_>>(), [Some("Ada Lovelace"), Some("Plato")]);
//! # Ok::<(), runner_guest::Error>(())
//! ```
//!
//! A column whose rows are all NULL is accepted as any type, since the database could not determine one.

mod access;
mod builder;
mod column;
mod fixed;
mod mutate;
mod rows;
#[cfg(test)]
mod tests;
mod var;
mod view;

pub use crate::bindings::migration::runner::migration::types::{Batch, Column, ColumnValues, NativeValues, VarValues};
pub use builder::{
    BatchBuilder, BooleanBuilder, BytesBuilder, DateBuilder, DecimalBuilder, FixedBuilder, Float64Builder,
    Int64Builder, JsonBuilder, TextBuilder, TimeBuilder, TimestampBuilder, TimestamptzBuilder, UuidBuilder, VarBuilder,
};
pub use fixed::{Fixed, FixedColumn};
pub use mutate::TextMut;
pub use var::{BytesColumn, Entries, NativeColumn, TextColumn, Var, VarColumn};
pub use view::{Iter, View};
