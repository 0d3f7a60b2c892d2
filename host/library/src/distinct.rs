//! Whether the databases of a command are several: each asks its server which one it is, since one database has many addresses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use runner_base::error::{Error, Result};
use runner_data::Value;
use runner_database::{Database, DatabaseError, Dialect, QueryLimits};

/// The way out for two names of one database.
pub const NAME_ONCE: &str = "name it once; for several projects or tenants in one database, `[history]` gives each a history: \
    `schema = \"{tenant}\"` on PostgreSQL, `prefix = \"{tenant}_\"` elsewhere";

/// The name under which each database was first opened.
#[derive(Clone, Debug, Default)]
pub struct Distinct(Arc<Mutex<HashMap<String, String>>>);

impl Distinct {
    /// Fails if the database was opened under another name before: its history would be taken for that of both.
    pub async fn check(&self, name: &str, database: &mut dyn Database) -> Result<()> {
        let facts = database.facts();
        let history = facts.history.name(facts.dialect).to_owned();
        let place = format!("{}/{history}", place(database).await?);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = seen.entry(place).or_insert_with(|| name.to_owned());
        if first == name {
            return Ok(());
        }
        // Which of them comes first is chance.
        let (one, other) = if first.as_str() < name { (first.as_str(), name) } else { (name, first.as_str()) };
        Err(Error::usage(format!("`{one}` and `{other}` are the same database, and have one history")).hint(NAME_ONCE))
    }
}

/// Which database this is, in words of its server.
async fn place(database: &mut dyn Database) -> Result<String, DatabaseError> {
    let statement = match database.facts().dialect {
        Dialect::Sqlite => {
            let file = database.facts().file.as_ref();
            return Ok(file.and_then(|path| path.canonicalize().ok()).unwrap_or_default().display().to_string());
        }
        // A cluster has its number in the copies of it, too.
        Dialect::Postgres => {
            "SELECT pg_catalog.concat_ws('/', pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()), \
             (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()))"
        }
        Dialect::Mysql | Dialect::Mariadb => {
            "SELECT CONCAT_WS('/', @@hostname, @@port, @@datadir, @@pid_file, DATABASE())"
        }
    };
    let found = database.host().query(statement, &[], QueryLimits { rows: 1, bytes: 1 << 16 }).await?;
    let place = found.rows.first().and_then(|row| row.first()).and_then(Value::as_text);
    Ok(place.unwrap_or_default().to_owned())
}
