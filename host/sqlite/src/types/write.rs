//! How the cells of a batch are stored in SQLite. `types.md` has the table.
//!
//! A column's affinity makes SQLite convert what it is given: `'007'` becomes 7 in an INTEGER column. A cell that would not
//! read back as it was written is refused, and named. Checks run over whole columns, and only for the pairs of type and
//! affinity that can lose something.

use std::borrow::Cow;

use crate::raw::{Cell, CellColumn, Cells};
use runner_data::decimal::{float_text, is_decimal, same_number};
use runner_data::{Column, ColumnValues, VarValues, temporal};
use runner_database::message::cell_text;
use runner_database::number::{exact_float, exact_integer};

/// How a column of SQLite converts values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    Integer,
    Real,
    Numeric,
    Text,
    /// Stores values unchanged; declared as BLOB.
    Blob,
    /// Stores values unchanged.
    None,
}

impl Affinity {
    /// The affinity of a declared type; see <https://sqlite.org/datatype3.html>. `strict`: of a STRICT table.
    pub(crate) fn of(declared: &str, strict: bool) -> Self {
        let name = declared.to_ascii_uppercase();
        let has = |part: &str| name.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") {
            Self::Blob
        } else if name.trim().is_empty() || (strict && name == "ANY") {
            Self::None
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real | Self::Numeric)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Numeric => "NUMERIC",
            Self::Text => "TEXT",
            Self::Blob | Self::None => "BLOB",
        }
    }
}

/// A column in the storage classes of SQLite.
pub(crate) struct Encoded<'a> {
    /// Empty, or one byte per row.
    nulls: &'a [u8],
    cells: Stored<'a>,
}

/// The entries of a column.
enum Stored<'a> {
    Boolean(&'a [u8]),
    Integer(&'a [i64]),
    Real(&'a [f64]),
    Text(Cow<'a, VarValues>),
    Blob(Cow<'a, VarValues>),
    /// Each entry in a storage class of its own.
    Each(Vec<Cell<'a>>),
}

impl Encoded<'_> {
    /// The column as statements take it.
    pub(crate) fn as_pull(&self) -> CellColumn<'_> {
        let cells = match &self.cells {
            Stored::Boolean(entries) => Cells::Boolean(entries),
            Stored::Integer(entries) => Cells::Integer(entries),
            Stored::Real(entries) => Cells::Real(entries),
            Stored::Text(values) => Cells::Text { offsets: &values.offsets, data: &values.data },
            Stored::Blob(values) => Cells::Blob { offsets: &values.offsets, data: &values.data },
            Stored::Each(entries) => Cells::Each(entries),
        };
        CellColumn { nulls: self.nulls, cells }
    }
}

/// A cell that cannot be stored as it is.
pub(crate) struct Unwritable {
    pub row: usize,
    pub what: String,
}

/// The column as a table's column of that affinity stores it.
pub(crate) fn encode(column: &Column, affinity: Affinity) -> Result<Encoded<'_>, Unwritable> {
    let cells = match &column.values {
        ColumnValues::Boolean(entries) => Stored::Boolean(entries),
        ColumnValues::Int64(entries) => {
            if affinity == Affinity::Real {
                refuse(column, entries.len(), |row| {
                    exact_float(entries[row]).is_none().then(|| "becomes another number as REAL".to_owned())
                })?;
            }
            Stored::Integer(entries)
        }
        ColumnValues::Float64(entries) => {
            if entries.iter().any(|entry| entry.is_nan()) {
                refuse(column, entries.len(), |row| {
                    entries[row].is_nan().then(|| "SQLite would store NULL for it".to_owned())
                })?;
            }
            if affinity == Affinity::Text {
                refuse(column, entries.len(), |_| Some("the column would turn the number into text".to_owned()))?;
            }
            Stored::Real(entries)
        }
        ColumnValues::Decimal(values) => decimals(column, values, affinity)?,
        ColumnValues::Text(values) => texts(column, values, affinity, |text, stored| text == stored)?,
        ColumnValues::Native(values) => texts(column, &values.texts, affinity, |text, stored| text == stored)?,
        ColumnValues::Json(values) => texts(column, values, affinity, same_number)?,
        ColumnValues::Bytes(values) => Stored::Blob(Cow::Borrowed(values)),
        ColumnValues::Uuid(entries) if affinity == Affinity::Blob => uuid_blobs(entries),
        _ => written(column)?,
    };
    Ok(Encoded { nulls: &column.nulls, cells })
}

/// Refuses the first cell that is not NULL and for which there is a reason.
fn refuse(column: &Column, rows: usize, reason: impl Fn(usize) -> Option<String>) -> Result<(), Unwritable> {
    for row in 0..rows {
        if column.is_null(row) {
            continue;
        }
        if let Some(reason) = reason(row) {
            return Err(unfit(column, row, &reason));
        }
    }
    Ok(())
}

fn unfit(column: &Column, row: usize, reason: &str) -> Unwritable {
    Unwritable { row, what: format!("{}: {reason}", cell_text(column, row)) }
}

/// Texts. In a numeric column, SQLite turns text that looks like a number into one; `same` says whether that loses
/// anything.
fn texts<'a>(
    column: &Column,
    values: &'a VarValues,
    affinity: Affinity,
    same: impl Fn(&[u8], &[u8]) -> bool,
) -> Result<Stored<'a>, Unwritable> {
    if !affinity.is_number() || !(0..values.len()).any(|row| looks_numeric(values.get(row))) {
        return Ok(Stored::Text(Cow::Borrowed(values)));
    }
    let mut cells = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        let text = values.get(row);
        if column.is_null(row) || !looks_numeric(text) {
            cells.push(Cell::Text(text));
            continue;
        }
        cells.push(number(column, row, text, affinity, &same)?);
    }
    Ok(Stored::Each(cells))
}

