//! What the engine and the sandbox need from a database: statements, cursors and writers for columnar batches, one
//! transaction and one lock. A dialect contributes facts and SQL text; loops and policy belong to the callers.
//!
//! It may import `runner-base`, `runner-data`, `runner-sql`.

pub mod change;
pub mod chosen_lock;
pub mod commit;
pub mod connection;
pub mod dialect_sql;
pub mod error;
pub mod facts;
pub mod grants;
pub mod holder;
pub mod in_process;
pub mod keyset;
pub mod lease;
pub mod logins;
pub mod message;
pub mod number;
pub mod open_handles;
pub mod order;
pub mod pipe;
pub mod place;
pub mod probe;
pub mod read;
pub mod redact;
pub mod renames;
pub mod role;
pub mod schema_change;
pub mod scratch;
mod secret;
pub mod session;
pub mod spec;
pub mod stop;
#[cfg(feature = "unguarded")]
#[doc(hidden)]
pub mod unguarded;
pub mod url;
pub mod write;

use std::sync::Arc;
use std::time::Duration;

pub use change::{ChangedRows, Large, ToolChange};
pub use chosen_lock::ChosenLock;
pub use commit::{Committed, UnitOfWork};
pub use connection::{Begin, Blockers, Check, Claims, ComponentLogins, Connection, Database};
pub use dialect_sql::{DialectSql, tool_sql};
pub use error::{DatabaseError, DatabaseErrorKind, Meaning};
pub use facts::{Facts, LockKind};
pub use grants::Grants;
pub use holder::LockHolder;
pub use logins::{DesiredLogin, LoginReport, LoginRequest, Passwords};
pub use place::HistoryPlace;
pub use probe::Probe;
pub use renames::Renames;
pub use role::{HostSession, MigrationSession, Role, RoleToken};
pub use runner_base::dialect::Dialect;
pub use schema_change::SchemaChange;
pub use session::{BatchLimits, CursorId, CursorRequest, QueryLimits, Session, WriteHint, WriterId};
pub use spec::{ColumnInfo, PageRequest, TableInfo, TableName, TableSource, TableTarget, WriteMode, repeated_key_name};
pub use stop::StopSignal;
pub use url::{DatabaseUrl, Unset};

use runner_sql::Isolation;

/// The database, shared by the engine and a running script. Only one of them uses it at a time.
pub type SharedDatabase = Arc<tokio::sync::Mutex<Box<dyn Database>>>;

/// Options for making a connection.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Whether foreign keys are enforced. PostgreSQL always does.
    pub foreign_keys: bool,
    /// Whether to create a SQLite file that does not exist. Otherwise its absence is an error of kind
    /// [`DatabaseErrorKind::NotFound`].
    pub create: bool,
    /// The name under which the server lists the connection, where the protocol supports one.
    pub application: String,
    /// The run that the connection works for, next to the connection with the lock: on PostgreSQL it is named after the
    /// run, whatever else it would be named, so that the run knows its own.
    pub worker_of: Option<String>,
    /// How long the server may take to respond while the connection is made.
    pub connect_timeout: Duration,
    /// How long a statement of a migration may take; `None` means no limit.
    pub statement_timeout: Option<Duration>,
    /// How long a statement may wait for a lock on a table or row; `None` means the server's setting.
    pub lock_timeout: Option<Duration>,
    /// The connect options of an embedding program, which replace those of the URL.
    pub driver: Option<DriverOptions>,
    /// Where runner's own tables are.
    pub history: HistoryPlace,
    /// The passwords that this process has set for logins of components.
    pub passwords: Passwords,
    /// Whether a component under grants gets a session of its own login, on servers that have them. Without one, the server holds it
    /// to nothing: only for a database without anything that a component must not reach.
    pub logins: bool,
}

/// The connect options of sqlx, kept whole because a URL cannot express all of them.
#[derive(Clone)]
pub enum DriverOptions {
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(Box<sqlx::postgres::PgConnectOptions>),
    /// MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    Mysql(Box<sqlx::mysql::MySqlConnectOptions>),
}

impl std::fmt::Debug for DriverOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The options contain the password.
        f.write_str("DriverOptions")
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            foreign_keys: true,
            create: false,
            application: "runner".to_owned(),
            worker_of: None,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: None,
            lock_timeout: None,
            driver: None,
            history: HistoryPlace::default(),
            passwords: Passwords::default(),
            logins: true,
        }
    }
}

impl ConnectOptions {
    /// Returns the defaults, except that a missing SQLite file is created.
    pub fn creating() -> Self {
        Self { create: true, ..Self::default() }
    }

    /// Waits for a connection as long as the URL says, up to the caller's own timeout if that is below the default.
    pub fn wait_for_url(&mut self, timeout: Duration) {
        let is_short = self.connect_timeout < Self::default().connect_timeout;
        self.connect_timeout = if is_short { timeout.min(self.connect_timeout) } else { timeout };
    }
}

/// Options for the transaction of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionOptions {
    /// SQLite: foreign keys are not enforced inside the transaction; `commit` checks them all.
    pub foreign_keys_off: bool,
    /// How it is isolated from others; `None` for the default. SQLite has one level only.
    pub isolation: Option<Isolation>,
    /// The statements of a migration come first, so that what has to be known before them can be asked at once.
    pub for_migration: bool,
    /// PostgreSQL: it holds many migrations, and is rolled back; how long that takes must not grow with each.
    pub is_tried: bool,
}

/// The purpose of a transform's transaction when several connections work on the transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reads a chunk and writes the result. No other transaction can change what was read before this one ends: such a
    /// change waits, or this transaction fails with a transient error. Where this requires row locks, the reader
    /// requests them.
    Chunk,
    /// As [`Part::Chunk`], where such a transaction has failed before: the reader locks the rows, and what it reads is what others
    /// have committed until then. On a database where the reader locks them anyway, the two are the same.
    LockedChunk,
    /// Claims a chunk. The claim may be lost if the server crashes, but only together with everything committed after
    /// it.
    Claim,
}

/// The server's own identity of a table, whatever name is used for it. Two connections compare it to find out whether
/// they mean the same table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity(pub String);

/// Whether rows of a source may be read before those read earlier have been written to a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingAhead {
    /// They may: writing changes nothing that is still to be read.
    pub here: bool,
    /// They may on another connection, too, in a transaction opened with [`Begin::Reading`], which is
    /// certain to read the same rows from the source, whose identity this is, as this session does in its open transaction.
    pub elsewhere: Option<TableIdentity>,
}

/// What a component's statements see as chance and as the current time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedInputs {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time: i64,
    /// What random values follow from.
    pub seed: [u8; 32],
}

/// A request for the lock, with what waiting runs are shown.
#[derive(Clone, Debug)]
pub struct LockRequest {
    /// How long to wait for the lock.
    pub wait: Duration,
    /// The id of the run. Observers recognise the lock's holder by it, and it names the server connections that work
    /// for the run.
    pub run_id: String,
    /// The text shown to waiting runs: process, host, command and start time.
    pub owner: String,
}

/// Returns the error of a driver that uses one connection for both reading and writing.
pub fn not_read_apart() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "one connection reads and writes here")
}
