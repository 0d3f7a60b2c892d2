//! Statements that fail, and with them the message that they are in, where a condition holds: above the greatest BIGINT UNSIGNED there is
//! no number, whatever the `sql_mode`. Their limit takes precedence over `sql_select_limit`, without which 0 would keep them from being
//! computed.

use runner_database::DatabaseError;

/// The code of that failure.
pub(crate) const OUT_OF_RANGE: &str = "1690";

/// What is asserted. The number in the statement distinguishes the failures.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Assertion {
    /// The run holds its lock, or a statement has changed one row.
    Expected,
    /// The run holds its lease.
    Lease,
    /// Nothing is attached to the tool's tables.
    Unattached,
}

impl Assertion {
    fn number(self) -> &'static str {
        match self {
            Self::Expected => "18446744073709551615",
            Self::Lease => "18446744073709551614",
            Self::Unattached => "18446744073709551613",
        }
    }

    /// The statement that fails if a condition holds, followed by `; `.
    pub fn fails_if(self, condition: &str) -> String {
        let times = match self {
            Self::Expected => 1,
            Self::Lease => 2,
            Self::Unattached => 3,
        };
        format!("SELECT {} + {times} * ({condition}) LIMIT 1; ", self.number())
    }

    /// The statement that fails unless the one before it has changed exactly one row, followed by `; `.
    pub fn one_row(self) -> String {
        self.fails_if("ROW_COUNT() <> 1")
    }

    /// Whether an error is this failure.
    pub fn failed(self, error: &DatabaseError) -> bool {
        error.code == OUT_OF_RANGE && error.message.contains(self.number())
    }
}
