//! From a URL to a connection that knows its server.

mod failure;
pub(super) mod options;

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, Executor, PgConnection, Row};

use self::failure::{explain, is_starting};
use super::error::{from_sqlx, lost};
use crate::database::nagle::without_delay;
use crate::database::{ConnectOptions, DatabaseError, DatabaseErrorKind, DatabaseUrl, Dialect, DriverOptions, Facts};

/// The oldest server that has all that is used here, as `server_version_num`.
const OLDEST: i32 = 130_000;

/// How long a second connection, made to cancel a statement of the first, may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before another try at a server that is starting up.
const STARTING: Duration = Duration::from_millis(200);

/// How to reach a database, as often as needed.
pub(super) struct Endpoint {
    options: PgConnectOptions,
    settings: ConnectOptions,
    url: DatabaseUrl,
}

/// What the server said of itself when the connection was made.
pub(super) struct Connected {
    pub(super) facts: Facts,
    /// The process that served the first transaction.
    pub(super) backend: i32,
}

impl Endpoint {
    pub(super) fn new(url: &DatabaseUrl, settings: &ConnectOptions) -> Result<Self, DatabaseError> {
        let options = match &settings.driver {
            Some(DriverOptions::Postgres(given)) => options::of_session((**given).clone(), &settings.application),
            _ => options::read(url, &settings.application)?,
        };
        Ok(Self { options, settings: settings.clone(), url: url.clone() })
    }

    pub(super) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub(super) fn settings(&self) -> &ConnectOptions {
        &self.settings
    }

    /// The statement that gives a connection the name it was made with.
    pub(super) fn set_application(&self) -> String {
        let name = self.options.get_application_name().unwrap_or_default();
        format!("SET application_name = {}", super::schema::literal(name))
    }

    /// A connection, made within the timeout; a server that starts up is waited for.
    pub(super) async fn open(&self) -> Result<PgConnection, DatabaseError> {
        self.open_within(self.settings.connect_timeout).await
    }

    async fn open_within(&self, timeout: Duration) -> Result<PgConnection, DatabaseError> {
        let deadline = Instant::now() + timeout;
        let is_socket = self.options.get_socket().is_some() || self.options.get_host().starts_with('/');
        let port = (!is_socket).then(|| self.options.get_port());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, without_delay(port, self.options.connect())).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if is_starting(&error) && Instant::now() + STARTING < deadline => {
                    tokio::time::sleep(STARTING).await;
                }
                Ok(Err(error)) => return Err(explain(&error, &self.options)),
                Err(_) => return Err(failure::silent(&self.options, timeout)),
            }
        }
    }

    /// The connection for the work, and what the server is.
    pub(super) async fn open_for_work(&self) -> Result<(PgConnection, Connected), DatabaseError> {
        let mut connection = self.open().await?;
        let asked = tokio::time::timeout(self.settings.connect_timeout, look(&mut connection)).await;
        match asked {
            Ok(found) => Ok((connection, found?)),
            Err(_) => Err(failure::silent(&self.options, self.settings.connect_timeout)),
        }
    }

    /// Asks the server to cancel what a backend does. Best effort: the caller looks at the statement itself.
    pub(super) async fn cancel(&self, backend: i32) {
        let ask = async {
            let mut connection = self.open_within(CANCEL_TIMEOUT).await?;
            let cancel = format!("SELECT pg_cancel_backend({backend})");
            connection.execute(sqlx::raw_sql(AssertSqlSafe(cancel))).await.map_err(|error| from_sqlx(&error, None))?;
            connection.close().await.map_err(|error| from_sqlx(&error, None))
        };
        // Nothing to be done here if it fails: the watch asks again, and gives up in the end.
        let _ = ask.await;
    }
}

/// What the server is, in a transaction of its own.
async fn look(connection: &mut PgConnection) -> Result<Connected, DatabaseError> {
    const LOOK: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int4, \
        pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, current_schema()::text, \
        pg_backend_pid(), current_setting('server_encoding')";
    let failed = |error: sqlx::Error| from_sqlx(&error, Some(LOOK));
    // Not all that stands before a statement of ours: each of a dozen settings costs a server's fresh process its time.
    let begin = format!("BEGIN; SET LOCAL statement_timeout = 0; {LOOK}; COMMIT");
    let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(begin))).await.map_err(failed)?;
    let row = rows.last().ok_or_else(|| lost("the server does not say what it is"))?;
    let text = |column: usize| row.try_get_unchecked::<Option<String>, _>(column).map_err(failed);
    let version = text(0)?.unwrap_or_default();
    let number = text(1)?.and_then(|number| number.parse::<i32>().ok()).unwrap_or_default();
    if number < OLDEST {
        return Err(DatabaseError::new(
            DatabaseErrorKind::Configuration,
            format!("the server is PostgreSQL {version}, and runner needs 13 or later"),
        )
        .hint("upgrade the server"));
    }
    let facts = Facts {
        // `15.20 (Debian 15.20-0+deb12u1)` says more than anybody asks for.
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        read_only: text(2)?.as_deref() == Some("t"),
        schema: text(3)?,
        ..Facts::of_dialect(Dialect::Postgres)
    };
    let backend = text(4)?.and_then(|number| number.parse().ok()).unwrap_or_default();
    Ok(Connected { facts, backend })
}
