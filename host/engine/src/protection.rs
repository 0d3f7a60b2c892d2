//! The protection of a database, which its history keeps: whatever URL and settings lead to it, it stays protected. A copy of it, whose
//! history says so, too, is another database.

use super::history;
use crate::schema::history as sql;
use runner_base::error::Result;
use runner_data::Value;
use runner_database::{Database, QueryLimits, tool_sql};

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
    let server = database.facts().sql.server;
    Ok(server.is_same(&recorded, &server.identity(database).await?))
}

/// Records that this database is protected, if it has a history.
pub async fn record(database: &mut dyn Database) -> Result<()> {
    if database.facts().read_only || !history::is_there(&mut database.host()).await? {
        return Ok(());
    }
    let server = database.facts().sql.server;
    let (recorded, identity) = (recorded(database).await?, server.identity(database).await?);
    let statement = match recorded {
        // A login that may not ask for the cluster does not make others forget it.
        Some(recorded) if server.is_same(&recorded, &identity) => return Ok(()),
        Some(_) => sql::PROTECT_AGAIN,
        None => sql::PROTECT,
    };
    let statement = tool_sql(statement, database.facts());
    database.host().execute(&statement, &[identity.into()]).await?;
    Ok(())
}
