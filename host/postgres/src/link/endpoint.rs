//! Opens connections from a URL, and finds out what server they lead to.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection, PgConnection};

use super::failure::{self, explain, is_starting};
use super::{cluster, options, product};
use crate::commit::Unit;
use crate::error::{Result, from_sqlx, lost};
use crate::host_sql::{literal, text_of};
use crate::place::ToolPlace;
use crate::settings::{configured, read_configured};
use runner_database::facts::UnreadMode;
use runner_database::lease::LockSettings;
use runner_database::pipe::{self, Meter, Place};
use runner_database::{ConnectOptions, DatabaseUrl, DriverOptions, Facts, LockKind};

/// The timeout for a second connection that cancels a statement of the first.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before another attempt to connect to a server that is starting up.
const STARTING: Duration = Duration::from_millis(200);

/// How to connect to a database, any number of times.
#[derive(Clone)]
pub(crate) struct Endpoint {
    options: PgConnectOptions,
    settings: ConnectOptions,
    lock: LockSettings,
    place: Arc<ToolPlace>,
}

/// What a server process is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To cancel its statement, which may catch that and continue.
    Cancel,
    /// To end, which nothing can catch.
    Terminate,
}

/// The session that a signal is for.
pub(crate) struct Target {
    /// Its process.
    pub(crate) backend: i32,
    /// What it runs, if it does so without a transaction that was begun before: a pooler may have given that process to another
    /// client, and this one another process.
    pub(crate) running: Option<Running>,
}

/// What a session runs.
pub(crate) struct Running {
    /// The whole message to the server.
    pub(crate) text: String,
    /// The name of the session, if it is that of one run.
    pub(crate) application: Option<String>,
}

impl Target {
    /// What sends the signal by this function of the server.
    fn ask(&self, function: &str) -> Unit {
        let backend = self.backend;
        let Some(Running { text, application }) = &self.running else {
            return Unit::new(format!("BEGIN; SELECT pg_catalog.{function}({backend}); "));
        };
        let named = application.as_ref().map_or_else(String::new, |name| {
            // The server shortens the name in this way.
            let name = format!("{}::pg_catalog.name::pg_catalog.text", literal(name));
            format!(" OR a.application_name OPERATOR(pg_catalog.=) {name}")
        });
        // The server shows the beginning of a long text.
        Unit::new(format!(
            "BEGIN; SET LOCAL standard_conforming_strings = on; \
             SELECT pg_catalog.{function}(a.pid) FROM pg_catalog.pg_stat_activity a \
             WHERE (a.pid OPERATOR(pg_catalog.=) {backend}{named}) AND a.state OPERATOR(pg_catalog.=) 'active' \
                 AND a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                 AND a.query OPERATOR(pg_catalog.<>) '' AND pg_catalog.starts_with({}, a.query); ",
            literal(text)
        ))
    }
}

/// What the server reported when the connection was opened.
pub(crate) struct Connected {
    pub(crate) facts: Facts,
    /// The process that served the first transaction.
    pub(crate) backend: i32,
    /// The name of the database.
    pub(crate) database: String,
    /// Settings of its configuration: see [`configured`].
    pub(crate) configured: Vec<(String, String)>,
    /// Counts what the server sends.
    pub(crate) meter: Meter,
}

impl Endpoint {
    /// The settings in the URL and in `PGOPTIONS`, as the server takes them.
    pub(crate) fn in_options(&self) -> &str {
        self.options.get_options().unwrap_or_default()
    }

    pub(crate) fn new(url: &DatabaseUrl, settings: &ConnectOptions) -> Result<Self> {
        let options = match &settings.driver {
            Some(DriverOptions::Postgres(given)) => options::of_session((**given).clone(), &settings.application),
            _ => options::read(url, &settings.application)?,
        };
        // Not the name of the connection with the lock, by which others see what a killed run has left.
        let options = match &settings.worker_of {
            Some(run_id) => options.application_name(&format!("runner worker of {run_id}")),
            None => options,
        };
        let lock = LockSettings::of(url, false)?;
        let mut settings = settings.clone();
        if let Some(timeout) = options::connect_timeout(url) {
            settings.wait_for_url(timeout);
        }
        let place = Arc::new(ToolPlace::of(&settings.history));
        Ok(Self { options, settings, lock, place })
    }

    /// Where the tool's own tables are.
    pub(crate) fn place(&self) -> &Arc<ToolPlace> {
        &self.place
    }

    /// How runs are kept apart.
    pub(crate) fn lock(&self) -> &LockSettings {
        &self.lock
    }

    pub(crate) fn settings(&self) -> &ConnectOptions {
        &self.settings
    }

