//! Statements that cannot run, as JSON.

use serde::Serialize;

use runner_engine::plan::Refusal;

/// A statement that cannot run as it is written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RefusalJson {
    file: String,
    line: usize,
    message: String,
    hints: Vec<String>,
}

impl RefusalJson {
    pub(super) fn new(refusal: &Refusal) -> Self {
        let Refusal { file, line, error, .. } = refusal;
        Self {
            file: file.clone(),
            line: *line,
            message: error.message.clone(),
            hints: error.hints.iter().map(ToString::to_string).collect(),
        }
    }
}
