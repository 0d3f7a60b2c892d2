//! The protection of a database, which its history keeps: whatever URL and settings lead to it, it stays protected.

use super::history;
use crate::schema::{history as sql, tool_sql};
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{Database, DatabaseError, Dialect, QueryLimits};

/// What distinguishes the database from copies of it, of which the history says that they are protected, too: its own name for itself,
/// and on PostgreSQL the cluster that it is in, where the login may ask for it. MySQL and MariaDB have nothing of that kind that survives a
/// failover.
struct Identity {
    cluster: Option<String>,
    name: String,
}

impl Identity {
    /// As the history has it.
    fn parse(text: &str, dialect: Dialect) -> Self {
        match text.split_once('/').filter(|_| dialect == Dialect::Postgres) {
            Some((cluster, name)) => {
                Self { cluster: Some(cluster.to_owned()).filter(|it| !it.is_empty()), name: name.to_owned() }
            }
            None => Self { cluster: None, name: text.to_owned() },
        }
    }

    fn text(self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Postgres => format!("{}/{}", self.cluster.unwrap_or_default(), self.name),
            _ => self.name,
        }
    }

    /// Whether both may be of one database.
    fn fits(&self, other: &Self) -> bool {
        let is_other_cluster = self.cluster.is_some() && other.cluster.is_some() && self.cluster != other.cluster;
        self.name == other.name && !is_other_cluster
    }
}

async fn identity(database: &mut dyn Database) -> Result<Identity, DatabaseError> {
    let dialect = database.facts().dialect;
    if dialect == Dialect::Sqlite {
        let path = database.url().sqlite_path();
        let name = path.and_then(|path| path.canonicalize().ok()).unwrap_or_default().display().to_string();
        return Ok(Identity { cluster: None, name });
    }
    let mut host = database.host();
    let mut ask = async |statement| -> Result<Option<String>, DatabaseError> {
        Ok(text(host.query(statement, &[], QueryLimits { rows: 1, bytes: 1 << 12 }).await?.rows))
    };
    let mut cluster = None;
    let name = if dialect == Dialect::Postgres {
        let may =
            "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')::pg_catalog.text";
        if ask(may).await?.as_deref() == Some("true") {
            cluster = ask("SELECT c.system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system() c").await?;
        }
        "SELECT pg_catalog.current_database()::pg_catalog.text"
    } else {
        "SELECT DATABASE()"
    };
    Ok(Identity { cluster, name: ask(name).await?.unwrap_or_default() })
}

fn text(rows: Vec<Vec<Value>>) -> Option<String> {
    match rows.into_iter().next()?.into_iter().next()? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

async fn recorded(database: &mut dyn Database) -> Result<Option<String>> {
    let statement = tool_sql(sql::PROTECTED, database.facts());
    Ok(text(database.host().query(&statement, &[], QueryLimits::NONE).await?.rows))
}

/// Whether the history says that this database is protected.
pub async fn is_recorded(database: &mut dyn Database) -> Result<bool> {
    if !history::is_there(&mut database.host()).await? {
        return Ok(false);
    }
    let Some(recorded) = recorded(database).await? else { return Ok(false) };
    let recorded = Identity::parse(&recorded, database.facts().dialect);
    Ok(recorded.fits(&identity(database).await?))
}

/// Records that this database is protected, if it has a history.
pub async fn record(database: &mut dyn Database) -> Result<()> {
    if database.facts().read_only || !history::is_there(&mut database.host()).await? {
        return Ok(());
    }
    let dialect = database.facts().dialect;
    let (recorded, identity) = (recorded(database).await?, identity(database).await?);
    let statement = match recorded {
        // A login that may not ask for the cluster does not make others forget it.
        Some(recorded) if Identity::parse(&recorded, dialect).fits(&identity) => return Ok(()),
        Some(_) => sql::PROTECT_AGAIN,
        None => sql::PROTECT,
    };
    let statement = tool_sql(statement, database.facts());
    database.host().execute(&statement, &[identity.text(dialect).into()]).await?;
    Ok(())
}
