//! JSON output. Its structs are separate from internal ones, so that internal changes do not change the output. New fields may be
//! added at any time; a change of meaning increments [`SCHEMA`].

mod check;
mod control;
mod current;
mod doctor;
mod dry_run;
mod event;
mod fleet;
mod grants;
mod look;
mod package;
mod problem;
mod project;
mod record;
mod refusal;
mod repair;
mod run;
#[cfg(test)]
mod schemas;
mod stamp;
mod test;
mod unrepeatable;
mod verify;

pub use check::CheckJson;
pub use control::{ControlJson, RunsJson};
pub use current::CurrentJson;
pub use doctor::DoctorJson;
pub use event::EventJson;
pub use fleet::{FleetPlanJson, FleetRunJson, FleetStatusJson};
pub use grants::GrantsJson;
pub use look::{PlanJson, StatusJson};
pub use package::{OutdatedJson, PackageJson, RemovedJson, VendoredJson};
pub use project::{BuildJson, RenumberJson, ScaffoldJson, ValidateJson};
pub use record::{HistoryJson, RevisionDetails, ShowJson};
pub use repair::RepairJson;
pub use run::{Afterwards, RunJson};
pub use stamp::{AcceptJson, DbJson, StampJson};
pub use test::TestJson;
pub use verify::VerifyJson;

use std::time::Duration;

use serde::Serialize;

use super::error::kind_name;
use runner_base::error::Error;

/// Version of the output format.
pub const SCHEMA: u32 = 1;

/// A document that consists of an error.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// An error that ends a command.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorJson {
    #[serde(flatten)]
    explained: ExplainedJson,
    /// The exit code of the command.
    exit_code: u8,
}

/// What went wrong.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ExplainedJson {
    /// `failed`, `usage`, `mismatch`, `lock-timeout`, `partial`, `denied`, `interrupted` or `terminated`.
    kind: &'static str,
    /// What happened.
    message: String,
    /// Where, from the outside in.
    places: Vec<PlaceJson>,
    /// The most direct one first.
    causes: Vec<String>,
    /// What to do about it.
    hints: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PlaceJson {
    label: &'static str,
    text: String,
}

impl ErrorJson {
    /// An error and its exit code.
    pub fn new(error: &Error, exit_code: u8) -> Self {
        Self { explained: ExplainedJson::new(error), exit_code }
    }
}

impl ExplainedJson {
    /// An error without what it means for the command.
    pub(super) fn new(error: &Error) -> Self {
        let place = |(label, text): &(&'static str, String)| PlaceJson { label, text: text.clone() };
        Self {
            kind: kind_name(error.kind),
            message: error.message.clone(),
            places: error.places.iter().map(place).collect(),
            causes: error.causes.clone(),
            hints: error.hints.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The database of a document.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DatabaseJson {
    name: Option<String>,
    url: String,
    /// Where the URL comes from, in words.
    source: String,
}

impl DatabaseJson {
    /// A database with its name, if it has one, and where its URL comes from. The password must already be removed from it.
    pub fn new(name: Option<&str>, url: String, source: String) -> Self {
        Self { name: name.map(str::to_owned), url, source }
    }
}

/// Milliseconds with three decimal places.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
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
