//! How a cell of SQLite becomes a cell of a batch. `types.md` has the table.
//!
//! SQLite stores a type with each cell; a batch has one type for each column. A column's type is what the caller asks for, else
//! what its declared type says, else the storage of the first cell that is not NULL. What does not fit into that
//! type without loss is an error that names the cell; values are never changed.
//!
//! # Why
//!
//! `DATE`, `DATETIME`, `TIMESTAMP`, `TIME` and `UUID` are delivered as stored. Under these names people keep ISO text
//! with and without seconds, zones and fractions, Unix seconds, milliseconds, Julian days, and UUIDs as text or blob.
//! Whichever meaning was assumed, a transform that reads a column and writes it back would rewrite the cells that are
//! stored in another way. Dates by default, as several drivers have them, are right for most tables and silent
//! corruption in the others.
//!
//! SQLite's own rules of affinity say what is preferred, not what is stored, so they are not followed to the letter: a
//! `NUMERIC` column can contain anything, and `INTERVAL` and `POINT` contain `INT`. Text for whatever does not fit
//! would make a column's type depend on its data, and break a batch function on one row in a million.

use crate::raw::{Active, Cell};
use runner_data::decimal::{float_text, is_decimal};
use runner_data::temporal;
use runner_data::{ColumnBuilder, ColumnType, ColumnValues, Value};
use runner_database::number::{exact_float, exact_integer};

/// What the declared type of a column says about its cells.
pub(crate) fn declared(statement: &Active<'_>, column: usize) -> Option<ColumnType> {
    statement.declared_type(column).and_then(|declared| declared_column_type(&declared))
}

/// The column type that a declared type means; none: as stored.
pub(crate) fn declared_column_type(declared: &str) -> Option<ColumnType> {
    let name = declared.to_ascii_uppercase();
    let has = |part: &str| name.contains(part);
    let base = name.split('(').next().unwrap_or_default().trim();
    if has("BOOL") {
        Some(ColumnType::Boolean)
    } else if has("INT") {
        // `FLOATING POINT`, `POINT` and `INTERVAL` contain `INT`, and so have integer affinity.
        (!has("POINT") && !has("INTERVAL")).then_some(ColumnType::Int64)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Some(ColumnType::Text)
    } else if has("BLOB") {
        Some(ColumnType::Bytes)
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Some(ColumnType::Float64)
    } else if base == "JSON" {
        Some(ColumnType::Json)
    } else if base == "DECIMAL" || base == "NUMERIC" || base == "DEC" {
        Some(ColumnType::Decimal)
    } else {
        None
    }
}

/// The column type that a cell is delivered in as it is stored.
pub(crate) fn stored_column_type(cell: Cell<'_>) -> Option<ColumnType> {
    match cell {
        Cell::Null => None,
        Cell::Integer(_) => Some(ColumnType::Int64),
        Cell::Real(_) => Some(ColumnType::Float64),
        Cell::Text(_) => Some(ColumnType::Text),
        Cell::Blob(_) => Some(ColumnType::Bytes),
    }
}

/// Where the type of a column comes from, which decides the conversions that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeSource {
    /// The caller asked for it: convert whatever can be converted exactly.
    Requested,
    /// The declared type.
    Declared,
    /// The first cell of a table's column whose declared type says nothing: all cells must be stored alike.
    FirstCell,
    /// The first cell of an expression.
    Expression,
}

/// Appends a cell whose storage class is its column's type, as nearly all are. Returns its size in bytes, without
/// that of the entry; `None` if the storage class is another, see [`push`]. The cursor checks text for UTF-8, a
/// column at a time.
#[inline(always)]
pub(crate) fn push_as_stored(builder: &mut ColumnBuilder, cell: Cell<'_>, limit: usize) -> Option<usize> {
    let size = match (builder.entries(), cell) {
        (ColumnValues::Int64(entries), Cell::Integer(number)) => {
            entries.push(number);
            0
        }
        (ColumnValues::Float64(entries), Cell::Real(number)) => {
            entries.push(number);
            0
        }
        (ColumnValues::Text(values) | ColumnValues::Json(values), Cell::Text(bytes))
        | (ColumnValues::Bytes(values), Cell::Blob(bytes))
            if bytes.len() <= limit =>
        {
            values.data.extend_from_slice(bytes);
            values.offsets.push(values.data.len() as u32);
            bytes.len()
        }
        _ => return None,
    };
    builder.pushed();
    Some(size)
}

/// Appends a cell to a column. Returns false if it does not fit into the column's type without loss.
pub(crate) fn push(builder: &mut ColumnBuilder, cell: Cell<'_>, source: TypeSource) -> bool {
    if matches!(cell, Cell::Null) {
        builder.push_null();
        return true;
    }
    push_as_stored(builder, cell, usize::MAX).is_some() || push_other(builder, builder.column_type(), cell, source)
}

