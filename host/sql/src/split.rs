//! Splits a script into its statements.

use std::ops::Range;

use super::body::Body;
use super::classify::{StatementClass, classify};
use super::copy_words::missing_rows;
use super::effect::{Effect, effect};
use super::foreign::{client_command, client_word, dump_command, foreign_statement, invisible};
use super::lex::{Lexer, Token, TokenKind};
use super::sections::statement_marker;
use super::tokens::Tokens;
use super::{SqlError, line_of};
use runner_base::dialect::Dialect;

/// One statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its exact text including comments inside, without the comments before it and the semicolon after it.
    pub text: &'a str,
    /// Its first line, counted from 1.
    pub line: usize,
    /// What it does to the transaction around it.
    pub class: StatementClass,
    /// How it is read.
    pub dialect: Dialect,
}

impl<'a> Statement<'a> {
    /// The only one of a text.
    pub fn only(text: &'a str, dialect: Dialect) -> Self {
        Self { text, line: 1, class: classify(&Tokens::new(text, dialect)), dialect }
    }

    /// Its tokens, for all that judge it.
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens::new(self.text, self.dialect)
    }
}

/// Where a statement is, and what the splitter knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub range: Range<usize>,
    pub line: usize,
    pub class: StatementClass,
}

impl Span {
    pub fn statement<'a>(&self, text: &'a str, dialect: Dialect) -> Statement<'a> {
        let text = text.get(self.range.clone()).unwrap_or_default();
        Statement { text, line: self.line, class: self.class, dialect }
    }
}

/// The statements of a script. Between them are only white space, comments, semicolons and, for MySQL and MariaDB, `DELIMITER`
/// lines.
pub fn split(text: &str, dialect: Dialect) -> Result<Vec<Statement<'_>>, SqlError> {
    let spans = Splitter::run(text, dialect)?.statements;
    Ok(spans.iter().map(|span| span.statement(text, dialect)).collect())
}

/// Divides a text, and knows how.
pub(super) struct Splitter<'a> {
    text: &'a str,
    dialect: Dialect,
    lexer: Lexer<'a>,
    /// The delimiter in place of `;`.
    delimiter: Option<&'a str>,
    statements: Vec<Span>,
    effects: Vec<Effect>,
    /// The delimiters that these were read with.
    delimiters: Vec<Option<&'a str>>,
    /// Whether nothing ended the last one.
    ends_open: bool,
    /// Start of the current statement, and its end so far.
    open: Option<(usize, usize)>,
    body: Body,
    /// Between `-- +goose StatementBegin` and `StatementEnd`.
    block: bool,
    /// A position and its line number, so that lines are counted once.
    counted: (usize, usize),
}

impl<'a> Splitter<'a> {
    pub fn run(text: &'a str, dialect: Dialect) -> Result<Self, SqlError> {
        let mut splitter = Self {
            text,
            dialect,
            lexer: Lexer::new(text, dialect),
            delimiter: None,
            statements: Vec::new(),
            effects: Vec::new(),
            delimiters: Vec::new(),
            ends_open: false,
            open: None,
            body: Body::new(dialect),
            block: false,
            counted: (0, 1),
        };
        while splitter.step()? {}
        if let Some(missing) = splitter.body.unfinished() {
            let (start, _) = splitter.open.unwrap_or_default();
            let hint = match dialect {
                Dialect::Mysql | Dialect::Mariadb => {
                    Some("put `DELIMITER //` before and `//` after the statement".to_owned())
                }
                _ => None,
            };
            return Err(SqlError { line: line_of(text, start), message: missing.to_owned(), hint });
        }
        splitter.ends_open = splitter.open.is_some();
        splitter.close()?;
        Ok(splitter)
    }

