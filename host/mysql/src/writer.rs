//! Writers: batches into a table, by key.
//!
//! A batch is sent with one parameter per column (see `packed`), in one statement: an UPDATE or DELETE over a
//! range of integer keys where possible, else a join with the keys. A statement that fails because of a row has
//! changed nothing; it is retried with each half of the rows until the row is found.
//!
//! Strict mode still rounds and truncates, so a value that would change is refused before it is sent, and warnings are
//! counted after each statement. The driver announces `CLIENT_FOUND_ROWS`: an UPDATE reports how many rows it found,
//! and a key that is missing, matches several rows or occurs twice is searched for and named. `at row 17` is not relied
//! on, since the server counts other rows in a join. An upsert is an UPDATE and an INSERT of the keys that do not
//! exist: `ON DUPLICATE KEY UPDATE` would change another row where another unique key conflicts. On tables without
//! transactions (MyISAM) a failed statement keeps its changes, and the named row may be wrong.

use std::ops::Range;

use super::MysqlDatabase;
use super::error::{DUPLICATE, without_row};
use super::packed::Packed;
use super::schema::MysqlTable;
use super::types::ColumnKind;
use super::types_write::{Encoded, encode};
use super::write_sql::{BoundStatement, KeyRange, MOST_ROWS, WriteSql};
use runner_data::{Batch, ColumnValues};
use runner_database::message::{TAKES_PART, takes_nothing_back};
use runner_database::write::{RowErrors, is_a_view};
use runner_database::{
    DatabaseError, DatabaseErrorKind, Dialect, TableName, TableTarget, WriteHint, WriteMode, WriterId,
};

/// The most parameter bytes in one statement, even where the server accepts larger packets.
const STATEMENT_BYTES: usize = 16 << 20;

/// The code of NULL in a column that takes none.
const NO_NULL: &str = "1048";

/// A range of keys that is this many times wider than the batch has rows is not used as a range.
const WIDEST: usize = 4;

/// An open writer.
pub(super) struct Writer {
    pub(super) table: MysqlTable,
    pub(super) mode: WriteMode,
    pub(super) key: Vec<String>,
    /// Whether the key identifies a row.
    pub(super) unique: bool,
    /// Created for the columns of the first batch.
    sql: Option<WriteSql>,
    rows_written: u64,
}

/// A batch that is being written.
pub(super) struct Job<'a> {
    pub writer: &'a Writer,
    pub sql: &'a WriteSql,
    pub rows: &'a Batch,
    pub columns: &'a [Encoded<'a>],
    /// The table's name as statements spell it.
    pub table: String,
}

impl Writer {
    /// Rows that all batches together changed.
    pub(super) fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// For errors about a row of a batch.
    pub(super) fn errors<'a>(&'a self, rows: &'a Batch) -> RowErrors<'a> {
        RowErrors { table: &self.table.info, mode: self.mode, key: &self.key, rows }
    }
}

