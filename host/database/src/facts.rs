//! What is known about a server, as data: callers ask for a fact, never for the name of the server.

use std::path::PathBuf;

use super::DatabaseError;
#[cfg(debug_assertions)]
use super::DatabaseErrorKind;
use super::dialect_sql::DialectSql;
pub use super::place::{
    GATE_NAMES, GUARDED_TABLES, HistoryPlace, LEASE_TABLES, TOOL_SCHEMA, TOOL_TABLES, is_tool_table,
    may_name_tool_objects, tool_table,
};
use runner_base::dialect::Dialect;

runner_base::named! {
    /// What keeps two runs on one database apart.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum LockKind {
        /// A lock on a file next to the database.
        File = "file",
        /// An advisory lock that an open transaction holds.
        Advisory = "advisory",
        /// User locks (`GET_LOCK`) that sessions hold.
        UserLocks = "user-locks",
        /// A row that says who has it until when, which its holder renews.
        Lease = "lease",
    }
}

impl LockKind {
    /// What it is, for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::File => "a locked file next to the database",
            Self::Advisory => "an advisory lock of an open transaction",
            Self::UserLocks => "user locks of the server (`GET_LOCK`)",
            Self::Lease => "a lease: a row that a run keeps renewing",
        }
    }
}

/// What a mode of a server changes in the meaning of a text in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadMode {
    /// A backslash in a string is a backslash (`NO_BACKSLASH_ESCAPES` of `sql_mode`).
    NoBackslashEscapes,
    /// A definition is in the language of Oracle (`ORACLE` of `sql_mode`).
    Oracle,
    /// An empty string is NULL (`EMPTY_STRING_IS_NULL` of `sql_mode`).
    EmptyStringIsNull,
    /// A backslash in a string begins an escape (`standard_conforming_strings` is off).
    BackslashEscapes,
}

/// A database with the extension Citus, which spreads tables over several servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citus {
    /// The version of the extension.
    pub version: String,
    /// Whether it is the coordinator of a cluster. A worker is refused, so anything else belongs to no cluster yet.
    pub is_coordinator: bool,
    /// The number of workers.
    pub workers: u32,
}

impl Citus {
    /// The statement that keeps what its transaction creates on this server alone: with these settings on, Citus would take each new
    /// schema, or each new table, into its own hands.
    pub const STAYS: &str = "SELECT CASE WHEN pg_catalog.current_setting('citus.enable_schema_based_sharding', true) IS NOT NULL \
        THEN pg_catalog.set_config('citus.enable_schema_based_sharding', 'off', true) END, \
        CASE WHEN pg_catalog.current_setting('citus.use_citus_managed_tables', true) IS NOT NULL \
        THEN pg_catalog.set_config('citus.use_citus_managed_tables', 'off', true) END";

    /// The statement that undoes [`Self::STAYS`].
    pub const SPREADS: &str = "SELECT CASE WHEN pg_catalog.current_setting('citus.enable_schema_based_sharding', true) IS NOT NULL \
        THEN pg_catalog.set_config('citus.enable_schema_based_sharding', NULL, true) END, \
        CASE WHEN pg_catalog.current_setting('citus.use_citus_managed_tables', true) IS NOT NULL \
        THEN pg_catalog.set_config('citus.use_citus_managed_tables', NULL, true) END";
}

/// What a server can do, determined when the connection is made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The family, as the server itself reports it.
    pub dialect: Dialect,
    /// Its SQL.
    pub sql: &'static DialectSql,
    /// The version that the server reports.
    pub version: String,
    /// What the server also calls itself (`version_comment`), if it does.
    pub comment: Option<String>,
    /// What keeps two runs apart.
    pub lock: LockKind,
    /// Whether a rollback undoes DDL.
    pub transactional_ddl: bool,
    /// Whether a single DDL statement takes effect completely or not at all, even if the server crashes meanwhile.
    pub atomic_ddl: bool,
    /// Whether a single DDL statement that names several objects and fails leaves all of them unchanged.
    pub atomic_lists: bool,
    /// Whether a SELECT can skip rows that other transactions have locked.
    pub skips_locked: bool,
    /// Whether a replica is asked by `SHOW REPLICA STATUS`; MySQL before 8.0.22, and MariaDB, have their own words.
    pub has_replica_status: bool,
    /// Whether there is a type `UUID`; MySQL, and MariaDB before 10.7, have none.
    pub has_uuid: bool,
    /// Whether a component under grants has a login of its own, which `runner grants sync` makes. Not where the connect options leave
    /// logins out.
    pub separate_logins: bool,
    /// Whether the server refuses writes: a standby, a replica, or a file opened for reading.
    pub read_only: bool,
    /// The maximum number of bytes that the server accepts at once, if it has such a limit.
    pub packet_bytes: Option<usize>,
    /// Modes of the server in which its own client would read a text in SQL in another way than runner, which reads without them.
    pub unread_modes: Vec<UnreadMode>,
    /// How far apart the numbers are that the server assigns (`auto_increment_increment`), where that is a setting.
    pub increment: Option<u64>,
    /// What the database is in a cluster of Citus; `None` without that extension.
    pub citus: Option<Citus>,
    /// The schema of unqualified names: the first schema of the search path on PostgreSQL, the database on MySQL.
    pub schema: Option<String>,
    /// Where runner's own tables are.
    pub history: HistoryPlace,
    /// The database file; `None` on servers and in memory.
    pub file: Option<PathBuf>,
    /// The number of the session with the server.
    pub session: u64,
}

