//! PostgreSQL: `COPY … FROM stdin` with its rows in the lines after it, as `pg_dump` writes it and `psql` sends it. For whatever reads a
//! text, the rows are a part of the semicolon before them.

use super::copy_words::END;
use super::lex::{Lexer, TokenKind};
use runner_base::dialect::Dialect;

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
