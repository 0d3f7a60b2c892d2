//! UUIDs.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// A UUID.
///
/// ```
/// use runner_guest::value::Uuid;
///
/// let id: Uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse()?;
/// assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
/// # Ok::<(), runner_guest::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(u128);

impl Uuid {
    /// From its 128 bits, most significant byte first.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits, most significant byte first.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// From its sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Its sixteen bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From two numbers, as stored in columns: the first and the last eight bytes, big-endian.
    pub const fn from_halves(high: u64, low: u64) -> Self {
        Self((high as u128) << 64 | low as u128)
    }

    /// The two numbers that are stored in columns.
    pub const fn into_halves(self) -> (u64, u64) {
        ((self.0 >> 64) as u64, self.0 as u64)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = self.into_halves();
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// Parses 32 hexadecimal digits, with or without hyphens and braces.
impl FromStr for Uuid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let mut bits = 0;
        let mut digits = 0;
        for character in inner.chars().filter(|character| *character != '-') {
            match character.to_digit(16) {
                Some(digit) if digits < 32 => bits = bits << 4 | u128::from(digit),
                _ => digits = 32,
            }
            digits += 1;
        }
        if digits == 32 {
            Ok(Self(bits))
        } else {
            Err(Error::with_kind(ErrorKind::Conversion, format!("`{text}` is not a UUID")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;

    #[test]
    fn reads_what_it_writes() {
        let id = Uuid::from_halves(0x67e5_5044_10b1_426f, 0x9247_bb68_0e5f_e0c8);
        assert_eq!(id.to_string(), "67e55044-10b1-426f-9247-bb680e5fe0c8");
        assert_eq!(id.to_string().parse::<Uuid>().unwrap(), id);
        assert_eq!("{67E5504410B1426F9247BB680E5FE0C8}".parse::<Uuid>().unwrap(), id);
        assert_eq!(Uuid::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn refuses_what_is_none() {
        for text in ["", "67e5", "67e55044-10b1-426f-9247-bb680e5fe0c81", "g7e55044-10b1-426f-9247-bb680e5fe0c8"] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
