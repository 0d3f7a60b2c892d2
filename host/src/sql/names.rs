//! Names and words in a statement.

use super::classify::unquote;
use super::lex::{Lexer, TokenKind};
use crate::dialect::Dialect;

/// The names before a dot, unquoted: of schemas, and of tables and aliases before a column.
pub fn qualifiers(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut found = Vec::new();
    let mut last = None;
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        let text = &statement[token.range.clone()];
        match token.kind {
            kind if kind.is_blank() => {}
            TokenKind::Sign if text == "." => found.extend(last.take().map(unquote)),
            TokenKind::Word | TokenKind::Quoted => last = Some(text),
            _ => last = None,
        }
    }
    found
}

/// The unquoted words, in upper case.
pub fn words(statement: &str, dialect: Dialect) -> Vec<String> {
    let mut found = Vec::new();
    let mut lexer = Lexer::new(statement, dialect);
    while let Ok(Some(token)) = lexer.next_token() {
        if token.kind == TokenKind::Word {
            found.push(statement[token.range].to_ascii_uppercase());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_found_in_any_spelling() {
        let text = "INSERT INTO `my``shop` /* x */ . items SELECT a.b, '.c' -- d.e\n FROM shop.t";
        assert_eq!(qualifiers(text, Dialect::Mariadb), ["my`shop", "a", "shop"]);
        assert_eq!(words("select 'x' from \"y\" -- z", Dialect::Postgres), ["SELECT", "FROM"]);
    }
}
