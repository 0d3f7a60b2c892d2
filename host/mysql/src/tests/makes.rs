//! Servers that runner does not work with, played by a listener that greets like one and says what it is.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;

/// What the listener does when a client logs in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    /// It lets every client in.
    Open,
    /// It asks for the password itself, as `caching_sha2_password` does once after the server's start.
    AsksForPassword,
}

/// A server of one make.
#[derive(Clone, Copy)]
struct Server {
    version: &'static str,
    comment: &'static str,
    has_innodb: bool,
    login: Login,
    /// Its name in a Galera cluster, if it is a node of one.
    node: Option<&'static str>,
}

/// The capabilities of the greeting: all but TLS and compression, and no packet after the columns of a result.
const CAPABILITIES: u32 = 0x01ff_f7df;
const MORE_RESULTS: u16 = 8;

impl Server {
    /// Returns the URL of a database there.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The client leaves as soon as it knows enough.
                let _ = Talk { stream, sequence: 0 }.serve(self);
            }
        });
        format!("mysql://me:secret@127.0.0.1:{port}/app")
    }
}

struct Talk {
    stream: TcpStream,
    sequence: u8,
}

impl Talk {
    fn serve(&mut self, server: Server) -> io::Result<()> {
        self.send(&greeting(server))?;
        self.receive()?;
        if server.login == Login::AsksForPassword {
            self.send(&[1, 4])?;
            self.receive()?;
            self.send(b"\x01-----BEGIN PUBLIC KEY-----\n")?;
            self.receive()?;
        }
        self.send(&ok())?;
        loop {
            let packet = self.receive()?;
            let statement = String::from_utf8_lossy(packet.get(1..).unwrap_or_default()).into_owned();
            if !statement.starts_with("SELECT VERSION()") {
                self.send(&ok())?;
                continue;
            }
            self.rows(&[&[server.version, "7", "app"]], MORE_RESULTS)?;
            self.rows(&[&["global_sql_mode", ""]], MORE_RESULTS)?;
            let all =
                [["version_comment", server.comment], ["lower_case_table_names", "0"], ["innodb_read_only", "OFF"]];
            let rows: Vec<&[&str]> =
                all.iter().take(2 + usize::from(server.has_innodb)).map(<[&str; 2]>::as_slice).collect();
            let node = server.node.map(|name| [["wsrep_on", "ON"], ["wsrep_node_name", name]]);
            let node = node.iter().flatten().map(<[&str; 2]>::as_slice);
            self.rows(&rows.into_iter().chain(node).collect::<Vec<_>>(), 0)?;
        }
    }

    /// Sends a result of text columns.
    fn rows(&mut self, rows: &[&[&str]], status: u16) -> io::Result<()> {
        let columns = rows[0].len();
        self.send(&[columns as u8])?;
        for _ in 0..columns {
            let mut column = Vec::new();
            for name in ["def", "", "", "", "c", "c"] {
                text(&mut column, name);
            }
            // Twelve bytes follow: utf8mb4, a length, VARCHAR, no flags.
            column.extend([12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0]);
            self.send(&column)?;
        }
        for row in rows {
            let mut cells = Vec::new();
            for cell in *row {
                text(&mut cells, cell);
            }
            self.send(&cells)?;
        }
        let [low, high] = status.to_le_bytes();
        self.send(&[0xfe, 0, 0, low, high, 0, 0])
    }

    fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let [a, b, c, _] = (payload.len() as u32).to_le_bytes();
        self.stream.write_all(&[&[a, b, c, self.sequence], payload].concat())?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header)?;
        let [a, b, c, sequence] = header;
        let mut payload = vec![0; u32::from_le_bytes([a, b, c, 0]) as usize];
        self.stream.read_exact(&mut payload)?;
        self.sequence = sequence.wrapping_add(1);
        Ok(payload)
    }
}

fn text(packet: &mut Vec<u8>, text: &str) {
    packet.push(text.len() as u8);
    packet.extend(text.as_bytes());
}

