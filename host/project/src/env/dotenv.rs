//! The file `.env`: its variables, and what in it cannot be meant as it is written.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};

use super::names::{is_ours, unreadable};
use crate::origin::Origin;
use crate::units::format_size;
use runner_base::error::{Error, Result};

/// The most bytes that the values of `.env` may have. A value may name others, so a few lines could double it each, and fill any memory.
const LARGEST_VALUES: usize = 64 << 20;

/// What a file `.env` says.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    /// The variables that have a value.
    pub values: BTreeMap<String, String>,
    /// Those that are set to nothing.
    pub empty: Vec<String>,
    /// Variables of other tools of which the value is not usable, and why.
    pub unusable: BTreeMap<String, Error>,
}

/// The variables of `.env`; the first value of a name counts. The file is often shared with other tools, so invalid lines are
/// ignored, except for our own variables.
pub(super) fn read(bytes: &[u8]) -> Result<DotEnv> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Error::usage("`.env` is in UTF-16").at("file", ".env").hint("save the file as UTF-8"));
    }
    let text = String::from_utf8_lossy(bytes);
    let is_utf8 = matches!(text, Cow::Borrowed(_));
    let text = text.trim_start_matches('\u{feff}');
    let mut variables = parse(text)?;
    let mut unusable = BTreeMap::new();
    for (name, _) in variables.iter().filter(|(_, value)| !is_utf8 && value.contains(char::REPLACEMENT_CHARACTER)) {
        unusable.insert(name.clone(), unreadable(name, &Origin::DotEnv(name.clone())));
    }
    let mut earlier: BTreeMap<&str, bool> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!(".env:{}", at + 1);
        let Some((name, value)) = assignment(line).filter(|(name, _)| variables.contains_key(*name)) else {
            if let Some(name) = meant(line).filter(|name| !variables.contains_key(*name)) {
                return Err(Error::usage(format!("invalid value of `{name}` in `.env`"))
                    .at("file", place)
                    .hint("write `NAME=value`, and quote values that contain spaces: `NAME='some value'`"));
            }
            continue;
        };
        let is_known = |name: &str| {
            std::env::var(name).is_ok_and(|value| !value.is_empty()) || earlier.get(name).is_some_and(|filled| *filled)
        };
        if !earlier.contains_key(name) && has_unresolved(value, is_known) {
            // What follows the `$` may be a part of a password.
            let error = Error::usage(format!("a `$` in the value of `{name}` in `.env` names no variable that is set"))
                .at("file", place)
                .hint("put the value in single quotes if it is meant literally; otherwise write `${NAME}`, and set that before this line");
            unusable.entry(name.to_owned()).or_insert(error);
        }
        earlier.entry(name).or_insert_with(|| variables.get(name).is_some_and(|value| !value.is_empty()));
    }
    if let Some(error) = unusable.iter().find_map(|(name, error)| is_ours(name).then(|| error.clone())) {
        return Err(error);
    }
    let empty = variables.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.clone()).collect();
    variables.retain(|_, value| !value.is_empty());
    Ok(DotEnv { values: variables, empty, unusable })
}

/// The name and the value of a line `NAME=value`, as written.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((name, value))
}

/// Our variable that a line sets in another grammar, such as `DATABASE_URL: …`, `set DATABASE_URL=…` or
/// `$env:DATABASE_URL = …`.
fn meant(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if ["#", ";", "//"].iter().any(|comment| line.starts_with(comment)) {
        return None;
    }
    let left = line.split('=').next().unwrap_or_default();
    let words = || left.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words().take(2).chain(words().next_back()).find(|word| is_ours(word))
}

/// Whether a `$` in a value would be replaced by nothing. The parser takes the name of `$NAME` to end before a `_`.
fn has_unresolved(value: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let (mut single, mut double, mut before) = (false, false, ' ');
    let mut rest = value.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '\'' if !double => single = !single,
            _ if single => {}
            '"' => double = !double,
            '\\' => drop(rest.next()),
            '#' if !double && before.is_whitespace() => break,
            '$' => {
                let after = &value[at + 1..];
                let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                    Some((name, _)) => (name, name.len() + 2),
                    None => {
                        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                        (&after[..end], end)
                    }
                };
                if !is_known(name) || (name.contains('_') && length == name.len()) {
                    return true;
                }
            }
            _ => {}
        }
        before = c;
    }
    false
}

