//! A statement as those see it who judge it: read once, however many they are.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::copied_rows::CopiedRows;
use super::lex::{Lexer, TokenKind};
use super::unquote::unquote;
use runner_base::dialect::Dialect;

/// A token, and its text.
pub(super) type Part<'a> = (TokenKind, &'a str);

/// The tokens of a text in SQL, without those of rows that PostgreSQL copies. They are read when something needs all of them, and then kept; its beginning is read without that, as most
/// statements of large files are long, and their first word is enough.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    dialect: Dialect,
    has_rows: bool,
    all: OnceLock<All<'a>>,
    identifiers: OnceLock<Vec<Cow<'a, str>>>,
}

/// Without white space and comments. What cannot be read ends them.
#[derive(Clone, Debug)]
struct All<'a> {
    parts: Vec<Part<'a>>,
    is_whole: bool,
}

impl<'a> Tokens<'a> {
    /// Those of a text, which are read later.
    pub fn new(text: &'a str, dialect: Dialect) -> Self {
        let copied = if dialect == Dialect::Postgres { CopiedRows::of(text) } else { None };
        let (text, has_rows) = copied.map_or((text, false), |copied| (copied.statement, true));
        Self { text, dialect, has_rows, all: OnceLock::new(), identifiers: OnceLock::new() }
    }

    /// Whether rows follow that PostgreSQL copies.
    pub fn has_rows(&self) -> bool {
        self.has_rows
    }

    /// The whole text, without such rows.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How it is read.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// All of them.
    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.all().parts
    }

    /// Whether the text can be read to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.all().is_whole
    }

    fn all(&self) -> &All<'a> {
        self.all.get_or_init(|| {
            let (mut parts, mut lexer) = (Vec::new(), Lexer::new(self.text, self.dialect));
            loop {
                match lexer.next_token() {
                    Ok(Some(token)) if token.kind.is_blank() => {}
                    Ok(Some(token)) => parts.push((token.kind, &self.text[token.range])),
                    end => return All { parts, is_whole: end.is_ok() },
                }
            }
        })
    }

    /// The tokens one after the other, for what needs only the first few.
    pub(super) fn head(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let (text, mut lexer) = (self.text, Lexer::new(self.text, self.dialect));
        let tokens = std::iter::from_fn(move || lexer.next_token().ok().flatten());
        tokens.filter(|token| !token.kind.is_blank()).map(move |token| (token.kind, &text[token.range]))
    }

    /// Where a part is in the text.
    pub(super) fn place(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr() - self.text.as_ptr().addr();
        start..start + part.len()
    }

    /// Whether the token at this place is one of these words, without quotes.
    pub(super) fn is_word(&self, at: usize, words: &[&str]) -> bool {
        let part = self.parts().get(at).filter(|(kind, _)| *kind == TokenKind::Word);
        part.is_some_and(|(_, text)| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
    }

    /// Whether the token at this place is this sign.
    pub(super) fn is_sign(&self, at: usize, sign: &str) -> bool {
        self.parts().get(at).is_some_and(|(_, text)| *text == sign)
    }

    /// Whether there is a word or a quoted text at this place.
    pub(super) fn is_name(&self, at: usize) -> bool {
        self.parts().get(at).is_some_and(|(kind, _)| matches!(kind, TokenKind::Word | TokenKind::Quoted))
    }

    /// The words and unquoted names. Quoted texts are included, since some dialects quote names like strings.
    pub fn identifiers(&self) -> &[Cow<'a, str>] {
        self.identifiers.get_or_init(|| self.parts().iter().filter_map(|part| identifier(*part)).collect())
    }

    /// The first of the [identifiers](Self::identifiers).
    pub fn first(&self) -> Option<Cow<'a, str>> {
        self.head().find_map(identifier)
    }

    /// Whether the first of the [identifiers](Self::identifiers) is one of these words.
    pub fn begins_with(&self, words: &[&str]) -> bool {
        self.first().is_some_and(|first| words.iter().any(|word| first.eq_ignore_ascii_case(word)))
    }

    /// Whether one of the [identifiers](Self::identifiers) is one of these words.
    pub fn mentions(&self, words: &[&str]) -> bool {
        self.identifiers().iter().any(|it| words.iter().any(|word| it.eq_ignore_ascii_case(word)))
    }
}

pub(super) fn identifier((kind, text): Part<'_>) -> Option<Cow<'_, str>> {
    match kind {
        TokenKind::Word => Some(Cow::Borrowed(text)),
        TokenKind::Quoted => Some(unquote(text)),
        _ => None,
    }
}
