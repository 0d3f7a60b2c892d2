//! The ORDER BY of a statement.

use super::classify::unquote;
use super::lex::{Lexer, TokenKind};
use crate::dialect::Dialect;

/// A column of an ORDER BY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderColumn {
    /// By its name, without that of its table.
    Name(String),
    /// By its position in the result, counted from 1.
    Position(usize),
}

/// The columns by which the result of a statement is ordered; `None` if it is not, or not by plain columns.
pub fn order_columns(statement: &str, dialect: Dialect) -> Option<Vec<OrderColumn>> {
    let (mut depth, mut tokens) = (0_usize, Vec::new());
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range];
        match (token.kind, text) {
            (kind, _) if kind.is_blank() => {}
            (TokenKind::Sign, "(") => {
                if depth == 0 {
                    // A column cannot contain one.
                    tokens.push((TokenKind::Sign, text));
                }
                depth += 1;
            }
            (TokenKind::Sign, ")") => depth = depth.saturating_sub(1),
            (kind, text) if depth == 0 => tokens.push((kind, text)),
            _ => {}
        }
    }
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|(_, text)| text.eq_ignore_ascii_case(word));
    let start = (0..tokens.len()).rev().find(|at| is(*at, "ORDER") && is(at + 1, "BY"))? + 2;
    let is_end = |text: &str| {
        let ends = ["LIMIT", "OFFSET", "FETCH", "FOR", "LOCK", "INTO", "PROCEDURE", ";"];
        ends.iter().any(|end| text.eq_ignore_ascii_case(end))
    };
    let length = tokens[start..].iter().take_while(|(_, text)| !is_end(text)).count();
    let list = tokens[start..start + length].split(|(kind, text)| *kind == TokenKind::Sign && *text == ",");
    list.map(column).collect()
}

fn column(item: &[(TokenKind, &str)]) -> Option<OrderColumn> {
    let directions = ["ASC", "DESC", "NULLS", "FIRST", "LAST"];
    let is_direction = |text: &str| directions.iter().any(|word| text.eq_ignore_ascii_case(word));
    let name = item.iter().rposition(|(_, text)| !is_direction(text)).map(|last| &item[..=last])?;
    let (kind, text) = name.last()?;
    let qualified = name.len() % 2 == 1 && name.iter().skip(1).step_by(2).all(|(_, text)| *text == ".");
    // In PostgreSQL and SQLite, a quoted text alone is a name only in double quotes.
    if !qualified || !matches!(kind, TokenKind::Word | TokenKind::Quoted) || text.starts_with('\'') {
        return None;
    }
    match text.parse() {
        Ok(position) if name.len() == 1 => Some(OrderColumn::Position(position)),
        Ok(_) => None,
        Err(_) => Some(OrderColumn::Name(unquote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_columns_are_named() {
        let name = |name: &str| OrderColumn::Name(name.to_owned());
        for (statement, columns) in [
            ("SELECT a FROM t ORDER BY a", Some(vec![name("a")])),
            ("SELECT a FROM t ORDER BY t.a DESC NULLS LAST, \"B\" LIMIT 3", Some(vec![name("a"), name("B")])),
            ("SELECT a, b FROM t ORDER BY 2, 1;", Some(vec![OrderColumn::Position(2), OrderColumn::Position(1)])),
            ("SELECT a FROM t ORDER BY lower(a)", None),
            ("SELECT a FROM t ORDER BY a + 1", None),
            ("SELECT a FROM t ORDER BY a COLLATE nocase", None),
            ("SELECT a FROM t", None),
            ("SELECT a FROM (SELECT a FROM t ORDER BY a) AS x", None),
            ("SELECT row_number() OVER (ORDER BY b) FROM t ORDER BY a FOR UPDATE", Some(vec![name("a")])),
        ] {
            assert_eq!(order_columns(statement, Dialect::Postgres), columns, "{statement}");
        }
    }
}
