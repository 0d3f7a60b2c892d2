//! Checks that a batch hit each of its rows once, and finds the row that it did not.

use std::collections::HashSet;
use std::ops::Range;

use futures_util::TryStreamExt as _;
use sqlx::AssertSqlSafe;
use sqlx::mysql::{MySqlArguments, MySqlRow};

use super::error::from_sqlx;
use super::packed::Packed;
use super::statement::cell;
use super::types_read::{Cell, Wire, decode};
use super::write_sql::{BoundStatement, KeyRange};
use super::writer::Job;
use super::{MysqlDatabase, session};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// Warnings that a value was not stored unchanged: out of range, truncated, invalid text, too long.
const LOSSES: [&str; 4] = ["1264", "1265", "1366", "1406"];

impl MysqlDatabase {
    /// Runs a statement of the host's own.
    pub(super) async fn run_built(&mut self, statement: BoundStatement) -> Result<u64, DatabaseError> {
        let connection = self.connection.of_guests()?;
        let query = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments);
        let done = self.watch.clone().over(async { query.execute(&mut *connection).await.map_err(from_sqlx) }).await?;
        Ok(done.rows_affected())
    }

    async fn rows_of(&mut self, text: String, arguments: MySqlArguments) -> Result<Vec<MySqlRow>, DatabaseError> {
        let connection = self.connection.of_guests()?;
        let query = sqlx::query_with(AssertSqlSafe(text), arguments);
        self.watch.clone().over(async { query.fetch(&mut *connection).try_collect().await.map_err(from_sqlx) }).await
    }

    /// Before rows are deleted, or changed by a key that does not identify them: fails unless each key has exactly
    /// one row.
    pub(super) async fn check_found(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        range: Option<&KeyRange>,
        packed: &[Packed],
    ) -> Result<(), DatabaseError> {
        if let Some(range) = range {
            let key = &job.sql.layout.names[job.sql.layout.key[0]];
            let statement = range.count(&job.table, key)?;
            let found = self.rows_of(statement.text, statement.arguments).await?;
            let count = found.first().and_then(|row| number(row, 0));
            return if count == Some(rows.len() as u64) {
                Ok(())
            } else {
                Err(self.not_all(job, rows, Some(range), packed).await)
            };
        }
        match self.odd_key(job, rows, packed).await? {
            Some(error) => Err(error),
            None => match self.double_key(job, rows, packed).await? {
                Some(error) => Err(error),
                None => Ok(()),
            },
        }
    }

    /// The error of a batch that changed fewer rows than it has.
    pub(super) async fn not_all(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        range: Option<&KeyRange>,
        packed: &[Packed],
    ) -> DatabaseError {
        match self.find_culprit(job, rows, range, packed).await {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => job.errors().not_each_once(),
        }
    }

    async fn find_culprit(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        range: Option<&KeyRange>,
        packed: &[Packed],
    ) -> Result<Option<DatabaseError>, DatabaseError> {
        let Some(range) = range else {
            if let Some(error) = self.odd_key(job, rows, packed).await? {
                return Ok(Some(error));
            }
            return self.double_key(job, rows, packed).await;
        };
        let place = job.sql.layout.key[0];
        let statement = range.list(&job.table, &job.sql.layout.names[place])?;
        let found = self.rows_of(statement.text, statement.arguments).await?;
        let found: HashSet<i128> = found
            .iter()
            .filter_map(|row| {
                use sqlx::Row as _;
                let column = row.columns().first()?;
                match decode(Wire::of(column).0, cell(row, 0)?)? {
                    Cell::Integer(number) => Some(number.into()),
                    Cell::Large(number) => Some(number.into()),
                    _ => None,
                }
            })
            .collect();
        let missing = rows.clone().find(|row| job.number(place, *row).is_some_and(|number| !found.contains(&number)));
        Ok(missing.map(|row| job.errors().absent(row)))
    }

    /// The first row of the batch whose key matches no row of the table, or several.
    async fn odd_key(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        packed: &[Packed],
    ) -> Result<Option<DatabaseError>, DatabaseError> {
        if job.writer.mode == runner_database::WriteMode::Upsert {
            return Ok(None);
        }
        let (keys, on) = job.sql.keys(packed);
        let mut arguments = MySqlArguments::default();
        job.sql.bind_keys(packed, rows.len(), &mut arguments)?;
        let found = format!("COUNT(runner_t.{})", job.sql.quoted_key(0));
        let text = format!(
            "SELECT runner_x.n, {found} FROM {keys} LEFT JOIN {} AS runner_t ON {on} GROUP BY runner_x.n \
             HAVING {found} <> 1 ORDER BY runner_x.n LIMIT 1",
            job.table
        );
        let answer = self.rows_of(text, arguments).await?;
        let Some((row, count)) = answer.first().and_then(|row| Some((number(row, 0)?, number(row, 1)?))) else {
            return Ok(None);
        };
        let row = rows.start + row as usize;
        Ok(Some(if count == 0 { job.errors().absent(row) } else { job.errors().ambiguous(row) }))
    }

    /// The first row of the batch whose key occurs in another of its rows, as the table compares keys.
    async fn double_key(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        packed: &[Packed],
    ) -> Result<Option<DatabaseError>, DatabaseError> {
        let (keys, on) = job.sql.keys(packed);
        let columns = (0..job.sql.layout.key.len()).map(|at| format!("runner_t.{}", job.sql.quoted_key(at)));
        let from = format!("{keys} STRAIGHT_JOIN {} AS runner_t ON {on}", job.table);
        self.repeated(job, rows, packed, &from, columns).await
    }

    /// The error for the first row of the batch whose key another row of the batch has too, whatever the table has.
    pub(super) async fn same_key(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        packed: &[Packed],
    ) -> Result<Option<DatabaseError>, DatabaseError> {
        let (keys, _) = job.sql.keys(packed);
        let columns = (0..job.sql.layout.key.len()).map(|at| format!("runner_x.k{at}"));
        self.repeated(job, rows, packed, &keys, columns).await
    }

    /// The error for the first row of the batch that has the same in these columns as another one.
    async fn repeated(
        &mut self,
        job: &Job<'_>,
        rows: &Range<usize>,
        packed: &[Packed],
        from: &str,
        columns: impl Iterator<Item = String>,
    ) -> Result<Option<DatabaseError>, DatabaseError> {
        let mut arguments = MySqlArguments::default();
        job.sql.bind_keys(packed, rows.len(), &mut arguments)?;
        let text = format!(
            "SELECT MAX(runner_x.n) FROM {from} GROUP BY {} HAVING COUNT(DISTINCT runner_x.n) > 1 ORDER BY 1 LIMIT 1",
            columns.collect::<Vec<_>>().join(", ")
        );
        let answer = self.rows_of(text, arguments).await?;
        Ok(answer.first().and_then(|row| number(row, 0)).map(|row| job.errors().duplicate(rows.start + row as usize)))
    }

    /// Fails if the last statement did not store values unchanged and only warned about it.
    pub(super) async fn refuse_loss(&mut self, what: &str) -> Result<(), DatabaseError> {
        match self.loss(|_| true).await? {
            Some((code, message)) => {
                Err(DatabaseError::new(DatabaseErrorKind::Conversion, format!("{what} cannot be kept: {message}"))
                    .code(code))
            }
            None => Ok(()),
        }
    }

    /// The same for some columns: what a trigger does to other columns is up to the table.
    pub(super) async fn refuse_loss_in(&mut self, columns: &[String]) -> Result<(), DatabaseError> {
        let ours = |message: &str| {
            columns.iter().any(|name| message.contains(&format!("'{name}'")) || message.contains(&format!("`{name}`")))
        };
        match self.loss(ours).await? {
            Some((code, message)) => Err(DatabaseError::new(DatabaseErrorKind::Conversion, message).code(code)),
            None => Ok(()),
        }
    }

    async fn loss(&mut self, ours: impl Fn(&str) -> bool) -> Result<Option<(String, String)>, DatabaseError> {
        let warnings = self.connection.warnings().await?;
        let loss = warnings.iter().map(|row| (session::text(row, 1), session::text(row, 2)));
        Ok(loss.into_iter().find(|(code, message)| LOSSES.contains(&code.as_str()) && ours(message)))
    }
}

/// A count in a result.
fn number(row: &MySqlRow, at: usize) -> Option<u64> {
    use sqlx::Row as _;
    let column = row.columns().get(at)?;
    match decode(Wire::of(column).0, cell(row, at)?)? {
        Cell::Integer(number) => u64::try_from(number).ok(),
        Cell::Large(number) => Some(number),
        Cell::Decimal(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
