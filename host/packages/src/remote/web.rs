//! Asks web servers. They may answer neither more nor later than is allowed, nor send the program elsewhere.

use std::io::Read as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use url::{Host, Url};

use runner_base::error::{Error, Result};
use runner_project::limits::Limits;
use runner_project::units::format_duration;

/// How long a connection may take to be established, so that an address without a server is reported soon.
const CONNECT: Duration = Duration::from_secs(15);

/// How many redirects are followed on one server.
const HOPS: usize = 5;

/// The largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;

/// The statuses that name another address, and those of them that require the same request there.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
const REPEATS: [u16; 2] = [307, 308];

/// What to do about a server that leads nowhere.
const FIND_IT: &str = "find out the address in a browser, and name that one";

/// A URL of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress {
    url: Url,
    /// The digest in its fragment, which the package has to have.
    sha256: Option<String>,
}

impl WebAddress {
    /// Parses a URL: `https://HOST/PATH`, or `http://` on this machine, with `#sha256=DIGEST` if the operator knows it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut url = Url::parse(text).map_err(|error| Error::usage("the URL is not valid").cause(error))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::usage(format!("`{}` is given with a user or a password", shown(&url)))
                .hint("download the package and its signature with another program, and add the file"));
        }
        check_scheme(&url)?;
        let fragment = url.fragment().map(str::to_owned);
        url.set_fragment(None);
        let sha256 = match fragment.as_deref().map(|fragment| fragment.strip_prefix("sha256=")) {
            None => None,
            Some(Some(digest)) if is_sha256(&digest.to_ascii_lowercase()) => Some(digest.to_ascii_lowercase()),
            Some(_) => {
                return Err(Error::usage(format!("what follows `#` in the URL `{}` is not a digest", shown(&url)))
                    .hint("write `#sha256=` and 64 hexadecimal digits, or leave it out"));
            }
        };
        Ok(Self { url, sha256 })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL without what may be secret in it.
    pub(crate) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// The URL of what is next to it.
    pub(super) fn beside(&self, suffix: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{suffix}", self.url.path()));
        url
    }

    /// Compares the digest with the one that the operator gave.
    pub(super) fn check(&self, found: &str) -> Result<()> {
        match &self.sha256 {
            Some(wanted) if wanted != found => {
                Err(Error::mismatch(format!("`{}` has not the digest that the URL names: {found}", self.shown()))
                    .hint("ask the author of the package which one is right; do not apply this one"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text is a SHA-256 digest, in lower case.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Fails unless a URL is encrypted, or of this machine.
pub(super) fn check_scheme(url: &Url) -> Result<()> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_local(url) => Ok(()),
        _ => Err(Error::usage(format!("`{}` is not encrypted", shown(url)))
            .hint("use `https://`; `http://` is for servers on this machine")),
    }
}

/// Whether a URL is of this machine.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether two URLs are of one server.
pub(super) fn is_same_server(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether a server may name another one that has what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// No.
    Refused,
    /// By `https://`. It is asked without credentials, and the caller knows the digest.
    Encrypted,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action<'a> {
    /// Something is fetched.
    Get,
    /// It is found out whether there is something.
    Head,
    /// Something is begun.
    Post(Sent<'a>),
    /// Something is stored.
    Put(Sent<'a>),
}

/// What is sent with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent<'a> {
    pub media_type: &'a str,
    pub bytes: &'a [u8],
}

impl<'a> Action<'a> {
    fn parts(self) -> (&'static str, Option<Sent<'a>>) {
        match self {
            Self::Get => ("GET", None),
            Self::Head => ("HEAD", None),
            Self::Post(sent) => ("POST", Some(sent)),
            Self::Put(sent) => ("PUT", Some(sent)),
        }
    }
}

/// What is asked.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub action: Action<'a>,
    pub url: Url,
    pub accept: Option<&'a str>,
    pub authorization: Option<&'a str>,
    /// How many bytes the body may have.
    pub most: u64,
    pub elsewhere: Elsewhere,
}

/// What a server answered.
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body of a success.
    pub body: Vec<u8>,
    /// Whether the body is longer than was asked for.
    pub is_cut: bool,
}

/// What asks, for a limited time in all.
pub(super) struct Web {
    started: Instant,
    limit: Option<Duration>,
    certificates: OnceLock<Arc<Vec<Certificate<'static>>>>,
}

impl Web {
    pub fn new(limits: &Limits) -> Self {
        Self { started: Instant::now(), limit: limits.fetch_time, certificates: OnceLock::new() }
    }

    /// Asks, and follows redirects on the same server.
    pub fn ask(&self, request: &Request<'_>) -> Result<Answer> {
        let mut request = request.clone();
        for _ in 0..=HOPS {
            let answer = self.once(&request)?;
            let statuses = if request.action.parts().1.is_some() { &REPEATS[..] } else { &REDIRECTS[..] };
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| statuses.contains(&answer.status)) else { return Ok(answer) };
            let Ok(next) = request.url.join(location) else {
                return Err(
                    Error::failed(format!("`{}` redirects to an invalid URL", shown(&request.url))).hint(FIND_IT)
                );
            };
            if !is_same_server(&request.url, &next) {
                if request.elsewhere == Elsewhere::Refused || next.scheme() != "https" {
                    let message = format!("`{}` redirects to another server: `{}`", shown(&request.url), shown(&next));
                    return Err(Error::denied(message).hint("name the address there, if you trust it"));
                }
                request.authorization = None;
            }
            request.url = next;
        }
        Err(Error::failed(format!("`{}` redirects without end", shown(&request.url))).hint(FIND_IT))
    }

    /// Sends bytes to a server that another one has named: without credentials, and not on to a third one.
    pub(crate) fn send_elsewhere(&self, url: Url, sent: Sent<'_>, most: u64) -> Result<Answer> {
        let action = Action::Put(sent);
        self.ask(&Request { action, url, accept: None, authorization: None, most, elsewhere: Elsewhere::Refused })
    }

    fn once(&self, request: &Request<'_>) -> Result<Answer> {
        let url = &request.url;
        check_scheme(url)?;
        let (method, sent) = request.action.parts();
        let mut asked = ureq::http::Request::builder().method(method).uri(url.as_str());
        let media_type = sent.map(|sent| sent.media_type);
        let headers = [(ACCEPT, request.accept), (AUTHORIZATION, request.authorization), (CONTENT_TYPE, media_type)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            asked = asked.header(name, value);
        }
        let failed = |error: &dyn std::fmt::Display| self.failed(url, sent.is_some(), error);
        let agent = self.agent(url)?;
        let answer = match sent {
            None => agent.run(asked.body(()).map_err(|error| failed(&error))?),
            Some(sent) => agent.run(asked.body(sent.bytes).map_err(|error| failed(&error))?),
        };
        let answer = answer.map_err(|error| failed(&error))?;
        let (head, body) = answer.into_parts();
        let mut answer =
            Answer { status: head.status.as_u16(), headers: head.headers, body: Vec::new(), is_cut: false };
        if !head.status.is_success() || request.action == Action::Head {
            return Ok(answer);
        }
        let declared = answer.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        answer.is_cut = declared.is_some_and(|length| length > request.most);
        if !answer.is_cut {
            let mut reader = body.into_reader().take(request.most.saturating_add(1));
            reader.read_to_end(&mut answer.body).map_err(|error| failed(&error))?;
            answer.is_cut = answer.body.len() as u64 > request.most;
        }
        Ok(answer)
    }

    /// Settings of one request: each has the time that is left.
    fn agent(&self, url: &Url) -> Result<ureq::Agent> {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEAD_BYTES)
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT));
        if let Some(limit) = self.limit {
            // Zero would be no bound.
            let left = limit.saturating_sub(self.started.elapsed()).max(Duration::from_millis(1));
            config = config.timeout_global(Some(left));
        }
        if is_local(url) {
            config = config.proxy(None);
        }
        if url.scheme() == "https" {
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .root_certs(RootCerts::Specific(self.certificates()?))
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
            config = config.tls_config(tls.build());
        }
        Ok(config.build().new_agent())
    }

    /// The system's certificates, or those that `SSL_CERT_FILE` names.
    fn certificates(&self) -> Result<Arc<Vec<Certificate<'static>>>> {
        if let Some(certificates) = self.certificates.get() {
            return Ok(certificates.clone());
        }
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let error = Error::failed("no certificates of this system can be read, so no server can be trusted");
            let error = found.errors.into_iter().take(1).fold(error, |error, cause| error.cause(cause));
            return Err(error.hint("install the package `ca-certificates`, or name a file with `SSL_CERT_FILE`"));
        }
        let certificates = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        let certificates = Arc::new(certificates.collect());
        Ok(self.certificates.get_or_init(|| certificates).clone())
    }

    /// The error of a request that was not answered, or not to the end.
    fn failed(&self, url: &Url, sends: bool, error: &dyn std::fmt::Display) -> Error {
        match self.limit.filter(|limit| self.started.elapsed() >= *limit) {
            Some(limit) => {
                let message =
                    format!("`{}` takes longer than the limit `fetch_time` of {}", shown(url), format_duration(limit));
                Error::denied(message).hint("raise it with `--limit fetch_time=…` or under `[limits]` in runner.toml")
            }
            None if sends => Error::failed(format!("cannot send to `{}`", shown(url)))
                .cause(error)
                .hint("check the address, and that the server can be reached from here"),
            None => Error::failed(format!("`{}` cannot be fetched", shown(url)))
                .cause(error)
                .hint("check the address, and that the server can be reached from here; the project is unchanged"),
        }
    }
}

