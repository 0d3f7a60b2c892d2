//! Checks that a batch hit each of its rows once and stored its values unchanged, and finds the row that it did not hit.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;
use sqlx::Row as _;
use sqlx::mysql::{MySqlArguments, MySqlRow};

use super::job::{Job, Part};
use super::write_sql::BoundStatement;
use crate::error::{Result, from_sqlx};
use crate::host_sql::text;
use crate::link::Link;
use crate::statement::cell;
use crate::types::read::{Cell, Wire, decode};
use runner_database::{DatabaseError, DatabaseErrorKind, WriteMode};

/// Runs a statement of the host's own. Returns how many rows it changed.
pub(super) async fn run_built(link: &mut Link, statement: BoundStatement) -> Result<u64> {
    let (connection, watch) = link.guest()?;
    let query = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments);
    let done = watch.over(async { query.execute(&mut *connection).await.map_err(from_sqlx) }).await?;
    Ok(done.rows_affected())
}

async fn rows_of(link: &mut Link, statement: BoundStatement) -> Result<Vec<MySqlRow>> {
    let (connection, watch) = link.guest()?;
    let query = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments);
    watch.over(async { query.fetch(&mut *connection).try_collect().await.map_err(from_sqlx) }).await
}

impl Job<'_> {
    /// Before rows are deleted, or changed by a key that does not identify them: fails unless each key has exactly
    /// one row.
    pub(super) async fn check_found(&self, link: &mut Link, part: &Part) -> Result<()> {
        let Some(range) = &part.range else {
            return self.find_culprit(link, part).await?.map_or(Ok(()), Err);
        };
        let found = rows_of(link, range.count(&self.table, self.first_key())?).await?;
        match found.first().and_then(|row| number(row, 0)) == Some(part.rows.len() as u64) {
            true => Ok(()),
            false => Err(self.not_all(link, part).await),
        }
    }

    /// The error of a batch that changed fewer rows than it has.
    pub(super) async fn not_all(&self, link: &mut Link, part: &Part) -> DatabaseError {
        match self.find_culprit(link, part).await {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => self.errors().not_each_once(),
        }
    }

    async fn find_culprit(&self, link: &mut Link, part: &Part) -> Result<Option<DatabaseError>> {
        let Some(range) = &part.range else {
            return match self.odd_key(link, part).await? {
                None => self.double_key(link, part).await,
                error => Ok(error),
            };
        };
        let found = rows_of(link, range.list(&self.table, self.first_key())?).await?;
        let found: HashSet<i128> = found
            .iter()
            .filter_map(|row| {
                let column = row.columns().first()?;
                match decode(Wire::of(column).0, cell(row, 0)?)? {
                    Cell::Integer(number) => Some(number.into()),
                    Cell::Large(number) => Some(number.into()),
                    _ => None,
                }
            })
            .collect();
        let place = self.sql.layout.key[0];
        let is_missing = |row: &usize| self.number(place, *row).is_some_and(|number| !found.contains(&number));
        Ok(part.rows.clone().find(is_missing).map(|row| self.errors().absent(row)))
    }

    /// The name of the first column of the key.
    fn first_key(&self) -> &str {
        &self.sql.layout.names[self.sql.layout.key[0]]
    }

    /// The first row of the batch whose key matches no row of the table, or several.
    async fn odd_key(&self, link: &mut Link, part: &Part) -> Result<Option<DatabaseError>> {
        if self.writer.mode == WriteMode::Upsert {
            return Ok(None);
        }
        let (keys, on) = self.sql.keys(&part.packed);
        let found = format!("COUNT(runner_t.{})", self.sql.quoted_key(0));
        let query = format!(
            "SELECT runner_x.n, {found} FROM {keys} LEFT JOIN {} AS runner_t ON {on} GROUP BY runner_x.n \
             HAVING {found} <> 1 ORDER BY runner_x.n LIMIT 1",
            self.table
        );
        let answer = self.of_keys(link, part, query).await?;
        let Some((row, count)) = answer.first().and_then(|row| Some((number(row, 0)?, number(row, 1)?))) else {
            return Ok(None);
        };
        let row = part.rows.start + row as usize;
        Ok(Some(if count == 0 { self.errors().absent(row) } else { self.errors().ambiguous(row) }))
    }

    /// The first row of the batch whose key occurs in another of its rows, as the table compares keys.
    async fn double_key(&self, link: &mut Link, part: &Part) -> Result<Option<DatabaseError>> {
        let (keys, on) = self.sql.keys(&part.packed);
        let from = format!("{keys} STRAIGHT_JOIN {} AS runner_t ON {on}", self.table);
        self.repeated(link, part, &from, |at| format!("runner_t.{}", self.sql.quoted_key(at))).await
    }

    /// The error for the first row of the batch whose key another row of the batch has too, whatever the table has.
    pub(super) async fn same_key(&self, link: &mut Link, part: &Part) -> Result<Option<DatabaseError>> {
        self.repeated(link, part, &self.sql.keys(&part.packed).0, |at| format!("runner_x.k{at}")).await
    }

    /// The error for the first row of the batch that has the same in these columns, one for each of the key, as another one.
    async fn repeated(
        &self,
        link: &mut Link,
        part: &Part,
        from: &str,
        column: impl Fn(usize) -> String,
    ) -> Result<Option<DatabaseError>> {
        let columns: Vec<String> = (0..self.sql.layout.key.len()).map(column).collect();
        let query = format!(
            "SELECT MAX(runner_x.n) FROM {from} GROUP BY {} HAVING COUNT(DISTINCT runner_x.n) > 1 ORDER BY 1 LIMIT 1",
            columns.join(", ")
        );
        let row = self.of_keys(link, part, query).await?.first().and_then(|row| number(row, 0));
        Ok(row.map(|row| self.errors().duplicate(part.rows.start + row as usize)))
    }

    /// The answer to a query about the keys of a batch.
    async fn of_keys(&self, link: &mut Link, part: &Part, text: String) -> Result<Vec<MySqlRow>> {
        let mut arguments = MySqlArguments::default();
        self.sql.bind_keys(&part.packed, part.rows.len(), &mut arguments)?;
        rows_of(link, BoundStatement { text, arguments }).await
    }
}

