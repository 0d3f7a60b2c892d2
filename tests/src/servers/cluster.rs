//! A Galera cluster of two MariaDB nodes.

use std::time::{Duration, Instant};

use super::builder::Builder;
use super::{Kind, Server, place};

/// How long a node may take to get all data from the other.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two nodes of one cluster. They end when it is dropped.
pub struct Cluster {
    /// The node that has begun the cluster.
    pub first: Server,
    /// The node that has joined it.
    pub second: Server,
}

impl Cluster {
    /// Starts two nodes, and waits until each takes writes.
    pub fn start() -> Self {
        let ports = [free_ports(), free_ports()];
        let node = |at: usize, address: &str| {
            let port = ports[at];
            Builder::new(Kind::Mariadb)
                .setting("wsrep-on", "ON")
                .setting("wsrep-provider", "/usr/lib/galera/libgalera_smm.so")
                .setting("wsrep-cluster-name", format!("runner-{}", ports[0]))
                .setting("wsrep-cluster-address", address)
                .setting("wsrep-node-name", format!("node-{at}"))
                .setting("wsrep-node-address", format!("127.0.0.1:{port}"))
                .setting("wsrep-sst-method", "rsync")
                .setting("wsrep-sst-receive-address", format!("127.0.0.1:{}", port + 2))
                .setting(
                    "wsrep-provider-options",
                    format!(
                        "base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};ist.recv_addr=127.0.0.1:{};gcache.size=16M",
                        port + 1
                    ),
                )
                .setting("binlog-format", "ROW")
                .setting("innodb-autoinc-lock-mode", 2)
                .start()
        };
        let first = node(0, "gcomm://");
        synced(&first);
        let second = node(1, &format!("gcomm://127.0.0.1:{}", ports[0]));
        synced(&second);
        Self { first, second }
    }
}

/// Waits until a node takes writes.
fn synced(node: &Server) {
    let start = Instant::now();
    let ask =
        "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_local_state_comment'";
    while node.client().try_sql(ask).is_ok_and(|rows| rows != ["Synced"]) {
        assert!(start.elapsed() < PATIENCE, "the node is not synchronised\n{}", node.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first of three free ports in a row.
fn free_ports() -> u16 {
    loop {
        let first = place::free_port();
        if (first..first + 3).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}
