//! Cuts SQL into tokens, as far as needed to know what is text, what is comment and where a statement may end.

use std::ops::Range;

use super::{SqlError, line_of};
use crate::dialect::Dialect;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Space,
    LineComment,
    BlockComment,
    /// A keyword, a bare name or a number.
    Word,
    /// A string or a quoted name.
    Quoted,
    Semicolon,
    /// Any other sign.
    Sign,
}

impl TokenKind {
    /// Whether it stands for nothing.
    pub fn is_blank(self) -> bool {
        matches!(self, Self::Space | Self::LineComment | Self::BlockComment)
    }
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub range: Range<usize>,
}

/// Reads tokens from the start to the end; together they are the whole text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    dialect: Dialect,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, bytes: text.as_bytes(), dialect, position: 0 }
    }

    /// Where the next token begins.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on elsewhere.
    pub fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// The next token; none at the end.
    pub fn next_token(&mut self) -> Result<Option<Token>, SqlError> {
        let start = self.position;
        let Some(&first) = self.bytes.get(start) else { return Ok(None) };
        let mysql = matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb);
        let postgres = self.dialect == Dialect::Postgres;
        let second = self.bytes.get(start + 1).copied();
        let (kind, end) = match first {
            byte if is_space(byte) => (TokenKind::Space, self.while_(start, is_space)),
            b'-' if second == Some(b'-') && (!mysql || self.bytes.get(start + 2).is_none_or(|byte| *byte <= b' ')) => {
                (TokenKind::LineComment, self.line_end(start))
            }
            b'#' if mysql => (TokenKind::LineComment, self.line_end(start)),
            b'/' if second == Some(b'*') => {
                let end = self.block_comment(start)?;
                // MySQL and MariaDB run what stands in `/*! … */` and `/*M! … */`.
                let inside = &self.bytes[start + 2..];
                let runs = mysql && (inside.starts_with(b"!") || inside.starts_with(b"M!"));
                (if runs { TokenKind::Quoted } else { TokenKind::BlockComment }, end)
            }
            b'\'' => (TokenKind::Quoted, self.quoted(start, start, b'\'', mysql)?),
            b'"' => (TokenKind::Quoted, self.quoted(start, start, b'"', mysql)?),
            b'`' if !postgres => (TokenKind::Quoted, self.quoted(start, start, b'`', false)?),
            b'[' if self.dialect == Dialect::Sqlite => match self.text[start..].find(']') {
                Some(length) => (TokenKind::Quoted, start + length + 1),
                None => return Err(self.open(start, "the name that begins with `[`")),
            },
            b'e' | b'E' if postgres && second == Some(b'\'') => (TokenKind::Quoted, self.escape_string(start)?),
            b'$' if postgres => match self.dollar_tag(start) {
                Some(tag) => match self.text[start + tag.len()..].find(tag) {
                    Some(length) => (TokenKind::Quoted, start + length + 2 * tag.len()),
                    None => return Err(self.open(start, &format!("the text that begins with `{tag}`"))),
                },
                None => (TokenKind::Sign, start + 1),
            },
            b';' => (TokenKind::Semicolon, start + 1),
            byte if is_word(byte) => (TokenKind::Word, self.while_(start, |byte| is_word(byte) || byte == b'$')),
            _ => (TokenKind::Sign, start + 1),
        };
        self.position = end;
        Ok(Some(Token { kind, range: start..end }))
    }

    fn while_(&self, start: usize, accept: impl Fn(u8) -> bool) -> usize {
        self.bytes[start..].iter().position(|byte| !accept(*byte)).map_or(self.bytes.len(), |length| start + length)
    }

    fn line_end(&self, start: usize) -> usize {
        // PostgreSQL ends a comment at a carriage return, too: what stands behind it is run.
        let postgres = self.dialect == Dialect::Postgres;
        self.while_(start, |byte| byte != b'\n' && !(postgres && byte == b'\r'))
    }

    fn block_comment(&self, start: usize) -> Result<usize, SqlError> {
        let nested = self.dialect == Dialect::Postgres;
        let mut depth = 1;
        let mut at = start + 2;
        while at < self.bytes.len() {
            if self.bytes[at..].starts_with(b"*/") {
                at += 2;
                depth -= 1;
                if depth == 0 {
                    return Ok(at);
                }
            } else if nested && self.bytes[at..].starts_with(b"/*") {
                at += 2;
                depth += 1;
            } else {
                at += 1;
            }
        }
        Err(self.open(start, "the comment that begins with `/*`"))
    }

    /// The end of what begins with `mark` at `at`; a doubled mark is one sign of it.
    fn quoted(&self, start: usize, at: usize, mark: u8, backslash: bool) -> Result<usize, SqlError> {
        let mut at = at + 1;
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b'\\' if backslash => at += 2,
                _ if byte == mark && self.bytes.get(at + 1) == Some(&mark) => at += 2,
                _ if byte == mark => return Ok(at + 1),
                _ => at += 1,
            }
        }
        Err(self.open(start, &format!("the text that begins with `{}`", char::from(mark))))
    }

    /// PostgreSQL's `E'…'`, which goes on in a further `'…'` on a later line.
    fn escape_string(&self, start: usize) -> Result<usize, SqlError> {
        let mut end = self.quoted(start, start + 1, b'\'', true)?;
        loop {
            let next = self.while_(end, is_space);
            if self.bytes.get(next) != Some(&b'\'') || !self.bytes[end..next].contains(&b'\n') {
                return Ok(end);
            }
            end = self.quoted(start, next, b'\'', true)?;
        }
    }

    /// `$tag$`, if that begins here.
    fn dollar_tag(&self, start: usize) -> Option<&'a str> {
        let end = self.while_(start + 1, is_word);
        let digit_first = self.bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
        (self.bytes.get(end) == Some(&b'$') && !digit_first).then(|| &self.text[start..=end])
    }

    fn open(&self, start: usize, what: &str) -> SqlError {
        let message = format!("{what} never ends");
        SqlError { line: line_of(self.text, start), message, hint: None }
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
