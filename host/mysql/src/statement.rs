//! Single statements and small results.

use futures_util::{Stream, TryStreamExt as _};
use sqlx::mysql::{MySqlArguments, MySqlColumn, MySqlQueryResult, MySqlRow, MySqlTypeInfo};
use sqlx::{
    AssertSqlSafe, Column as _, ColumnOrigin, Connection as _, Either, Executor as _, Row as _, SqlSafeStr as _,
    Statement as _, TypeInfo as _,
};

use super::error::{NOT_PREPARABLE, from_sqlx};
use super::node::Attempts;
use super::types::ColumnKind;
use super::types_convert;
use super::types_read::{self, Wire};
use super::{MysqlDatabase, parameters};
use runner_data::{RowSet, Value};
use runner_database::{DatabaseError, DatabaseErrorKind, QueryLimits, Role, TableName};
use runner_sql::{has_statement, identifiers};

/// First words of statements that do not change how tables are declared.
const KEEPS_TABLES: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "DO", "SET"];

/// The bytes that a cell of fixed size counts as.
const CELL: usize = 8;

/// A statement that the server has prepared.
pub(super) struct Prepared {
    /// The columns of its result; empty if it returns no rows.
    pub columns: Vec<MySqlColumn>,
    /// What the wire carries for each of them.
    pub wires: Vec<Wire>,
}

/// The bytes of a cell in the binary protocol. sqlx itself treats zero dates as NULL; this does not.
pub(super) fn cell(row: &MySqlRow, at: usize) -> Option<&[u8]> {
    row.try_get_raw(at).ok().and_then(|value| <&[u8] as sqlx::Decode<sqlx::MySql>>::decode(value).ok())
}

impl MysqlDatabase {
    /// Runs one statement; see the trait.
    pub(super) async fn execute_now(&mut self, statement: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        if self.passes_gate(statement) {
            return self.execute_gated(statement, values).await;
        }
        let mut attempts = Attempts::default();
        loop {
            match self.try_execute(statement, values).await {
                Err(error) if self.is_whole() && attempts.again(&error).await => {}
                executed => return executed,
            }
        }
    }

    /// What the engine sends outside of a transaction is whole by itself.
    pub(super) fn is_whole(&self) -> bool {
        self.transaction.is_none() && self.guard.rights() == Role::Host
    }