fn decimals<'a>(column: &Column, values: &'a VarValues, affinity: Affinity) -> Result<Stored<'a>, Unwritable> {
    refuse(column, values.len(), |row| (!is_decimal(values.get(row))).then(|| "is not a decimal number".to_owned()))?;
    if !affinity.is_number() {
        return Ok(Stored::Text(Cow::Borrowed(values)));
    }
    let mut cells = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        // The value under a NULL is meaningless.
        cells.push(if column.is_null(row) {
            Cell::Integer(0)
        } else {
            number(column, row, values.get(row), affinity, same_number)?
        });
    }
    Ok(Stored::Each(cells))
}

/// The number that a text becomes. Ours, not SQLite's: its reading of long fractions may be off in the last bit.
fn number<'a>(
    column: &Column,
    row: usize,
    text: &[u8],
    affinity: Affinity,
    same: impl Fn(&[u8], &[u8]) -> bool,
) -> Result<Cell<'a>, Unwritable> {
    let trimmed = trim(text);
    let trimmed = std::str::from_utf8(trimmed.strip_prefix(b"+").unwrap_or(trimmed)).unwrap_or_default();
    // A numeric column keeps no sign of zero: -0.0 plus 0.0 is 0.0.
    let real = trimmed.parse::<f64>().unwrap_or(f64::NAN) + 0.0;
    let integer = match trimmed.parse::<i64>() {
        Ok(integer) => Some(integer),
        Err(_) => exact_integer(real),
    };
    let (cell, stored) = match integer {
        Some(integer) if affinity != Affinity::Real => (Cell::Integer(integer), Some(integer.to_string())),
        _ => (Cell::Real(real), float_text(real)),
    };
    match stored {
        Some(stored) if same(text, stored.as_bytes()) => Ok(cell),
        Some(stored) => Err(unfit(column, row, &format!("its {} affinity would make {stored} of it", affinity.name()))),
        None => Err(unfit(column, row, &format!("its {} affinity cannot store it", affinity.name()))),
    }
}

/// Removes what SQLite treats as white space around a number.
fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let end = text.iter().rposition(is_text).map_or(start, |at| at + 1);
    &text[start..end]
}

/// Whether a numeric column would turn the text into a number.
fn looks_numeric(text: &[u8]) -> bool {
    let mut rest = trim(text);
    // Most texts end here.
    if !rest.first().is_some_and(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')) {
        return false;
    }
    fn digits<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
        let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        *rest = after;
        digits
    }
    if let [b'+' | b'-', after @ ..] = rest {
        rest = after;
    }
    let whole = digits(&mut rest);
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        rest = after;
        fraction = digits(&mut rest);
    }
    if whole.is_empty() && fraction.is_empty() {
        return false;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = after;
        if let [b'+' | b'-', after @ ..] = rest {
            rest = after;
        }
        if digits(&mut rest).is_empty() {
            return false;
        }
    }
    rest.is_empty()
}

