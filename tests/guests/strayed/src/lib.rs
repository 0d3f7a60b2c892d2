//! `stumble`, with another statement before the transform.

const BUILD: &str = "strayed";

include!("../../stumble/src/migration.rs");
