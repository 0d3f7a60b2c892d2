//! What the columns of a table hold, read from how the server declares them. `types.md` has the table.

use sqlx::mysql::MySqlRow;
use sqlx::{Column as _, Row as _};

use super::schema::MysqlColumn;
use super::session;

/// What a column holds, with everything that decides whether a value fits into it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `TINYINT(1)`, which is how both servers spell BOOLEAN.
    Boolean,
    /// A whole number, and the least and greatest that fit.
    Integer { least: i128, greatest: i128 },
    /// `YEAR`.
    Year,
    /// `BIT(n)`.
    Bit(u32),
    /// `FLOAT`, and the digits behind the point that it is declared to keep.
    Float(Option<u32>),
    /// `DOUBLE`, likewise.
    Double(Option<u32>),
    /// `DECIMAL` with that many digits behind the point.
    Decimal { precision: u32, scale: u32 },
    /// `DATE`.
    Date,
    /// `TIME` with that many digits of a second.
    Time(u32),
    /// `DATETIME`, likewise.
    Datetime(u32),
    /// `TIMESTAMP`, likewise.
    Timestamp(u32),
    /// `CHAR(n)`, whose trailing spaces are not kept, and `VARCHAR(n)`.
    Char { characters: usize, fixed: bool },
    /// `TEXT` of any size, in bytes.
    Text { bytes: usize },
    /// The words of an ENUM.
    Enum(Vec<String>),
    /// The words of a SET.
    Set(Vec<String>),
    /// `BINARY(n)`, which fills up with zeros.
    Binary(usize),
    /// `VARBINARY` and `BLOB`.
    Bytes,
    /// JSON: a type on MySQL, on MariaDB a LONGTEXT that is checked to be JSON.
    Json,
    /// MariaDB's UUID.
    Uuid,
    /// MariaDB's INET4, INET6 and whatever else the server knows in text only.
    Native(String),
    /// A geometry, in the server's own bytes.
    Geometry(String),
}

impl Kind {
    /// What a column holds.
    pub fn of(column: &MysqlColumn) -> Self {
        if column.is_json { Self::Json } else { kind(&column.column_type) }
    }
}

/// The sets of columns that identify a row: unique indexes of whole columns without NULLs. Rows of `SHOW INDEX`.
pub(super) fn unique_keys(rows: &[MySqlRow]) -> Vec<Vec<String>> {
    let mut found: Vec<(String, Option<Vec<String>>)> = Vec::new();
    for row in rows {
        let cell = |name: &str| {
            let at = row.columns().iter().position(|column| column.name().eq_ignore_ascii_case(name));
            at.map(|at| session::text(row, at)).unwrap_or_default()
        };
        if cell("Non_unique") != "0" {
            continue;
        }
        let (index, name) = (cell("Key_name"), cell("Column_name"));
        // A part of a column, an expression, or a column with NULLs does not identify a row.
        let whole = cell("Sub_part").is_empty() && !name.is_empty() && cell("Null") != "YES";
        if found.last().is_none_or(|(last, _)| *last != index) {
            found.push((index, Some(Vec::new())));
        }
        if let Some((_, columns)) = found.last_mut() {
            match columns {
                Some(columns) if whole => columns.push(name),
                _ => *columns = None,
            }
        }
    }
    found.into_iter().filter_map(|(_, columns)| columns).collect()
}

/// What a declared type such as `decimal(10,2) unsigned` means.
fn kind(declared: &str) -> Kind {
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
            Kind::Integer { least: 0, greatest: all - 1 }
        } else {
            Kind::Integer { least: -(all / 2), greatest: all / 2 - 1 }
        }
    };
    let length = first.unwrap_or(1) as usize;
    match name.as_str() {
        "tinyint" if first == Some(1) && !unsigned => Kind::Boolean,
        "tinyint" => integer(8),
        "smallint" => integer(16),
        "mediumint" => integer(24),
        "int" | "integer" => integer(32),
        "bigint" => integer(64),
        "year" => Kind::Year,
        "bit" => Kind::Bit(first.unwrap_or(1)),
        "float" => Kind::Float(number(1)),
        "double" | "real" => Kind::Double(number(1)),
        "decimal" | "numeric" => Kind::Decimal { precision: first.unwrap_or(10), scale: number(1).unwrap_or(0) },
        "date" => Kind::Date,
        "time" => Kind::Time(first.unwrap_or(0)),
        "datetime" => Kind::Datetime(first.unwrap_or(0)),
        "timestamp" => Kind::Timestamp(first.unwrap_or(0)),
        "char" => Kind::Char { characters: length, fixed: true },
        "varchar" => Kind::Char { characters: length, fixed: false },
        "tinytext" => Kind::Text { bytes: 255 },
        "text" => Kind::Text { bytes: 65_535 },
        "mediumtext" => Kind::Text { bytes: 16_777_215 },
        "longtext" => Kind::Text { bytes: u32::MAX as usize },
        "enum" => Kind::Enum(words(arguments)),
        "set" => Kind::Set(words(arguments)),
        "binary" => Kind::Binary(length),
        "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        "json" => Kind::Json,
        "uuid" => Kind::Uuid,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Kind::Geometry(name),
        _ => Kind::Native(name),
    }
}

/// The words of `'a','it''s'`.
fn words(list: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = list.chars().peekable();
    while let Some(opening) = characters.next() {
        if opening != '\'' {
            continue;
        }
        let mut word = String::new();
        while let Some(character) = characters.next() {
            if character == '\'' && characters.next_if_eq(&'\'').is_none() {
                break;
            }
            word.push(character);
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_understood() {
        for (declared, expected) in [
            ("tinyint(1)", Kind::Boolean),
            ("tinyint(1) unsigned", Kind::Integer { least: 0, greatest: 255 }),
            ("tinyint(4)", Kind::Integer { least: -128, greatest: 127 }),
            ("int", Kind::Integer { least: -(1 << 31), greatest: (1 << 31) - 1 }),
            ("bigint(20) unsigned zerofill", Kind::Integer { least: 0, greatest: u64::MAX.into() }),
            ("decimal(10,2) unsigned", Kind::Decimal { precision: 10, scale: 2 }),
            ("float(7,3)", Kind::Float(Some(3))),
            ("double", Kind::Double(None)),
            ("datetime(6)", Kind::Datetime(6)),
            ("time", Kind::Time(0)),
            ("varchar(40)", Kind::Char { characters: 40, fixed: false }),
            ("enum('a','it''s','x,y','(z)')", Kind::Enum(["a", "it's", "x,y", "(z)"].map(str::to_owned).into())),
            ("uuid", Kind::Uuid),
            ("inet6", Kind::Native("inet6".to_owned())),
            ("point", Kind::Geometry("point".to_owned())),
        ] {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }
}