/// A URL without what may be secret in it: user, password and query.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs without a host, which are not fetched.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_encryption() {
        for text in ["https://a.example/p.wasm", "http://localhost:1/p", "http://127.0.0.1/p", "http://[::1]:5/p"] {
            assert!(WebAddress::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://a.example/p.wasm",
            "http://localhost.example/p",
            "http://10.0.0.1/p",
            "https://user:secret@a.example/p",
            "https://a.example/p#sha256=12",
            "https://a.example/p#v1",
            "https://",
        ] {
            let error = WebAddress::parse(text).expect_err(text);
            assert!(!format!("{error:#}").contains("secret"), "{error:#}");
        }
    }

    #[test]
    fn a_signature_is_next_to_the_file_and_secrets_are_not_shown() {
        let address = WebAddress::parse("https://a.example/x/p.wasm?token=secret").expect("a URL");
        assert_eq!(address.beside(".minisig").as_str(), "https://a.example/x/p.wasm.minisig?token=secret");
        assert_eq!(address.shown(), "https://a.example/x/p.wasm");
    }

    #[test]
    fn a_digest_is_compared() {
        let digest = "a".repeat(64);
        let address =
            WebAddress::parse(&format!("https://a.example/p#sha256={}", digest.to_uppercase())).expect("a URL");
        assert!(address.check(&digest).is_ok());
        assert!(address.check(&"b".repeat(64)).is_err());
    }
}
