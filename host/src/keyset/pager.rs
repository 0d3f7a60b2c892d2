//! A table in pages, in the order of its key. Each page is a statement of its own that begins after the last row of the
//! page before it, so that rows may be written, and transactions committed, between two pages.

mod chunk;

pub use chunk::ChunkRange;

use super::page_sql::{PageSql, Query, Range};
use crate::data::{Batch, Column, ColumnType, Value};
use crate::database::{
    BatchLimits, Database, DatabaseError, DatabaseErrorKind, PageRequest, QueryLimits, TableInfo, TableName,
    TableSource,
};

/// Reads a table or view in the order of a key.
pub struct TableReader {
    sql: PageSql,
    /// The SELECT list.
    select: String,
    /// A type for each column of the list, as far as the caller asked or the first pages showed.
    types: Vec<Option<ColumnType>>,
    requested: Vec<bool>,
    /// The names under which columns are delivered.
    names: Vec<String>,
    /// For each column of the key, its place in the SELECT list.
    key_at: Vec<usize>,
    added: Vec<String>,
    is_view: bool,
    /// Whether the database vouches that no two rows have the same key.
    unique: bool,
    limits: BatchLimits,
    bounded: bool,
    bound: Option<Vec<Value>>,
    last: Option<Vec<Value>>,
    /// The last key that is read, for one chunk.
    to: Option<Vec<Value>>,
    /// Whether no other transaction may change what was read before this one ends.
    holds_rows: bool,
    /// Rows that are still to come, as far as that is known.
    expected: Option<usize>,
    done: bool,
}

impl TableReader {
    /// Begins to read. Rows that are added after the greatest key meanwhile are read too.
    pub async fn open(
        database: &mut dyn Database,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        Self::begin(database, source, limits, false).await
    }

    /// Begins to read what is there now: rows that are added after the greatest key are not read.
    pub async fn open_bounded(
        database: &mut dyn Database,
        source: TableSource,
        limits: BatchLimits,
    ) -> Result<Self, DatabaseError> {
        Self::begin(database, source, limits, true).await
    }

    async fn begin(
        database: &mut dyn Database,
        source: TableSource,
        limits: BatchLimits,
        bounded: bool,
    ) -> Result<Self, DatabaseError> {
        let info = database.table(&source.table).await?;
        let mut reader = Self::plan(database, source, info.clone(), limits, bounded)?;
        if let Some(filter) = &reader.sql.filter {
            ask(database, reader.sql.probe(filter), 1).await?;
        }
        reader.refuse_null_keys(database, &info).await?;
        if bounded {
            let greatest = ask(database, reader.sql.greatest(), 1).await?;
            reader.bound = greatest.into_iter().next();
            reader.done = reader.bound.is_none();
        }
        Ok(reader)
    }

