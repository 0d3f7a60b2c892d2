//! Limits on what a guest uses: memory and tables of the whole store together, calls of the host, and log volume.

use std::fmt;

use wasmtime::ResourceLimiter;

use runner_base::visible::printed_length;
use runner_project::limits::Limits;
use runner_project::units::format_size;

/// Table elements that a guest may have; each takes a pointer in the host's memory. Compilers emit one function
/// table.
pub(super) const TABLE_ELEMENTS: usize = 200_000;

/// A limit that a guest has reached; ends the guest as a trap.
#[derive(Clone, Debug)]
pub struct LimitExceeded {
    /// The limit's name under `[limits]`.
    pub name: &'static str,
    /// Its value, formatted for messages.
    pub at: String,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit `{}` of {} is used up", self.name, self.at)
    }
}

impl std::error::Error for LimitExceeded {}

/// Limits the memory and the tables of a store, and the calls that its guest makes.
#[derive(Debug)]
pub struct UsageLimiter {
    memory: u64,
    memory_limit: u64,
    tables: usize,
    calls: u64,
    calls_limit: u64,
    /// Bytes that calls have passed and that are not paid for yet.
    owed: u64,
    /// The fuel that was left when others had their last turn.
    turn: u64,
    /// Whether others are to have their turn.
    is_due: bool,
}

/// The rest of a migration's log volume, shared by all of its instances.
#[derive(Debug)]
pub struct LogBudget {
    bytes: u64,
    lines: u64,
    closed: bool,
}

/// What to do with a log message.
#[derive(Debug, PartialEq, Eq)]
pub enum LogVerdict {
    /// Pass it on.
    Pass,
    /// Drop it, as the first one, and report that once.
    Close,
    /// Drop it.
    Drop,
}

impl UsageLimiter {
    /// Nothing used yet.
    pub fn new(limits: &Limits) -> Self {
        let (memory_limit, calls_limit) = (limits.guest_memory, limits.host_calls);
        Self { memory: 0, memory_limit, tables: 0, calls: 0, calls_limit, owed: 0, turn: limits.fuel, is_due: false }
    }

    /// Counts a call of one of the host's functions, and its bytes; returns whether others are to have their turn before.
    pub fn count_call(&mut self, bytes: u64) -> Result<bool, LimitExceeded> {
        self.count_bytes(bytes);
        self.calls = self.calls.saturating_add(1);
        if self.calls <= self.calls_limit {
            return Ok(std::mem::take(&mut self.is_due));
        }
        Err(LimitExceeded { name: "host_calls", at: self.calls_limit.to_string() })
    }

    /// Counts bytes of a call.
    pub fn count_bytes(&mut self, bytes: u64) {
        self.owed = self.owed.saturating_add(bytes);
    }

    /// What is left of the fuel when a call returns, a unit for each of its bytes; `None` if it does not suffice. The
    /// sandbox restarts its count of slices when fuel is set, so they are counted here as well.
    pub fn pay(&mut self, fuel: u64, slice: u64) -> Option<u64> {
        let left = fuel.checked_sub(std::mem::take(&mut self.owed))?;
        if self.turn.abs_diff(left) >= slice {
            self.turn = left;
            self.is_due = true;
        }
        Some(left)
    }

    /// Whether calls have passed bytes that are not paid for.
    pub fn has_unpaid_bytes(&self) -> bool {
        self.owed > 0
    }
}

impl LogBudget {
    /// The whole budget.
    pub fn new(limits: &Limits) -> Self {
        Self { bytes: limits.log_bytes, lines: limits.log_lines, closed: false }
    }

    /// Counts a log message, by the bytes that it takes where it is printed.
    pub fn count(&mut self, message: &str) -> LogVerdict {
        if self.closed {
            return LogVerdict::Drop;
        }
        // A message that is too long as it is need not be read.
        let is_longer = message.len() as u64 > self.bytes;
        let bytes = if is_longer { u64::MAX } else { printed_length(message) as u64 };
        if bytes > self.bytes || self.lines == 0 {
            self.closed = true;
            return LogVerdict::Close;
        }
        self.bytes -= bytes;
        self.lines -= 1;
        LogVerdict::Pass
    }
}

