//! Servers that runner does not work with, played by a listener that answers as they do.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::*;
use runner_database::DatabaseErrorKind;

/// A server of one make.
#[derive(Clone, Copy)]
struct Server {
    make: &'static str,
    version: &'static str,
    number: &'static str,
    /// Whether it knows all the functions by which a server is asked what it is.
    answers: bool,
}

impl Server {
    /// Returns the URL of a database there.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The client leaves as soon as it knows enough.
                let _ = self.serve(stream);
            }
        });
        format!("postgres://me@127.0.0.1:{port}/app?sslmode=disable")
    }

    fn serve(self, mut stream: TcpStream) -> io::Result<()> {
        // The first packet of a client has no type.
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        stream.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize - 4])?;
        stream.write_all(&[message(b'R', &[0; 4]), message(b'K', &[0, 0, 0, 7, 0, 0, 0, 9]), ready()].concat())?;
        loop {
            let mut kind = [0; 1];
            stream.read_exact(&mut kind)?;
            stream.read_exact(&mut length)?;
            let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
            stream.read_exact(&mut packet)?;
            let statement = String::from_utf8_lossy(&packet).into_owned();
            let answer = match statement {
                look if look.contains("pg_is_in_recovery") => match self.answers {
                    true => row(&[self.version, self.number, "f", "public", "7", "app", self.make, ""]),
                    false => message(b'E', b"SERROR\0C42883\0Munknown function: pg_is_in_recovery()\0\0"),
                },
                make if make.contains("version()") => row(&[self.make]),
                _ => message(b'C', b"ROLLBACK\0"),
            };
            stream.write_all(&[answer, ready()].concat())?;
        }
    }
}

fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind], &(payload.len() as u32 + 4).to_be_bytes()[..], payload].concat()
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// A result of one row of texts.
fn row(cells: &[&str]) -> Vec<u8> {
    let mut columns = (cells.len() as u16).to_be_bytes().to_vec();
    let mut values = columns.clone();
    for cell in cells {
        // A name; no table; text of any length, as text.
        columns.extend(b"c\0\0\0\0\0\0\0");
        columns.extend([0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
        values.extend((cell.len() as u32).to_be_bytes());
        values.extend(cell.as_bytes());
    }
    [message(b'T', &columns), message(b'D', &values), message(b'C', b"SELECT 1\0")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_makes_and_old_versions_are_refused_by_name() {
    let plain = Server { make: "PostgreSQL 15.2 on x86_64", version: "15.2", number: "150002", answers: true };
    for (server, message, hint) in [
        (
            Server { make: "PostgreSQL 12.22 on x86_64", version: "12.22 (Debian)", number: "120022", ..plain },
            "the server is PostgreSQL 12.22 (Debian), and runner needs 13 or later",
            "upgrade the server",
        ),
        (
            Server { make: "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)", ..plain },
            "the server is CockroachDB (`CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)`), which runner does not support",
            "PostgreSQL 13",
        ),
        (Server { make: "Quux 3.1", ..plain }, "of an unknown make: it calls itself `Quux 3.1`", "PostgreSQL 13"),
        (
            Server { make: "PostgreSQL 12.3, compiled by Visual C++, QuestDB", answers: false, ..plain },
            "the server is QuestDB",
            "PostgreSQL 13",
        ),
    ] {
        let error = refusal(open_url(&server.start()).await);
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error:?}");
        assert!(error.message.contains(message), "{error:?}");
        assert!(error.hint.as_ref().is_some_and(|text| text.contains(hint)), "{error:?}");
    }
    // The server is what it says, and lacks the function for a reason of its own.
    let error = refusal(open_url(&Server { answers: false, ..plain }.start()).await);
    assert!(error.message.contains("unknown function: pg_is_in_recovery()"), "{error:?}");
}
