//! Reads a table page by page in key order. Each page is a separate statement that begins after the last row of the page
//! before, so rows may be written and transactions committed between two pages.

mod chunk;

pub use chunk::ChunkRange;

use super::page_sql::{PageSql, Query, Range};
use crate::read::UNEVEN_KEY;
use crate::{
    BatchLimits, DatabaseError, DatabaseErrorKind, Dialect, PageRequest, QueryLimits, Session, TableInfo, TableName,
    TableSource,
};
use runner_data::{Batch, Column, ColumnType, Value};

/// Reads a table or view in the order of a key.
pub struct TableReader {
    sql: PageSql,
    /// The SELECT list.
    select: String,
    /// A type for each column of the list, as far as the caller requested one or the first pages showed it.
    types: Vec<Option<ColumnType>>,
    requested: Vec<bool>,
    /// The names under which columns are delivered.
    names: Vec<String>,
    /// For each column of the key, its index in the SELECT list.
    key_at: Vec<usize>,
    added: Vec<String>,
    is_view: bool,
    /// Whether the database guarantees that no two rows have the same key.
    unique: bool,
    limits: BatchLimits,
    bounded: bool,
    bound: Option<Vec<Value>>,
    last: Option<Vec<Value>>,
    /// The last key to read, for a single chunk.
    to: Option<Vec<Value>>,
    /// Whether the rows read are locked until the transaction ends.
    holds_rows: bool,
    /// The number of remaining rows, if known.
    expected: Option<usize>,
    done: bool,
}

impl TableReader {
    /// Starts reading. Rows added after the greatest key in the meantime are read too.
    pub async fn open(
        session: &mut dyn Session,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        Self::begin(session, source, limits, false).await
    }

    /// Starts reading the current rows: rows added after the greatest key are not read.
    pub async fn open_bounded(
        session: &mut dyn Session,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        Self::begin(session, source, limits, true).await
    }

    async fn begin(
        session: &mut dyn Session,
        source: TableSource,
        limits: BatchLimits,
        bounded: bool,
    ) -> Result<Self, DatabaseError> {
        let info = session.table(&source.table).await?;
        let mut reader = Self::plan(session, source, info.clone(), limits, bounded)?;
        if let Some(filter) = &reader.sql.filter {
            ask(session, reader.sql.probe(filter), 1).await?;
        }
        reader.refuse_null_keys(session, &info).await?;
        if bounded {
            let greatest = ask(session, reader.sql.greatest(), 1).await?;
            reader.bound = greatest.into_iter().next();
            // Nothing compares with NULL: every row would be above the bound.
            let null = reader.bound.iter().flatten().position(|value| *value == Value::Null);
            if let Some(name) = null.and_then(|at| reader.sql.key.get(at)) {
                return Err(reader.null_key(name));
            }
            reader.done = reader.bound.is_none();
        }
        Ok(reader)
    }

    fn plan(
        session: &dyn Session,
        source: TableSource,
        info: TableInfo,
        limits: BatchLimits,
        bounded: bool,
    ) -> Result<Self, DatabaseError> {
        let dialect = session.facts().dialect;
        let asked = if source.key.is_empty() { &info.key } else { &source.key };
        let key = asked.iter().map(|name| info.known_column(name)).collect::<Result<Vec<_>, _>>()?;
        if key.is_empty() {
            return Err(DatabaseError::invalid(format!(
                "`{}` has no primary key, which defines the order of reading",
                source.table
            ))
            .hint("name the columns that identify a row as the key"));
        }
        let unordered = |name: &&String| {
            info.column(name).is_some_and(|column| dialect.orders_unlike_it_compares(&column.declared_type))
        };
        if let Some(name) = key.iter().find(unordered) {
            return Err(DatabaseError::invalid(format!(
                "`{}` cannot be read in the order of `{name}`: {dialect} does not compare an ENUM, SET or BIT with a \
                 value in the order in which it sorts",
                source.table
            ))
            .hint("choose another key"));
        }
        let mut columns: Vec<(String, Option<ColumnType>)> = Vec::new();
        if source.columns.is_empty() {
            columns.extend(info.columns.iter().map(|column| (column.name.clone(), None)));
        }
        for (name, read_as) in &source.columns {
            let name = info.known_column(name)?;
            if columns.iter().any(|(other, _)| *other == name) {
                return Err(DatabaseError::invalid(format!(
                    "column `{name}` of `{}` is requested twice",
                    source.table
                )));
            }
            columns.push((name, *read_as));
        }
        let added: Vec<String> =
            key.iter().filter(|name| !columns.iter().any(|(other, _)| other == *name)).cloned().collect();
        columns.extend(added.iter().map(|name| (name.clone(), None)));
        let mut select: Vec<String> = columns.iter().map(|(name, _)| dialect.quote(name)).collect();
        let mut types: Vec<Option<ColumnType>> = columns.iter().map(|(_, read_as)| *read_as).collect();
        let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        let (unique, is_view) = (info.identifies(&key), info.is_view);
        let declared_type = |name: &String| {
            info.column(name).map(|column| column.base_type.as_ref().unwrap_or(&column.declared_type).clone())
        };
        let declared = key.iter().map(|name| declared_type(name).unwrap_or_default()).collect();
        let is_converted = |name: &String| names.iter().zip(&types).any(|(other, to)| other == name && to.is_some());
        let converted = key.iter().map(is_converted).collect();
        let sql = PageSql {
            dialect,
            table: source.table,
            types: declared,
            converted,
            key,
            filter: source.filter,
            parameters: source.parameters,
            descending: source.descending,
        };
        let mut key_at = Vec::with_capacity(sql.key.len());
        for (number, name) in sql.key.iter().enumerate() {
            let at = names.iter().position(|other| other == name).unwrap_or(0);
            match sql.key_column(number) {
                None => key_at.push(at),
                Some(repeated) => {
                    key_at.push(select.len());
                    select.push(repeated);
                    types.push(None);
                }
            }
        }
        let requested = types.iter().map(Option::is_some).collect();
        Ok(Self {
            sql,
            select: select.join(", "),
            types,
            requested,
            names,
            key_at,
            added,
            is_view,
            unique,
            limits,
            bounded,
            bound: None,
            last: None,
            to: None,
            holds_rows: false,
            expected: None,
            done: false,
        })
    }

