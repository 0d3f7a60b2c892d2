//! Statements of the host in an open transaction, with values that can be spelled in their text and results that can be read as text: all
//! those about the tool's own tables, and questions about a transform's whose keys are integers. Each is one message, with what surrounds
//! it, where a prepared statement takes three to six.

use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::describe::{Shape, shape};
use crate::changes::LITERALS;
use crate::error::Result;
use crate::host_sql::{is_sendable, text_of};
use crate::session::Session;
use runner_data::{RowSet, Value};
use runner_database::{Dialect, Role};
use runner_sql::{StatementClass, Tokens, classify};

/// From how many bytes on a value is sent as a parameter: in the text it takes the room of several copies.
const LARGE: usize = 64 << 10;

/// Whether a statement may be one of these.
pub(super) fn is_plain(session: &Session, statement: &str, values: &[Value]) -> bool {
    let is_small = |value: &Value| match value {
        Value::Text(text) => text.len() < LARGE,
        Value::Bytes(bytes) => bytes.len() < LARGE,
        _ => true,
    };
    session.role() == Role::Host
        && session.has_transaction()
        && !session.is_gated()
        && match session.is_about_tool_tables(statement) {
            true => values.iter().all(is_small),
            // The names in it are those of the user.
            false => {
                is_sendable(statement)
                    && shape(statement) == Shape::Select
                    && values.iter().all(|value| matches!(value, Value::Int64(_)))
            }
        }
        && classify(&Tokens::new(statement, Dialect::Postgres)) == StatementClass::Rows
}

/// Runs a change, and returns how many rows it has changed.
pub(super) async fn execute(session: &mut Session, statement: &str, values: &[Value]) -> Result<u64> {
    let text = LITERALS.fill(statement, values)?;
    session.ask_plainly(&text, 0).await.map(|answer| answer.affected)
}

/// Runs a query; returns `None` if its result has other types, and it has to be asked again.
pub(super) async fn query(
    session: &mut Session,
    statement: &str,
    values: &[Value],
    bytes: usize,
) -> Result<Option<RowSet>> {
    let text = LITERALS.fill(statement, values)?;
    let answer = session.ask_plainly(&text, bytes).await?;
    let columns = answer.rows.first().map_or(&[][..], |row| row.columns());
    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
    let cells = |row: &PgRow| (0..row.len()).map(|column| cell(row, column)).collect();
    let rows: Option<_> = answer.rows.iter().map(cells).collect();
    Ok(rows.map(|rows| RowSet { columns, rows }))
}

/// A cell in one of the types that the tool's tables have.
fn cell(row: &PgRow, column: usize) -> Option<Value> {
    if row.try_get_raw(column).is_ok_and(|cell| cell.is_null()) {
        return Some(Value::Null);
    }
    let text = text_of(row, column)?;
    match row.columns()[column].type_info().name() {
        "INT2" | "INT4" | "INT8" | "OID" => text.parse().ok().map(Value::Int64),
        "BOOL" => Some(Value::Boolean(text == "t")),
        "BYTEA" => text.strip_prefix("\\x").and_then(|digits| hex::decode(digits).ok()).map(Value::Bytes),
        "TEXT" | "VARCHAR" | "NAME" | "CHAR" => Some(Value::Text(text)),
        _ => None,
    }
}
