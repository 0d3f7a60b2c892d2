//! Contract: drops the local times of flights, since their instants say the same; where they do not, keeps the originals.

mod turn;
mod validate;

use flight_times::{FlightsWithZones, all_flights, has_column};
use runner_guest::prelude::*;

const KEEP: &str = "keep";
const RESTORE: &str = "restore";

struct DropLocalTimes;

impl Migration for DropLocalTimes {
    fn describe() -> Description {
        Description::new("drop the local times that the instants replace, keeping what would be lost")
            .needs(Need::RawSql)
            .needs(Need::alter("flights"))
            .needs(Need::read("flights"))
            .needs(Need::update("flights").columns(["dep_time", "arr_time"]))
            .needs(Need::read("airports"))
            .needs(Need::create("flights_with_zones"))
            .needs(Need::read("flights_with_zones"))
            .needs(Need::drop("flights_with_zones"))
            .needs(Need::create("flight_times_kept"))
            .needs(Need::insert("flight_times_kept"))
            .needs(Need::read("flight_times_kept"))
            .needs(Need::drop("flight_times_kept"))
    }

    fn upgrade() -> Result<()> {
        sql::execute(
            "CREATE TABLE flight_times_kept (\
                 flight_id INTEGER NOT NULL, \
                 column_name VARCHAR(8) NOT NULL, \
                 original INTEGER, \
                 PRIMARY KEY (flight_id, column_name), \
                 FOREIGN KEY (flight_id) REFERENCES flights (id))",
            [],
        )?;
        let view = FlightsWithZones::create("f.dep_time, f.arr_time, f.departed_at, f.arrived_at", "")?;
        let source = instants(&view).columns(["dep_time", "arr_time"]);
        let kept = batches::transform(KEEP, &source, &TableTarget::insert("flight_times_kept"))?;
        view.drop()?;

        all_flights(&kept)?;
        validate::nothing_is_lost()?;
        sql::execute_all(["ALTER TABLE flights DROP COLUMN dep_time", "ALTER TABLE flights DROP COLUMN arr_time"])?;
        info!("{} local times of {} flights are kept", kept.rows_written, kept.rows_read);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        // Where only a part of the upgrade exists, so may the columns, with all that they hold.
        FlightsWithZones::drop_left_over()?;
        let mut is_complete = true;
        for column in ["dep_time", "arr_time"] {
            if !has_column(column)? {
                sql::execute(format!("ALTER TABLE flights ADD COLUMN {column} INTEGER"), [])?;
                is_complete = false;
            }
        }
        if !is_complete {
            restore()?;
        }
        sql::execute("DROP TABLE IF EXISTS flight_times_kept", [])?;
        Ok(())
    }
}

/// Gives the columns what they held.
fn restore() -> Result<()> {
    let view = FlightsWithZones::create(
        "f.departed_at, f.arrived_at, \
         kd.flight_id AS dep_kept, kd.original AS dep_original, \
         ka.flight_id AS arr_kept, ka.original AS arr_original",
        "LEFT JOIN flight_times_kept kd ON kd.flight_id = f.id AND kd.column_name = 'dep_time' \
         LEFT JOIN flight_times_kept ka ON ka.flight_id = f.id AND ka.column_name = 'arr_time'",
    )?;
    let source = instants(&view).columns(["dep_kept", "dep_original", "arr_kept", "arr_original"]);
    let restored = batches::transform(RESTORE, &source, &TableTarget::update("flights"))?;
    view.drop()?;

    all_flights(&restored)?;
    validate::kept_is_back()
}

/// The instants as a source: text on SQLite, a DATETIME in UTC on MySQL, so the type is named.
fn instants(view: &FlightsWithZones) -> TableSource {
    view.source()
        .column_as("departed_at", ColumnType::Timestamptz)
        .column_as("arrived_at", ColumnType::Timestamptz)
        .columns(["origin_zone", "dest_zone"])
}

impl Transformer for DropLocalTimes {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match name {
            KEEP => turn::keep(rows),
            RESTORE => turn::restore(rows),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

runner_guest::export!(DropLocalTimes, transformer);
