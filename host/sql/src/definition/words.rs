//! The words of a definition, and how they are read and written.

use crate::lex::TokenKind;
use crate::tokens::Tokens;
use crate::unquote::unquote;
use runner_base::dialect::Dialect;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    /// A keyword or a name without quotes, in lower case.
    Word,
    /// A name in backticks or brackets, without them and in lower case.
    Name,
    /// In double quotes, without them: a name, or a string if nothing has that name.
    NameOrText,
    /// A string, with its quotes.
    Text,
    /// A number or bytes.
    Literal,
    /// Any other character.
    Sign,
}

/// A word of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub kind: WordKind,
    pub text: String,
}

impl Word {
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == WordKind::Word && self.text == keyword
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == WordKind::Sign && self.text == sign
    }

    /// The name that it is where only a name can be.
    pub(super) fn as_name(&self) -> Option<String> {
        match self.kind {
            WordKind::Word | WordKind::Name => Some(self.text.clone()),
            WordKind::NameOrText => Some(self.text.to_ascii_lowercase()),
            WordKind::Text => Some(unquote(&self.text).to_ascii_lowercase()),
            WordKind::Literal | WordKind::Sign => None,
        }
    }
}

/// The words of a text; `None` if it cannot be read.
pub(super) fn read(text: &str) -> Option<Vec<Word>> {
    let tokens = Tokens::new(text, Dialect::Sqlite);
    if !tokens.is_whole() {
        return None;
    }
    let mut words: Vec<Word> = Vec::new();
    // Where the last word ended: numbers and bytes are several tokens without space between them.
    let mut end = 0;
    for (kind, part) in tokens.parts() {
        let place = tokens.place(part);
        let adjoins = words.last().filter(|_| place.start == end);
        let continues = adjoins.is_some_and(|last| continues(last, *kind, part));
        end = place.end;
        if continues && let Some(last) = words.last_mut() {
            last.kind = WordKind::Literal;
            last.text.push_str(&part.to_ascii_lowercase());
            continue;
        }
        let (kind, text) = match kind {
            TokenKind::Word if part.starts_with(|c: char| c.is_ascii_digit()) => {
                (WordKind::Literal, part.to_ascii_lowercase())
            }
            TokenKind::Word => (WordKind::Word, part.to_ascii_lowercase()),
            TokenKind::Quoted if part.starts_with('\'') => (WordKind::Text, (*part).to_owned()),
            TokenKind::Quoted if part.starts_with('"') => (WordKind::NameOrText, unquote(part).into_owned()),
            TokenKind::Quoted => (WordKind::Name, unquote(part).to_ascii_lowercase()),
            _ => (WordKind::Sign, (*part).to_owned()),
        };
        words.push(Word { kind, text });
    }
    Some(words)
}

/// Whether a token continues the number or the bytes that end directly before it.
fn continues(last: &Word, kind: TokenKind, part: &str) -> bool {
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let open_exponent = last.kind == WordKind::Literal && last.text.ends_with('e') && !last.text.starts_with("0x");
    let open_fraction = last.kind == WordKind::Literal && last.text.ends_with('.');
    match kind {
        TokenKind::Quoted => part.starts_with('\'') && last.is("x"),
        TokenKind::Sign if part == "." => last.kind == WordKind::Literal && !last.text.contains(['.', 'e', '\'']),
        TokenKind::Sign => matches!(part, "+" | "-") && open_exponent,
        TokenKind::Word => {
            (open_fraction && (digit(part) || part.to_ascii_lowercase().starts_with('e')))
                || (digit(part) && (last.is_sign(".") || (open_exponent || ends_with_signed_exponent(last))))
        }
        _ => false,
    }
}

fn ends_with_signed_exponent(last: &Word) -> bool {
    last.kind == WordKind::Literal && (last.text.ends_with("e+") || last.text.ends_with("e-"))
}

