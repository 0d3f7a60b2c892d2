//! Packages that are pushed to registries, and pulled from ones that keep the bytes elsewhere.

use std::sync::{Arc, Mutex};

use runner_tests::Output;
use runner_tests::minisign::Keys;
use runner_tests::servers::registry::{self, Registry, sha256};
use runner_tests::servers::service::{Asked, Reply, Service};

use super::packages::{COPY, NAME, author, operator};
use super::*;

/// An author with the migrations of two versions.
fn of_two() -> TestProject {
    let granted = guests::component("granted");
    author(&[("0001_copy", &granted, COPY), ("0002_again", &granted, COPY)])
}

const ONE: &str = "package 0001 --name acme/copier --version 1.0.0";
const TWO: &str = "package 0001 0002 --name acme/copier --version 1.1.0";

/// The file of the first version.
const FILE: &str = "acme_copier_1.0.0.wasm";

fn sign(author: &TestProject, keys: &Keys, file: &str) {
    let signature = keys.sign(&std::fs::read(author.file(file)).unwrap());
    author.write(&format!("{file}.minisig"), signature);
}

/// Runs a line with the docker configuration of a project.
fn with_docker(project: &TestProject, line: &str, config: Option<&str>) -> Output {
    let directory = project.file("docker");
    let _ = std::fs::remove_dir_all(&directory);
    if let Some(config) = config {
        project.write("docker/config.json", config);
    }
    project.finish(project.command(line.split(' ')).env("DOCKER_CONFIG", directory))
}

#[test]
fn what_is_pushed_can_be_added_and_updated() {
    let (author, project, registry, keys) = (of_two(), operator(), Registry::start(), Keys::new(1));
    project.runner("build").succeeds();
    let place = format!("oci://{}/acme/copier", registry.host());
    for (push, code, says) in [
        (format!("{place}:2.0.0"), 2, "the tag `2.0.0` is not the version"),
        (format!("{place}@sha256:{}", "0".repeat(64)), 2, "names a digest"),
        ("dist".to_owned(), 2, "a package cannot be pushed to"),
        ("https://a.example/p".to_owned(), 2, "a package cannot be pushed to"),
        ("oci://nowhere".to_owned(), 2, "is not a reference"),
    ] {
        author.runner(&format!("{ONE} --push {push}")).exits(code).says(&[says]);
    }
    author.runner(&format!("{ONE} --overwrite")).exits(2);
    author.runner(ONE).succeeds();
    sign(&author, &keys, FILE);
    let (public, other) = (keys.public(), Keys::new(2).public());
    author.runner(&format!("{ONE} --push {place} --key {other}")).exits(4).says(&["was made with another key"]);
    author.runner(&format!("{ONE} --push {place} --key short")).exits(2).says(&["not a public key"]);
    let output = author.runner(&format!("{ONE} --push {place} --key {public}"));
    output
        .succeeds()
        .says(&["pushing acme/copier 1.0.0 to oci://", "pushed oci://", ":1.0.0"])
        .does_not_say(&["not signed"]);
    // The second time, there is nothing to do.
    author.runner(&format!("{ONE} --push {place}")).succeeds().says(&["unchanged"]);
    project.runner(&format!("add {place} --key {public}")).succeeds().says(&["added acme/copier 1.0.0"]);
    assert_eq!(
        std::fs::read(project.file(&format!("migrations/vendor/{FILE}"))).unwrap(),
        std::fs::read(author.file(FILE)).unwrap()
    );
    assert_eq!(project.read(&format!("migrations/vendor/{FILE}.minisig")), author.read(&format!("{FILE}.minisig")));
    // Whoever pins a key does not take what is not signed; the signature can be pushed later.
    let output = author.runner(&format!("{TWO} --push {place} --format json"));
    let document: serde_json::Value = serde_json::from_str(&output.succeeds().stdout).unwrap();
    let pushed = &document["pushed"];
    assert_eq!((&pushed["outcome"], &pushed["signed"]), (&"new".into(), &false.into()), "{document}");
    assert_eq!(pushed["reference"], format!("{place}:1.1.0"));
    let pinned = format!("{place}@{}", pushed["digest"].as_str().unwrap());
    project.runner("update").exits(4).says(&["is not signed"]);
    sign(&author, &keys, "acme_copier_1.1.0.wasm");
    author.runner(&format!("{TWO} --push {place}")).succeeds().says(&["pushed", "there already, without a signature"]);
    project.runner("update").succeeds().says(&["updated acme/copier 1.1.0 from 1.0.0"]);
    // The manifest without it is still there, for those who have pinned it.
    project.runner(&format!("update acme/copier --from {pinned}")).succeeds().says(&["is up to date"]);
    project.runner("validate --locked").succeeds();
}

