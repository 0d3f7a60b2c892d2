//! Reads TOML by hand, so that all problems are reported at once, each with its line and a suggestion.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::origin::{Origin, Sourced};
use super::problem::{Problem, error_for, list, shown};
use runner_base::error::{Error, Result};
use runner_base::suggest::did_you_mean;
use runner_database::url::redact;

/// A TOML file that is being read, and its problems.
pub struct Document<'a> {
    /// The file as messages show it.
    pub file: &'a str,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Document<'a> {
    /// A file as messages show it, and its text.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, problems: RefCell::default() }
    }

    /// Parses the file.
    pub fn parse(&self) -> Result<Spanned<DeTable<'a>>> {
        DeTable::parse(self.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let problem = self.problem(&span, format!("`{}` is not valid TOML: {}", self.file, error.message()));
            let error = Error { places: problem.places, ..Error::usage(problem.message) };
            error.hint("strings need quotes; a table starts with `[name]` on its own line")
        })
    }

    /// The line of a position, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// Records a problem at a position.
    pub fn wrong(&self, span: &Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let problem = Problem { hint, ..self.problem(span, message) };
        self.problems.borrow_mut().push(problem);
    }

    /// All problems as one error.
    pub fn finish(self) -> Result<()> {
        let file = self.file.to_owned();
        let heading = |count| format!("`{file}` has {count} errors");
        error_for(self.problems.into_inner(), heading).map_or(Ok(()), Err)
    }

    fn problem(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        let start = self.text.floor_char_boundary(span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let column = self.text[line_start..start].chars().count() + 1;
        let line = self.text[line_start..].lines().next().unwrap_or_default();
        let number = self.line(start);
        let problem = Problem::new(message).at("file", format!("{}:{number}:{column}", self.file));
        let lower = line.to_lowercase();
        // The file may contain secrets, and messages end up in logs.
        if line.trim().is_empty() || ["passw", "secret", "token", "key"].iter().any(|word| lower.contains(word)) {
            return problem;
        }
        // Where in a line that does not parse a password ends is unclear.
        if redact(line) != line || line.contains('@') {
            return problem;
        }
        problem.at("line", shown(line.trim()))
    }
}

/// A table of a document, with its path.
#[derive(Clone, Copy)]
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    span: (usize, usize),
    path: &'d str,
}

impl<'d, 't> Section<'d, 't> {
    /// The table of the whole file.
    pub fn root(document: &'d Document<'t>, table: &'d Spanned<DeTable<'t>>) -> Self {
        Self { document, table: table.get_ref(), span: (0, 0), path: "" }
    }

    /// Whether the key exists.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The full name of the table.
    pub fn path(&self) -> &'d str {
        self.path
    }

    /// Records a problem with the value of a key, or with the table if it has no such key.
    pub fn wrong(&self, key: &str, message: impl Into<String>, hint: &str) {
        let span = self.table.get(key).map_or(self.span.0..self.span.1, Spanned::span);
        self.document.wrong(&span, message, Some(hint.to_owned()));
    }

    /// The document that contains it.
    pub fn document(&self) -> &'d Document<'t> {
        self.document
    }

    /// Records every unknown key.
    pub fn only(&self, known: &[&str]) {
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(&&**key.get_ref())) {
            let hint = match did_you_mean(key.get_ref(), known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("valid keys: {}", list(known.iter().copied())),
            };
            let message = if self.path.is_empty() {
                format!("unknown key `{}`", shown(key.get_ref()))
            } else {
                format!("unknown key `{}` in `[{}]`", shown(key.get_ref()), self.path)
            };
            self.document.wrong(&key.span(), message, Some(hint));
        }
    }

    /// The keys and values in their order.
    pub fn entries(&self) -> impl Iterator<Item = (&'d str, &'d Spanned<DeValue<'t>>)> + use<'d, 't> {
        self.table.iter().map(|(key, value)| (&**key.get_ref(), value))
    }

    /// A string and its origin, if the key exists.
    pub fn string(&self, key: &str) -> Option<Sourced<String>> {
        let value = self.text(key)?.to_owned();
        Some(Sourced { value, origin: self.origin(key, self.table.get(key)?) })
    }

    /// A string, if the key exists.
    pub fn text(&self, key: &str) -> Option<&'d str> {
        let value = self.table.get(key)?;
        self.expect(key, value, value.get_ref().as_str(), "a string")
    }

    /// A list of strings; empty if the key does not exist.
    pub fn strings(&self, key: &str) -> Vec<String> {
        let Some(value) = self.table.get(key) else { return Vec::new() };
        let texts = value.get_ref().as_array().and_then(|array| {
            let texts = array.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        self.expect(key, value, texts, "a list of strings").unwrap_or_default()
    }

    /// A boolean; false if the key does not exist.
    pub fn boolean(&self, key: &str) -> bool {
        let Some(value) = self.table.get(key) else { return false };
        self.expect(key, value, value.get_ref().as_bool(), "`true` or `false`").unwrap_or_default()
    }

    /// A boolean and its origin, if the key exists.
    pub fn flag(&self, key: &str) -> Option<Sourced<bool>> {
        let value = self.table.get(key)?;
        let flag = self.expect(key, value, value.get_ref().as_bool(), "`true` or `false`")?;
        Some(Sourced { value: flag, origin: self.origin(key, value) })
    }

    /// An integer, if the key exists.
    pub fn integer(&self, key: &str) -> Option<i64> {
        let value = self.table.get(key)?;
        self.expect(key, value, value.get_ref().as_integer().and_then(to_i64), "a 64-bit integer")
    }

    /// A table, if the key exists; `path` is its full name.
    pub fn section<'s>(&self, key: &str, path: &'s str) -> Option<Section<'s, 't>>
    where
        'd: 's,
    {
        let value = self.table.get(key)?;
        let table = self.expect(key, value, value.get_ref().as_table(), "a table")?;
        let span = value.span();
        Some(Section { document: self.document, table, span: (span.start, span.end), path })
    }

    /// Records a value of the wrong type.
    pub fn expect<T>(&self, key: &str, value: &Spanned<DeValue<'t>>, found: Option<T>, expected: &str) -> Option<T> {
        if found.is_none() {
            let article = if value.get_ref().type_str().starts_with(['a', 'i']) { "an" } else { "a" };
            let message =
                format!("`{}` must be {expected}, not {article} {}", self.key(key), value.get_ref().type_str());
            self.document.wrong(&value.span(), message, None);
        }
        found
    }

    /// Where the value of a key comes from.
    pub fn origin(&self, key: &str, value: &Spanned<DeValue<'t>>) -> Origin {
        let line = self.document.line(value.span().start);
        Origin::File { file: self.document.file.to_owned(), line, key: self.key(key) }
    }

    /// The key with its tables.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() { shown(key) } else { format!("{}.{}", self.path, shown(key)) }
    }
}

/// A TOML integer, if it fits into 64 bits.
pub(super) fn to_i64(integer: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}
