//! PostgreSQL: `COPY … FROM stdin` with its rows in the lines after it, as `pg_dump` writes it and `psql` sends it. For whatever reads a
//! text, the rows are a part of the semicolon before them.

use super::lex::{Lexer, TokenKind};
use runner_base::dialect::Dialect;

/// The line after the last row.
const END: &str = "\\.";

/// A `COPY … FROM stdin` and its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopiedRows<'a> {
    /// What the server gets as a statement.
    pub statement: &'a str,
    /// What it gets after that: lines, each with its end.
    pub rows: &'a str,
}

impl<'a> CopiedRows<'a> {
    /// Those of a statement, which ends with the line after its last row.
    pub fn of(text: &'a str) -> Option<Self> {
        let is_copy = text.get(..4).is_some_and(|first| first.eq_ignore_ascii_case("COPY"));
        let lines = text.strip_suffix(END).filter(|_| is_copy)?;
        let mut lexer = Lexer::new(text, Dialect::Postgres);
        let semicolon = std::iter::from_fn(|| lexer.next_token().ok().flatten())
            .find(|token| token.kind == TokenKind::Semicolon)?;
        let has_rows = semicolon.range.len() > 1 && semicolon.range.end == text.len();
        let (_, rows) = lines.get(semicolon.range.start..).filter(|_| has_rows)?.split_once('\n')?;
        Some(Self { statement: text.get(..semicolon.range.start)?, rows })
    }

    /// In which line its rows begin, if the statement begins in this one.
    pub fn first_line(&self, line: usize) -> usize {
        line + self.statement.matches('\n').count() + 1
    }
}

/// The statement without the rows that it copies.
pub fn without_rows(statement: &str) -> &str {
    CopiedRows::of(statement).map_or(statement, |copied| copied.statement)
}

/// How much of `COPY … FROM stdin` a statement has so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CopyWords {
    part: Part,
    /// Open parentheses: of columns, of options, of a query.
    depth: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Nothing,
    Copy,
    From,
    Client,
    Another,
}

impl CopyWords {
    /// Takes the next token into account; returns true for a semicolon after which rows follow. The server takes either name of the client
    /// in either direction.
    pub fn see(&mut self, kind: TokenKind, text: &str) -> bool {
        let is = |word: &str| kind == TokenKind::Word && text.eq_ignore_ascii_case(word);
        if kind == TokenKind::Semicolon {
            return std::mem::take(self).part == Part::Client;
        }
        if kind.is_blank() || matches!(self.part, Part::Another | Part::Client) {
            return false;
        }
        match text {
            "(" => self.depth += 1,
            ")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.part = match self.part {
            Part::Nothing if is("COPY") => Part::Copy,
            Part::Nothing => Part::Another,
            Part::From if is("STDIN") || is("STDOUT") => Part::Client,
            Part::Copy if self.depth == 0 && is("FROM") => Part::From,
            Part::From => Part::Copy,
            part => part,
        };
        false
    }
}

/// Where the rows end that follow a semicolon before this place; `None` if they have no end, or more is in its line.
pub(super) fn end_of_rows(text: &str, after: usize) -> Option<usize> {
    let (blank, lines) = text.get(after..)?.split_once('\n')?;
    if !blank.trim().is_empty() {
        return None;
    }
    let mut at = text.len() - lines.len();
    for line in lines.split('\n') {
        if line == END {
            return Some(at + END.len());
        }
        at += line.len() + 1;
    }
    None
}

/// Why there are no rows after a semicolon before this place, and what to do about it.
pub(super) fn missing_rows(text: &str, after: usize) -> (&'static str, &'static str) {
    match text.get(after..).and_then(|rest| rest.split_once('\n')) {
        None => {
            ("`COPY` from the client has no rows", "write them into the lines after it, with a line `\\.` at the end")
        }
        Some((blank, _)) if !blank.trim().is_empty() => {
            ("`COPY` from the client has more in its line", "its rows begin in the next line: put the rest after them")
        }
        Some(_) => ("the rows of `COPY` from the client have no end", "write a line `\\.` after the last one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_their_statement() {
        let text = "copy t (a,\n \";\") FROM STDIN WITH (NULL ';') ; \n1\tit's;\n\\.x\n\\.";
        let found = CopiedRows::of(text).expect("rows");
        assert_eq!(found.statement, "copy t (a,\n \";\") FROM STDIN WITH (NULL ';') ");
        assert_eq!((found.rows, found.first_line(7)), ("1\tit's;\n\\.x\n", 9));
        assert_eq!(CopiedRows::of("COPY t FROM /* it */ stdin;\n\\.").expect("none").rows, "");
        for other in [
            "COPY t FROM stdin",
            "COPY t FROM stdin;\n1\n",
            "COPY t FROM stdin; 1\n\\.",
            "COPY t FROM stdin;\n1\n\\.\n\\.",
            "COPY t TO STDOUT;\n\\.",
            "COPY (SELECT a FROM stdin) TO '/x';\n\\.",
            "COPY t FROM '/x' WITH (stdin);\n\\.",
            "COPY t FROM a stdin;\n\\.",
            "SELECT 1;\n\\.",
        ] {
            assert_eq!(CopiedRows::of(other), None, "{other}");
        }
    }
}
