//! A registry, as the specification of OCI distributions has it: manifests, blobs and tags.

use serde::Deserialize;
use ureq::http::HeaderMap;
use ureq::http::header::{LINK, WWW_AUTHENTICATE};
use url::Url;

use super::challenge::Challenge;
use super::credentials::{self, Credentials};
use super::manifest::{self, MANIFEST, MANIFEST_BYTES};
use super::reference::Reference;
use super::web::{Action, Answer, Elsewhere, Request, Sent, Web, check_scheme, is_same_server, shown};
use crate::fetched::too_large;
use runner_base::error::{Error, Result};
use runner_project::digest::sha256;
use runner_project::package::Version;

/// The largest page of tags, and how many are read.
const TAGS_BYTES: u64 = 4 << 20;
const PAGES: usize = 50;

/// The largest answer with a token, and the longest token.
const TOKEN_BYTES: u64 = 256 << 10;
const LONGEST_TOKEN: usize = 64 << 10;

/// The media type of a form.
const FORM: &str = "application/x-www-form-urlencoded";

/// What to do about a repository with something else in it.
const NOT_OURS: &str = "check that it is a repository of packages, and its host a registry";

/// What to do where versions cannot be listed.
const NAME_ONE: &str = "name the version: `runner add oci://HOST/REPOSITORY:VERSION`";

/// What a registry is asked to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// To pull.
    Pull,
    /// To push as well.
    Push,
}

