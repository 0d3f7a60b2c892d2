//! Real database servers, started from the programs installed on the system and removed with the test process,
//! however it ends.
//!
//! [`postgres`] and [`mariadb`] are shared by all tests of a process; each test creates its own [`TestDatabase`]. A
//! test that breaks, stops or fills a server uses a private one: [`Server::private`].

mod bouncer;
mod builder;
mod client;
mod database;
mod dump;
mod guardian;
mod place;
mod process;
pub(crate) mod programs;
mod proxy;
mod server;
mod template;
mod tls;

use std::sync::OnceLock;

pub use bouncer::Bouncer;
pub use builder::{Builder, Tls};
pub use client::{Client, Session};
pub use database::TestDatabase;
pub use proxy::{Proxy, Trap};
pub use server::Server;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MariaDB; also MySQL, if `DATABASE_URL` names one.
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

fn shared(kind: Kind) -> Server {
    match std::env::var("DATABASE_URL") {
        Ok(url) if kind.is_of(&url) => Server::given(kind, &url),
        _ => Server::private(kind).start(),
    }
}

#[cfg(test)]
mod tests;
