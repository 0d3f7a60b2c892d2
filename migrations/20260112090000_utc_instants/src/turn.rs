//! What becomes of a chunk of flights.

use flight_times::{LocalTimes, Zones};
use runner_guest::batch::{TextBuilder, TimestamptzBuilder};
use runner_guest::prelude::*;

/// The instants of each flight.
pub fn instants(rows: Batch) -> Result<Batch> {
    let (id, origin, destination) = (rows.int64("id")?, rows.text("origin_zone")?, rows.text("dest_zone")?);
    let (year, month, day) = (rows.int64("year")?, rows.int64("month")?, rows.int64("day")?);
    let (sched_dep_time, dep_time) = (rows.int64("sched_dep_time")?, rows.int64("dep_time")?);
    let (dep_delay, arr_time) = (rows.int64("dep_delay")?, rows.int64("arr_time")?);

    let mut zones = Zones::bundled();
    let mut departed_at = TimestamptzBuilder::with_capacity(rows.len());
    let mut arrived_at = TimestamptzBuilder::with_capacity(rows.len());
    for row in 0..rows.len() {
        let times = LocalTimes {
            year: year.get(row),
            month: month.get(row),
            day: day.get(row),
            sched_dep_time: sched_dep_time.get(row),
            dep_time: dep_time.get(row),
            dep_delay: dep_delay.get(row),
            arr_time: arr_time.get(row),
        };
        let (origin, destination) = (zones.get(origin.get(row)), zones.get(destination.get(row)));
        let found = flight_times::instants(times, origin.as_ref(), destination.as_ref())
            .with_context(|| format!("flight {}", id.get(row).unwrap_or_default()))?;
        departed_at.push_option(found.departed_at);
        arrived_at.push_option(found.arrived_at);
    }
    rows.keep(["id"])?.with(departed_at.finish("departed_at"))?.with(arrived_at.finish("arrived_at"))
}

/// An issue for each flight between airports of which one has no known time zone.
pub fn issues(rows: Batch) -> Result<Batch> {
    let (origin, destination) = (rows.text("origin_zone")?, rows.text("dest_zone")?);
    let mut zones = Zones::bundled();
    let mut unknown = |zone| zones.get(zone).is_none();
    let mut found = rows.filter(|row| unknown(origin.get(row)) || unknown(destination.get(row))).keep(["id"])?;

    found.rename("id", "flight_id")?;
    let mut issue = TextBuilder::with_capacity(found.len());
    issue.extend(std::iter::repeat_n(Some("unknown_time_zone"), found.len()));
    found.with(issue.finish("issue"))
}

#[cfg(test)]
mod tests {
    use runner_guest::batch::Int64Builder;

    use super::*;

    fn numbers(name: &str, values: [Option<i64>; 3]) -> Column {
        Int64Builder::from_iter(values).finish(name)
    }

    fn flights() -> Result<Batch> {
        let zones = [Some("America/New_York"); 3];
        Batch::new([
            numbers("year", [Some(2013); 3]),
            numbers("month", [Some(1); 3]),
            numbers("day", [Some(1); 3]),
            numbers("sched_dep_time", [Some(515), Some(545), Some(1630)]),
            numbers("dep_time", [Some(517), Some(544), None]),
            numbers("dep_delay", [Some(2), Some(-1), None]),
            numbers("arr_time", [Some(830), Some(1004), None]),
            TextBuilder::from_iter(zones).finish("origin_zone"),
            TextBuilder::from_iter([Some("America/Chicago"), None, Some("Nowhere")]).finish("dest_zone"),
            numbers("id", [Some(1), Some(4), Some(839)]),
        ])
    }

    #[test]
    fn instants_are_null_where_a_value_or_a_zone_is_missing() -> Result<()> {
        let turned = instants(flights()?)?;
        let shown = |column: &str| -> Result<Vec<_>> {
            Ok(turned.timestamptz(column)?.iter().map(|instant| instant.map(|instant| instant.to_string())).collect())
        };
        let departed = ["2013-01-01T10:17:00Z", "2013-01-01T10:44:00Z"].map(|instant| Some(instant.to_owned()));
        assert_eq!(shown("departed_at")?, [departed[0].clone(), departed[1].clone(), None]);
        assert_eq!(shown("arrived_at")?, [Some("2013-01-01T14:30:00Z".to_owned()), None, None]);
        assert_eq!(turned.int64("id")?.iter().flatten().collect::<Vec<_>>(), [1, 4, 839]);
        Ok(())
    }

    #[test]
    fn names_the_flight_of_an_invalid_value() -> Result<()> {
        let rows = flights()?.with(numbers("arr_time", [Some(830), None, None]))?;
        let rows = rows.with(numbers("sched_dep_time", [Some(515), Some(575), None]))?;
        let error = instants(rows).unwrap_err();
        assert!(error.message().starts_with("flight 4: 575 is no time of day"), "{error}");
        Ok(())
    }

    #[test]
    fn issues_are_those_of_flights_without_a_known_zone() -> Result<()> {
        let found = issues(flights()?)?;
        assert_eq!(found.int64("flight_id")?.iter().flatten().collect::<Vec<_>>(), [4, 839]);
        assert_eq!(found.text("issue")?.iter().flatten().collect::<Vec<_>>(), ["unknown_time_zone"; 2]);
        Ok(())
    }
}
