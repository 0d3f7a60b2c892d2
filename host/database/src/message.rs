//! Cells and rows in messages, in the same form on every database.

use super::TableInfo;
use runner_data::{Batch, Column, Value, temporal};

/// How many characters of a text, or bytes, a message shows.
const EXCERPT: usize = 40;

/// How to make a table transactional if its engine is not.
pub const TAKES_PART: &str = "`ALTER TABLE … ENGINE = InnoDB` makes a table take part in transactions";

/// What helps against an error of foreign keys where a rebuild was meant.
pub const REBUILD: &str = "if the migration rebuilds a table, write the directive `-- runner:table-rebuild` at the top of the file: \
     foreign keys are then checked as a whole at the end";

/// How to rebuild a table of SQLite.
pub const REBUILD_ORDER: &str = "create the new table under another name, copy the rows, drop the old table and rename the new one, since the \
     foreign keys of other tables follow a table that is renamed";

/// Describes a table whose engine does not support transactions.
pub fn takes_nothing_back(table: impl std::fmt::Display, engine: &str) -> String {
    format!("a table that takes nothing back, `{table}` of the engine {engine}")
}

/// Returns the beginning of a text, quoted, with control characters escaped.
pub fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(EXCERPT * 4 + 4)]).into_owned();
    let start: String = text.chars().take(EXCERPT).collect();
    if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
}

/// The most bytes of a server's text that are kept: it may hold a value of any length.
const TOLD: usize = 64 << 10;

/// Returns the beginning of a text of a server.
pub fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(TOLD)]
}

/// Returns the beginning of bytes as an SQL literal.
pub fn excerpt_of_bytes(bytes: &[u8]) -> String {
    format!("x'{}'", hex::encode(&bytes[..bytes.len().min(EXCERPT)]))
}

/// Formats a cell of a validated column.
pub fn cell_text(column: &Column, row: usize) -> String {
    value_text(&Value::of_cell(column, row))
}

/// Formats a value; a long one is cut.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int64(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Float64(number) => format!("{number:?}"),
        Value::Decimal(text) => text.clone(),
        Value::Text(text) | Value::Json(text) | Value::Native { text, .. } => excerpt(text.as_bytes()),
        Value::Bytes(bytes) => excerpt_of_bytes(bytes),
        value => temporal::value_text(value).unwrap_or_else(|_| format!("{value:?}")),
    }
}

/// Formats the cells of a row with the names of their columns: `id = 7, day = 2026-01-05`.
pub fn cells_text<'a>(columns: impl Iterator<Item = &'a Column>, row: usize) -> String {
    columns.map(|column| format!("{} = {}", column.name, cell_text(column, row))).collect::<Vec<_>>().join(", ")
}

/// The most characters of a row in a message, and of one of its values.
const ROW: usize = 200;

/// Formats the cells of a row, those of its key first. Long values are cut, and columns that do not fit are left out.
pub fn row_text(rows: &Batch, key: &[String], row: usize) -> String {
    let of_key = key.iter().filter_map(|name| rows.column(name));
    let others = rows.columns.iter().filter(|column| !key.contains(&column.name));
    let (mut text, mut length) = (String::new(), 0);
    for column in of_key.chain(others) {
        let value = cell_text(column, row);
        // A text is cut already, and its quotes and escapes come on top.
        let cut = value.char_indices().nth(2 * EXCERPT).map_or(value.len(), |(at, _)| at);
        let ellipsis = if cut < value.len() { "…" } else { "" };
        let cell = format!("{} = {}{ellipsis}", column.name, &value[..cut]);
        length += cell.chars().count() + 2;
        if length > ROW && !text.is_empty() {
            text.push_str(", …");
            break;
        }
        text.push_str(if text.is_empty() { "" } else { ", " });
        text.push_str(&cell);
    }
    text
}

/// Names a row of a batch: by the key if the batch has it (empty means the table's own key), otherwise by what it holds.
pub fn row_name(table: &TableInfo, key: &[String], rows: &Batch, row: usize) -> String {
    let key = if key.is_empty() { &table.key } else { key };
    let cells = key.iter().filter_map(|name| {
        let exact = rows.columns.iter().find(|column| column.name == *name);
        exact.or_else(|| rows.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)))
    });
    match cells_text(cells, row) {
        none if none.is_empty() => format!("row {}", row_text(rows, &[], row)),
        cells => format!("row {cells}"),
    }
}

/// Formats the values of columns, such as a key, for messages.
pub fn values_text(names: &[String], key: &[Value]) -> String {
    let cell = |(name, value): (&String, &Value)| format!("{name} = {}", value_text(value));
    names.iter().zip(key).map(cell).collect::<Vec<_>>().join(", ")
}

/// Returns the line and column of a byte of a statement, with the text there.
pub fn place_in(statement: &str, offset: usize) -> Option<String> {
    let before = statement.get(..offset)?;
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = statement[start..offset].chars().count() + 1;
    let near: String = statement[offset..].chars().take_while(|c| *c != '\n').take(30).collect();
    Some(if near.trim().is_empty() {
        format!("line {line}, column {column}")
    } else {
        format!("line {line}, column {column}, at `{}`", near.trim_end())
    })
}
