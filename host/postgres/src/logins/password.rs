//! Passwords of logins, sent to the server as a SCRAM verifier, so that no log has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use runner_base::random::bits;
use runner_database::logins::Secret;

/// Rounds of the verifier, as the server itself makes it. The password is random, so more would protect nothing.
const ROUNDS: u32 = 4096;

/// What the server keeps of a password, as `ALTER ROLE … PASSWORD` takes it.
pub(super) fn verifier(password: &Secret) -> String {
    let salt: Vec<u8> = [bits(), bits()].into_iter().flat_map(u64::to_be_bytes).collect();
    verifier_with(password.reveal(), &salt, ROUNDS)
}

/// As RFC 5802 and RFC 7677 define it. The password is ASCII, which needs no normalisation.
fn verifier_with(password: &str, salt: &[u8], rounds: u32) -> String {
    let mut block = hmac(password.as_bytes(), &[salt, &1_u32.to_be_bytes()]);
    let mut salted = block;
    for _ in 1..rounds {
        block = hmac(password.as_bytes(), &[&block]);
        salted.iter_mut().zip(block).for_each(|(salted, byte)| *salted ^= byte);
    }
    let stored = Sha256::digest(hmac(&salted, &[b"Client Key"]));
    let server = hmac(&salted, &[b"Server Key"]);
    format!("SCRAM-SHA-256${rounds}:{}${}:{}", BASE64.encode(salt), BASE64.encode(stored), BASE64.encode(server))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn the_verifier_is_that_of_the_standard() {
        let salt = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
        let expected = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
            wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(verifier_with("pencil", &salt, 4096), expected);
    }
}
