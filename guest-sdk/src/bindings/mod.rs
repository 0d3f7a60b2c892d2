//! The generated bindings, see `tests/bindings.rs`: the only files that wit-bindgen writes.
//!
//! Both worlds are generated, and the second one takes every type from the first, so that migrations with a transformer and
//! without one share all of this crate. A component's world is determined by a custom section that the export macros
//! emit into the migration's own crate; the sections in this module only name imports, and imports that are never called
//! are left out of the component.
#![allow(missing_docs, unsafe_code, unsafe_op_in_unsafe_fn, reason = "generated code")]
#![allow(clippy::all, clippy::unwrap_used, clippy::allow_attributes_without_reason, reason = "generated code")]

#[rustfmt::skip]
pub mod data_migration;
#[rustfmt::skip]
pub mod migration;
