//! Expand: gives every flight the instants at which it left and arrived, beside the local times that it has.

mod turn;
mod validate;

use flight_times::{FlightsWithZones, all_flights, has_column};
use runner_guest::prelude::*;

const INSTANTS: &str = "instants";
const ISSUES: &str = "issues";

struct UtcInstants;

impl Migration for UtcInstants {
    fn describe() -> Description {
        Description::new("add the instants of departure and arrival, by the airports' time zones")
            .needs(Need::RawSql)
            .needs(Need::alter("flights"))
            .needs(Need::read("flights"))
            .needs(Need::update("flights").columns(["departed_at", "arrived_at"]))
            .needs(Need::read("airports"))
            .needs(Need::create("flights_with_zones"))
            .needs(Need::read("flights_with_zones"))
            .needs(Need::drop("flights_with_zones"))
            .needs(Need::create("flight_issues"))
            .needs(Need::insert("flight_issues"))
            .needs(Need::drop("flight_issues"))
    }

    fn upgrade() -> Result<()> {
        let instant = match context::dialect() {
            Dialect::Sqlite => "TEXT",
            Dialect::Postgres => "TIMESTAMPTZ",
            Dialect::Mysql | Dialect::Mariadb => "DATETIME",
        };
        sql::execute(format!("ALTER TABLE flights ADD COLUMN departed_at {instant}"), [])?;
        sql::execute(format!("ALTER TABLE flights ADD COLUMN arrived_at {instant}"), [])?;
        sql::execute(
            "CREATE TABLE flight_issues (\
                 flight_id INTEGER NOT NULL, \
                 issue VARCHAR(40) NOT NULL, \
                 PRIMARY KEY (flight_id, issue), \
                 FOREIGN KEY (flight_id) REFERENCES flights (id))",
            [],
        )?;

        let view = FlightsWithZones::create(
            "f.year, f.month, f.day, f.sched_dep_time, f.dep_time, f.dep_delay, f.arr_time",
            "",
        )?;
        let turned = batches::transform(INSTANTS, &view.source(), &TableTarget::update("flights"))?;
        let zones = view.source().columns(["origin_zone", "dest_zone"]);
        let issues = batches::transform(ISSUES, &zones, &TableTarget::insert("flight_issues"))?;
        view.drop()?;

        all_flights(&turned)?;
        all_flights(&issues)?;
        validate::instants()?;
        info!("{} flights turned, {} issues", turned.rows_written, issues.rows_written);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        FlightsWithZones::drop_left_over()?;
        sql::execute("DROP TABLE IF EXISTS flight_issues", [])?;
        for column in ["arrived_at", "departed_at"] {
            if has_column(column)? {
                sql::execute(format!("ALTER TABLE flights DROP COLUMN {column}"), [])?;
            }
        }
        Ok(())
    }
}

impl Transformer for UtcInstants {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match name {
            INSTANTS => turn::instants(rows),
            ISSUES => turn::issues(rows),
            other => bail!("there is no transform `{other}`"),
        }
    }
}

runner_guest::export!(UtcInstants, transformer);
