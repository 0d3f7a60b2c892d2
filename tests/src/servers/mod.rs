//! Real database servers, started from the programs installed on the system and removed with the test process,
//! however it ends.
//!
//! [`postgres`], [`mariadb`] and the nodes of [`galera`] are shared by all tests of a process; each test creates its own [`TestDatabase`]. A
//! test that breaks, stops or fills a server uses a private one: [`Server::private`]. `RUNNER_TEST_POSTGRES` and
//! `RUNNER_TEST_MYSQL` name other server programs than the system's.

mod bouncer;
mod builder;
mod citus;
mod client;
mod cluster;
mod database;
mod dump;
mod guardian;
mod place;
mod process;
pub(crate) mod programs;
mod proxy;
pub mod registry;
mod server;
pub mod service;
mod template;
mod tls;
pub mod web;

use std::sync::OnceLock;

pub use bouncer::Bouncer;
pub use builder::{Builder, Tls};
pub use citus::Citus;
pub use client::{Client, Session};
pub use cluster::Cluster;
pub use database::TestDatabase;
pub use proxy::{Proxy, Trap};
pub use server::Server;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB; also MySQL, if `RUNNER_TEST_MYSQL` names its `mysqld`.
    Mariadb,
}

impl Kind {
    /// Its name in paths and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }

    /// Whether it is MySQL.
    pub fn is_mysql(self) -> bool {
        self == Self::Mariadb && programs::is_mysql()
    }

    /// What follows `FROM` for rows whose column `seq` has the numbers from 1 to the last, on MySQL and MariaDB.
    pub fn sequence(self, last: u64) -> String {
        match self.is_mysql() {
            // A recursion ends after 1,000 rounds by default.
            true => format!(
                "JSON_TABLE(CONCAT('[', REPEAT('1,', {last} - 1), '1]'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS seq_table"
            ),
            false => format!("seq_1_to_{last}"),
        }
    }

    /// Whether a URL is for a server of this kind.
    fn is_of(self, url: &str) -> bool {
        let schemes: [&str; 2] = match self {
            Self::Postgres => ["postgres://", "postgresql://"],
            Self::Mariadb => ["mysql://", "mariadb://"],
        };
        schemes.iter().any(|scheme| url.starts_with(scheme))
    }
}

/// The PostgreSQL server of this process, or the one that `DATABASE_URL` names.
pub fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| shared(Kind::Postgres))
}

/// The MariaDB server of this process, or the MySQL or MariaDB server that `DATABASE_URL` names.
pub fn mariadb() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| shared(Kind::Mariadb))
}

/// The two nodes of a cluster of this process, which take ten seconds to become one.
pub fn galera() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

fn shared(kind: Kind) -> Server {
    match std::env::var("DATABASE_URL") {
        Ok(url) if kind.is_of(&url) => Server::given(kind, &url),
        _ => Server::private(kind).start(),
    }
}

#[cfg(test)]
mod tests;
