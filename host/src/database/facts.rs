//! What is known of a server, as data: callers ask for a fact, never for the name of the server.

use crate::dialect::Dialect;

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
    /// Whether a SELECT can leave out rows that others have locked.
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
            // MariaDB drops and makes one after the other, and goes on after those that it cannot.
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
