//! Web servers for one test: one that answers whatever the test says, and one that encrypts.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::process::Process;
use super::programs::find;
use super::{place, tls};

/// A web server that answers as a function says, each request on a connection of its own.
pub struct Web {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Starts one. The function gets the path that is asked for, and the connection.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), heads.clone());
        // It ends with the process.
        std::thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), seen.clone());
                std::thread::spawn(move || {
                    let Some(head) = head(&mut connection) else { return };
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    seen.lock().unwrap().push(head);
                    answer(&path, &mut connection);
                });
            }
        });
        Self { port, heads }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn head(connection: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Sends an answer: a status such as `200 OK`, further lines of its head, and a body. The client may have gone.
pub fn answer(connection: &mut TcpStream, status: &str, headers: &[String], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
    let _ = connection.write_all(&[head.as_bytes(), b"\r\n", body].concat());
}

/// A server of the files of a directory, with a certificate that no client trusts by default.
pub struct EncryptedWeb {
    port: u16,
    authority: PathBuf,
    _process: Process,
}

impl EncryptedWeb {
    /// Starts one. A file that does not exist is answered by a text that says so, as if it did.
    pub fn start(files: &[(&str, &[u8])]) -> Self {
        let directory = place::directory("web", None);
        for (name, bytes) in files {
            std::fs::write(directory.join(name), bytes).unwrap();
        }
        let made = tls::make(&directory, None);
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (process, port) = place::on_free_port("openssl", |port| {
            let (certificate, key, accept) = (path(&made.certificate), path(&made.key), format!("127.0.0.1:{port}"));
            let arguments = ["s_server", "-accept", &accept, "-cert", &certificate, "-key", &key, "-WWW", "-quiet"];
            Process::start(&find("openssl"), &arguments, &directory, None).ended_by("TERM")
        });
        Self { port, authority: made.authority, _process: process }
    }

    /// The URL of a file.
    pub fn url(&self, file: &str) -> String {
        format!("https://localhost:{}/{file}", self.port)
    }

    /// The certificate of the authority that a client has to trust.
    pub fn authority(&self) -> &Path {
        &self.authority
    }
}
