//! Digests of artifacts.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// The sha256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    in_hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal. Thousands of digests are compared before a command begins, and `hex::encode` works digit by
/// digit.
fn in_hex(bytes: &[u8]) -> String {
    let mut text = vec![0; 2 * bytes.len()];
    // It has room, and digits are ASCII.
    let _ = hex::encode_to_slice(bytes, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The sha256 of everything that a reader yields, in hexadecimal, and its length. Fails beyond `limit` bytes.
pub(super) fn sha256_of_reader(mut reader: impl Read, limit: u64) -> io::Result<Option<(String, u64)>> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Some((in_hex(&digest.finalize()), length))),
            count => {
                length += count as u64;
                if length > limit {
                    return Ok(None);
                }
                digest.update(&buffer[..count]);
            }
        }
    }
}

/// The beginning of a digest, as messages show it.
pub fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// The digest of a component with its assets: that of its bytes if it has none, otherwise that over all digests.
pub fn component_digest(bytes: &str, assets: &BTreeMap<String, String>) -> String {
    if assets.is_empty() {
        return bytes.to_owned();
    }
    let mut digest = Sha256::new();
    digest.update(format!("{bytes}\n"));
    for (path, sha256) in assets {
        // A path has no line end: discovery refuses control characters.
        digest.update(format!("{sha256}  {path}\n"));
    }
    in_hex(&digest.finalize())
}
