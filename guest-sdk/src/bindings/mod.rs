//! The generated bindings, see `tests/bindings.rs`: the only place that wit-bindgen writes to.
//!
//! Both worlds are generated, and the second one takes every type from the first, so that migrations with a transformer and
//! without one share all of this crate. What says which world a component has is a custom section that the export macros
//! emit into the migration's own crate; the sections that stand here name imports alone, and imports that nobody calls are
//! left out of the component.
#![allow(missing_docs, unsafe_code, unsafe_op_in_unsafe_fn, reason = "generated code")]
#![allow(clippy::all, clippy::unwrap_used, clippy::allow_attributes_without_reason, reason = "generated code")]

#[rustfmt::skip]
pub mod data_migration;
#[rustfmt::skip]
pub mod migration;
