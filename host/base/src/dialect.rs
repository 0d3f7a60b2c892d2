//! The SQL dialects, and what is true of each of them before any server is asked: how statements are spelled, and which ways
//! lead through an index.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

crate::named! {
    /// The family of a database.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub enum Dialect {
        /// SQLite 3.
        Sqlite = "sqlite",
        /// PostgreSQL.
        Postgres = "postgres",
        /// MySQL.
        Mysql = "mysql",
        /// MariaDB.
        Mariadb = "mariadb",
    }
}

impl Dialect {
    /// Returns a comparison operator for a column of this declared type. PostgreSQL looks an unqualified operator up on
    /// the search path, where it could be any user's; those of the server's own types are in `pg_catalog`.
    pub fn comparison(self, operator: &'static str, declared_type: &str) -> Cow<'static, str> {
        if self == Self::Postgres && is_postgres_own(declared_type) {
            format!("OPERATOR(pg_catalog.{operator})").into()
        } else {
            operator.into()
        }
    }

    /// Returns the type of a key of this declared type, if the key passes through text: it has values that a batch has no type for,
    /// PostgreSQL's `infinity` and `NaN`.
    pub fn type_of_text_key(self, declared_type: &str) -> Option<&'static str> {
        if self != Self::Postgres {
            return None;
        }
        let (name, rest) = declared_type.split_once(['(', ' ']).unwrap_or((declared_type, ""));
        match name {
            "date" => Some("pg_catalog.date"),
            "numeric" => Some("pg_catalog.numeric"),
            "timestamp" if rest.ends_with("with time zone") => Some("pg_catalog.timestamptz"),
            "timestamp" if rest.ends_with("without time zone") => Some("pg_catalog.timestamp"),
            _ => None,
        }
        .filter(|_| !declared_type.ends_with(']'))
    }

    /// Returns the expression for a key of this declared type, quoted as `column`, that is delivered as what is stored, whatever a
    /// batch delivers such a column as.
    pub fn as_stored(self, column: &str, declared_type: &str) -> String {
        let declared = declared_type.to_ascii_lowercase();
        match (self, declared.split(['(', ' ']).next().unwrap_or_default()) {
            // 7 in a BOOLEAN.
            (Self::Mysql | Self::Mariadb, "tinyint") => format!("{column} + 0"),
            // Zero dates, and times of more than a day.
            (Self::Mysql | Self::Mariadb, "date" | "time" | "datetime" | "timestamp") => {
                format!("CAST({column} AS CHAR)")
            }
            // Integers and reals, which have one type only by what is declared.
            (Self::Sqlite, "decimal" | "numeric" | "dec") => column.to_owned(),
            // Any type of cell: a declared type is a preference, which an expression does not have.
            (Self::Sqlite, _) => format!("+{column}"),
            _ => column.to_owned(),
        }
    }

    /// Whether an index is used to seek `(a, b) > (1, 2)`; otherwise only `a > 1 OR a = 1 AND b > 2` is quick.
    pub fn seeks_by_rows(self) -> bool {
        matches!(self, Self::Sqlite | Self::Postgres)
    }

    /// Whether a column of this declared type is ordered by another measure than the one it is compared by with a value:
    /// MySQL and MariaDB order an ENUM by the number of its label, and compare it as text; a BIT is a number that comes as
    /// bytes.
    pub fn orders_unlike_it_compares(self, declared_type: &str) -> bool {
        let begins = |word: &str| {
            let (head, rest) = declared_type.trim_start().split_at_checked(word.len()).unwrap_or_default();
            head.eq_ignore_ascii_case(word) && !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        };
        matches!(self, Self::Mysql | Self::Mariadb) && ["enum", "set", "bit"].into_iter().any(begins)
    }

    /// Whether a schema is a database of its own: a scratch database then stands in for all that a project names.
    pub fn schemas_are_databases(self) -> bool {
        matches!(self, Self::Mysql | Self::Mariadb)
    }

    /// Whether what is meant for this dialect is meant for that server: what is for MySQL is for MariaDB too.
    pub fn includes(self, server: Self) -> bool {
        self == server || (self, server) == (Self::Mysql, Self::Mariadb)
    }

