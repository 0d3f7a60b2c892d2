//! Single statements and small results.

use futures_util::{Stream, TryStreamExt as _};
use sqlx::mysql::{MySqlColumn, MySqlQueryResult, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, ColumnOrigin, Connection as _, Either, Executor as _, Row as _, Statement as _,
    TypeInfo as _,
};

use crate::error::{NOT_PREPARABLE, Result, from_sqlx, unanswered};
use crate::link::Link;
use crate::schema::kind_of;
use crate::types::convert;
use crate::types::read::{self, Wire};
use runner_data::{RowSet, Value};
use runner_database::probe;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Meaning, QueryLimits, Role, TableName};
use runner_sql::Tokens;

/// First words of statements that do not change how tables are declared.
const KEEPS_TABLES: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "DO", "SET"];

/// The bytes that a cell of fixed size counts as.
const CELL: usize = 8;

/// A statement that the server has prepared.
pub(crate) struct Prepared {
    /// The columns of its result; empty if it returns no rows.
    pub columns: Vec<MySqlColumn>,
    /// What the wire carries for each of them.
    pub wires: Vec<Wire>,
}

/// The bytes of a cell in the binary protocol. sqlx itself treats zero dates as NULL; this does not.
pub(crate) fn cell(row: &MySqlRow, at: usize) -> Option<&[u8]> {
    row.try_get_raw(at).ok().and_then(|value| <&[u8] as sqlx::Decode<sqlx::MySql>>::decode(value).ok())
}

/// One statement of a caller, with its values.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub text: &'a str,
    pub values: &'a [Value],
}

impl Statement<'_> {
    /// Forgets the tables that it may change; sqlx keeps the columns of prepared statements.
    pub async fn forget_tables(self, link: &mut Link) -> Result<()> {
        let word = first_word(self.text, link.dialect()).unwrap_or_default();
        if KEEPS_TABLES.iter().any(|known| known.eq_ignore_ascii_case(&word)) {
            return Ok(());
        }
        link.learned.forget_tables();
        link.work.of_guests()?.clear_cached_statements().await.map_err(from_sqlx)
    }

    /// Runs it. Returns how many rows it changed.
    pub async fn execute(self, link: &mut Link) -> Result<u64> {
        let role = link.role();
        // Only statements that may have placeholders: sqlx must not be given the wrong number of values.
        // The server ends a statement at a semicolon only: a text without one is a single statement, and need not be
        // prepared to prove it. A component gets the answer of the prepared protocol in any case.
        if self.values.is_empty() && !self.text.contains(';') && role == Role::SqlScript {
            return self.execute_as_text(link).await;
        }
        let has_values = !self.values.is_empty() || self.text.contains('?');
        if has_values || self.is_call_of_component(link) {
            match self.prepare(link).await {
                Err(error) if error.code == NOT_PREPARABLE && self.values.is_empty() => {}
                prepared => prepared.map(drop)?,
            }
        }
        let arguments = link.arguments(self.values).await?;
        let (connection, watch) = link.guest()?;
        let query = sqlx::query_with(AssertSqlSafe(self.text.to_owned()), arguments).persistent(has_values);
        let answer = watch.over(affected(watch.meter().rows(connection.fetch_many(query)))).await;
        // The server reports this only after it has parsed the whole text as one statement; a second statement in it
        // would be a syntax error.
        if role != Role::Component && matches!(&answer, Err(error) if error.code == NOT_PREPARABLE) {
            return self.execute_as_text(link).await;
        }
        answer
    }

    /// Runs it by the text protocol.
    async fn execute_as_text(self, link: &mut Link) -> Result<u64> {
        let (connection, watch) = link.guest()?;
        let _bound = watch.meter().as_text();
        let query = sqlx::raw_sql(AssertSqlSafe(self.text.to_owned()));
        watch.over(affected(watch.meter().rows(query.fetch_many(connection)))).await
    }

    /// Runs it and collects its rows.
    pub async fn query(self, link: &mut Link, limits: QueryLimits) -> Result<RowSet> {
        let prepared = self.prepare(link).await?;
        let arguments = link.arguments(self.values).await?;
        let mut found = RowSet {
            columns: prepared.columns.iter().map(|column| column.name().to_owned()).collect(),
            rows: Vec::new(),
        };
        let mut bytes = 0_usize;
        let mut problem = None;
        let (connection, watch) = link.guest()?;
        let meter = watch.meter();
        let _allowed = meter.allow(limits.bytes);
        let work = async {
            let query = sqlx::query_with(AssertSqlSafe(self.text.to_owned()), arguments);
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
        watch.over(work).await?;
        problem.map_or(Ok(found), Err)
    }

    /// Lets the server prepare it, and checks the number of its values.
    pub async fn prepare(self, link: &mut Link) -> Result<Prepared> {
        let prepared = match link.prepare(self.text).await {
            Err(error) if self.is_call_of_component(link) => return Err(has_not_begun(error)),
            prepared => prepared?,
        };
        let values = self.values.len();
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
        let wires = wires(link, &columns).await?;
        Ok(Prepared { columns, wires })
    }

    /// Whether a component calls a procedure: if that fails, it matters whether the procedure had begun.
    fn is_call_of_component(self, link: &Link) -> bool {
        let is_call = || first_word(self.text, link.dialect()).is_some_and(|first| first.eq_ignore_ascii_case("CALL"));
        link.role() == Role::Component && is_call()
    }
}