    /// Fails if a row has NULL in its key: it has no position in the order and would be skipped.
    async fn refuse_null_keys(&self, session: &mut dyn Session, info: &TableInfo) -> Result<(), DatabaseError> {
        for name in &self.sql.key {
            if info.is_rowid(name) || info.column(name).is_some_and(|column| column.not_null) {
                continue;
            }
            if !ask(session, self.sql.null_in(name), 1).await?.is_empty() {
                return Err(self.null_key(name));
            }
        }
        Ok(())
    }

    fn null_key(&self, name: &str) -> DatabaseError {
        DatabaseError::invalid(format!(
            "column `{}.{name}` is part of the key but NULL in some rows, which cannot be read in key order",
            self.sql.table
        ))
        .hint("choose another key, or a filter that excludes those rows")
    }

    /// Continues after the row with this key, as returned by [`TableReader::last_key`].
    pub fn resume_after(&mut self, key: Vec<Value>) {
        self.last = Some(key);
    }

    /// Continues where another reader of the same source stopped: after its last row, up to its bound, with the column types
    /// that it had found.
    pub fn resume_at(&mut self, bound: Option<Vec<Value>>, last: Option<Vec<Value>>, types: &[Option<ColumnType>]) {
        self.bound = bound;
        self.last = last;
        self.done = self.bounded && self.bound.is_none();
        if types.len() == self.types.len() {
            self.types = types.to_vec();
        }
    }

    /// Returns the columns with the requested types.
    pub fn columns(&self) -> Vec<(String, Option<ColumnType>)> {
        let asked = self.types.iter().zip(&self.requested).map(|(known, asked)| known.filter(|_| *asked));
        let asked_for = self.names.len() - self.added.len();
        self.names.iter().cloned().zip(asked).take(asked_for).collect()
    }

    /// Returns the greatest key to read, if the reader is bounded and the table has rows.
    pub fn bound(&self) -> Option<&[Value]> {
        self.bound.as_deref()
    }

    /// Returns the types of the columns, as far as they were requested or found in rows.
    pub fn types(&self) -> &[Option<ColumnType>] {
        &self.types
    }

    /// Returns the source.
    pub fn table(&self) -> &TableName {
        &self.sql.table
    }

    /// Returns the columns of the key.
    pub fn key(&self) -> &[String] {
        &self.sql.key
    }

    /// Returns the key of the last delivered row, as the database stores it.
    pub fn last_key(&self) -> Option<&[Value]> {
        self.last.as_deref()
    }

    /// Returns the columns of the key that were not requested; they follow the others.
    pub fn added_columns(&self) -> &[String] {
        &self.added
    }

    /// Whether a batch contains every row of the table between its first and last key.
    pub fn covers_key_range(&self) -> bool {
        self.sql.filter.is_none() && self.unique && !self.sql.descending
    }

    /// Counts the rows from start to end, including rows added after the bound since.
    pub async fn count(&self, session: &mut dyn Session) -> Result<u64, DatabaseError> {
        if self.bounded && self.bound.is_none() {
            return Ok(0);
        }
        // Counting a whole table is several times as fast as counting a part.
        let rows = ask(session, self.sql.count(), 1).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// Counts the remaining rows.
    pub async fn count_rest(&self, session: &mut dyn Session) -> Result<u64, DatabaseError> {
        if self.done {
            return Ok(0);
        }
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: self.to.as_deref() };
        let rows = ask(session, self.sql.count_in(range), 1).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// Skips the next rows; after the last one there is nothing left to read.
    pub async fn skip(&mut self, session: &mut dyn Session, rows: u64) -> Result<(), DatabaseError> {
        let Some(offset) = rows.checked_sub(1).filter(|_| !self.done) else { return Ok(()) };
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: None };
        let found = ask(session, self.sql.key_at(range, offset), 1).await?;
        match found.into_iter().next() {
            Some(key) => self.last = Some(key),
            None => self.done = true,
        }
        Ok(())
    }

