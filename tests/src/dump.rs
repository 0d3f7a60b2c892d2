//! A database as text: schema and rows, so that two states can be compared and their difference shown.

use std::fmt;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

/// The prefix of the tool's tables.
const TOOL_PREFIX: &str = "runner_";

/// The whole content of a database, in a fixed order.
#[derive(Clone, PartialEq, Eq)]
pub struct Dump {
    objects: Vec<String>,
    tables: Vec<Table>,
}

#[derive(Clone, PartialEq, Eq)]
struct Table {
    name: String,
    rows: usize,
    digest: String,
    first: Vec<String>,
}

/// The whole database.
pub fn everything(connection: &Connection) -> Dump {
    dump(connection, |_| true)
}

/// Everything except the tool's own tables.
pub fn user(connection: &Connection) -> Dump {
    dump(connection, |table| !table.starts_with(TOOL_PREFIX))
}

/// The only value of a query, as text.
pub fn value(connection: &Connection, query: &str) -> String {
    let read = |row: &rusqlite::Row<'_>| Ok(cell(row.get_ref(0)?));
    connection.query_row(query, [], read).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// All rows of a query, one per line.
pub fn rows(connection: &Connection, query: &str) -> Vec<String> {
    let mut statement = connection.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let width = statement.column_count();
    let line = |row: &rusqlite::Row<'_>| {
        let cells = (0..width).map(|column| row.get_ref(column).map(cell)).collect::<Result<Vec<_>, _>>()?;
        Ok(cells.join("|"))
    };
    statement.query_map([], line).unwrap().collect::<Result<_, _>>().unwrap()
}

/// SQLite's own checks find no errors.
pub fn check(connection: &Connection) {
    assert_eq!(rows(connection, "PRAGMA integrity_check"), ["ok"], "the database file is damaged");
    assert_eq!(rows(connection, "PRAGMA foreign_key_check"), Vec::<String>::new(), "foreign keys are violated");
}

fn dump(connection: &Connection, chosen: impl Fn(&str) -> bool) -> Dump {
    let objects: Vec<(String, String, String)> = connection
        .prepare("SELECT type, tbl_name, coalesce(sql, name) FROM sqlite_schema ORDER BY type, name")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let objects: Vec<_> = objects.into_iter().filter(|(_, table, _)| chosen(table)).collect();
    let tables = objects.iter().filter(|(kind, ..)| kind == "table").map(|(_, table, _)| read(connection, table));
    let mut settings = Vec::new();
    for pragma in ["user_version", "application_id", "journal_mode"] {
        settings.push(format!("{pragma} = {}", value(connection, &format!("PRAGMA {pragma}"))));
    }
    Dump {
        tables: tables.collect(),
        objects: settings.into_iter().chain(objects.iter().map(|(.., sql)| sql.clone())).collect(),
    }
}

fn read(connection: &Connection, table: &str) -> Table {
    // Rows without a key have no order, so they are sorted.
    let mut lines = rows(connection, &format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")));
    lines.sort_unstable();
    let mut digest = Sha256::new();
    for line in &lines {
        digest.update(format!("{}:{line}", line.len()));
    }
    let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let rows = lines.len();
    lines.truncate(20);
    Table { name: table.to_owned(), rows, digest, first: lines }
}

/// A cell as text; different values have different texts.
fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

impl Dump {
    /// The names of the tables.
    pub fn tables(&self) -> Vec<&str> {
        self.tables.iter().map(|table| &*table.name).collect()
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for object in &self.objects {
            writeln!(f, "{object};")?;
        }
        for table in &self.tables {
            writeln!(f, "{}: {} rows, {}", table.name, table.rows, table.digest)?;
            for row in &table.first {
                writeln!(f, "  {row}")?;
            }
        }
        Ok(())
    }
}