/// A version is one file for everybody who has it.
#[test]
fn a_version_is_not_replaced_unless_told() {
    let (author, project, registry, keys) = (of_two(), operator(), Registry::start(), Keys::new(1));
    project.runner("build").succeeds();
    let place = format!("oci://{}/acme/copier", registry.host());
    author.runner(ONE).succeeds();
    sign(&author, &keys, FILE);
    author.runner(&format!("{ONE} --push {place}")).succeeds();
    let replaced = format!("package 0001 0002 --name acme/copier --version 1.0.0 --push {place}");
    // The signature next to the file is of the bytes before; nothing is written.
    let before = std::fs::read(author.file(FILE)).unwrap();
    author.runner(&replaced).exits(4).says(&["is for different contents", "hint:", "minisign -Sm"]);
    assert_eq!(std::fs::read(author.file(FILE)).unwrap(), before);
    std::fs::remove_file(author.file(&format!("{FILE}.minisig"))).unwrap();
    let output = author.runner(&format!("{ONE} --push {place}"));
    output.exits(4).says(&["already exists with a signature, and this one has none", "--overwrite"]);
    author.runner(&replaced).exits(4).says(&["already exists with different contents", "new version", "--overwrite"]);
    project.runner(&format!("add {place} --key {}", keys.public())).succeeds();
    author.runner(&format!("{replaced} --overwrite")).succeeds().says(&["replaced", "it is not signed"]);
    sign(&author, &keys, FILE);
    author.runner(&replaced).succeeds();
    // Whoever has the version takes no other bytes for it.
    let again = format!("update acme/copier --from {place}:1.0.0");
    project.runner(&again).exits(4).says(&["1.0.0", "different contents"]);
    // Another artifact under that tag is not replaced either.
    registry.push("acme/copier", "latest", b"\0asm", &[]);
    let latest = format!("package 0001 --name acme/copier --version 1.0.0 -o other.wasm --push {place}:latest");
    author.runner(&latest).exits(4).says(&["already exists with different contents"]);
    // Nor is an image for several processors, which a registry shows only to who asks for such.
    let image = registry.push("acme/image", "one", b"\0asm", &[]);
    registry.push_index("acme/image", "2.0.0", &image, 1);
    let image = format!("package 0001 --name acme/copier --version 2.0.0 --push oci://{}/acme/image", registry.host());
    author.runner(&image).exits(4).says(&["already exists and is not a package", "--overwrite"]);
}

#[test]
fn a_registry_takes_packages_from_those_it_knows() {
    let (author, registry) = (of_two(), Registry::with_password());
    let host = registry.host();
    let push = format!("{ONE} --push oci://{host}/acme/copier");
    let auths = |auth: serde_json::Value| serde_json::json!({"auths": {&host: auth}}).to_string();
    for (config, code, says) in [
        (None, 1, "docker login"),
        (Some(auths(serde_json::json!({"auth": "YWRhOndyb25n"}))), 1, "docker login"),
        (Some(auths(serde_json::json!({"identitytoken": "s3cret"}))), 1, "identity token"),
        (Some(auths(serde_json::json!({"auth": "YWRhOnMzY3JldA=="}))), 0, "pushed oci://"),
        (Some(auths(serde_json::json!({"auth": "YWRhOnMzY3JldA=="}))), 0, "unchanged oci://"),
    ] {
        with_docker(&author, &push, config.as_deref()).exits(code).says(&[says]).does_not_say(&["s3cret", "YWRh"]);
    }
}

/// A registry that gives tokens, and takes and gives whatever it is asked for with the right one.
struct Tokens {
    service: Arc<std::sync::OnceLock<Service>>,
}

/// What a registry keeps, by path.
type Kept = Arc<Mutex<std::collections::BTreeMap<String, Vec<u8>>>>;

fn not_found() -> Reply {
    ("404 Not Found", Vec::new(), Vec::new())
}

