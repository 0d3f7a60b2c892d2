//! The parameters and result columns of a statement, and the statements around it that make the server turn columns
//! into text.

use sqlx::postgres::{PgArguments, PgTypeInfo};
use sqlx::{
    AssertSqlSafe, Column as _, Either, Executor as _, PgConnection, Row as _, SqlSafeStr as _, Statement as _,
};

use super::parameters;
use crate::error::{Result, conversion, from_sqlx};
use crate::types::Types;
use crate::types::read::{ReadAs, Sent};
use runner_data::{ColumnType, Value};
use runner_database::{DatabaseError, Dialect};
use runner_sql::{Tokens, changes_within, has_semicolon, split};

/// The name of a SELECT in the statement around it, which converts its columns to text or limits its rows.
const ROWS: &str = "runner_rows";

/// A statement that the server has described.
pub(crate) struct Described {
    /// The types of its placeholders.
    pub placeholders: Vec<PgTypeInfo>,
    pub columns: Vec<ResultColumn>,
}

/// A column of its result.
pub(crate) struct ResultColumn {
    pub name: String,
    pub read_as: ReadAs,
}

/// How a statement can be embedded in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It reads, and can be embedded in a FROM.
    Select,
    /// It changes rows and may return them, and can be embedded in a WITH.
    Change,
    /// It cannot be embedded.
    Other,
}

/// Returns the shape of a statement, judged by its words.
pub(crate) fn shape(statement: &str) -> Shape {
    let tokens = Tokens::new(statement, Dialect::Postgres);
    match tokens.first().map(|first| first.to_ascii_uppercase()).unwrap_or_default().as_str() {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" => Shape::Change,
        "WITH" if changes_within(&tokens) => Shape::Change,
        "WITH" | "SELECT" | "VALUES" | "TABLE" => Shape::Select,
        _ => Shape::Other,
    }
}

/// Fails if the text contains no statement; the server refuses more than one.
pub(crate) fn one_statement(text: &str) -> Result<&str> {
    match split(text, Dialect::Postgres) {
        Ok(found) => match found.as_slice() {
            [] => Err(DatabaseError::no_statement()),
            [only] => Ok(only.text),
            _ => Ok(text),
        },
        // The server gives the better error.
        Err(_) => Ok(text),
    }
}

/// Whether the server can read no more than one statement in a text. It ends one at a semicolon only; those in strings, names and
/// comments it reads as they are read here, unless there is a backslash, which may be an escape. Where a body begins that has semicolons of
/// its own, only the server knows.
pub(super) fn is_one_statement(text: &str) -> bool {
    !text.contains(';') || !text.contains('\\') && !has_semicolon(text, Dialect::Postgres)
}