    /// Leads to the same database, as another user.
    pub(crate) fn as_login(&self, login: &str, password: &str) -> Self {
        let options = self.options.clone().username(login).password(password);
        // Where none is given, the name of the database is that of the user.
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username()).to_owned();
        Self { options: options.database(&database), ..self.clone() }
    }

    /// Returns the statement that gives a connection the name it was opened with.
    pub(crate) fn set_application(&self) -> String {
        let name = self.options.get_application_name().unwrap_or_default();
        format!("SELECT pg_catalog.set_config('application_name', {}, false)", literal(name))
    }

    /// Opens a connection within the timeout; waits for a server that is starting up.
    pub(crate) async fn open(&self) -> Result<PgConnection> {
        self.open_within(self.settings.connect_timeout).await.map(|(connection, _)| connection)
    }

    async fn open_within(&self, timeout: Duration) -> Result<(PgConnection, Meter)> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.connect()).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) if is_starting(&error) && Instant::now() + STARTING < deadline => {
                    tokio::time::sleep(STARTING).await;
                }
                Ok(Err(error)) => return Err(explain(&error, &self.options)),
                Err(_) => return Err(failure::silent(&self.options, timeout)),
            }
        }
    }

    async fn connect(&self) -> Result<(PgConnection, Meter), sqlx::Error> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        // The driver puts this name after the directory.
        let name = format!(".s.PGSQL.{port}");
        let place = match self.options.get_socket() {
            Some(directory) => Place::Socket(directory.join(&name)),
            None if host.starts_with('/') => Place::Socket(Path::new(host).join(&name)),
            None => Place::Tcp(host, port),
        };
        pipe::connect(place, &name, |directory| {
            let options = match directory {
                Some(directory) => self.options.clone().socket(directory),
                None => self.options.clone(),
            };
            async move { options.connect().await }
        })
        .await
    }

    /// Opens the connection for the work, and returns what the server is.
    pub(crate) async fn open_for_work(&self) -> Result<(PgConnection, Connected)> {
        let (mut connection, meter) = self.open_within(self.settings.connect_timeout).await?;
        let asked =
            tokio::time::timeout(self.settings.connect_timeout, detect(&mut connection, meter, &self.place)).await;
        match asked {
            Ok(found) => {
                let mut found = found?;
                if self.lock.is_lease {
                    found.facts.lock = LockKind::Lease;
                }
                found.facts.separate_logins &= self.settings.logins;
                Ok((connection, found))
            }
            Err(_) => Err(failure::silent(&self.options, self.settings.connect_timeout)),
        }
    }

    /// Asks the server to cancel what a session runs, or to end it. Best effort: the caller observes the statement itself.
    pub(crate) async fn signal(&self, target: &Target, signal: Signal) {
        let function = match signal {
            Signal::Cancel => "pg_cancel_backend",
            Signal::Terminate => "pg_terminate_backend",
        };
        let ask = async {
            let (mut connection, _) = self.open_within(CANCEL_TIMEOUT).await?;
            target.ask(function).send(&mut connection).await?;
            connection.close().await.map_err(|error| from_sqlx(&error, None))
        };
        // A failure needs no handling here: the watch asks again, and finally gives up.
        let _ = ask.await;
    }
}

/// Finds out what the server is, in a separate transaction.
async fn detect(connection: &mut PgConnection, meter: Meter, place: &ToolPlace) -> Result<Connected> {
    const LOOK: &str = "SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num'), \
        pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool, \
        pg_catalog.current_schema()::pg_catalog.text, pg_catalog.pg_backend_pid(), \
        pg_catalog.current_database()::pg_catalog.text, pg_catalog.version(), \
        pg_catalog.current_setting('standard_conforming_strings'), ";
    let ask = format!("{LOOK}{}, {}", configured(), cluster::VERSION);
    // Not the whole prologue of other statements: in a fresh server process, each of a dozen settings costs time.
    let unit = Unit::new(format!("BEGIN; SET LOCAL statement_timeout = 0; {ask}; "));
    let answers = match unit.send(connection).await {
        Ok(answers) => answers,
        Err(error) => return Err(product::explain(connection, error).await),
    };
    let row = answers.last().ok_or_else(|| lost("the server does not say what it is"))?;
    let text = |column: usize| text_of(row, column);
    let version = text(0).unwrap_or_default();
    let number = text(1).and_then(|number| number.parse::<i32>().ok()).unwrap_or_default();
    product::check(&text(6).unwrap_or_default(), &version, number)?;
    let citus = match text(9).filter(|version| !version.is_empty()) {
        Some(version) => Some(cluster::detect(connection, &version, place.facts.tool_schema()).await?),
        None => None,
    };
    let configured = read_configured(&text(8).unwrap_or_default());
    let facts = Facts {
        // Only the number of `15.20 (Debian 15.20-0+deb12u1)` is needed.
        version: version.split(' ').next().unwrap_or_default().to_owned(),
        read_only: text(2).as_deref() == Some("t"),
        schema: text(3),
        unread_modes: (text(7).as_deref() == Some("off")).then_some(UnreadMode::BackslashEscapes).into_iter().collect(),
        citus,
        ..place.facts.clone()
    }
    .forced_in_tests()?;
    let backend = text(4).and_then(|number| number.parse().ok()).unwrap_or_default();
    Ok(Connected { facts, backend, database: text(5).unwrap_or_default(), configured, meter })
}