/// A registry that is asked about one repository.
pub(super) struct Registry<'a> {
    pub(super) web: &'a Web,
    pub(super) reference: &'a Reference,
    access: Access,
    /// The `Authorization` header, once the registry has asked for it.
    authorization: Option<String>,
    is_authorized: bool,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Registry<'a> {
    pub fn new(web: &'a Web, reference: &'a Reference, access: Access) -> Self {
        Self { web, reference, access, authorization: None, is_authorized: false }
    }

    /// The component of a reference to the same repository, and its signature.
    pub fn pull(&mut self, reference: &Reference, limit: u64) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let path = format!("manifests/{}", reference.manifest());
        let answer = self.get(&path, Some(MANIFEST), MANIFEST_BYTES, Elsewhere::Refused)?;
        let of = format!("the manifest of `{reference}`");
        match answer.status {
            200 if answer.is_cut => {
                return Err(Error::denied(format!("{of} is larger than any of a component")).hint(NOT_OURS));
            }
            200 => {}
            status => return Err(self.refused(reference, status)),
        }
        if reference.digest().is_some_and(|digest| digest != digest_of(&answer.body)) {
            return Err(lied(format!("{of} has another digest")));
        }
        let content = manifest::parse(&answer.body).map_err(|problem| {
            Error::usage(format!("{of} {problem}")).hint("`runner package --push` pushes what it has made")
        })?;
        if content.size > limit {
            return Err(too_large(&reference.to_string(), limit));
        }
        // Registries of clouds have the bytes elsewhere; their digest is known.
        let path = format!("blobs/{}", content.digest);
        let answer = self.get(&path, None, content.size, Elsewhere::Encrypted)?;
        if answer.status != 200 {
            return Err(self.refused(reference, answer.status));
        }
        if answer.is_cut || answer.body.len() as u64 != content.size {
            return Err(lied(format!("`{reference}` has not the size that its manifest names")));
        }
        if digest_of(&answer.body) != content.digest {
            return Err(lied(format!("`{reference}` has not the digest that its manifest names")));
        }
        Ok((answer.body, content.signature))
    }

    /// The tags that are versions.
    pub fn versions(&mut self) -> Result<Vec<Version>> {
        let mut versions = Vec::new();
        let mut url = self.url("tags/list")?;
        for _ in 0..PAGES {
            let answer = self.ask(Action::Get, url.clone(), None, TAGS_BYTES, Elsewhere::Refused)?;
            let what = format!("the list of tags of `{}`", self.reference);
            match answer.status {
                200 if answer.is_cut => return Err(Error::denied(format!("{what} is too long")).hint(NAME_ONE)),
                200 => {}
                status => return Err(self.refused(self.reference, status)),
            }
            let page: Result<Tags, _> = serde_json::from_slice(&answer.body);
            let page = page.map_err(|_| Error::failed(format!("{what} is not valid")).hint(NOT_OURS))?;
            versions.extend(page.tags.unwrap_or_default().iter().filter_map(|tag| Version::parse(tag)));
            match next_page(&url, &answer.headers) {
                None => return Ok(versions),
                Some(next) if is_same_server(&url, &next) => url = next,
                Some(next) => {
                    return Err(
                        Error::denied(format!("{what} continues on another server: `{}`", shown(&next))).hint(NAME_ONE)
                    );
                }
            }
        }
        Err(Error::denied(format!("the list of tags of `{}` is too long", self.reference)).hint(NAME_ONE))
    }

    pub(super) fn url(&self, path: &str) -> Result<Url> {
        let mut url = self.reference.server()?;
        url.set_path(&format!("/v2/{}/{path}", self.reference.repository()));
        Ok(url)
    }

    pub(super) fn get(&mut self, path: &str, accept: Option<&str>, most: u64, elsewhere: Elsewhere) -> Result<Answer> {
        self.ask(Action::Get, self.url(path)?, accept, most, elsewhere)
    }

    /// Sends a request, and authenticates if the registry demands it.
    pub(super) fn ask(
        &mut self,
        action: Action<'_>,
        url: Url,
        accept: Option<&str>,
        most: u64,
        elsewhere: Elsewhere,
    ) -> Result<Answer> {
        let authorization = self.authorization.clone();
        let request = Request { action, url, accept, authorization: authorization.as_deref(), most, elsewhere };
        let answer = self.web.ask(&request)?;
        if answer.status != 401 || self.is_authorized {
            return Ok(answer);
        }
        self.is_authorized = true;
        self.authorization = self.authorize(&answer.headers)?;
        match &self.authorization {
            None => Ok(answer),
            Some(authorization) => self.web.ask(&Request { authorization: Some(authorization), ..request }),
        }
    }

    /// What to answer to the challenge of a registry; nothing if it has none that is understood, or no credentials.
    fn authorize(&self, headers: &HeaderMap) -> Result<Option<String>> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenges: Vec<Challenge> = values.filter_map(Challenge::parse).collect();
        let bearer = challenges.iter().find(|challenge| **challenge != Challenge::Basic);
        let credentials = credentials::find(&self.reference.keys())?;
        match (bearer, credentials) {
            (Some(Challenge::Bearer { realm, service }), credentials) => {
                self.token(realm, service.as_deref(), credentials).map(Some)
            }
            (_, Some(Credentials::IdentityToken(_))) if !challenges.is_empty() => {
                let host = self.reference.host();
                Err(Error::failed(format!(
                    "docker's configuration has an identity token for `{host}`, and the registry asks for a user and a password"
                ))
                .hint("log in with `docker login` and an access token as the password"))
            }
            (_, credentials) => {
                Ok(credentials.filter(|_| !challenges.is_empty()).and_then(|credentials| credentials.basic()))
            }
        }
    }

    /// Gets a token for the repository.
    fn token(&self, realm: &str, service: Option<&str>, credentials: Option<Credentials>) -> Result<String> {
        let host = self.reference.host();
        let server = self.reference.server()?;
        let mut url = Url::parse(realm)
            .map_err(|error| {
                Error::failed(format!("the registry `{host}` asks for a token from an invalid URL")).cause(error)
            })
            .map_err(|error| error.hint(self.otherwise()))?;
        let is_downgrade = server.scheme() == "https" && url.scheme() != "https";
        if is_downgrade || check_scheme(&url).is_err() || credentials.is_some() && !are_related(&server, &url) {
            return Err(Error::denied(format!(
                "the registry `{host}` refers clients to `{}` for a token",
                shown(&url)
            ))
            .hint(self.otherwise()));
        }
        let actions = if self.access == Access::Push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", self.reference.repository());
        let mut asked = url::form_urlencoded::Serializer::new(String::new());
        asked.extend_pairs(service.map(|service| ("service", service))).append_pair("scope", &scope);
        let authorization = credentials.as_ref().and_then(Credentials::basic);
        // An identity token is exchanged as OAuth 2 has it; it is sent in the body, of which no server keeps a log.
        let form = match &credentials {
            Some(Credentials::IdentityToken(token)) => Some(
                asked
                    .extend_pairs([
                        ("grant_type", "refresh_token"),
                        ("client_id", "runner"),
                        ("refresh_token", token.as_str()),
                    ])
                    .finish(),
            ),
            _ => {
                let query = asked.finish();
                let query = url.query().map(|before| format!("{before}&{query}")).unwrap_or(query);
                url.set_query(Some(&query));
                None
            }
        };
        let action = match &form {
            Some(form) => Action::Post(Sent { media_type: FORM, bytes: form.as_bytes() }),
            None => Action::Get,
        };
        let (authorization, elsewhere) = (authorization.as_deref(), Elsewhere::Refused);
        let request = Request { action, url, accept: None, authorization, most: TOKEN_BYTES, elsewhere };
        let answer = self.web.ask(&request)?;
        if answer.status != 200 {
            // OAuth 2 answers this way to an identity token that is no longer valid.
            let is_invalid = form.is_some() && answer.status == 400;
            return Err(self.refused(self.reference, if is_invalid { 401 } else { answer.status }));
        }
        let token: Option<Token> = serde_json::from_slice(&answer.body).ok();
        let token = token.and_then(|it| it.token.or(it.access_token));
        let is_usable =
            |token: &String| token.len() <= LONGEST_TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
        match token.filter(is_usable) {
            Some(token) => Ok(format!("Bearer {token}")),
            None => Err(Error::failed(format!("the registry `{host}` gives no usable token")).hint(self.otherwise())),
        }
    }

    /// What to do where that cannot be had from the registry.
    pub(super) fn otherwise(&self) -> &'static str {
        match self.access {
            Access::Pull => "pull the package with another program, and add the file",
            Access::Push => "push the file with another program, such as `wkg oci push`",
        }
    }

    pub(super) fn refused(&self, reference: &Reference, status: u16) -> Error {
        let host = self.reference.host();
        let done = if self.access == Access::Push { "pushed" } else { "fetched" };
        match status {
            401 | 403 => Error::failed(match self.access {
                Access::Pull => format!("the registry `{host}` does not give `{reference}` to this user: {status}"),
                Access::Push => format!("the registry `{host}` does not take `{reference}` from this user: {status}"),
            })
            .hint(format!("log in with `docker login {host}`; `DOCKER_CONFIG` names another configuration of docker")),
            404 => Error::usage(format!("`{reference}` does not exist")).hint(format!(
                "check the name and the tag; it may also be hidden from who is not logged in to `{host}`"
            )),
            429 | 500.. => Error::failed(format!("`{reference}` cannot be {done}: the registry answers {status}"))
                .hint("try again later"),
            status => {
                Error::failed(format!("`{reference}` cannot be {done}: the registry answers {status}")).hint(NOT_OURS)
            }
        }
    }
}

