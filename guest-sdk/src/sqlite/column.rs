//! The definition of one column, parsed into its name, its type and its constraints.

use super::token::{Kind, Token, close, span, tokens};
use crate::{Error, Result};

/// A column's definition.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The name, without its quotes.
    pub(super) name: String,
    /// The name as written.
    written: String,
    /// The type, or empty.
    pub(super) data_type: String,
    /// The constraints, in order.
    pub(super) constraints: Vec<Constraint>,
}

/// A column's constraint.
#[derive(Clone, Debug)]
pub(super) struct Constraint {
    pub(super) kind: ConstraintKind,
    /// Its name, if it has one.
    pub(super) name: Option<String>,
    /// Its full text.
    pub(super) text: String,
}

/// The kind of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConstraintKind {
    PrimaryKey,
    NotNull,
    Null,
    Unique,
    Check,
    Default,
    Collate,
    References,
    Generated,
}

impl Column {
    /// Parses a definition passed by the migration.
    pub(super) fn from_text(text: &str) -> Result<Self> {
        Self::parse_tokens(text, &tokens(text)?)
    }

    /// Parses a definition from its tokens.
    pub(super) fn parse_tokens<'a>(source: &'a str, tokens: &[Token<'a>]) -> Result<Self> {
        let name = tokens.first().and_then(Token::name);
        let name = name.ok_or_else(|| Error::new("a column's definition does not begin with its name"))?;
        let unsure = |at: usize| {
            let text = tokens.get(at).map_or("its end", |token| token.text);
            Error::new(format!("the definition of column `{name}` cannot be read at {text}"))
        };
        let type_end = type_end(tokens)?;
        let mut constraints = Vec::new();
        let mut at = type_end;
        while at < tokens.len() {
            let named = tokens[at].is("CONSTRAINT");
            let start = if named { at + 2 } else { at };
            let (kind, end) = constraint(tokens, start)?.ok_or_else(|| unsure(start))?;
            if end > tokens.len() {
                return Err(unsure(tokens.len()));
            }
            let constraint_name = if named { tokens[at + 1].name() } else { None };
            let text = span(source, &tokens[at..end]).to_owned();
            constraints.push(Constraint { kind, name: constraint_name, text });
            at = end;
        }
        let data_type = span(source, &tokens[1..type_end]).to_owned();
        Ok(Self { written: tokens[0].text.to_owned(), name, data_type, constraints })
    }