    async fn try_execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        let class = self.before(statement).await?;
        self.refuse_blank(statement)?;
        let word = identifiers(statement, self.server.facts.dialect).into_iter().next().unwrap_or_default();
        if !KEEPS_TABLES.iter().any(|known| known.eq_ignore_ascii_case(&word)) {
            self.forget_tables().await?;
        }
        let answer = self.execute_text(statement, values).await;
        self.after(class, answer).await
    }

    /// Forgets tables that a statement may change; sqlx keeps the columns of prepared statements.
    async fn forget_tables(&mut self) -> Result<(), DatabaseError> {
        self.learned.forget_tables();
        self.connection.of_guests()?.clear_cached_statements().await.map_err(from_sqlx)
    }

    /// The servers accept a comment as a statement without an error.
    fn refuse_blank(&self, statement: &str) -> Result<(), DatabaseError> {
        if has_statement(statement, self.server.facts.dialect) {
            return Ok(());
        }
        Err(DatabaseError::no_statement())
    }

    pub(super) async fn execute_text(&mut self, statement: &str, values: &[Value]) -> Result<u64, DatabaseError> {
        // Only statements that may have placeholders: sqlx must not be given the wrong number of values.
        // The server ends a statement at a semicolon only: a text without one is a single statement, and need not be
        // prepared to prove it. A component gets the answer of the prepared protocol in any case.
        if values.is_empty() && !statement.contains(';') && self.guard.rights() == Role::SqlScript {
            let watch = self.watch.clone();
            let _bound = watch.meter.as_text();
            let query = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
            return watch.over(affected(watch.meter.rows(query.fetch_many(self.connection.of_guests()?)))).await;
        }
        let has_values = !values.is_empty() || statement.contains('?');
        if has_values || self.is_call_of_component(statement) {
            match self.prepare(statement, values.len()).await {
                Err(error) if error.code == NOT_PREPARABLE && values.is_empty() => {}
                prepared => prepared.map(|_| ())?,
            }
        }
        let arguments = self.arguments(values).await?;
        let watch = self.watch.clone();
        let text = || AssertSqlSafe(statement.to_owned());
        let connection = self.connection.of_guests()?;
        let query = sqlx::query_with(text(), arguments).persistent(has_values);
        let mut answer = watch.over(affected(watch.meter.rows(connection.fetch_many(query)))).await;
        // The server reports this only after it has parsed the whole text as one statement; a second statement in it
        // would be a syntax error.
        if self.guard.rights() != Role::Component && matches!(&answer, Err(error) if error.code == NOT_PREPARABLE) {
            let _bound = watch.meter.as_text();
            let query = sqlx::raw_sql(text());
            answer = watch.over(affected(watch.meter.rows(query.fetch_many(&mut *connection)))).await;
        }
        answer
    }

    /// Runs one statement and collects its rows; see the trait.
    pub(super) async fn query_now(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        if self.passes_gate(statement) {
            return self.query_gated(statement, values, limits).await;
        }
        let mut attempts = Attempts::default();
        loop {
            let class = self.before(statement).await?;
            let answer = self.query_text(statement, values, limits).await;
            match self.after(class, answer).await {
                Err(error) if self.is_whole() && attempts.again(&error).await => {}
                found => return found,
            }
        }
    }

    pub(super) async fn query_text(
        &mut self,
        statement: &str,
        values: &[Value],
        limits: QueryLimits,
    ) -> Result<RowSet, DatabaseError> {
        let prepared = self.prepare(statement, values.len()).await?;
        let arguments = self.arguments(values).await?;
        let mut found = RowSet {
            columns: prepared.columns.iter().map(|column| column.name().to_owned()).collect(),
            rows: Vec::new(),
        };
        let mut bytes = 0_usize;
        let mut problem = None;
        let (connection, meter) = (self.connection.of_guests()?, &self.watch.meter);
        let _allowed = meter.allow(limits.bytes);
        let work = async {
            let query = sqlx::query_with(AssertSqlSafe(statement.to_owned()), arguments);
            let mut rows = meter.rows(query.fetch(&mut *connection));
            while let Some(row) = rows.try_next().await.map_err(from_sqlx)? {
                // The rest of a result that is too large is discarded: the connection must reach the end of the
                // answer.
                if problem.is_some() {
                    continue;
                }
                if found.columns.is_empty() {
                    found.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
                }
                let cells = (0..row.len()).map(|at| cell(&row, at).map_or(0, <[u8]>::len).max(CELL));
                bytes = cells.fold(bytes, usize::saturating_add);
                if found.rows.len() >= limits.rows {
                    problem = Some(too_much(format!("the result has more than {} rows", limits.rows)));
                } else if bytes > limits.bytes {
                    problem = Some(too_much(format!("the result has more than {} bytes", limits.bytes)));
                } else {
                    match row_values(&row, &prepared.wires) {
                        Ok(cells) => found.rows.push(cells),
                        Err(error) => problem = Some(error),
                    }
                }
            }
            Ok(())
        };
        self.watch.clone().over(work).await?;
        problem.map_or(Ok(found), Err)
    }

    /// Lets the server prepare a statement, and does nothing with it.
    pub(super) async fn describe_only(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let text = AssertSqlSafe(statement.to_owned()).into_sql_str();
        let connection = self.connection.of_guests()?;
        self.watch.clone().over(async { connection.prepare(text).await.map_err(from_sqlx) }).await.map(drop)
    }

    /// Lets the server prepare a statement, and checks the number of its values.
    pub(super) async fn prepare(&mut self, statement: &str, values: usize) -> Result<Prepared, DatabaseError> {
        let text = AssertSqlSafe(statement.to_owned()).into_sql_str();
        let connection = self.connection.of_guests()?;
        let prepared = self.watch.clone().over(async { connection.prepare(text).await.map_err(from_sqlx) }).await;
        let prepared = match prepared {
            Err(error) if self.is_call_of_component(statement) => return Err(has_not_begun(error)),
            prepared => prepared?,
        };
        let places = match prepared.parameters() {
            Some(Either::Right(places)) => places,
            Some(Either::Left(types)) => types.len(),
            None => values,
        };
        if places != values {
            return Err(DatabaseError::new(
                DatabaseErrorKind::InvalidArgument,
                format!("the statement has {places} placeholders, but {values} values came with it"),
            ));
        }
        let columns = prepared.columns().to_vec();
        let wires = self.wires(&columns).await?;
        Ok(Prepared { columns, wires })
    }

    /// Whether a component calls a procedure: if that fails, it matters whether the procedure had begun.
    fn is_call_of_component(&self, statement: &str) -> bool {
        let first = || identifiers(statement, self.server.facts.dialect).into_iter().next();
        self.guard.rights() == Role::Component && first().is_some_and(|first| first.eq_ignore_ascii_case("CALL"))
    }

    /// What the wire carries for each column; where the wire is ambiguous, the table is asked.
    async fn wires(&mut self, columns: &[MySqlColumn]) -> Result<Vec<Wire>, DatabaseError> {
        let mut wires = Vec::with_capacity(columns.len());
        for column in columns {
            let (mut wire, ambiguous) = Wire::of(column);
            if let (true, ColumnOrigin::Table(origin)) = (ambiguous, column.origin())
                && let Some(table) = self.table_of(&origin.table)
                && let Some(kind) = self.kind_of(&table, &origin.name).await?
            {
                wire = Wire::of_kind(&kind);
            }
            wires.push(wire);
        }
        Ok(wires)
    }

    /// The table that the driver names as `database.table`. A dot in the name of another database than this one is taken for its end.
    fn table_of(&self, origin: &str) -> Option<TableName> {
        let own = self.server.facts.schema.as_deref();
        let own = own.and_then(|own| Some((own, origin.strip_prefix(own)?.strip_prefix('.')?)));
        let (schema, name) = own.or_else(|| origin.split_once('.'))?;
        Some(TableName { schema: Some(schema.to_owned()), name: name.to_owned() })
    }

    /// What a column of a table holds; `None` if the table cannot be read, as with a view over another user's tables.
    async fn kind_of(&mut self, table: &TableName, column: &str) -> Result<Option<ColumnKind>, DatabaseError> {
        if !self.learned.declared.contains_key(table) {
            let columns = match self.table_now(table).await {
                Ok(table) => table.columns,
                // The transaction may be gone with it.
                Err(error) if error.is_transient() => return Err(error),
                Err(_) => Vec::new(),
            };
            let kinds = columns.iter().map(|column| (column.name.clone(), ColumnKind::of(column))).collect();
            self.learned.declared.insert(table.clone(), kinds);
        }
        let kinds = self.learned.declared.get(table).map(Vec::as_slice).unwrap_or_default();
        Ok(kinds.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, kind)| kind.clone()))
    }

    /// Values as parameters.
    pub(super) async fn arguments(&mut self, values: &[Value]) -> Result<MySqlArguments, DatabaseError> {
        if self.learned.decimal.is_none() && parameters::has_decimal(values) {
            self.learned.decimal = Some(self.decimal_type().await?);
        }
        parameters::arguments(values, self.learned.decimal.as_ref())
    }

    async fn decimal_type(&mut self) -> Result<MySqlTypeInfo, DatabaseError> {
        let row = super::session::one(&mut self.connection, "SELECT CAST(0 AS DECIMAL(65, 30))").await?;
        Ok(row.column(0).type_info().clone())
    }
}

