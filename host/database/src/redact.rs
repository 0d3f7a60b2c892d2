//! Hides passwords, in database URLs however they are written, and in texts that quote one.
//!
//! A URL that is written wrongly is shown wrongly on purpose: where it is unclear what is the password, more is hidden than necessary.

mod public_parameters;

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode_str;

use public_parameters::is_harmless;

/// What is shown instead.
const HIDDEN: &str = "***";

/// The schemes of servers' URLs, of this and of other tools.
const SERVERS: [&str; 8] = ["postgres", "postgresql", "mysql", "mariadb", "mysql2", "psql", "pgsql", "redshift"];

/// Schemes whose URLs name files. They have no user and no password, but may have a parameter that could be taken for
/// one.
const FILES: [&str; 2] = ["sqlite", "file"];

/// The scheme of references to packages in registries.
const REGISTRY: &str = "oci";

/// Parts of the names of settings that are secrets.
const SECRETS: [&str; 8] = ["password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "signature"];

/// The names under which connection strings such as those of libpq have passwords.
const SETTINGS: [&str; 4] = ["password", "sslpassword", "passwd", "pwd"];

/// How far ahead a URL without `//` is searched for.
const AHEAD: usize = 512;

/// A shorter password occurs in texts by chance.
const SHORTEST_SECRET: usize = 6;

/// Words of lower-case letters below this length, such as `postgres` and `password`, occur in texts by chance.
const LONGER_THAN_WORDS: usize = 13;

/// Stands for a password in our own hints and in settings.
const PLACEHOLDERS: [&str; 3] = ["password", "PASSWORD", "…"];

/// Which parameters of a URL are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// Those that are known not to be secrets.
    Harmless,
    /// All but those whose name says that they are secrets.
    AllButSecrets,
}

/// Hides every possible password of a text that is a URL, or was meant to be one.
pub fn redact_url(url: &str) -> String {
    let url = url.trim();
    let mut shown = String::with_capacity(url.len());
    match url.split_once(':') {
        Some((scheme, _)) if is_file(scheme) => push_place(&mut shown, url, Parameters::Harmless),
        Some((scheme, rest)) if is_scheme(scheme) && (rest.starts_with("//") || is_server(scheme)) => {
            shown.push_str(scheme);
            shown.push(':');
            push_rest(&mut shown, rest, Parameters::Harmless);
        }
        // `user:password@host`, without a scheme.
        _ => push_rest(&mut shown, url, Parameters::Harmless),
    }
    without_secrets(shown, url)
}

/// Hides every parameter of a URL that is not known to be harmless.
pub(super) fn redact_parameters(parameters: &str) -> String {
    let mut shown = String::with_capacity(parameters.len() + 1);
    push_place(&mut shown, &format!("?{parameters}"), Parameters::Harmless);
    shown
}

/// Hides the passwords of all URLs in a text.
pub fn redact_urls(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    // Up to here the text is in `shown`.
    let mut done = 0;
    while let Some(found) = next_url(text, done) {
        shown.push_str(&text[done..found.start]);
        let url = &text[found.clone()];
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        let parameters =
            if is_server(scheme) || is_file(scheme) { Parameters::Harmless } else { Parameters::AllButSecrets };
        let mut redacted = format!("{scheme}:");
        match is_file(scheme) {
            true => push_place(&mut redacted, rest, parameters),
            false => {
                let (authority, path) = reference_apart(scheme, rest);
                push_rest(&mut redacted, authority, parameters);
                push_place(&mut redacted, path, parameters);
            }
        }
        let is_example = is_example(rest);
        shown.push_str(&if is_example { Cow::Borrowed(url) } else { without_secrets(redacted, url).into() });
        done = found.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[done..]);
    Cow::Owned(shown)
}