fn ok() -> [u8; 7] {
    [0, 0, 0, 2, 0, 0, 0]
}

fn greeting(server: Server) -> Vec<u8> {
    let plugin = match server.login {
        Login::Open => "mysql_native_password",
        Login::AsksForPassword => "caching_sha2_password",
    };
    let [a, b, c, d] = CAPABILITIES.to_le_bytes();
    let mut packet = vec![10];
    packet.extend(server.version.as_bytes());
    packet.extend([0, 7, 0, 0, 0]);
    packet.extend(b"12345678\0");
    packet.extend([a, b, 45, 2, 0, c, d, 21]);
    packet.extend([0; 10]);
    packet.extend(b"123456789012\0");
    packet.extend(plugin.as_bytes());
    packet.push(0);
    packet
}

#[tokio::test(flavor = "multi_thread")]
async fn other_makes_and_old_versions_are_refused_by_name() {
    let plain = Server { version: "8.0.33", comment: "", has_innodb: true, login: Login::Open, node: None };
    for (server, message, hint) in [
        (
            Server { version: "8.0.17", comment: "MySQL Community Server - GPL", ..plain },
            "the server is MySQL 8.0.17, and runner needs 8.0.18 or later",
            "upgrade the server",
        ),
        (
            Server { version: "10.4.34-MariaDB", ..plain },
            "the server is MariaDB 10.4.34-MariaDB, and runner needs 10.5.0 or later",
            "upgrade the server",
        ),
        (
            Server { comment: "Dolt", ..plain },
            "the server is Dolt (8.0.33), which runner does not support",
            "MySQL 8.0.18",
        ),
        (
            Server { version: "8.0.11-TiDB-v8.5.1", comment: "TiDB Server (Apache License 2.0)", ..plain },
            "the server is TiDB (8.0.11-TiDB-v8.5.1), which runner does not support: its user locks",
            "MariaDB 10.5.0",
        ),
        (
            Server { comment: "Percona XtraDB Cluster (GPL), Release rel33", node: Some("db-1"), ..plain },
            "a node of a Galera cluster of MySQL (8.0.33), which runner does not support",
            "MariaDB 10.5.0",
        ),
        (
            Server { comment: "Quux", has_innodb: false, ..plain },
            "of an unknown make: it calls itself `Quux`, version 8.0.33",
            "MySQL 8.0.18",
        ),
    ] {
        let error = open_url(&server.start()).await.err().expect(message);
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_needs_tls_says_so() {
    let server = Server { version: "9.7.0", comment: "", has_innodb: true, login: Login::AsksForPassword, node: None };
    let error = open_url(&server.start()).await.err().expect("no TLS");
    assert_eq!(error.kind, DatabaseErrorKind::Denied, "{error:?}");
    assert!(error.message.contains("wants the password of `me` over an encrypted connection"), "{error:?}");
    assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("ssl-mode=disabled")), "{error:?}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

/// A URL that names a node leads to no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_names_a_node_of_a_cluster_leads_to_no_other() {
    let node =
        Server { version: "10.11.19-MariaDB", comment: "", has_innodb: true, login: Login::Open, node: Some("db-1") };
    let url = node.start();
    let opened = open_url(&url).await.expect("any node will do");
    assert_eq!(opened.facts().lock, runner_database::LockKind::Lease, "the lock of one node is not seen on another");
    // The listener serves one client at a time.
    drop(opened);
    open_url(&format!("{url}?lock=node:db-1")).await.expect("the node that is named");
    let error = open_url(&format!("{url}?lock=node:db-2")).await.err().expect("another node");
    assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
    assert!(error.message.contains("the node `db-1`") && error.message.contains("all runs use `db-2`"), "{error:?}");
    for value in ["node", "node:", "nodes:db-1"] {
        let error = open_url(&format!("{url}?lock={value}")).await.err().expect("unknown");
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("`lock=node:NAME`")), "{error:?}");
    }
}