/// Answers as a registry does; `uploads` says where bytes are to be sent.
fn answer(kept: &Kept, asked: &Asked, uploads: &str) -> Reply {
    let path = asked.path.split('?').next().unwrap_or_default().to_owned();
    match asked.method.as_str() {
        "POST" => ("202 Accepted", vec![format!("Location: {uploads}")], Vec::new()),
        "PUT" if path.contains("/manifests/") => {
            kept.lock().unwrap().insert(path, asked.body.clone());
            ("201 Created", Vec::new(), Vec::new())
        }
        "PUT" => {
            let blob = format!("/v2/acme/copier/blobs/sha256:{}", sha256(&asked.body));
            kept.lock().unwrap().insert(blob, asked.body.clone());
            ("201 Created", Vec::new(), Vec::new())
        }
        _ => match kept.lock().unwrap().get(&path) {
            Some(bytes) => ("200 OK", Vec::new(), bytes.clone()),
            None => not_found(),
        },
    }
}

impl Tokens {
    fn start() -> Self {
        let (service, kept): (Arc<std::sync::OnceLock<Service>>, Kept) = Default::default();
        let known = service.clone();
        let started = Service::start(move |asked| {
            if asked.path.starts_with("/token") {
                let form = String::from_utf8_lossy(&asked.body).into_owned();
                let is_ada =
                    form.contains("refresh_token=from-docker-login") && form.contains("grant_type=refresh_token");
                let token = if is_ada { "for-ada" } else { "for-nobody" };
                return ("200 OK", Vec::new(), format!("{{\"access_token\":\"{token}\"}}").into_bytes());
            }
            if !asked.head.contains("authorization: bearer for-ada") {
                let realm = known.wait().url("/token");
                let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"a b\"");
                return ("401 Unauthorized", vec![challenge], Vec::new());
            }
            answer(&kept, asked, "/v2/acme/copier/blobs/uploads/1?state=x")
        });
        assert!(service.set(started).is_ok());
        Self { service }
    }

    fn service(&self) -> &Service {
        self.service.wait()
    }
}

/// `docker login` leaves an identity token for some registries, which is exchanged as OAuth 2 has it.
#[test]
fn an_identity_token_is_exchanged() {
    let (author, project, tokens) = (of_two(), operator(), Tokens::start());
    project.runner("build").succeeds();
    let host = tokens.service().host();
    let config = |token: &str| serde_json::json!({"auths": {&host: {"identitytoken": token}}}).to_string();
    let push = format!("{ONE} --push oci://{host}/acme/copier");
    with_docker(&author, &push, Some(&config("expired"))).exits(1).says(&["docker login"]).does_not_say(&["expired"]);
    let output = with_docker(&author, &push, Some(&config("from-docker-login")));
    output.succeeds().says(&["pushed"]).does_not_say(&["from-docker-login", "for-ada"]);
    let add = format!("add oci://{host}/acme/copier:1.0.0");
    with_docker(&project, &add, Some(&config("from-docker-login"))).succeeds().says(&["added acme/copier 1.0.0"]);
    let scopes: Vec<String> = tokens
        .service()
        .asked()
        .into_iter()
        .filter(|it| it.path == "/token")
        .map(|it| {
            assert_eq!(it.method, "POST", "{it:?}");
            let form = String::from_utf8(it.body).unwrap();
            form.split('&').find_map(|part| part.strip_prefix("scope=")).unwrap().to_owned()
        })
        .collect();
    let (pull, both) = ("repository%3Aacme%2Fcopier%3Apull", "repository%3Aacme%2Fcopier%3Apull%2Cpush");
    assert_eq!(scopes, [both, both, pull]);
    // The query of an upload is the registry's, and stays.
    let sent = tokens.service().asked().into_iter().find(|it| it.method == "PUT").unwrap();
    assert!(sent.path.starts_with("/v2/acme/copier/blobs/uploads/1?state=x&digest=sha256:"), "{}", sent.path);
}

