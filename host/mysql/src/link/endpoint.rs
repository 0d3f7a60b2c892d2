//! Connects to the database of a URL, with the same session settings on every server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, MySqlConnection};

use crate::error::{Result, from_sqlx, is_full};
use crate::host_sql::literal;
use crate::link::connect_error::{from_connecting, place};
use crate::link::facts::{self, SessionFacts};
use runner_base::backoff::Backoff;
use runner_database::lease::{LOCK, LOCK_LEASE, LockSettings};
use runner_database::pipe::{self, Meter, Place};
use runner_database::url::plain_host;
use runner_database::{
    ConnectOptions, DatabaseError, DatabaseErrorKind, DatabaseUrl, DriverOptions, LockKind, Passwords,
};

/// Makes the connections to one database: the work connection, the lock connection, and short ones that send `KILL`.
#[derive(Clone)]
pub(crate) struct Endpoint {
    options: MySqlConnectOptions,
    settings: ConnectOptions,
    /// The URL without its password, for messages.
    shown: String,
    /// How runs are kept apart.
    pub lock: LockSettings,
    /// That of the host, if this one is for the login of a component, whose password another run may have replaced.
    host: Option<Arc<Endpoint>>,
}

/// How long to wait for sessions of others to end.
const FOR_OTHERS: Duration = Duration::from_secs(15);

/// The pauses before further attempts.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(400));

/// The name of the driver's end of a pipe.
const NAME: &str = "mysql";

/// Parameters of a URL that are understood. Where a parameter has two spellings, both are those of sqlx.
const PARAMETERS: [&str; 15] = [
    "socket",
    "ssl-mode",
    "sslmode",
    "ssl-ca",
    "sslca",
    "ssl-cert",
    "sslcert",
    "ssl-key",
    "sslkey",
    "charset",
    "collation",
    LOCK,
    LOCK_LEASE,
    "connect-timeout",
    "connect_timeout",
];

impl Endpoint {
    /// Reads the URL. It must name a database; an unknown parameter is an error.
    pub fn new(url: &DatabaseUrl, settings: &ConnectOptions) -> Result<Self> {
        let shown = url.to_string();
        let mut settings = settings.clone();
        let unreadable = || {
            configuration(format!("`{shown}` is not a URL of a MySQL or MariaDB server")).hint(
                "it looks like `mysql://user:password@host:3306/database`; in the password write `%40` for `@`, `%2F` for \
                 `/`, `%23` for `#` and `%25` for `%`",
            )
        };
        let parsed = url.server().map_err(|_| unreadable())?;
        for (name, value) in parsed.query_pairs() {
            match &*name {
                "charset" if !value.eq_ignore_ascii_case("utf8mb4") => {
                    return Err(configuration(format!("`charset={value}` cannot represent all text"))
                        .hint("remove it from the URL: connections use utf8mb4, whatever the tables' character sets"));
                }
                "connect-timeout" | "connect_timeout" => match value.parse::<u32>() {
                    Ok(seconds @ 1..) => settings.wait_for_url(Duration::from_secs(seconds.into())),
                    _ => {
                        return Err(configuration(format!("`{name}={value}` is not a number of seconds above 0"))
                            .hint(format!("write it as in `{name}=10`")));
                    }
                },
                name if PARAMETERS.contains(&name) => {}
                name => {
                    return Err(configuration(format!("the parameter `{name}` of the database URL is unknown"))
                        .hint(format!("known are {}", PARAMETERS.map(|name| format!("`{name}`")).join(", "))));
                }
            }
        }
        let lock = LockSettings::of(url, true)?;
        // The parser's error may quote the password.
        let options = match &settings.driver {
            Some(DriverOptions::Mysql(given)) => Ok((**given).clone()),
            _ => MySqlConnectOptions::from_url(parsed),
        };
        let options = match options {
            Ok(options) => options,
            Err(sqlx::Error::Configuration(error)) if error.to_string().contains("ssl_mode") => {
                return Err(configuration(error.to_string()).hint(
                    "`ssl-mode` is one of `disabled`, `preferred`, `required`, `verify_ca` and `verify_identity`",
                ));
            }
            Err(_) => return Err(unreadable()),
        };
        if options.get_database().is_none() {
            return Err(configuration(format!("`{shown}` names no database"))
                .hint("put its name after the host: `mysql://user:password@host:3306/database`"));
        }
        let host = plain_host(options.get_host()).to_owned();
        let options = options.host(&host);
        // sqlx adds flags to the server's sql_mode that change what a migration means: with `PIPES_AS_CONCAT`, `a ||
        // b` is no longer OR. An operator who wants the flag can set it on the server.
        // So a session begins in the settings of the server, which are those of scripts.
        let options =
            options.pipes_as_concat(false).no_engine_substitution(false).timezone(None).disable_statement_logging();
        Ok(Self { options, settings, shown, lock, host: None })
    }

