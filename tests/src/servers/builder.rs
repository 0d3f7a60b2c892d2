//! A private server, before it is started.

use super::programs::{is_mysql, service_user};
use super::server::{Launch, Server};
use super::{Kind, place, template, tls};
use crate::Disk;

/// Whether a server accepts connections with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// What the server does by itself: MySQL, and MariaDB since 11.4, offer TLS.
    ByDefault,
    /// No TLS.
    Off,
    /// With or without TLS.
    Offered,
    /// Only with TLS.
    Required,
}

/// The configuration of a private server.
pub struct Builder {
    kind: Kind,
    settings: Vec<(String, String)>,
    tls: Tls,
    passwords: bool,
    disk: Option<u64>,
}

impl Builder {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, settings: Vec::new(), tls: Tls::ByDefault, passwords: false, disk: None }
    }

    /// Sets a setting of the server, as its configuration file names it.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Enables TLS with a certificate that no client trusts by default; see [`Server::authority`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// PostgreSQL: requires passwords (MariaDB always does). The superuser must be given one by SQL beforehand.
    pub fn passwords(mut self) -> Self {
        self.passwords = true;
        self
    }

    /// Puts the data on a disk with little more room than the server needs; the server is not started where mounting
    /// is not permitted.
    pub fn small_disk(self) -> Self {
        match self.kind {
            Kind::Postgres => Self { disk: Some(72 << 20), ..self.setting("max_wal_size", "8MB") },
            Kind::Mariadb => Self { disk: Some(56 << 20), ..self },
        }
    }

    /// Starts it, on its own disk if requested.
    pub fn start(self) -> Server {
        Server::launch(self.prepare())
    }

    /// Starts it once, where another port would not help; returns its log if it exits.
    pub(super) fn try_start(self) -> Result<Server, String> {
        Server::try_launch(self.prepare())
    }

    /// Makes its directories.
    fn prepare(self) -> Launch {
        let user = service_user(match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mysql",
        });
        let directory = place::directory(self.kind.name(), user);
        let mut disk = None;
        let data = match self.disk {
            None => directory.join("data"),
            Some(bytes) => {
                let place = directory.join("disk");
                disk = Some(Disk::mount(&place, bytes));
                place.join("data")
            }
        };
        template::copy(self.kind, &data, user);
        let mut settings = defaults(self.kind);
        if self.tls == Tls::Off && self.kind == Kind::Mariadb {
            // The first leaves no version of TLS.
            let setting = if is_mysql() { "tls-version=" } else { "skip-ssl" };
            settings.push((setting.to_owned(), String::new()));
        }
        if matches!(self.tls, Tls::Offered | Tls::Required) {
            let made = tls::make(&directory, user);
            let names = match self.kind {
                Kind::Postgres => ["ssl_cert_file", "ssl_key_file", "ssl_ca_file"],
                Kind::Mariadb => ["ssl-cert", "ssl-key", "ssl-ca"],
            };
            for (name, path) in names.into_iter().zip([made.certificate, made.key, made.authority]) {
                settings.push((name.to_owned(), path.display().to_string()));
            }
            match (self.kind, self.tls) {
                (Kind::Postgres, _) => settings.push(("ssl".to_owned(), "on".to_owned())),
                (Kind::Mariadb, Tls::Required) => {
                    settings.push(("require-secure-transport".to_owned(), "ON".to_owned()));
                }
                (Kind::Mariadb, _) => {}
            }
        }
        settings.extend(self.settings);
        if self.kind == Kind::Postgres {
            std::fs::write(data.join("pg_hba.conf"), admission(self.tls, self.passwords)).unwrap();
        }
        Launch { kind: self.kind, directory, data, user, settings, disk }
    }
}

/// PostgreSQL: who may connect, and how. Everyone may use the socket, through which the tests prepare things.
fn admission(tls: Tls, passwords: bool) -> String {
    let line = if tls == Tls::Required { "hostssl" } else { "host" };
    let method = if passwords { "scram-sha-256" } else { "trust" };
    format!("local all all trust\nlocal replication all trust\n{line} all all 127.0.0.1/32 {method}\n")
}

/// Small, so that many fit on a machine. Data survive the process, but not the machine.
fn defaults(kind: Kind) -> Vec<(String, String)> {
    let settings: &[(&str, &str)] = match kind {
        Kind::Postgres => &[
            ("fsync", "off"),
            ("shared_buffers", "16MB"),
            ("max_connections", "200"),
            ("max_wal_size", "64MB"),
            ("min_wal_size", "8MB"),
            ("logging_collector", "off"),
            // Not the default before 14.
            ("password_encryption", "scram-sha-256"),
            ("listen_addresses", "127.0.0.1"),
        ],
        Kind::Mariadb if is_mysql() => &[
            ("skip-log-bin", ""),
            ("bind-address", "127.0.0.1"),
            ("mysqlx", "OFF"),
            ("max-connections", "200"),
            ("innodb-buffer-pool-size", "16M"),
            ("innodb-redo-log-capacity", "32M"),
            ("innodb-log-buffer-size", "2M"),
            ("innodb-flush-log-at-trx-commit", "2"),
            ("innodb-flush-method", "nosync"),
            ("key-buffer-size", "1M"),
            ("auto-increment-increment", "7"),
            ("auto-increment-offset", "3"),
        ],
        Kind::Mariadb => &[
            ("skip-log-bin", ""),
            ("bind-address", "127.0.0.1"),
            ("max-connections", "200"),
            ("character-set-server", "utf8mb4"),
            ("performance-schema", "OFF"),
            ("innodb-buffer-pool-size", "16M"),
            ("innodb-log-file-size", "8M"),
            ("innodb-log-buffer-size", "2M"),
            ("innodb-data-file-path", "ibdata1:4M:autoextend"),
            ("innodb-autoextend-increment", "1"),
            ("innodb-flush-log-at-trx-commit", "2"),
            ("innodb-flush-method", "nosync"),
            ("key-buffer-size", "1M"),
            ("aria-pagecache-buffer-size", "2M"),
            // As on a node of a cluster: whatever counts on consecutive numbers fails.
            ("auto-increment-increment", "7"),
            ("auto-increment-offset", "3"),
        ],
    };
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
