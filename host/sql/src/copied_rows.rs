//! PostgreSQL: `COPY … FROM stdin` with its rows in the lines after it, as `pg_dump` writes it and `psql` sends it.

use super::lex::{Lexer, TokenKind};
use super::tokens::Tokens;
use super::{SqlError, line_of};
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
        let lines = text.strip_suffix(END).filter(|lines| is_copy && lines.ends_with('\n'))?;
        let mut lexer = Lexer::new(text, Dialect::Postgres);
        let semicolon = std::iter::from_fn(|| lexer.next_token().ok().flatten())
            .find(|token| token.kind == TokenKind::Semicolon)?;
        let (blank, rows) = lines.get(semicolon.range.end..)?.split_once('\n')?;
        let statement = text.get(..semicolon.range.start)?;
        (blank.trim().is_empty() && reads_client(statement)).then_some(Self { statement, rows })
    }

    /// In which line its rows begin, if the statement begins in this one.
    pub fn first_line(&self, line: usize) -> usize {
        line + self.statement.matches('\n').count() + 1
    }
}

/// Whether a statement is a `COPY` whose rows come from the client. The server takes either name of the client in either direction.
fn reads_client(statement: &str) -> bool {
    let tokens = Tokens::new(statement, Dialect::Postgres);
    let mut depth = 0_usize;
    let mut outside = tokens.parts().iter().filter(|(kind, text)| {
        match (kind, *text) {
            (TokenKind::Sign, "(") => depth += 1,
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && *kind == TokenKind::Word
    });
    let is = |word: &str, of: &[&str]| of.iter().any(|it| word.eq_ignore_ascii_case(it));
    tokens.begins_with(&["COPY"])
        && outside.any(|(_, word)| is(word, &["FROM"]))
        && outside.next().is_some_and(|(_, word)| is(word, &["STDIN", "STDOUT"]))
}

/// Where the rows of a statement end that itself ends in a semicolon before `after`; none if it is no such `COPY`.
pub(super) fn end_of_rows(text: &str, start: usize, after: usize) -> Result<Option<usize>, SqlError> {
    let statement = &text[start..after - 1];
    let is_copy = statement.get(..4).is_some_and(|first| first.eq_ignore_ascii_case("COPY"));
    if !is_copy || !reads_client(statement) {
        return Ok(None);
    }
    let error = |message: &str, hint: &str| {
        let (message, hint) = (message.to_owned(), Some(hint.to_owned()));
        Err(SqlError { line: line_of(text, start), message, hint })
    };
    let Some((blank, lines)) = text[after..].split_once('\n') else {
        return error(
            "`COPY` from the client has no rows",
            "write them into the lines after it, with a line `\\.` at the end",
        );
    };
    if !blank.trim().is_empty() {
        return error(
            "`COPY` from the client has more in its line",
            "its rows begin in the next line: put the rest after them",
        );
    }
    let mut at = text.len() - lines.len();
    for line in lines.split('\n') {
        if line == END {
            return Ok(Some(at + END.len()));
        }
        at += line.len() + 1;
    }
    error("the rows of `COPY` from the client have no end", "write a line `\\.` after the last one")
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
        assert_eq!(CopiedRows::of("COPY t FROM stdin;\n\\.").expect("none").rows, "");
        for other in [
            "COPY t FROM stdin",
            "COPY t FROM stdin;\n1\n",
            "COPY t FROM stdin; 1\n\\.",
            "COPY t TO STDOUT;\n\\.",
            "COPY (SELECT a FROM stdin) TO '/x';\n\\.",
            "COPY t FROM '/x';\n\\.",
            "SELECT 1;\n\\.",
        ] {
            assert_eq!(CopiedRows::of(other), None, "{other}");
        }
    }
}
