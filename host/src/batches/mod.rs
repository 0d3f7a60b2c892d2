//! Bulk reading in key order: pages of a table, and the chunks of a transform.
