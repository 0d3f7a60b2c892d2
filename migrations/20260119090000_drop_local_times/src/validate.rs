//! What has to hold before a value is dropped.

use flight_times::no_flight;
use runner_guest::Result;

/// The columns that go, and the instants that replace them.
const COLUMNS: [(&str, &str); 2] = [("dep_time", "departed_at"), ("arr_time", "arrived_at")];

/// Every local time has an instant to be computed from, or is kept.
pub fn nothing_is_lost() -> Result<()> {
    COLUMNS.iter().try_for_each(|(column, instant)| {
        no_flight(
            &format!("has a {column} that would be lost"),
            &format!(
                "SELECT id FROM flights f WHERE {column} IS NOT NULL AND {instant} IS NULL AND NOT EXISTS \
                 (SELECT 1 FROM flight_times_kept k WHERE k.flight_id = f.id AND k.column_name = '{column}')"
            ),
        )
    })
}

/// Every kept value stands in its flight again.
pub fn kept_is_back() -> Result<()> {
    COLUMNS.iter().try_for_each(|(column, _)| {
        no_flight(
            &format!("has another {column} than was kept"),
            &format!(
                "SELECT f.id FROM flights f JOIN flight_times_kept k \
                 ON k.flight_id = f.id AND k.column_name = '{column}' \
                 WHERE f.{column} <> k.original OR (f.{column} IS NULL) <> (k.original IS NULL)"
            ),
        )
    })
}