    fn plan(
        database: &dyn Database,
        source: TableSource,
        info: TableInfo,
        limits: BatchLimits,
        bounded: bool,
    ) -> Result<Self, DatabaseError> {
        let dialect = database.facts().dialect;
        let asked = if source.key.is_empty() { &info.key } else { &source.key };
        let key = asked.iter().map(|name| info.known_column(name)).collect::<Result<Vec<_>, _>>()?;
        if key.is_empty() {
            return Err(DatabaseError::invalid(format!(
                "`{}` has no primary key in whose order it could be read",
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
                    "column `{name}` of `{}` is asked for twice",
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
        let mut key_at = Vec::with_capacity(key.len());
        for (number, name) in key.iter().enumerate() {
            let at = names.iter().position(|other| other == name).unwrap_or(0);
            if types[at].is_none() {
                key_at.push(at);
                continue;
            }
            // Converted for the caller; the next page must begin after the key as it is stored.
            key_at.push(select.len());
            select.push(format!("{} AS {}", dialect.quote(name), dialect.quote(&format!("runner_key_{number}"))));
            types.push(None);
        }
        let (unique, is_view) = (info.identifies(&key), info.is_view);
        let requested = types.iter().map(Option::is_some).collect();
        let sql = PageSql {
            dialect,
            table: source.table,
            key,
            filter: source.filter,
            parameters: source.parameters,
            descending: source.descending,
        };
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

    /// A row with NULL in its key has no place in the order and would be lost.
    async fn refuse_null_keys(&self, database: &mut dyn Database, info: &TableInfo) -> Result<(), DatabaseError> {
        for name in &self.sql.key {
            if info.is_rowid(name) || info.column(name).is_some_and(|column| column.not_null) {
                continue;
            }
            if !ask(database, self.sql.null_in(name), 1).await?.is_empty() {
                return Err(DatabaseError::invalid(format!(
                    "column `{}.{name}` is part of the key but NULL in some rows, which could not be read in its order",
                    self.sql.table
                ))
                .hint("choose another key, or a filter that leaves those rows out"));
            }
        }
        Ok(())
    }

    /// Goes on after the row with this key, as [`TableReader::last_key`] answered it.
    pub fn resume_after(&mut self, key: Vec<Value>) {
        self.last = Some(key);
    }

    /// Goes on where another reader of the same source was: after its last row, up to its bound, with the types that it had
    /// found for its columns.
    pub fn resume_at(&mut self, bound: Option<Vec<Value>>, last: Option<Vec<Value>>, types: &[Option<ColumnType>]) {
        self.bound = bound;
        self.last = last;
        self.done = self.bounded && self.bound.is_none();
        if types.len() == self.types.len() {
            self.types = types.to_vec();
        }
    }

    /// The columns, with the types that were asked for.
    pub fn columns(&self) -> Vec<(String, Option<ColumnType>)> {
        let asked = self.types.iter().zip(&self.requested).map(|(known, asked)| known.filter(|_| *asked));
        let asked_for = self.names.len() - self.added.len();
        self.names.iter().cloned().zip(asked).take(asked_for).collect()
    }

    /// The greatest key that is read, if the reading is bounded and there is any.
    pub fn bound(&self) -> Option<&[Value]> {
        self.bound.as_deref()
    }

    /// The types of the columns, as far as they were asked for or rows showed them.
    pub fn types(&self) -> &[Option<ColumnType>] {
        &self.types
    }

    /// What is read.
    pub fn table(&self) -> &TableName {
        &self.sql.table
    }

    /// The columns of the key.
    pub fn key(&self) -> &[String] {
        &self.sql.key
    }

    /// The key of the last row that was delivered, as the database stores it.
    pub fn last_key(&self) -> Option<&[Value]> {
        self.last.as_deref()
    }

    /// Columns of the key that were not asked for; they follow the others.
    pub fn added_columns(&self) -> &[String] {
        &self.added
    }

    /// Whether a batch holds every row that the table had between the batch's first and its last key.
    pub fn covers_key_range(&self) -> bool {
        self.sql.filter.is_none() && self.unique && !self.sql.descending
    }

    /// How many rows there are to read from start to end, now; rows that were added after the bound since are counted too.
    pub async fn count(&self, database: &mut dyn Database) -> Result<u64, DatabaseError> {
        if self.bounded && self.bound.is_none() {
            return Ok(0);
        }
        // A whole table is counted several times as quickly as a part of it.
        let rows = ask(database, self.sql.count(), 1).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// How many rows there are to read from where the reader stands to its end.
    pub async fn count_rest(&self, database: &mut dyn Database) -> Result<u64, DatabaseError> {
        if self.done {
            return Ok(0);
        }
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: self.to.as_deref() };
        let rows = ask(database, self.sql.count_in(range), 1).await?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_int64);
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// Leaves out the next rows; after the last one there is nothing left to read.
    pub async fn skip(&mut self, database: &mut dyn Database, rows: u64) -> Result<(), DatabaseError> {
        let Some(offset) = rows.checked_sub(1).filter(|_| !self.done) else { return Ok(()) };
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: None };
        let found = ask(database, self.sql.key_at(range, offset), 1).await?;
        match found.into_iter().next() {
            Some(key) => self.last = Some(key),
            None => self.done = true,
        }
        Ok(())
    }

    /// The next page; `None` after the last row.
    pub async fn next(&mut self, database: &mut dyn Database) -> Result<Option<Batch>, DatabaseError> {
        if self.done {
            return Ok(None);
        }
        let range = Range { after: self.last.as_deref(), bound: self.bound.as_deref(), to: self.to.as_deref() };
        // Looking past the last row of a chunk would wait for the transaction that has the next one.
        let rows = self.expected.filter(|rows| *rows > 0).map_or(self.limits.rows, |rows| rows.min(self.limits.rows));
        let query = self.sql.within(&self.select, range);
        let page = PageRequest {
            table: self.sql.table.clone(),
            key: self.sql.key.clone(),
            select: query.text,
            parameters: query.parameters,
            types: self.types.iter().zip(&self.requested).map(|(known, asked)| known.filter(|_| *asked)).collect(),
            locks_rows: self.holds_rows,
            limits: BatchLimits { rows, ..self.limits },
        };
        let Some(mut batch) = database.read_page(&page).await? else {
            self.done = true;
            return Ok(None);
        };
        self.settle_types(&mut batch)?;
        self.check_keys(database, &batch).await?;
        self.expected = self.expected.map(|rows| rows.saturating_sub(batch.row_count));
        self.done = self.to.is_some() && self.last == self.to;
        batch.columns.truncate(self.names.len());
        for (column, name) in batch.columns.iter_mut().zip(&self.names) {
            column.name.clone_from(name);
        }
        Ok(Some(batch))
    }

    /// Columns whose type the database does not declare must have the same one on every page.
    fn settle_types(&mut self, batch: &mut Batch) -> Result<(), DatabaseError> {
        for (index, column) in batch.columns.iter_mut().enumerate() {
            let found = column.values.column_type();
            let all_null = !column.nulls.is_empty() && column.nulls.iter().all(|byte| *byte != 0);
            match self.types.get(index).copied().flatten() {
                Some(known) if known == found => {}
                Some(known) if all_null => *column = Column::nulls(column.name.as_str(), known, batch.row_count),
                Some(known) => {
                    let name = self.names.get(index).map_or(column.name.as_str(), String::as_str);
                    return Err(DatabaseError::new(
                        DatabaseErrorKind::Conversion,
                        format!(
                            "column `{}.{name}` held {known} values so far, and holds {found} values now",
                            self.sql.table
                        ),
                    )
                    .hint("ask for the column `as` one type, such as text"));
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

    async fn check_keys(&mut self, database: &mut dyn Database, batch: &Batch) -> Result<(), DatabaseError> {
        let Some(last_row) = batch.row_count.checked_sub(1) else { return Ok(()) };
        let key: Vec<&Column> = self.key_at.iter().filter_map(|at| batch.columns.get(*at)).collect();
        let value = |row: usize| key.iter().map(|column| Value::of_cell(column, row)).collect::<Vec<_>>();
        if let Some(column) = key.iter().find(|column| column.nulls.contains(&1)) {
            return Err(DatabaseError::invalid(format!(
                "column `{}.{}` is part of the key but NULL",
                self.sql.table, column.name
            )));
        }
        let last = value(last_row);
        if !self.unique {
            let twice = (1..batch.row_count).find(|row| key.iter().all(|column| column.same(*row - 1, *row)));
            let twice = match twice {
                Some(row) => Some(value(row)),
                // The next page begins after this key: a second row that has it would be lost.
                None => (ask(database, self.sql.with_key(&last), 2).await?.len() > 1).then(|| last.clone()),
            };
            if let Some(twice) = twice {
                return Err(DatabaseError::invalid(format!(
                    "several rows of `{}` have the same key, {} = {twice:?}, so rows could be lost between two pages",
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

async fn ask(database: &mut dyn Database, query: Query, rows: usize) -> Result<Vec<Vec<Value>>, DatabaseError> {
    let limits = QueryLimits { rows, bytes: usize::MAX };
    Ok(database.query(&query.text, &query.parameters, limits).await?.rows)
}
