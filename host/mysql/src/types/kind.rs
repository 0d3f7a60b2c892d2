//! What the columns of a table hold, derived from the server's declarations. `types.md` has the table.

use std::collections::HashMap;

use sqlx::mysql::MySqlTypeInfo;

use runner_database::TableName;

/// What a column holds, with everything that decides whether a value fits without change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// `TINYINT(1)`, which is how both servers spell BOOLEAN.
    Boolean,
    /// An integer, with the least and greatest values that fit.
    Integer { least: i128, greatest: i128 },
    /// `YEAR`.
    Year,
    /// `BIT(n)`.
    Bit(u32),
    /// `FLOAT`, with the declared number of digits after the decimal point.
    Float(Option<u32>),
    /// `DOUBLE`, likewise.
    Double(Option<u32>),
    /// `DECIMAL` with that many digits after the decimal point.
    Decimal { precision: u32, scale: u32 },
    /// `DATE`.
    Date,
    /// `TIME` with that many fractional digits.
    Time(u32),
    /// `DATETIME`, likewise.
    Datetime(u32),
    /// `TIMESTAMP`, likewise.
    Timestamp(u32),
    /// `CHAR(n)`, whose trailing spaces are not kept, and `VARCHAR(n)`.
    Char { characters: usize, fixed: bool },
    /// `TEXT` of any size, with its limit in bytes.
    Text { bytes: usize },
    /// The words of an ENUM.
    Enum(Vec<String>),
    /// The words of a SET.
    Set(Vec<String>),
    /// `BINARY(n)`, which the server pads with zeros.
    Binary(usize),
    /// `VARBINARY` and `BLOB`.
    Bytes,
    /// JSON: a type on MySQL, on MariaDB a LONGTEXT that is checked to be JSON.
    Json,
    /// MariaDB's UUID.
    Uuid,
    /// MariaDB's INET4 and INET6, and any other type that is only known as text.
    Native(String),
    /// A geometry, in the server's own bytes.
    Geometry(String),
}

/// What a declared type such as `decimal(10,2) unsigned` means.
pub(crate) fn kind(declared: &str) -> ColumnKind {
    let (name, rest) = match declared.find(['(', ' ']) {
        Some(at) => declared.split_at(at),
        None => (declared, ""),
    };
    let name = name.to_ascii_lowercase();
    let arguments = rest.strip_prefix('(').and_then(|rest| rest.rsplit_once(')')).map_or("", |(inner, _)| inner);
    let number = |at: usize| arguments.split(',').nth(at).and_then(|text| text.trim().parse::<u32>().ok());
    let unsigned = rest.to_ascii_lowercase().contains("unsigned");
    let first = number(0);
    let integer = |bits: u32| {
        let all = 1_i128 << bits;
        if unsigned {
            ColumnKind::Integer { least: 0, greatest: all - 1 }
        } else {
            ColumnKind::Integer { least: -(all / 2), greatest: all / 2 - 1 }
        }
    };
    let length = first.unwrap_or(1) as usize;
    match name.as_str() {
        "tinyint" if first == Some(1) && !unsigned => ColumnKind::Boolean,
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" | "integer" => integer(32),
        "bigint" => integer(64),
        "year" => ColumnKind::Year,
        "bit" => ColumnKind::Bit(first.unwrap_or(1)),
        "float" => ColumnKind::Float(number(1)),
        "double" | "real" => ColumnKind::Double(number(1)),
        "decimal" | "numeric" => ColumnKind::Decimal { precision: first.unwrap_or(10), scale: number(1).unwrap_or(0) },
        "date" => ColumnKind::Date,
        "time" => ColumnKind::Time(first.unwrap_or(0)),
        "datetime" => ColumnKind::Datetime(first.unwrap_or(0)),
        "timestamp" => ColumnKind::Timestamp(first.unwrap_or(0)),
        "char" => ColumnKind::Char { characters: length, fixed: true },
        "varchar" => ColumnKind::Char { characters: length, fixed: false },
        "tinytext" => ColumnKind::Text { bytes: 255 },
        "text" => ColumnKind::Text { bytes: 65_535 },
        "mediumtext" => ColumnKind::Text { bytes: 16_777_215 },
        "longtext" => ColumnKind::Text { bytes: u32::MAX as usize },
        "enum" => ColumnKind::Enum(words(arguments)),
        "set" => ColumnKind::Set(words(arguments)),
        "binary" => ColumnKind::Binary(length),
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => ColumnKind::Bytes,
        "json" => ColumnKind::Json,
        "uuid" => ColumnKind::Uuid,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => ColumnKind::Geometry(name),
        _ => ColumnKind::Native(name),
    }
}

/// The words of `'a','it''s'`. The server also escapes a backslash, a line break and a zero byte.
fn words(list: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = list.chars().peekable();
    while let Some(opening) = characters.next() {
        if opening != '\'' {
            continue;
        }
        let mut word = String::new();
        while let Some(character) = characters.next() {
            word.push(match character {
                '\'' if characters.next_if_eq(&'\'').is_none() => break,
                '\\' => match characters.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    other => other.unwrap_or(character),
                },
                _ => character,
            });
        }
        words.push(word);
    }
    words
}

/// What a connection knows about tables and types without asking the server again.
#[derive(Default)]
pub(crate) struct TypeCache {
    columns: HashMap<TableName, Vec<(String, ColumnKind)>>,
    /// The server's type for DECIMAL.
    pub decimal: Option<MySqlTypeInfo>,
}

impl TypeCache {
    /// Forgets tables, because their definitions may have changed.
    pub fn forget_tables(&mut self) {
        self.columns.clear();
    }

    /// What the columns of a table hold, for types that the wire does not identify.
    pub fn columns(&self, table: &TableName) -> Option<&[(String, ColumnKind)]> {
        self.columns.get(table).map(Vec::as_slice)
    }

    /// Records what the columns of a table hold.
    pub fn add(&mut self, table: TableName, columns: Vec<(String, ColumnKind)>) {
        self.columns.insert(table, columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_understood() {
        for (declared, expected) in [
            ("tinyint(1)", ColumnKind::Boolean),
            ("tinyint(1) unsigned", ColumnKind::Integer { least: 0, greatest: 255 }),
            ("tinyint(4)", ColumnKind::Integer { least: -128, greatest: 127 }),
            ("int", ColumnKind::Integer { least: -(1 << 31), greatest: (1 << 31) - 1 }),
            ("bigint(20) unsigned zerofill", ColumnKind::Integer { least: 0, greatest: u64::MAX.into() }),
            ("decimal(10,2) unsigned", ColumnKind::Decimal { precision: 10, scale: 2 }),
            ("float(7,3)", ColumnKind::Float(Some(3))),
            ("double", ColumnKind::Double(None)),
            ("datetime(6)", ColumnKind::Datetime(6)),
            ("time", ColumnKind::Time(0)),
            ("varchar(40)", ColumnKind::Char { characters: 40, fixed: false }),
            ("enum('a','it''s','x,y','(z)')", ColumnKind::Enum(["a", "it's", "x,y", "(z)"].map(str::to_owned).into())),
            (r"set('a\\b','c\nd','\0','n')", ColumnKind::Set(["a\\b", "c\nd", "\0", "n"].map(str::to_owned).into())),
            ("enum('a','b) unsigned')", ColumnKind::Enum(["a", "b) unsigned"].map(str::to_owned).into())),
            ("uuid", ColumnKind::Uuid),
            ("inet6", ColumnKind::Native("inet6".to_owned())),
            ("point", ColumnKind::Geometry("point".to_owned())),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }
}
