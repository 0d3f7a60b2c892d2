//! References to packages in registries: `oci://HOST/REPOSITORY:TAG`.

use std::fmt;

use url::Url;

use super::web::{is_local, is_sha256};
use runner_base::error::{Error, Result};
use runner_project::package::Version;

/// The scheme of references.
const SCHEME: &str = "oci://";

/// What begins a digest.
const SHA256: &str = "sha256:";

/// The longest repository and the longest tag.
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;

/// Docker Hub: what people write, which host answers, and the key of its credentials in docker's configuration.
const HUB: &str = "docker.io";
const HUB_SERVER: &str = "registry-1.docker.io";
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A repository of a registry, with a tag, a digest, or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The host, and the port if there is one.
    host: String,
    repository: String,
    tag: Option<String>,
    /// `sha256:` and the digits.
    digest: Option<String>,
}

impl Reference {
    /// Parses what follows `oci://`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("`{SCHEME}{text}` is not a reference to a package"))
                .hint("write `oci://HOST/REPOSITORY:TAG`, or `@sha256:DIGEST` instead of the tag")
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (path, None),
        };
        let is_valid = is_host(host)
            && is_repository(repository)
            && tag.as_deref().is_none_or(is_tag)
            && digest.as_deref().is_none_or(is_digest);
        let found = Self { host: host.to_owned(), repository: repository.to_owned(), tag, digest };
        is_valid.then_some(found).ok_or_else(wrong)
    }

    /// Whether it is one manifest.
    pub(super) fn is_exact(&self) -> bool {
        self.tag.is_some() || self.digest.is_some()
    }

    /// The same repository with the tag of a version.
    pub(super) fn with_version(&self, version: Version) -> Self {
        Self { tag: Some(version.to_string()), digest: None, ..self.clone() }
    }

    /// Its tag.
    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The version that its tag promises.
    pub(super) fn version(&self) -> Option<Version> {
        Version::parse(self.tag.as_deref()?)
    }

    /// Its digest, with `sha256:`.
    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What names its manifest: the digest if there is one.
    pub(super) fn manifest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The repository, as the registry calls it.
    pub(super) fn repository(&self) -> String {
        match self.host == HUB && !self.repository.contains('/') {
            true => format!("library/{}", self.repository),
            false => self.repository.clone(),
        }
    }

    /// The address of the registry.
    pub(super) fn server(&self) -> Result<Url> {
        let host = if self.host == HUB { HUB_SERVER } else { &self.host };
        let parse = |scheme: &str| Url::parse(&format!("{scheme}://{host}/"));
        let url = parse("https").map_err(|error| Error::usage(format!("`{host}` is not a host")).cause(error))?;
        // Registries on this machine have no certificate; docker does the same.
        if is_local(&url) { Ok(parse("http").unwrap_or(url)) } else { Ok(url) }
    }

    /// What docker's configuration may call the registry.
    pub(super) fn keys(&self) -> Vec<String> {
        let host = &self.host;
        let mut keys = vec![host.clone(), format!("https://{host}"), format!("https://{host}/")];
        keys.extend(["v1", "v2"].map(|version| format!("https://{host}/{version}/")));
        if *host == HUB {
            keys.insert(0, HUB_KEY.to_owned());
            keys.push("index.docker.io".to_owned());
        }
        keys
    }

    /// The host, as `docker login` takes it.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty()
        && text.chars().all(plain)
        && Url::parse(&format!("https://{text}/")).is_ok_and(|url| url.has_host() && url.path() == "/")
}

/// Parts of lower-case letters and digits, with single separators between them.
fn is_repository(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_plain)
            && part.ends_with(is_plain)
            && part.chars().all(|c| is_plain(c) || matches!(c, '.' | '_' | '-'))
            && !part.contains("..")
            && !part.contains("___")
    };
    text.len() <= LONGEST_REPOSITORY && text.split('/').all(is_part)
}

fn is_tag(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= LONGEST_TAG
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Whether a text is a digest that is understood.
pub(super) fn is_digest(text: &str) -> bool {
    text.strip_prefix(SHA256).is_some_and(is_sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed_and_shown() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, server, repository, manifest) in [
            ("ghcr.io/acme/outbox:1.2.0", "https://ghcr.io/", "acme/outbox", "1.2.0"),
            ("localhost:5000/outbox", "http://localhost:5000/", "outbox", "latest"),
            ("[::1]:5000/a/b-c/d__e:x_1", "http://[::1]:5000/", "a/b-c/d__e", "x_1"),
            ("docker.io/outbox:1", "https://registry-1.docker.io/", "library/outbox", "1"),
            (&format!("a.example/p:1.0.0@{digest}"), "https://a.example/", "p", &*digest),
        ] {
            let reference = Reference::parse(text).expect(text);
            assert_eq!(reference.to_string(), format!("oci://{text}"));
            assert_eq!(reference.server().expect(text).as_str(), server);
            assert_eq!((reference.repository().as_str(), reference.manifest()), (repository, manifest));
        }
    }

    #[test]
    fn nothing_else_is_a_reference() {
        for text in [
            "",
            "host",
            "host/",
            "/acme/outbox",
            "host/Acme/outbox",
            "host/acme//outbox",
            "host/acme/../outbox",
            "host/acme/outbox:",
            "host/acme/outbox:-1",
            "host/acme/outbox:a/b",
            "host/acme/outbox@sha256:12",
            "host/acme/outbox@sha512:00",
            "user@host/acme/outbox",
            "user:secret@host/acme/outbox:1",
            "host/acme/outbox?x=1",
            "host/acme/outbox#1",
            "ho st/acme/outbox",
            "host:port/acme/outbox",
            "host/acme/\u{202e}outbox",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