fn push_other(builder: &mut ColumnBuilder, column_type: ColumnType, cell: Cell<'_>, source: TypeSource) -> bool {
    match (column_type, cell) {
        (ColumnType::Boolean, Cell::Integer(number @ (0 | 1))) => builder.push_boolean(number == 1),
        (ColumnType::Float64, Cell::Integer(number)) if source != TypeSource::FirstCell => {
            exact_float(number).is_some_and(|number| builder.push_float64(number))
        }
        (ColumnType::Decimal, Cell::Text(text)) => is_decimal(text) && builder.push_bytes(text),
        (ColumnType::Decimal | ColumnType::Json, Cell::Integer(_) | Cell::Real(_)) => {
            number_text(cell).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        _ => source == TypeSource::Requested && convert(builder, column_type, cell),
    }
}

/// The conversions that only an explicit request makes.
fn convert(builder: &mut ColumnBuilder, column_type: ColumnType, cell: Cell<'_>) -> bool {
    match (column_type, cell) {
        (ColumnType::Int64, Cell::Real(number)) => {
            exact_integer(number).is_some_and(|number| builder.push_int64(number))
        }
        (ColumnType::Text | ColumnType::Native, Cell::Integer(_) | Cell::Real(_)) => {
            number_text(cell).is_some_and(|text| builder.push_bytes(text.as_bytes()))
        }
        (ColumnType::Native | ColumnType::Bytes, Cell::Text(text)) => builder.push_bytes(text),
        (ColumnType::Date, Cell::Text(text)) => temporal::parse_date(text).is_some_and(|date| builder.push_date(date)),
        (ColumnType::Time, Cell::Text(text)) => temporal::parse_time(text).is_some_and(|time| builder.push_int64(time)),
        (ColumnType::Timestamp, Cell::Text(text)) => {
            temporal::parse_timestamp(text).is_some_and(|timestamp| builder.push_int64(timestamp))
        }
        (ColumnType::Timestamptz, Cell::Text(text)) => {
            temporal::parse_timestamptz(text).is_some_and(|timestamp| builder.push_int64(timestamp))
        }
        (ColumnType::Uuid, Cell::Text(text)) => {
            temporal::parse_uuid(text).is_some_and(|(high, low)| builder.push_uuid(high, low))
        }
        (ColumnType::Uuid, Cell::Blob(bytes)) => <[u8; 16]>::try_from(bytes).is_ok_and(|bytes| {
            let digits = u128::from_be_bytes(bytes);
            builder.push_uuid((digits >> 64) as u64, digits as u64)
        }),
        _ => false,
    }
}

fn number_text(cell: Cell<'_>) -> Option<String> {
    match cell {
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Real(number) => float_text(number),
        _ => None,
    }
}

/// A short description of a cell, for messages.
pub(crate) fn describe(cell: Cell<'_>) -> String {
    match cell {
        Cell::Null => cell.to_string(),
        Cell::Integer(_) => format!("the integer {cell}"),
        Cell::Real(_) => format!("the real number {cell}"),
        Cell::Text(_) => format!("the text {cell}"),
        Cell::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}

/// A cell of a small result: by its declared type where it fits, else as it is stored.
pub(crate) fn value(cell: Cell<'_>, declared: Option<ColumnType>) -> Result<Value, String> {
    let owned = |text: &[u8]| {
        std::str::from_utf8(text).map(str::to_owned).map_err(|_| format!("{}, which is not UTF-8", describe(cell)))
    };
    Ok(match (declared, cell) {
        (_, Cell::Null) => Value::Null,
        (Some(ColumnType::Boolean), Cell::Integer(number @ (0 | 1))) => Value::Boolean(number == 1),
        (Some(ColumnType::Decimal), Cell::Text(text)) if is_decimal(text) => Value::Decimal(owned(text)?),
        (Some(ColumnType::Json), Cell::Text(text)) => Value::Json(owned(text)?),
        (Some(wanted @ (ColumnType::Decimal | ColumnType::Json)), Cell::Integer(_) | Cell::Real(_)) => {
            match (number_text(cell), wanted, cell) {
                (Some(text), ColumnType::Decimal, _) => Value::Decimal(text),
                (Some(text), _, _) => Value::Json(text),
                (None, _, Cell::Real(number)) => Value::Float64(number),
                (None, ..) => Value::Null,
            }
        }
        (_, Cell::Integer(number)) => Value::Int64(number),
        (_, Cell::Real(number)) => Value::Float64(number),
        (_, Cell::Text(text)) => Value::Text(owned(text)?),
        (_, Cell::Blob(bytes)) => Value::Bytes(bytes.to_vec()),
    })
}