fn uuid_blobs(entries: &[u64]) -> Stored<'static> {
    let mut values = VarValues::default();
    values.data.reserve(entries.len() * 8);
    for half in entries {
        values.data.extend_from_slice(&half.to_be_bytes());
    }
    values.offsets.extend((1..=entries.len() / 2).map(|row| (row * 16) as u32));
    Stored::Blob(Cow::Owned(values))
}

/// Dates, times and UUIDs as text. None of them looks like a number.
fn written(column: &Column) -> Result<Stored<'static>, Unwritable> {
    match &column.values {
        ColumnValues::Date(entries) => {
            write_out(column, entries.len(), |text, row| temporal::push_date(text, i64::from(entries[row])))
        }
        ColumnValues::Time(entries) => {
            write_out(column, entries.len(), |text, row| temporal::push_time(text, entries[row]))
        }
        ColumnValues::Timestamp(entries) => {
            write_out(column, entries.len(), |text, row| temporal::push_timestamp(text, entries[row], ' '))
        }
        ColumnValues::Timestamptz(entries) => write_out(column, entries.len(), |text, row| {
            temporal::push_timestamp(text, entries[row], 'T')?;
            text.push('Z');
            Ok(())
        }),
        ColumnValues::Uuid(entries) => write_out(column, entries.len() / 2, |text, row| {
            temporal::push_uuid(text, entries[row * 2], entries[row * 2 + 1]);
            Ok(())
        }),
        // The others are stored directly.
        _ => Ok(Stored::Each(Vec::new())),
    }
}

/// Text built one entry at a time; NULLs stay empty.
fn write_out(
    column: &Column,
    rows: usize,
    push: impl Fn(&mut String, usize) -> Result<(), String>,
) -> Result<Stored<'static>, Unwritable> {
    let mut data = String::with_capacity(rows * 24);
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    for row in 0..rows {
        if !column.is_null(row) {
            push(&mut data, row).map_err(|what| unfit(column, row, &what))?;
        }
        offsets.push(data.len() as u32);
    }
    Ok(Stored::Text(Cow::Owned(VarValues { offsets, data: data.into_bytes() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_match_sqlites() {
        for (declared, affinity) in [
            ("INTEGER", Affinity::Integer),
            ("varchar(20)", Affinity::Text),
            ("", Affinity::None),
            ("BLOB", Affinity::Blob),
            ("double precision", Affinity::Real),
            ("FLOATING POINT", Affinity::Integer),
            ("DECIMAL(10,2)", Affinity::Numeric),
            ("DATETIME", Affinity::Numeric),
            ("ANY", Affinity::Numeric),
        ] {
            assert_eq!(Affinity::of(declared, false), affinity, "{declared}");
        }
        assert_eq!(Affinity::of("ANY", true), Affinity::None);
    }

    #[test]
    fn numeric_text_is_recognised_as_sqlite_does() {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection.execute_batch("CREATE TABLE t (n NUMERIC)").expect("a table");
        for text in [
            "7",
            "007",
            " 7",
            "7 ",
            "\t7\n",
            "+7",
            "-7",
            "1.5",
            "1.",
            ".5",
            ".",
            "-",
            "1e5",
            "1e",
            "1e+",
            "1E-3",
            "0x10",
            "abc",
            "7a",
            "",
            " ",
            "1 2",
            "1e99999",
            "inf",
            "nan",
            "--1",
            "1_0",
            "7\u{b}",
            "7\u{a0}",
            "2026-01-01",
            "12:00",
            "- 1",
            "9223372036854775808",
            "1.5.5",
            "e5",
            "7\0",
        ] {
            connection.execute("DELETE FROM t", []).expect("emptied");
            connection.execute("INSERT INTO t VALUES (?1)", [text]).expect("inserted");
            let stored: String = connection.query_row("SELECT typeof(n) FROM t", [], |row| row.get(0)).expect("a type");
            assert_eq!(looks_numeric(text.as_bytes()), stored != "text", "{text:?} is stored as {stored}");
        }
    }
}
