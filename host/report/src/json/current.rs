//! The output of `runner current`.

use serde::Serialize;

use super::{DatabaseJson, SCHEMA};
use runner_engine::history::{History, Record};

/// `runner current`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CurrentJson {
    schema: u32,
    command: &'static str,
    database: DatabaseJson,
    current: Option<String>,
    revision: Option<String>,
}

impl CurrentJson {
    /// The current revision.
    pub fn new(database: DatabaseJson, history: &History) -> Self {
        let current = history.current();
        Self {
            schema: SCHEMA,
            command: "current",
            database,
            current: current.map(Record::id),
            revision: current.map(|record| record.revision.clone()),
        }
    }
}