/// The error for bytes that are not what they have to be.
pub(super) fn lied(message: String) -> Error {
    Error::mismatch(message).hint("the registry, or something between it and you, has changed it; do not apply it")
}

pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

/// The next page of a list: `Link: <URL>; rel="next"`.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("next").then(|| url.join(target).ok()).flatten()
}

/// Whether credentials for one server may be sent to the other: it is the same host, or one in the same domain, such as
/// `auth.docker.io` for `registry-1.docker.io`. Whose domain it is follows from the Public Suffix List.
fn are_related(one: &Url, other: &Url) -> bool {
    let domain = |url: &Url| url.domain().and_then(psl::domain_str).map(str::to_owned);
    one.host() == other.host() || domain(one).is_some_and(|domain_of_one| Some(domain_of_one) == domain(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_within_a_domain() {
        for (one, other, expected) in [
            ("https://registry-1.docker.io", "https://auth.docker.io/token", true),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            ("https://ghcr.io", "https://ghcr.io/token", true),
            ("http://localhost:5000", "http://localhost:5001/token", true),
            ("https://ghcr.io", "https://evil.io/token", false),
            ("https://registry.acme.co.uk", "https://auth.acme.co.uk/token", true),
            ("https://acme.co.uk", "https://evil.co.uk/token", false),
            ("https://acme.github.io", "https://evil.github.io/token", false),
            ("https://ghcr.io", "https://ghcr.io.evil.example/token", false),
            ("http://127.0.0.1:5000", "http://10.0.0.1/token", false),
            ("https://10.1.0.1", "https://10.2.0.1/token", false),
        ] {
            let parse = |text| Url::parse(text).expect("a URL");
            assert_eq!(are_related(&parse(one), &parse(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn pages_of_tags() {
        let url = Url::parse("https://a.example/v2/p/tags/list").expect("a URL");
        let next = |link: &'static str| {
            let headers = HeaderMap::from_iter([(LINK, ureq::http::HeaderValue::from_static(link))]);
            next_page(&url, &headers).map(|url| url.to_string())
        };
        let expected = Some("https://a.example/v2/p/tags/list?n=2&last=b".to_owned());
        assert_eq!(next("</v2/p/tags/list?n=2&last=b>; rel=\"next\""), expected);
        assert_eq!(next("</v2/p/tags/list>; rel=\"prev\""), None);
        assert_eq!(next("nonsense"), None);
    }
}
