//! The files and what their columns hold.

/// A table, and the file of the same name that fills it.
pub struct Table {
    /// The name of both.
    pub name: &'static str,
    /// How many rows the file has.
    pub rows: u64,
    /// Whether the table has an `id` that counts the file's rows from 1.
    pub numbered: bool,
    /// The file's columns, in its order.
    pub columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Other numbers.
    Real,
    /// Texts.
    Text,
}

use Kind::{Integer, Real, Text};

/// All tables, each after those that it refers to.
pub const TABLES: [Table; 4] = [
    Table { name: "airlines", rows: 16, numbered: false, columns: &[("carrier", Text), ("name", Text)] },
    Table {
        name: "airports",
        rows: 1_458,
        numbered: false,
        columns: &[
            ("faa", Text),
            ("name", Text),
            ("lat", Real),
            ("lon", Real),
            ("alt", Integer),
            ("tz", Integer),
            ("dst", Text),
            ("tzone", Text),
        ],
    },
    Table {
        name: "planes",
        rows: 3_322,
        numbered: false,
        columns: &[
            ("tailnum", Text),
            ("year", Integer),
            ("type", Text),
            ("manufacturer", Text),
            ("model", Text),
            ("engines", Integer),
            ("seats", Integer),
            ("speed", Integer),
            ("engine", Text),
        ],
    },
    Table {
        name: "flights",
        rows: 27_004,
        numbered: true,
        columns: &[
            ("year", Integer),
            ("month", Integer),
            ("day", Integer),
            ("dep_time", Integer),
            ("sched_dep_time", Integer),
            ("dep_delay", Integer),
            ("arr_time", Integer),
            ("sched_arr_time", Integer),
            ("arr_delay", Integer),
            ("carrier", Text),
            ("flight", Integer),
            ("tailnum", Text),
            ("origin", Text),
            ("dest", Text),
            ("air_time", Integer),
            ("distance", Integer),
            ("hour", Integer),
            ("minute", Integer),
            ("time_hour", Text),
        ],
    },
];
