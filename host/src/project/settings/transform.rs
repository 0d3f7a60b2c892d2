//! How transforms are cut into chunks: `[transform]`, its variables and its flags.

use std::time::Duration;

use super::named::{InFile, Named};
use crate::project::env;
use crate::project::units::{parse_count, parse_duration_or_none};

/// The most rows of a chunk: a transaction with more has no advantage, and is hard on everybody else.
const MOST_ROWS: u64 = 10_000_000;

/// How transforms are cut into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunking {
    /// Rows of a chunk at most; none: as many as a batch has.
    pub rows: Option<u64>,
    /// How long a chunk should take; none: it is not measured.
    pub time: Option<Duration>,
}

/// What can be said of it.
pub(super) static SETTINGS: [Named<Chunking>; 2] = [
    Named {
        name: "chunk_rows",
        flag: "--chunk-rows",
        said: |request| request.chunk_rows.as_ref(),
        variable: env::CHUNK_ROWS,
        in_file: InFile::Count,
        takes: "a whole number from 1 to 10_000_000",
        set: |chunking, text| {
            let rows = parse_count(text)?;
            if !(1..=MOST_ROWS).contains(&rows) {
                return Err(format!("`{text}` is not between 1 and {MOST_ROWS}"));
            }
            chunking.rows = Some(rows);
            Ok(())
        },
    },
    Named {
        name: "chunk_time",
        flag: "--chunk-time",
        said: |request| request.chunk_time.as_ref(),
        variable: env::CHUNK_TIME,
        in_file: InFile::Text("500ms"),
        takes: "a duration such as `500ms`, or `none`",
        set: |chunking, text| {
            chunking.time = parse_duration_or_none(text, "nothing can be done in no time")?;
            Ok(())
        },
    },
];
