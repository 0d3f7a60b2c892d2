//! A database for one test.

use super::client::Client;
use super::{Kind, Server, place};

/// A fresh database of a random name, dropped at the end of the test.
pub struct TestDatabase {
    client: Client,
    admin: Client,
}

impl TestDatabase {
    pub(super) fn new(server: &Server) -> Self {
        let name = format!("runner_test_{:016x}", place::unique());
        let admin = server.client().clone();
        match server.kind() {
            Kind::Postgres => create(&admin, &name),
            Kind::Mariadb => drop(admin.sql(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"))),
        }
        Self { client: admin.of(&name), admin }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.client.database
    }

    /// The kind of its server.
    pub fn kind(&self) -> Kind {
        self.client.kind
    }

    /// Its URL for a superuser.
    pub fn url(&self) -> String {
        self.client.address.url(self.kind(), self.name())
    }

    /// Its URL through a proxy on another port of this machine.
    pub fn url_at(&self, port: u16) -> String {
        let mut address = self.client.address.clone();
        (address.host, address.port) = ("127.0.0.1".to_owned(), port);
        if self.kind() == Kind::Mariadb && address.parameters.is_empty() {
            // MySQL, and MariaDB since 11.4, offer TLS by themselves, and a proxy has to read what passes.
            address.parameters = "?ssl-mode=disabled".to_owned();
        }
        address.url(self.kind(), self.name())
    }

    /// Its URL for another user.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let mut address = self.client.address.clone();
        (address.user, address.password) = (user.to_owned(), password.to_owned());
        address.url(self.kind(), self.name())
    }

    /// Its URL through the server's Unix socket, if known.
    pub fn socket_url(&self) -> Option<String> {
        let address = &self.client.address;
        let socket = address.socket.as_ref()?.display();
        Some(match self.kind() {
            Kind::Postgres => {
                format!("postgres:///{}?host={socket}&port={}&user={}", self.name(), address.port, address.user)
            }
            Kind::Mariadb => format!("mysql://{}@localhost/{}?socket={socket}", address.user, self.name()),
        })
    }

    /// A client for it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs statements; see [`Client::sql`].
    #[track_caller]
    pub fn sql(&self, text: &str) -> Vec<String> {
        self.client.sql(text)
    }

    /// The only value of a query.
    #[track_caller]
    pub fn value(&self, query: &str) -> String {
        self.client.value(query)
    }
}

/// PostgreSQL ends a vacuum in the template by itself, but on a busy machine that may take longer than it waits.
fn create(admin: &Client, name: &str) {
    crate::until("the template has no sessions", || match admin.try_sql(&format!("CREATE DATABASE {name}")) {
        Ok(_) => true,
        Err(error) => {
            assert!(error.contains("is being accessed by other users"), "{error}");
            false
        }
    });
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // If the server is gone, so is the database; a private server takes its databases with it.
        let statement = match self.kind() {
            Kind::Postgres => format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name()),
            Kind::Mariadb => format!("SET SESSION lock_wait_timeout = 5; DROP DATABASE IF EXISTS {}", self.name()),
        };
        // What was told to end may take its time on a busy machine.
        let is_in_use =
            |error: String| error.contains("is being accessed by other users") || error.contains("ERROR 1205");
        for _ in 0..5 {
            if !self.admin.try_sql(&statement).is_err_and(is_in_use) {
                break;
            }
        }
    }
}
