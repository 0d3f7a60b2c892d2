use runner_guest::prelude::*;

const NAME: &str = "flights_with_zones";

/// A view that lasts for one migration: flights beside the time zones of their airports, so that a transform, which sees
/// nothing but its own rows, has all it needs in them.
pub struct FlightsWithZones(());

impl FlightsWithZones {
    /// Creates the view of `id`, `origin_zone`, `dest_zone` and the given columns, where `f` is the flight. What is joined
    /// besides must not repeat a flight.
    pub fn create(columns: &str, joins: &str) -> Result<Self> {
        sql::execute(
            format!(
                "CREATE VIEW {NAME} AS \
                 SELECT f.id, {columns}, o.tzone AS origin_zone, d.tzone AS dest_zone \
                 FROM flights f \
                 LEFT JOIN airports o ON o.faa = f.origin \
                 LEFT JOIN airports d ON d.faa = f.dest {joins}"
            ),
            [],
        )?;
        Ok(Self(()))
    }

    /// The view as a source, of all its columns unless some are named.
    pub fn source(&self) -> TableSource {
        TableSource::new(NAME).key(["id"])
    }

    /// Drops the view.
    pub fn drop(self) -> Result<()> {
        sql::execute(format!("DROP VIEW {NAME}"), []).map(drop)
    }

    /// Drops the view that an interrupted upgrade may have left.
    pub fn drop_left_over() -> Result<()> {
        sql::execute(format!("DROP VIEW IF EXISTS {NAME}"), []).map(drop)
    }
}