/// How large the values of `.env` are, which the parser puts in the place of names.
struct ValueSizes {
    /// The largest one, or that of the process, which takes precedence.
    largest: Cell<usize>,
    /// All of them.
    total: Cell<usize>,
    /// How many names the current value may have at most.
    names: Cell<usize>,
}

impl Default for ValueSizes {
    fn default() -> Self {
        let largest = std::env::vars_os().map(|(_, value)| value.len()).max().unwrap_or_default();
        Self { largest: Cell::new(largest), total: Cell::new(0), names: Cell::new(0) }
    }
}

impl ValueSizes {
    /// Adds that of a value that is complete; none, if it was not one.
    fn add(&self, bytes: usize) {
        self.largest.set(self.largest.get().max(bytes));
        self.total.set(self.total.get().saturating_add(bytes));
        self.names.set(0);
    }

    /// Whether the values are too large, or the current one may become it.
    fn are_too_large(&self) -> bool {
        self.total.get().saturating_add(self.names.get().saturating_mul(self.largest.get())) > LARGEST_VALUES
    }
}

/// Hands out a text line by line, so that no value is made before the one before it is counted.
struct Lines<'a> {
    left: &'a [u8],
    sizes: &'a ValueSizes,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.left.iter().position(|byte| *byte == b'\n').map_or(self.left.len(), |end| end + 1);
        let (piece, left) = self.left.split_at(line.min(buffer.len()));
        let names = piece.iter().filter(|byte| **byte == b'$').count();
        self.sizes.names.set(self.sizes.names.get().saturating_add(names));
        if self.sizes.are_too_large() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        buffer[..piece.len()].copy_from_slice(piece);
        self.left = left;
        Ok(piece.len())
    }
}