impl Job<'_> {
    /// For errors about a row of the batch.
    pub(super) fn errors(&self) -> RowErrors<'_> {
        self.writer.errors(self.rows)
    }

    /// Whether a row has the number 0 for a column whose values the server assigns: in most modes it would take that for a request to
    /// assign one.
    fn assigns_zero(&self) -> bool {
        let inserts = matches!(self.writer.mode, WriteMode::Insert | WriteMode::Upsert);
        let Some(place) = self.sql.assigned().filter(|_| inserts) else { return false };
        let (column, cells) = (&self.rows.columns[place], &self.columns[place].cells);
        let is_zero = |cell: &[u8]| cell.iter().all(|byte| matches!(byte, b'0' | b'.' | b'-'));
        (0..self.rows.row_count).any(|row| !column.is_null(row) && is_zero(cells.get(row)))
    }

    /// Fails if a row has NULL for a `TIMESTAMP` that takes none, with the error of a server that refuses it.
    fn check_timestamps(&self) -> Result<(), DatabaseError> {
        for place in self.sql.whole_timestamps() {
            let column = &self.rows.columns[place];
            if let Some(row) = (0..self.rows.row_count).find(|row| column.is_null(*row)) {
                let message = format!("Column '{}' cannot be null", column.name);
                let error = DatabaseError::new(DatabaseErrorKind::Constraint, message).code(NO_NULL);
                return Err(error.detail(self.errors().row_name(row)));
            }
        }
        Ok(())
    }

    /// How many bytes the cells of some rows take.
    fn byte_len(&self, rows: &Range<usize>) -> usize {
        self.columns
            .iter()
            .map(|column| (column.cells.offsets[rows.end] - column.cells.offsets[rows.start]) as usize + rows.len())
            .sum()
    }

    /// The range of the rows' keys, if they are integers close together.
    fn range(&self, rows: &Range<usize>) -> Result<Option<KeyRange>, DatabaseError> {
        let [place] = self.sql.layout.key.as_slice() else { return Ok(None) };
        if !self.writer.unique || !matches!(self.sql.kinds[*place], ColumnKind::Integer { .. }) {
            return Ok(None);
        }
        let Some((first, last)) = self.ends(*place, rows) else { return Ok(None) };
        let Ok(width) = usize::try_from(last - first + 1) else { return Ok(None) };
        if width > rows.len().saturating_mul(WIDEST) || width > MOST_ROWS * WIDEST {
            return Ok(None);
        }
        let mut guard = vec![b'0'; width];
        for row in rows.clone() {
            let at = self.number(*place, row).map_or(0, |number| (number - first) as usize);
            if guard[at] == b'1' {
                return Err(self.errors().duplicate(row));
            }
            guard[at] = b'1';
        }
        if width == rows.len() {
            guard.clear();
        }
        Ok(Some(KeyRange { first, last, guard }))
    }

    fn ends(&self, place: usize, rows: &Range<usize>) -> Option<(i128, i128)> {
        let mut ends: Option<(i128, i128)> = None;
        for row in rows.clone() {
            let number = self.number(place, row)?;
            ends = Some(ends.map_or((number, number), |(least, most)| (least.min(number), most.max(number))));
        }
        ends
    }

    /// A key that is an integer.
    pub(super) fn number(&self, place: usize, row: usize) -> Option<i128> {
        let column = self.rows.columns.get(place)?;
        if column.is_null(row) {
            return None;
        }
        match &column.values {
            ColumnValues::Int64(entries) => entries.get(row).map(|entry| i128::from(*entry)),
            ColumnValues::Decimal(values) => std::str::from_utf8(values.get(row)).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The columns of some rows, each row at its position.
    fn pack(&self, rows: &Range<usize>, range: Option<&KeyRange>, dialect: Dialect) -> Vec<Packed> {
        let pack = |column: &Encoded<'_>| match range {
            Some(range) => {
                let width = (range.last - range.first + 1) as usize;
                let key = self.sql.layout.key[0];
                let place = |row: usize| self.number(key, row).map_or(0, |number| (number - range.first) as usize);
                Packed::new(column, rows.clone(), width, place)
            }
            None => Packed::new(column, rows.clone(), rows.len(), |row| row - rows.start),
        };
        self.columns.iter().map(|column| pack(column).on(dialect)).collect()
    }
}

impl MysqlDatabase {
    pub(super) async fn open_writer_now(&mut self, target: &TableTarget) -> Result<WriterId, DatabaseError> {
        self.before_writing(&target.table).await?;
        let table = self.table_now(&target.table).await?;
        let name = &target.table;
        if table.info.is_view {
            return Err(is_a_view(name, ""));
        }
        if let Some(engine) = &table.lasting_engine {
            // What a batch has written would remain after a failure, and conflict with a retry.
            let table = takes_nothing_back(name, engine);
            return Err(DatabaseError::invalid(format!("no batches are written to {table}")).hint(TAKES_PART));
        }
        let key = table.info.write_key(target)?;
        let mut unique = false;
        if target.mode != WriteMode::Insert {
            let among = |name: &String| key.contains(name);
            unique = table.unique_keys.iter().any(|columns| columns.iter().all(among));
            if target.mode == WriteMode::Upsert && !unique {
                return Err(DatabaseError::invalid(format!(
                    "the key of an upsert into `{name}` must be unique and without NULLs: {}",
                    key.join(", ")
                ))
                .hint("name the columns of the primary key or of a unique index whose columns are NOT NULL"));
            }
        }
        let writer = Writer { table, mode: target.mode, key, unique, sql: None, rows_written: 0 };
        Ok(self.opened.add_writer(writer))
    }