/// Hides the passwords of all URLs in a text, and of settings such as `password=…`, as in the connection strings of libpq.
pub fn redact(text: &str) -> String {
    let text = redact_urls(text);
    let mut shown = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((name, is_secret)) = next_setting(rest) {
        shown.push_str(&rest[..name]);
        let end = if is_secret { name + value_length(&rest[name..]) } else { name };
        if end > name {
            shown.push_str(HIDDEN);
        }
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

/// Whether a password can be searched for in texts: one that occurs there by chance could be guessed from the gap.
pub fn is_secret_word(password: &str) -> bool {
    let is_word = password.len() < LONGER_THAN_WORDS && password.bytes().all(|byte| byte.is_ascii_lowercase());
    password.len() >= SHORTEST_SECRET && !is_word
}

/// The forms in which the passwords of a URL may occur in a text, the longest first. Words that are likely in any text are left out:
/// what was there could be guessed from the gap. Without its `//`, it is unclear where the password of a URL is.
pub(super) fn secrets(url: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let ranges = if url.contains("://") { passwords(url) } else { Vec::new() };
    for range in ranges {
        let raw = &url[range];
        let of_form = raw.replace('+', " ");
        secrets.extend([raw, &of_form].map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned()));
        secrets.push(raw.to_owned());
    }
    secrets.retain(|secret| is_secret_word(secret));
    secrets.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    secrets.dedup();
    secrets
}

/// What is shown of a URL, with its passwords hidden wherever else they occur: a database may have the same name.
fn without_secrets(shown: String, url: &str) -> String {
    secrets(url).iter().fold(shown, |shown, secret| shown.replace(secret.as_str(), HIDDEN))
}

/// Where the passwords of a URL are, in order.
pub(super) fn passwords(url: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let start = url.find("://").map_or(0, |at| at + 3);
    let authority = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    if let Some(at) = url[start..authority].rfind('@').map(|at| start + at)
        && let Some(colon) = url[start..at].find(':').map(|colon| start + colon)
    {
        found.push(colon + 1..at);
    }
    let Some(query) = url[authority..].find('?').map(|at| authority + at + 1) else { return found };
    let end = url[query..].find('#').map_or(url.len(), |at| query + at);
    let mut begin = query;
    for pair in url[query..end].split('&') {
        if let Some((name, _)) = pair.split_once('=')
            && is_secret(&decoded(name))
        {
            found.push(begin + name.len() + 1..begin + pair.len());
        }
        begin += pair.len() + 1;
    }
    found
}

/// Adds what follows the colon of the scheme.
fn push_rest(shown: &mut String, rest: &str, parameters: Parameters) {
    let body = rest.trim_start_matches(|c: char| matches!(c, '/' | '\\') || c.is_whitespace());
    shown.push_str(&rest[..rest.len() - body.len()]);
    let query = body.find('?');
    let colon = colon(body).filter(|colon| query.is_none_or(|query| colon.start < query));
    let Some(colon) = colon else { return push_place(shown, body, parameters) };
    // The last `@`: a password may contain others that are not encoded, and a `/`, `?` or `#` before it.
    let Some(at) = body.rfind('@').filter(|at| *at >= colon.end) else {
        if is_port(&body[colon.end..]) {
            return push_place(shown, body, parameters);
        }
        shown.push_str(&body[..colon.end]);
        return shown.push_str(HIDDEN);
    };
    shown.push_str(&body[..colon.end]);
    // A host with a port, and an `@` among the parameters: those can no longer be distinguished from a password.
    let is_of_parameter = query.is_some_and(|query| query < at && body[query..at].contains('='));
    if colon.end < at {
        shown.push_str(HIDDEN);
    }
    if !is_of_parameter {
        push_place(shown, &body[at..], parameters);
    }
}

/// The path of a reference to a package in a registry, whose tag and digest (`:1.2@sha256:…`) are not passwords.
fn reference_apart<'r>(scheme: &str, rest: &'r str) -> (&'r str, &'r str) {
    let body = rest.trim_start_matches('/');
    let path = body.find('/').filter(|_| scheme.eq_ignore_ascii_case(REGISTRY)).map_or("", |at| &body[at..]);
    let name = path.rsplit_once("@sha256:").filter(|(_, digest)| is_digest(digest)).map_or(path, |(name, _)| name);
    // The rest of a password that contains a `/`.
    if name.contains('@') { (rest, "") } else { rest.split_at(rest.len() - path.len()) }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Adds host, path and parameters.
fn push_place(shown: &mut String, place: &str, parameters: Parameters) {
    let Some((before, query)) = place.split_once('?') else { return shown.push_str(place) };
    shown.push_str(before);
    let mut sign = '?';
    for pair in query.split('&') {
        shown.push(sign);
        sign = '&';
        let Some((name, value)) = pair.split_once('=') else {
            // Possibly the rest of a password that contained the `&`.
            shown.push_str(if parameters == Parameters::Harmless && !pair.is_empty() { HIDDEN } else { pair });
            continue;
        };
        let decoded = decoded(name);
        let is_shown = match parameters {
            Parameters::Harmless => is_harmless(&decoded) && !value.contains(['#', ';', '=']),
            Parameters::AllButSecrets => !is_secret(&decoded),
        };
        let is_name = decoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte));
        shown.push_str(if is_name { name } else { HIDDEN });
        shown.push('=');
        shown.push_str(if is_shown || value.is_empty() { value } else { HIDDEN });
    }
}

/// The colon that separates a user or a host from what follows; also one that was encoded by mistake.
fn colon(body: &str) -> Option<Range<usize>> {
    let user = body.find(['?', '@']).unwrap_or(body.len());
    let encoded = body[..user].to_ascii_lowercase().find("%3a").map(|at| at..at + 3);
    // The colons of an IPv6 address do not count: `[::1]:5432`, and `me@[::1]:5432` of a user without a password.
    let is_address = body[user..].starts_with("@[") && !body[user + 1..].contains('@');
    let is_host = body.starts_with('[') && !body.contains('@');
    let address = if is_host || is_address { body.find(']') } else { None };
    let before = body[..user].find(':').filter(|_| !is_host);
    let plain = before.or_else(|| body[address.unwrap_or(0)..].find(':').map(|at| address.unwrap_or(0) + at));
    match (plain.map(|at| at..at + 1), encoded) {
        (Some(plain), Some(encoded)) => Some(if encoded.start < plain.start { encoded } else { plain }),
        (plain, encoded) => plain.or(encoded),
    }
}

