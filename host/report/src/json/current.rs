//! The output of `runner current`.

use super::{DatabaseJson, SCHEMA};
use runner_engine::history::{History, Record};

document! {
    /// `runner current`.
    pub struct CurrentJson(database: DatabaseJson, history: &History) with {
        let current = history.current();
    } {
        schema: u32 = SCHEMA,
        command: &'static str = "current",
        database: DatabaseJson = database,
        current: Option<String> = current.map(Record::id),
        revision: Option<String> = current.map(|record| record.revision.clone()),
    }
}
