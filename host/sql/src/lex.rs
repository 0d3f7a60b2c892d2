//! Splits SQL into tokens, as far as needed to find strings, comments and the ends of statements.

use super::copy_words::{CopyWords, end_of_rows};
use std::ops::Range;

use super::{SqlError, line_of};
use runner_base::dialect::Dialect;

/// What Drizzle writes between statements. It is a comment on other engines; MySQL requires a space after `--`, and in
/// no valid statement of MySQL is this anything.
const BREAKPOINT: &[u8] = b"--> statement-breakpoint";

/// The byte order mark in UTF-8.
pub const BOM: &[u8] = "\u{feff}".as_bytes();

/// Kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Space,
    LineComment,
    BlockComment,
    /// A keyword, an unquoted name or a number.
    Word,
    /// A string or a quoted name.
    Quoted,
    /// With the rows after it, where PostgreSQL copies them: see [`super::copied_rows`].
    Semicolon,
    /// Any other character.
    Sign,
}

impl TokenKind {
    /// Whether it is a comment or white space.
    pub fn is_blank(self) -> bool {
        matches!(self, Self::Space | Self::LineComment | Self::BlockComment)
    }
}

/// A token and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub range: Range<usize>,
}

/// The tokens of a text, with white space and comments. What cannot be read ends them.
pub(super) fn tokens(text: &str, dialect: Dialect) -> impl Iterator<Item = Token> {
    let mut lexer = Lexer::new(text, dialect);
    std::iter::from_fn(move || lexer.next_token().ok().flatten())
}

/// Whether the text has more than white space, comments and semicolons.
pub fn has_statement(text: &str, dialect: Dialect) -> bool {
    has_token(text, dialect, |kind| !kind.is_blank() && kind != TokenKind::Semicolon)
}

/// Whether a text has a semicolon outside of strings, names and comments, or cannot be read to its end.
pub fn has_semicolon(text: &str, dialect: Dialect) -> bool {
    has_token(text, dialect, |kind| kind == TokenKind::Semicolon)
}

