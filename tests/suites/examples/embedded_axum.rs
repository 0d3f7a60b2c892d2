//! The service that embeds its migrations: built, started twice, queried.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use runner_tests::guests;

/// The service, which ends with the test at the latest.
struct Service {
    process: Child,
    /// Its output before it listened.
    said: Vec<String>,
    address: String,
}

impl Service {
    fn start(binary: &Path, database: &Path) -> Self {
        let mut command = Command::new(binary);
        command.env("DATABASE_FILE", database).env("ADDRESS", "127.0.0.1:0").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut said = Vec::new();
        let mut address = None;
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            address = line.strip_prefix("listening on http://").map(str::to_owned);
            if address.is_some() {
                break;
            }
            said.push(line);
        }
        let address = address.unwrap_or_else(|| panic!("it never listened: {said:?}"));
        Self { process, said, address }
    }

    /// The answer to a request.
    fn ask(&self, method: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the service in the shared target directory, so that common dependencies are compiled once.
fn build() -> PathBuf {
    let target = guests::target_directory();
    let manifest = guests::repository().join("examples/embedded-axum/Cargo.toml");
    let output = guests::native_cargo()
        .args(["build", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .expect("cargo");
    assert!(output.status.success(), "it does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/embedded-axum")
}

#[test]
fn the_service_applies_its_migrations_and_serves() {
    let binary = build();
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("notes.db");

    let service = Service::start(&binary, &database);
    assert_eq!(service.said, ["applied 0001_create_notes", "applied 0002_add_written_at"]);
    let answer = service.ask("GET", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("the first note"), "{answer}");
    assert!(service.ask("POST", "another").starts_with("HTTP/1.1 201 Created"));
    drop(service);

    let service = Service::start(&binary, &database);
    assert_eq!(service.said, ["the database is up to date"]);
    let answer = service.ask("GET", "");
    assert!(answer.contains("the first note") && answer.contains("another"), "{answer}");
}
