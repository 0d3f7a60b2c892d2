//! What has to hold before the migration ends.

use flight_times::no_flight;
use runner_guest::Result;

/// An instant stands wherever one can be known, and nowhere else; where one cannot, an issue says so; and nobody arrives
/// before they left.
pub fn instants() -> Result<()> {
    no_flight("arrived no later than it left", "SELECT id FROM flights WHERE arrived_at <= departed_at")?;
    no_flight(
        "never left, but has an instant of departure",
        "SELECT id FROM flights WHERE departed_at IS NOT NULL AND (dep_time IS NULL OR dep_delay IS NULL)",
    )?;
    no_flight(
        "never arrived, but has an instant of arrival",
        "SELECT id FROM flights WHERE arrived_at IS NOT NULL AND (arr_time IS NULL OR departed_at IS NULL)",
    )?;
    no_flight(
        "left, but has neither an instant of departure nor an issue",
        "SELECT id FROM flights f WHERE departed_at IS NULL AND dep_time IS NOT NULL AND dep_delay IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)",
    )?;
    no_flight(
        "arrived, but has neither an instant of arrival nor an issue",
        "SELECT id FROM flights f WHERE arrived_at IS NULL AND arr_time IS NOT NULL AND departed_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)",
    )?;
    no_flight(
        "goes to or from an airport without a time zone, but has no issue",
        "SELECT id FROM flights f WHERE \
         (NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.origin AND a.tzone IS NOT NULL) \
          OR NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.dest AND a.tzone IS NOT NULL)) \
         AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)",
    )
}
