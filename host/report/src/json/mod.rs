//! JSON output. Its structs are separate from internal ones, so that internal changes do not change the output. New fields may be
//! added at any time; a change of meaning increments [`SCHEMA`].

/// The parts of a document, each field with the value that it gets. A part is made by `new`, from what is in parentheses.
macro_rules! document {
    ($(
        $(#[$meta:meta])*
        $visible:vis struct $name:ident($($from:tt: $from_type:ty),* $(,)?) $(with { $($with:tt)* })? {
            $($(#[$field_meta:meta])* $field:ident: $type:ty = $value:expr,)*
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, serde::Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        $visible struct $name {
            $($(#[$field_meta])* $field: $type,)*
        }

        impl $name {
            /// Makes it.
            $visible fn new($($from: $from_type),*) -> Self {
                $($($with)*)?
                Self { $($field: $value,)* }
            }
        }
    )+};
}

mod check;
mod control;
mod current;
mod diff;
mod doctor;
mod dry_run;
mod event;
mod fleet;
mod grants;
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
mod status;
mod test;
mod unrepeatable;
mod verify;

pub use check::CheckJson;
pub use control::{ControlJson, RunsJson};
pub use current::CurrentJson;
pub use diff::DiffJson;
pub use doctor::DoctorJson;
pub use event::EventJson;
pub use fleet::{FleetPlanJson, FleetRunJson, FleetStatusJson};
pub use grants::GrantsJson;
pub use package::{OutdatedJson, PackageJson, RemovedJson, VendoredJson};
pub use project::{BuildJson, RenumberJson, ScaffoldJson, ValidateJson};
pub use record::{HistoryJson, ShowJson};
pub use repair::RepairJson;
pub use run::{Afterwards, RunJson};
pub use stamp::{AcceptJson, DbJson, StampJson};
pub use status::{PlanJson, StatusJson};
pub use test::TestJson;
pub use verify::VerifyJson;

use std::time::Duration;

use super::error::{exit_code, kind_name};
use runner_base::error::Error;

/// Version of the output format.
pub const SCHEMA: u32 = 1;

document! {
    /// A document that consists of an error.
    pub struct ErrorDocument(error: &Error) {
        schema: u32 = SCHEMA,
        error: ErrorJson = ErrorJson::new(error),
    }

    /// An error that ends a command.
    pub struct ErrorJson(error: &Error) {
        #[serde(flatten)]
        explained: ExplainedJson = ExplainedJson::new(error),
        /// The exit code of the command.
        exit_code: u8 = exit_code(error.kind),
    }

    /// What went wrong.
    pub(super) struct ExplainedJson(error: &Error) {
        /// `failed`, `usage`, `mismatch`, `lock-timeout`, `partial`, `denied`, `interrupted` or `terminated`.
        kind: &'static str = kind_name(error.kind),
        /// What happened.
        message: String = error.message.clone(),
        /// Where, from the outside in.
        places: Vec<PlaceJson> = error.places.iter().map(PlaceJson::new).collect(),
        /// The most direct one first.
        causes: Vec<String> = error.causes.clone(),
        /// What to do about it.
        hints: Vec<String> = error.hints.iter().map(ToString::to_string).collect(),
    }

    struct PlaceJson((label, text): &(&'static str, String)) {
        label: &'static str = label,
        text: String = text.clone(),
    }

    /// The database of a document.
    pub struct DatabaseJson(name: Option<&str>, url: String, source: String) {
        name: Option<String> = name.map(str::to_owned),
        url: String = url,
        /// Where the URL comes from, in words.
        source: String = source,
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
        let json = serde_json::to_value(ErrorDocument::new(&error)).expect("JSON");
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
