//! `stumble`, fixed.

const BUILD: &str = "mended";

include!("../../stumble/src/migration.rs");