    /// Returns the next page; `None` after the last row.
    pub async fn next(&mut self, session: &mut dyn Session) -> Result<Option<Batch>, DatabaseError> {
        if self.done {
            return Ok(None);
        }
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: self.to.as_deref() };
        // Reading past the last row of a chunk would wait for the transaction that has locked the next one.
        let rows = self.expected.filter(|rows| *rows > 0).map_or(self.limits.rows, |rows| rows.min(self.limits.rows));
        let query = match self.holds_rows && self.sql.dialect == Dialect::Postgres {
            true => self.sql.locked(&self.select, &self.names, range),
            false => self.sql.first(&self.select, &self.names, range, rows),
        };
        let page = PageRequest {
            table: self.sql.table.clone(),
            key: self.sql.key.clone(),
            select: query.text,
            parameters: query.parameters,
            types: self.types.iter().zip(&self.requested).map(|(known, asked)| known.filter(|_| *asked)).collect(),
            locks_rows: self.holds_rows,
            limits: BatchLimits { rows, ..self.limits },
        };
        let Some(mut batch) = session.read_page(&page).await? else {
            self.done = true;
            return Ok(None);
        };
        self.settle_types(&mut batch)?;
        self.check_keys(session, &batch).await?;
        self.expected = self.expected.map(|rows| rows.saturating_sub(batch.row_count));
        self.done = self.to.is_some() && self.last == self.to;
        batch.columns.truncate(self.names.len());
        for (column, name) in batch.columns.iter_mut().zip(&self.names) {
            column.name.clone_from(name);
        }
        Ok(Some(batch))
    }

    /// Checks that columns without a declared type have the same type on every page.
    fn settle_types(&mut self, batch: &mut Batch) -> Result<(), DatabaseError> {
        for (index, column) in batch.columns.iter_mut().enumerate() {
            let found = column.values.column_type();
            let all_null = !column.nulls.is_empty() && column.nulls.iter().all(|byte| *byte != 0);
            match self.types.get(index).copied().flatten() {
                Some(known) if known == found => {}
                Some(known) if all_null => *column = Column::nulls(column.name.as_str(), known, batch.row_count),
                Some(known) => {
                    let repeated = || self.key_at.iter().zip(&self.sql.key).find(|(at, _)| **at == index);
                    let (name, hint) = match self.names.get(index) {
                        Some(name) => (name.as_str(), "request the column `as` one type, such as text"),
                        None => (repeated().map_or("", |(_, name)| name), UNEVEN_KEY),
                    };
                    return Err(DatabaseError::new(
                        DatabaseErrorKind::Conversion,
                        format!(
                            "column `{}.{name}` had {known} values so far, and now has {found} values",
                            self.sql.table
                        ),
                    )
                    .hint(hint));
                }
                None if all_null => {}
                None => {
                    if let Some(known) = self.types.get_mut(index) {
                        *known = Some(found);
                    }
                }
            }
        }
        Ok(())
    }

    async fn check_keys(&mut self, session: &mut dyn Session, batch: &Batch) -> Result<(), DatabaseError> {
        let Some(last_row) = batch.row_count.checked_sub(1) else { return Ok(()) };
        let key: Vec<&Column> = self.key_at.iter().filter_map(|at| batch.columns.get(*at)).collect();
        let value = |row: usize| key.iter().map(|column| Value::of_cell(column, row)).collect::<Vec<_>>();
        if let Some(at) = key.iter().position(|column| column.nulls.contains(&1)) {
            let name = self.sql.key.get(at).map_or("", String::as_str);
            return Err(DatabaseError::invalid(format!(
                "column `{}.{name}` is part of the key but NULL",
                self.sql.table
            )));
        }
        let last = value(last_row);
        if !self.unique {
            let twice = (1..batch.row_count).find(|row| key.iter().all(|column| column.same(*row - 1, *row)));
            let twice = match twice {
                Some(row) => Some(value(row)),
                // The next page begins after this key, so a second row with it would be skipped.
                None => (ask(session, self.sql.with_key(&last), 2).await?.len() > 1).then(|| last.clone()),
            };
            if let Some(twice) = twice {
                return Err(DatabaseError::invalid(format!(
                    "several rows of `{}` have the same key, {} = {twice:?}, so rows could be skipped between two pages",
                    self.sql.table,
                    self.sql.key.join(", "),
                ))
                .hint("choose columns that identify a row as the key"));
            }
        }
        self.last = Some(last);
        Ok(())
    }
}

async fn ask(session: &mut dyn Session, query: Query, rows: usize) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let limits = QueryLimits { rows, bytes: usize::MAX };
    Ok(session.query(&query.text, &query.parameters, limits).await?.rows)
}
