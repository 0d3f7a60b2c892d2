//! How transforms are cut into chunks: `[transform]`, its variables and its flags.

use std::time::Duration;

use toml::de::DeValue;

use super::{LoadRequest, flag};
use crate::error::{Error, Result};
use crate::project::env::{self, Variables};
use crate::project::origin::Sourced;
use crate::project::toml_reader::{Section, to_i64};
use crate::project::units::{parse_count, parse_duration};

/// The most rows of a chunk: a transaction with more has no advantage, and is hard on everybody else.
const MOST_ROWS: u64 = 10_000_000;

/// How transforms are cut into chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunking {
    /// Rows of a chunk at most; none: as many as a batch has.
    pub rows: Option<u64>,
    /// How long a chunk should take; none: it is not measured.
    pub time: Option<Duration>,
}

impl Chunking {
    /// The names, as the settings file spells them.
    pub const NAMES: [&'static str; 2] = ["chunk_rows", "chunk_time"];

    /// Sets one of [`Chunking::NAMES`].
    fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let wrong = |problem: String, example: &str| {
            Error::usage(format!("`{name}` cannot be set: {problem}")).hint(format!("`{name}` takes {example}"))
        };
        if name == "chunk_rows" {
            const EXAMPLE: &str = "a whole number from 1 to 10_000_000";
            let rows = parse_count(text).map_err(|problem| wrong(problem, EXAMPLE))?;
            if !(1..=MOST_ROWS).contains(&rows) {
                return Err(wrong(format!("`{text}` is not between 1 and {MOST_ROWS}"), EXAMPLE));
            }
            self.rows = Some(rows);
            return Ok(());
        }
        const EXAMPLE: &str = "a duration such as `500ms`, or `none`";
        self.time = match text {
            "none" => None,
            text => match parse_duration(text).map_err(|problem| wrong(problem, EXAMPLE))? {
                Duration::ZERO => return Err(wrong("nothing can be done in no time".to_owned(), EXAMPLE)),
                time => Some(time),
            },
        };
        Ok(())
    }
}

/// What `[transform]` says, each checked, as text.
pub(super) fn read(section: &Section<'_, '_>) -> Vec<(&'static str, Sourced<String>)> {
    let mut found = Vec::new();
    for (key, value) in section.entries() {
        let Some(name) = Chunking::NAMES.into_iter().find(|name| *name == key) else { continue };
        let text = match value.get_ref() {
            DeValue::Integer(integer) if name == "chunk_rows" => to_i64(integer).map(|integer| integer.to_string()),
            other => other.as_str().map(str::to_owned),
        };
        let expected = if name == "chunk_rows" { "a whole number" } else { "a string such as \"500ms\"" };
        let Some(text) = section.expect(key, value, text, expected) else { continue };
        match Chunking::default().set(name, &text) {
            Ok(()) => found.push((name, Sourced { value: text, origin: section.origin(key, value) })),
            Err(error) => section.document().wrong(&value.span(), error.message, error.hints.into_iter().next()),
        }
    }
    found
}

/// The file's, then the variables', then the flags'.
pub(super) fn choose(
    request: &LoadRequest,
    variables: &Variables,
    file: &[(&'static str, Sourced<String>)],
) -> Result<Chunking> {
    let mut chunking = Chunking::default();
    for (name, text) in file {
        chunking.set(name, &text.value).map_err(|error| error.at("setting", text.origin.to_string()))?;
    }
    let said = [
        ("chunk_rows", &request.chunk_rows, "--chunk-rows", env::CHUNK_ROWS),
        ("chunk_time", &request.chunk_time, "--chunk-time", env::CHUNK_TIME),
    ];
    for (name, text, flag_name, variable) in said {
        if let Some(text) = flag(text, flag_name).or_else(|| variables.first(&[variable])) {
            chunking.set(name, text.value.trim()).map_err(|error| error.at("setting", text.origin.to_string()))?;
        }
    }
    Ok(chunking)
}