    /// Where each statement is in the text, and the delimiter in place of `;` with which it was read.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<usize>, Option<&'a str>)> {
        self.statements.iter().map(|span| span.range.clone()).zip(self.delimiters.iter().copied())
    }

    /// The statements, and what each does to its transaction.
    pub fn into_statements(self) -> (Vec<Span>, Vec<Effect>) {
        (self.statements, self.effects)
    }

    /// The delimiter in place of `;` at the end of the text.
    pub fn delimiter(&self) -> Option<&'a str> {
        self.delimiter
    }

    /// Whether nothing ended the last statement.
    pub fn ends_open(&self) -> bool {
        self.ends_open
    }

    /// Reads the next token; false at the end.
    fn step(&mut self) -> Result<bool, SqlError> {
        let at = self.lexer.position();
        if let Some(delimiter) = self.delimiter.filter(|delimiter| self.text[at..].starts_with(delimiter)) {
            self.close()?;
            self.lexer.seek(at + delimiter.len());
            return Ok(true);
        }
        let Some(mut token) = self.lexer.next_token()? else { return Ok(false) };
        if token.kind.is_blank() {
            self.see_marker(&token)?;
            return Ok(true);
        }
        if let (Some(delimiter), TokenKind::Word) = (self.delimiter, token.kind) {
            // `END$$`: the characters could continue the word, but the delimiter takes precedence.
            if let Some(length) = self.text[token.range.clone()].find(delimiter) {
                token.range.end = at + length;
                self.lexer.seek(at + length);
            }
        }
        let mysql = matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb);
        if mysql
            && self.open.is_none()
            && token.kind == TokenKind::Word
            && let Some((message, hint)) = client_word(&self.text[token.range.clone()])
        {
            return Err(SqlError { line: line_of(self.text, token.range.start), message, hint: Some(hint.to_owned()) });
        }
        if mysql && self.open.is_none() && self.text[token.range.clone()].eq_ignore_ascii_case("DELIMITER") {
            self.change_delimiter(token.range.end)?;
            return Ok(true);
        }
        // The clients of both leave such a line out, which the servers would take for two minus signs.
        let begins_line = || self.text[..token.range.start].rsplit('\n').next().is_some_and(|it| it.trim().is_empty());
        if mysql && self.open.is_none() && self.text[token.range.start..].starts_with("--") && begins_line() {
            let rest = &self.text[token.range.start..];
            self.lexer.seek(token.range.start + rest.find('\n').unwrap_or(rest.len()));
            return Ok(true);
        }
        // Of a stored program in a block, the semicolons are its own.
        let is_whole = self.block && self.body.is_program();
        let ends = self.open.is_none() || (!is_whole && self.body.ends());
        if token.kind == TokenKind::Semicolon && self.delimiter.is_none() && ends {
            if let Some((start, end)) = &mut self.open {
                if self.lexer.lacks_rows() {
                    let (message, hint) = missing_rows(self.text, token.range.end);
                    let (line, hint) = (line_of(self.text, *start), Some(hint.to_owned()));
                    return Err(SqlError { line, message: message.to_owned(), hint });
                }
                if token.range.len() > 1 {
                    *end = token.range.end;
                }
            }
            self.close()?;
            return Ok(true);
        }
        if token.kind == TokenKind::Semicolon && is_whole && self.body.ends() {
            // Not a part of the statement if it is the last one.
            self.body.see(&token, self.text);
            return Ok(true);
        }
        if self.open.is_none()
            && let Some(length) = dump_command(&self.text[token.range.start..], self.dialect)
        {
            self.lexer.seek(at + length);
            return Ok(true);
        }
        if token.kind == TokenKind::Sign
            && let Some((message, hint)) =
                client_command(&self.text[token.range.start..], self.open.is_none(), self.dialect)
        {
            return Err(SqlError { line: line_of(self.text, token.range.start), message, hint: Some(hint) });
        }
        if token.kind == TokenKind::Word
            && let Some((message, hint)) = invisible(&self.text[token.range.clone()])
        {
            return Err(SqlError { line: line_of(self.text, token.range.start), message, hint: Some(hint) });
        }
        self.body.see(&token, self.text);
        let start = self.open.map_or(token.range.start, |(start, _)| start);
        self.open = Some((start, token.range.end));
        Ok(true)
    }

    /// A comment that begins or ends a statement with semicolons in it. Only the programs of MySQL and MariaDB need it.
    fn see_marker(&mut self, token: &Token) -> Result<(), SqlError> {
        if token.kind != TokenKind::LineComment || !matches!(self.dialect, Dialect::Mysql | Dialect::Mariadb) {
            return Ok(());
        }
        match statement_marker(&self.text[token.range.clone()]) {
            Some(false) if self.block => {
                self.block = false;
                self.close()
            }
            Some(begins) => {
                self.block = begins;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Ends the current statement, if any.
    fn close(&mut self) -> Result<(), SqlError> {
        if let Some((start, end)) = self.open.take() {
            let (position, line) = self.counted;
            let line = line + line_of(&self.text[position..], start - position) - 1;
            self.counted = (start, line);
            let tokens = Tokens::new(&self.text[start..end], self.dialect);
            if let Some((message, hint)) = foreign_statement(&tokens) {
                return Err(SqlError { line, message, hint: Some(hint) });
            }
            let class = classify(&tokens);
            self.effects.push(effect(&tokens, class));
            self.statements.push(Span { range: start..end, line, class });
            self.delimiters.push(self.delimiter);
        }
        self.body = Body::new(self.dialect);
        Ok(())
    }

    fn change_delimiter(&mut self, at: usize) -> Result<(), SqlError> {
        let rest = self.text[at..].split('\n').next().unwrap_or_default();
        let delimiter = rest.split_whitespace().next().ok_or_else(|| SqlError {
            line: line_of(self.text, at),
            message: "`DELIMITER` requires a delimiter".to_owned(),
            hint: Some("write `DELIMITER //`".to_owned()),
        })?;
        self.delimiter = Some(delimiter).filter(|delimiter| *delimiter != ";");
        self.lexer.seek(at + rest.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
