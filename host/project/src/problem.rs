//! Several problems, reported as one error.

use runner_base::error::{Error, ErrorKind, several};

/// A problem and a hint.
#[derive(Clone, Debug)]
pub struct Problem {
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

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let error = Self { places: problem.places, ..Self::new(problem.kind, problem.message) };
        problem.hint.into_iter().fold(error, Self::hint)
    }
}

/// One error for all problems, if there are any; several are listed below `heading`.
pub fn error_for(problems: Vec<Problem>, heading: impl Fn(usize) -> String) -> Option<Error> {
    several(problems.into_iter().map(Error::from).collect(), heading)
}

/// A name as messages show it: control characters are escaped.
pub fn shown(name: &str) -> String {
    if name.chars().any(char::is_control) { name.escape_debug().to_string() } else { name.to_owned() }
}

/// "`a`, `b` and `c`".
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