/// Whether a host's port is here, and nothing else before the path.
fn is_port(text: &str) -> bool {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    digits <= 5 && (text.len() == digits || text[digits..].starts_with(['/', '?', '#']))
}

/// Whether a URL of one of our own messages shows how URLs look.
fn is_example(rest: &str) -> bool {
    let body = rest.trim_start_matches('/');
    let password = body.split_once('@').and_then(|(user, _)| user.split_once(':'));
    let is_variable = |password: &str| {
        let name = password.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
    };
    password.is_some_and(|(_, password)| PLACEHOLDERS.contains(&password) || is_variable(password))
        && !body.contains('?')
}

/// The next URL in a text from a place on.
fn next_url(text: &str, from: usize) -> Option<Range<usize>> {
    let mut search = from;
    while let Some(colon) = text[search..].find(':').map(|at| search + at) {
        let before = &text[from..colon];
        let scheme = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
        let start = from + scheme.len();
        // What precedes the scheme of a server may be the end of something else: `databases.postgres:…`.
        let known = text[start..colon].rfind(['.', '-']).map(|at| start + at + 1);
        let start = known.filter(|known| is_server(&text[*known..colon])).unwrap_or(start);
        let scheme = &text[start..colon];
        let rest = &text[colon + 1..];
        let is_url = match is_file(scheme) {
            true => has_parameters(rest),
            false => is_scheme(scheme) && (rest.starts_with("//") || is_server(scheme) && is_address(rest)),
        };
        if is_url {
            return Some(start..end_of_url(text, &text[from..start], colon + 1));
        }
        search = colon + 1;
    }
    None
}

/// Whether what follows the scheme of a server can be the rest of a URL. The text may be long, and full of schemes.
fn is_address(rest: &str) -> bool {
    let mut line = rest.bytes().take(AHEAD).take_while(|byte| *byte != b'\n');
    !rest.starts_with(char::is_whitespace) && line.any(|byte| matches!(byte, b'@' | b'?'))
}

/// Whether what follows the scheme of a file can have parameters.
fn has_parameters(rest: &str) -> bool {
    let mut line = rest.bytes().take(AHEAD).take_while(|byte| *byte != b'\n');
    !rest.starts_with(char::is_whitespace) && line.any(|byte| byte == b'?')
}

/// Where a URL in a text ends: at the quote that it is in, else at the next space. `before`: the text before it. The quote may begin
/// with something else, as in `jdbc:mysql://…` and `[grants.mysql://…]`.
fn end_of_url(text: &str, before: &str, from: usize) -> usize {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let quote = word.chars().rev().find(|c| matches!(c, '`' | '"' | '\''));
    let rest = &text[from..];
    // A quote within a word is part of the URL.
    let closes = |at: usize| rest[at + 1..].chars().next().is_none_or(|c| !c.is_alphanumeric() && !"@/".contains(c));
    let end = match quote {
        Some(quote) => {
            rest.match_indices([quote, '\n']).find(|(at, end)| *end == "\n" || closes(*at)).map(|(at, _)| at)
        }
        None => rest.find(char::is_whitespace),
    };
    end.map_or(text.len(), |end| from + end)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
}

/// Whether a scheme, perhaps with that of a driver such as `postgresql+psycopg`, is that of a server.
fn is_server(scheme: &str) -> bool {
    let name = scheme.split('+').next().unwrap_or_default();
    SERVERS.iter().any(|server| server.eq_ignore_ascii_case(name))
}

fn is_file(scheme: &str) -> bool {
    FILES.iter().any(|file| file.eq_ignore_ascii_case(scheme))
}

/// The name of a parameter as a driver reads it, in lower case.
fn decoded(name: &str) -> String {
    percent_decode_str(name).decode_utf8_lossy().to_lowercase()
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.contains(secret))
}

/// The end of the next `name=` in a text, and whether its value is a password. With spaces around the `=`, and of a table's column,
/// it is SQL.
fn next_setting(text: &str) -> Option<(usize, bool)> {
    let equals = text.find('=')?;
    let before = &text[..equals];
    let name = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let is_column = name.ends_with(['.', ']']);
    let is_secret = SETTINGS.iter().any(|setting| before[name.len()..].eq_ignore_ascii_case(setting));
    Some((equals + 1, is_secret && !is_column && !text[equals + 1..].starts_with(' ')))
}

/// The length of a setting's value.
fn value_length(text: &str) -> usize {
    let Some(quoted) = text.strip_prefix('\'') else {
        return text.find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | '`' | '"')).unwrap_or(text.len());
    };
    let mut is_escaped = false;
    let end = quoted.find(|c: char| {
        let ends = c == '\'' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests;
