//! What is known of a server: facts as data, so that nobody asks for its name.

use std::fmt;
use std::time::Duration;

/// The family of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

impl Dialect {
    /// The name as configuration, lockfile and messages spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres, Self::Mysql, Self::Mariadb].into_iter().find(|dialect| dialect.name() == name)
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

    /// Whether several connections can write at a time.
    pub fn has_many_writers(self) -> bool {
        self != Self::Sqlite
    }

    /// What is behind a SELECT whose rows nobody else may change before the transaction ends; empty where the transaction
    /// itself sees to that.
    pub fn locks_rows(self) -> &'static str {
        match self {
            Self::Sqlite | Self::Postgres => "",
            Self::Mysql | Self::Mariadb => " FOR UPDATE",
        }
    }

    /// How long a statement of a migration waits for a lock on a table or row where nobody says anything; none: as the
    /// server is set up. Where DDL is rolled back with its transaction, a migration can be tried again, and whoever waits
    /// in the queue behind it waits in small bites.
    pub fn table_lock_timeout(self) -> Option<Duration> {
        match self {
            Self::Postgres => Some(Duration::from_secs(3)),
            Self::Sqlite | Self::Mysql | Self::Mariadb => None,
        }
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

    /// The placeholder of the parameter with that number, counted from 1.
    pub fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
            Self::Mysql | Self::Mariadb => "?".to_owned(),
        }
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

/// What a server can do, as it was asked when the connection was made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The family, as the server itself reports it.
    pub dialect: Dialect,
    /// The version that the server reports.
    pub version: String,
    /// Whether a rollback takes DDL back.
    pub transactional_ddl: bool,
    /// Whether a single statement of DDL takes effect wholly or not at all, even if the server dies meanwhile.
    pub atomic_ddl: bool,
    /// Whether a single statement of DDL that names several objects, and fails, has done nothing to any of them.
    pub atomic_lists: bool,
    /// Whether a SELECT can leave out rows that somebody else has locked.
    pub skips_locked: bool,
    /// Whether the server refuses to write: a standby, a replica, a file opened for reading.
    pub read_only: bool,
    /// Where names without a schema belong: PostgreSQL's first schema of the search path, MySQL's database.
    pub schema: Option<String>,
}

impl Facts {
    /// What is true of the dialect before any server was asked.
    pub fn of_dialect(dialect: Dialect) -> Self {
        let transactional_ddl = matches!(dialect, Dialect::Sqlite | Dialect::Postgres);
        Self {
            dialect,
            version: String::new(),
            transactional_ddl,
            atomic_ddl: transactional_ddl,
            // MariaDB drops and makes one after the other, and goes on behind those that it cannot.
            atomic_lists: dialect != Dialect::Mariadb,
            skips_locked: dialect == Dialect::Postgres,
            read_only: false,
            schema: None,
        }
    }

    /// Where runner's own tables are: SQLite's main file, a schema of their own on PostgreSQL, MySQL's database.
    pub fn tool_schema(&self) -> &str {
        match self.dialect {
            Dialect::Sqlite => "main",
            Dialect::Postgres => TOOL_SCHEMA,
            Dialect::Mysql | Dialect::Mariadb => self.schema.as_deref().unwrap_or_default(),
        }
    }
}

/// The schema of runner's own tables where they have one to themselves.
pub const TOOL_SCHEMA: &str = "runner";

macro_rules! tool_tables {
    ($first:literal $(, $other:literal)*) => {
        /// The tables that runner keeps in a database. No migration may write to them, change them or stand in for them.
        pub const TOOL_TABLES: [&str; { [$first $(, $other)*].len() }] = [$first $(, $other)*];

        /// The same as a list of literals in SQL.
        pub const TOOL_TABLE_LITERALS: &str = concat!("'", $first, "'" $(, ", '", $other, "'")*);
    };
}

tool_tables!(
    "runner_history",
    "runner_artifact",
    "runner_journal",
    "runner_head",
    "runner_checkpoint",
    "runner_chunk",
    "runner_repair",
    "runner_evidence",
    "runner_control",
    "runner_progress",
    "runner_meta"
);

/// Whether a name is one of [`TOOL_TABLES`], in any case.
pub fn is_tool_table(name: &str) -> bool {
    TOOL_TABLES.iter().any(|table| table.eq_ignore_ascii_case(name))
}
