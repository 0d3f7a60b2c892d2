//! Packages from web servers and registries, honest ones and others.

use std::io::Write as _;
use std::net::TcpStream;

use runner_tests::minisign::{Keys, base64};
use runner_tests::servers::registry::{self, Registry};
use runner_tests::servers::web::{EncryptedWeb, Web, answer};

use super::packages::{COPY, NAME, author, operator, package};
use super::*;

/// The annotation with the signature.
const ANNOTATION: &str = "io.github.runner-migrations.minisig";

/// A project for a package of two versions, and their bytes.
struct Versions {
    project: TestProject,
    /// 1.0.0 and 1.1.0.
    bytes: [Vec<u8>; 2],
    keys: Keys,
}

fn versions() -> Versions {
    let granted = guests::component("granted");
    let (project, author) = (operator(), author(&[("0001_copy", &granted, COPY), ("0002_again", &granted, COPY)]));
    let bytes = [("0001", "1.0.0"), ("0001 0002", "1.1.0")].map(|(revisions, version)| {
        let file = package(&author, &project, revisions, NAME, version);
        std::fs::read(project.file(&file)).unwrap()
    });
    std::fs::remove_dir_all(project.file("dist")).unwrap();
    project.runner("build").succeeds();
    Versions { project, bytes, keys: Keys::new(1) }
}

impl Versions {
    fn signature(&self, version: usize) -> String {
        self.keys.sign(&self.bytes[version])
    }

    /// What must be as it was after a package was refused.
    fn state(&self) -> [String; 2] {
        assert!(!self.project.file("migrations/vendor").exists());
        [self.project.read("runner.lock"), self.project.read("runner.toml")]
    }
}

#[test]
fn a_package_is_added_from_a_web_server() {
    let versions = versions();
    let Versions { project, bytes: [old, new], keys } = &versions;
    let files = [("/p/one.wasm", old.clone()), ("/p/one.wasm.minisig", versions.signature(0).into_bytes())];
    let files =
        [&files[..], &[("/q/two.wasm", new.clone()), ("/q/two.wasm.minisig", versions.signature(1).into_bytes())]];
    let files = files.concat();
    let server = Web::start(move |path, connection| {
        // The query may be a key to the file.
        let path = path.split('?').next().unwrap_or_default();
        match files.iter().find(|(name, _)| *name == path) {
            Some((_, bytes)) => answer(connection, "200 OK", &[], bytes),
            None if path == "/moved.wasm" => answer(connection, "302 Found", &["Location: p/one.wasm".to_owned()], b""),
            None => answer(connection, "404 Not Found", &[], b"nothing"),
        }
    });
    let before = versions.state();
    project.runner(&format!("add {}", server.url("/other.wasm"))).exits(2).says(&["does not exist"]);
    let wrong = format!("{}#sha256={}", server.url("/p/one.wasm"), registry::sha256(new));
    project.runner(&format!("add {wrong}")).exits(4).says(&["has not the digest that the URL names"]);
    assert_eq!(versions.state(), before);
    let right = format!("{}?key=hidden#sha256={}", server.url("/p/one.wasm"), registry::sha256(old));
    let added = project.runner(&format!("add {right} --key {}", keys.public()));
    added.succeeds().says(&["added acme/copier 1.0.0"]).does_not_say(&["signature was not checked", "hidden"]);
    let lockfile = project.read("runner.lock");
    assert!(lockfile.contains(&format!("source = \"{}\"", server.url("/p/one.wasm"))), "{lockfile}");
    assert!(std::fs::read(project.file("migrations/vendor/acme_copier_1.0.0.wasm")).unwrap() == *old);
    project.runner("plan --target 0001").succeeds();
    project.runner(&format!("add {}", server.url("/moved.wasm"))).succeeds().says(&["is up to date"]);
    // A URL tells nothing of other versions.
    project.runner("outdated").succeeds().prints(&["1.0.0", "a URL does not list versions"]);
    project.runner("update acme/copier").exits(2).says(&["a URL does not list versions", "--from"]);
    project.runner("update").succeeds().says(&["acme/copier", "a URL does not list versions"]);
    let update = format!("update acme/copier --from {}", server.url("/q/two.wasm"));
    project.runner(&update).succeeds().says(&["updated acme/copier 1.1.0 from 1.0.0"]);
    project.runner("validate --locked").succeeds();
}

