//! The description of a transform, as the database stores it: another process with the same component can take part.

use serde::{Deserialize, Serialize};

use super::codec;
use runner_data::Value;
use runner_database::{TableSource, TableTarget};

/// A transform as it began, with its columns and keys by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransformSpec {
    /// The name of the batch function.
    pub name: String,
    /// The table that is read.
    pub source: TableSource,
    /// The table that is written.
    pub target: TableTarget,
    /// The greatest key that is read, or `None` if there were no rows.
    pub bound: Option<Vec<Value>>,
}

/// A key, or the open end of a table. Two of them are equal if their bytes are: a NaN is equal to itself, and 0.0 is
/// not equal to −0.0.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyOrEnd(pub Option<Vec<Value>>);

impl KeyOrEnd {
    /// Returns the bytes in which a key is stored and compared. They are never compressed: another version of zstd
    /// might compress the same key to other bytes.
    pub fn pack(&self) -> Vec<u8> {
        codec::pack_raw(self)
    }
}

impl PartialEq for KeyOrEnd {
    fn eq(&self, other: &Self) -> bool {
        self.pack() == other.pack()
    }
}

impl Eq for KeyOrEnd {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_equal_if_their_bytes_are() {
        let key = |value: f64| KeyOrEnd(Some(vec![Value::Int64(1), Value::Float64(value)]));
        assert_eq!(key(f64::NAN), key(f64::NAN));
        assert_ne!(key(0.0), key(-0.0));
        assert_ne!(key(0.0), KeyOrEnd(None));
        assert_eq!(KeyOrEnd(None), KeyOrEnd(None));
        assert_ne!(KeyOrEnd(None), KeyOrEnd(Some(Vec::new())));
    }

    #[test]
    fn a_long_key_is_stored_without_compression() {
        let key = KeyOrEnd(Some(vec![Value::Text("x".repeat(10_000))]));
        assert!(key.pack().len() > 10_000);
        assert_eq!(codec::unpack(&key.pack()), Some(key));
    }
}
