//! Digests of bytes, and those with a key.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::memory::{Bytes, slice};

macro_rules! digest {
    ($name:expr, $key:expr, $bytes:expr, $($text:literal => $hash:ty),*) => {
        match ($name, $key) {
            $(
                ($text, None) => Some(<$hash>::digest($bytes).to_vec()),
                ($text, Some(key)) => {
                    <Hmac<$hash> as KeyInit>::new_from_slice(key).ok().map(|hmac| hmac.chain_update($bytes).finalize().into_bytes().to_vec())
                }
            )*
            _ => None,
        }
    };
}

/// The digest of bytes by an algorithm of that name, in lower case and without dashes; with a key, which is null if there is none, the
/// HMAC. False if there is no such algorithm.
///
/// # Safety
///
/// The name, the key and the bytes have those sizes.
#[unsafe(no_mangle)]
unsafe extern "C" fn hash_digest(
    name: *const u8, name_size: usize, key: *const u8, key_size: usize, has_key: bool, bytes: *const u8, size: usize, into: &mut Bytes,
) -> bool {
    // SAFETY: the caller's promise.
    let (name, key, bytes) = unsafe { (slice(name, name_size), slice(key, key_size), slice(bytes, size)) };
    let found = digest!(name, has_key.then_some(key), bytes, b"md5" => Md5, b"sha1" => Sha1, b"sha224" => Sha224, b"sha256" => Sha256,
        b"sha384" => Sha384, b"sha512" => Sha512);
    let Some(digest) = found else { return false };
    *into = digest.into();
    true
}
