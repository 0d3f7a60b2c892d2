//! A Galera cluster of two MariaDB nodes.

use std::path::Path;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::programs::{find, is_chosen, version};
use super::{Kind, Server, place};

/// Where Debian's package galera-4 puts it.
const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// How many ports a node has beside that of its clients: for the group, and for two ways to transfer its state.
const PORTS: u16 = 3;

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
        on_free_ports(|port| {
            let first = founder(port)?;
            let joined = node(1, port, &format!("gcomm://127.0.0.1:{port}"));
            match joined.and_then(synced) {
                Ok(second) => Ok(Self { first, second }),
                Err(log) => Err(format!("{log}\n\nthe log of the first node:\n{}", first.log())),
            }
        })
    }

    /// Starts a node without others.
    pub fn of_one() -> Server {
        on_free_ports(founder)
    }

    /// The version of its nodes, such as `Galera 10.11.11`: each is a MariaDB.
    pub fn version() -> String {
        let text = version(&find("mariadbd"));
        let number = text.split(" Ver ").nth(1).and_then(|rest| rest.split('-').next());
        format!("Galera {}", number.unwrap_or(&text))
    }
}

/// Starts nodes; again on other ports if that fails, since another process may have taken a port.
fn on_free_ports<T>(start: impl Fn(u16) -> Result<T, String>) -> T {
    assert!(
        !is_chosen(Kind::Mariadb),
        "a cluster consists of the system's MariaDB: run this test without `RUNNER_TEST_MYSQL`"
    );
    assert!(Path::new(PROVIDER).exists(), "there is no {PROVIDER}; run scripts/setup");
    find("rsync");
    let mut last = String::new();
    for _ in 0..3 {
        match start(free_ports()) {
            Ok(nodes) => return nodes,
            Err(log) => last = log,
        }
    }
    panic!("the nodes do not become a cluster\n{last}");
}

/// Starts a node that begins a cluster.
fn founder(first_port: u16) -> Result<Server, String> {
    node(0, first_port, "gcomm://").and_then(synced)
}

/// Starts a node of those whose first port this is. `cluster` is the address of the other.
fn node(at: u16, first_port: u16, cluster: &str) -> Result<Server, String> {
    let port = first_port + PORTS * at;
    // A node of a busy machine may be silent for long, and is not lost.
    let mut options = format!(
        "base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};ist.recv_addr=127.0.0.1:{};gcache.size=16M;\
         evs.suspect_timeout=PT1M;evs.inactive_timeout=PT2M;gmcast.peer_timeout=PT30S",
        port + 1
    );
    if at > 0 {
        // The first one waits for nobody when it starts; a test that takes its cluster away waits for that long.
        options += ";pc.wait_prim_timeout=PT2M";
    }
    Builder::new(Kind::Mariadb)
        .setting("wsrep-on", "ON")
        .setting("wsrep-provider", PROVIDER)
        .setting("wsrep-cluster-name", format!("runner-{first_port}"))
        .setting("wsrep-cluster-address", cluster)
        .setting("wsrep-node-name", format!("node-{at}"))
        .setting("wsrep-node-address", format!("127.0.0.1:{port}"))
        .setting("wsrep-sst-method", "rsync")
        .setting("wsrep-sst-receive-address", format!("127.0.0.1:{}", port + 2))
        .setting("wsrep-provider-options", options)
        .setting("binlog-format", "ROW")
        .setting("innodb-autoinc-lock-mode", 2)
        .try_start()
}

/// Waits until a node takes writes; returns its log if it does not.
fn synced(node: Server) -> Result<Server, String> {
    let start = Instant::now();
    let ask =
        "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'wsrep_local_state_comment'";
    loop {
        // It refuses connections as long as it gets the data of the other.
        let found = node.client().try_sql(ask);
        if found.as_ref().is_ok_and(|rows| *rows == ["Synced"]) {
            return Ok(node);
        }
        if !node.runs() || start.elapsed() > crate::EVER {
            return Err(format!("the node is not synchronised: {found:?}\n{}", node.log()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first of free ports in a row for two nodes.
fn free_ports() -> u16 {
    loop {
        let first = place::free_port();
        if (first..first + 2 * PORTS).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}
