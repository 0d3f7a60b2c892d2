//! A running server, and operations on it.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::builder::Builder;
use super::client::{Address, Client};
use super::database::TestDatabase;
use super::process::Process;
use super::programs::{User, find, run, server};
use super::{Kind, place};
use crate::Disk;

/// A server.
pub struct Server {
    client: Client,
    own: Option<Own>,
}

/// State of a server that was started here.
struct Own {
    // Dropped in this order: the process, then its disk and its directory.
    process: Mutex<Option<Process>>,
    launch: Launch,
}

/// How to start a server, any number of times.
pub(super) struct Launch {
    pub(super) kind: Kind,
    pub(super) directory: PathBuf,
    pub(super) data: PathBuf,
    pub(super) user: Option<User>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) disk: Option<Disk>,
}

impl Server {
    /// A server for one test, which may do anything to it. It ends when it is dropped.
    pub fn private(kind: Kind) -> Builder {
        Builder::new(kind)
    }

    /// A server that was started elsewhere.
    pub(super) fn given(kind: Kind, url: &str) -> Self {
        let address = Address::parse(kind, url);
        let database = match kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "information_schema",
        };
        Self { client: Client { kind, address, database: database.to_owned() }, own: None }
    }

    /// Starts a server on a free port; retries if another process took the port.
    pub(super) fn launch(launch: Launch) -> Self {
        let mut last = String::new();
        for _ in 0..5 {
            match launch.start_on_free_port() {
                Ok(started) => return Self::of(launch, started),
                Err(log) => last = log,
            }
        }
        panic!("the server does not start\n{last}");
    }

    /// Starts a server once, on a free port; returns its log if it exits.
    pub(super) fn try_launch(launch: Launch) -> Result<Self, String> {
        launch.start_on_free_port().map(|started| Self::of(launch, started))
    }

    fn of(launch: Launch, (process, port): (Process, u16)) -> Self {
        let (user, database) = match launch.kind {
            Kind::Postgres => ("postgres", "postgres"),
            Kind::Mariadb => ("root", "information_schema"),
        };
        let address = Address {
            user: user.to_owned(),
            password: String::new(),
            host: "127.0.0.1".to_owned(),
            port,
            socket: Some(launch.socket()),
            parameters: String::new(),
        };
        let client = Client { kind: launch.kind, address, database: database.to_owned() };
        Self { client, own: Some(Own { process: Mutex::new(Some(process)), launch }) }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.client.kind
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.client.address.port
    }

    /// Whether it was started here, rather than named by `DATABASE_URL`.
    pub fn is_private(&self) -> bool {
        self.own.is_some()
    }

    /// A client with all privileges.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A fresh database.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::new(self)
    }

    /// The certificate of the authority that signed the server's certificate, for a server with TLS.
    pub fn authority(&self) -> PathBuf {
        self.own().launch.directory.join("ca.pem")
    }

    /// Ends it like a crash. PostgreSQL: an immediate shutdown, which ends all its processes; MariaDB: `kill -9`.
    pub fn crash(&self) {
        let mut process = self.process();
        if let Some(mut process) = process.take() {
            process.signal(match self.kind() {
                Kind::Postgres => "QUIT",
                Kind::Mariadb => "KILL",
            });
            process.wait();
        }
    }

    /// Shuts it down cleanly, without waiting for its clients.
    pub fn stop(&self) {
        let mut process = self.process();
        if let Some(mut process) = process.take() {
            process.signal(match self.kind() {
                Kind::Postgres => "INT",
                Kind::Mariadb => "TERM",
            });
            process.wait();
        }
    }

    /// Restarts it with the same data, on the same port.
    pub fn restart(&self) {
        let mut process = self.process();
        if let Some(mut running) = process.take() {
            running.end();
        }
        let started = self.own().launch.start(self.port());
        *process = Some(started.unwrap_or_else(|log| panic!("the server does not start again\n{log}")));
    }

    /// Suspends it until [`Server::resume`]. PostgreSQL: accepts no new connections; existing ones continue.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Resumes it.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Grows its disk. PostgreSQL stops if its log runs out of space: then it is restarted.
    pub fn grow_disk(&self, bytes: u64) {
        self.own().launch.disk.as_ref().expect("a disk of its own").grow(bytes);
        if self.client().try_sql("SELECT 1").is_err() {
            self.restart();
        }
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.process().as_ref().map(Process::log).unwrap_or_default()
    }

    /// Whether its program runs.
    pub(super) fn runs(&self) -> bool {
        self.process().as_mut().is_some_and(|process| !process.has_ended())
    }

    /// PostgreSQL: a read-only standby of this server.
    pub fn standby(&self) -> Server {
        let own = self.own();
        let directory = place::directory("standby", own.launch.user);
        let data = directory.join("data");
        let mut copy = Command::new(find("pg_basebackup"));
        self.client.where_to(&mut copy);
        copy.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "-D"]).arg(&data);
        run(&mut copy);
        if let Some(user) = own.launch.user {
            run(Command::new("chown").arg("-R").arg(format!("{}:{}", user.uid, user.gid)).arg(&data));
        }
        let settings = own.launch.settings.clone();
        Self::launch(Launch { kind: self.kind(), directory, data, user: own.launch.user, settings, disk: None })
    }

    fn signal(&self, name: &str) {
        if let Some(process) = self.process().as_ref() {
            process.signal(name);
        }
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("this is done to private servers only")
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.own().process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Launch {
    /// What clients on this machine use instead of a port. PostgreSQL: its directory.
    fn socket(&self) -> PathBuf {
        match self.kind {
            Kind::Postgres => self.directory.clone(),
            Kind::Mariadb => self.directory.join("socket"),
        }
    }

    /// Starts it on a free port; returns its log if it exits.
    fn start_on_free_port(&self) -> Result<(Process, u16), String> {
        let port = place::free_port();
        self.start(port).map(|process| (process, port))
    }

    /// Starts it; returns its log if it exits.
    fn start(&self, port: u16) -> Result<Process, String> {
        let data = self.data.display();
        let socket = self.socket();
        match self.kind {
            Kind::Postgres => {
                let mut arguments = vec!["-D".to_owned(), data.to_string(), "-p".to_owned(), port.to_string()];
                arguments.extend(["-k".to_owned(), socket.display().to_string()]);
                for (name, value) in &self.settings {
                    arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
                }
                // The file of a crashed server would be read as the next one's.
                let state = self.data.join("postmaster.pid");
                let _ = std::fs::remove_file(&state);
                let mut process = Process::start(&server(self.kind), &arguments, &self.directory, self.user);
                process.wait_until(|| is_ready(&state)).map(|()| process)
            }
            Kind::Mariadb => {
                let mut arguments = vec!["--no-defaults".to_owned(), format!("--datadir={data}")];
                arguments.push(format!("--socket={}", socket.display()));
                arguments.push(format!("--port={port}"));
                arguments.push(format!("--pid-file={data}/server.pid"));
                // A starting server deletes the temporary tables that it finds; in a directory shared by several
                // servers, that includes tables in use, which would crash the other server.
                arguments.push(format!("--tmpdir={}", self.directory.display()));
                for (name, value) in &self.settings {
                    arguments.push(match value.is_empty() {
                        true => format!("--{name}"),
                        false => format!("--{name}={value}"),
                    });
                }
                let _ = std::fs::remove_file(&socket);
                let mut process = Process::start(&server(self.kind), &arguments, &self.directory, self.user);
                process.wait_until(|| greets(&socket)).map(|()| process)
            }
        }
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        drop(self.disk.take());
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// PostgreSQL writes its state to the eighth line of this file.
fn is_ready(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

/// MariaDB greets every connection.
fn greets(socket: &Path) -> bool {
    let mut greeting = [0; 5];
    UnixStream::connect(socket).is_ok_and(|mut stream| stream.read_exact(&mut greeting).is_ok())
}