    /// The dialects that files for this server may be written in, the best first.
    pub fn written_as(self) -> &'static [Self] {
        match self {
            Self::Sqlite => &[Self::Sqlite],
            Self::Postgres => &[Self::Postgres],
            Self::Mysql => &[Self::Mysql],
            Self::Mariadb => &[Self::Mariadb, Self::Mysql],
        }
    }

    /// Whether the two can replicate from each other: MySQL and MariaDB are one kind of server.
    pub fn is_akin(self, other: Self) -> bool {
        self.includes(other) || other.includes(self)
    }

    /// Whether there is a server, with sessions and replicas, rather than a file.
    pub fn has_server(self) -> bool {
        self != Self::Sqlite
    }

    /// Whether several connections can write at a time.
    pub fn has_many_writers(self) -> bool {
        self != Self::Sqlite
    }

    /// Whether a server knows the lag of its replicas. Elsewhere each replica must be asked.
    pub fn reports_replicas(self) -> bool {
        self == Self::Postgres
    }

    /// Whether a scratch copy of a database can be made. PostgreSQL needs none: it rolls back whatever a dry run does.
    pub fn has_scratch_copies(self) -> bool {
        self != Self::Postgres
    }

    /// What a transaction leaves after its rollback, or keeps from others until then, as a dry run reports.
    pub fn rollback_caveats(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["it held the database's write lock while it ran"],
            Self::Postgres => &[
                "it held locks on tables and rows while it ran, and left dead rows for VACUUM",
                "sequences are not reset",
                "effects of functions and triggers outside the database are not rolled back",
            ],
            Self::Mysql | Self::Mariadb => &[
                "it held locks on tables and rows while it ran",
                "AUTO_INCREMENT counters and sequences are not reset",
            ],
        }
    }

    /// Whether a page that is read for a change locks each of its rows, so that others may insert rows between them. Elsewhere
    /// the transaction itself keeps such changes out.
    pub fn locks_rows(self) -> bool {
        matches!(self, Self::Mysql | Self::Mariadb)
    }

    /// How long a statement of a migration waits for a lock on a table or row by default; `None`: as long as the URL
    /// says. All that comes after it queues behind it, so it gives up early, and the migration is retried.
    pub fn table_lock_timeout(self) -> Option<Duration> {
        self.has_many_writers().then_some(Duration::from_secs(3))
    }

    /// An identifier as a statement quotes it.
    pub fn quote(self, identifier: &str) -> String {
        let mark = if matches!(self, Self::Mysql | Self::Mariadb) { '`' } else { '"' };
        let mut quoted = String::with_capacity(identifier.len() + 2);
        quoted.push(mark);
        for character in identifier.chars() {
            if character == mark {
                quoted.push(mark);
            }
            quoted.push(character);
        }
        quoted.push(mark);
        quoted
    }

    /// A text as a literal of a statement, which has to reach the server in the encoding that it is in. Fails with the rest of a
    /// sentence whose subject is the text.
    pub fn text_literal(self, text: &str) -> Result<String, String> {
        if text.contains('\0') {
            return Err("has a NUL character".to_owned());
        }
        let doubled = text.replace('\'', "''");
        Ok(match self {
            Self::Postgres => format!("E'{}'", doubled.replace('\\', "\\\\")),
            // A backslash is one or the beginning of an escape, depending on `sql_mode`, or a part of the character before it, depending
            // on the character set of the session.
            Self::Mysql | Self::Mariadb if !text.is_ascii() || text.contains('\\') => {
                format!("_utf8mb4 X'{}'", hex::encode(text))
            }
            _ => format!("'{doubled}'"),
        })
    }

    /// A text as a value in a text that the host sends on its own behalf, as a session that a guest has touched reads it in any state.
    /// Fails with the rest of a sentence whose subject is the text.
    pub fn host_literal(self, text: &str) -> Result<String, String> {
        match self {
            Self::Postgres if text.contains('\0') => Err("has a NUL character".to_owned()),
            Self::Postgres => Ok(postgres_value(text)),
            _ => self.text_literal(text),
        }
    }

    /// The placeholder of the parameter with that number, counted from 1.
    pub fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
            Self::Mysql | Self::Mariadb => "?".to_owned(),
        }
    }
}

impl FromStr for Dialect {
    type Err = ();

    /// The dialect of a [name](Self::name).
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::from_name(name).ok_or(())
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Mariadb => "MariaDB",
        })
    }
}

/// A text as PostgreSQL decodes it: hexadecimal, unless it has nothing but plain characters. `client_encoding`, escapes and the search
/// path have no say in what it means. The name of the encoding is cast so that it has the default collation, which the text then has
/// too: a `name` has another one, and no index would be used.
pub fn postgres_value(text: &str) -> String {
    let is_plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'\'' | b'\\' | b'$');
    if text.bytes().all(is_plain) {
        return format!("'{text}'");
    }
    let hex = hex::encode(text);
    format!("pg_catalog.convert_from(pg_catalog.decode('{hex}', 'hex'), 'UTF8'::pg_catalog.text::pg_catalog.name)")
}

/// Whether a declared type is one of PostgreSQL's own: a type of a user is shown with its schema, or in quotes if it has the name
/// of one of these.
fn is_postgres_own(declared_type: &str) -> bool {
    const OWN: [&str; 17] = [
        "bigint",
        "boolean",
        "bytea",
        "character varying",
        "character",
        "date",
        "double precision",
        "integer",
        "name",
        "numeric",
        "oid",
        "real",
        "smallint",
        "text",
        "time",
        "timestamp",
        "uuid",
    ];
    let name = declared_type.split('(').next().unwrap_or_default().trim_end();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    OWN.contains(&name) || name.split_once(' ').is_some_and(|(first, _)| matches!(first, "time" | "timestamp"))
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Mariadb, Mysql, Postgres, Sqlite};

    #[test]
    fn what_is_for_mysql_is_for_mariadb_too() {
        assert!(Mysql.includes(Mariadb) && !Mariadb.includes(Mysql) && Sqlite.includes(Sqlite));
        assert!(Mariadb.is_akin(Mysql) && Mysql.is_akin(Mariadb) && !Postgres.is_akin(Mysql));
    }

    #[test]
    fn what_the_host_sends_to_postgresql_is_plain() {
        assert_eq!(Postgres.host_literal("2026-01-05 \"a\"").as_deref(), Ok("'2026-01-05 \"a\"'"));
        for text in ["it's", "a\\", "$runner$", "a\nb", "\u{554a}\\'); --"] {
            let spelled = Postgres.host_literal(text).expect("a value");
            assert!(spelled.is_ascii() && !spelled.contains(['\\', '$']), "{spelled}");
            assert!(spelled.contains(&hex::encode(text)), "{spelled}");
        }
        assert!(Postgres.host_literal("a\0b").is_err());
    }
}
