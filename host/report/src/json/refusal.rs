//! Statements that cannot run, as JSON.

use runner_engine::plan::Refusal;

document! {
    /// A statement that cannot run as it is written.
    pub(super) struct RefusalJson(refusal: &Refusal) with {
        let Refusal { file, line, error, .. } = refusal;
    } {
        file: String = file.clone(),
        line: usize = *line,
        message: String = error.message.clone(),
        hints: Vec<String> = error.hints.iter().map(ToString::to_string).collect(),
    }
}
