//! The schema of a database as a thing of its own: its objects as the catalogue of the server describes them, and how two schemas
//! differ.
//!
//! It may import `runner-base`, `runner-data`, `runner-sql`, `runner-database`.

mod differences;
mod model;
mod read;
mod same;

pub use differences::{Altered, Change, Difference, folded};
pub use model::{Kind, Object, ObjectId, Parts, Property, Schema, columns};
pub use read::{Reading, read};
