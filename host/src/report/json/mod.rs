//! JSON output. Its structs are separate from internal ones, so that internal changes do not change the output. New fields may be
//! added at any time; a change of meaning increments [`SCHEMA`].

mod control;
mod current;
mod dry_run;
mod event;
mod look;
mod problem;
mod project;
mod record;
mod repair;
mod run;
mod stamp;
mod test;
mod verify;

pub use control::{ControlJson, RunsJson};
pub use current::CurrentJson;
pub use event::EventJson;
pub use look::{PlanJson, StatusJson};
pub use project::{BuildJson, RenumberJson, ScaffoldJson, ValidateJson};
pub use record::{HistoryJson, RevisionDetails, ShowJson};
pub use repair::RepairJson;
pub use run::RunJson;
pub use stamp::{AcceptJson, DbJson, StampJson};
pub use test::TestJson;
pub use verify::VerifyJson;

use serde::Serialize;

use super::error::kind_name;
use crate::error::Error;

/// Version of the output format.
pub const SCHEMA: u32 = 1;

/// A document that consists of an error.
#[derive(Debug, Serialize)]
pub struct ErrorDocument {
    schema: u32,
    error: ErrorJson,
}

impl ErrorDocument {
    /// The document of an error.
    pub fn new(error: &Error, exit_code: u8) -> Self {
        Self { schema: SCHEMA, error: ErrorJson::new(error, exit_code) }
    }
}

/// An error.
#[derive(Debug, Serialize)]
pub struct ErrorJson {
    kind: &'static str,
    message: String,
    places: Vec<PlaceJson>,
    causes: Vec<String>,
    hints: Vec<String>,
    exit_code: u8,
}

#[derive(Debug, Serialize)]
struct PlaceJson {
    label: &'static str,
    text: String,
}

impl ErrorJson {
    /// An error and its exit code.
    pub fn new(error: &Error, exit_code: u8) -> Self {
        let place = |(label, text): &(&'static str, String)| PlaceJson { label, text: text.clone() };
        Self {
            kind: kind_name(error.kind),
            message: error.message.clone(),
            places: error.places.iter().map(place).collect(),
            causes: error.causes.clone(),
            hints: error.hints.clone(),
            exit_code,
        }
    }
}

/// The database of a document.
#[derive(Debug, Serialize)]
pub struct DatabaseJson {
    name: Option<String>,
    url: String,
}

impl DatabaseJson {
    /// A database with its name, if it has one. The password must already be removed from the URL.
    pub fn new(name: Option<&str>, url: String) -> Self {
        Self { name: name.map(str::to_owned), url }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_schema_a_kind_and_its_exit_code() {
        let error = Error::denied("no").at("table", "users").hint("ask");
        let json = serde_json::to_value(ErrorDocument::new(&error, 7)).expect("JSON");
        let expected = serde_json::json!({
            "schema": 1,
            "error": {
                "kind": "denied",
                "message": "no",
                "places": [{ "label": "table", "text": "users" }],
                "causes": [],
                "hints": ["ask"],
                "exit_code": 7,
            },
        });
        assert_eq!(json, expected);
    }
}
