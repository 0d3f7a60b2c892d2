//! The inputs that a run receives from outside, recorded so that another run of the same migration receives the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use runner_data::Value;

/// The inputs of a migration's run in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    #[serde(with = "shared")]
    pub parameters: Arc<BTreeMap<String, Value>>,
    /// The paths of the component's assets, with their digests.
    pub assets: BTreeMap<String, String>,
}

/// A shared map, stored like any other. Serde's own feature for it would apply to the whole program.
mod shared {
    use super::*;

    type Map = BTreeMap<String, Value>;

    pub fn serialize<S: serde::Serializer>(map: &Arc<Map>, serializer: S) -> Result<S::Ok, S::Error> {
        map.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<Map>, D::Error> {
        Map::deserialize(deserializer).map(Arc::new)
    }
}
