//! Single statements.
//!
//! | Rust | contract | SQLite | PostgreSQL | MySQL, MariaDB |
//! | --- | --- | --- | --- | --- |
//! | `bool` | `boolean` | BOOLEAN, stored as 0 and 1 | BOOLEAN | BOOLEAN, TINYINT(1) |
//! | `i64`, smaller integers | `int64` | INTEGER | SMALLINT, INTEGER, BIGINT | TINYINT … BIGINT |
//! | `f64`, `f32` | `float64` | REAL | REAL, DOUBLE PRECISION | FLOAT, DOUBLE |
//! | `String`, `&str` | `text` | TEXT | TEXT, VARCHAR, CHAR | TEXT, VARCHAR, CHAR |
//! | `Vec<u8>`, `&[u8]` | `bytes` | BLOB | BYTEA | BLOB, VARBINARY, BINARY |
//! | [`Decimal`] | `decimal` | DECIMAL, TEXT | NUMERIC | DECIMAL |
//! | [`Date`] | `date` | TEXT | DATE | DATE |
//! | [`Time`] | `time` | TEXT | TIME | TIME |
//! | [`Timestamp`] | `timestamp` | TEXT | TIMESTAMP | DATETIME |
//! | [`Timestamptz`] | `timestamptz` | TEXT | TIMESTAMPTZ | TIMESTAMP |
//! | [`Uuid`] | `uuid` | TEXT | UUID | UUID |
//! | [`Json`] | `json` | JSON, TEXT | JSON, JSONB | JSON |
//! | [`NativeValue`] | `native` | | every other type | every other type |
//! | `Option<T>` | `null` or the value | NULL | NULL | NULL |
//!
//! Where SQLite stores text, a query returns text; [`Row::get`] and `parse` convert it to a date or a time.
//!
//! Placeholders are the database's own: `?` or `?1` on SQLite, `$1` on PostgreSQL, `?` on MySQL and MariaDB. Each call
//! prepares exactly one statement. The host controls the transaction: BEGIN, COMMIT, ROLLBACK and SAVEPOINT are denied.
//!
//! ```no_run
//! use runner_guest::prelude::*;
//!
//! fn number_orders() -> Result<()> {
//!     let last: i64 = sql::query_scalar("SELECT coalesce(max(number), 0) FROM orders", params![])?;
//!     for (row, number) in sql::query("SELECT id FROM orders WHERE number IS NULL", params![])?.iter().zip(last + 1..) {
//!         let id: i64 = row.get("id")?;
//!         sql::execute("UPDATE orders SET number = ? WHERE id = ?", params![number, id])?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! [`Decimal`]: crate::value::Decimal
//! [`Date`]: crate::value::Date
//! [`Time`]: crate::value::Time
//! [`Timestamp`]: crate::value::Timestamp
//! [`Timestamptz`]: crate::value::Timestamptz
//! [`Uuid`]: crate::value::Uuid
//! [`Json`]: crate::value::Json
//! [`NativeValue`]: crate::value::NativeValue

#[cfg(feature = "sea-query")]
mod portable;
mod rows;

use crate::bindings::migration::runner::migration::sql;
use crate::error::from_host;
use crate::value::FromValue;
use crate::{Error, Result, Value};

#[cfg(feature = "sea-query")]
pub use portable::{execute_query, execute_schema, query_select};
pub use rows::{ColumnIndex, Row, Rows};

/// Runs one statement and returns the number of rows it changed (0 for DDL).
pub fn execute(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<u64> {
    sql::execute(statement.as_ref(), parameters.as_ref()).map_err(from_host)
}

/// Runs statements without parameters in order, up to the first that fails.
///
/// ```no_run
/// use runner_guest::prelude::*;
///
/// sql::execute_all([
///     "CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
///     "CREATE UNIQUE INDEX tags_name ON tags (name)",
/// ])?;
/// # Ok::<(), Error>(())
/// ```
pub fn execute_all<S: AsRef<str>>(statements: impl IntoIterator<Item = S>) -> Result<()> {
    statements.into_iter().try_for_each(|statement| execute(statement, []).map(drop))
}

/// Runs one statement and returns all rows of its result.
///
/// For small results: the host limits both rows and bytes, and returns an error of kind `limit` beyond that. Use
/// [`batches::read`](crate::batches::read) for larger results.
pub fn query(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<Rows> {
    sql::query(statement.as_ref(), parameters.as_ref()).map(Rows::new).map_err(from_host)
}

/// The only row of a result; it is an error if there is none or more than one.
pub fn query_one(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<Row> {
    query_optional(statement.as_ref(), parameters)?
        .ok_or_else(|| Error::new("the query returned no rows, but one was expected").with_detail(statement.as_ref()))
}

/// The only row of a result, or none; it is an error if there is more than one.
pub fn query_optional(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<Option<Row>> {
    let mut rows = query(statement.as_ref(), parameters)?.into_iter();
    match (rows.next(), rows.len()) {
        (row, 0) => Ok(row),
        (_, more) => Err(Error::new(format!("the query returned {} rows, but one was expected", more + 1))
            .with_detail(statement.as_ref())),
    }
}

/// The only value of a result with one row and one column: `sql::query_scalar::<i64>("SELECT count(*) FROM t", [])`.
pub fn query_scalar<T>(statement: impl AsRef<str>, parameters: impl AsRef<[Value]>) -> Result<T>
where
    T: for<'a> FromValue<'a>,
{
    query_one(statement, parameters)?.get(0)
}