/// Whether there is a token of such a kind, or what cannot be read, which is reported elsewhere.
fn has_token(text: &str, dialect: Dialect, is_such: impl Fn(TokenKind) -> bool) -> bool {
    let mut lexer = Lexer::new(text, dialect);
    loop {
        match lexer.next_token() {
            Ok(Some(token)) if !is_such(token.kind) => {}
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// Reads all tokens in order; together they are the whole text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    dialect: Dialect,
    position: usize,
    copy: CopyWords,
    lacks_rows: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, bytes: text.as_bytes(), dialect, position: 0, copy: CopyWords::default(), lacks_rows: false }
    }

    /// The start of the next token.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Continues at another position.
    pub fn seek(&mut self, position: usize) {
        self.position = position;
        self.copy = CopyWords::default();
    }

    /// Whether the last token is a semicolon after which rows have to follow, and do not.
    pub fn lacks_rows(&self) -> bool {
        self.lacks_rows
    }

    /// The next token; `None` at the end.
    pub fn next_token(&mut self) -> Result<Option<Token>, SqlError> {
        let start = self.position;
        let Some(&first) = self.bytes.get(start) else { return Ok(None) };
        let mysql = matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb);
        let postgres = self.dialect == Dialect::Postgres;
        let second = self.bytes.get(start + 1).copied();
        let (kind, end) = match first {
            byte if is_space(byte) => (TokenKind::Space, self.while_(start, is_space)),
            // SQLite takes a byte order mark for white space wherever a token may begin.
            _ if self.dialect == Dialect::Sqlite && self.bytes[start..].starts_with(BOM) => {
                (TokenKind::Space, start + BOM.len())
            }
            b'-' if second == Some(b'-')
                && (!mysql
                    // The servers also take a control character for what makes it a comment; DEL is one.
                    || self.bytes.get(start + 2).is_none_or(|byte| *byte <= b' ' || *byte == 0x7f)
                    || self.bytes[start..].starts_with(BREAKPOINT)) =>
            {
                (TokenKind::LineComment, self.line_end(start))
            }
            b'#' if mysql => (TokenKind::LineComment, self.line_end(start)),
            b'/' if second == Some(b'*') => {
                let end = self.block_comment(start)?;
                // MySQL and MariaDB execute the content of `/*! … */` and `/*M! … */`.
                let inside = &self.bytes[start + 2..];
                let runs = mysql && (inside.starts_with(b"!") || inside.starts_with(b"M!"));
                (if runs { TokenKind::Quoted } else { TokenKind::BlockComment }, end)
            }
            b'\'' => (TokenKind::Quoted, self.quoted(start, start, b'\'', mysql)?),
            b'"' => (TokenKind::Quoted, self.quoted(start, start, b'"', mysql)?),
            b'`' if !postgres => (TokenKind::Quoted, self.quoted(start, start, b'`', false)?),
            b'[' if self.dialect == Dialect::Sqlite => match self.text[start..].find(']') {
                Some(length) => (TokenKind::Quoted, start + length + 1),
                None => return Err(self.open(start, "quoted name that starts with `[`")),
            },
            b'e' | b'E' if postgres && second == Some(b'\'') => (TokenKind::Quoted, self.escape_string(start)?),
            b'$' if postgres => match self.dollar_tag(start) {
                Some(tag) => match self.text[start + tag.len()..].find(tag) {
                    Some(length) => (TokenKind::Quoted, start + length + 2 * tag.len()),
                    None => return Err(self.open(start, &format!("string that starts with `{tag}`"))),
                },
                None => (TokenKind::Sign, start + 1),
            },
            b';' => (TokenKind::Semicolon, start + 1),
            byte if is_word(byte) => (TokenKind::Word, self.while_(start, |byte| is_word(byte) || byte == b'$')),
            _ => (TokenKind::Sign, start + 1),
        };
        let has_rows = postgres && !kind.is_blank() && self.copy.see(&self.text[start..end]);
        let rows = if has_rows { end_of_rows(self.text, end) } else { None };
        self.lacks_rows = has_rows && rows.is_none();
        let end = rows.unwrap_or(end);
        self.position = end;
        Ok(Some(Token { kind, range: start..end }))
    }

    fn while_(&self, start: usize, accept: impl Fn(u8) -> bool) -> usize {
        self.bytes[start..].iter().position(|byte| !accept(*byte)).map_or(self.bytes.len(), |length| start + length)
    }

    fn line_end(&self, start: usize) -> usize {
        // PostgreSQL also ends a comment at a carriage return: the text after it is executed.
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
        Err(self.open(start, "comment that starts with `/*`"))
    }

    /// The end of the text quoted by `mark` that begins at `at`; a doubled mark is an escaped one.
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
        Err(self.open(start, &format!("string that starts with `{}`", char::from(mark))))
    }

    /// PostgreSQL's `E'…'`, which may continue with another `'…'` on a later line.
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
        let message = format!("unterminated {what}");
        SqlError { line: line_of(self.text, start), message, hint: None }
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, dialect: Dialect) -> Vec<TokenKind> {
        tokens(text, dialect).map(|token| token.kind).collect()
    }

    #[test]
    fn dashes_are_a_comment_before_a_space_or_a_control_character() {
        for dialect in [Dialect::Mysql, Dialect::Mariadb] {
            for text in ["--", "-- '", "--\t'", "--\x01'", "--\x7f'"] {
                assert_eq!(kinds(text, dialect), [TokenKind::LineComment], "{text:?}");
            }
            assert_eq!(kinds("--1", dialect), [TokenKind::Sign, TokenKind::Sign, TokenKind::Word]);
        }
        assert_eq!(kinds("--1", Dialect::Postgres), [TokenKind::LineComment]);
    }

    #[test]
    fn a_byte_order_mark_is_white_space_of_sqlite_and_part_of_names_elsewhere() {
        use TokenKind::{Space, Word};
        assert_eq!(kinds("\u{feff}a \u{feff}\u{feff}b", Dialect::Sqlite), [Space, Word, Space, Space, Space, Word]);
        assert_eq!(kinds("a\u{feff}b", Dialect::Sqlite), [Word]);
        assert_eq!(kinds("\u{feff}a", Dialect::Postgres), [Word]);
    }
}
