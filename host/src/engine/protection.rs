//! The protection of a database, which its history keeps: whatever URL and settings lead to it, it stays protected.

use super::history;
use crate::data::Value;
use crate::database::{Database, DatabaseError, Dialect, QueryLimits};
use crate::engine::schema::{history as sql, tool_sql};
use crate::error::Result;

/// What distinguishes the database from copies of it, of which the history says that they are protected, too: its own name for itself,
/// and on PostgreSQL the cluster that it is in. MySQL and MariaDB have nothing of that kind that survives a failover.
async fn identity(database: &mut dyn Database) -> Result<String, DatabaseError> {
    let statement = match database.facts().dialect {
        Dialect::Sqlite => {
            let path = database.url().sqlite_path();
            return Ok(path.and_then(|path| path.canonicalize().ok()).unwrap_or_default().display().to_string());
        }
        Dialect::Postgres => {
            "SELECT c.system_identifier::pg_catalog.text OPERATOR(pg_catalog.||) '/' \
             OPERATOR(pg_catalog.||) pg_catalog.current_database()::pg_catalog.text FROM pg_catalog.pg_control_system() c"
        }
        Dialect::Mysql | Dialect::Mariadb => "SELECT DATABASE()",
    };
    let found = database.host().query(statement, &[], QueryLimits { rows: 1, bytes: 1 << 12 }).await?;
    Ok(text(found.rows).unwrap_or_default())
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
    match recorded(database).await? {
        Some(recorded) => Ok(recorded == identity(database).await?),
        None => Ok(false),
    }
}

/// Records that this database is protected, if it has a history.
pub async fn record(database: &mut dyn Database) -> Result<()> {
    if database.facts().read_only || !history::is_there(&mut database.host()).await? {
        return Ok(());
    }
    let (recorded, identity) = (recorded(database).await?, identity(database).await?);
    let statement = match recorded {
        Some(recorded) if recorded == identity => return Ok(()),
        Some(_) => sql::PROTECT_AGAIN,
        None => sql::PROTECT,
    };
    let statement = tool_sql(statement, database.facts());
    database.host().execute(&statement, &[identity.into()]).await?;
    Ok(())
}