impl Facts {
    /// Returns what is true of the dialect before the server has been asked. The driver adds its SQL.
    pub fn of_dialect(dialect: Dialect) -> Self {
        let transactional_ddl = matches!(dialect, Dialect::Sqlite | Dialect::Postgres);
        Self {
            dialect,
            sql: &DialectSql::NONE,
            version: String::new(),
            comment: None,
            lock: match dialect {
                Dialect::Sqlite => LockKind::File,
                Dialect::Postgres => LockKind::Advisory,
                Dialect::Mysql | Dialect::Mariadb => LockKind::UserLocks,
            },
            transactional_ddl,
            atomic_ddl: transactional_ddl,
            // MariaDB drops and creates the objects one by one, and continues after those that fail.
            atomic_lists: dialect != Dialect::Mariadb,
            skips_locked: dialect == Dialect::Postgres,
            has_replica_status: false,
            has_uuid: matches!(dialect, Dialect::Postgres | Dialect::Mariadb),
            separate_logins: dialect.has_server(),
            read_only: false,
            packet_bytes: None,
            unread_modes: Vec::new(),
            increment: None,
            citus: None,
            schema: None,
            history: HistoryPlace::default(),
            file: None,
            session: 0,
        }
    }

    /// Returns these facts as the tests of this project need them: in a debug build, `RUNNER_TEST_FACTS` takes away
    /// what the server can do, such as `skips_locked,atomic_ddl`. So what is done on servers that the tests cannot
    /// start is tested on those that they can.
    pub fn forced_in_tests(self) -> Result<Self, DatabaseError> {
        #[cfg(debug_assertions)]
        if let Ok(without) = std::env::var("RUNNER_TEST_FACTS") {
            return self.without(&without);
        }
        Ok(self)
    }

    #[cfg(debug_assertions)]
    fn without(mut self, names: &str) -> Result<Self, DatabaseError> {
        for name in names.split(',') {
            match name {
                "skips_locked" => self.skips_locked = false,
                "atomic_ddl" => self.atomic_ddl = self.transactional_ddl,
                "atomic_lists" => self.atomic_lists = false,
                "packet_bytes" => self.packet_bytes = self.packet_bytes.map(|bytes| bytes.min(1 << 20)),
                other => {
                    let what = format!("`RUNNER_TEST_FACTS` names the fact `{other}`, which cannot be taken away");
                    return Err(DatabaseError::new(DatabaseErrorKind::Configuration, what).hint(
                        "use some of `skips_locked`, `atomic_ddl`, `atomic_lists` and `packet_bytes`, or unset it",
                    ));
                }
            }
        }
        Ok(self)
    }

    /// Returns the schema in which names without one are looked up.
    pub fn schema_of_names(&self) -> &str {
        match self.dialect {
            Dialect::Sqlite => "main",
            Dialect::Postgres | Dialect::Mysql | Dialect::Mariadb => self.schema.as_deref().unwrap_or("public"),
        }
    }

    /// Returns the schema of runner's own tables: SQLite's main file, a schema on PostgreSQL, the database on MySQL.
    pub fn tool_schema(&self) -> &str {
        match self.dialect {
            Dialect::Sqlite => "main",
            Dialect::Postgres => self.history.schema(),
            Dialect::Mysql | Dialect::Mariadb => self.schema.as_deref().unwrap_or_default(),
        }
    }

    /// Returns the text for the `@` with which a template begins, and what follows it: `@.runner_history` is a table of runner's
    /// own, and `@` alone its schema.
    pub fn tool_place<'a>(&self, template: &'a str) -> (String, &'a str) {
        let schema = self.dialect.quote(self.tool_schema());
        match template.strip_prefix("@.") {
            Some(rest) => (format!("{schema}.{}", self.history.prefix(self.dialect)), rest),
            None => (schema, &template[1..]),
        }
    }

    /// Returns a template with the place of runner's own tables for each `@`: see [`Self::tool_place`]; with `place` for each numbered
    /// placeholder, such as `?1`; and with the text of the dialect for each word, such as `~now_ms~`.
    pub(crate) fn filled(&self, text: &str, mut place: impl FnMut(usize) -> String) -> String {
        let mut result = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(['@', '?', '~']) {
            result.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            rest = match rest.as_bytes()[at] {
                b'@' => {
                    let (tool, after) = self.tool_place(&rest[at..]);
                    result.push_str(&tool);
                    after
                }
                b'?' => {
                    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
                    match after[..digits].parse() {
                        Ok(number) => result.push_str(&place(number)),
                        Err(_) => result.push('?'),
                    }
                    &after[digits..]
                }
                _ => {
                    let word = after.split_once('~');
                    match word.and_then(|(word, after)| Some((self.sql.tool.words.get(word, self)?, after))) {
                        Some((text, after)) => {
                            result.push_str(&text);
                            after
                        }
                        None => {
                            result.push('~');
                            after
                        }
                    }
                }
            };
        }
        result.push_str(rest);
        result
    }

    /// Returns a template without placeholders, filled: see [`Self::filled`].
    pub fn placed(&self, template: &str) -> String {
        self.filled(template, |number| format!("?{number}"))
    }
}
