//! Writes a batch into a table: one statement for all rows, and a search for the failing row if that statement fails.
//!
//! Such a statement does not report which row violated a constraint. So there is a savepoint before each batch; after
//! an error, halves of what is left are written until one row is, which costs two batches at most and names the row for
//! every kind of error, those of `COPY` and foreign keys included. (The line in the context of an error of `COPY` is in
//! the server's language, and missing for foreign keys.) The number of changed rows must be that of the batch; if it is
//! not, the statement is run again with `RETURNING` the row's number. Keys that are not the primary key do so at once,
//! since a missed row and one that matches twice would cancel out.

use std::collections::HashMap;
use std::ops::Range;

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

use super::write_sql::{Returning, Way, WriteSql};
use super::writer::Writer;
use crate::error::{Result, from_sqlx};
use crate::host_sql::simple;
use crate::statement::parameters::add;
use crate::types::column::{COPY_HEADER, COPY_TRAILER, Encoder, Unwritable};
use crate::verdict::Verdict;
use runner_data::Batch;
use runner_database::message::cell_text;
use runner_database::write::RowErrors;
use runner_database::{DatabaseError, DatabaseErrorKind, WriteMode};

/// Bytes of a `COPY` that are sent at once: large enough to need few messages, small enough that the server does not
/// wait.
const PIECE: usize = 64 << 10;

/// SQLSTATE of an upsert that would change a row twice.
const TWICE: &str = "21000";
/// SQLSTATE of an upsert by columns without a unique constraint.
const NOT_UNIQUE: &str = "42P10";

/// A batch and what to do with it.
pub(crate) struct Job<'a> {
    pub writer: &'a Writer,
    pub sql: &'a WriteSql,
    pub rows: &'a Batch,
    pub way: Way,
    /// Whether to use `COPY`.
    pub copies: bool,
    /// The savepoint before the batch, to which the search for the failing row rolls back.
    pub savepoint: &'static str,
}

