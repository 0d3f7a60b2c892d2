//! `stumble`, with another column in the rows of the transform that failed.

const BUILD: &str = "wider";

include!("../../stumble/src/migration.rs");