    /// Opens a session with the settings that all our sessions share, and returns what is known of its server.
    pub async fn connect(&self) -> Result<(MySqlConnection, SessionFacts)> {
        self.in_time(async {
            let (mut connection, meter) =
                self.connect_piped().await.map_err(|error| from_connecting(error, &self.options, &self.shown))?;
            let mut server = facts::prepare(&mut connection, meter, &self.settings, &self.names()).await?;
            if self.lock.is_lease || server.node.is_some() {
                // The nodes of a cluster do not see the user locks of each other.
                server.facts.lock = LockKind::Lease;
            }
            server.facts.separate_logins &= self.settings.logins;
            if let Some(node) = &server.node {
                self.is_node(&node.name)?;
                node.is_ready()?;
            }
            Ok((connection, server))
        })
        .await
    }

    async fn connect_piped(&self) -> Result<(MySqlConnection, Meter), sqlx::Error> {
        let place = match self.options.get_socket() {
            None => Place::Tcp(self.options.get_host(), self.options.get_port()),
            Some(path) => Place::Socket(path.to_owned()),
        };
        pipe::connect(place, NAME, |directory| {
            let options = match directory {
                Some(directory) => self.options.clone().socket(directory.join(NAME)),
                None => self.options.clone(),
            };
            async move { options.connect().await }
        })
        .await
    }

    /// The same, of a further session of a run, or one that takes the place of another: while the server accepts no more of them,
    /// waits for others to end.
    pub async fn connect_further(&self) -> Result<(MySqlConnection, SessionFacts)> {
        let (began, mut pauses) = (Instant::now(), PAUSES);
        loop {
            match self.connect().await {
                Err(error) if error.code.parse().is_ok_and(is_full) && began.elapsed() < FOR_OTHERS => {
                    tokio::time::sleep(pauses.pause()).await;
                }
                connected => return connected,
            }
        }
    }

    /// Fails if the URL names one node of a cluster, and leads to another: behind a balancer, each connection can.
    fn is_node(&self, found: &str) -> Result<()> {
        match &self.lock.node {
            Some(named) if named != found => Err(configuration(format!(
                "the server is the node `{found}` of a Galera cluster, and the URL or the settings say that all runs use `{named}`"
            ))
            .hint(format!(
                "give the address of `{named}`, or leave `lock=node:{named}` out of the URL, or `lock` out of the settings: the lock is \
                 a lease, which is seen on every node"
            ))),
            _ => Ok(()),
        }
    }

    /// Opens a session for one statement, such as `KILL`.
    pub async fn connect_briefly(&self) -> Result<MySqlConnection> {
        match (self.connect_as_itself().await, &self.host) {
            (Err(error), Some(host)) if error.kind == DatabaseErrorKind::Denied => host.connect_as_itself().await,
            (connected, _) => connected,
        }
    }

    /// The same, with no other user than its own.
    pub async fn connect_as_itself(&self) -> Result<MySqlConnection> {
        self.in_time(async { self.connect_piped().await.map_err(from_sqlx) }).await.map(|(connection, _)| connection)
    }

    /// Returns what makes connections of a component's login.
    pub fn as_login(&self, login: &str, password: &str) -> Self {
        let options = self.options.clone().username(login).password(password);
        Self { options, host: Some(Arc::new(self.clone())), ..self.clone() }
    }

    /// The passwords that this process has set for logins.
    pub fn passwords(&self) -> Passwords {
        self.settings.passwords.clone()
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout(self.settings.connect_timeout, work).await {
            Ok(answer) => answer,
            Err(_) => Err(DatabaseError::new(
                DatabaseErrorKind::Connection,
                format!(
                    "{} did not answer within {} s",
                    place(&self.options),
                    self.settings.connect_timeout.as_secs_f64()
                ),
            )
            .hint("check the host, the port, and firewalls in between")),
        }
    }

    /// How long a statement of a migration may take.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings.statement_timeout
    }

    /// The character set and the collation of text on the wire, as `SET` takes them.
    pub fn names(&self) -> String {
        match self.options.get_collation() {
            Some(collation) => format!("NAMES utf8mb4 COLLATE {}", literal(collation)),
            None => "NAMES utf8mb4".to_owned(),
        }
    }

    /// The options read from the URL.
    pub fn options(&self) -> &MySqlConnectOptions {
        &self.options
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.options.get_database().unwrap_or_default()
    }

    /// Whether its connections are of the login of a component.
    pub fn is_of_login(&self) -> bool {
        self.host.is_some()
    }
}

fn configuration(message: String) -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Configuration, message)
}
