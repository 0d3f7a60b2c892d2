//! pgbouncer, by default in transaction mode: two transactions of one client may run on two connections of the server.

use super::process::Process;
use super::programs::{find, service_user, version};
use super::{Server, place};

/// A pgbouncer in front of a PostgreSQL server. It ends when it is dropped.
pub struct Bouncer {
    port: u16,
    _process: Process,
}

impl Bouncer {
    /// Starts one with at most this many connections to the server per database.
    pub fn start(server: &Server, connections: u32) -> Self {
        Self::with(server, connections, "pool_mode = transaction")
    }

    /// Starts one with other settings, which name the mode.
    pub fn with(server: &Server, connections: u32, more: &str) -> Self {
        let user = service_user("postgres");
        let directory = place::directory("pgbouncer", user);
        let address = &server.client().address;
        let users = format!("\"{}\" \"{}\"\n", address.user, address.password);
        std::fs::write(directory.join("users.txt"), users).unwrap();
        let (process, port) = place::on_free_port("pgbouncer", |port| {
            let settings = format!(
                "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = trust\nauth_file = users.txt\n{more}\n\
                 max_client_conn = 400\ndefault_pool_size = {connections}\n\
                 ignore_startup_parameters = extra_float_digits,options\n",
                address.host, address.port
            );
            let file = directory.join("pgbouncer.ini");
            std::fs::write(&file, settings).unwrap();
            Process::start(&find("pgbouncer"), &[&file], &directory, user).ended_by("TERM")
        });
        Self { port, _process: process }
    }

    /// Its name and version, such as `PgBouncer 1.18.0`.
    pub fn version() -> String {
        version(&find("pgbouncer")).lines().next().unwrap_or_default().to_owned()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