/// The first word of a statement.
pub(crate) fn first_word(statement: &str, dialect: Dialect) -> Option<String> {
    Tokens::new(statement, dialect).first().map(|word| word.into_owned())
}

/// What the wire carries for each column; where the wire is ambiguous, the table is asked.
async fn wires(link: &mut Link, columns: &[MySqlColumn]) -> Result<Vec<Wire>> {
    let mut wires = Vec::with_capacity(columns.len());
    for column in columns {
        let (mut wire, ambiguous) = Wire::of(column);
        if let (true, ColumnOrigin::Table(origin)) = (ambiguous, column.origin())
            && let Some(table) = table_of(&origin.table, link.facts().schema.as_deref())
            && let Some(kind) = kind_of(link, &table, &origin.name).await?
        {
            wire = Wire::of_kind(&kind);
        }
        wires.push(wire);
    }
    Ok(wires)
}

/// The table that the driver names as `database.table`. A dot in the name of another database than `own` is taken for its end.
fn table_of(origin: &str, own: Option<&str>) -> Option<TableName> {
    let own = own.and_then(|own| Some((own, origin.strip_prefix(own)?.strip_prefix('.')?)));
    let (schema, name) = own.or_else(|| origin.split_once('.'))?;
    Some(TableName { schema: Some(schema.to_owned()), name: name.to_owned() })
}

/// Receives the rows of a statement, and returns how many it changed.
async fn affected(
    mut answer: impl Stream<Item = Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>> + Unpin,
) -> Result<u64> {
    let mut rows = 0;
    while let Some(part) = answer.try_next().await.map_err(from_sqlx)? {
        rows += part.left().map_or(0, |done| done.rows_affected());
    }
    Ok(rows)
}

/// The error of a statement that the server refused to prepare.
fn has_not_begun(error: DatabaseError) -> DatabaseError {
    let is_of_server = !error.code.is_empty() || error.meaning == Meaning::Unanswered;
    match error.kind == DatabaseErrorKind::Connection || !is_of_server {
        true => error,
        false => DatabaseError { kind: DatabaseErrorKind::Syntax, ..error.means(Meaning::NotBegun) },
    }
}

/// The cells of a row of a small result.
fn row_values(row: &MySqlRow, wires: &[Wire]) -> Result<Vec<Value>> {
    let columns = row.columns();
    let mut values = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        let Some(bytes) = cell(row, at) else {
            values.push(Value::Null);
            continue;
        };
        let wire = wire_now(column, wires.get(at).copied());
        let value = read::decode(wire, bytes)
            .and_then(|cell| convert::value(wire, cell, &column.type_info().name().to_ascii_lowercase()));
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
pub(crate) fn wire_now(column: &MySqlColumn, prepared: Option<Wire>) -> Wire {
    match (Wire::of(column), prepared) {
        ((Wire::Text, true), Some(known @ (Wire::Json | Wire::Uuid | Wire::Native))) => known,
        ((wire, _), _) => wire,
    }
}

fn too_much(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Limit, message)
        .hint("read large results as batches, which are not limited as a whole")
}

/// The rows of each query.
type Answers = Vec<Vec<Vec<Value>>>;

/// Reads the answers to some queries and, after them, to the one for the session that holds the lock: whether there is one.
pub(crate) fn probed(told: &[Vec<MySqlRow>]) -> Result<(Answers, bool)> {
    let (who, answers) = told.split_last().ok_or_else(unanswered)?;
    let answers = answers.iter().map(|rows| values(rows)).collect::<Result<_, _>>()?;
    Ok((answers, who.first().is_some_and(|row| cell(row, 0).is_some())))
}

fn values(rows: &[MySqlRow]) -> Result<Vec<Vec<Value>>> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let is_number = |wire| matches!(wire, Wire::Signed | Wire::Unsigned);
    let numbers: Vec<bool> = first.columns().iter().map(|column| is_number(Wire::of(column).0)).collect();
    let value = |row: &MySqlRow, at: usize| probe::cell(cell(row, at), numbers[at]);
    rows.iter().map(|row| (0..numbers.len()).map(|at| value(row, at)).collect()).collect()
}
