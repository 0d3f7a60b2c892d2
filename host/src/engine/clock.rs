//! The time of day as the tool's tables keep it.

use jiff::Timestamp;

/// The time now as history keeps it: ISO 8601, UTC, milliseconds.
pub fn now() -> String {
    iso(Timestamp::now())
}

/// A time as history keeps it.
pub fn iso(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
