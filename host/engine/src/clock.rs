//! The time of day as the tool's tables keep it.

use jiff::Timestamp;

/// Returns the current time as history stores it: ISO 8601, UTC, milliseconds.
pub fn now() -> String {
    iso(Timestamp::now())
}

/// Returns a time as history stores it.
pub fn iso(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
