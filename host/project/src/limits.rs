//! Limits on the resources of a migration. Every number that a guest controls is bounded by one of them.

use std::time::Duration;

use super::problem::list;
use super::units::{format_duration, format_size, parse_count, parse_duration_or_none, parse_size};
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;

/// The largest count.
const ANY: u64 = u64::MAX >> 1;

/// Defines the limits, each with its unit, its range and its default.
macro_rules! limits {
    (@type Time) => { Option<Duration> };
    (@type $unit:ident) => { u64 };
    ($($(#[$meta:meta])* $name:ident: $unit:ident $(($range:expr))? = $default:expr,)*) => {
        /// The limits of a run. Set in `[limits]` of `runner.toml`, by `RUNNER_LIMIT_<NAME>` and by `--limit NAME=VALUE`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$meta])* pub $name: limits!(@type $unit),)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            /// The names of all limits, as `runner.toml` spells them.
            pub const NAMES: [&'static str; [$(stringify!($name)),*].len()] = [$(stringify!($name)),*];

            fn field(&mut self, name: &str) -> Option<Field<'_>> {
                match name {
                    $(stringify!($name) => Some(Field::$unit(&mut self.$name $(, $range)?)),)*
                    _ => None,
                }
            }
        }
    };
}

limits! {
    /// Linear memory and tables of one guest in total, in bytes. 256 MiB is ample for a Python interpreter with a batch of 2 MiB,
    /// and two such guests fit into a small container.
    // 32-bit WebAssembly memories end at 4 GiB; the minimum is one page.
    guest_memory: Bytes(1 << 16..=4 << 30) = 256 << 20,
    /// Instructions, roughly, of one `upgrade`, `downgrade` or `transform-batch`, and the bytes that its calls pass. 10^12 is at least a quarter of an hour of
    /// computation, and a normal batch needs less than a thousandth of it; an endless loop still ends.
    fuel: Count(1..=ANY) = 1_000_000_000_000,
    /// Stack of a guest's WebAssembly code, in bytes. Recursion traps long before the stack of the host overflows.
    // The host gives a guest's fiber a little more than this; beyond 64 MiB it would only waste address space.
    stack: Bytes(16 << 10..=64 << 20) = 1 << 20,
    /// Resources (readers, writers, assets) that a guest holds at the same time. Leaking one per row should fail early.
    handles: Count(1..=1_000_000) = 1_000,
    /// Bytes that one call may pass from the guest to the host. Batches aim at 2 MiB, and a cell may have 16 MiB; this bounds
    /// what a guest can make the host allocate, before it is allocated.
    host_call_bytes: Bytes(1 << 10..=4 << 30) = 32 << 20,
    /// Calls of the host's functions by one guest. A row-by-row loop over ten million rows makes a few for each row; an endless
    /// loop of cheap calls ends within a minute.
    host_calls: Count(1..=ANY) = 100_000_000,
    /// Bytes of a statement's text, its parameters excluded. Statements are copied into errors, events and the journal; data
    /// belongs into parameters and batches.
    statement_bytes: Bytes(1 << 10..=1 << 30) = 1 << 20,
    /// Rows that `query` collects. Use batches for more.
    query_rows: Count(1..=ANY) = 10_000,
    /// Bytes that `query` collects.
    query_bytes: Bytes(1..=4 << 30) = 8 << 20,
    /// Rows of a batch.
    // The WIT type of a row count is u32.
    batch_rows: Count(1..=u64::from(u32::MAX) - 1) = 16_384,
    /// Bytes after which a batch ends. 1 to 2 MiB are fastest: smaller batches need more calls, larger ones miss the
    /// cache.
    // Offsets into a column's bytes are u32.
    batch_bytes: Bytes(1..=2 << 30) = 2 << 20,
    /// Bytes of one cell.
    cell_bytes: Bytes(1..=1 << 30) = 16 << 20,
    /// Bytes of all log messages of one migration, as they are printed; the rest is counted and dropped.
    log_bytes: Bytes(1..=ANY) = 1 << 20,
    /// Log messages of one migration.
    log_lines: Count(1..=ANY) = 10_000,
    /// Wall time of a run, after which it stops at the next safe point; `None`: unlimited. A day is enough for long
    /// backfills, and ends runs that hang.
    wall_time: Time = Some(Duration::from_secs(24 * 3600)),
    /// Size of the largest artifact that is read. The Python runtime takes 27 MB; the memory for compiling is
    /// proportional.
    artifact_bytes: Bytes(1..=4 << 30) = 64 << 20,
    /// Time for fetching one package from a web server or a registry; `None`: unlimited. The largest artifact takes it at
    /// 2 Mbit/s.
    fetch_time: Time = Some(Duration::from_secs(5 * 60)),
    /// Wall time for compiling one component, and processor time where it is compiled in a process of its own; `None`:
    /// unlimited. Python takes a few seconds and a JavaScript engine eleven, on two cores; a minute is enough on slow machines.
    compile_time: Time = Some(Duration::from_secs(60)),
    /// Memory for compiling one component, where it is compiled in a process of its own. Compiling takes some 50 times the size
    /// of a component with many functions.
    // Below this, not even the smallest component compiles.
    compile_memory: Bytes(16 << 20..=1 << 40) = 2 << 30,
    /// Size of the largest artifact that the history stores for later rollbacks; 0: none. The Python runtime takes 8 MB.
    stored_artifact_bytes: Bytes(0..=1 << 30) = 8 << 20,
    /// Compressed size of the largest recording of a component's calls that the history stores for `verify`; 0: none.
    stored_call_bytes: Bytes(0..=1 << 30) = 1 << 20,
    /// Compressed size of the rows read by a transform that the history stores for `verify`; 0: none.
    // A migration may exist to remove these very values.
    stored_row_bytes: Bytes(0..=1 << 30) = 0,
    /// Size of the largest asset that is read.
    asset_bytes: Bytes(1..=ANY) = 1 << 30,
}

/// A limit with its unit and its range.
enum Field<'a> {
    Bytes(&'a mut u64, std::ops::RangeInclusive<u64>),
    Count(&'a mut u64, std::ops::RangeInclusive<u64>),
    Time(&'a mut Option<Duration>),
}

impl Limits {
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
                *value = parse_duration_or_none(text).map_err(wrong)?;
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
