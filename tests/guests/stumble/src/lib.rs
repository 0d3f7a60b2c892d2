//! A migration whose second transform fails.

const BUILD: &str = "stumble";

include!("migration.rs");
