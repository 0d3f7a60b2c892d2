//! The connection to the server on which a run works: what is known of the server, how it is replaced, in whose settings its statements
//! run, and what ends them.

pub(crate) mod connect_error;
pub(crate) mod endpoint;
pub(crate) mod facts;
pub(crate) mod galera;
pub(crate) mod keepalive;
pub(crate) mod leftovers;
pub(crate) mod processlist;
pub(crate) mod product;
pub(crate) mod settings;
pub(crate) mod watchdog;
pub(crate) mod work;

use sqlx::mysql::{MySqlArguments, MySqlRow, MySqlStatement};
use sqlx::{AssertSqlSafe, Column as _, Executor as _, MySqlConnection, Row as _, SqlSafeStr as _};

use self::endpoint::Endpoint;
use self::facts::SessionFacts;
use self::leftovers::Leftovers;
use self::watchdog::Watchdog;
use self::work::WorkSession;
use crate::error::{Result, from_sqlx};
use crate::host_sql::HostExecutor as _;
use crate::link::settings::Quoting;
use crate::types::kind::TypeCache;
use crate::types::parameters;
use runner_data::Value;
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Facts, Role};

/// The work connection, which runs every statement of a run.
pub(crate) struct Link {
    /// The session, in the settings of the role whose statements run.
    pub work: WorkSession,
    /// Watches over the answers of the session.
    pub watch: Watchdog,
    /// What migrations may have left in the session.
    pub leftovers: Leftovers,
    /// What is known about tables and types.
    pub learned: TypeCache,
    /// What is known of the server and of the session.
    server: SessionFacts,
    endpoint: Endpoint,
    /// The session has to be replaced before it is used outside a transaction.
    must_renew: bool,
}

impl Link {
    /// Works on a connection that was just made. `endpoint` makes those that end its statements.
    pub fn of(connection: MySqlConnection, server: SessionFacts, endpoint: Endpoint) -> Self {
        Self {
            work: WorkSession::of(connection, &server, endpoint.database()),
            watch: Watchdog::new(endpoint.clone(), &server),
            leftovers: Leftovers::default(),
            learned: TypeCache::default(),
            server,
            endpoint,
            must_renew: false,
        }
    }

    /// Opens a further session.
    pub async fn open(endpoint: Endpoint) -> Result<Self> {
        let (connection, server) = endpoint.connect_further().await?;
        Ok(Self::of(connection, server, endpoint))
    }

    /// What is known of the server and of the session.
    pub fn server(&self) -> &SessionFacts {
        &self.server
    }

    /// The facts of the server.
    pub fn facts(&self) -> &Facts {
        &self.server.facts
    }

    /// MySQL or MariaDB.
    pub fn dialect(&self) -> Dialect {
        self.server.facts.dialect
    }

    /// What makes connections to the database.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where strings end in the mode that is in force for callers.
    pub fn quoting(&self) -> Quoting {
        self.leftovers.quoting().unwrap_or(self.server.quoting)
    }

    /// Whether the session has to be replaced.
    pub fn is_over(&self) -> bool {
        self.must_renew || self.watch.has_ended()
    }

    /// Has the session replaced before it is used outside a transaction.
    pub fn replace_later(&mut self) {
        self.must_renew = true;
    }

    /// Records the end of a migration: what it may have left ends with the session, or before the next statement. Returns the statement
    /// that drops its temporary tables; empty if there are none.
    pub fn end_migration(&mut self) -> String {
        let (is_used, drop) = self.leftovers.end_migration();
        self.must_renew |= is_used;
        drop
    }

    /// Puts a new session in the place of the old one, which is returned with its number.
    pub async fn replace(&mut self) -> Result<(WorkSession, u64)> {
        let (connection, server) = self.endpoint.connect_further().await?;
        let connection = WorkSession::of(connection, &server, self.endpoint.database());
        self.watch.renewed(&server);
        let old = std::mem::replace(&mut self.work, connection);
        let id = std::mem::replace(&mut self.server, server).id;
        (self.leftovers, self.must_renew) = (Leftovers::default(), false);
        Ok((old, id))
    }

    /// The connection, for a statement of a caller or one with values, and what has to watch over its answer. Fails once an answer could
    /// not be read.
    pub fn guest(&mut self) -> Result<(&mut MySqlConnection, &Watchdog)> {
        Ok((self.work.of_guests()?, &self.watch))
    }

    /// Lets the server prepare a statement of a caller.
    pub async fn prepare(&mut self, statement: &str) -> Result<MySqlStatement> {
        let text = AssertSqlSafe(statement.to_owned()).into_sql_str();
        let (connection, watch) = self.guest()?;
        watch.over(async { connection.prepare(text).await.map_err(from_sqlx) }).await
    }

    /// The rows of each statement in a text of the host that may take as long as those of a caller.
    pub async fn answers(&mut self, text: &str) -> Result<Vec<Vec<MySqlRow>>> {
        self.watch.over(self.work.answers(text)).await
    }

    /// Values as parameters.
    pub async fn arguments(&mut self, values: &[Value]) -> Result<MySqlArguments> {
        if self.learned.decimal.is_none() && parameters::has_decimal(values) {
            let row = self.work.one("SELECT CAST(0 AS DECIMAL(65, 30))").await?;
            self.learned.decimal = Some(row.column(0).type_info().clone());
        }
        parameters::arguments(values, self.learned.decimal.as_ref())
    }

    /// Fails where no transaction that writes can be opened.
    pub fn check_writable(&self) -> Result<()> {
        self.watch.check_stop()?;
        if !self.server.facts.read_only {
            return Ok(());
        }
        Err(DatabaseError::new(
            DatabaseErrorKind::ReadOnly,
            "the server does not take changes: it, or the session, is read-only",
        )
        .hint("give the URL of the primary server, or look at `read_only` and `transaction_read_only` on this one"))
    }

    /// Gives the session the settings of the role that runs the next statement.
    pub async fn settle(&mut self) -> Result<()> {
        self.work.settle(self.watch.role()).await
    }

    /// Whose statements follow.
    pub fn role(&self) -> Role {
        self.watch.role()
    }
}