    /// A table's name with the session's own database, whatever `USE` a script has run.
    fn spelt(&self, name: &TableName) -> String {
        let schema = name.schema.clone().or_else(|| self.server.facts.schema.clone());
        TableName { schema, name: name.name.clone() }.quoted(Dialect::Mysql)
    }

    pub(super) async fn write_now(
        &mut self,
        id: WriterId,
        rows: &Batch,
        _hint: WriteHint,
    ) -> Result<u64, DatabaseError> {
        self.watch.check_stop()?;
        // A writer that fails is closed.
        let mut writer = self.opened.take_writer(id)?;
        if rows.row_count > 0 {
            let sql = match writer.sql.take() {
                Some(sql) => sql,
                None => WriteSql::new(&writer.table, writer.mode, &writer.key, rows)?,
            };
            sql.layout.check_columns(&writer.table.info, rows)?;
            self.write_batch(&writer, &sql, rows).await?;
            writer.sql = Some(sql);
        }
        let written = rows.row_count as u64;
        writer.rows_written += written;
        self.opened.put_writer(id, writer);
        Ok(written)
    }

    async fn write_batch(&mut self, writer: &Writer, sql: &WriteSql, rows: &Batch) -> Result<(), DatabaseError> {
        let errors = writer.errors(rows);
        let mut columns = Vec::with_capacity(rows.columns.len());
        for (column, kind) in rows.columns.iter().zip(&sql.kinds) {
            let encoded = encode(column, kind);
            columns.push(encoded.map_err(|unfit| errors.cannot_hold(&column.name, unfit.what, unfit.row))?);
        }
        let table = self.spelt(&writer.table.info.name);
        let job = Job { writer, sql, rows, columns: &columns, table };
        if self.server.null_is_now {
            job.check_timestamps()?;
        }
        if !job.assigns_zero() {
            return self.write_all(&job).await;
        }
        let modes = self.connection.change_modes(|modes| modes.push("NO_AUTO_VALUE_ON_ZERO")).await?;
        let written = self.write_all(&job).await;
        written.and(self.connection.undo(modes).await)
    }

