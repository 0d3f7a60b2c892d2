//! Pushes a package to a registry, as one component, so that `wkg` reads it: the file as the one layer, a configuration of WebAssembly,
//! and the signature as an annotation.

use serde_json::{Value, json};
use ureq::http::header::LOCATION;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::manifest::{self, COMPONENT, CONFIG, Content, MANIFEST, MANIFEST_BYTES, SIGNATURE_ANNOTATION};
use super::reference::Reference;
use super::registry::{Access, Registry, digest_of, lied};
use super::web::{Action, Elsewhere, Sent, Web, is_same_server, shown};
use runner_base::error::{Error, Result};
use runner_project::package::{PackageName, Version};
use runner_project::settings::Settings;

/// What bytes are sent as.
const BYTES: &str = "application/octet-stream";

/// The largest answer to what is sent. Nothing in it matters.
const ANSWER_BYTES: u64 = 64 << 10;

/// What to do about a version that already exists.
const NEW_VERSION: &str = "publish what has changed as a new version: projects that use this one pin its digest";

/// What is pushed.
pub struct PushRequest<'a> {
    /// The name.
    pub name: &'a PackageName,
    /// The version.
    pub version: Version,
    /// One line about it.
    pub description: &'a str,
    /// The file.
    pub bytes: &'a [u8],
    /// The file of its signature.
    pub signature: Option<&'a [u8]>,
    /// Whether a version that exists may be replaced by different contents, or by another signature.
    pub overwrites: bool,
}

/// A package that is in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Where, with its tag.
    pub reference: Reference,
    /// The digest of the manifest, with `sha256:`.
    pub digest: String,
    /// What the registry had before.
    pub outcome: PushedAs,
}

runner_base::named! {
    /// What pushing a package did.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PushedAs {
        /// There was no such version.
        New = "new",
        /// The registry had the same already.
        Unchanged = "unchanged",
        /// The registry had the same bytes without a signature.
        Signed = "signed",
        /// The registry had others.
        Replaced = "replaced",
    }
}

/// Where a package is to be pushed: the tag is its version, unless the operator names one that is not a version.
fn target(reference: &Reference, version: Version) -> Result<Reference> {
    if reference.digest().is_some() {
        return Err(
            Error::usage(format!("`{reference}` names a digest")).hint("name the repository, and a tag at most")
        );
    }
    match (reference.tag(), reference.version()) {
        (None, _) => Ok(reference.with_version(version)),
        (Some(tag), Some(named)) if named != version => {
            Err(Error::usage(format!("the tag `{tag}` is not the version of the package, {version}"))
                .hint(format!("leave the tag out: it is then `{version}`")))
        }
        _ => Ok(reference.clone()),
    }
}

/// What a tag can lead to. A registry answers as if there were nothing where it is asked for another kind only.
const ANYTHING: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                        application/vnd.docker.distribution.manifest.v2+json, \
                        application/vnd.docker.distribution.manifest.list.v2+json";

/// Pushes a package. A version that already exists is left as it is, unless the request says that it may be replaced.
pub fn push(settings: &Settings, reference: &Reference, request: &PushRequest<'_>) -> Result<Pushed> {
    let reference = target(reference, request.version)?;
    let web = Web::new(&settings.limits);
    let mut registry = Registry::new(&web, &reference, Access::Push);
    let config = config(request.bytes);
    let manifest = serialized(&made(request, &config));
    let digest = digest_of(&manifest);
    let outcome = match registry.existing()? {
        None => PushedAs::New,
        Some((there, content)) => match instead_of(content.as_ref(), request, &reference)? {
            // A user who has pinned the manifest still finds it under the tag.
            PushedAs::Unchanged => return Ok(Pushed { digest: there, outcome: PushedAs::Unchanged, reference }),
            outcome => outcome,
        },
    };
    registry.upload(&config)?;
    registry.upload(request.bytes)?;
    registry.name_it(&manifest)?;
    Ok(Pushed { digest, outcome, reference })
}

