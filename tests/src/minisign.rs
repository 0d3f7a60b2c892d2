//! Signs files as the program `minisign` does.

use ring::signature::{Ed25519KeyPair, KeyPair};

/// A pair of keys.
pub struct Keys {
    pair: Ed25519KeyPair,
    id: [u8; 8],
}

impl Keys {
    /// The keys of a seed: equal seeds give equal keys.
    pub fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes");
        Self { pair, id: [seed; 8] }
    }

    /// The public key, as the second line of its file.
    pub fn public(&self) -> String {
        base64(&[b"Ed", &self.id[..], self.pair.public_key().as_ref()].concat())
    }

    /// The file with the signature of these bytes.
    pub fn sign(&self, bytes: &[u8]) -> String {
        const COMMENT: &str = "timestamp:1772359200\tfile:package.wasm\thashed";
        let signature = self.pair.sign(blake2b_simd::blake2b(bytes).as_bytes());
        let all = self.pair.sign(&[signature.as_ref(), COMMENT.as_bytes()].concat());
        let signature = base64(&[b"ED", &self.id[..], signature.as_ref()].concat());
        format!(
            "untrusted comment: signature from a test\n{signature}\ntrusted comment: {COMMENT}\n{}\n",
            base64(all.as_ref())
        )
    }
}

/// Bytes in Base64.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = DIGITS[(number >> (18 - 6 * digit)) as usize & 63];
            text.push(if digit > three.len() { '=' } else { char::from(value) });
        }
    }
    text
}