/// Asks the server to describe a statement. `requested`: a type for each column of the result.
pub(crate) async fn describe(
    connection: &mut PgConnection,
    types: &mut Types,
    statement: &str,
    requested: &[Option<ColumnType>],
    values: &[Value],
) -> Result<Described> {
    types.guard(connection).await?;
    let (placeholders, columns) = match prepare(connection, statement).await {
        Ok(found) => found,
        // The server has described it, but sqlx does not know the type of a column, such as a multirange.
        Err(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) if shape(statement) == Shape::Select => {
            describe_around(connection, types, statement, values).await?
        }
        Err(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => return Err(unknown_type()),
        Err(error) => return Err(from_sqlx(&error, Some(statement))),
    };
    let numbers: Vec<u32> = columns.iter().map(|(_, number)| *number).collect();
    let of = types.of(connection, &numbers).await?;
    let columns = columns.into_iter().zip(of).enumerate().map(|(index, ((name, _), of))| ResultColumn {
        name,
        read_as: ReadAs::new(&of, requested.get(index).copied().flatten()),
    });
    Ok(Described { placeholders, columns: columns.collect() })
}

fn unknown_type() -> DatabaseError {
    conversion("a parameter, or a column that a change answers, is of a type that the driver does not know, such as a multirange",
    )
    .hint("go through text: `$1::text::int4multirange`, `RETURNING a::text`")
}

type Sides = (Vec<PgTypeInfo>, Vec<(String, u32)>);

async fn prepare(connection: &mut PgConnection, statement: &str) -> Result<Sides, sqlx::Error> {
    let prepared = connection.prepare(AssertSqlSafe(statement).into_sql_str()).await?;
    let placeholders = match prepared.parameters() {
        Some(Either::Left(parameters)) => parameters.to_vec(),
        _ => Vec::new(),
    };
    Ok((placeholders, prepared.columns().iter().map(name_and_type).collect()))
}

fn name_and_type(column: &sqlx::postgres::PgColumn) -> (String, u32) {
    use sqlx::TypeInfo as _;
    let info = column.type_info();
    debug_assert!(!info.is_void() || info.oid().is_some());
    (column.name().to_owned(), info.oid().map_or(0, |oid| oid.0))
}

/// Describes the statement through two statements around it: one that returns none of its columns, and one that returns
/// a row of NULLs.
async fn describe_around(
    connection: &mut PgConnection,
    types: &mut Types,
    statement: &str,
    values: &[Value],
) -> Result<Sides> {
    let failed = |error: sqlx::Error| from_sqlx(&error, None);
    let nothing = format!("SELECT 1 FROM (\n{statement}\n) AS {ROWS}");
    let (placeholders, _) = prepare(connection, &nothing).await.map_err(failed)?;
    let arguments = parameters::encode(connection, types, &placeholders, values).await?;
    let declare = format!(
        "DECLARE runner_probe NO SCROLL CURSOR FOR SELECT {ROWS}.* FROM (VALUES (1)) AS runner_one LEFT JOIN LATERAL \
         (SELECT * FROM (\n{statement}\n) AS runner_none LIMIT 0) AS {ROWS} ON true"
    );
    run(connection, &declare, arguments).await?;
    let probe = sqlx::raw_sql(AssertSqlSafe("FETCH 1 FROM runner_probe; CLOSE runner_probe"));
    let rows = connection.fetch_all(probe).await.map_err(failed)?;
    let columns = rows.first().map(|row| row.columns().iter().map(name_and_type).collect());
    Ok((placeholders, columns.unwrap_or_default()))
}

/// Runs an internal statement that returns no rows, and returns how many it changed. The statement is not cached, so
/// its types must be known beforehand: sqlx looks an unknown type up by its own query, after which the server
/// forgets such a statement.
pub(crate) async fn run(connection: &mut PgConnection, statement: &str, arguments: PgArguments) -> Result<u64> {
    let query = sqlx::query_with(AssertSqlSafe(statement), arguments).persistent(false);
    connection.execute(query).await.map(|done| done.rows_affected()).map_err(|error| from_sqlx(&error, Some(statement)))
}

impl Described {
    /// Returns the statement that returns the columns in the form in which they are read, at most `rows` of them;
    /// `None` if the statement itself does that.
    pub(crate) fn wrapped(&self, statement: &str, rows: Option<usize>) -> Result<Option<String>> {
        let cast = self.columns.iter().find(|column| column.read_as.sent != Sent::AsItIs);
        if self.columns.is_empty() || cast.is_none() && rows.is_none() {
            return Ok(None);
        }
        let names: Vec<String> = (1..=self.columns.len()).map(|number| format!("c{number}")).collect();
        let list: Vec<String> =
            self.columns.iter().zip(&names).map(|(column, name)| column.read_as.sent.expression(name)).collect();
        let (names, list) = (names.join(", "), list.join(", "));
        let limit = rows.map_or_else(String::new, |rows| format!(" LIMIT {rows}"));
        match (shape(statement), cast) {
            (Shape::Select, _) => Ok(Some(format!("SELECT {list} FROM (\n{statement}\n) AS {ROWS} ({names}){limit}"))),
            // All rows are changed, even if fewer are requested.
            (Shape::Change, Some(_)) => {
                Ok(Some(format!("WITH {ROWS} ({names}) AS (\n{statement}\n) SELECT {list} FROM {ROWS}")))
            }
            (Shape::Other, Some(column)) => Err(conversion(format!(
                "column `{}` is of the type {}, which only a SELECT can deliver",
                column.name, column.read_as.type_name
            ))
            .hint("let the statement return the column as text")),
            (_, None) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_determined_from_words() {
        for (statement, expected) in [
            ("SELECT 1", Shape::Select),
            ("/* a */ (SELECT 1) UNION (SELECT 2)", Shape::Select),
            ("VALUES (1)", Shape::Select),
            ("TABLE t", Shape::Select),
            ("WITH x AS (SELECT 1) SELECT * FROM x", Shape::Select),
            ("WITH x AS (SELECT 'delete' AS \"update\" FROM t FOR UPDATE) SELECT * FROM x", Shape::Select),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", Shape::Change),
            ("INSERT INTO t VALUES (1) RETURNING id", Shape::Change),
            ("SHOW server_version", Shape::Other),
            ("EXPLAIN SELECT 1", Shape::Other),
            ("", Shape::Other),
        ] {
            assert_eq!(shape(statement), expected, "{statement}");
        }
    }

    #[test]
    fn text_without_a_statement_is_refused() {
        for none in ["", " \n", "-- nothing", "/* nothing */", ";"] {
            assert!(one_statement(none).is_err(), "{none:?}");
        }
        assert_eq!(one_statement("SELECT 1; -- the end").expect("one"), "SELECT 1");
        assert_eq!(one_statement("SELECT 1; SELECT 2").expect("the server refuses it"), "SELECT 1; SELECT 2");
    }
}
