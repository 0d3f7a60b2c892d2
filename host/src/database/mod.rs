//! What the engine and the sandbox need from a database: statements, cursors and writers in columns, one transaction,
//! one lock. A dialect is facts and SQL text; loops and policy live with the callers.

#[cfg(test)]
pub(crate) mod contract;
pub mod copy;
pub mod error;
pub mod facts;
pub mod look;
pub mod message;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod nagle;
pub mod number;
pub mod opened;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod read;
pub mod role;
pub mod scratch;
pub mod session;
pub mod spec;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod stop;
#[cfg(test)]
pub(crate) mod unguarded;
pub mod url;
pub mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use crate::dialect::Dialect;
pub use error::{DatabaseError, DatabaseErrorKind};
pub use facts::Facts;
pub use look::Probe;
pub use role::{HostSession, MigrationSession, Role, RoleToken};
pub use session::{BatchLimits, Bulk, CursorId, CursorRequest, QueryLimits, Session, WriteHint, WriterId};
pub use spec::{ColumnInfo, PageRequest, TableInfo, TableName, TableSource, TableTarget, WriteMode};
pub use stop::StopSignal;
pub use url::DatabaseUrl;

/// The database, shared by the engine and a running script; one user at a time.
pub type SharedDatabase = Arc<tokio::sync::Mutex<Box<dyn Database>>>;

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// A SQLite file that does not exist is made; otherwise its absence is an error of kind
    /// [`DatabaseErrorKind::NotFound`].
    pub create: bool,
    /// What the server calls the connection for those who look at its list of sessions, where it can be told.
    pub application: String,
    /// How long the server may take to answer at all when the connection is made.
    pub connect_timeout: Duration,
    /// How long a statement of a migration may take; none: as long as it wants.
    pub statement_timeout: Option<Duration>,
    /// How long a statement may wait for a lock on a table or row; none: as the server is set up.
    pub lock_timeout: Option<Duration>,
    /// The options of a program's own connections, which are used in place of the URL's.
    pub driver: Option<DriverOptions>,
}

/// Connect options of sqlx. They are kept whole, since a URL cannot hold all of them.
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
        // The options hold the password.
        f.write_str("DriverOptions")
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            create: false,
            application: "runner".to_owned(),
            connect_timeout: Duration::from_secs(10),
            statement_timeout: None,
            lock_timeout: None,
            driver: None,
        }
    }
}

impl ConnectOptions {
    /// The default, but that a SQLite file is made.
    pub fn creating() -> Self {
        Self { create: true, ..Self::default() }
    }
}

/// How the transaction of a migration is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionOptions {
    /// SQLite: foreign keys are not enforced inside, and are checked as a whole by `commit`.
    pub foreign_keys_off: bool,
}

/// What a transaction of a transform is for, where several connections work on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Reads a chunk and writes what was made of it. No other transaction can change in between what was read: such a change is waited
    /// for, or the transaction fails with an error that is transient. Where that takes locks, the reader asks for them.
    Chunk,
    /// Takes hold of a chunk. If the server crashes, it may be lost, but not before what is committed later.
    Claim,
}

/// Whether the transaction of a chunk can take hold of the next one as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claims {
    /// It can.
    Within,
    /// It sees the tables as they were when it began, so that takes another one.
    Apart,
}

/// A table as its server knows it, by whatever name: two connections that mean the same one can tell by this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity(pub String);

/// Who asks for the lock, for the message of those who wait.
#[derive(Clone, Debug)]
pub struct LockRequest {
    /// How long to wait for it.
    pub wait: Duration,
    /// Names the run; a server's connections that work for it carry the name.
    pub run_id: String,
    /// Told to other waiters: run id, process, host, command, since when.
    pub owner: String,
}

/// A connection to a database: its lock, its transaction, and the doors through which statements go.
///
/// It runs no statement by itself. [`host`](trait.Database.html#method.host) lends a session to the tool's own statements,
/// [`script`](trait.Database.html#method.script) and [`component`](trait.Database.html#method.component) to those of a migration; see
/// [`role`].
///
/// No method has a default body: what wraps a connection must say for each what becomes of it.
#[async_trait]
pub trait Database: Bulk {
    /// The database's URL; its `Display` hides the password.
    fn url(&self) -> &DatabaseUrl;

    /// Sets who speaks in the session that [`session`](Self::session) answers from now on, and what ends its statements. It
    /// sends nothing: what a server must know of a change goes with the next statement.
    fn take_role(&mut self, role: Role, stop: StopSignal, token: RoleToken);

