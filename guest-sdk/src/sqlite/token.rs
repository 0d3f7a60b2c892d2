//! Splits SQL into tokens, as far as the definitions of tables, views, indexes and triggers need it.

use std::ops::Range;

use crate::{Error, Result};

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or an unquoted name.
    Word,
    /// Anything in quotes: a name, or a string, which SQLite accepts as a name in some places.
    Quoted,
    /// A number.
    Number,
    /// One character of any other kind.
    Symbol(char),
}

/// A token and its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) text: &'a str,
}

impl Token<'_> {
    /// The end of the token.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether this is the keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether this is the symbol.
    pub(super) fn is_symbol(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// The name that the token represents, without its quotes.
    pub(super) fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_owned()),
            Kind::Quoted => {
                let quote = &self.text[..1];
                let inner = &self.text[1..self.text.len() - 1];
                Some(if quote == "[" { inner.to_owned() } else { inner.replace(&quote.repeat(2), quote) })
            }
            _ => None,
        }
    }

    /// Whether the token can be this name; SQLite ignores ASCII case in names.
    pub(super) fn names(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

/// The part of a source that some of its tokens cover.
pub(super) fn span<'a>(source: &'a str, tokens: &[Token<'a>]) -> &'a str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => &source[first.start..last.end()],
        _ => "",
    }
}

/// The position after the parenthesis that closes the one at `open`.
pub(super) fn close(tokens: &[Token<'_>], open: usize) -> Result<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Symbol('(') => depth += 1,
            Kind::Symbol(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Ok(at + 1);
        }
    }
    Err(Error::new("a bracket is never closed"))
}

/// Splits a statement into tokens, without white space and comments.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let (length, kind) = if matches!(first, ' ' | '\t'..='\r') {
            (1, None)
        } else if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), None)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            // SQLite allows the last comment to run to the end of the text.
            (comment.find("*/").map_or(rest.len(), |end| end + 4), None)
        } else if let Some(quote) = matching_quote(first) {
            (quoted(rest, quote)?.end, Some(Kind::Quoted))
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()))
        {
            (number(rest), Some(Kind::Number))
        } else if is_word(first) {
            (rest.find(|next| !is_word(next)).unwrap_or(rest.len()), Some(Kind::Word))
        } else {
            (first.len_utf8(), Some(Kind::Symbol(first)))
        };
        tokens.extend(kind.map(|kind| Token { kind, start: at, text: &rest[..length] }));
        at += length;
    }
    Ok(tokens)
}

fn matching_quote(first: char) -> Option<char> {
    match first {
        '"' | '\'' | '`' => Some(first),
        '[' => Some(']'),
        _ => None,
    }
}

/// A quoted token from its start; a quote inside is doubled, except in square brackets.
fn quoted(rest: &str, quote: char) -> Result<Range<usize>> {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if quote == ']' || !rest[at..].starts_with(quote) {
            return Ok(0..at);
        }
        at += 1;
    }
    Err(Error::new("a quote is never closed"))
}

/// The length of a number, with its fraction and exponent.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let exponent_sign =
            matches!(byte, b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E') && !rest.starts_with("0x");
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || (at > 0 && exponent_sign)) {
            break;
        }
        at += 1;
    }
    at
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn cuts_at_what_sqlite_cuts_at() {
        let source = "a.\"b\"\"c\"/* , */ [d e],`f` 'it''s' -- (\n -1.5e-3 x'00' .5 0xff-1 größe";
        let expected = [
            "a",
            ".",
            "\"b\"\"c\"",
            "[d e]",
            ",",
            "`f`",
            "'it''s'",
            "-",
            "1.5e-3",
            "x",
            "'00'",
            ".5",
            "0xff",
            "-",
            "1",
            "größe",
        ];
        assert_eq!(texts(source), expected);
    }

    #[test]
    fn knows_names_in_any_quotes() {
        for text in ["\"User S\"", "[user s]", "`USER S`", "'user s'"] {
            assert!(tokens(text).unwrap()[0].names("user s"), "{text}");
        }
        assert_eq!(tokens("\"a\"\"b\"").unwrap()[0].name().as_deref(), Some("a\"b"));
    }

    #[test]
    fn finds_the_closing_bracket() {
        let source = tokens("(a (')') b) c").unwrap();
        assert_eq!(source[close(&source, 0).unwrap()].text, "c");
        assert!(close(&tokens("(a").unwrap(), 0).is_err());
        assert!(tokens("'a").is_err());
    }
}
