//! Signatures of packages, as `minisign` makes them.

use minisign_verify::{PublicKey, Signature};

use runner_base::error::{Error, Result};

/// Whether a text is a public key: the second line of minisign's file.
pub(crate) fn is_key(text: &str) -> bool {
    PublicKey::from_base64(text).is_ok()
}

/// Fails unless what an operator names is a public key.
pub fn check_key(text: &str) -> Result<()> {
    match is_key(text) {
        true => Ok(()),
        false => Err(Error::usage("`--key` is not a public key of minisign")
            .hint("use the public key that minisign prints: 56 characters that begin with `RW`")),
    }
}

/// Checks a signature of a file. The error completes the sentence "the signature of `x` …".
pub fn verify(key: &str, signature: &[u8], bytes: &[u8]) -> Result<(), &'static str> {
    let key = PublicKey::from_base64(key).map_err(|_| "cannot be checked: its key is invalid")?;
    let text = std::str::from_utf8(signature).map_err(|_| "is not one of minisign")?;
    let signature = Signature::decode(text).map_err(|_| "is not one of minisign")?;
    // Legacy signatures are made over the file itself; minisign has not made them by default since 2020.
    key.verify(bytes, &signature, false).map_err(|error| match error {
        minisign_verify::Error::UnexpectedKeyId => "was made with another key",
        minisign_verify::Error::UnsupportedLegacyMode => "is in a legacy format; sign the package again",
        _ => "is not valid",
    })
}
