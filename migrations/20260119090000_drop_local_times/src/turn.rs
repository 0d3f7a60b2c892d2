//! What becomes of a chunk of flights.

use flight_times::{Zones, local_time};
use runner_guest::batch::{Int64Builder, TextBuilder};
use runner_guest::prelude::*;

/// The values that `restore` could not compute again.
pub fn keep(rows: Batch) -> Result<Batch> {
    let (dep_time, arr_time, id) = (rows.int64("dep_time")?, rows.int64("arr_time")?, rows.int64("id")?);
    let computed = LocalTimes::of(&rows)?;

    let (mut flight_id, mut column_name, mut original) = (Int64Builder::new(), TextBuilder::new(), Int64Builder::new());
    for row in 0..rows.len() {
        let columns = [("dep_time", dep_time, &computed.departures), ("arr_time", arr_time, &computed.arrivals)];
        for (name, values, computed) in columns {
            if values.get(row) != computed[row] {
                flight_id.push_option(id.get(row));
                column_name.push(name);
                original.push_option(values.get(row));
            }
        }
    }
    Batch::new([flight_id.finish("flight_id"), column_name.finish("column_name"), original.finish("original")])
}

/// The local times of each flight: what was kept, or else what the instants say.
pub fn restore(rows: Batch) -> Result<Batch> {
    let computed = LocalTimes::of(&rows)?;
    let restored = |name: &str, kept: &str, original: &str, computed: Vec<Option<i64>>| -> Result<Column> {
        let (kept, original) = (rows.int64(kept)?, rows.int64(original)?);
        let values = computed.into_iter().enumerate().map(|(row, computed)| match kept.get(row) {
            Some(_) => original.get(row),
            None => computed,
        });
        Ok(Int64Builder::from_iter(values).finish(name))
    };
    let dep_time = restored("dep_time", "dep_kept", "dep_original", computed.departures)?;
    let arr_time = restored("arr_time", "arr_kept", "arr_original", computed.arrivals)?;
    rows.keep(["id"])?.with(dep_time)?.with(arr_time)
}

/// What the instants of flights say of their local times.
struct LocalTimes {
    departures: Vec<Option<i64>>,
    arrivals: Vec<Option<i64>>,
}

impl LocalTimes {
    fn of(rows: &Batch) -> Result<Self> {
        let mut zones = Zones::bundled();
        let mut column = |instant: &str, zone: &str| -> Result<Vec<_>> {
            let (instants, names) = (rows.timestamptz(instant)?, rows.text(zone)?);
            let times = instants.iter().zip(names).map(|(instant, name)| local_time(instant, zones.get(name).as_ref()));
            times.collect::<Result<_, _>>().with_context(|| format!("column {instant}"))
        };
        Ok(Self { departures: column("departed_at", "origin_zone")?, arrivals: column("arrived_at", "dest_zone")? })
    }
}

#[cfg(test)]
mod tests {
    use runner_guest::batch::TimestamptzBuilder;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// Four flights at an instant of 05:00 in New York, which is midnight in Honolulu, that arrive in each zone.
    fn flights() -> Result<Batch> {
        let instant = Some(Timestamptz(10 * HOUR));
        let zones = [Some("America/New_York"), Some("Pacific/Honolulu"), None, Some("America/New_York")];
        Batch::new([
            Int64Builder::from_iter([1, 2, 3, 4].map(Some)).finish("id"),
            TimestamptzBuilder::from_iter([instant; 4]).finish("departed_at"),
            TimestamptzBuilder::from_iter([instant, instant, instant, None]).finish("arrived_at"),
            TextBuilder::from_iter([zones[0]; 4]).finish("origin_zone"),
            TextBuilder::from_iter(zones).finish("dest_zone"),
        ])
    }

    fn numbers(rows: &Batch, name: &str) -> Result<Vec<Option<i64>>> {
        Ok(rows.int64(name)?.iter().collect())
    }

    /// Keeps what has to be kept, then restores it from that and the instants.
    #[track_caller]
    fn assert_comes_back(dep_time: [Option<i64>; 4], arr_time: [Option<i64>; 4], kept: &[(i64, &str)]) -> Result<()> {
        let column = |name: &str, values| Int64Builder::from_iter(values).finish(name);
        let before = flights()?.with(column("dep_time", dep_time))?.with(column("arr_time", arr_time))?;
        let table = keep(before)?;
        let (ids, columns, originals) =
            (table.int64("flight_id")?, table.text("column_name")?, table.int64("original")?);
        let rows: Vec<_> = ids.iter().flatten().zip(columns.iter().flatten()).collect();
        assert_eq!(rows, kept);

        let joined = |name: &str| {
            let found = |id| rows.iter().position(|row| *row == (id, name));
            let kept = [1, 2, 3, 4].map(|id| found(id).and(Some(id)));
            (kept, [1, 2, 3, 4].map(|id| found(id).and_then(|at| originals.get(at))))
        };
        let (departures, arrivals) = (joined("dep_time"), joined("arr_time"));
        let after = flights()?
            .with(column("dep_kept", departures.0))?
            .with(column("dep_original", departures.1))?
            .with(column("arr_kept", arrivals.0))?
            .with(column("arr_original", arrivals.1))?;
        let after = restore(after)?;
        assert_eq!(numbers(&after, "dep_time")?, dep_time);
        assert_eq!(numbers(&after, "arr_time")?, arr_time);
        Ok(())
    }

    #[test]
    fn what_the_instants_say_is_not_kept() -> Result<()> {
        assert_comes_back([Some(500); 4], [Some(500), Some(2400), None, None], &[])
    }

    #[test]
    fn what_they_do_not_say_is_kept_and_comes_back() -> Result<()> {
        let kept =
            [(1, "arr_time"), (2, "arr_time"), (3, "dep_time"), (3, "arr_time"), (4, "dep_time"), (4, "arr_time")];
        let dep_time = [Some(500), Some(500), Some(459), None];
        assert_comes_back(dep_time, [None, Some(0), Some(830), Some(9999)], &kept)
    }
}