/// Receives the rows of a statement, and returns how many it changed.
async fn affected(
    mut answer: impl Stream<Item = Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>> + Unpin,
) -> Result<u64, DatabaseError> {
    let mut rows = 0;
    while let Some(part) = answer.try_next().await.map_err(from_sqlx)? {
        rows += part.left().map_or(0, |done| done.rows_affected());
    }
    Ok(rows)
}

/// The error of a statement that the server refused to prepare. Having no code distinguishes it from one of a statement
/// that ran.
fn has_not_begun(error: DatabaseError) -> DatabaseError {
    if error.kind == DatabaseErrorKind::Connection || error.code.is_empty() {
        return error;
    }
    let message = format!("{} [{}]", error.message, error.code);
    DatabaseError { kind: DatabaseErrorKind::Syntax, code: String::new(), message, ..error }
}

/// The cells of a row of a small result.
fn row_values(row: &MySqlRow, wires: &[Wire]) -> Result<Vec<Value>, DatabaseError> {
    let columns = row.columns();
    let mut values = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let Some(bytes) = cell(row, at) else {
            values.push(Value::Null);
            continue;
        };
        let wire = wire_now(column, wires.get(at).copied());
        let value = types_read::decode(wire, bytes)
            .and_then(|cell| types_convert::value(wire, cell, &column.type_info().name().to_ascii_lowercase()));
        values.push(value.ok_or_else(|| {
            DatabaseError::new(
                DatabaseErrorKind::Conversion,
                format!(
                    "column `{}`: the server sent {} bytes that are no {}",
                    column.name(),
                    bytes.len(),
                    column.type_info()
                ),
            )
        })?);
    }
    Ok(values)
}

/// What the wire carries: what the result itself says, except for what only the table knew when the statement was
/// prepared.
pub(super) fn wire_now(column: &MySqlColumn, prepared: Option<Wire>) -> Wire {
    match (Wire::of(column), prepared) {
        ((Wire::Text, true), Some(known @ (Wire::Json | Wire::Uuid | Wire::Native))) => known,
        ((wire, _), _) => wire,
    }
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}