/// What a push does to a version that the registry has. Other tools write another manifest for the same package.
fn instead_of(there: Option<&Content>, request: &PushRequest<'_>, reference: &Reference) -> Result<PushedAs> {
    let has_same_bytes = there.is_some_and(|there| there.digest == digest_of(request.bytes));
    let signed = there.and_then(|there| there.signature.as_deref());
    match (has_same_bytes, signed, request.signature) {
        (true, None, Some(_)) => return Ok(PushedAs::Signed),
        (true, signed, signature) if signed == signature => return Ok(PushedAs::Unchanged),
        _ if request.overwrites => return Ok(PushedAs::Replaced),
        _ => {}
    }
    let what = match (has_same_bytes, there) {
        (true, _) if request.signature.is_none() => "with a signature, and this one has none",
        (true, _) => "with a different signature",
        (false, Some(_)) => "with different contents",
        (false, None) => "and is not a package",
    };
    Err(Error::mismatch(format!("`{reference}` already exists {what}"))
        .hint(NEW_VERSION)
        .hint("`--overwrite` replaces it"))
}

/// The configuration of a component, as `wkg` reads it. Equal packages have equal ones, so it has no time.
fn config(bytes: &[u8]) -> Vec<u8> {
    serialized(&json!({
        "created": "1970-01-01T00:00:00Z",
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [digest_of(bytes)],
        "component": {"exports": [], "imports": [], "target": null},
    }))
}

fn made(request: &PushRequest<'_>, config: &[u8]) -> Value {
    let descriptor = |media_type: &str, bytes: &[u8]| json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()});
    let mut annotations = serde_json::Map::new();
    let mut annotate = |name: &str, value: String| annotations.insert(name.to_owned(), value.into());
    annotate("org.opencontainers.image.title", request.name.to_string());
    annotate("org.opencontainers.image.version", request.version.to_string());
    if !request.description.is_empty() {
        annotate("org.opencontainers.image.description", request.description.to_owned());
    }
    if let Some(signature) = request.signature {
        annotate(SIGNATURE_ANNOTATION, STANDARD.encode(signature));
    }
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(COMPONENT, request.bytes)],
        "annotations": annotations,
    })
}

