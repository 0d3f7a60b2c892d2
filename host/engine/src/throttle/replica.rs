//! A replica whose lag is measured on the replica itself.

use std::time::Duration;

use runner_base::error::{Error, Result};
use runner_database::{ConnectOptions, Database, DatabaseError, DatabaseErrorKind, DatabaseUrl};
use runner_drivers::connect;

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
        let server = database.facts().sql.server;
        server.replica_lag(&mut database.host()).await
    }
}
