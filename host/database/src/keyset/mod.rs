//! Bulk reading in key order: pages of a table, and the chunks of a transform.

mod page_sql;
pub mod pager;

pub use pager::{ChunkRange, TableReader};