/// A count in a result.
fn number(row: &MySqlRow, at: usize) -> Option<u64> {
    let column = row.columns().get(at)?;
    match decode(Wire::of(column).0, cell(row, at)?)? {
        Cell::Integer(number) => u64::try_from(number).ok(),
        Cell::Large(number) => Some(number),
        Cell::Decimal(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

/// Warnings that a value was not stored unchanged: out of range, truncated, invalid text, too long.
const LOSSES: [&str; 4] = ["1264", "1265", "1366", "1406"];

/// Fails if the last statement did not store values unchanged and only warned about it.
pub(super) async fn refuse_loss(link: &mut Link, what: &str) -> Result<()> {
    match loss(link, |_| true).await? {
        Some((code, message)) => {
            Err(DatabaseError::new(DatabaseErrorKind::Conversion, format!("{what} cannot be kept: {message}"))
                .code(code))
        }
        None => Ok(()),
    }
}

/// The same for some columns: what a trigger does to other columns is up to the table.
pub(super) async fn refuse_loss_in(link: &mut Link, columns: &[String]) -> Result<()> {
    let ours = |message: &str| {
        columns.iter().any(|name| message.contains(&format!("'{name}'")) || message.contains(&format!("`{name}`")))
    };
    match loss(link, ours).await? {
        Some((code, message)) => Err(DatabaseError::new(DatabaseErrorKind::Conversion, message).code(code)),
        None => Ok(()),
    }
}

async fn loss(link: &mut Link, ours: impl Fn(&str) -> bool) -> Result<Option<(String, String)>> {
    let warnings = link.work.warnings().await?;
    let loss = warnings.iter().map(|row| (text(row, 1), text(row, 2)));
    Ok(loss.into_iter().find(|(code, message)| LOSSES.contains(&code.as_str()) && ours(message)))
}
