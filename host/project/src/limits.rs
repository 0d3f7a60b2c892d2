//! Limits on the resources of a migration. Every number that a guest controls is bounded by one of them.

use std::time::Duration;

use super::problem::list;
use super::units::{format_duration, format_size, parse_count, parse_duration_or_none, parse_size};
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;

/// The limits of a run. Set in `[limits]` of `runner.toml`, by `RUNNER_LIMIT_<NAME>` and by `--limit NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory and tables of one guest in total, in bytes. 256 MiB is ample for a Python interpreter with a batch of 2 MiB,
    /// and two such guests fit into a small container.
    pub guest_memory: u64,
    /// Instructions, roughly, of one `upgrade`, `downgrade` or `transform-batch`, and the bytes that its calls pass. 10^12 is at least a quarter of an hour of
    /// computation, and a normal batch needs less than a thousandth of it; an endless loop still ends.
    pub fuel: u64,
    /// Stack of a guest's WebAssembly code, in bytes. Recursion traps long before the stack of the host overflows.
    pub stack: u64,
    /// Resources (readers, writers, assets) that a guest holds at the same time. Leaking one per row should fail early.
    pub handles: u64,
    /// Bytes that one call may pass from the guest to the host. Batches aim at 2 MiB, and a cell may have 16 MiB; this bounds
    /// what a guest can make the host allocate, before it is allocated.
    pub host_call_bytes: u64,
    /// Calls of the host's functions by one guest. A row-by-row loop over ten million rows makes a few for each row; an endless
    /// loop of cheap calls ends within a minute.
    pub host_calls: u64,
    /// Bytes of a statement's text, its parameters excluded. Statements are copied into errors, events and the journal; data
    /// belongs into parameters and batches.
    pub statement_bytes: u64,
    /// Rows that `query` collects. Use batches for more.
    pub query_rows: u64,
    /// Bytes that `query` collects.
    pub query_bytes: u64,
    /// Rows of a batch.
    pub batch_rows: u64,
    /// Bytes after which a batch ends. 1 to 2 MiB are fastest: smaller batches need more calls, larger ones miss the
    /// cache.
    pub batch_bytes: u64,
    /// Bytes of one cell.
    pub cell_bytes: u64,
    /// Bytes of all log messages of one migration, as they are printed; the rest is counted and dropped.
    pub log_bytes: u64,
    /// Log messages of one migration.
    pub log_lines: u64,
    /// Wall time of a run, after which it stops at the next safe point; `None`: unlimited. A day is enough for long
    /// backfills, and ends runs that hang.
    pub wall_time: Option<Duration>,
    /// Size of the largest artifact that is read. The Python runtime takes 22 MB; the memory for compiling is
    /// proportional.
    pub artifact_bytes: u64,
    /// Time for fetching one package from a web server or a registry; `None`: unlimited. The largest artifact takes it at
    /// 2 Mbit/s.
    pub fetch_time: Option<Duration>,
    /// Wall time for compiling one component, and processor time where it is compiled in a process of its own; `None`:
    /// unlimited. Python takes a few seconds and a JavaScript engine eleven, on two cores; a minute is enough on slow machines.
    pub compile_time: Option<Duration>,
    /// Memory for compiling one component, where it is compiled in a process of its own. Compiling takes some 50 times the size
    /// of a component with many functions.
    pub compile_memory: u64,
    /// Size of the largest artifact that the history stores for later rollbacks; 0: none. The Python runtime takes 6 MB.
    pub stored_artifact_bytes: u64,
    /// Compressed size of the largest recording of a component's calls that the history stores for `verify`; 0: none.
    pub stored_call_bytes: u64,
    /// Compressed size of the rows read by a transform that the history stores for `verify`; 0: none.
    pub stored_row_bytes: u64,
    /// Size of the largest asset that is read.
    pub asset_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            guest_memory: 256 << 20,
            fuel: 1_000_000_000_000,
            stack: 1 << 20,
            handles: 1_000,
            host_call_bytes: 32 << 20,
            host_calls: 100_000_000,
            statement_bytes: 1 << 20,
            query_rows: 10_000,
            query_bytes: 8 << 20,
            batch_rows: 16_384,
            batch_bytes: 2 << 20,
            cell_bytes: 16 << 20,
            log_bytes: 1 << 20,
            log_lines: 10_000,
            wall_time: Some(Duration::from_secs(24 * 3600)),
            artifact_bytes: 64 << 20,
            fetch_time: Some(Duration::from_secs(5 * 60)),
            compile_time: Some(Duration::from_secs(60)),
            compile_memory: 2 << 30,
            stored_artifact_bytes: 8 << 20,
            stored_call_bytes: 1 << 20,
            // A migration may exist to remove these very values.
            stored_row_bytes: 0,
            asset_bytes: 1 << 30,
        }
    }
}

