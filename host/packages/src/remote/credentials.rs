//! Credentials for registries, from docker's configuration: where `docker login` leaves them, and where other tools look.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use serde_json::Value;

use runner_base::error::{Error, Result};
use runner_project::files::{cannot_read, read_regular_anywhere};

/// The largest configuration that is read.
const CONFIG_BYTES: u64 = 4 << 20;

/// The longest answer of a credential helper.
const ANSWER_BYTES: u64 = 64 << 10;

/// How long a helper may take. Some ask a cloud, and none asks a person.
const HELPER: Duration = Duration::from_secs(30);

/// The user name with which helpers give tokens that are exchanged for others.
const IDENTITY_TOKEN: &str = "<token>";

/// Base64 as docker writes it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// What docker's configuration has for a registry. No text shows it.
#[derive(PartialEq, Eq)]
pub(super) enum Credentials {
    /// A user and a password.
    User {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that is exchanged for others.
    IdentityToken(String),
}

impl Credentials {
    /// The header that has a user and a password.
    pub fn basic(&self) -> Option<String> {
        match self {
            Self::User { user, password } => Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))),
            Self::IdentityToken(_) => None,
        }
    }
}

/// The credentials for a registry, by the names that the configuration may have for it.
pub(super) fn find(keys: &[String]) -> Result<Option<Credentials>> {
    let Some(path) = path() else { return Ok(None) };
    let bytes = match read_regular_anywhere(&path, CONFIG_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(invalid(&path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(&path, error)),
    };
    let config: Value = serde_json::from_slice(&bytes).map_err(|_| invalid(&path))?;
    let named = |name: &str, key: &str| config.get(name).and_then(|it| it.get(key)).cloned();
    for key in keys {
        if let Some(Value::String(helper)) = named("credHelpers", key) {
            return ask(&helper, key);
        }
    }
    for key in keys {
        let Some(entry) = named("auths", key) else { continue };
        if let Some(token) = entry.get("identitytoken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            return Ok(Some(Credentials::IdentityToken(token.to_owned())));
        }
        if let Some(found) = inline(&entry).ok_or_else(|| invalid(&path))? {
            return Ok(Some(found));
        }
        // Without them, the entry says that the store has them.
        if let Some(helper) = config.get("credsStore").and_then(Value::as_str) {
            return ask(helper, key);
        }
    }
    Ok(None)
}

/// `$DOCKER_CONFIG/config.json`, or the one in the home directory.
fn path() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")))?;
    Some(directory.join("config.json"))
}

fn invalid(path: &std::path::Path) -> Error {
    Error::usage(format!("`{}` is not a configuration of docker", path.display()))
        .hint("correct it, or name the directory of another one with `DOCKER_CONFIG`")
}

/// What an entry itself has; `None` if that is invalid.
fn inline(entry: &Value) -> Option<Option<Credentials>> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("auth").is_empty() {
        let (user, password) = (text("username").to_owned(), text("password").to_owned());
        return Some((!user.is_empty()).then_some(Credentials::User { user, password }));
    }
    let decoded = String::from_utf8(BASE64.decode(text("auth")).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // Docker pads some of them.
    let password = password.trim_end_matches('\0');
    Some(Some(Credentials::User { user: user.to_owned(), password: password.to_owned() }))
}

/// Asks a credential helper, a program of the operator's.
fn ask(helper: &str, key: &str) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{helper}");
    let failed = |cause: &dyn std::fmt::Display| {
        Error::failed(format!("the credential helper `{program}` of docker's configuration failed"))
            .cause(cause)
            .hint(format!("try it: `echo {key} | {program} get`"))
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if helper.is_empty() || !helper.chars().all(is_name) {
        return Err(failed(&"it is not the name of a program"));
    }
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // It may exit without reading; then it says why.
        let _ = input.write_all(key.as_bytes());
    }
    let output = child.stdout.take();
    let (sender, receiver) = std::sync::mpsc::channel();
    // What it has started may keep its output open for longer than it runs.
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = output.map(|output| output.take(ANSWER_BYTES).read_to_end(&mut answer));
        let _ = sender.send(read.transpose().map(|_| answer));
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| failed(&error))? {
            Some(status) => break status,
            None if started.elapsed() < HELPER => std::thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(&format!("it did not answer within {} s", HELPER.as_secs())));
            }
        }
    };
    let answer = receiver.recv_timeout(HELPER.saturating_sub(started.elapsed()));
    let Ok(Ok(answer)) = answer else { return Err(failed(&"its answer cannot be read")) };
    if !status.success() {
        // Helpers say in words that they have none, so anonymous access is tried.
        return match String::from_utf8_lossy(&answer).contains("credentials not found") {
            true => Ok(None),
            false => Err(failed(&status)),
        };
    }
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| failed(&"its answer is not JSON"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, password) = (text("Username"), text("Secret"));
    if user == IDENTITY_TOKEN {
        return Ok(Some(Credentials::IdentityToken(password)));
    }
    Ok((!user.is_empty()).then_some(Credentials::User { user, password }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_dockers_configuration() {
        let read = |text: &str| inline(&serde_json::from_str(text).expect("JSON"));
        let found = |user: &str, password: &str| {
            Some(Some(Credentials::User { user: user.to_owned(), password: password.to_owned() }))
        };
        assert!(read(r#"{"auth": "YWRhOnB3OnNlY3JldA=="}"#) == found("ada", "pw:secret"));
        assert!(read(r#"{"auth": "YWRhOnB3OnNlY3JldA"}"#) == found("ada", "pw:secret"));
        assert!(read(r#"{"username": "ada", "password": "pw"}"#) == found("ada", "pw"));
        assert!(read("{}") == Some(None));
        for text in [r#"{"auth": "?"}"#, r#"{"auth": "YWRh"}"#, r#"{"auth": "/w=="}"#] {
            assert!(read(text).is_none(), "{text}");
        }
        let ada = Credentials::User { user: "ada".to_owned(), password: "pw:secret".to_owned() };
        assert_eq!(ada.basic().as_deref(), Some("Basic YWRhOnB3OnNlY3JldA=="));
    }
}