/// Writes words. `is_name` says whether something has a name, which is in lower case.
pub(super) fn write(words: &[Word], is_name: &dyn Fn(&str) -> bool) -> String {
    let mut written = String::new();
    let mut last: Option<&Word> = None;
    for word in words {
        let tight = last.is_none_or(|last| last.is_sign("(") || last.is_sign("."))
            || [")", ",", "."].iter().any(|sign| word.is_sign(sign))
            || last.is_some_and(|last| is_operator(last, word));
        if !tight {
            written.push(' ');
        }
        match word.kind {
            WordKind::Name => written.push_str(&quoted(&word.text)),
            WordKind::NameOrText => {
                let name = word.text.to_ascii_lowercase();
                match is_name(&name) {
                    true => written.push_str(&quoted(&name)),
                    false => written.push_str(&format!("'{}'", word.text.replace('\'', "''"))),
                }
            }
            WordKind::Word | WordKind::Text | WordKind::Literal | WordKind::Sign => written.push_str(&word.text),
        }
        last = Some(word);
    }
    written
}

/// Whether two signs are one operator, or a part of one: SQLite takes no space within it.
fn is_operator(one: &Word, other: &Word) -> bool {
    const OPERATORS: [&str; 9] = [">=", "<=", "<>", "!=", "==", "||", "<<", ">>", "->"];
    let signs = [one, other].iter().all(|word| word.kind == WordKind::Sign);
    signs && OPERATORS.contains(&[one.text.as_str(), other.text.as_str()].concat().as_str())
}

/// A name, in quotes if it needs them.
pub(super) fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let is_plain = !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Names separated by commas.
pub(super) fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// The words without parentheses around all of them.
pub(super) fn without_parentheses(mut words: &[Word]) -> &[Word] {
    while let [open, inner @ .., close] = words
        && open.is_sign("(")
        && close.is_sign(")")
        && matching(words, 0) == Some(words.len() - 1)
    {
        words = inner;
    }
    words
}

/// Where the parenthesis that opens at `at` is closed.
pub(super) fn matching(words: &[Word], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate().skip(at) {
        if word.is_sign("(") {
            depth += 1;
        } else if word.is_sign(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// The parts between commas outside of parentheses.
pub(super) fn split_list(words: &[Word]) -> Vec<&[Word]> {
    let mut depth = 0_usize;
    words
        .split(|word| {
            if word.is_sign("(") {
                depth += 1;
            } else if word.is_sign(")") {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && word.is_sign(",")
        })
        .collect()
}

/// Reads words one after the other.
pub(super) struct Cursor<'a> {
    pub words: &'a [Word],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(words: &'a [Word]) -> Self {
        Self { words }
    }

    pub(super) fn next(&mut self) -> Option<&'a Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    /// Whether these keywords come next.
    pub(super) fn sees(&self, keywords: &[&str]) -> bool {
        self.words.len() >= keywords.len() && self.words.iter().zip(keywords).all(|(word, keyword)| word.is(keyword))
    }

    /// Takes these keywords if they come next.
    pub(super) fn takes(&mut self, keywords: &[&str]) -> bool {
        let sees = self.sees(keywords);
        if sees {
            self.words = &self.words[keywords.len()..];
        }
        sees
    }

    pub(super) fn sees_sign(&self, sign: &str) -> bool {
        self.words.first().is_some_and(|word| word.is_sign(sign))
    }

    pub(super) fn name(&mut self) -> Option<String> {
        self.next()?.as_name()
    }

    /// The words in the parentheses that come next.
    pub(super) fn group(&mut self) -> Option<&'a [Word]> {
        if !self.sees_sign("(") {
            return None;
        }
        let close = matching(self.words, 0)?;
        let inner = &self.words[1..close];
        self.words = &self.words[close + 1..];
        Some(inner)
    }

    /// The names in the parentheses that come next.
    pub(super) fn names(&mut self) -> Option<Vec<String>> {
        split_list(self.group()?)
            .into_iter()
            .map(|part| match part {
                [name] => name.as_name(),
                _ => None,
            })
            .collect()
    }
}