fn serialized(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

impl Registry<'_> {
    /// The manifest that the tag has already: its digest, and what it says if it is one of a component.
    fn existing(&mut self) -> Result<Option<(String, Option<Content>)>> {
        let path = format!("manifests/{}", self.reference.manifest());
        let answer = self.get(&path, Some(ANYTHING), MANIFEST_BYTES, Elsewhere::Refused)?;
        match answer.status {
            404 => Ok(None),
            200 if answer.is_cut => Ok(Some((String::new(), None))),
            200 => Ok(Some((digest_of(&answer.body), manifest::parse(&answer.body).ok()))),
            status => Err(self.refused(self.reference, status)),
        }
    }

    /// Sends bytes that the registry does not have.
    fn upload(&mut self, bytes: &[u8]) -> Result<()> {
        let digest = digest_of(bytes);
        let there = self.url(&format!("blobs/{digest}"))?;
        // Where the answer is elsewhere, the registry has them.
        if self.ask(Action::Head, there, None, ANSWER_BYTES, Elsewhere::Encrypted)?.status == 200 {
            return Ok(());
        }
        let begin = self.url("blobs/uploads/")?;
        let nothing = Sent { media_type: BYTES, bytes: b"" };
        let answer = self.ask(Action::Post(nothing), begin.clone(), None, ANSWER_BYTES, Elsewhere::Refused)?;
        if answer.status != 202 {
            return Err(self.not_taken(answer.status));
        }
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(mut place) = location.and_then(|location| begin.join(location).ok()) else {
            return Err(Error::failed(format!(
                "the registry `{}` does not say where to send the package",
                self.reference.host()
            ))
            .hint(self.otherwise()));
        };
        // What it says itself stays: it may be signed.
        let query = place.query().map_or_else(String::new, |query| format!("{query}&"));
        place.set_query(Some(&format!("{query}digest={digest}")));
        let sent = Sent { media_type: BYTES, bytes };
        let answer = match is_same_server(&begin, &place) {
            true => self.ask(Action::Put(sent), place, None, ANSWER_BYTES, Elsewhere::Encrypted)?,
            false if place.scheme() == "https" => self.web.send_elsewhere(place, sent, ANSWER_BYTES)?,
            false => {
                let message = format!(
                    "the registry `{}` wants the package to be sent to another server: `{}`",
                    self.reference.host(),
                    shown(&place)
                );
                return Err(Error::denied(message).hint(self.otherwise()));
            }
        };
        match answer.status {
            201 | 202 | 204 => Ok(()),
            status => Err(self.not_taken(status)),
        }
    }

    /// Sends the manifest, and checks that the tag has it then.
    fn name_it(&mut self, manifest: &[u8]) -> Result<()> {
        let url = self.url(&format!("manifests/{}", self.reference.manifest()))?;
        let sent = Sent { media_type: MANIFEST, bytes: manifest };
        let answer = self.ask(Action::Put(sent), url, None, ANSWER_BYTES, Elsewhere::Refused)?;
        if !matches!(answer.status, 200..=204) {
            return Err(self.not_taken(answer.status));
        }
        match self.existing()? {
            Some((found, _)) if found == digest_of(manifest) => Ok(()),
            _ => Err(lied(format!("`{}` is not what was pushed", self.reference))),
        }
    }

    fn not_taken(&self, status: u16) -> Error {
        let (host, reference) = (self.reference.host(), self.reference);
        match status {
            401 | 403 => self.refused(reference, status),
            413 => Error::failed(format!("the registry `{host}` takes no package of this size: 413"))
                .hint(self.otherwise()),
            429 | 500.. => Error::failed(format!("`{reference}` cannot be pushed: the registry answers {status}"))
                .hint("try again later: what is there already is not sent again"),
            status => Error::failed(format!("`{reference}` cannot be pushed: the registry answers {status}"))
                .hint("check that the repository exists, and that its tags may be written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(bytes: &'a [u8], signature: Option<&'a [u8]>) -> PushRequest<'a> {
        static NAME: std::sync::OnceLock<PackageName> = std::sync::OnceLock::new();
        let name = NAME.get_or_init(|| PackageName::parse("acme/outbox").expect("a name"));
        let version = Version::parse("1.2.0").expect("a version");
        PushRequest { name, version, description: "", bytes, signature, overwrites: false }
    }

    #[test]
    fn what_is_pushed_is_what_is_read() {
        let request = request(b"abc", Some(b"untrusted comment: x\nabc\n"));
        let manifest = serialized(&made(&request, &config(request.bytes)));
        let content = manifest::parse(&manifest).expect("a manifest");
        assert_eq!((content.digest, content.size), (digest_of(b"abc"), 3));
        assert_eq!(content.signature.as_deref(), request.signature);
        assert_eq!(manifest, serialized(&made(&request, &config(request.bytes))), "equal packages are equal there");
    }

    #[test]
    fn a_version_is_not_replaced_by_accident() {
        let reference = Reference::parse("a.example/p:1.2.0").expect("a reference");
        let content = |bytes: &[u8], signature: Option<&[u8]>| Content {
            digest: digest_of(bytes),
            size: bytes.len() as u64,
            signature: signature.map(<[u8]>::to_vec),
        };
        let ask = |there: &Content, signature, overwrites| {
            let request = PushRequest { overwrites, ..request(b"abc", signature) };
            instead_of(Some(there), &request, &reference).ok()
        };
        let (unsigned, signed) = (content(b"abc", None), content(b"abc", Some(b"one")));
        assert_eq!(ask(&unsigned, Some(b"one"), false), Some(PushedAs::Signed));
        assert_eq!(ask(&signed, Some(b"one"), false), Some(PushedAs::Unchanged));
        for (there, signature) in
            [(&signed, None), (&signed, Some(&b"two"[..])), (&content(b"xyz", Some(b"one")), Some(&b"one"[..]))]
        {
            assert_eq!(ask(there, signature, false), None);
            assert_eq!(ask(there, signature, true), Some(PushedAs::Replaced));
        }
    }

    #[test]
    fn the_tag_is_the_version() {
        let version = Version::parse("1.2.0").expect("a version");
        let at = |text: &str| target(&Reference::parse(text).expect(text), version).map(|it| it.to_string());
        assert_eq!(at("a.example/p").expect("a tag"), "oci://a.example/p:1.2.0");
        assert_eq!(at("a.example/p:latest").expect("a tag"), "oci://a.example/p:latest");
        assert!(at("a.example/p:1.3.0").is_err());
        assert!(at(&format!("a.example/p@sha256:{}", "0".repeat(64))).is_err());
    }
}