/// A limit with its unit and its range.
enum Field<'a> {
    Bytes(&'a mut u64, std::ops::RangeInclusive<u64>),
    Count(&'a mut u64, std::ops::RangeInclusive<u64>),
    Time(&'a mut Option<Duration>),
}

impl Limits {
    /// The names of all limits, as `runner.toml` spells them.
    pub const NAMES: [&'static str; 23] = [
        "guest_memory",
        "fuel",
        "stack",
        "handles",
        "host_call_bytes",
        "host_calls",
        "statement_bytes",
        "query_rows",
        "query_bytes",
        "batch_rows",
        "batch_bytes",
        "cell_bytes",
        "log_bytes",
        "log_lines",
        "wall_time",
        "artifact_bytes",
        "fetch_time",
        "compile_time",
        "compile_memory",
        "stored_artifact_bytes",
        "stored_call_bytes",
        "stored_row_bytes",
        "asset_bytes",
    ];

    /// The environment variable that sets a limit.
    pub fn variable(name: &str) -> String {
        format!("{}{}", super::env::LIMIT_PREFIX, name.to_uppercase())
    }

    /// Sets a limit by its name, from text such as `256MiB`, `1_000` or `1h`.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let Some(field) = self.field(name) else {
            let error = Error::usage(format!("unknown limit `{name}`"));
            return Err(match did_you_mean(name, Self::NAMES) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("the limits are {}", list(Self::NAMES))),
            });
        };
        let example = match field {
            Field::Bytes(..) => "a size such as `64MiB`",
            Field::Count(..) => "an integer such as `1_000_000`",
            Field::Time(_) => "a duration such as `30m`, or `none`",
        };
        let wrong = |problem: String| {
            Error::usage(format!("invalid limit `{name}`: {problem}")).hint(format!("`{name}` is {example}"))
        };
        let bounded = |value: u64, range: &std::ops::RangeInclusive<u64>, show: fn(u64) -> String| {
            if range.contains(&value) {
                Ok(value)
            } else {
                Err(wrong(format!("`{text}` is not between {} and {}", show(*range.start()), show(*range.end()))))
            }
        };
        match field {
            Field::Bytes(value, range) => *value = bounded(parse_size(text).map_err(wrong)?, &range, format_size)?,
            Field::Count(value, range) => {
                *value = bounded(parse_count(text).map_err(wrong)?, &range, |count| count.to_string())?;
            }
            Field::Time(value) => {
                *value = parse_duration_or_none(text, "the duration must not be zero").map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Every limit and its value as text.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let mut limits = self.clone();
        let mut shown = |name| match limits.field(name)? {
            Field::Bytes(value, _) => Some(format_size(*value)),
            Field::Count(value, _) => Some(value.to_string()),
            Field::Time(value) => Some(value.map_or("none".to_owned(), format_duration)),
        };
        Self::NAMES.into_iter().filter_map(|name| Some((name, shown(name)?))).collect()
    }

    /// The value of a limit by its name; `None` for a time, and for an unknown name.
    pub fn amount(&self, name: &str) -> Option<u64> {
        match self.clone().field(name)? {
            Field::Bytes(value, _) | Field::Count(value, _) => Some(*value),
            Field::Time(_) => None,
        }
    }

    /// A value of the limit of that name, as the settings have it.
    pub fn shown(name: &str, amount: u64) -> String {
        match Self::default().field(name) {
            Some(Field::Bytes(..)) => format_size(amount),
            _ => amount.to_string(),
        }
    }

    fn field(&mut self, name: &str) -> Option<Field<'_>> {
        const ANY: u64 = u64::MAX >> 1;
        Some(match name {
            // 32-bit WebAssembly memories end at 4 GiB; the minimum is one page.
            "guest_memory" => Field::Bytes(&mut self.guest_memory, 1 << 16..=4 << 30),
            "fuel" => Field::Count(&mut self.fuel, 1..=ANY),
            // The host gives a guest's fiber a little more than this; beyond 64 MiB it would only waste address space.
            "stack" => Field::Bytes(&mut self.stack, 16 << 10..=64 << 20),
            "handles" => Field::Count(&mut self.handles, 1..=1_000_000),
            "host_call_bytes" => Field::Bytes(&mut self.host_call_bytes, 1 << 10..=4 << 30),
            "host_calls" => Field::Count(&mut self.host_calls, 1..=ANY),
            "statement_bytes" => Field::Bytes(&mut self.statement_bytes, 1 << 10..=1 << 30),
            "query_rows" => Field::Count(&mut self.query_rows, 1..=ANY),
            "query_bytes" => Field::Bytes(&mut self.query_bytes, 1..=4 << 30),
            // The WIT type of a row count is u32.
            "batch_rows" => Field::Count(&mut self.batch_rows, 1..=u64::from(u32::MAX) - 1),
            // Offsets into a column's bytes are u32.
            "batch_bytes" => Field::Bytes(&mut self.batch_bytes, 1..=2 << 30),
            "cell_bytes" => Field::Bytes(&mut self.cell_bytes, 1..=1 << 30),
            "log_bytes" => Field::Bytes(&mut self.log_bytes, 1..=ANY),
            "log_lines" => Field::Count(&mut self.log_lines, 1..=ANY),
            "wall_time" => Field::Time(&mut self.wall_time),
            "artifact_bytes" => Field::Bytes(&mut self.artifact_bytes, 1..=4 << 30),
            "fetch_time" => Field::Time(&mut self.fetch_time),
            "compile_time" => Field::Time(&mut self.compile_time),
            // Below this, not even the smallest component compiles.
            "compile_memory" => Field::Bytes(&mut self.compile_memory, 16 << 20..=1 << 40),
            "stored_artifact_bytes" => Field::Bytes(&mut self.stored_artifact_bytes, 0..=1 << 30),
            "stored_call_bytes" => Field::Bytes(&mut self.stored_call_bytes, 0..=1 << 30),
            "stored_row_bytes" => Field::Bytes(&mut self.stored_row_bytes, 0..=1 << 30),
            "asset_bytes" => Field::Bytes(&mut self.asset_bytes, 1..=ANY),
            _ => return None,
        })
    }
}