    /// The session of the role that was taken last.
    fn session(&self, token: RoleToken) -> &(dyn Bulk + 'static);

    /// As [`session`](Self::session), to use it.
    fn session_mut(&mut self, token: RoleToken) -> &mut (dyn Bulk + 'static);

    /// Takes the lock that keeps two runs apart, waiting at most `request.wait`. `waiting` hears who holds it, once for each
    /// holder. Fails with [`DatabaseErrorKind::Busy`] when the time is up. Waiting ends early when the stop signal is raised.
    /// Nothing that an earlier, killed run began is still going on in the server when this returns: such statements are
    /// waited for, and ended if they last.
    async fn lock(
        &mut self,
        request: &LockRequest,
        stop: &StopSignal,
        waiting: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<(), DatabaseError>;

    /// Releases the lock. Dropping the database does so too.
    async fn unlock(&mut self) -> Result<(), DatabaseError>;

    /// Who holds the lock at this moment, as well as it can be told; none: it is free.
    async fn lock_holder(&mut self) -> Result<Option<String>, DatabaseError>;

    /// Opens the transaction, taking the right to write at once.
    async fn begin(&mut self, options: TransactionOptions) -> Result<(), DatabaseError>;

    /// As [`Database::begin`], for a part of a transform.
    async fn begin_part(&mut self, part: Part) -> Result<Claims, DatabaseError>;

    /// Commits, or fails with everything rolled back; only where the connection is lost
    /// ([`DatabaseErrorKind::Connection`]) nobody knows. A transaction that the server has given up is never reported as
    /// committed.
    async fn commit(&mut self) -> Result<(), DatabaseError>;

    /// Fails where `commit` would because of what the statements did to references between tables; the transaction stays
    /// open. With foreign keys off, each call looks at what came since the last.
    async fn check_constraints(&mut self) -> Result<(), DatabaseError>;

    /// Rolls back. Without a transaction it does nothing.
    async fn rollback(&mut self) -> Result<(), DatabaseError>;

    /// The source, if another connection finds in it, by [`Database::begin_reading`], the very rows that this one does in its
    /// open transaction, as long as that does nothing but write to the target what was read. None where that is not certain.
    async fn others_see(
        &mut self,
        source: &TableSource,
        target: &TableTarget,
    ) -> Result<Option<TableIdentity>, DatabaseError>;

    /// Opens a transaction for a connection that only reads one table, as others leave it. Nobody is waited for then, and
    /// nothing can be committed by it. Fails where the table is locked, or where another table has that name here.
    async fn begin_reading(&mut self, table: &TableName, is: &TableIdentity) -> Result<(), DatabaseError>;

    /// Drops what migrations made for this connection alone, such as temporary tables: the next migration finds the same
    /// database in whatever run it is applied. Closes cursors and writers.
    async fn drop_temporary(&mut self) -> Result<(), DatabaseError>;

    /// After the connection was lost: makes it anew, waits until the server has done with the old one, and takes the lock
    /// again if it was held. What was in the lost transaction is then either committed or gone. Harmless while the
    /// connection lives.
    async fn reconnect(&mut self) -> Result<(), DatabaseError>;

    /// Fails with [`DatabaseErrorKind::Denied`] if a script changed the tool's own tables in this transaction, by whatever
    /// way. Nothing to do where the database refuses such statements in the first place.
    async fn check_tool_tables(&mut self) -> Result<(), DatabaseError>;

    /// Whether the very transaction that `begin` opened is still open; a guest that ended it, also one that opened another
    /// in its place, is found out by this.
    async fn in_transaction(&mut self) -> Result<bool, DatabaseError>;
}

/// How further connections to a database are made.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Where it is.
    pub url: DatabaseUrl,
    /// How.
    pub options: ConnectOptions,
}

impl Connector {
    /// Makes one.
    pub async fn connect(&self) -> Result<Box<dyn Database>, DatabaseError> {
        connect(&self.url, &self.options).await
    }
}

/// Opens the database of a URL.
pub async fn connect(url: &DatabaseUrl, options: &ConnectOptions) -> Result<Box<dyn Database>, DatabaseError> {
    match url.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite::connect(url, options.create).await,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres::connect(url, options).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => mysql::connect(url, options).await,
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        missing => Err(no_driver(missing)),
    }
}

/// The error for a database whose driver is not part of this build.
pub(crate) fn no_driver(dialect: Dialect) -> DatabaseError {
    let feature = match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::Mysql | Dialect::Mariadb => "mysql",
    };
    DatabaseError::new(DatabaseErrorKind::Configuration, format!("this build of runner has no driver for {dialect}"))
        .hint(format!("enable the Cargo feature `{feature}` of the crate `runner`"))
}

/// The error of a driver for which one connection both reads and writes.
#[cfg(any(feature = "sqlite", feature = "mysql"))]
fn not_read_apart() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Other, "one connection reads and writes here")
}
