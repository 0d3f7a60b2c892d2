//! `runner` brings a database from one version to another. A migration is a pair of SQL files or a sandboxed WebAssembly
//! component; see `docs/` for the concepts and `wit/` for the contract between the two sides.
//!
//! Rooms, and who may import whom (an arrow points at what is imported; nothing points back):
//!
//! ```text
//! cli → everything      report → engine, test      sandbox → engine, batches, database, data
//! backup → engine, project, database, error
//! engine → project, sql, database, data      batches → database, data
//! test → engine, project, dump, sql, database, data      dump → sql, database, data
//! project → sql, data, database (names only)   sql, database → data, error      runtime → error
//! ```

pub mod backup;
pub mod cli;
pub mod data;
pub mod database;
pub mod dialect;
pub mod dump;
pub mod engine;
pub mod error;
pub mod keyset;
pub mod migration_tests;
pub mod project;
pub mod random;
pub mod report;
pub mod runtime;
pub mod sandbox;
pub mod sql;
pub mod suggest;
