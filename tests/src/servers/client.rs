//! Access to a server through its own client program, independent of the tested program.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::{Kind, programs};

/// The address of a server and the user.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// What the client program uses instead of host and port.
    pub(super) socket: Option<PathBuf>,
    /// The URL's parameters, with their `?`.
    pub(super) parameters: String,
}

impl Address {
    /// Reads `scheme://user:password@host:port/database?parameters`.
    pub(super) fn parse(kind: Kind, url: &str) -> Self {
        let (_, rest) = url.split_once("://").unwrap();
        let (rest, parameters) = rest.split_once('?').map_or((rest, String::new()), |(a, b)| (a, format!("?{b}")));
        let authority = rest.split('/').next().unwrap_or_default();
        let (who, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = who.split_once(':').unwrap_or((who, ""));
        let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
        let (default_user, default_port) = match kind {
            Kind::Postgres => ("postgres", 5432),
            Kind::Mariadb => ("root", 3306),
        };
        Self {
            user: if user.is_empty() { default_user } else { user }.to_owned(),
            password: password.to_owned(),
            host: if host.is_empty() { "127.0.0.1" } else { host }.to_owned(),
            port: port.parse().unwrap_or(default_port),
            socket: None,
            parameters,
        }
    }

    /// The URL of a database there.
    pub(super) fn url(&self, kind: Kind, database: &str) -> String {
        let scheme = match kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        };
        let password = if self.password.is_empty() { String::new() } else { format!(":{}", self.password) };
        format!("{scheme}://{}{password}@{}:{}/{database}{}", self.user, self.host, self.port, self.parameters)
    }
}

/// A database, accessed through the client program of its server.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) kind: Kind,
    pub(super) address: Address,
    pub(super) database: String,
}

impl Client {
    /// The kind of server.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same database for another user.
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        let mut client = self.clone();
        (client.address.user, client.address.password) = (user.to_owned(), password.to_owned());
        client
    }

    /// The same server, another database.
    pub fn of(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// Runs statements, which must succeed; returns all rows, with cells separated by `|`.
    #[track_caller]
    pub fn sql(&self, text: &str) -> Vec<String> {
        self.try_sql(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
    }

    /// Runs statements up to the first that fails; returns all rows, or the server's message.
    pub fn try_sql(&self, text: &str) -> Result<Vec<String>, String> {
        // MySQL cannot list its sessions while any of them runs a statement with a character beyond U+FFFF.
        const UNLISTED: &str = "ERROR 3854";
        let lists = text.to_ascii_lowercase().contains("information_schema.processlist");
        let mut more_attempts = if lists { 500 } else { 0 };
        loop {
            match self.run(text) {
                Err(error) if more_attempts > 0 && error.starts_with(UNLISTED) => {
                    more_attempts -= 1;
                    std::thread::sleep(Duration::from_millis(20));
                }
                answer => return answer,
            }
        }
    }

    fn run(&self, text: &str) -> Result<Vec<String>, String> {
        let mut child = self.command().stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may exit before it has read everything; then it reports why.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).lines().map(|line| line.replace('\t', "|")).collect()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The only value of a query.
    #[track_caller]
    pub fn value(&self, query: &str) -> String {
        let rows = self.sql(query);
        assert_eq!(rows.len(), 1, "{query}: {rows:?}");
        rows.into_iter().next().unwrap_or_default()
    }

    /// What InnoDB says about each open transaction of this database, as it is now: `information_schema.INNODB_TRX` is a copy that
    /// grows old for as long as anybody looks at it more often than ten times a second.
    pub fn innodb_transactions(&self) -> Vec<String> {
        let sessions =
            self.sql("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()");
        let status = self.sql("SHOW ENGINE INNODB STATUS").concat().replace("\\n", "\n");
        let open = status.split("---TRANSACTION ").skip(1).filter(|section| section.contains(", ACTIVE"));
        let is_of = |section: &str, id: &String| section.contains(&format!(" thread id {id},"));
        open.filter(|section| sessions.iter().any(|id| is_of(section, id))).map(str::to_owned).collect()
    }

    /// Opens a persistent connection, for effects that outlast a statement.
    pub fn session(&self) -> Session {
        let mut child = self.command().stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Session { child, input, output }
    }

    fn command(&self) -> Command {
        let address = &self.address;
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = Command::new(programs::find("psql"));
                command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-P", "null=NULL", "-v", "ON_ERROR_STOP=1"]);
                for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
                    command.env_remove(name);
                }
                command.env("PGPASSWORD", &address.password).env("PGOPTIONS", "-c client_min_messages=error");
                command
            }
            Kind::Mariadb => {
                let mut command = Command::new(programs::find("mariadb"));
                command.args(["--no-defaults", "--batch", "--skip-column-names", "--unbuffered"]);
                command.args(["--default-character-set=utf8mb4"]).env("MYSQL_PWD", &address.password);
                command
            }
        };
        self.where_to(&mut command);
        command.arg(&self.database).stdout(Stdio::piped());
        command
    }

    /// Sets the server's address for a client program; the password is passed in the environment.
    pub(super) fn where_to(&self, command: &mut Command) {
        let Address { user, host, port, socket, .. } = &self.address;
        match (self.kind, socket) {
            (Kind::Postgres, Some(directory)) => command.arg("-h").arg(directory),
            (Kind::Postgres, None) => command.args(["-h", host]),
            (Kind::Mariadb, Some(socket)) => command.arg("-S").arg(socket),
            (Kind::Mariadb, None) => command.args(["-h", host]),
        };
        match self.kind {
            Kind::Postgres => command.arg("-p"),
            Kind::Mariadb => command.arg("-P"),
        };
        command.arg(port.to_string());
        match self.kind {
            Kind::Postgres => command.arg("-U"),
            Kind::Mariadb => command.arg("-u"),
        };
        command.arg(user);
    }
}

/// A persistent connection. It ends when it is dropped.
pub struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs statements and waits until they are done.
    #[track_caller]
    pub fn run(&mut self, text: &str) -> &mut Self {
        assert!(self.try_run(text), "the session has ended: {text}");
        self
    }

    /// As above; returns false if the session has ended, also if it was refused in the first place.
    pub fn try_run(&mut self, text: &str) -> bool {
        let mark = format!("mark {}", super::place::unique());
        if self.input.write_all(format!("{text};\nSELECT '{mark}';\n").as_bytes()).is_err() {
            return false;
        }
        let mut line = String::new();
        while line.trim_end() != mark {
            line.clear();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return false;
            }
        }
        true
    }

    /// Sends statements without waiting.
    pub fn send(&mut self, text: &str) -> &mut Self {
        self.input.write_all(format!("{text};\n").as_bytes()).unwrap();
        self
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