impl Job<'_> {
    /// Writes the batch and returns how many rows changed. A batch that fails leaves no changes.
    pub(crate) async fn run(&self, connection: &mut PgConnection) -> Result<u64> {
        self.check_keys()?;
        match self.write(connection).await {
            // Without a connection, the server cannot be asked for more.
            Err(error) if error.kind != DatabaseErrorKind::Connection => {
                self.back(connection).await?;
                Err(error)
            }
            result => result,
        }
    }

    /// Fails if a row has a NULL in its key.
    fn check_keys(&self) -> Result<()> {
        if !matches!(self.writer.mode, WriteMode::Update | WriteMode::Delete) {
            return Ok(());
        }
        for place in &self.sql.layout.key {
            let column = &self.rows.columns[*place];
            if let Some(row) = column.nulls.iter().position(|byte| *byte != 0) {
                return Err(self.errors().null_key(&column.name, row));
            }
        }
        Ok(())
    }

    async fn write(&self, connection: &mut PgConnection) -> Result<u64> {
        let all = 0..self.rows.row_count;
        let counted = !self.must_match_all() || self.writer.is_primary;
        let result = match counted {
            true => self.piece(connection, all.clone()).await,
            false => self.numbered(connection).await,
        };
        match result {
            Ok(changed) if !self.must_match_all() || changed == self.rows.row_count as u64 => Ok(changed),
            Ok(_) if counted => {
                self.back(connection).await?;
                // The same again, except that the statement returns which rows matched.
                self.numbered(connection).await
            }
            Ok(_) => Err(self.errors().not_each_once()),
            Err(error) if error.code == TWICE => Err(self.duplicate().unwrap_or(error)),
            Err(error) if error.code == NOT_UNIQUE => Err(error.hint(format!(
                "create a unique constraint or index on the columns `{}`",
                self.writer.key.join("`, `")
            ))),
            Err(error) if is_of_a_row(&error) => Err(self.find_failing_row(connection, error).await),
            Err(error) => Err(error),
        }
    }

    /// Whether each row of the batch must match exactly one row of the table.
    fn must_match_all(&self) -> bool {
        matches!(self.writer.mode, WriteMode::Update | WriteMode::Delete)
    }

    /// Undoes what was written since the savepoint.
    async fn back(&self, connection: &mut PgConnection) -> Result<()> {
        simple(connection, &format!("ROLLBACK TO SAVEPOINT {}", self.savepoint)).await
    }

    /// Writes some of the rows.
    async fn piece(&self, connection: &mut PgConnection, rows: Range<usize>) -> Result<u64> {
        if self.copies {
            return self.copy(connection, rows).await;
        }
        let (sql, writer) = (self.sql, self.writer);
        let text = match writer.mode {
            WriteMode::Insert | WriteMode::Upsert => sql.insert(&writer.into, writer.mode),
            WriteMode::Update | WriteMode::Delete => sql.change(&writer.into, writer.mode, self.way, Returning::Count),
        };
        // Kept statements have to be dropped before the commit: that pays from the second batch on. The driver asks for other types between
        // the two messages of a statement, which only one that is kept survives.
        let is_kept = self.writer.rows_written > 0 || !sql.is_of_built_in_types();
        let query = sqlx::query_with(AssertSqlSafe(text.as_str()), self.arguments(rows)?).persistent(is_kept);
        let done = connection.execute(query).await.map_err(|error| self.failed(&error, &text))?;
        Ok(done.rows_affected())
    }

    /// Changes all rows, and checks that each of them matched as many rows as it should.
    async fn numbered(&self, connection: &mut PgConnection) -> Result<u64> {
        let text = self.sql.change(&self.writer.into, self.writer.mode, self.way, Returning::Numbers);
        let arguments = self.arguments(0..self.rows.row_count)?;
        let query = sqlx::query_with(AssertSqlSafe(text.as_str()), arguments);
        let mut hits = vec![0_u32; self.rows.row_count];
        let mut stream = connection.fetch(query);
        while let Some(row) = stream.try_next().await.map_err(|error| self.failed(&error, &text))? {
            let number = row.try_get::<i32, _>(0).ok().and_then(|number| usize::try_from(number - 1).ok());
            if let Some(hit) = number.and_then(|number| hits.get_mut(number)) {
                *hit += 1;
            }
        }
        drop(stream);
        match hits.iter().position(|hit| *hit != 1) {
            None => Ok(self.rows.row_count as u64),
            Some(row) => {
                self.back(connection).await?;
                Err(self.not_one(connection, row).await)
            }
        }
    }

    /// Returns the error for a row of the batch that matched none or several rows of the table, whose state is that
    /// before the batch.
    async fn not_one(&self, connection: &mut PgConnection, row: usize) -> DatabaseError {
        match self.rows_with_key(connection, row).await {
            Ok(0) => self.errors().absent(row),
            Ok(1) => self.duplicate().unwrap_or_else(|| self.errors().prevented(row)),
            Ok(_) => self.errors().ambiguous(row),
            Err(error) => error,
        }
    }

    async fn rows_with_key(&self, connection: &mut PgConnection, row: usize) -> Result<usize> {
        let text = self.sql.with_key(&self.writer.into);
        let mut arguments = PgArguments::default();
        for place in &self.sql.layout.key {
            add(&mut arguments, self.encoder(*place).parameter(row).map_err(|unfit| self.unfit(unfit))?)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(text.as_str()), arguments);
        let found = connection.fetch_all(query).await.map_err(|error| self.failed(&error, &text))?;
        Ok(found.len())
    }

    /// Returns the error for a key that occurs twice in the batch, if there is one.
    fn duplicate(&self) -> Option<DatabaseError> {
        let mut seen = HashMap::with_capacity(self.rows.row_count);
        for row in 0..self.rows.row_count {
            let mut key = Vec::with_capacity(16);
            for place in &self.sql.layout.key {
                self.encoder(*place).push_cell(&mut key, row).ok()?;
            }
            if seen.insert(key, row).is_some() {
                return Some(self.errors().duplicate(row));
            }
        }
        None
    }

    fn errors(&self) -> RowErrors<'_> {
        self.writer.errors(self.rows)
    }

    /// Finds the row that an error is about by bisection: writes half of the remaining rows until one row is left.
    async fn find_failing_row(&self, connection: &mut PgConnection, error: DatabaseError) -> DatabaseError {
        match self.search(connection).await {
            Ok(Some((row, mut found))) => {
                if let Some(unfit) = self.rounded(&found, row) {
                    return self.unfit(unfit);
                }
                if let Some(detail) = found.detail.take() {
                    found.message = format!("{}: {detail}", found.message);
                }
                found.detail(self.errors().row_name(row))
            }
            Ok(None) => error,
            Err(other) => other,
        }
    }

    /// Returns the cell of the row that the server would have rounded, if that is what the error is about.
    fn rounded(&self, error: &DatabaseError, row: usize) -> Option<Unwritable> {
        let Some((Verdict::Rounded, parts)) = Verdict::of(error) else { return None };
        let column = self.rows.columns.get(parts.first()?.parse::<usize>().ok()?)?;
        let what = format!("{}: it would be rounded or shortened", cell_text(column, row));
        Some(Unwritable { column: column.name.clone(), row, what })
    }

    async fn search(&self, connection: &mut PgConnection) -> Result<Option<(usize, DatabaseError)>> {
        let (mut low, mut high) = (0, self.rows.row_count);
        self.back(connection).await?;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match self.piece(connection, low..middle).await {
                Ok(_) => {
                    // Keep the rows that were written, so that the remaining rows meet the same state as in the batch.
                    simple(connection, &format!("RELEASE SAVEPOINT {0}; SAVEPOINT {0}", self.savepoint)).await?;
                    low = middle;
                }
                Err(error) if is_of_a_row(&error) => {
                    self.back(connection).await?;
                    high = middle;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.piece(connection, low..high).await.err().map(|error| (low, error)))
    }

    /// Sends the rows in pieces: the server reads one while the next is encoded.
    async fn copy(&self, connection: &mut PgConnection, rows: Range<usize>) -> Result<u64> {
        let text = self.sql.copy(&self.writer.into);
        let failed = |error: sqlx::Error| self.failed(&error, &text);
        let encoders: Vec<Encoder<'_>> = (0..self.rows.columns.len()).map(|place| self.encoder(place)).collect();
        let width = (encoders.len() as u16).to_be_bytes();
        let mut sink = connection.copy_in_raw(&text).await.map_err(failed)?;
        let mut data = Vec::with_capacity(PIECE * 2);
        data.extend_from_slice(COPY_HEADER);
        for row in rows {
            data.extend_from_slice(&width);
            let pushed = encoders.iter().try_for_each(|encoder| encoder.push_cell(&mut data, row));
            if let Err(unfit) = pushed {
                // The savepoint undoes what was sent. Not `abort`: if the server has failed by then, `abort` leaves a
                // response unread.
                let _ = sink.finish().await;
                return Err(self.unfit(unfit));
            }
            if data.len() >= PIECE {
                sink.send(data.as_slice()).await.map_err(failed)?;
                data.clear();
            }
        }
        data.extend_from_slice(&COPY_TRAILER);
        sink.send(data).await.map_err(failed)?;
        sink.finish().await.map_err(failed)
    }

    fn arguments(&self, rows: Range<usize>) -> Result<PgArguments> {
        let mut arguments = PgArguments::default();
        for place in self.sql.parameters(self.writer.mode) {
            add(&mut arguments, self.encoder(place).array(rows.clone()).map_err(|unfit| self.unfit(unfit))?)?;
        }
        if let (Way::Range, [key]) = (self.way, self.sql.layout.key.as_slice()) {
            let encoder = self.encoder(*key);
            for row in [rows.start, rows.end - 1] {
                add(&mut arguments, encoder.parameter(row).map_err(|unfit| self.unfit(unfit))?)?;
            }
        }
        Ok(arguments)
    }

    fn encoder(&self, place: usize) -> Encoder<'_> {
        Encoder::new(&self.rows.columns[place], &self.sql.targets[place])
    }

    #[cold]
    fn unfit(&self, unfit: Unwritable) -> DatabaseError {
        self.errors().cannot_hold(&unfit.column, unfit.what, unfit.row)
    }

    fn failed(&self, error: &sqlx::Error, text: &str) -> DatabaseError {
        let mut error = from_sqlx(error, None);
        error.statement = Some(text.into());
        error
    }
}

/// Whether the error may be about a single row. A trigger may raise any code; errors about the statement or the server
/// itself are not about a row.
fn is_of_a_row(error: &DatabaseError) -> bool {
    use DatabaseErrorKind as Kind;
    let is_of_all = ["0A", "25", "34", "55", "XX"].iter().any(|class| error.code.starts_with(class));
    !error.code.is_empty() && !is_of_all && matches!(error.kind, Kind::Constraint | Kind::Conversion | Kind::Other)
}
