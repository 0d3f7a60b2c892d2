//! What the engine and the sandbox need from a database: statements, cursors and writers for columnar batches, one
//! transaction and one lock. A dialect contributes facts and SQL text; loops and policy belong to the callers.
//!
//! It may import `runner-base`, `runner-data`, `runner-sql`.

pub mod change;
pub mod chosen_lock;
pub mod dialect_sql;
pub mod error;
pub mod facts;
pub mod grants;
pub mod holder;
pub mod inside;
pub mod keyset;
pub mod lease;
pub mod logins;
pub mod look;
pub mod message;
pub mod number;
pub mod opened;
pub mod order;
pub mod pipe;
pub mod place;
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

use async_trait::async_trait;

pub use change::{ChangedRows, End, Large, ToolChange};
pub use chosen_lock::ChosenLock;
pub use dialect_sql::{DialectSql, tool_sql};
pub use error::{DatabaseError, DatabaseErrorKind, Meaning};
pub use facts::{Facts, LockKind};
pub use grants::Grants;
pub use holder::LockHolder;
pub use logins::{LoginReport, LoginRequest, Passwords, WantedLogin};
pub use look::Probe;
pub use place::HistoryPlace;
pub use renames::Renames;
pub use role::{HostSession, MigrationSession, Role, RoleToken};
pub use runner_base::dialect::Dialect;
pub use schema_change::SchemaChange;
pub use session::{BatchLimits, Bulk, CursorId, CursorRequest, QueryLimits, Session, WriteHint, WriterId};
pub use spec::{ColumnInfo, PageRequest, TableInfo, TableName, TableSource, TableTarget, WriteMode, repeated_key_name};
pub use stop::StopSignal;
pub use url::{DatabaseUrl, Unset};

use runner_data::Value;
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

/// Whether the transaction of a chunk can also claim the next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// It can claim the next chunk.
    Within,
    /// It sees the tables as they were when it began, so claiming takes a separate transaction.
    Apart,
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
    /// They may on another connection, too, in a transaction opened with [`begin_reading`](Database::begin_reading), which is
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

/// A connection to a database: its lock, its transaction, and the guards through which statements are run.
///
/// It runs no statement itself. `host()` lends a session for the tool's own statements; `script(stop)` and
/// `component(stop)` lend one for those of a migration; see [`role`].
///
/// Four methods have a default body. A wrapper cannot inherit any other by accident.
#[async_trait]
pub trait Database: Send {
    /// Returns what is known about the server.
    fn facts(&self) -> &Facts;

    /// Returns the URL of the database; its `Display` hides the password.
    fn url(&self) -> &DatabaseUrl;

    /// Sets the role of the session that [`session`](Self::session) returns from now on, and the signal that ends its
    /// statements. Sends nothing: what the server must know is sent with the next statement.
    fn take_role(&mut self, role: Role, stop: StopSignal, token: RoleToken);

    /// Sets what statements in the role of a component see as chance and as the current time, where the database
    /// supports it: on SQLite. Sends nothing.
    fn fix_inputs(&mut self, inputs: FixedInputs);