/// What a server may do, and what is said about it.
type Lie = (&'static str, i32, &'static str);

/// Every answer is bounded, and none leaves anything in the project.
#[test]
fn a_web_server_that_lies_is_not_believed() {
    let versions = versions();
    let elsewhere = Web::start(|_, connection| answer(connection, "200 OK", &[], b"stolen"));
    let (there, bytes, signature) = (elsewhere.url("/x"), versions.bytes[0].clone(), versions.signature(1));
    let server = Web::start(move |path, connection| {
        let chunk = [b"2000\r\n", &[0_u8; 0x2000][..], b"\r\n"].concat();
        let redirect = |to: &str| [format!("Location: {to}")];
        match path {
            "/elsewhere" => answer(connection, "302 Found", &redirect(&there), b""),
            "/unencrypted" => answer(connection, "301 Moved", &redirect("http://a.example/p.wasm"), b""),
            "/file" => answer(connection, "301 Moved", &redirect("file:///etc/passwd"), b""),
            "/loop" => answer(connection, "307 Again", &redirect("/loop"), b""),
            "/error" => answer(connection, "500 Oops", &[], b"\x1b[31m"),
            "/large" => send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
            "/endless" => {
                send(connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                while connection.write_all(&chunk).is_ok() {}
            }
            "/open" => {
                send(connection, b"HTTP/1.1 200 OK\r\n\r\n");
                while connection.write_all(&chunk).is_ok() {}
            }
            "/short" => send(connection, &[b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", &bytes[..100]].concat()),
            "/head" => {
                send(connection, b"HTTP/1.1 200 OK\r\n");
                while connection.write_all(b"X-More: yes\r\n").is_ok() {}
            }
            "/nonsense" => send(connection, b"\x00\xff nonsense\r\n\r\n"),
            "/slow" => {
                send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                while connection.write_all(b"x").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            "/silent" => std::thread::sleep(std::time::Duration::from_secs(60)),
            "/other.minisig" => answer(connection, "200 OK", &[], signature.as_bytes()),
            "/long.minisig" => answer(connection, "200 OK", &[], &[b'a'; 100_000]),
            path if path.ends_with(".minisig") => answer(connection, "404 Not Found", &[], b""),
            "/text" => answer(connection, "200 OK", &[], b"<html>"),
            _ => answer(connection, "200 OK", &[], &bytes),
        }
    });
    let before = versions.state();
    let lies: [Lie; 18] = [
        ("/elsewhere", 7, "redirects to another server"),
        ("/unencrypted", 7, "redirects to another server"),
        ("/file", 7, "redirects to another server"),
        ("/loop", 1, "redirects without end"),
        ("/error", 1, "the server answers 500"),
        ("/large", 7, "is larger than 1MiB"),
        ("/endless", 7, "is larger than 1MiB"),
        ("/open", 7, "is larger than 1MiB"),
        ("/short", 1, "cannot be fetched"),
        ("/head", 1, "cannot be fetched"),
        ("/nonsense", 1, "cannot be fetched"),
        ("/slow", 7, "longer than the limit `fetch_time` of 300ms"),
        ("/silent", 7, "longer than the limit `fetch_time` of 300ms"),
        ("/text", 2, "runner package"),
        ("/other", 4, "the signature of"),
        ("/long", 7, "is larger than 4KiB"),
        ("/unsigned", 4, "is not signed"),
        ("/gone", 4, "is not signed"),
    ];
    std::thread::scope(|scope| {
        for (path, code, says) in lies {
            let (versions, url) = (&versions, server.url(path));
            scope.spawn(move || {
                let time = if says.contains("fetch_time") { "300ms" } else { "10m" };
                let key = versions.keys.public();
                let limits = format!("--limit fetch_time={time} --limit artifact_bytes=1MiB");
                let output = versions.project.runner(&format!("add {url} --key {key} {limits}"));
                output.exits(code).says(&[says]);
                assert!(output.stderr.len() < 2_000, "{output}");
            });
        }
    });
    assert_eq!(versions.state(), before);
    assert_eq!(elsewhere.heads(), [""; 0], "nobody else is asked");
    for url in ["http://a.example/p.wasm", "ftp://a.example/p.wasm", "https://ada:s3cret@a.example/p.wasm"] {
        versions.project.runner(&format!("add {url}")).exits(2).says(&["hint:"]).does_not_say(&["s3cret"]);
    }
}

fn send(connection: &mut TcpStream, bytes: &[u8]) {
    let _ = connection.write_all(bytes);
}

/// The certificate of a server is checked, with the system's authorities or those of `SSL_CERT_FILE`.
#[test]
fn an_encrypted_server_has_to_be_who_it_says() {
    let versions = versions();
    let (bytes, signature) = (&versions.bytes[0], versions.signature(0));
    let server = EncryptedWeb::start(&[("p.wasm", bytes), ("p.wasm.minisig", signature.as_bytes())]);
    let before = versions.state();
    let add = |authority: &std::path::Path| {
        let key = versions.keys.public();
        let mut command = versions.project.command(["add", &server.url("p.wasm"), "--key", &key]);
        versions.project.finish(command.env("SSL_CERT_FILE", authority))
    };
    let other = EncryptedWeb::start(&[]);
    add(other.authority()).exits(1).says(&["cannot be fetched"]);
    assert_eq!(versions.state(), before);
    add(server.authority()).succeeds().says(&["added acme/copier 1.0.0"]);
}

#[test]
fn a_package_is_added_from_a_registry_and_updated() {
    let versions = versions();
    let (project, registry) = (&versions.project, Registry::start());
    let signatures = [versions.signature(0), versions.signature(1)];
    // Both forms.
    let annotations = [signatures[0].trim_end().to_owned(), base64(signatures[1].as_bytes())];
    let digests = [0, 1].map(|at| {
        let annotation = (ANNOTATION, &*annotations[at]);
        registry.push("acme/copier", ["1.0.0", "1.1.0"][at], &versions.bytes[at], &[annotation])
    });
    registry.push("acme/copier", "9.9.9", &versions.bytes[0], &[]);
    registry.push("acme/copier", "nightly", &versions.bytes[1], &[]);
    registry.push("acme/other", "latest", b"\0asm\x0d\0\x01\0", &[]);
    let reference = format!("oci://{}/acme/copier", registry.host());
    let key = versions.keys.public();
    let before = versions.state();
    for (place, code, says) in [
        (format!("{reference}:2.0.0"), 2, "does not exist"),
        (format!("{reference}:9.9.9"), 4, "it is version 1.0.0"),
        (format!("{reference}:nightly"), 4, "is not signed"),
        (format!("{reference}@sha256:{}", "0".repeat(64)), 2, "does not exist"),
        (format!("oci://{}/acme/other:latest", registry.host()), 2, "`runner package` makes packages"),
        (format!("oci://{}/acme/other", registry.host()), 2, "no tag of"),
        (format!("oci://{}/acme/nothing", registry.host()), 2, "does not exist"),
        ("oci://nowhere".to_owned(), 2, "is not a reference to a package"),
    ] {
        project.runner(&format!("add {place} --key {key}")).exits(code).says(&[says]);
        assert_eq!(versions.state(), before, "{place}");
    }
    project.runner(&format!("add {reference}:1.0.0 --key {key}")).succeeds().says(&["added acme/copier 1.0.0"]);
    assert!(project.read("runner.lock").contains(&format!("source = \"{reference}:1.0.0\"")));
    let pinned = format!("add {reference}@{}", digests[0]);
    project.runner(&pinned).succeeds().says(&["is up to date"]);
    // Tags that are no versions are left out, and so are versions outside of the range.
    let outdated = project.runner("outdated --format json");
    let document: serde_json::Value = serde_json::from_str(&outdated.succeeds().stdout).unwrap();
    let shown = &document["packages"][0];
    assert_eq!((&shown["wanted"], &shown["newest"]), (&"1.1.0".into(), &"9.9.9".into()), "{document}");
    project.runner("update").succeeds().says(&["updated acme/copier 1.1.0 from 1.0.0"]);
    assert!(std::fs::read(project.file("migrations/vendor/acme_copier_1.1.0.wasm")).unwrap() == versions.bytes[1]);
    let signature = project.read("migrations/vendor/acme_copier_1.1.0.wasm.minisig");
    assert_eq!(signature, signatures[1]);
    project.runner(&format!("update acme/copier --from {reference}@{}", digests[1])).succeeds();
    project.runner("validate --locked").succeeds();
}

/// Where `docker login` leaves credentials, and where a helper keeps them.
#[test]
fn a_registry_is_shown_the_credentials_of_dockers_configuration() {
    let versions = versions();
    let (project, registry) = (&versions.project, Registry::with_password());
    registry.push("acme/copier", "1.0.0", &versions.bytes[0], &[]);
    let (host, reference) = (registry.host(), format!("oci://{}/acme/copier:1.0.0", registry.host()));
    let helper = |name: &str, script: &str| {
        let path = format!("programs/docker-credential-{name}");
        project.program(&path, &format!("#!/bin/sh\nread -r server\n{script}\n"));
    };
    helper(
        "good",
        &format!("[ \"$1 $server\" = 'get {host}' ] && echo '{{\"Username\":\"ada\",\"Secret\":\"s3cret\"}}'"),
    );
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    helper("bad", "echo 's3cret'; exit 3");
    helper("token", "echo '{\"Username\":\"<token>\",\"Secret\":\"s3cret\"}'");
    let auths = |auth: &str| serde_json::json!({"auths": {&host: {"auth": auth}}}).to_string();
    let helps = |name: &str| serde_json::json!({"credHelpers": {&host: name}}).to_string();
    let before = versions.state();
    for (config, code, says) in [
        (None, 1, "docker login"),
        (Some(auths("YWRhOndyb25n")), 1, "docker login"),
        (
            Some(serde_json::json!({"auths": {"a.example": {"auth": "YWRhOnMzY3JldA=="}}}).to_string()),
            1,
            "docker login",
        ),
        (Some("{".to_owned()), 2, "is not a configuration of docker"),
        (Some(auths("???")), 2, "is not a configuration of docker"),
        (Some(helps("none")), 1, "docker login"),
        (Some(helps("bad")), 1, "`docker-credential-bad` of docker's configuration failed"),
        (Some(helps("missing")), 1, "`docker-credential-missing` of docker's configuration failed"),
        (Some(helps("../good")), 1, "it is not the name of a program"),
        (Some(helps("token")), 1, "identity token"),
        (Some(auths("YWRhOnMzY3JldA==")), 0, "added acme/copier 1.0.0"),
        (Some(helps("good")), 0, "is up to date"),
        (Some(serde_json::json!({"auths": {&host: {}}, "credsStore": "good"}).to_string()), 0, "is up to date"),
    ] {
        if let Some(config) = &config {
            project.write("docker/config.json", config);
        }
        let mut command = project.command(["add", &reference]);
        let path = std::env::join_paths(
            [project.file("programs")].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        command.env("DOCKER_CONFIG", project.file("docker")).env("PATH", path.unwrap());
        let output = project.finish(&mut command);
        output.exits(code).says(&[says]).does_not_say(&["s3cret", "YWRh"]);
        if code != 0 {
            assert_eq!(versions.state(), before, "{config:?}");
        }
    }
}

/// A registry that says something else with every repository.
#[test]
fn a_registry_that_lies_is_not_believed() {
    let versions = versions();
    let elsewhere =
        Web::start(|_, connection| answer(connection, "200 OK", &[], br#"{"token":"stolen","tags":["9.0.0"]}"#));
    let bytes = versions.bytes[0].clone();
    let digest = format!("sha256:{}", registry::sha256(&bytes));
    let size = bytes.len();
    let there = elsewhere.url("/x");
    // The same machine, and another name.
    let stranger = there.replace("127.0.0.1", "localhost");
    let manifest = move |change: &dyn Fn(&mut serde_json::Value)| {
        let mut manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": registry::MANIFEST,
            "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest, "size": 2},
            "layers": [{"mediaType": "application/wasm", "digest": digest, "size": size}],
        });
        change(&mut manifest);
        manifest.to_string().into_bytes()
    };
    let server = Web::start(move |path, connection| {
        let parts: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
        let (repository, kind) = (parts.get(2).copied().unwrap_or_default(), parts.get(3).copied().unwrap_or_default());
        let redirect = [format!("Location: {there}")];
        let challenge = |text: String| [format!("WWW-Authenticate: {text}")];
        match (repository, kind) {
            ("elsewhere", "manifests") | ("far", "blobs") => answer(connection, "307 There", &redirect, b""),
            ("realm", _) => answer(connection, "401 No", &challenge(format!("Bearer realm=\"{stranger}\"")), b""),
            ("open", _) => {
                answer(connection, "401 No", &challenge("Bearer realm=\"http://a.example/t\"".to_owned()), b"")
            }
            ("huge", "manifests") => {
                send(connection, b"HTTP/1.1 200 OK\r\n\r\n");
                while connection.write_all(&[b' '; 8192]).is_ok() {}
            }
            ("slow", "manifests") => std::thread::sleep(std::time::Duration::from_secs(60)),
            ("index", "manifests") => answer(connection, "200 OK", &[], br#"{"schemaVersion":2,"manifests":[]}"#),
            ("image", "manifests") => {
                let image = |it: &mut serde_json::Value| it["layers"][0]["mediaType"] = "application/gzip".into();
                answer(connection, "200 OK", &[], &manifest(&image));
            }
            ("negative", "manifests") => {
                answer(connection, "200 OK", &[], &manifest(&|it| it["layers"][0]["size"] = (-1).into()));
            }
            ("large", "manifests") => {
                answer(connection, "200 OK", &[], &manifest(&|it| it["layers"][0]["size"] = (1_u64 << 40).into()));
            }
            ("longer", "manifests") => {
                answer(connection, "200 OK", &[], &manifest(&|it| it["layers"][0]["size"] = 100.into()));
            }
            ("shorter", "manifests") => {
                let one_more = (size + 1).into();
                answer(
                    connection,
                    "200 OK",
                    &[],
                    &manifest(&|it| it["layers"][0]["size"] = serde_json::Value::clone(&one_more)),
                );
            }
            (_, "manifests") => answer(connection, "200 OK", &[], &manifest(&|_| ())),
            ("changed", "blobs") => {
                let mut changed = bytes.clone();
                *changed.last_mut().unwrap() ^= 1;
                answer(connection, "200 OK", &[], &changed);
            }
            ("pages", "tags") => {
                answer(connection, "200 OK", &["Link: </v2/pages/tags/list>; rel=\"next\"".to_owned()], b"{}")
            }
            ("next", "tags") => {
                answer(connection, "200 OK", &[format!("Link: <{there}>; rel=\"next\"")], b"{\"tags\":[]}")
            }
            (_, "tags") => answer(connection, "200 OK", &[], b"[1]"),
            _ => answer(connection, "200 OK", &[], &bytes),
        }
    });
    let before = versions.state();
    let zeros = format!("pinned@sha256:{}", "0".repeat(64));
    let lies = [
        ("elsewhere:1.0.0", 7, "redirects to another server"),
        ("far:1.0.0", 7, "redirects to another server"),
        ("realm:1.0.0", 7, "for a token"),
        ("open:1.0.0", 7, "for a token"),
        ("huge:1.0.0", 7, "is larger than any of a component"),
        ("slow:1.0.0", 7, "longer than the limit `fetch_time` of 300ms"),
        ("index:1.0.0", 2, "is not one of a component"),
        ("image:1.0.0", 2, "has a layer that is no component"),
        ("negative:1.0.0", 2, "is not one of a component"),
        ("large:1.0.0", 7, "is larger than"),
        ("longer:1.0.0", 4, "has not the size that its manifest names"),
        ("shorter:1.0.0", 4, "has not the size that its manifest names"),
        ("changed:1.0.0", 4, "has not the digest that its manifest names"),
        (&zeros, 4, "has another digest"),
        ("older:1.1.0", 4, "it is version 1.0.0"),
        ("pages", 7, "is too long"),
        ("next", 7, "continues on another server"),
        ("tags", 1, "is not valid"),
    ];
    // Credentials for this registry go nowhere else.
    let config = serde_json::json!({"auths": {server.host(): {"auth": "YWRhOnMzY3JldA=="}}}).to_string();
    versions.project.write("docker/config.json", config);
    std::thread::scope(|scope| {
        for (name, code, says) in lies {
            let (versions, reference) = (&versions, format!("oci://{}/{name}", server.host()));
            scope.spawn(move || {
                let time = if says.contains("fetch_time") { "300ms" } else { "10m" };
                let limit = format!("fetch_time={time}");
                let mut command = versions.project.command(["add", &reference, "--limit", &limit]);
                let output = versions.project.finish(command.env("DOCKER_CONFIG", versions.project.file("docker")));
                output.exits(code).says(&[says]).does_not_say(&["s3cret", "YWRh"]);
            });
        }
    });
    assert_eq!(versions.state(), before);
    assert_eq!(elsewhere.heads(), [""; 0], "nobody else is asked");
}

/// A registry gives a token for the user, and the bytes to whoever has it.
#[test]
fn a_token_is_fetched_with_the_credentials_of_the_user() {
    let versions = versions();
    let bytes = versions.bytes[0].clone();
    let digest = format!("sha256:{}", registry::sha256(&bytes));
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": registry::MANIFEST,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest, "size": 2},
        "layers": [{"mediaType": "application/wasm", "digest": digest, "size": bytes.len()}],
    });
    let heads: std::sync::Arc<std::sync::OnceLock<Web>> = std::sync::Arc::default();
    let known = heads.clone();
    let server = Web::start(move |path, connection| {
        let server = known.wait();
        let head = server.heads().into_iter().rfind(|head| head.contains(&format!(" {path} "))).unwrap_or_default();
        let head = head.to_ascii_lowercase();
        if path.starts_with("/token") {
            let is_ada = head.contains("authorization: basic ywrhonmzy3jlda==");
            let token = if is_ada { "for-ada" } else { "for-nobody" };
            return answer(connection, "200 OK", &[], format!("{{\"access_token\":\"{token}\"}}").as_bytes());
        }
        if !head.contains("authorization: bearer for-ada") {
            let challenge = format!("WWW-Authenticate: Bearer realm=\"{}\",service=\"a b\"", server.url("/token"));
            return answer(connection, "401 Unauthorized", &[challenge], b"");
        }
        let body = if path.contains("/manifests/") { manifest.to_string().into_bytes() } else { bytes.clone() };
        answer(connection, "200 OK", &[], &body);
    });
    assert!(heads.set(server).is_ok());
    let server = heads.wait();
    let reference = format!("oci://{}/acme/copier:1.0.0", server.host());
    let add = || {
        let mut command = versions.project.command(["add", &reference]);
        versions.project.finish(command.env("DOCKER_CONFIG", versions.project.file("docker")))
    };
    add().exits(1).says(&["docker login"]);
    let config = serde_json::json!({"auths": {server.host(): {"auth": "YWRhOnMzY3JldA=="}}}).to_string();
    versions.project.write("docker/config.json", config);
    add().succeeds().says(&["added acme/copier 1.0.0"]);
    let asked = server.heads().into_iter().find(|head| head.starts_with("GET /token")).unwrap();
    assert!(asked.starts_with("GET /token?service=a+b&scope=repository%3Aacme%2Fcopier%3Apull "), "{asked}");
}
