//! Loads airlines, airports, planes and the flights of January 2013 from the component's assets.

mod cells;
mod csv;
mod tables;

use runner_guest::prelude::*;

use tables::TABLES;

struct LoadFlights;

impl Migration for LoadFlights {
    fn describe() -> Description {
        let description = Description::new("load the flights that left New York in January 2013").needs(Need::RawSql);
        TABLES.iter().fold(description, |description, table| {
            let needs = [Need::insert(table.name), Need::read(table.name), Need::delete(table.name)];
            needs.into_iter().fold(description, Description::needs)
        })
    }

    fn upgrade() -> Result<()> {
        for table in &TABLES {
            csv::load(table).context(table.name)?;
            let rows: u64 = sql::query_scalar(format!("SELECT count(*) FROM {}", table.name), [])?;
            ensure!(rows == table.rows, "{} has {rows} rows, but the file has {}", table.name, table.rows);
            info!("{rows} {}", table.name);
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute_all(TABLES.iter().rev().map(|table| format!("DELETE FROM {}", table.name)))
    }
}

runner_guest::export!(LoadFlights);