    /// The definition as text.
    pub(super) fn render(&self) -> String {
        let constraints = self.constraints.iter().map(|constraint| constraint.text.as_str());
        let parts = [self.written.as_str(), self.data_type.as_str()].into_iter().chain(constraints);
        parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Whether the column has a constraint of this kind.
    pub(super) fn has(&self, kind: ConstraintKind) -> bool {
        self.constraints.iter().any(|constraint| constraint.kind == kind)
    }

    /// Drops all constraints of this kind.
    pub(super) fn remove(&mut self, kind: ConstraintKind) {
        self.constraints.retain(|constraint| constraint.kind != kind);
    }

    /// Adds a constraint.
    pub(super) fn add(&mut self, kind: ConstraintKind, text: String) {
        self.constraints.push(Constraint { kind, name: None, text });
    }
}

/// The end of the type: the first word that begins a constraint.
fn type_end(tokens: &[Token<'_>]) -> Result<usize> {
    const CONSTRAINTS: [&str; 11] = [
        "CONSTRAINT",
        "PRIMARY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "GENERATED",
        "AS",
    ];
    let mut at = 1;
    while at < tokens.len() && !CONSTRAINTS.iter().any(|keyword| tokens[at].is(keyword)) {
        at = if tokens[at].is_symbol('(') { close(tokens, at)? } else { at + 1 };
    }
    Ok(at)
}

/// The kind of the constraint that begins at a token, and its end; `None` if none begins there.
fn constraint(tokens: &[Token<'_>], start: usize) -> Result<Option<(ConstraintKind, usize)>> {
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let group = |at: usize| match tokens.get(at) {
        Some(token) if token.is_symbol('(') => close(tokens, at).map(Some),
        _ => Ok(None),
    };
    let conflict = |at: usize| if is(at, "ON") && is(at + 1, "CONFLICT") { at + 3 } else { at };
    let one_of = |at: usize, keywords: &[&str]| at + usize::from(keywords.iter().any(|keyword| is(at, keyword)));
    let found = if is(start, "PRIMARY") && is(start + 1, "KEY") {
        let end = conflict(one_of(start + 2, &["ASC", "DESC"]));
        (ConstraintKind::PrimaryKey, one_of(end, &["AUTOINCREMENT"]))
    } else if is(start, "NOT") && is(start + 1, "NULL") {
        (ConstraintKind::NotNull, conflict(start + 2))
    } else if is(start, "NULL") {
        (ConstraintKind::Null, conflict(start + 1))
    } else if is(start, "UNIQUE") {
        (ConstraintKind::Unique, conflict(start + 1))
    } else if is(start, "COLLATE") {
        (ConstraintKind::Collate, start + 2)
    } else if is(start, "REFERENCES") {
        (ConstraintKind::References, references(tokens, start)?)
    } else if is(start, "DEFAULT") {
        let sign = tokens.get(start + 1).is_some_and(|token| token.is_symbol('-') || token.is_symbol('+'));
        let literal = start + 1 + usize::from(sign);
        // `x'00'` is two tokens here and one to SQLite.
        let blob = is(literal, "X") && tokens.get(literal + 1).is_some_and(|token| token.kind == Kind::Quoted);
        (ConstraintKind::Default, group(start + 1)?.unwrap_or(literal + 1 + usize::from(blob)))
    } else if is(start, "CHECK") {
        let Some(end) = group(start + 1)? else { return Ok(None) };
        (ConstraintKind::Check, conflict(end))
    } else {
        let body = if is(start, "GENERATED") && is(start + 1, "ALWAYS") { start + 2 } else { start };
        let Some(end) = (if is(body, "AS") { group(body + 1)? } else { None }) else { return Ok(None) };
        (ConstraintKind::Generated, one_of(end, &["STORED", "VIRTUAL"]))
    };
    Ok(Some(found))
}

/// The end of a REFERENCES clause.
fn references(tokens: &[Token<'_>], start: usize) -> Result<usize> {
    let is = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let mut at = start + 2;
    if tokens.get(at).is_some_and(|token| token.is_symbol('(')) {
        at = close(tokens, at)?;
    }
    loop {
        at += if is(at, "MATCH") || (is(at, "INITIALLY") && (is(at + 1, "DEFERRED") || is(at + 1, "IMMEDIATE"))) {
            2
        } else if is(at, "ON") && ["DELETE", "UPDATE", "INSERT"].iter().any(|event| is(at + 1, event)) {
            // SET NULL, SET DEFAULT and NO ACTION are two words, CASCADE and RESTRICT are one.
            if is(at + 2, "SET") || is(at + 2, "NO") { 4 } else { 3 }
        } else if is(at, "DEFERRABLE") {
            1
        } else if is(at, "NOT") && is(at + 1, "DEFERRABLE") {
            2
        } else {
            return Ok(at);
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_constraint_and_writes_it_back() {
        use ConstraintKind::*;
        let cases: [(&str, &str, &[ConstraintKind]); 10] = [
            ("a", "", &[]),
            ("\"a b\" VARCHAR(10, 2) UNSIGNED", "VARCHAR(10, 2) UNSIGNED", &[]),
            ("id INTEGER CONSTRAINT pk PRIMARY KEY DESC ON CONFLICT ABORT AUTOINCREMENT", "INTEGER", &[PrimaryKey]),
            ("a TEXT NOT NULL ON CONFLICT FAIL DEFAULT -1.5e3 UNIQUE", "TEXT", &[NotNull, Default, Unique]),
            ("a DEFAULT NULL NULL", "", &[Default, Null]),
            ("a BLOB DEFAULT x'00' COLLATE \"my\" CHECK (a <> ')')", "BLOB", &[Default, Collate, Check]),
            (
                "a REFERENCES b (c) ON DELETE SET NULL ON UPDATE NO ACTION NOT DEFERRABLE INITIALLY DEFERRED NOT NULL",
                "",
                &[References, NotNull],
            ),
            ("a REFERENCES b MATCH full DEFAULT (1 + 2)", "", &[References, Default]),
            ("a INT GENERATED ALWAYS AS (b * 2) STORED NOT NULL", "INT", &[Generated, NotNull]),
            ("a INT AS (b) CONSTRAINT c CHECK (a > 0)", "INT", &[Generated, Check]),
        ];
        for (text, data_type, kinds) in cases {
            let column = Column::from_text(text).unwrap();
            let found: Vec<_> = column.constraints.iter().map(|constraint| constraint.kind).collect();
            assert_eq!((column.data_type.as_str(), found.as_slice()), (data_type, kinds), "{text}");
            assert_eq!(column.render(), text);
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in
            ["", "a INT NOT", "a CHECK", "a INT CONSTRAINT x", "a DEFAULT", "a PRIMARY", "a INT NOT NULL surprise"]
        {
            assert!(Column::from_text(text).is_err(), "{text}");
        }
    }
}
