//! A replica whose lag is measured on the replica itself.

use std::time::Duration;

use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{
    ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl, Dialect, Facts, QueryLimits,
};
use runner_drivers::connect;

/// The lag of a standby: none if it is connected and has applied everything it received, otherwise the age of the last
/// transaction it applied. NULL if it has applied none yet.
const POSTGRES: &str = "SELECT pg_catalog.pg_is_in_recovery(), CASE \
     WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_stat_wal_receiver) \
     AND pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.=) pg_catalog.pg_last_wal_replay_lsn() THEN 0 \
     ELSE (extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
     pg_catalog.pg_last_xact_replay_timestamp()) OPERATOR(pg_catalog.*) 1000)::bigint \
     END";

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A replica.
pub struct Replica {
    url: DatabaseUrl,
    /// `None` if it must be connected again.
    database: Option<Box<dyn Database>>,
}

impl Replica {
    /// Connects to a replica and measures its lag once.
    pub async fn open(url: &DatabaseUrl) -> Result<Self> {
        let mut replica = Self { url: url.clone(), database: None };
        match replica.lag().await {
            Ok(_) => Ok(replica),
            Err(error) => Err(Error::from(error).at("replica", url.to_string())),
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        format!("`{}`", self.url)
    }

    /// Measures its lag; `None` if it is not replicating.
    pub async fn lag(&mut self) -> Result<Option<Duration>, DatabaseError> {
        let asked = match tokio::time::timeout(PATIENCE, self.ask()).await {
            Ok(asked) => asked,
            Err(_) => Err(DatabaseError::new(
                DatabaseErrorKind::Connection,
                format!("no answer within {} s", PATIENCE.as_secs()),
            )),
        };
        if asked.is_err() {
            self.database = None;
        }
        asked
    }

    async fn ask(&mut self) -> Result<Option<Duration>, DatabaseError> {
        let database = match &mut self.database {
            Some(database) => database,
            None => {
                let options = ConnectOptions { connect_timeout: PATIENCE, ..ConnectOptions::default() };
                self.database.insert(connect(&self.url, &options).await?)
            }
        };
        let dialect = database.facts().dialect;
        let question = question(database.facts());
        let found = database.host().query(question, &[], QueryLimits::NONE).await?;
        let none = || {
            DatabaseError::invalid("the server is not a replica")
                .hint("`replicas` lists the replicas of the server that is migrated")
        };
        if dialect == Dialect::Postgres {
            let row = found.rows.first().ok_or_else(none)?;
            if row.first() != Some(&Value::Boolean(true)) {
                return Err(none());
            }
            return Ok(row.get(1).and_then(milliseconds));
        }
        let names = ["Seconds_Behind_Master", "Seconds_Behind_Source"];
        let place = found.columns.iter().position(|column| names.contains(&column.as_str())).ok_or_else(none)?;
        if found.rows.is_empty() {
            return Err(none());
        }
        let lags = found.rows.iter().map(|row| row.get(place).and_then(seconds));
        // A source that has stopped is worse than any lag.
        Ok(lags.collect::<Option<Vec<_>>>().and_then(|lags| lags.into_iter().max()))
    }
}

/// The statement that returns the lag: each server has its own, with its own columns.
fn question(facts: &Facts) -> &'static str {
    match facts.dialect {
        Dialect::Postgres => POSTGRES,
        // All of its sources, whatever their names.
        Dialect::Mariadb => "SHOW ALL SLAVES STATUS",
        Dialect::Mysql if !facts.has_replica_status => "SHOW SLAVE STATUS",
        Dialect::Mysql | Dialect::Sqlite => "SHOW REPLICA STATUS",
    }
}

fn milliseconds(value: &Value) -> Option<Duration> {
    // Clocks differ, so the age may be negative.
    Some(Duration::from_millis(u64::try_from(value.as_int64()?.max(0)).ok()?))
}

fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_int64().or_else(|| value.as_text()?.parse().ok())?;
    Some(Duration::from_secs(u64::try_from(number).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_asked_in_its_own_words() {
        let question =
            |dialect, has_replica_status| super::question(&Facts { has_replica_status, ..Facts::of_dialect(dialect) });
        assert_eq!(question(Dialect::Mysql, true), "SHOW REPLICA STATUS");
        assert_eq!(question(Dialect::Mysql, false), "SHOW SLAVE STATUS");
        assert_eq!(question(Dialect::Mariadb, false), "SHOW ALL SLAVES STATUS");
        assert_eq!(question(Dialect::Postgres, false), POSTGRES);
    }
}
