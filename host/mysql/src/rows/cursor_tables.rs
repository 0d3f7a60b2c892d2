//! The temporary tables in which the results of cursors are kept.

use sqlx::AssertSqlSafe;

use super::write_check::refuse_loss;
use crate::error::{Result, from_sqlx};
use crate::host_sql::HostExecutor as _;
use crate::link::Link;
use crate::statement::Statement;
use runner_data::Value;
use runner_database::Dialect;

/// The column of a cursor's temporary table that numbers its rows.
pub(super) const NUMBER: &str = "runner_row_number";

/// Modes that turn what a plain SELECT returns into an error.
const STRICT_MODES: [&str; 6] = [
    "STRICT_TRANS_TABLES",
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "TRADITIONAL",
];

/// The temporary tables of cursors.
#[derive(Default)]
pub(super) struct KeptTables {
    /// Quoted.
    tables: Vec<String>,
    /// That of the last one.
    number: u64,
}

impl KeptTables {
    /// Runs a SELECT into a temporary table, whose name it returns, quoted.
    pub async fn keep(&mut self, link: &mut Link, statement: Statement<'_>) -> Result<String> {
        self.number += 1;
        let table = Dialect::Mysql.quote(&format!("runner_cursor_{}", self.number));
        // What a SELECT returns, such as a zero date or NULL for a division by zero, is kept unchanged.
        let modes = link.work.change_modes(|modes| modes.retain(|mode| !STRICT_MODES.contains(mode))).await?;
        // The line break ends a comment at the end of the statement.
        let select = statement.text.trim_end().trim_end_matches(';');
        let text = format!(
            "CREATE TEMPORARY TABLE {table} ({NUMBER} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE = InnoDB \
             AS {select}\n"
        );
        let made = make(link, &text, statement.values).await;
        link.work.undo(modes).await?;
        made.map_err(|error| match error.code.as_str() {
            "1044" => error.hint("the user needs the privilege `CREATE TEMPORARY TABLES` to read a SELECT as batches"),
            _ => error,
        })?;
        self.tables.push(table.clone());
        link.leftovers.add_temporary(table.clone());
        Ok(table)
    }

    /// Drops those that are not in use.
    pub async fn drop_unused(&mut self, link: &mut Link, used: &[String]) -> Result<()> {
        let (used, unused): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tables).into_iter().partition(|table| used.contains(table));
        self.tables = used;
        if unused.is_empty() {
            return Ok(());
        }
        link.leftovers.dropped_temporary(&unused);
        link.work.run(format!("DROP TEMPORARY TABLE IF EXISTS {}", unused.join(", "))).await.map(drop)
    }
}

async fn make(link: &mut Link, text: &str, values: &[Value]) -> Result<()> {
    let arguments = link.arguments(values).await?;
    let (connection, watch) = link.guest()?;
    let query = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments).persistent(false);
    watch.over(async { query.execute(&mut *connection).await.map_err(from_sqlx) }).await?;
    refuse_loss(link, "the result").await
}