/// Reads the value of `--limit`: `NAME=VALUE`.
pub fn parse_limit(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        Error::usage(format!("invalid limit: expected NAME=VALUE, got `{text}`"))
            .hint("for example `--limit fuel=1_000`")
    })?;
    // Checked here, so that the error is about the flag.
    Limits::default().set(name.trim(), value.trim())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_limit_and_accepts_its_own_output() {
        let mut limits = Limits::default();
        let entries = limits.entries();
        assert_eq!(entries.len(), Limits::NAMES.len());
        for (name, value) in entries {
            limits.set(name, &value).expect(name);
        }
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn values_are_parsed_and_bounded() {
        let mut limits = Limits::default();
        limits.set("guest_memory", "64MiB").expect("a size");
        limits.set("wall_time", "none").expect("no bound");
        limits.set("stored_artifact_bytes", "0").expect("none are stored");
        assert_eq!((limits.guest_memory, limits.wall_time, limits.stored_artifact_bytes), (64 << 20, None, 0));
        for (name, text, message) in [
            ("guest_memory", "8GiB", "invalid limit `guest_memory`: `8GiB` is not between 64KiB and 4GiB"),
            ("fuel", "many", "invalid limit `fuel`: `many` is not a non-negative integer"),
            ("wall_time", "0s", "invalid limit `wall_time`: the duration must not be zero"),
            ("guest_memry", "1", "unknown limit `guest_memry`"),
        ] {
            let error = limits.set(name, text).expect_err(name);
            assert_eq!(error.message, message);
        }
        assert_eq!(limits.set("guest_memry", "1").expect_err("a typo").hints, ["did you mean `guest_memory`?"]);
    }

    #[test]
    fn flags() {
        assert_eq!(parse_limit("fuel = 5").expect("a limit"), ("fuel".to_owned(), "5".to_owned()));
        assert!(parse_limit("fuel").is_err());
        assert!(parse_limit("fuel=x").is_err());
    }
}