    /// Restricts statements in the role of a component to what these grants allow; `None`: to what every component may do.
    /// Closes cursors and writers. Fails if the database cannot enforce grants. Each connection that works for a component
    /// has to be given its grants, those that read ahead or take part in a transform included.
    fn set_grants(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError>;

    /// Returns the session in its current role.
    fn session(&self, token: RoleToken) -> &(dyn Bulk + 'static);

    /// Returns the session in its current role, mutably.
    fn session_mut(&mut self, token: RoleToken) -> &mut (dyn Bulk + 'static);

    /// Changes the schema in the current role; see [`Session::change_schema`]. What a component under grants may not do by itself is
    /// done for it.
    async fn change_schema_in_role(&mut self, change: &SchemaChange, token: RoleToken) -> Result<(), DatabaseError> {
        self.session_mut(token).change_schema(change).await
    }

    /// Takes the lock that excludes other runs, waiting at most `request.wait`. Calls `waiting` once for each holder.
    /// Fails with [`DatabaseErrorKind::Busy`] when the time is up; a raised stop signal ends the wait early. When this
    /// returns, no statement of an earlier, killed run is still executing on the server: such statements are waited
    /// for, and ended if they take too long.
    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError>;

    /// Releases the lock, as dropping the database also does.
    async fn unlock(&mut self) -> Result<(), DatabaseError>;

    /// Shows observers what the holder of the lock works on, where they can see that only next to the database: what is
    /// in it is hidden by an open transaction. An empty text: nothing. Best effort.
    fn note_work(&mut self, _work: &str) {}

    /// Returns the current holder of the lock as far as it can be determined, or `None` if the lock is free.
    async fn lock_holder(&mut self) -> Result<Option<LockHolder>, DatabaseError>;

    /// Returns the query for the sessions that those of a run wait for, where the server can report it: number, user,
    /// application or host, state, age of the transaction in seconds, statement, and whether the session only probably
    /// holds the lock.
    fn blockers(&self, run_id: &str) -> Option<(String, Vec<Value>)>;

    /// Returns a question that is to be asked before that, as it takes the server less: 1 if the run waits for a session at all.
    fn is_blocked(&self) -> Option<String> {
        None
    }

    /// Opens the transaction, acquiring the right to write immediately.
    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError>;

    /// Opens the transaction of a dry run on the session of the login of a component with these grants. What the login may do is
    /// changed in this transaction only, as far as it has to be. The statements of migrations in SQL run in it with the rights of the
    /// host. Fails where components have no logins of their own.
    async fn begin_confined(&mut self, grants: Arc<Grants>) -> Result<(), DatabaseError>;

    /// Opens the session of a component's own login, if it has one, before the first transaction does: for statements of the component
    /// that come before it.
    async fn open_for_component(&mut self) -> Result<(), DatabaseError>;

    /// Gives the login of that session exactly what another component is granted, until the transaction ends, and takes back the names
    /// that the component before it has set; without grants, only that, for a migration in SQL. Fails where the server would commit it.
    async fn confine(&mut self, grants: Option<Arc<Grants>>) -> Result<(), DatabaseError>;

    /// Opens a transaction for part of a transform; otherwise like [`Database::begin`].
    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError>;

    /// Commits, or fails with everything rolled back. Only if the connection is lost
    /// ([`DatabaseErrorKind::Connection`]) is the outcome unknown. A transaction that the server has aborted is never
    /// reported as committed.
    async fn commit(&mut self) -> Result<(), DatabaseError>;

    /// Fails if `commit` would fail because the statements broke references between tables; the transaction stays open.
    /// With foreign keys off, each call checks the changes since the previous call.
    async fn check_constraints(&mut self) -> Result<(), DatabaseError>;

    /// Makes a change to the tool's own tables in the open transaction.
    async fn change(&mut self, change: &ToolChange) -> Result<(), DatabaseError>;

    /// Makes changes to the tool's own tables in a transaction of their own, in one message where the server allows it. After
    /// an error none of them is made; only if the connection is lost is the outcome unknown.
    async fn record(&mut self, changes: &[ToolChange]) -> Result<(), DatabaseError>;

    /// Ends the open transaction of a migration: proves that it is the one that `begin` opened and that the migration left
    /// the tool's tables alone, makes these changes, and commits; in one message where the server allows it. After an error
    /// nothing is committed, and the caller rolls back; only if the connection is lost is the outcome unknown.
    async fn finish(&mut self, changes: &[ToolChange], end: End) -> Result<(), DatabaseError>;

    /// Rolls back; does nothing without a transaction. `Ok` says that no part of the transaction that `begin` opened is
    /// in the database, as far as this driver can prove it; [`DatabaseError::is_not_undone`] that something may be. The
    /// message to the user depends on it.
    async fn rollback(&mut self) -> Result<(), DatabaseError>;

    /// Opens a transaction on a connection that only reads one table, in its committed state. It waits for no other
    /// transaction and cannot commit any change. Fails if the table is locked, or if its name means another table on
    /// this connection.
    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError>;

    /// Drops what migrations created for this connection only, such as temporary tables, so that a migration finds the
    /// same database in whichever run applies it. Closes cursors and writers.
    async fn drop_temporary(&mut self) -> Result<(), DatabaseError>;

    /// Reconnects after the connection was lost: waits until the server has finished with the old connection, and
    /// retakes the lock if it was held. The lost transaction is then either committed or rolled back. Harmless while
    /// the connection is alive.
    async fn reconnect(&mut self) -> Result<(), DatabaseError>;

    /// A number of the session with the server: another one once the host has opened a new session in place of a lost one. What a
    /// migration has set for its session is gone then. Always 0 where there is no server.
    fn session_number(&self) -> u64 {
        0
    }

    /// Fails with [`DatabaseErrorKind::Denied`] if a script changed the tool's own tables in this transaction by any
    /// means. Does nothing where the database refuses such statements in the first place.
    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError>;

    /// Returns whether the very transaction that `begin` opened is still open. This detects a guest that ended it, even
    /// if the guest opened another in its place.
    async fn in_transaction(&mut self) -> Result<bool, DatabaseError>;

    /// Checks the logins of components under grants, or brings them in line with what is wanted: all of it or nothing.
    /// Fails where components have no logins of their own.
    async fn logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError>;

    /// Fails, with the reasons, if components with these grants could not run. Does nothing where grants need no login.
    async fn check_logins(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError>;
}

/// Returns the error of a driver that uses one connection for both reading and writing.
pub fn not_read_apart() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "one connection reads and writes here")
}