impl ResourceLimiter for UsageLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        // What fails at the module's own maximum takes nothing.
        if most.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        let total = self.memory.saturating_add(desired.saturating_sub(current) as u64);
        if total > self.memory_limit {
            // A trap instead of a failed `memory.grow`: what a guest does after -1 differs by language.
            let at = format_size(self.memory_limit);
            return Err(wasmtime::Error::new(LimitExceeded { name: "guest_memory", at }));
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, most: Option<usize>) -> wasmtime::Result<bool> {
        if most.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        let total = self.tables.saturating_add(desired.saturating_sub(current));
        if total > TABLE_ELEMENTS {
            let at = format!("{TABLE_ELEMENTS} elements");
            return Err(wasmtime::Error::new(LimitExceeded { name: "tables", at }));
        }
        self.tables = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grows the memory or the table of a module a thousand times, and returns what ended it.
    fn grow(defined: &str, grow: &str) -> Option<LimitExceeded> {
        let text = format!(
            "(module {defined} (func $start (local $i i32) (loop {grow}
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if 0 (i32.lt_u (local.get $i) (i32.const 1000))))) (start $start))"
        );
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, runner_tests::components::parse(&text)).expect("a module");
        let mut store = wasmtime::Store::new(&engine, UsageLimiter::new(&Limits::default()));
        store.limiter(|usage| usage);
        let error = wasmtime::Instance::new(&mut store, &module, &[]).err()?;
        Some(error.downcast::<LimitExceeded>().expect("a limit"))
    }

    #[test]
    fn bytes_are_paid_for_and_give_others_their_turn() {
        let limits = Limits { fuel: 1000, host_calls: 20, ..Limits::default() };
        let mut usage = UsageLimiter::new(&limits);
        let mut fuel = limits.fuel;
        let mut turns = 0;
        for call in 1..=12 {
            turns += usize::from(usage.count_call(40).expect("a call"));
            usage.count_bytes(10);
            assert!(usage.has_unpaid_bytes());
            // The guest's own code.
            fuel = usage.pay(fuel - 20, 100).expect("enough");
            assert_eq!(fuel, 1000 - call * 70);
            assert!(!usage.has_unpaid_bytes());
        }
        assert_eq!(turns, 5, "each time when 100 or more of the 840 were gone");
        usage.count_bytes(fuel + 1);
        assert_eq!(usage.pay(fuel, 100), None);
    }

    #[test]
    fn a_log_is_as_long_as_it_is_printed() {
        let limits = Limits { log_bytes: 100, log_lines: 3, ..Limits::default() };
        let mut log = LogBudget::new(&limits);
        let counted = ["x".repeat(40), "\0".repeat(10), "y".to_owned()].map(|text| log.count(&text));
        assert_eq!(counted, [LogVerdict::Pass, LogVerdict::Pass, LogVerdict::Close]);
        assert_eq!(log.count("z"), LogVerdict::Drop);
        let mut log = LogBudget::new(&limits);
        assert_eq!(log.count(&"\0".repeat(20)), LogVerdict::Close);
    }

    #[test]
    fn what_fails_at_the_maximum_of_the_module_is_not_counted() {
        let memory = "(drop (memory.grow (i32.const 4000)))";
        assert!(grow("(memory 1 2)", memory).is_none());
        assert_eq!(grow("(memory 1)", memory).map(|limit| limit.name), Some("guest_memory"));
        let table = "(drop (table.grow (ref.null func) (i32.const 4000)))";
        assert!(grow("(table 1 2 funcref)", table).is_none());
        assert_eq!(grow("(table 1 funcref)", table).map(|limit| limit.name), Some("tables"));
    }
}
