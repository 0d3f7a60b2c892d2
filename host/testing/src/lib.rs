//! What tries migrations out: scratch databases, the schema and the rows of a database as text, and the tests of a project.
//!
//! It may import `runner-engine`, `runner-project` and what is below them.

// The futures of a run are nested deeply: with the driver of MySQL alone the default of 128 is not enough.
#![recursion_limit = "256"]

pub mod dump;
pub mod migration_tests;
pub mod scratch;
