//! What a run is given from outside, recorded so that another run of the same migration sees the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Value;
use crate::engine::call::answer::Answer;
use crate::engine::call::codec;
use crate::engine::call::codec::{Sink, Source};

/// The inputs of a migration's run in one direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    /// The artifact's digest.
    pub sha256: String,
    /// The run's time: microseconds since 1970-01-01T00:00:00Z.
    pub run_timestamp: i64,
    /// The run's seed.
    pub seed: u64,
    /// The version that the server reported.
    pub server_version: String,
    /// The operator's parameters.
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// Path to digest of the component's assets.
    pub assets: BTreeMap<String, String>,
}

impl Answer for Inputs {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.bytes(self.sha256.as_bytes());
        bytes.number(self.run_timestamp.cast_unsigned());
        bytes.number(self.seed);
        bytes.bytes(self.server_version.as_bytes());
        let parameters: Vec<_> = self.parameters.iter().collect();
        codec::put_list(bytes, &parameters, |bytes, (name, value)| {
            bytes.bytes(name.as_bytes());
            codec::put_value(bytes, value);
        });
        let assets: Vec<_> = self.assets.iter().collect();
        codec::put_list(bytes, &assets, |bytes, (path, digest)| {
            bytes.bytes(path.as_bytes());
            bytes.bytes(digest.as_bytes());
        });
    }

    fn decode(source: &mut Source<'_>) -> Option<Self> {
        Some(Self {
            sha256: source.text()?,
            run_timestamp: source.number()?.cast_signed(),
            seed: source.number()?,
            server_version: source.text()?,
            parameters: Arc::new(
                source.list(|source| Some((source.text()?, codec::value(source)?)))?.into_iter().collect(),
            ),
            assets: source.list(|source| Some((source.text()?, source.text()?)))?.into_iter().collect(),
        })
    }

    fn rows(&self) -> u64 {
        0
    }

    fn lost() -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::call::answer::{pack, unpack};

    #[test]
    fn inputs_come_back_as_they_were() {
        let inputs = Inputs {
            sha256: "ab".to_owned(),
            run_timestamp: -1,
            seed: u64::MAX >> 1,
            server_version: "3.51".to_owned(),
            parameters: Arc::new(BTreeMap::from([("a".to_owned(), Value::Int64(1))])),
            assets: BTreeMap::from([("zones/a.txt".to_owned(), "cd".to_owned())]),
        };
        assert_eq!(unpack(&pack(Ok(&inputs))), Some(Ok(inputs)));
    }
}
