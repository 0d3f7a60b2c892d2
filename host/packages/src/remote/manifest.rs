//! The manifest of a component in a registry, as `wkg` writes it and others read it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::reference::is_digest;
use runner_project::vendored::SIGNATURE_BYTES;

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of the configuration of a component.
pub(super) const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of a component.
pub(super) const COMPONENT: &str = "application/wasm";

/// The annotation with the signature of the component: the file that minisign writes, as it is or in Base64, since `wkg` writes no
/// annotation of several lines that a registry accepts.
pub(crate) const SIGNATURE_ANNOTATION: &str = "io.github.runner-migrations.minisig";

/// The largest manifest that is read: one of a component has some 500 bytes, and a signature.
pub(super) const MANIFEST_BYTES: u64 = 1 << 20;

/// What a manifest says about the one component that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Its digest, with `sha256:`.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// The file of its signature.
    pub signature: Option<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

/// Parses a manifest. The error completes the sentence "the manifest of `x` …".
pub(super) fn parse(bytes: &[u8]) -> Result<Content, String> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|_| "is not one of a component".to_owned())?;
    if manifest.schema_version != 2 || manifest.media_type.is_some_and(|media_type| media_type != MANIFEST) {
        return Err("is not one of a component".to_owned());
    }
    if manifest.config.media_type != CONFIG {
        return Err(format!("is of another kind of artifact: `{}`", manifest.config.media_type));
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(format!("has {} layers, and a component has one", manifest.layers.len()));
    };
    if layer.media_type != COMPONENT {
        return Err(format!("has a layer that is no component: `{}`", layer.media_type));
    }
    if !is_digest(&layer.digest) {
        return Err("has a digest that is not one of SHA-256".to_owned());
    }
    let signature = manifest.annotations.and_then(|mut annotations| annotations.remove(SIGNATURE_ANNOTATION));
    if signature.as_ref().is_some_and(|signature| signature.len() as u64 > SIGNATURE_BYTES) {
        return Err(format!("has an annotation `{SIGNATURE_ANNOTATION}` that is no signature"));
    }
    Ok(Content { digest: layer.digest.clone(), size: layer.size, signature: signature.as_deref().map(file) })
}

/// The file of a signature in an annotation. What is neither form is not a signature, as the check of it reports.
fn file(annotation: &str) -> Vec<u8> {
    let text = annotation.trim();
    match STANDARD.decode(text) {
        Ok(file) => file,
        Err(_) => format!("{text}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let digest = format!("sha256:{}", "0".repeat(64));
        let mut manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": 2},
            "layers": [{"mediaType": COMPONENT, "digest": digest, "size": 8}],
            "annotations": {SIGNATURE_ANNOTATION: "untrusted comment: x\nabc"},
        });
        change(&mut manifest);
        serde_json::to_vec(&manifest).expect("JSON")
    }

    #[test]
    fn a_component_is_found_with_its_signature() {
        let content = parse(&manifest(|_| ())).expect("a manifest");
        assert_eq!((content.size, content.digest.len()), (8, 71));
        assert_eq!(content.signature.as_deref(), Some(&b"untrusted comment: x\nabc\n"[..]));
        let encoded = parse(&manifest(|it| it["annotations"][SIGNATURE_ANNOTATION] = "YQpiCg==".into()));
        assert_eq!(encoded.expect("a manifest").signature.as_deref(), Some(&b"a\nb\n"[..]));
        let unsigned = parse(&manifest(|it| drop(it.as_object_mut().map(|it| it.remove("annotations")))));
        assert_eq!(unsigned.expect("a manifest").signature, None);
    }

    #[test]
    fn what_is_no_component_is_refused() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(&str, Change); 9] = [
            ("an index", |it| it["mediaType"] = "application/vnd.oci.image.index.v1+json".into()),
            ("another version", |it| it["schemaVersion"] = 1.into()),
            ("an image", |it| it["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into()),
            ("no layer", |it| it["layers"] = serde_json::json!([])),
            ("two layers", |it| it["layers"] = serde_json::json!([it["layers"][0], it["layers"][0]])),
            ("another layer", |it| it["layers"][0]["mediaType"] = "application/gzip".into()),
            ("a negative size", |it| it["layers"][0]["size"] = (-1).into()),
            ("a path as a digest", |it| it["layers"][0]["digest"] = "sha256:../../etc/passwd".into()),
            ("a huge signature", |it| it["annotations"][SIGNATURE_ANNOTATION] = "x".repeat(5_000).into()),
        ];
        for (what, change) in cases {
            assert!(parse(&manifest(change)).is_err(), "{what}");
        }
        for bytes in [&b""[..], b"{", b"[]", b"null", b"\xff", &b"[".repeat(100_000)] {
            assert!(parse(bytes).is_err());
        }
    }
}
