//! URLs by the WHATWG standard.

use url::{Url, quirks};

use crate::memory::{Bytes, text};

/// A URL with a part of it set; one that cannot be set stays as it is.
fn with_part(mut url: Url, part: &str, value: &str) -> Option<Url> {
    let _ = match part {
        "protocol" => quirks::set_protocol(&mut url, value),
        "username" => quirks::set_username(&mut url, value),
        "password" => quirks::set_password(&mut url, value),
        "host" => quirks::set_host(&mut url, value),
        "hostname" => quirks::set_hostname(&mut url, value),
        "port" => quirks::set_port(&mut url, value),
        "pathname" => Ok(quirks::set_pathname(&mut url, value)),
        "search" => Ok(quirks::set_search(&mut url, value)),
        "hash" => Ok(quirks::set_hash(&mut url, value)),
        _ => return None,
    };
    Some(url)
}

/// The parts of a URL, in the order of `URL_PARTS` of the prelude. None of them can have a line break.
fn lines(url: &Url) -> String {
    let origin = quirks::origin(url);
    [
        quirks::href(url), &origin, quirks::protocol(url), quirks::username(url), quirks::password(url), quirks::host(url),
        quirks::hostname(url), quirks::port(url), quirks::pathname(url), quirks::search(url), quirks::hash(url),
    ]
    .join("\n")
}

/// Parses a URL, against a base if there is one, and writes its parts, each in a line of its own. False if it is none.
///
/// # Safety
///
/// The texts have those sizes; a base that is not there has the address 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn url_parse(source: *const u8, size: usize, base: *const u8, base_size: usize, into: &mut Bytes) -> bool {
    // SAFETY: the caller's promise.
    let source = unsafe { text(source, size) };
    let url = match base.is_null() {
        true => Url::parse(&source),
        // SAFETY: the caller's promise.
        false => Url::parse(&unsafe { text(base, base_size) }).and_then(|base| base.join(&source)),
    };
    let Ok(url) = url else { return false };
    *into = lines(&url).into_bytes().into();
    true
}

/// Sets a part of a URL, and writes its parts. False if it is no URL, or there is no such part.
///
/// # Safety
///
/// The texts have those sizes.
#[unsafe(no_mangle)]
unsafe extern "C" fn url_set(
    source: *const u8, size: usize, part: *const u8, part_size: usize, value: *const u8, value_size: usize, into: &mut Bytes,
) -> bool {
    // SAFETY: the caller's promise.
    let (source, part, value) = unsafe { (text(source, size), text(part, part_size), text(value, value_size)) };
    let Some(url) = Url::parse(&source).ok().and_then(|url| with_part(url, &part, &value)) else { return false };
    *into = lines(&url).into_bytes().into();
    true
}
