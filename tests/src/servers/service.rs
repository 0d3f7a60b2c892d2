//! A server of HTTP that answers whatever a test says to whole requests, with or without TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{place, tls};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET` and so on.
    pub method: String,
    /// With the query.
    pub path: String,
    /// All of its lines, in lower case.
    pub head: String,
    /// What was sent with it.
    pub body: Vec<u8>,
}

/// A status such as `200 OK`, further lines of the head, and a body.
pub type Reply = (&'static str, Vec<String>, Vec<u8>);

/// A server, each connection of which is closed after one answer. It ends with the process.
pub struct Service {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    authority: Option<PathBuf>,
}

impl Service {
    /// Starts one without TLS.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(None, None, answer)
    }

    /// Starts one with a certificate for `localhost` that no client trusts by default.
    pub fn encrypted(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let directory = place::directory("service", None);
        let made = tls::make(&directory, None);
        let certificate = CertificateDer::from_pem_file(&made.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(&made.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        Self::with(Some(Arc::new(config)), Some(made.authority), answer)
    }

    fn with(
        config: Option<Arc<ServerConfig>>,
        authority: Option<PathBuf>,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (config, answer, seen) = (config.clone(), answer.clone(), seen.clone());
                std::thread::spawn(move || match config {
                    None => serve(connection, &*answer, &seen),
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(session, connection), &*answer, &seen)
                    }
                });
            }
        });
        Self { port, asked, authority }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        match self.authority {
            None => format!("http://{}{path}", self.host()),
            Some(_) => format!("https://localhost:{}{path}", self.port),
        }
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority that a client has to trust.
    pub fn authority(&self) -> &Path {
        self.authority.as_deref().unwrap()
    }

    /// All requests.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request; a client may have gone.
fn serve(mut connection: impl Read + Write, answer: &dyn Fn(&Asked) -> Reply, seen: &Mutex<Vec<Asked>>) {
    let Some(asked) = read(&mut connection) else { return };
    seen.lock().unwrap().push(asked.clone());
    let (status, headers, body) = answer(&asked);
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
    let body = if asked.method == "HEAD" { Vec::new() } else { body };
    let _ = connection.write_all(&[head.as_bytes(), b"\r\n", &body].concat());
    let _ = connection.flush();
}

fn read(connection: &mut impl Read) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut words = lines.first()?.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let head = lines.join("\n").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, head, body })
}