/// What the parser makes of the file; the first value of a name counts, and lines that it cannot read are left out.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    let sizes = ValueSizes::default();
    for item in dotenvy::from_read_iter(Lines { left: text.as_bytes(), sizes: &sizes }) {
        match item {
            Ok((name, value)) => {
                sizes.add(value.len());
                // Of two values, some tools take the first, and others the last.
                if is_ours(&name) && variables.get(&name).is_some_and(|first| *first != value) {
                    return Err(Error::usage(format!("`{name}` is set twice in `.env`, to different values"))
                        .at("file", ".env")
                        .hint("remove one of the two lines"));
                }
                variables.entry(name).or_insert(value);
            }
            // The error contains the value, which may be a password, and not the name.
            Err(dotenvy::Error::LineParse(..)) => sizes.add(0),
            Err(_) if sizes.are_too_large() => {
                return Err(Error::denied(format!(
                    "the values of `.env` are larger than {}, as they contain each other",
                    format_size(LARGEST_VALUES as u64)
                ))
                .hint("write out the values that name many others, as `$NAME` or `${NAME}`"));
            }
            Err(error) => return Err(Error::usage("cannot read `.env`").cause(error)),
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> BTreeMap<String, String> {
        read(text.as_bytes()).expect("read").values
    }

    #[test]
    fn values_that_contain_each_other_stay_small() {
        let doubling = |lines: usize| -> String {
            let first = "V0=0123456789abcdef\n".to_owned();
            (1..lines).fold(first, |text, at| text + &format!("V{at}=\"$V{0} ${{V{0}}}\"\n", at - 1))
        };
        assert_eq!(values(&doubling(10)).get("V9").map(String::len), Some(17 * 512 - 1));
        // What can be misread is skipped, and must not hide what follows.
        for text in
            [doubling(40), format!("A='$ $'\nB=two words\n{}", doubling(40)), doubling(40).replace("V0", "PATH")]
        {
            let error = read(text.as_bytes()).expect_err("it would be 16 TiB");
            assert!(error.message.contains("larger than 64MiB"), "{}", error.message);
        }
        let many = format!("DATABASE_URL='{}'\n", "$".repeat(1000));
        assert_eq!(values(&many).get("DATABASE_URL").map(String::len), Some(1000));
    }

    #[test]
    fn invalid_lines_are_ignored_unless_they_set_our_variables() {
        let found = read(b"APP=My App\nDATABASE_URL='sqlite:a.db'\nDATABASE_URL=sqlite:a.db\nEMPTY=\n").expect("read");
        assert_eq!(
            found.values.into_iter().collect::<Vec<_>>(),
            [("DATABASE_URL".to_owned(), "sqlite:a.db".to_owned())]
        );
        assert_eq!(found.empty, ["EMPTY"]);
        let error = read(b"DATABASE_URL=sqlite:a.db\nDATABASE_URL=sqlite:b.db\n").expect_err("two values");
        assert_eq!(error.message, "`DATABASE_URL` is set twice in `.env`, to different values");
        let error = read(b"export RUNNER_DATABASE_URL=postgres://me:my secret@host\n").expect_err("two words");
        assert_eq!(error.message, "invalid value of `RUNNER_DATABASE_URL` in `.env`");
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn lines_that_mean_our_variables_in_another_grammar_are_refused() {
        for line in [
            "DATABASE_URL: postgres://me@host/shop",
            "DATABASE_URL: postgres://me@host/shop?sslmode=require",
            "set DATABASE_URL=postgres://me@host/shop",
            "setx DATABASE_URL postgres://me@host/shop",
            "$env:DATABASE_URL = 'postgres://me@host/shop'",
            "declare -x RUNNER_DATABASE_URL=postgres://me@host/shop",
            "- DATABASE_URL=postgres://me@host/shop",
            "DATABASE_URL postgres://me@host/shop",
        ] {
            let error = read(format!("A=1\n{line}\n").as_bytes()).expect_err(line);
            assert!(error.message.starts_with("invalid value of `"), "{line}: {}", error.message);
            assert_eq!(error.places, [("file", ".env:2".to_owned())], "{line}");
        }
        for line in
            ["# DATABASE_URL: postgres://host", "; DATABASE_URL=x", "MY_DATABASE_URL: x", "NOTE='DATABASE_URL: x'"]
        {
            assert!(read(line.as_bytes()).is_ok(), "{line}");
        }
        assert_eq!(read(b"\xff\xfeD\0=\0").expect_err("UTF-16").message, "`.env` is in UTF-16");
    }

    #[test]
    fn a_word_after_a_dollar_sign_is_not_replaced_by_nothing() {
        for line in [
            "DATABASE_URL=postgres://me:pa$word@host/shop",
            "DATABASE_URL=\"postgres://me:pa${word}@host/shop\"",
            "DATABASE_URL=postgres://me:pa$@host/shop",
            "DB=x\nDB_PW=y\nDATABASE_URL=postgres://me:$DB_PW@host/shop",
            "PW=\nDATABASE_URL=postgres://me:$PW@host/shop",
        ] {
            let error = read(line.as_bytes()).expect_err(line);
            assert_eq!(error.message, "a `$` in the value of `DATABASE_URL` in `.env` names no variable that is set");
        }
        for (line, value) in [
            ("DATABASE_URL='postgres://me:pa$word@host/shop'", "postgres://me:pa$word@host/shop"),
            ("DATABASE_URL=postgres://me:pa\\$word@host/shop", "postgres://me:pa$word@host/shop"),
            ("DB_PW=y\nDATABASE_URL=postgres://me:${DB_PW}@host/shop # in $HOMES", "postgres://me:y@host/shop"),
        ] {
            assert_eq!(values(line).get("DATABASE_URL").map(String::as_str), Some(value), "{line}");
        }
        let theirs = read(b"PW=pa$word\n").expect("the variable of another tool");
        assert!(theirs.unusable.contains_key("PW"));
    }
}
