//! Several problems, reported as one error.

use crate::error::{Error, ErrorKind};

/// A problem and a hint.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// What is wrong, without a full stop.
    pub message: String,
    /// Where: as in [`Error::places`].
    pub places: Vec<(&'static str, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What kind of failure it is.
    pub kind: ErrorKind,
}

impl Problem {
    /// A problem of the project, without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), places: Vec::new(), hint: None, kind: ErrorKind::Usage }
    }

    /// With another kind.
    pub fn kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// With a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With a place.
    pub fn at(mut self, label: &'static str, place: impl Into<String>) -> Self {
        self.places.push((label, place.into()));
        self
    }
}

/// One error for all problems, if there are any. A single problem becomes the error itself; several are listed below `heading`,
/// each after its first place. The kind is that of the first problem.
pub(super) fn error_for(problems: Vec<Problem>, heading: impl Fn(usize) -> String) -> Option<Error> {
    if let [problem] = problems.as_slice() {
        let mut error = Error::new(problem.kind, problem.message.clone());
        error.places.clone_from(&problem.places);
        error.hints.extend(problem.hint.clone());
        return Some(error);
    }
    let mut error = Error::new(problems.first()?.kind, heading(problems.len()));
    for problem in problems {
        error = match problem.places.first() {
            Some((_, place)) => error.cause(format!("{place}: {}", problem.message)),
            None => error.cause(problem.message),
        };
        error.hints.extend(problem.hint.filter(|hint| !error.hints.contains(hint)));
    }
    Some(error)
}

/// A name as messages show it: control characters are escaped.
pub(super) fn shown(name: &str) -> String {
    if name.chars().any(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() }
}

/// "`a`, `b` and `c`".
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
