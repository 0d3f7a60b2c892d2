//! A registry of containers: Debian's `docker-registry`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sha2::{Digest as _, Sha256};

use super::place;
use super::process::Process;
use super::programs::find;

/// The user that is admitted where passwords are wanted.
pub const USER: &str = "ada";

/// The password.
pub const PASSWORD: &str = "s3cret";

/// The line of both in the server's file.
const HTPASSWD: &str = "ada:$2b$04$bbG.g.xn70T.Qop5rZyXqeFXbY4MoyXPezCU2m1P7DJoayUwR5.cu\n";

/// A registry with nothing in it. It ends when it is dropped.
pub struct Registry {
    port: u16,
    authorization: Option<&'static str>,
    _process: Process,
}

impl Registry {
    /// Starts one that everybody may use.
    pub fn start() -> Self {
        Self::with("", None)
    }

    /// Starts one for [`USER`] alone.
    pub fn with_password() -> Self {
        let authorization = Some("Authorization: Basic YWRhOnMzY3JldA==\r\n");
        Self::with("auth:\n  htpasswd:\n    realm: test\n    path: htpasswd\n", authorization)
    }

    fn with(more: &str, authorization: Option<&'static str>) -> Self {
        let directory = place::directory("registry", None);
        std::fs::write(directory.join("htpasswd"), HTPASSWD).unwrap();
        let (process, port) = place::on_free_port("docker-registry", |port| {
            let settings = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: data\n\
                 http:\n  addr: 127.0.0.1:{port}\n{more}"
            );
            std::fs::write(directory.join("config.yml"), settings).unwrap();
            let program = find("docker-registry");
            Process::start(&program, &["serve", "config.yml"], &directory, None).ended_by("TERM")
        });
        Self { port, authorization, _process: process }
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes a component with a tag, as `wkg oci push` does. Returns the digest of its manifest.
    pub fn push(&self, repository: &str, tag: &str, component: &[u8], annotations: &[(&str, &str)]) -> String {
        let config = br#"{"architecture":"wasm","os":"wasip2","layerDigests":[]}"#;
        let descriptor = |media_type: &str, bytes: &[u8]| serde_json::json!({"mediaType": media_type, "digest": self.blob(repository, bytes), "size": bytes.len()});
        let annotations: std::collections::BTreeMap<_, _> = annotations.iter().copied().collect();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor("application/vnd.wasm.config.v0+json", config),
            "layers": [descriptor("application/wasm", component)],
            "annotations": annotations,
        });
        let manifest = manifest.to_string().into_bytes();
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.ask("PUT", &path, &format!("Content-Type: {MANIFEST}\r\n"), &manifest, "201");
        format!("sha256:{}", sha256(&manifest))
    }

    /// Gives a tag to an index of the manifest with this digest, as images for several processors have.
    pub fn push_index(&self, repository: &str, tag: &str, manifest: &str, size: usize) {
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{"mediaType": MANIFEST, "digest": manifest, "size": size, "platform": {"architecture": "arm64", "os": "linux"}}],
        });
        let path = format!("/v2/{repository}/manifests/{tag}");
        self.ask("PUT", &path, &format!("Content-Type: {INDEX}\r\n"), index.to_string().as_bytes(), "201");
    }

    /// Uploads bytes, and returns their digest.
    fn blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", sha256(bytes));
        let head = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"", "202");
        let location = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap().trim();
        let path = location.strip_prefix(&format!("http://{}", self.host())).unwrap_or(location);
        let path = format!("{path}{}digest={digest}", if path.contains('?') { "&" } else { "?" });
        self.ask("PUT", &path, "Content-Type: application/octet-stream\r\n", bytes, "201");
        digest
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8], status: &str) -> String {
        let authorization = self.authorization.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{authorization}{headers}\r\n",
            self.host(),
            body.len()
        );
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{method} {path}: {answer}");
        answer
    }
}

/// A digest in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of an index of manifests.
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