/// Where a registry wants the bytes to be sent: to another server they go encrypted, and without credentials.
#[test]
fn bytes_that_are_sent_elsewhere_take_no_credentials_along() {
    let author = of_two();
    let kept: Kept = Arc::default();
    let (there, here) = (kept.clone(), kept.clone());
    let storage = Service::encrypted(move |asked| match asked.path.starts_with("/on") {
        true => ("307 Elsewhere", vec!["Location: https://a.example/x".to_owned()], Vec::new()),
        false => answer(&there, asked, ""),
    });
    let urls = [storage.url("/up?signed=s3cret"), storage.url("/on?signed=s3cret")];
    let plain = Service::start(|_| ("201 Created", Vec::new(), Vec::new()));
    let unencrypted = plain.url("/up");
    let registry = Service::start(move |asked| {
        if !asked.head.contains("authorization: basic ywrhonmzy3jlda==") {
            return ("401 Unauthorized", vec!["WWW-Authenticate: Basic realm=\"x\"".to_owned()], Vec::new());
        }
        let uploads = match asked.path.split('/').nth(3).unwrap_or_default() {
            "copier" => &urls[0],
            "onward" => &urls[1],
            _ => &unencrypted,
        };
        answer(&here, asked, uploads)
    });
    let config = serde_json::json!({"auths": {registry.host(): {"auth": "YWRhOnMzY3JldA=="}}}).to_string();
    author.write("docker/config.json", config);
    let push = |repository: &str| {
        let mut command =
            author.command(format!("{ONE} --push oci://{}/acme/{repository}", registry.host()).split(' '));
        command.env("DOCKER_CONFIG", author.file("docker")).env("SSL_CERT_FILE", storage.authority());
        let output = author.finish(&mut command);
        output.does_not_say(&["s3cret", "YWRh"]);
        output
    };
    push("plain").exits(7).says(&["to be sent to another server"]);
    push("onward").exits(7).says(&["redirects to another server"]);
    push("copier").succeeds().says(&["pushed"]);
    assert!(plain.asked().is_empty());
    let sent = storage.asked();
    assert!(sent.iter().filter(|it| it.path.starts_with("/up?signed=s3cret&digest=")).count() == 2, "{sent:?}");
    assert!(sent.iter().all(|it| !it.head.contains("authorization")), "{sent:?}");
}

/// A registry whose bytes are on another server, as those of clouds are.
#[test]
fn bytes_that_are_fetched_elsewhere_take_no_credentials_along() {
    let (author, project) = (of_two(), operator());
    project.runner("build").succeeds();
    author.runner(ONE).succeeds();
    let bytes = std::fs::read(author.file(FILE)).unwrap();
    let digest = format!("sha256:{}", sha256(&bytes));
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": registry::MANIFEST,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest, "size": 2},
        "layers": [{"mediaType": "application/wasm", "digest": digest, "size": bytes.len()}],
    });
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let storage = Service::encrypted(move |asked| match asked.path.split('?').next().unwrap_or_default() {
        "/good" => ("200 OK", Vec::new(), bytes.clone()),
        "/changed" => ("200 OK", Vec::new(), changed.clone()),
        "/onward" => ("302 Found", vec!["Location: http://a.example/x".to_owned()], Vec::new()),
        _ => ("403 Forbidden", Vec::new(), Vec::new()),
    });
    let to = storage.url("/");
    let registry = Service::start(move |asked| {
        if !asked.head.contains("authorization: basic ywrhonmzy3jlda==") {
            return ("401 Unauthorized", vec!["WWW-Authenticate: Basic realm=\"x\"".to_owned()], Vec::new());
        }
        let repository = asked.path.split('/').nth(2).unwrap_or_default();
        match asked.path.contains("/manifests/") {
            true => ("200 OK", Vec::new(), manifest.to_string().into_bytes()),
            false => ("307 Elsewhere", vec![format!("Location: {to}{repository}?signed=s3cret")], Vec::new()),
        }
    });
    let config = serde_json::json!({"auths": {registry.host(): {"auth": "YWRhOnMzY3JldA=="}}}).to_string();
    project.write("docker/config.json", config);
    let add = |repository: &str, is_trusted: bool| {
        let mut command = project.command(["add", &format!("oci://{}/{repository}:1.0.0", registry.host())]);
        command.env("DOCKER_CONFIG", project.file("docker"));
        if is_trusted {
            command.env("SSL_CERT_FILE", storage.authority());
        }
        let output = project.finish(&mut command);
        output.does_not_say(&["s3cret", "YWRh"]);
        output
    };
    let before = project.read("runner.lock");
    add("good", false).exits(1).says(&["cannot be fetched"]);
    add("changed", true).exits(4).says(&["has not the digest that its manifest names"]);
    add("onward", true).exits(7).says(&["redirects to another server"]);
    add("gone", true).exits(1).says(&["docker login"]);
    assert_eq!(project.read("runner.lock"), before);
    assert!(!project.file("migrations/vendor").exists());
    add("good", true).succeeds().says(&["added acme/copier 1.0.0"]);
    let fetched = storage.asked();
    assert!(fetched.iter().any(|it| it.path == "/good?signed=s3cret"), "{fetched:?}");
    assert!(fetched.iter().all(|it| !it.head.contains("authorization")), "{fetched:?}");
    assert_eq!(NAME, "acme/copier");
}