    /// Writes the rows of a batch in as many statements as that takes.
    async fn write_all(&mut self, job: &Job<'_>) -> Result<(), DatabaseError> {
        let (errors, rows) = (job.errors(), job.rows);
        let most = STATEMENT_BYTES.min(self.server.max_allowed_packet / 4 * 3);
        // The row ranges still to be written, the first last.
        let mut pending: Vec<Range<usize>> = std::iter::once(0..rows.row_count).collect();
        while let Some(rows) = pending.pop() {
            if rows.len() > 1 && (rows.len() > MOST_ROWS || job.byte_len(&rows) > most / 2) {
                halve(&mut pending, &rows);
                continue;
            }
            match self.write_rows(job, &rows, most).await {
                Ok(()) => {}
                Err(Failure::Row(_)) if rows.len() > 1 => halve(&mut pending, &rows),
                Err(Failure::Row(error)) => return Err(error.detail(errors.row_name(rows.start))),
                Err(Failure::Batch(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes some rows in one statement, or in the two of an upsert.
    async fn write_rows(&mut self, job: &Job<'_>, rows: &Range<usize>, most: usize) -> Result<(), Failure> {
        let (sql, table) = (job.sql, job.table.as_str());
        let mode = job.writer.mode;
        let range = match mode {
            WriteMode::Update | WriteMode::Delete => job.range(rows).map_err(Failure::Batch)?,
            _ => None,
        };
        let packed = job.pack(rows, range.as_ref(), self.server.facts.dialect);
        let size = sql.bound_bytes(mode, &packed, range.is_some());
        if size > most && rows.len() > 1 {
            return Err(Failure::Row(DatabaseError::invalid("too many bytes for one statement".to_owned())));
        }
        // A packet that is too large would break the connection. The statement's text is sent separately.
        if size + 1024 > self.server.max_allowed_packet {
            let error = DatabaseError::new(
                DatabaseErrorKind::Limit,
                format!(
                    "a row takes {size} bytes, and the server takes {} in one packet",
                    self.server.max_allowed_packet
                ),
            )
            .hint("raise `max_allowed_packet` on the server");
            return Err(Failure::Row(error));
        }
        if mode == WriteMode::Delete || (mode == WriteMode::Update && !job.writer.unique) {
            self.check_found(job, rows, range.as_ref(), &packed).await.map_err(Failure::Batch)?;
        }
        let built = match (mode, &range) {
            (WriteMode::Insert, _) => sql.insert(table, &packed, rows.len(), false),
            (WriteMode::Upsert, _) if sql.layout.others.is_empty() => sql.insert(table, &packed, rows.len(), true),
            (WriteMode::Update, Some(range)) => sql.update_range(table, &packed, range),
            (WriteMode::Update | WriteMode::Upsert, _) => sql.update_keys(table, &packed, rows.len()),
            (WriteMode::Delete, Some(range)) => sql.delete_range(table, range),
            (WriteMode::Delete, None) => sql.delete_keys(table, &packed, rows.len()),
        };
        let changed = self.run_write(job, built).await?;
        match mode {
            WriteMode::Upsert if !sql.layout.others.is_empty() => {
                let inserted = match self.run_write(job, sql.insert(table, &packed, rows.len(), true)).await {
                    // In separate statements, the second of two rows with a new key would update the first.
                    Err(Failure::Row(error)) if error.code == DUPLICATE && rows.len() > 1 => {
                        let same = self.same_key(job, rows, &packed).await.map_err(Failure::Batch)?;
                        return Err(same.map_or(Failure::Row(error), Failure::Batch));
                    }
                    inserted => inserted?,
                };
                if changed + inserted != rows.len() as u64 {
                    return Err(Failure::Batch(self.not_all(job, rows, range.as_ref(), &packed).await));
                }
            }
            WriteMode::Update | WriteMode::Delete if changed != rows.len() as u64 => {
                return Err(Failure::Batch(self.not_all(job, rows, range.as_ref(), &packed).await));
            }
            _ => {}
        }
        Ok(())
    }

    async fn run_write(&mut self, job: &Job<'_>, built: Result<BoundStatement, DatabaseError>) -> Result<u64, Failure> {
        let statement = built.map_err(Failure::Batch)?;
        let failed = |error| Failure::of(without_row(error));
        let changed = self.run_built(statement).await.map_err(failed)?;
        self.refuse_loss_in(&job.sql.layout.names).await.map_err(failed)?;
        Ok(changed)
    }
}

/// Why rows were not written.
enum Failure {
    /// Because of one of them, which has to be found.
    Row(DatabaseError),
    /// Because of all of them, or of the server.
    Batch(DatabaseError),
}

impl Failure {
    fn of(error: DatabaseError) -> Self {
        match error.kind {
            // The server may have rolled back the transaction: what is written again would commit by itself.
            _ if error.is_transient() => Self::Batch(error),
            // A trigger's SIGNAL is of the kind `Other`.
            DatabaseErrorKind::Constraint | DatabaseErrorKind::Conversion | DatabaseErrorKind::Other => {
                Self::Row(error)
            }
            // The database, not the host, rejected an argument.
            DatabaseErrorKind::InvalidArgument if !error.code.is_empty() => Self::Row(error),
            _ => Self::Batch(error),
        }
    }
}

/// Pushes the two halves of some rows onto the stack, the first on top.
fn halve(pending: &mut Vec<Range<usize>>, rows: &Range<usize>) {
    let middle = rows.start + rows.len() / 2;
    pending.push(middle..rows.end);
    pending.push(rows.start..middle);
}
