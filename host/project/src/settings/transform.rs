//! How transforms are split into chunks: `[transform]`, its variables and its flags.

use std::time::Duration;

use super::named::{InFile, Named, SettingFlag};
use crate::env;
use crate::units::{parse_count, parse_duration_or_none};
use runner_base::error::{Error, Result};
use runner_database::Dialect;

/// Maximum number of rows in a chunk: larger transactions have no advantage and block others for longer.
const MOST_ROWS: u64 = 10_000_000;

/// How transforms are split into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunking {
    /// Maximum number of rows in a chunk; `None`: the size of a batch.
    pub rows: Option<u64>,
    /// How long a chunk may hold its rows; `None`: that matters once other sessions wait for them.
    pub time: Option<Duration>,
    /// The flag set the time.
    pub time_by_flag: bool,
}

impl Chunking {
    /// Refuses a flag that does not apply to this kind of database. A value of the settings file or of a variable, which may be
    /// meant for another database, is ignored there.
    pub fn fit(self, dialect: Dialect) -> Result<Self> {
        if dialect.has_server() {
            return Ok(self);
        }
        if self.time_by_flag {
            return Err(Error::usage(
                "`--chunk-time` does not apply to SQLite: its chunks have a fixed number of rows",
            )
            .hint("`--chunk-rows` sets the number of rows of a chunk on every database"));
        }
        Ok(Self { time: None, ..self })
    }
}

/// The settings by name.
pub(super) static SETTINGS: [Named<Chunking>; 2] = [
    Named {
        name: "chunk_rows",
        flag: SettingFlag {
            name: "--chunk-rows",
            variable: env::CHUNK_ROWS,
            value: "ROWS",
            help: "Maximum number of rows in a chunk of a transform",
            details: "The size is fixed then, unless `--chunk-time` is set. By default chunks grow to the size of a batch.",
        },
        in_file: InFile::Count,
        takes: "an integer from 1 to 10_000_000",
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
        flag: SettingFlag {
            name: "--chunk-time",
            variable: env::CHUNK_TIME,
            value: "DURATION",
            help: "How long a chunk of a transform may hold its rows, such as `20ms`",
            details: "The size of the next chunk is adjusted to what the previous ones have taken. By default chunks grow to the size of a batch, and are kept to 30 ms once others wait for their rows. On SQLite the size is fixed.",
        },
        in_file: InFile::Text("500ms"),
        takes: "a duration such as `500ms`, or `none`",
        set: |chunking, text| parse_duration_or_none(text).map(|time| chunking.time = time),
    },
];
